//! What peers want: a superset of what their clients are subscribed to, never less.
//!
//! A filter is known by its shape and its hash. Two with the same are one interest, which its shard withdraws only when
//! the last of them has gone; so a collision sends mail in vain but never misses any. Which filters are too many shapes
//! to be known so, their shard decides. So there are at most [`SHAPES_MAX`](crate::limits::SHAPES_MAX) shapes for each
//! peer, and as many probes for a publication.

use super::asked::Asked;
use super::hash::Keys;
use super::masks::Masks;
use super::shape::Shape;
use super::shapes::Shapes;
use super::trie::Trie;
use super::words::{bit, PeerSet};
use crate::table::Table;

/// Something a shard wants publications of, as its peers are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interest {
    /// The topics with this keyed hash.
    Exact(u64),
    /// The topics whose levels, but for those that are wildcards in this shape, have this keyed hash.
    Shaped(Shape, u64),
    /// The topics that match this filter, one of too many shapes.
    Wildcard(Box<str>),
}

/// Which peers want what.
pub(super) struct PeerInterest {
    keys: Keys,
    exact: Masks,
    shapes: Shapes<Masks>,
    /// The numbers of the filters are places in `masks`.
    wildcard: Trie,
    masks: Table<u64>,
}

impl PeerInterest {
    pub(super) fn new(keys: Keys) -> PeerInterest {
        let wildcard = Trie::new(keys.clone());
        PeerInterest { keys, exact: Masks::default(), shapes: Shapes::default(), wildcard, masks: Table::default() }
    }

    /// Frees what only filters that are gone have needed.
    pub(super) fn give_back(&mut self) {
        self.masks.give_back();
        self.wildcard.give_back();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.shapes.is_empty() && self.masks.is_empty() && self.wildcard.is_empty()
    }

    /// Hears that `peer` wants something; hearing it again changes nothing.
    pub(super) fn insert(&mut self, peer: u8, interest: &Interest) {
        match interest {
            Interest::Exact(hash) => self.exact.insert(*hash, peer),
            Interest::Shaped(shape, hash) => self.shapes.of(&self.keys, *shape).insert(*hash, peer),
            Interest::Wildcard(filter) => {
                if let Some(number) = self.wildcard.find(filter) {
                    self.masks[number as usize] |= bit(peer);
                } else {
                    let number = self.masks.insert(bit(peer));
                    self.wildcard.insert(filter, number as u32);
                }
            }
        }
    }

    /// Hears that `peer` no longer wants something; hearing it again changes nothing.
    pub(super) fn remove(&mut self, peer: u8, interest: &Interest) {
        match interest {
            Interest::Exact(hash) => self.exact.remove(*hash, peer),
            Interest::Shaped(shape, hash) => {
                self.shapes.take(*shape, |masks| masks.remove(*hash, peer), Masks::is_empty);
            }
            Interest::Wildcard(filter) => {
                let Some(number) = self.wildcard.find(filter) else { return };
                let mask = &mut self.masks[number as usize];
                *mask &= !bit(peer);
                if *mask == 0 {
                    self.masks.remove(number as usize);
                    self.wildcard.remove(filter);
                    if self.masks.is_empty() {
                        self.masks = Table::default();
                    }
                }
            }
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let hashed = self.exact.heap_bytes() + self.shapes.heap_bytes(Masks::heap_bytes);
        hashed + self.masks.heap_bytes() + self.wildcard.heap_bytes()
    }

    /// The peers that want a topic. `found` is room to work in.
    #[inline]
    pub(super) fn peers(&self, asked: &mut Asked<'_>, found: &mut Vec<u32>) -> PeerSet {
        let mut mask = self.exact.peers(asked.hash);
        if !self.shapes.is_empty() {
            mask |= self.shaped_peers(asked);
        }
        if !self.masks.is_empty() {
            found.clear();
            self.wildcard.walk(asked.topic, &mut asked.room.frontier, found);
            for &number in found.iter() {
                mask |= self.masks[number as usize];
            }
        }
        PeerSet::from_mask(mask)
    }

    #[inline(never)]
    fn shaped_peers(&self, asked: &mut Asked<'_>) -> u64 {
        let levels = asked.levels(&self.keys, self.shapes.depth());
        self.shapes.admitting(&self.keys, levels).fold(0, |mask, (_, hash, masks)| mask | masks.peers(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::asked::Room;

    fn peers(interest: &PeerInterest, keys: &Keys, topic: &str) -> Vec<u8> {
        let mut room = Room::default();
        interest.peers(&mut Asked::new(keys, topic, &mut room), &mut Vec::new()).iter().collect()
    }

    #[test]
    fn a_peer_is_interested_from_the_first_to_the_last_word_about_it() {
        let keys = Keys::new(9);
        let shaped = |filter| Shape::of(&keys, filter).map(|(shape, hash)| Interest::Shaped(shape, hash)).unwrap();
        let exact = Interest::Exact(keys.text("a/b"));
        let named = |filter: &str| Interest::Wildcard(filter.into());
        for (wildcard, other) in [(named("a/+"), named("x/#")), (shaped("a/+"), shaped("x/#"))] {
            let mut interest = PeerInterest::new(keys.clone());
            for peer in [3, 60, 3] {
                interest.insert(peer, &exact);
            }
            interest.insert(7, &wildcard);
            assert_eq!(peers(&interest, &keys, "a/b"), [3, 7, 60]);
            assert_eq!(peers(&interest, &keys, "a/c"), [7]);
            assert_eq!(peers(&interest, &keys, "b"), [] as [u8; 0]);
            interest.remove(3, &exact);
            interest.remove(3, &wildcard);
            interest.remove(4, &Interest::Exact(1));
            interest.remove(4, &other);
            assert_eq!(peers(&interest, &keys, "a/b"), [7, 60]);
            interest.remove(60, &exact);
            interest.remove(7, &wildcard);
            assert!(interest.is_empty());
        }
    }

    #[test]
    fn the_shapes_of_all_peers_have_a_place() {
        let keys = Keys::new(9);
        let mut interest = PeerInterest::new(keys.clone());
        // Each peer has shapes that no other has: as many levels as its number says, one of them `+`.
        let filters: Vec<(u8, String)> = (1..=24_u8)
            .flat_map(|peer| (0..peer).map(move |plus| (peer, plus)))
            .map(|(peer, plus)| {
                (peer, (0..peer).map(|at| if at == plus { "+" } else { "a" }).collect::<Vec<_>>().join("/"))
            })
            .collect();
        let told = |(peer, filter): &(u8, String)| {
            (*peer, Shape::of(&keys, filter).map(|(shape, hash)| Interest::Shaped(shape, hash)).unwrap())
        };
        for (peer, wanted) in filters.iter().map(told) {
            interest.insert(peer, &wanted);
        }
        assert_eq!(interest.shapes.len(), filters.len());
        for (peer, filter) in &filters {
            assert_eq!(peers(&interest, &keys, &filter.replace('+', "b")), [*peer]);
        }
        for (peer, wanted) in filters.iter().map(told) {
            interest.remove(peer, &wanted);
        }
        assert!(interest.is_empty());
    }
}
