//! Filters and what hangs on each: found by text, by handle, or all that match a topic.
//!
//! A filter without wildcards matches one topic: its own text. Those are found by one hash, whatever else is stored; the
//! rest are in the trie, which costs nothing while it is empty. Generic in what hangs on a filter.

use slab::Slab;

use super::hash::Keys;
use super::symbols::grow_by_quarter;
use super::table::Table;
use super::trie::{Frontier, Trie};

/// Filters of one kind.
pub(super) struct Index<V> {
    keys: Keys,
    entries: Slab<Entry<V>>,
    exact: Table,
    trie: Trie,
}

struct Entry<V> {
    filter: Box<str>,
    value: V,
}

impl<V> Index<V> {
    pub(super) fn new(keys: Keys) -> Index<V> {
        Index { entries: Slab::new(), exact: Table::default(), trie: Trie::new(keys.clone()), keys }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// No filter, and nothing left over from former ones.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.exact.is_empty() && self.trie.is_empty()
    }

    /// The handle of `filter`.
    pub(super) fn find(&self, filter: &str) -> Option<u32> {
        if is_wildcard(filter) {
            self.trie.find(filter)
        } else {
            self.find_exact(self.keys.text(filter), filter)
        }
    }

    /// Stores a filter that is not there yet. The handle is valid until it is removed.
    pub(super) fn insert(&mut self, filter: &str, value: V) -> u32 {
        grow_by_quarter(&mut self.entries);
        let handle = self.entries.insert(Entry { filter: filter.into(), value });
        let handle = u32::try_from(handle).expect("memory ends before four thousand million filters");
        if is_wildcard(filter) {
            self.trie.insert(filter, handle);
        } else {
            self.exact.insert(self.keys.text(filter), handle);
        }
        handle
    }

    /// Takes a filter out and returns its text and what hung on it.
    pub(super) fn remove(&mut self, handle: u32) -> (Box<str>, V) {
        let Entry { filter, value } = self.entries.remove(handle as usize);
        if is_wildcard(&filter) {
            self.trie.remove(&filter);
        } else {
            self.exact.remove(self.keys.text(&filter), handle);
        }
        if self.entries.is_empty() {
            self.entries = Slab::new();
        }
        (filter, value)
    }

    /// Whether a filter without wildcards has this hash.
    pub(super) fn has_exact_hash(&self, hash: u64) -> bool {
        self.exact.find(hash, |handle| self.keys.text(self.filter(handle)) == hash).is_some()
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

    /// Appends the handles of all filters that match `topic`, whose hash is `hash`.
    #[inline]
    pub(super) fn matches(&self, hash: u64, topic: &str, frontier: &mut Frontier, found: &mut Vec<u32>) {
        found.extend(self.find_exact(hash, topic));
        self.trie.walk(topic, frontier, found);
    }

    /// Bytes it owns, without what its values own.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let texts: usize = self.entries.iter().map(|(_, entry)| entry.filter.len()).sum();
        let entries = self.entries.capacity() * std::mem::size_of::<Entry<V>>();
        entries + texts + self.exact.heap_bytes() + self.trie.heap_bytes()
    }

    #[inline]
    fn find_exact(&self, hash: u64, filter: &str) -> Option<u32> {
        self.exact.find(hash, |handle| self.entries.get(handle as usize).is_some_and(|entry| *entry.filter == *filter))
    }
}

/// A valid filter has `+` and `#` only as wildcards.
pub(super) fn is_wildcard(filter: &str) -> bool {
    filter.bytes().any(|byte| byte == b'+' || byte == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_found_by_text_by_handle_and_by_topic() {
        for keys in [Keys::new(3), Keys::weak(3, 1)] {
            let mut index = Index::new(keys.clone());
            let filters = ["a/b", "a/c", "a/+", "#", "b"];
            let handles: Vec<u32> = filters.iter().map(|filter| index.insert(filter, filter.len())).collect();
            for (filter, &handle) in filters.iter().zip(&handles) {
                assert_eq!(index.find(filter), Some(handle));
                assert_eq!(index.filter(handle), *filter);
                assert_eq!(index.value(handle), Some(&filter.len()));
            }
            let mut found = Vec::new();
            index.matches(keys.text("a/b"), "a/b", &mut Frontier::default(), &mut found);
            found.sort_unstable();
            assert_eq!(found, [handles[0], handles[2], handles[3]]);
            for handle in handles {
                index.remove(handle);
            }
            assert!(index.is_empty());
        }
    }

    #[test]
    fn an_exact_filter_with_a_strangers_hash_keeps_the_hash_alive() {
        let keys = Keys::weak(3, 1);
        let mut index = Index::new(keys.clone());
        let texts: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        let same: Vec<&String> = texts.iter().filter(|text| keys.text(text) == 0).take(2).collect();
        let first = index.insert(same[0], ());
        let second = index.insert(same[1], ());
        index.remove(first);
        assert!(index.has_exact_hash(0));
        index.remove(second);
        assert!(!index.has_exact_hash(0));
    }

    #[test]
    fn an_entry_costs_no_tag_beside_its_parts() {
        assert_eq!(std::mem::size_of::<Entry<[u64; 2]>>(), 32);
        let mut slab: Slab<Entry<[u64; 2]>> = Slab::new();
        slab.reserve_exact(1);
        assert_eq!(std::mem::size_of::<Option<Entry<[u64; 2]>>>(), 32);
    }
}
