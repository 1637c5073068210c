//! Open addressing, for tables whose slots say by themselves where they belong.
//!
//! A slot's home is its tag's share of the table, so that growing moves slots in order of memory, and a table has as
//! many slots as it needs instead of the next power of two. Large tables are in parts that grow one by one.

const SLOTS_MIN: usize = 8;

/// What a table is made of.
pub(crate) trait Slot: Copy {
    /// A slot that holds nothing.
    const EMPTY: Self;

    /// How full a table may be, in percent: the fuller, the longer a search that finds nothing.
    const FULL_MAX: usize;

    fn is_empty(&self) -> bool;

    /// Upper half of the hash of what it holds.
    fn tag(&self) -> u32;
}

/// Slots one part has at most before it becomes two: moving them takes some microseconds, however large the table is.
const PART_MAX: usize = 3072;

/// From so many slots on a part has room for all it may ever have, of which the system gives what has been written to. It
/// grows where it is then: blocks of all the sizes on the way would lie about half empty when the parts have gone on.
const ROOMY_MIN: usize = PART_MAX / 3;

/// How often a part may have been halved. Beyond that, which is a hundred million slots, parts grow as they must.
const DEPTH_MAX: u32 = 16;

/// A table in parts, each of the slots whose tags begin alike. A part that gets too large becomes two, at a time of its own:
/// nothing that is done to a table makes a long pause.
pub(crate) struct Slots<S> {
    len: usize,
    /// All there are, as long as there are few: then there is no way to go to them.
    first: Part<S>,
    /// Once there are more.
    more: Option<Box<More<S>>>,
}

/// Parts by the beginning of tags.
struct More<S> {
    /// The upper bits of a tag that say in which part it is.
    depth: u32,
    /// The number of the part for each such beginning; one that was halved less often has several.
    directory: Vec<u32>,
    parts: Vec<Part<S>>,
}

/// Where a slot is until something is inserted or removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    part: u32,
    at: u32,
}

impl<S> Default for Slots<S> {
    fn default() -> Slots<S> {
        Slots { len: 0, first: Part::default(), more: None }
    }
}

impl<S: Slot> Slots<S> {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first slot from the home of `tag` on for which `is` holds, and its place.
    // Much of it is known where it is called.
    #[inline(always)]
    pub(crate) fn find(&self, tag: u32, mut is: impl FnMut(S) -> bool) -> Option<(Place, S)> {
        let (number, part) = match &self.more {
            None => (0, &self.first),
            Some(more) => more.part(tag),
        };
        let slots = &part.slots[..];
        if slots.is_empty() {
            return None;
        }
        // From the home to the end and on from the beginning, without asking at each step where that is. The table is
        // never full, so an empty slot ends the search.
        let home = part.home(tag);
        let (before, from) = slots.split_at(home);
        for (step, &slot) in from.iter().enumerate() {
            if slot.is_empty() {
                return None;
            }
            if is(slot) {
                return Some((Place { part: number, at: (home + step) as u32 }, slot));
            }
        }
        find_on(before, &mut is).map(|(at, slot)| (Place { part: number, at }, slot))
    }

    /// Puts another slot with the same tag in a place that [`Slots::find`] gave.
    pub(crate) fn replace(&mut self, place: Place, slot: S) {
        self.part(place.part).replace(place.at as usize, slot);
    }

    /// Adds a slot. Cost: constant over many; at worst what it takes to halve a part.
    pub(crate) fn insert(&mut self, slot: S) {
        self.len += 1;
        let Some(more) = &mut self.more else {
            if !self.first.is_at_its_end() {
                return self.first.insert(slot);
            }
            let first = std::mem::take(&mut self.first);
            let mut more = Box::new(More { depth: 0, directory: vec![0], parts: vec![first] });
            more.insert(slot);
            self.more = Some(more);
            return;
        };
        more.insert(slot);
    }

