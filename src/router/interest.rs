//! What peers want: a superset of what their clients are subscribed to, never less.
//!
//! An exact filter is known by its hash alone. Two filters with one hash are one interest, which its shard withdraws
//! only when the last of them has gone; so a collision sends mail in vain but never misses any.

use std::collections::HashMap;

use slab::Slab;

use super::hash::{Keys, PassThrough};
use super::symbols::grow_by_quarter;
use super::trie::{Frontier, Trie};
use super::words::{bit, PeerSet};

/// Something a shard wants publications of, as its peers are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interest {
    /// The topics with this keyed hash.
    Exact(u64),
    /// The topics that match this filter.
    Wildcard(Box<str>),
}

/// Which peers want what.
pub(super) struct PeerInterest {
    exact: HashMap<u64, u64, PassThrough>,
    /// The numbers of the filters are places in `masks`.
    wildcard: Trie,
    masks: Slab<u64>,
}

impl PeerInterest {
    pub(super) fn new(keys: Keys) -> PeerInterest {
        PeerInterest { exact: HashMap::default(), wildcard: Trie::new(keys), masks: Slab::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.masks.is_empty() && self.wildcard.is_empty()
    }

    /// Hears that `peer` wants something; hearing it again changes nothing.
    pub(super) fn insert(&mut self, peer: u8, interest: &Interest) {
        match interest {
            Interest::Exact(hash) => *self.exact.entry(*hash).or_default() |= bit(peer),
            Interest::Wildcard(filter) => {
                if let Some(number) = self.wildcard.find(filter) {
                    self.masks[number as usize] |= bit(peer);
                } else {
                    grow_by_quarter(&mut self.masks);
                    let number = self.masks.insert(bit(peer));
                    self.wildcard.insert(filter, number as u32);
                }
            }
        }
    }

    /// Hears that `peer` no longer wants something; hearing it again changes nothing.
    pub(super) fn remove(&mut self, peer: u8, interest: &Interest) {
        match interest {
            Interest::Exact(hash) => {
                let Some(mask) = self.exact.get_mut(hash) else { return };
                *mask &= !bit(peer);
                if *mask == 0 {
                    self.exact.remove(hash);
                    if self.exact.is_empty() {
                        self.exact.shrink_to_fit();
                    }
                }
            }
            Interest::Wildcard(filter) => {
                let Some(number) = self.wildcard.find(filter) else { return };
                let mask = &mut self.masks[number as usize];
                *mask &= !bit(peer);
                if *mask == 0 {
                    self.masks.remove(number as usize);
                    self.wildcard.remove(filter);
                }
            }
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        // A map has room for seven eighths of its slots, each a key, a value and a byte.
        self.exact.capacity() * 8 / 7 * 17 + self.masks.capacity() * 16 + self.wildcard.heap_bytes()
    }

    /// The peers that want `topic`, whose hash is `hash`. `found` is room to work in.
    #[inline]
    pub(super) fn peers(&self, hash: u64, topic: &str, frontier: &mut Frontier, found: &mut Vec<u32>) -> PeerSet {
        let mut mask = if self.exact.is_empty() { 0 } else { self.exact.get(&hash).copied().unwrap_or(0) };
        found.clear();
        self.wildcard.walk(topic, frontier, found);
        for &number in found.iter() {
            mask |= self.masks[number as usize];
        }
        PeerSet::from_mask(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(interest: &PeerInterest, keys: &Keys, topic: &str) -> Vec<u8> {
        interest.peers(keys.text(topic), topic, &mut Frontier::default(), &mut Vec::new()).iter().collect()
    }

    #[test]
    fn a_peer_is_interested_from_the_first_to_the_last_word_about_it() {
        let keys = Keys::new(9);
        let mut interest = PeerInterest::new(keys.clone());
        let exact = Interest::Exact(keys.text("a/b"));
        let wildcard = Interest::Wildcard("a/+".into());
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
        interest.remove(4, &Interest::Wildcard("x/#".into()));
        assert_eq!(peers(&interest, &keys, "a/b"), [7, 60]);
        interest.remove(60, &exact);
        interest.remove(7, &wildcard);
        assert!(interest.is_empty());
    }
}
