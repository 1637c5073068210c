//! Filters and what hangs on each: found by text, by handle, or all that match a topic.
//!
//! A filter without wildcards matches one topic: its own text, found by one hash, whatever else is stored. Those with
//! wildcards are found by one hash for each shape they have, as long as there are few shapes. A filter whose shape
//! found no place goes to the trie and stays there until it is removed, so each is in one place all its life. What is
//! not used costs nothing. Generic in what hangs on a filter.

use super::asked::Asked;
use super::hash::Keys;
use super::interest::Interest;
use super::levels::Levels;
use super::shape::Shape;
use super::shapes::Shapes;
use super::trie::Trie;
use crate::limits::SHAPES_MAX;
use crate::table::handles::Handles;
use crate::table::Table;

/// Filters of one kind.
pub(super) struct Index<V> {
    keys: Keys,
    entries: Table<Entry<V>>,
    exact: Handles,
    shapes: Shapes<Handles>,
    trie: Trie,
}

struct Entry<V> {
    filter: Box<str>,
    value: V,
}

/// Where a filter is stored.
#[derive(Clone, Copy)]
enum Place {
    Exact(u64),
    Shaped(Shape, u64),
    Trie,
}

impl<V> Index<V> {
    pub(super) fn new(keys: Keys) -> Index<V> {
        let trie = Trie::new(keys.clone());
        Index { keys, entries: Table::default(), exact: Handles::default(), shapes: Shapes::default(), trie }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Frees what the most filters there ever were have needed, as far as nobody needs it.
    pub(super) fn give_back(&mut self) {
        self.entries.give_back();
        self.trie.give_back();
    }

    /// No filter, and nothing left over from former ones.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.exact.is_empty() && self.shapes.is_empty() && self.trie.is_empty()
    }

    /// The handle of `filter`.
    pub(super) fn find(&self, filter: &str) -> Option<u32> {
        let is = |handle| self.has_text(handle, filter);
        match self.hashed(filter) {
            Place::Exact(hash) => self.exact.find(hash, is),
            Place::Shaped(shape, hash) => {
                let known = self.shapes.get(shape).and_then(|table| table.find(hash, is));
                known.or_else(|| self.trie.find(filter))
            }
            Place::Trie => self.trie.find(filter),
        }
    }

    /// Stores a filter that is not there yet. The handle is valid until it is removed. The interest is what peers must
    /// hear, if nothing stored before amounts to the same.
    pub(super) fn insert(&mut self, filter: &str, value: V) -> (u32, Option<Interest>) {
        let handle = self.entries.insert(Entry { filter: filter.into(), value });
        let handle = u32::try_from(handle).expect("memory ends before four thousand million filters");
        let place = match self.hashed(filter) {
            Place::Shaped(shape, _) if self.shapes.get(shape).is_none() && self.shapes.len() == SHAPES_MAX => {
                Place::Trie
            }
            place => place,
        };
        let interest = self.interest(place, filter);
        match place {
            Place::Exact(hash) => self.exact.insert(hash, handle),
            Place::Shaped(shape, hash) => self.shapes.of(&self.keys, shape).insert(hash, handle),
            Place::Trie => self.trie.insert(filter, handle),
        }
        (handle, interest)
    }

    /// Takes a filter out and returns what hung on it, and what peers must hear that nobody wants any more, if nothing
    /// that is left amounts to the same.
    pub(super) fn remove(&mut self, handle: u32) -> (V, Option<Interest>) {
        let Entry { filter, value } =
            self.entries.remove(handle as usize).expect("a handle is valid until it is removed");
        if self.entries.is_empty() {
            self.entries = Table::default();
        }
        let place = self.take_out(&filter, handle);
        (value, self.interest(place, &filter))
    }

    /// The text of a filter.
    pub(super) fn filter(&self, handle: u32) -> &str {
        &self.entries[handle as usize].filter
    }

    /// What hangs on a filter, if the handle is valid.
    pub(super) fn value(&self, handle: u32) -> Option<&V> {
        self.entries.get(handle as usize).map(|entry| &entry.value)
    }

    /// What hangs on a filter, if the handle is valid.
    pub(super) fn value_mut(&mut self, handle: u32) -> Option<&mut V> {
        self.entries.get_mut(handle as usize).map(|entry| &mut entry.value)
    }

    /// Appends the handles of all filters that match a topic.
    #[inline]
    pub(super) fn matches(&self, asked: &mut Asked<'_>, found: &mut Vec<u32>) {
        if let Some(handle) = self.exact.find(asked.hash, |handle| self.has_text(handle, asked.topic)) {
            found.push(handle);
        }
        if !self.shapes.is_empty() {
            self.shaped_matches(asked, found);
        }
        self.trie.walk(asked.topic, &mut asked.room.frontier, found);
    }

