//! Values by name, in many small hash tables instead of a large one: each grows, and moves what is in it, at a time of its
//! own.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

/// How many there are: of a million names each then has some sixteen thousand, which take half a millisecond to move.
const TABLES: usize = 64;
/// A table keeps its room until it has so many times what it needs: to shrink one moves all that is in it.
const ROOM_MAX: usize = 8;
/// Less room is not worth it.
const ROOM_MIN: usize = 16;

/// Values by name.
#[derive(Debug)]
pub struct Names<V> {
    tables: Vec<HashMap<Arc<str>, V, RandomState>>,
    hasher: RandomState,
    len: usize,
}

impl<V> Names<V> {
    /// None yet. Whoever does not know the seeds of `hasher` cannot make names that are in one place.
    pub fn new(hasher: RandomState) -> Names<V> {
        let tables = (0..TABLES).map(|_| HashMap::with_hasher(hasher.clone())).collect();
        Names { tables, hasher, len: 0 }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.tables[self.table(name)].get(name)
    }

    /// Gives a name a value, in place of the one it has.
    pub fn insert(&mut self, name: Arc<str>, value: V) {
        let table = self.table(&name);
        self.len += usize::from(self.tables[table].insert(name, value).is_none());
    }

    /// Takes a name out.
    pub fn remove(&mut self, name: &str) {
        let table = self.table(name);
        self.len -= usize::from(self.tables[table].remove(name).is_some());
    }

    /// Frees room that many more names have needed.
    pub fn give_back(&mut self) {
        for table in &mut self.tables {
            let needed = table.len().max(ROOM_MIN);
            if table.capacity() > ROOM_MAX * needed {
                table.shrink_to(2 * needed);
            }
        }
    }

    fn table(&self, name: &str) -> usize {
        // The upper bits: the tables themselves go by the lower ones.
        (self.hasher.hash_one(name) >> (u64::BITS - TABLES.ilog2())) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names<u32> {
        Names::new(RandomState::with_seeds(1, 2, 3, 4))
    }

    #[test]
    fn names_have_the_value_last_given() {
        let mut names = names();
        for number in 0..10_000 {
            names.insert(format!("client-{number}").into(), number);
        }
        names.insert("client-7".into(), 70);
        names.remove("client-8");
        names.remove("nobody");
        assert_eq!((names.get("client-7"), names.get("client-8"), names.get("client-9")), (Some(&70), None, Some(&9)));
        assert_eq!(names.len, 9_999);
        for number in 0..10_000 {
            names.remove(&format!("client-{number}"));
        }
        assert!(names.is_empty());
    }

    #[test]
    fn no_table_has_much_more_than_its_part_and_room_is_given_back() {
        let mut names = names();
        for number in 0..64_000 {
            names.insert(format!("client-{number}").into(), number);
        }
        assert!(names.tables.iter().all(|table| (800..1200).contains(&table.len())));
        for number in 100..64_000 {
            names.remove(&format!("client-{number}"));
        }
        names.give_back();
        assert!(names.tables.iter().all(|table| table.capacity() <= ROOM_MAX * ROOM_MIN));
        assert!((0..100).all(|number| names.get(&format!("client-{number}")).is_some()));
    }
}
