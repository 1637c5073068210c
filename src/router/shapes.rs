//! The shapes of the filters that are stored, and a table of hashes for each.
//!
//! A shape has a place while it has a filter. Searching costs a probe for each shape that admits the topic, however
//! many filters there are.

use super::hash::Keys;
use super::levels::Levels;
use super::shape::Shape;

/// A table for each shape.
pub(super) struct Shapes<T> {
    kinds: Vec<Kind<T>>,
    /// Levels of a topic that have to be known.
    depth: usize,
}

struct Kind<T> {
    shape: Shape,
    seed: u64,
    table: T,
}

impl<T> Default for Shapes<T> {
    fn default() -> Shapes<T> {
        Shapes { kinds: Vec::new(), depth: 0 }
    }
}

impl<T: Default> Shapes<T> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    #[inline]
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The table of a shape.
    pub(super) fn get(&self, shape: Shape) -> Option<&T> {
        self.kinds.iter().find(|kind| kind.shape == shape).map(|kind| &kind.table)
    }

    /// The table of a shape, a new one if it has none.
    pub(super) fn of(&mut self, keys: &Keys, shape: Shape) -> &mut T {
        let at = self.kinds.iter().position(|kind| kind.shape == shape).unwrap_or_else(|| {
            self.depth = self.depth.max(shape.depth());
            self.kinds.push(Kind { shape, seed: shape.seed(keys), table: T::default() });
            self.kinds.len() - 1
        });
        &mut self.kinds[at].table
    }

    /// Takes something out of the table of a shape; a shape whose table is empty then is forgotten. Answers what `take`
    /// does, or the default if there is no such shape.
    pub(super) fn take<R: Default>(
        &mut self,
        shape: Shape,
        take: impl FnOnce(&mut T) -> R,
        is_empty: impl FnOnce(&T) -> bool,
    ) -> R {
        let Some(at) = self.kinds.iter().position(|kind| kind.shape == shape) else { return R::default() };
        let taken = take(&mut self.kinds[at].table);
        if is_empty(&self.kinds[at].table) {
            self.kinds.remove(at);
            self.depth = self.kinds.iter().map(|kind| kind.shape.depth()).max().unwrap_or(0);
            if self.kinds.is_empty() {
                self.kinds = Vec::new();
            }
        }
        taken
    }

    /// The shapes that admit a topic, of which as many levels are known as [`Shapes::depth`] says, each with the hash
    /// of its filter that would match and its table.
    #[inline]
    pub(super) fn admitting<'a>(
        &'a self,
        keys: &'a Keys,
        levels: &'a Levels,
    ) -> impl Iterator<Item = (Shape, u64, &'a T)> {
        let admitting = self.kinds.iter().filter(move |kind| kind.shape.admits(levels));
        admitting.map(move |kind| (kind.shape, kind.shape.hash(keys, kind.seed, levels), &kind.table))
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self, of_table: impl Fn(&T) -> usize) -> usize {
        let tables: usize = self.kinds.iter().map(|kind| of_table(&kind.table)).sum();
        self.kinds.capacity() * size_of::<Kind<T>>() + tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_is_that_of_the_deepest_shape_there_is() {
        let keys = Keys::new(1);
        let mut shapes: Shapes<Vec<u32>> = Shapes::default();
        let [flat, deep] = ["#", "a/+/c"].map(|filter| Shape::of(&keys, filter).unwrap().0);
        shapes.of(&keys, flat).push(1);
        assert_eq!((shapes.depth(), shapes.get(deep)), (0, None));
        shapes.of(&keys, deep).extend([2, 3]);
        assert_eq!((shapes.depth(), shapes.get(deep)), (3, Some(&vec![2, 3])));
        assert_eq!(shapes.take(deep, Vec::pop, Vec::is_empty), Some(3));
        assert_eq!((shapes.depth(), shapes.len()), (3, 2));
        assert_eq!(shapes.take(deep, Vec::pop, Vec::is_empty), Some(2));
        assert_eq!(shapes.take(deep, Vec::pop, Vec::is_empty), None);
        assert_eq!((shapes.depth(), shapes.get(flat)), (0, Some(&vec![1])));
        assert_eq!(shapes.take(flat, Vec::pop, Vec::is_empty), Some(1));
        assert!(shapes.is_empty());
    }
}
