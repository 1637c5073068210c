//! What has happened lately, in bounded memory.

use std::collections::hash_map::RandomState;
use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::time::Duration;

use crate::time::Time;

/// Remembers values for one to two spans of time, and at most a number of them: two tables, the older of which is forgotten
/// when the span is over or the newer is full.
pub(super) struct Lately<K, V> {
    span: Duration,
    entries_max: usize,
    since: Time,
    new: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
}

impl<K: Eq + Hash, V: Clone> Lately<K, V> {
    /// Remembers at least for `span`, unless more than `entries_max` come in it.
    pub(super) fn new(span: Duration, entries_max: usize) -> Lately<K, V> {
        assert!(entries_max > 1, "each table has a half");
        Lately { span, entries_max, since: Time::START, new: HashMap::new(), old: HashMap::new() }
    }

    /// What is remembered of `key`.
    pub(super) fn find(&mut self, now: Time, key: &K) -> Option<V> {
        self.age(now);
        self.new.get(key).or_else(|| self.old.get(key)).cloned()
    }

    /// Remembers `value` in the place of what was.
    pub(super) fn insert(&mut self, now: Time, key: K, value: V) {
        self.age(now);
        if self.new.len() >= self.entries_max / 2 && !self.new.contains_key(&key) {
            self.turn(now);
        }
        self.new.insert(key, value);
    }

    fn age(&mut self, now: Time) {
        if now - self.since >= self.span {
            if now - self.since >= self.span.saturating_mul(2) {
                self.new.clear();
            }
            self.turn(now);
        }
    }

    fn turn(&mut self, now: Time) {
        self.old = mem::take(&mut self.new);
        self.since = now;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.new.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    fn second(number: u64) -> Time {
        Time::from_nanos(number * 1_000_000_000)
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let mut lately = Lately::new(SPAN, 100);
        lately.insert(second(1), "a", 1);
        assert_eq!(lately.find(second(9), &"a"), Some(1));
        assert_eq!(lately.find(second(10), &"a"), Some(1));
        assert_eq!(lately.find(second(20), &"a"), None);
        lately.insert(second(20), "b", 2);
        assert_eq!(lately.find(second(50), &"b"), None);
        assert_eq!(lately.len(), 0);
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let mut lately = Lately::new(SPAN, 100);
        for number in 0..10_000 {
            lately.insert(second(1), number, ());
            assert!(lately.len() <= 100);
        }
        assert_eq!(lately.find(second(1), &9_999), Some(()));
        assert_eq!(lately.find(second(1), &9_960), Some(()));
        assert_eq!(lately.find(second(1), &9_000), None);
    }
}
