//! A hash table from hashes to handles: eight bytes a slot. What a handle stands for lives elsewhere and is compared by
//! the caller, so that texts and edges are kept once. Serves filters, levels and edges alike.

use super::slots::{tag, Slot, Slots};

/// No handle.
pub(crate) const NONE: u32 = u32::MAX;

/// Handles by hash.
#[derive(Default)]
pub(crate) struct Handles {
    slots: Slots<Named>,
}

#[derive(Clone, Copy)]
struct Named {
    /// A first comparison that saves looking at the thing itself.
    tag: u32,
    handle: u32,
}

impl Slot for Named {
    const EMPTY: Named = Named { tag: 0, handle: NONE };
    const FULL_MAX: usize = 50;

    #[inline]
    fn is_empty(&self) -> bool {
        self.handle == NONE
    }

    #[inline]
    fn tag(&self) -> u32 {
        self.tag
    }
}

impl Handles {
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The handle under `hash` for which `is` holds. Neighbours whose hash has the same upper half are offered too.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        self.slots.find(tag, |slot| slot.tag == tag && is(slot.handle)).map(|(_, slot)| slot.handle)
    }

    /// The first handle that [`Handles::find`] would offer. Hardly ever is it another than the one looked for.
    #[inline]
    pub(crate) fn first(&self, hash: u64) -> Option<u32> {
        let tag = tag(hash);
        self.slots.find(tag, |slot| slot.tag == tag).map(|(_, slot)| slot.handle)
    }

    /// Adds a handle that is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, handle: u32) {
        debug_assert!(handle != NONE);
        self.slots.insert(Named { tag: tag(hash), handle });
    }

    /// Takes a handle out that was inserted under the same hash; answers whether it was there.
    pub(crate) fn remove(&mut self, hash: u64, handle: u32) -> bool {
        let Some((place, _)) = self.slots.find(tag(hash), |slot| slot.handle == handle) else { return false };
        self.slots.remove(place);
        true
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.slots.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_under_one_hash_are_offered_one_after_the_other() {
        let mut table = Handles::default();
        for handle in 0..20 {
            table.insert(1 << 40, handle);
        }
        table.insert(2 << 40, 77);
        let mut offered = Vec::new();
        let found = table.find(1 << 40, |handle| {
            offered.push(handle);
            false
        });
        offered.sort_unstable();
        assert_eq!((found, offered), (None, (0..20).collect()));
        assert_eq!(table.find(1 << 40, |handle| handle == 13), Some(13));
        assert!(table.remove(1 << 40, 13));
        assert!(!table.remove(1 << 40, 13));
        assert_eq!(table.find(1 << 40, |handle| handle == 13), None);
        assert_eq!(table.find(2 << 40, |_| true), Some(77));
    }
}