    /// Bytes it owns, without what its values own.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let texts: usize = self.entries.iter().map(|entry| entry.filter.len()).sum();
        let entries = self.entries.heap_bytes();
        let tables = self.exact.heap_bytes() + self.shapes.heap_bytes(Handles::heap_bytes);
        entries + texts + tables + self.trie.heap_bytes()
    }

    // Not inlined, so that exact filters alone cost no register of what this needs.
    #[inline(never)]
    fn shaped_matches(&self, asked: &mut Asked<'_>, found: &mut Vec<u32>) {
        let topic = asked.topic;
        let levels = asked.levels(&self.keys, self.shapes.depth());
        for (shape, hash, table) in self.shapes.admitting(&self.keys, levels) {
            // Most shapes have nothing, which is found out without a call in the way.
            if let Some(first) = table.first(hash) {
                let fits = |handle| self.fits(shape, handle, topic, levels);
                found.extend(if fits(first) { Some(first) } else { find_beyond(table, hash, &fits) });
            }
        }
    }

    #[inline(never)]
    fn fits(&self, shape: Shape, handle: u32, topic: &str, levels: &Levels) -> bool {
        self.entries.get(handle as usize).is_some_and(|entry| shape.fits(&entry.filter, topic, levels))
    }

    #[inline]
    fn has_text(&self, handle: u32, filter: &str) -> bool {
        self.entries.get(handle as usize).is_some_and(|entry| *entry.filter == *filter)
    }

    /// Where a filter belongs if there is room.
    fn hashed(&self, filter: &str) -> Place {
        if !is_wildcard(filter) {
            return Place::Exact(self.keys.text(filter));
        }
        Shape::of(&self.keys, filter).map_or(Place::Trie, |(shape, hash)| Place::Shaped(shape, hash))
    }

    /// Takes a filter out of the place where it is, and says which that was.
    fn take_out(&mut self, filter: &str, handle: u32) -> Place {
        let place = self.hashed(filter);
        let was_there = match place {
            Place::Exact(hash) => self.exact.remove(hash, handle),
            Place::Shaped(shape, hash) => {
                self.shapes.take(shape, |table| table.remove(hash, handle), Handles::is_empty)
            }
            Place::Trie => false,
        };
        if was_there {
            return place;
        }
        let removed = self.trie.remove(filter);
        assert!(removed == Some(handle), "a filter is in one place from its insertion to its removal");
        Place::Trie
    }

    /// What a filter that is not in this place, not yet or not any more, is to peers. Nothing if another one there has
    /// the same hash: peers know hashes only, to them both are one.
    fn interest(&self, place: Place, filter: &str) -> Option<Interest> {
        let has = |hash| {
            move |handle| match self.hashed(self.filter(handle)) {
                Place::Exact(other) | Place::Shaped(_, other) => other == hash,
                Place::Trie => false,
            }
        };
        match place {
            Place::Exact(hash) => self.exact.find(hash, has(hash)).is_none().then_some(Interest::Exact(hash)),
            Place::Shaped(shape, hash) => {
                let known = self.shapes.get(shape).and_then(|table| table.find(hash, has(hash)));
                known.is_none().then_some(Interest::Shaped(shape, hash))
            }
            Place::Trie => Some(Interest::Wildcard(filter.into())),
        }
    }
}

/// What is left to look at if the first handle under a hash is another's, which is rare.
#[cold]
#[inline(never)]
fn find_beyond(table: &Handles, hash: u64, is: &dyn Fn(u32) -> bool) -> Option<u32> {
    table.find(hash, is)
}

