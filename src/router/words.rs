//! The words the router and its users speak.

use std::num::NonZeroU32;

use crate::mqtt::QoS;

/// A session of this shard. The router only compares it and indexes a table with it, so keys must be small: a slab
/// index, reused when a session has ended. The table costs eight bytes for each key up to the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u32);

/// A shared subscription on any shard: a keyed hash of its whole text, the same on all shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareKey(pub(super) u64);

/// A filter, or shared subscription, stored on this shard. Valid as long as the session that got it is subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterKey(u32);

/// How a subscriber wants its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The highest QoS it takes.
    pub qos: QoS,
    /// Not its own publications.
    pub no_local: bool,
    /// The publication's RETAIN flag is passed on as it came.
    pub retain_as_published: bool,
}

/// A session of this shard that gets the message, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Who.
    pub session: SessionKey,
    /// How; of several subscriptions the highest QoS, and RETAIN as published if one of them wants it.
    pub options: Options,
    identifiers: u32,
    /// The identifier itself if there is one, else where they begin in the list of the route.
    identifier: u32,
}

/// A set of shards other than this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PeerSet(u64);

/// One shared subscription that matches, and who of it gets the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedPick {
    /// The shared subscription.
    pub share: ShareKey,
    /// The chosen one.
    pub target: ShareTarget,
}

/// Who of a shared subscription gets a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareTarget {
    /// A member here.
    Local(Receiver),
    /// A member of this peer, whose router chooses it with `pick_local`.
    Peer(u8),
}

impl ShareKey {
    /// A number that stands for it, for those who must not know the router.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The key that [`ShareKey::to_bits`] gave this number.
    pub fn from_bits(bits: u64) -> ShareKey {
        ShareKey(bits)
    }
}

impl FilterKey {
    const SHARED: u32 = 1 << 31;

    pub(super) fn plain(handle: u32) -> FilterKey {
        assert!(handle < Self::SHARED, "memory ends before two thousand million filters");
        FilterKey(handle)
    }

    pub(super) fn shared(handle: u32) -> FilterKey {
        assert!(handle < Self::SHARED, "memory ends before two thousand million groups");
        FilterKey(handle | Self::SHARED)
    }

    /// Whether it names a shared subscription.
    pub fn is_shared(self) -> bool {
        self.0 & Self::SHARED != 0
    }

    pub(super) fn handle(self) -> u32 {
        self.0 & !Self::SHARED
    }
}

impl Receiver {
    #[inline]
    pub(super) fn new(session: SessionKey, options: Options, identifier: Option<NonZeroU32>) -> Receiver {
        let identifier = identifier.map_or(0, NonZeroU32::get);
        Receiver { session, options, identifiers: u32::from(identifier != 0), identifier }
    }

    /// Counts one more identifier, to be placed when all are known.
    pub(super) fn count_identifier(&mut self) {
        self.identifiers += 1;
    }

    pub(super) fn identifier_count(&self) -> u32 {
        self.identifiers
    }

    /// The only identifier, or the end of where several are to be placed.
    pub(super) fn set_identifier(&mut self, identifier_or_end: u32) {
        self.identifier = identifier_or_end;
    }

    /// The last free place of several identifiers; after as many calls the receiver knows where they start.
    pub(super) fn take_identifier_place(&mut self) -> Option<usize> {
        if self.identifiers <= 1 {
            return None;
        }
        self.identifier -= 1;
        Some(self.identifier as usize)
    }

    /// Takes over the wishes of another subscription of the same session.
    pub(super) fn merge(&mut self, options: Options) {
        // [MQTT5-3.3.4-2] [MQTT311-3.3.5-1]: the maximum QoS of all matching subscriptions.
        self.options.qos = self.options.qos.max(options.qos);
        self.options.retain_as_published |= options.retain_as_published;
        self.options.no_local &= options.no_local;
    }

    /// The identifiers of the matching subscriptions, `list` being where those of its route are.
    #[inline]
    pub(super) fn identifiers_in<'a>(&'a self, list: &'a [u32]) -> &'a [u32] {
        match self.identifiers {
            0 => &[],
            1 => std::slice::from_ref(&self.identifier),
            many => {
                let start = self.identifier as usize;
                &list[start..start + many as usize]
            }
        }
    }

    /// The subscription identifiers of a receiver that came from a shared subscription: none or one.
    pub fn share_identifiers(&self) -> &[u32] {
        debug_assert!(self.identifiers <= 1);
        self.identifiers_in(&[])
    }
}

impl PeerSet {
    /// No peer.
    pub const EMPTY: PeerSet = PeerSet(0);

    pub(super) fn from_mask(mask: u64) -> PeerSet {
        PeerSet(mask)
    }

    /// One bit for each peer.
    pub fn mask(self) -> u64 {
        self.0
    }

    /// Adds a peer, below 64.
    pub fn insert(&mut self, peer: u8) {
        self.0 |= bit(peer);
    }

    /// Takes a peer out.
    pub fn remove(&mut self, peer: u8) {
        self.0 &= !bit(peer);
    }

    /// Whether `peer` is in the set.
    pub fn contains(self, peer: u8) -> bool {
        self.0 & bit(peer) != 0
    }

    /// Whether no peer is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many peers are in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The peers in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let peer = (rest != 0).then(|| rest.trailing_zeros() as u8)?;
            rest &= rest - 1;
            Some(peer)
        })
    }
}

/// The bit of `peer` in a mask.
#[inline]
pub(super) fn bit(peer: u8) -> u64 {
    debug_assert!(peer < 64);
    1 << (peer & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_sixteen_bytes() {
        assert_eq!(std::mem::size_of::<Receiver>(), 16);
    }

    #[test]
    fn a_peer_set_holds_all_sixty_four() {
        let mut peers = PeerSet::EMPTY;
        for peer in [63, 0, 7, 7] {
            peers.insert(peer);
        }
        assert_eq!(peers.iter().collect::<Vec<u8>>(), [0, 7, 63]);
        assert_eq!((peers.len(), peers.contains(7), peers.contains(8)), (3, true, false));
        peers.remove(63);
        peers.remove(62);
        assert_eq!(peers.iter().collect::<Vec<u8>>(), [0, 7]);
        assert!(!peers.is_empty() && PeerSet::EMPTY.is_empty());
    }

    #[test]
    fn plain_and_shared_keys_never_meet() {
        let (plain, shared) = (FilterKey::plain(5), FilterKey::shared(5));
        assert_ne!(plain, shared);
        assert_eq!((plain.is_shared(), shared.is_shared()), (false, true));
        assert_eq!((plain.handle(), shared.handle()), (5, 5));
    }
}
