//! Tables that grow a page at a time.
//!
//! A `Vec` of connections doubles by copying: at a million connections that is hundreds of megabytes in one turn, and the
//! old half lies about until the allocator gives it back. Here nothing moves. Knows nobody.

pub(crate) mod handles;
mod pages;
pub(crate) mod slots;

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

use self::pages::PAGE;

pub use self::pages::Pages;

/// A list that only grows, without ever moving what is in it. Access costs one more step than in a `Vec`.
#[derive(Debug)]
pub struct Paged<T> {
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Paged<T> {
    fn default() -> Paged<T> {
        Paged { pages: Vec::new(), len: 0 }
    }
}

impl<T> Paged<T> {
    /// Entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, value: T) {
        if self.len.is_multiple_of(PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        if let Some(page) = self.pages.last_mut() {
            page.push(value);
            self.len += 1;
        }
    }

    /// An entry, if it is there.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    /// An entry to be changed, if it is there.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pages.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }

    /// Bytes it owns, without what its entries own.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pages.len() * PAGE * size_of::<T>() + self.pages.capacity() * size_of::<Vec<T>>()
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }
}

impl<T> Index<usize> for Paged<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.pages[index / PAGE][index % PAGE]
    }
}

impl<T> IndexMut<usize> for Paged<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.pages[index / PAGE][index % PAGE]
    }
}

/// Values under small keys that are used again: the key given back last is given out next.
#[derive(Debug)]
pub struct Table<T> {
    values: Pages<T>,
    /// Keys that have been given out at all.
    given: usize,
    vacant: Vec<u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { values: Pages::default(), given: 0, vacant: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Values there are.
    pub fn len(&self) -> usize {
        self.given - self.vacant.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys in use are below this one.
    pub fn keys_end(&self) -> usize {
        self.given
    }

    /// Puts a value in and answers its key.
    pub fn insert(&mut self, value: T) -> usize {
        let key = self.vacant.pop().map_or(self.given, |key| key as usize);
        self.given = self.given.max(key + 1);
        self.values.put(key, value);
        key
    }

    /// Takes a value out; its key will be used again.
    pub fn remove(&mut self, key: usize) -> Option<T> {
        let value = self.values.take(key)?;
        self.vacant.push(u32::try_from(key).expect("memory ends before four thousand million values"));
        Some(value)
    }

    /// A value, if it is there.
    #[inline]
    pub fn get(&self, key: usize) -> Option<&T> {
        self.values.get(key)
    }

    /// A value to be changed, if it is there.
    #[inline]
    pub fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        self.values.get_mut(key)
    }

    /// The values in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter()
    }

    /// Frees the pages that nobody is on. Cost: a look at each page.
    pub fn give_back(&mut self) {
        self.values.give_back();
        if self.is_empty() {
            *self = Table::default();
        }
    }

    /// Bytes it owns, without what its values own.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.values.heap_bytes() + self.vacant.capacity() * size_of::<u32>()
    }
}

impl<T> Index<usize> for Table<T> {
    type Output = T;

    #[inline]
    fn index(&self, key: usize) -> &T {
        self.get(key).expect("a key is used while its value is there")
    }
}

impl<T> IndexMut<usize> for Table<T> {
    #[inline]
    fn index_mut(&mut self, key: usize) -> &mut T {
        self.get_mut(key).expect("a key is used while its value is there")
    }
}

/// A queue that most of its owners never use: one word while it is empty. Emptied, it gives its memory back if it has had
/// room for more than `KEPT` entries.
// Boxed for the sake of those that have none.
#[allow(clippy::box_collection)]
#[derive(Debug)]
pub struct Seldom<T, const KEPT: usize>(Option<Box<VecDeque<T>>>);

impl<T, const KEPT: usize> Default for Seldom<T, KEPT> {
    fn default() -> Seldom<T, KEPT> {
        Seldom(None)
    }
}

impl<T, const KEPT: usize> Seldom<T, KEPT> {
    /// Entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.len())
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries; nothing if there has been none since memory was last given back.
    #[inline]
    pub fn entries(&self) -> Option<&VecDeque<T>> {
        self.0.as_deref()
    }

    /// The queue, to put something in.
    #[inline]
    pub fn filling(&mut self) -> &mut VecDeque<T> {
        self.0.get_or_insert_default()
    }

    /// Gives the memory back if there is no entry.
    pub fn give_back(&mut self) {
        if self.is_empty() {
            self.0 = None;
        }
    }

    /// Has `change` take entries out, and gives the memory back if none is left.
    #[inline]
    pub fn emptying<R: Default>(&mut self, change: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let Some(queue) = self.0.as_deref_mut() else { return R::default() };
        let answer = change(queue);
        if queue.is_empty() && queue.capacity() > KEPT {
            self.0 = None;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seldom_used_queue_owns_nothing_before_and_little_after() {
        let (mut none, mut some) = (Seldom::<u8, 0>::default(), Seldom::<u8, 64>::default());
        assert_eq!((size_of_val(&none), none.emptying(VecDeque::pop_front)), (8, None));
        none.filling().push_back(1);
        some.filling().push_back(1);
        assert_eq!(
            (none.len(), none.emptying(VecDeque::pop_front), some.emptying(VecDeque::pop_front)),
            (1, Some(1), Some(1))
        );
        assert_eq!((none.entries().is_none(), some.entries().is_some(), some.is_empty()), (true, true, true));
        some.filling().extend(0..100);
        some.emptying(|queue| queue.clear());
        assert!(some.entries().is_none());
    }

    #[test]
    fn nothing_moves_when_a_list_grows() {
        let mut list = Paged::default();
        list.push(0);
        let first = std::ptr::from_ref(&list[0]);
        (1..10 * PAGE).for_each(|value| list.push(value));
        assert_eq!(first, std::ptr::from_ref(&list[0]));
        assert!((0..10 * PAGE).all(|index| list[index] == index && list.get(index) == Some(&index)));
        assert_eq!((list.len(), list.get(10 * PAGE), list.iter().count()), (10 * PAGE, None, 10 * PAGE));
    }

    #[test]
    fn keys_are_used_again_and_gone_values_are_gone() {
        let mut table = Table::default();
        let keys: Vec<usize> = (0..300).map(|value| table.insert(value)).collect();
        assert_eq!(table.remove(keys[7]), Some(7));
        assert_eq!((table.remove(keys[7]), table.get(keys[7]), table.len()), (None, None, 299));
        assert_eq!(table.insert(1000), keys[7]);
        assert_eq!((table.get(keys[7]), table.get(keys[8])), (Some(&1000), Some(&8)));
        table.give_back();
        assert_eq!((table.len(), table.keys_end()), (300, 300));
        assert_eq!(keys.into_iter().filter_map(|key| table.remove(key)).count(), 300);
        assert!(table.is_empty());
        table.give_back();
        assert_eq!((table.heap_bytes(), table.insert(5)), (0, 0));
    }
}
