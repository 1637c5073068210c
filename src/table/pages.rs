//! Values under small keys that others choose: nothing moves when there are more, and pages that nobody is on any more can be
//! given back.

/// Values of a page.
pub(super) const PAGE: usize = 128;

/// Values by key. Takes as many pages as there are up to the largest key, and memory for those that somebody is on.
#[derive(Debug)]
pub struct Pages<T>(Vec<Page<T>>);

#[derive(Debug)]
struct Page<T> {
    /// As many as a key's lower bits reach, so that one look decides whether there is such a key.
    values: Option<Box<[Option<T>; PAGE]>>,
    used: usize,
}

impl<T> Default for Page<T> {
    fn default() -> Page<T> {
        Page { values: None, used: 0 }
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Pages<T> {
        Pages(Vec::new())
    }
}

impl<T> Pages<T> {
    /// All keys in use are below this one.
    pub fn keys_end(&self) -> usize {
        self.0.len() * PAGE
    }

    /// A value, if it is there.
    #[inline]
    pub fn get(&self, key: usize) -> Option<&T> {
        self.0.get(key / PAGE)?.values.as_ref()?[key % PAGE].as_ref()
    }

    /// A value to be changed, if it is there.
    #[inline]
    pub fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        self.0.get_mut(key / PAGE)?.values.as_mut()?[key % PAGE].as_mut()
    }

    /// Puts a value under a key, and answers the one that was there. Keys far above all others cost sixteen bytes for each page
    /// between.
    pub fn put(&mut self, key: usize, value: T) -> Option<T> {
        if key / PAGE >= self.0.len() {
            self.0.resize_with(key / PAGE + 1, Page::default);
        }
        let page = &mut self.0[key / PAGE];
        let before = page.values.get_or_insert_with(empty_page)[key % PAGE].replace(value);
        page.used += usize::from(before.is_none());
        before
    }

    /// Takes a value out.
    pub fn take(&mut self, key: usize) -> Option<T> {
        let page = self.0.get_mut(key / PAGE)?;
        let value = page.values.as_mut()?[key % PAGE].take()?;
        page.used -= 1;
        Some(value)
    }

    /// The values in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|page| page.values.as_ref()).flat_map(|values| values.iter()).flatten()
    }

    /// Frees the pages that nobody is on. Cost: a look at each page.
    pub fn give_back(&mut self) {
        for page in self.0.iter_mut().filter(|page| page.used == 0) {
            page.values = None;
        }
        let last = self.0.iter().rposition(|page| page.used > 0);
        self.0.truncate(last.map_or(0, |last| last + 1));
        if self.0.capacity() > 4 * self.0.len() {
            self.0.shrink_to_fit();
        }
    }

    /// Bytes it owns, without what its values own.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        let pages = self.0.iter().filter(|page| page.values.is_some()).count();
        pages * size_of::<[Option<T>; PAGE]>() + self.0.capacity() * size_of::<Page<T>>()
    }
}

/// Without a way over the stack, which has no room for pages of large values.
fn empty_page<T>() -> Box<[Option<T>; PAGE]> {
    let page: Box<[Option<T>]> = (0..PAGE).map(|_| None).collect();
    match page.try_into() {
        Ok(page) => page,
        Err(_) => unreachable!("it has been made as long as that"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_they_were_put() {
        let mut pages = Pages::default();
        assert_eq!((pages.put(3, 'a'), pages.put(1000, 'b'), pages.put(3, 'c')), (None, None, Some('a')));
        assert_eq!((pages.get(3), pages.get(4), pages.get(500), pages.get(5000)), (Some(&'c'), None, None, None));
        assert_eq!((pages.get_mut(1000).copied(), pages.take(500), pages.take(5000)), (Some('b'), None, None));
        assert_eq!((pages.take(3), pages.take(3), pages.iter().collect::<String>()), (Some('c'), None, "b".to_owned()));
        assert!(pages.keys_end() > 1000);
    }

    #[test]
    fn what_nobody_is_on_is_given_back_and_can_be_used_again() {
        let mut pages = Pages::default();
        (0..100 * PAGE).for_each(|key| assert!(pages.put(key, key).is_none()));
        let full = pages.heap_bytes();
        (0..100 * PAGE).filter(|key| *key != 5 * PAGE).for_each(|key| assert_eq!(pages.take(key), Some(key)));
        assert_eq!(pages.heap_bytes(), full, "it may be used again soon");
        pages.give_back();
        assert!(pages.heap_bytes() < full / 50);
        assert_eq!((pages.get(5 * PAGE), pages.get(PAGE), pages.keys_end()), (Some(&(5 * PAGE)), None, 6 * PAGE));
        assert!(pages.put(50 * PAGE, 7).is_none());
        assert_eq!((pages.get(50 * PAGE).copied(), pages.take(5 * PAGE)), (Some(7), Some(5 * PAGE)));
        pages.take(50 * PAGE);
        pages.give_back();
        assert_eq!((pages.heap_bytes(), pages.keys_end()), (0, 0));
    }
}