/// A valid filter has `+` and `#` only as wildcards.
fn is_wildcard(filter: &str) -> bool {
    filter.bytes().any(|byte| byte == b'+' || byte == b'#')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::matches;
    use crate::router::asked::Room;

    fn found<V>(index: &Index<V>, topic: &str) -> Vec<u32> {
        let mut found = Vec::new();
        index.matches(&mut Asked::new(&index.keys, topic, &mut Room::default()), &mut found);
        found.sort_unstable();
        found
    }

    #[test]
    fn filters_are_found_by_text_by_handle_and_by_topic() {
        for keys in [Keys::new(3), Keys::weak(3, 1)] {
            let mut index = Index::new(keys);
            let filters = ["a/b", "a/c", "a/+", "#", "b"];
            let handles: Vec<u32> = filters.iter().map(|filter| index.insert(filter, filter.len()).0).collect();
            for (filter, &handle) in filters.iter().zip(&handles) {
                assert_eq!(index.find(filter), Some(handle));
                assert_eq!(index.filter(handle), *filter);
                assert_eq!(index.value(handle), Some(&filter.len()));
            }
            assert_eq!(found(&index, "a/b"), [handles[0], handles[2], handles[3]]);
            for handle in handles {
                index.remove(handle);
            }
            assert!(index.is_empty());
        }
    }

    #[test]
    fn filters_with_one_hash_are_one_interest_from_the_first_to_the_last() {
        for end in ["", "/+", "/+/x/#"] {
            let mut index = Index::new(Keys::weak(3, 1));
            let mut wanted: BTreeMap<Interest, u32> = BTreeMap::new();
            let hashed = |index: &Index<()>, handle| match index.hashed(index.filter(handle)) {
                Place::Exact(hash) => Interest::Exact(hash),
                Place::Shaped(shape, hash) => Interest::Shaped(shape, hash),
                Place::Trie => panic!("there is a place for one shape"),
            };
            let handles: Vec<u32> = (0..40)
                .map(|number| {
                    let (handle, interest) = index.insert(&format!("{number}{end}"), ());
                    let count = wanted.entry(hashed(&index, handle)).or_default();
                    assert_eq!(interest.is_some(), *count == 0);
                    *count += 1;
                    handle
                })
                .collect();
            assert_eq!(wanted.len(), 2, "one bit has two values");
            for handle in handles {
                let interest = hashed(&index, handle);
                let count = wanted.get_mut(&interest).unwrap();
                *count -= 1;
                assert_eq!(index.remove(handle).1, (*count == 0).then_some(interest));
            }
        }
    }

    /// A filter of the shape with this number: thirteen levels, of which a choice is `+`.
    fn shaped(number: usize, text: &str) -> String {
        (0..13).map(|level| if number >> level & 1 == 0 { text } else { "+" }).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn shapes_beyond_the_bound_are_found_in_the_trie_wherever_there_is_room_later() {
        let mut index = Index::new(Keys::new(3));
        let texts: Vec<String> = (1..=2 * SHAPES_MAX).map(|number| shaped(number, "a")).collect();
        let handles: Vec<u32> = texts.iter().map(|text| index.insert(text, ()).0).collect();
        assert_eq!(index.shapes.len(), SHAPES_MAX);
        let (late, interest) = index.insert(&shaped(SHAPES_MAX + 1, "b"), ());
        assert!(matches!(interest, Some(Interest::Wildcard(_))));
        index.remove(late);
        assert_eq!(found(&index, &shaped(0, "a")), handles);
        // A place for a shape whose first filter is in the trie: the second one gets it, the first stays.
        let (_, gone) = index.remove(handles[0]);
        assert!(matches!(gone, Some(Interest::Shaped(..))));
        let (late, interest) = index.insert(&shaped(SHAPES_MAX + 1, "b"), ());
        assert!(matches!(interest, Some(Interest::Shaped(..))));
        assert_eq!(found(&index, &shaped(0, "a")), handles[1..]);
        assert_eq!(index.find(&texts[SHAPES_MAX]), Some(handles[SHAPES_MAX]));
        assert_eq!(index.find(&shaped(SHAPES_MAX + 1, "b")), Some(late));
        let (_, gone) = index.remove(handles[SHAPES_MAX]);
        assert!(matches!(gone, Some(Interest::Wildcard(_))));
        for &handle in handles[1..SHAPES_MAX].iter().chain(&handles[SHAPES_MAX + 1..]).chain([&late]) {
            index.remove(handle);
        }
        assert!(index.is_empty());
    }

    fn filter() -> impl Strategy<Value = String> {
        // So many shapes that there is no place for all of them.
        let text = prop_oneof![
            "(\\$|\\+|[ab]?)(/(\\+|[ab]?)){0,2}(/#)?|#",
            "(a|\\+)(/(a|\\+)){7}",
            Just(format!("{}#", "a/+/".repeat(20))),
        ];
        text.prop_filter("not empty", |text| !text.is_empty())
    }

    fn topic() -> impl Strategy<Value = String> {
        let text = prop_oneof!["(\\$|[ab]?)(/[ab]?){0,3}", Just("a/a/a/a/a/a/a/a".to_owned()), Just("a/".repeat(50))];
        text.prop_filter("not empty", |text| !text.is_empty())
    }

    proptest! {
        #[test]
        fn finds_what_matches_and_leaves_nothing_behind(
            steps in prop::collection::vec((filter(), 0..3_u32, topic()), 0..200),
            bits in prop_oneof![Just(1_u32), Just(64)],
        ) {
            let mut index = Index::new(Keys::weak(1, bits));
            let mut model = BTreeMap::new();
            for (filter, kind, topic) in steps {
                prop_assert_eq!(index.find(&filter), model.get(&filter).copied());
                match model.remove(&filter) {
                    Some(handle) => drop(index.remove(handle)),
                    None if kind == 0 => {
                        // Another one goes, so that there are places again.
                        if let Some((_, handle)) = model.pop_first() {
                            index.remove(handle);
                        }
                    }
                    None => drop(model.insert(filter.clone(), index.insert(&filter, filter.len()).0)),
                }
                prop_assert!(index.shapes.len() <= SHAPES_MAX);
                let matching = model.iter().filter(|(filter, _)| matches(filter, &topic));
                let mut expected: Vec<u32> = matching.map(|(_, &handle)| handle).collect();
                expected.sort_unstable();
                prop_assert_eq!(found(&index, &topic), expected);
            }
            for handle in model.into_values() {
                index.remove(handle);
            }
            prop_assert!(index.is_empty());
        }
    }

    #[test]
    fn an_entry_costs_no_tag_beside_its_parts() {
        assert_eq!(size_of::<Entry<[u64; 2]>>(), 32);
        assert_eq!(size_of::<Option<Entry<[u64; 2]>>>(), 32);
    }
}
