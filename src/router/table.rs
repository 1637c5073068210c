//! A hash table from hashes to handles: eight bytes a slot. What a handle stands for lives elsewhere and is compared by
//! the caller, so that texts and edges are kept once. Serves filters, levels and edges alike.

/// No handle.
pub(super) const NONE: u32 = u32::MAX;

const SLOTS_MIN: usize = 8;
const EMPTY: Slot = Slot { tag: 0, handle: NONE };

/// Open addressing with linear probing, at most three quarters full. The place of a slot is the upper bits of its hash,
/// so that growing moves slots in order of memory.
#[derive(Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    shift: u32,
    len: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    /// Upper half of the hash: its place, and a first comparison that saves looking at the thing itself.
    tag: u32,
    handle: u32,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The handle under `hash` for which `is` holds. Neighbours whose hash has the same upper half are offered too.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let tag = tag(hash);
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        loop {
            // The table is never full, so an empty slot ends the search.
            let slot = self.slots[at & mask];
            if slot.handle == NONE {
                return None;
            }
            if slot.tag == tag && is(slot.handle) {
                return Some(slot.handle);
            }
            at += 1;
        }
    }

    /// Adds a handle that is not in the table.
    pub(super) fn insert(&mut self, hash: u64, handle: u32) {
        debug_assert!(handle != NONE);
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.resize((self.slots.len() * 2).max(SLOTS_MIN));
        }
        self.place(Slot { tag: tag(hash), handle });
        self.len += 1;
    }

    /// Takes a handle out that was inserted under the same hash.
    pub(super) fn remove(&mut self, hash: u64, handle: u32) {
        let tag = tag(hash);
        let mask = self.slots.len() - 1;
        let mut hole = self.home(tag);
        while self.slots[hole].handle != handle {
            assert!(self.slots[hole].handle != NONE, "only what was inserted is removed");
            hole = (hole + 1) & mask;
        }
        // Followers move up into the hole if their search would otherwise end at it; no tombstones to clean up later.
        let mut next = (hole + 1) & mask;
        while self.slots[next].handle != NONE {
            let from_home = next.wrapping_sub(self.home(self.slots[next].tag)) & mask;
            if from_home >= next.wrapping_sub(hole) & mask {
                self.slots[hole] = self.slots[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[hole] = EMPTY;
        self.len -= 1;
        if self.slots.len() > SLOTS_MIN && self.len * 8 < self.slots.len() {
            self.resize(self.slots.len() / 2);
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * std::mem::size_of::<Slot>()
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = self.home(slot.tag);
        while self.slots[at].handle != NONE {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    fn resize(&mut self, slots: usize) {
        debug_assert!(slots.is_power_of_two() && slots <= 1 << 32);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        self.shift = 32 - slots.trailing_zeros();
        for slot in old {
            if slot.handle != NONE {
                self.place(slot);
            }
        }
    }
}

#[inline]
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_exactly_what_was_inserted_and_not_removed(
            steps in prop::collection::vec((0_u32..64, any::<bool>()), 0..400),
            spread in 0_u32..4,
        ) {
            // Few different hashes, also at the end of the table, so that probing runs and wraps around.
            let hash = |handle: u32| (u64::from(handle).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 0xF << 60)
                & (u64::MAX << (60 - 4 * spread));
            let mut table = Table::default();
            let mut model = BTreeMap::new();
            for (handle, insert) in steps {
                if insert && model.insert(handle, ()).is_none() {
                    table.insert(hash(handle), handle);
                } else if !insert && model.remove(&handle).is_some() {
                    table.remove(hash(handle), handle);
                }
                prop_assert_eq!(table.len, model.len());
                for handle in 0..64 {
                    let found = table.find(hash(handle), |candidate| candidate == handle);
                    prop_assert_eq!(found.is_some(), model.contains_key(&handle));
                }
            }
        }
    }

    #[test]
    fn shrinks_when_most_has_left() {
        let hash = |handle: u32| u64::from(handle) << 44;
        let mut table = Table::default();
        for handle in 0..10_000 {
            table.insert(hash(handle), handle);
        }
        for handle in 0..10_000 {
            table.remove(hash(handle), handle);
        }
        assert!(table.is_empty());
        assert_eq!(table.slots.len(), SLOTS_MIN);
    }
}
