//! A set of peers for each hash that any of them has named: sixteen bytes a slot.

use super::words::bit;
use crate::table::slots::{tag, Place, Slot, Slots};

/// Sets of peers by hash.
#[derive(Default)]
pub(super) struct Masks {
    slots: Slots<Mask>,
}

#[derive(Clone, Copy)]
struct Mask {
    hash: u64,
    /// Never empty where something is stored.
    peers: u64,
}

impl Slot for Mask {
    const EMPTY: Mask = Mask { hash: 0, peers: 0 };
    const FULL_MAX: usize = 66;

    #[inline]
    fn is_empty(&self) -> bool {
        self.peers == 0
    }

    #[inline]
    fn tag(&self) -> u32 {
        tag(self.hash)
    }
}

impl Masks {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The peers under `hash`, as a mask.
    #[inline]
    pub(super) fn peers(&self, hash: u64) -> u64 {
        self.find(hash).map_or(0, |(_, slot)| slot.peers)
    }

    /// Adds a peer; it may be there already.
    pub(super) fn insert(&mut self, hash: u64, peer: u8) {
        match self.find(hash) {
            Some((place, slot)) => self.slots.replace(place, Mask { hash, peers: slot.peers | bit(peer) }),
            None => self.slots.insert(Mask { hash, peers: bit(peer) }),
        }
    }

    /// Takes a peer out; it need not be there.
    pub(super) fn remove(&mut self, hash: u64, peer: u8) {
        let Some((place, slot)) = self.find(hash) else { return };
        match slot.peers & !bit(peer) {
            0 => self.slots.remove(place),
            peers => self.slots.replace(place, Mask { hash, peers }),
        }
    }

    /// Bytes it owns.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.heap_bytes()
    }

    #[inline]
    fn find(&self, hash: u64) -> Option<(Place, Mask)> {
        self.slots.find(tag(hash), |slot| slot.hash == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_under_a_hash_once_and_leaves_nothing_behind() {
        let mut masks = Masks::default();
        for (hash, peer) in [(7, 0), (7, 63), (7, 0), (8, 5)] {
            masks.insert(hash, peer);
        }
        assert_eq!((masks.peers(7), masks.peers(8), masks.peers(9)), (bit(0) | bit(63), bit(5), 0));
        for (hash, peer) in [(9, 0), (7, 5), (7, 0)] {
            masks.remove(hash, peer);
        }
        assert_eq!((masks.peers(7), masks.peers(8)), (bit(63), bit(5)));
        masks.remove(7, 63);
        masks.remove(8, 5);
        assert!(masks.is_empty());
    }
}