    /// Empties the slot at a place that [`Slots::find`] gave.
    pub(crate) fn remove(&mut self, place: Place) {
        self.len -= 1;
        self.part(place.part).remove(place.at as usize);
        if self.len == 0 {
            *self = Slots::default();
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        let more = self.more.as_ref().map_or(0, |more| {
            let parts: usize = more.parts.iter().map(Part::heap_bytes).sum();
            let own = more.directory.capacity() * size_of::<u32>() + more.parts.capacity() * size_of::<Part<S>>();
            size_of::<More<S>>() + own + parts
        });
        self.first.heap_bytes() + more
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn part(&mut self, number: u32) -> &mut Part<S> {
        match &mut self.more {
            None => &mut self.first,
            Some(more) => &mut more.parts[number as usize],
        }
    }
}

impl<S: Slot> More<S> {
    #[inline]
    fn part(&self, tag: u32) -> (u32, &Part<S>) {
        let number = self.number(tag);
        (number, &self.parts[number as usize])
    }

    #[inline]
    fn number(&self, tag: u32) -> u32 {
        self.directory[beginning(tag, self.depth)]
    }

    fn insert(&mut self, slot: S) {
        let mut number = self.number(slot.tag());
        let part = &self.parts[number as usize];
        if part.is_at_its_end() && part.depth < DEPTH_MAX {
            self.halve(number, slot.tag());
            number = self.number(slot.tag());
        }
        self.parts[number as usize].insert(slot);
    }

    /// Makes two of a part in which `tag` would be.
    fn halve(&mut self, number: u32, tag: u32) {
        let depth = self.parts[number as usize].depth;
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&part| [part, part]).collect();
            self.depth += 1;
        }
        let other = self.parts.len() as u32;
        let (low, high) = std::mem::take(&mut self.parts[number as usize]).halves();
        self.parts[number as usize] = low;
        self.parts.push(high);
        // Those that begin as the part does and go on with a one.
        let named = 1 << (self.depth - depth - 1);
        let from = (2 * beginning(tag, depth) + 1) * named;
        self.directory[from..from + named].fill(other);
    }
}

/// Goes on with a search at the beginning, which few come to.
#[cold]
#[inline(never)]
fn find_on<S: Slot>(slots: &[S], is: &mut dyn FnMut(S) -> bool) -> Option<(u32, S)> {
    let (at, &slot) = slots.iter().enumerate().find(|(_, slot)| slot.is_empty() || is(**slot))?;
    (!slot.is_empty()).then_some((at as u32, slot))
}

/// The upper bits of a tag, as many as `depth`.
#[inline]
fn beginning(tag: u32, depth: u32) -> usize {
    ((u64::from(tag) << depth) >> 32) as usize
}

/// Linear probing. A part grows by a quarter: doubling would leave half of what it may use empty.
struct Part<S> {
    slots: Vec<S>,
    len: usize,
    /// So many upper bits all tags have in common.
    depth: u32,
}

impl<S> Default for Part<S> {
    fn default() -> Part<S> {
        Part { slots: Vec::new(), len: 0, depth: 0 }
    }
}

impl<S: Slot> Part<S> {
    /// Puts another slot with the same tag in a place that [`Slots::find`] gave.
    fn replace(&mut self, at: usize, slot: S) {
        debug_assert!(slot.tag() == self.slots[at].tag());
        self.slots[at] = slot;
    }

    /// Whether one more is too many for the slots there are.
    fn is_full(&self) -> bool {
        (self.len + 1) * 100 > self.slots.len() * S::FULL_MAX
    }

    /// Whether it should be two before one more comes.
    fn is_at_its_end(&self) -> bool {
        self.len >= Self::len_max()
    }

    /// What a part may hold that becomes two beyond that.
    fn len_max() -> usize {
        PART_MAX * S::FULL_MAX / 100
    }

    /// Adds a slot.
    fn insert(&mut self, slot: S) {
        if self.is_full() {
            self.resize(more_than(self.slots.len()));
        }
        self.place(slot);
        self.len += 1;
    }

