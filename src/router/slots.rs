//! Open addressing, for tables whose slots say by themselves where they belong.
//!
//! A slot's home is its tag's part of the table, so that growing moves slots in order of memory, and a table has as
//! many slots as it needs instead of the next power of two.

const SLOTS_MIN: usize = 8;

/// What a table is made of.
pub(super) trait Slot: Copy {
    /// A slot that holds nothing.
    const EMPTY: Self;

    /// How full a table may be, in percent: the fuller, the longer a search that finds nothing.
    const FULL_MAX: usize;

    fn is_empty(&self) -> bool;

    /// Upper half of the hash of what it holds.
    fn tag(&self) -> u32;
}

/// Linear probing. A table grows by a quarter: doubling would leave half of what it may use empty.
pub(super) struct Slots<S> {
    slots: Vec<S>,
    len: usize,
}

impl<S> Default for Slots<S> {
    fn default() -> Slots<S> {
        Slots { slots: Vec::new(), len: 0 }
    }
}

impl<S: Slot> Slots<S> {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first slot from the home of `tag` on for which `is` holds, and its place.
    #[inline]
    pub(super) fn find(&self, tag: u32, mut is: impl FnMut(S) -> bool) -> Option<(usize, S)> {
        if self.len == 0 {
            return None;
        }
        // From the home to the end and on from the beginning, without asking at each step where that is. The table is
        // never full, so an empty slot ends the search.
        let home = self.home(tag);
        let (before, from) = self.slots.split_at(home);
        for (step, &slot) in from.iter().enumerate() {
            if slot.is_empty() {
                return None;
            }
            if is(slot) {
                return Some((home + step, slot));
            }
        }
        let (at, &slot) = before.iter().enumerate().find(|(_, slot)| slot.is_empty() || is(**slot))?;
        (!slot.is_empty()).then_some((at, slot))
    }

    /// Puts another slot with the same tag in a place that [`Slots::find`] gave.
    pub(super) fn replace(&mut self, at: usize, slot: S) {
        debug_assert!(slot.tag() == self.slots[at].tag());
        self.slots[at] = slot;
    }

    /// Adds a slot.
    pub(super) fn insert(&mut self, slot: S) {
        if (self.len + 1) * 100 > self.slots.len() * S::FULL_MAX {
            self.resize((self.slots.len() + self.slots.len() / 4).max(SLOTS_MIN));
        }
        self.place(slot);
        self.len += 1;
    }

    /// Empties the slot at a place that [`Slots::find`] gave.
    pub(super) fn remove(&mut self, mut hole: usize) {
        // Followers move up into the hole if their search would otherwise end at it; no tombstones to clean up later.
        let mut next = self.after(hole);
        while !self.slots[next].is_empty() {
            let home = self.home(self.slots[next].tag());
            if self.distance(home, next) >= self.distance(hole, next) {
                self.slots[hole] = self.slots[next];
                hole = next;
            }
            next = self.after(next);
        }
        self.slots[hole] = S::EMPTY;
        self.len -= 1;
        if self.slots.len() > SLOTS_MIN && self.len * 5 < self.slots.len() {
            self.resize((self.slots.len() / 2).max(SLOTS_MIN));
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<S>()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() {
            0
        } else {
            at + 1
        }
    }

    /// Steps from one place on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.slots.len() - from
        }
    }

    fn place(&mut self, slot: S) {
        let mut at = self.home(slot.tag());
        while !self.slots[at].is_empty() {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    fn resize(&mut self, slots: usize) {
        debug_assert!(slots > self.len && slots <= 1 << 32);
        let old = std::mem::replace(&mut self.slots, vec![S::EMPTY; slots]);
        for slot in old {
            if !slot.is_empty() {
                self.place(slot);
            }
        }
    }
}

/// Upper half of a hash.
#[inline]
pub(super) fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Tag and number; number zero is none.
    impl Slot for (u32, u32) {
        const EMPTY: (u32, u32) = (0, 0);
        const FULL_MAX: usize = 75;

        fn is_empty(&self) -> bool {
            self.1 == 0
        }

        fn tag(&self) -> u32 {
            self.0
        }
    }

    proptest! {
        #[test]
        fn finds_exactly_what_was_inserted_and_not_removed(
            steps in prop::collection::vec((1_u32..64, any::<bool>()), 0..400),
            spread in 0_u32..4,
        ) {
            // Few different tags, also at the end of the table, so that probing runs and wraps around.
            let tag = |number: u32| (number.wrapping_mul(0x9E37_79B9) | 0xF << 28) & (u32::MAX << (28 - 4 * spread));
            let mut slots = Slots::default();
            let mut model = BTreeMap::new();
            for (number, insert) in steps {
                let find = |slots: &Slots<(u32, u32)>| slots.find(tag(number), |slot| slot.1 == number);
                if insert && model.insert(number, ()).is_none() {
                    slots.insert((tag(number), number));
                } else if !insert && model.remove(&number).is_some() {
                    slots.remove(find(&slots).unwrap().0);
                }
                prop_assert_eq!(slots.len(), model.len());
                for number in 1..64 {
                    let found = slots.find(tag(number), |slot| slot.1 == number);
                    prop_assert_eq!(found.map(|(_, slot)| slot), model.get(&number).map(|()| (tag(number), number)));
                }
            }
        }
    }

    #[test]
    fn is_nearly_full_while_it_grows_and_shrinks_when_most_has_left() {
        let tag = |number: u32| number.wrapping_mul(0x9E37_79B9);
        let mut slots = Slots::default();
        for number in 1..10_000 {
            slots.insert((tag(number), number));
            assert!(number < 100 || slots.len * 100 >= slots.slots.len() * 58, "{number} in {}", slots.slots.len());
        }
        for number in 1..10_000 {
            let (at, _) = slots.find(tag(number), |slot| slot.1 == number).unwrap();
            slots.remove(at);
        }
        assert!(slots.is_empty());
        assert_eq!(slots.slots.len(), SLOTS_MIN);
    }
}