    /// Empties the slot at a place that [`Slots::find`] gave.
    fn remove(&mut self, mut hole: usize) {
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

    /// Bytes it has written to; the system has given it no others.
    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        self.slots.len() * size_of::<S>()
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag << self.depth) * self.slots.len() as u64) >> 32) as usize
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

    /// The slots whose tags go on with a zero, and those that go on with a one.
    fn halves(self) -> (Part<S>, Part<S>) {
        let depth = self.depth + 1;
        let slots = |bit: u32| {
            let is_here = move |slot: &&S| !slot.is_empty() && beginning(slot.tag(), depth) as u32 & 1 == bit;
            let len = self.slots.iter().filter(is_here).count();
            let mut part = Part { slots: Vec::new(), len: 0, depth };
            // As full as it is after it has grown.
            let wanted = (len * 125 / S::FULL_MAX).max(SLOTS_MIN);
            part.resize(if len <= Self::len_max() { wanted.min(PART_MAX) } else { wanted });
            self.slots.iter().filter(is_here).for_each(|slot| part.place(*slot));
            part.len = len;
            part
        };
        (slots(0), slots(1))
    }

    fn place(&mut self, slot: S) {
        let mut at = self.home(slot.tag());
        while !self.slots[at].is_empty() {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    fn resize(&mut self, slots: usize) {
        debug_assert!(slots > self.len && u32::try_from(slots).is_ok());
        let mut held = Vec::with_capacity(self.len);
        held.extend(self.slots.iter().filter(|slot| !slot.is_empty()));
        let is_roomy = slots >= ROOMY_MIN && slots > self.slots.len();
        let room = if is_roomy { slots.max(PART_MAX) } else { slots };
        if self.slots.capacity() == room {
            self.slots.clear();
        } else {
            self.slots = Vec::with_capacity(room);
        }
        self.slots.resize(slots, S::EMPTY);
        held.into_iter().for_each(|slot| self.place(slot));
    }
}

/// A quarter more slots, and no more than one part has unless it has to. A last step is not worth its while if it is small.
fn more_than(slots: usize) -> usize {
    let more = (slots + slots / 4).max(SLOTS_MIN);
    if slots < PART_MAX && more + more / 8 > PART_MAX {
        PART_MAX
    } else {
        more
    }
}

/// Upper half of a hash.
#[inline]
pub(crate) fn tag(hash: u64) -> u32 {
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

    impl Slots<(u32, u32)> {
        fn parts(&self) -> Vec<&Part<(u32, u32)>> {
            self.more.as_ref().map_or(vec![&self.first], |more| more.parts.iter().collect())
        }

        fn find_number(&self, number: u32) -> Option<(Place, (u32, u32))> {
            self.find(spread(number), |slot| slot.1 == number)
        }
    }

    fn spread(number: u32) -> u32 {
        number.wrapping_mul(0x9E37_79B9)
    }

    #[test]
    fn is_nearly_full_while_it_grows_and_shrinks_when_most_has_left() {
        let mut slots = Slots::default();
        for number in 1..100_000 {
            slots.insert((spread(number), number));
            if number < 100 || number % 1000 == 0 {
                let all: usize = slots.parts().iter().map(|part| part.slots.len()).sum();
                assert!(number < 100 || slots.len * 100 >= all * 58, "{number} in {all}");
            }
        }
        for number in 1..99_000 {
            let (place, _) = slots.find_number(number).unwrap();
            slots.remove(place);
        }
        let all: usize = slots.parts().iter().map(|part| part.slots.len()).sum();
        assert!(all <= 5 * 1000 + SLOTS_MIN * slots.parts().len(), "{all} for a thousand");
        for number in 99_000..100_000 {
            let (place, _) = slots.find_number(number).unwrap();
            slots.remove(place);
        }
        assert_eq!((slots.is_empty(), slots.heap_bytes()), (true, 0));
    }

    #[test]
    fn no_part_gets_large_and_all_is_found_in_its_own() {
        let mut slots = Slots::default();
        for number in 1..100_000 {
            slots.insert((spread(number), number));
            if number % 7 == 0 {
                let (place, _) = slots.find_number(number / 7).unwrap();
                slots.remove(place);
            }
        }
        let parts = slots.parts();
        assert!(parts.len() > 40 && parts.iter().all(|part| part.slots.len() <= PART_MAX));
        let held: usize = parts.iter().map(|part| part.slots.iter().filter(|slot| !slot.is_empty()).count()).sum();
        assert_eq!((held, slots.len()), (parts.iter().map(|part| part.len).sum(), held));
        for number in 1..100_000 {
            let is_there = number > 99_999 / 7;
            assert_eq!(slots.find_number(number).map(|(_, slot)| slot.1), is_there.then_some(number));
        }
    }

    #[test]
    fn tags_that_are_all_alike_are_halved_until_that_is_in_vain() {
        let mut slots = Slots::default();
        let many = PART_MAX as u32;
        (1..=many).for_each(|number| slots.insert((7, number)));
        let more = slots.more.as_ref().unwrap();
        assert_eq!((more.depth, more.parts.len()), (DEPTH_MAX, 1 + DEPTH_MAX as usize));
        assert!((1..=many).all(|number| slots.find(7, |slot| slot.1 == number).is_some()));
        assert!(slots.find(8, |slot| slot.0 == 8).is_none());
    }
}
