//! From a publication to those who get it: sessions of this shard, one member of each shared subscription, and the peers
//! that are interested.
//!
//! Knows filters, sessions and peers as numbers, and the retained messages. Must not know protocol versions, connections
//! or how anything is delivered. Invariants: what is told to peers never under-approximates what sessions here are
//! subscribed to; nothing of a subscription is left when it has gone; and a choice depends on nothing but the seed and
//! the calls so far.

mod asked;
mod hash;
mod index;
mod interest;
mod levels;
mod masks;
mod retained;
mod route;
mod scan;
mod shape;
mod shapes;
mod shared;
mod subscribers;
mod symbols;
#[cfg(test)]
mod tests;
mod tombstones;
mod trie;
mod words;

use std::num::NonZeroU32;

use self::asked::{Asked, Room};
use self::hash::Keys;
use self::index::Index;
pub use self::interest::Interest;
use self::interest::PeerInterest;
use self::levels::Levels;
pub use self::retained::{Retained, RetainedScan, Scanned};
use self::route::Merge;
pub use self::route::Route;
pub use self::shape::Shape;
pub use self::shared::ShareWeight;
use self::shared::Shared;
use self::subscribers::{Left, Subscriber, Subscribers};
pub use self::words::{FilterKey, Options, PeerSet, Receiver, SessionKey, ShareKey, ShareTarget, SharedPick};
use crate::limits::SHARDS_MAX;
use crate::mqtt::{matches, ProtocolVersion, TopicFilter, TopicName};

/// What one shard knows about who wants what.
pub struct Router {
    shard: u8,
    shards: u8,
    keys: Keys,
    plain: Index<Subscribers>,
    shared: Shared,
    interest: PeerInterest,
    retained: Retained,
    merge: Merge,
    room: Room,
    found: Vec<u32>,
    changes: u64,
}

/// What [`Router::subscribe`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// Names the subscription's filter until the session unsubscribes.
    pub key: FilterKey,
    /// The session had no subscription with this filter.
    pub is_new: bool,
    /// What all peers must hear with [`Router::peer_interested`], before the client is told it is subscribed.
    pub interest: Option<Interest>,
}

/// What [`Router::unsubscribe`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribed {
    /// The key it had, no longer valid for this session.
    pub key: FilterKey,
    /// What all peers must hear with [`Router::peer_uninterested`].
    pub interest: Option<Interest>,
}

/// What [`Router::share`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Names the shared subscription until the session unsubscribes.
    pub key: FilterKey,
    /// The session was not a member.
    pub is_new: bool,
    /// What all peers must hear with [`Router::peer_share`].
    pub weight: ShareWeight,
}

/// What [`Router::unshare`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unshared {
    /// The key it had, no longer valid for this session.
    pub key: FilterKey,
    /// What all peers must hear with [`Router::peer_share`].
    pub weight: ShareWeight,
}

/// What [`Router::unsubscribe_key`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Ended a plain subscription.
    Plain(Unsubscribed),
    /// Ended a membership.
    Shared(Unshared),
}

impl Router {
    /// The router of `shard`, one of `shards`. The seed is the same on all shards of a process, and secret.
    pub fn new(shard: u8, shards: u8, seed: u64) -> Router {
        Router::with_keys(shard, shards, Keys::new(seed))
    }

    fn with_keys(shard: u8, shards: u8, keys: Keys) -> Router {
        assert!(shard < shards && usize::from(shards) <= SHARDS_MAX, "a set of peers is one 64-bit word");
        Router {
            shard,
            shards,
            plain: Index::new(keys.clone()),
            shared: Shared::new(keys.clone()),
            interest: PeerInterest::new(keys.clone()),
            retained: Retained::new(keys.clone(), shards),
            keys,
            merge: Merge::default(),
            room: Room::default(),
            found: Vec::new(),
            changes: 1,
        }
    }

    /// Who gets a publication that enters here. `publisher` is the session that published it, if it is one of ours.
    /// Whatever `into` held is forgotten.
    pub fn route(&mut self, topic: TopicName<'_>, publisher: Option<SessionKey>, into: &mut Route) {
        let mut asked = Asked::new(&self.keys, topic.as_str(), &mut self.room);
        fill_plain(&self.plain, &mut self.merge, &mut asked, &mut self.found, publisher, into);
        if self.shared.has_groups() {
            self.shared.choose(&mut asked, &mut self.found, &mut into.shared);
        }
        into.peers = self.interest.peers(&mut asked, &mut self.found);
    }

    /// Who gets a publication that came from a peer: the sessions of this shard with plain subscriptions. The shard it
    /// entered at has seen to the rest.
    pub fn route_local(&mut self, topic: TopicName<'_>, into: &mut Route) {
        let mut asked = Asked::new(&self.keys, topic.as_str(), &mut self.room);
        fill_plain(&self.plain, &mut self.merge, &mut asked, &mut self.found, None, into);
    }

    /// How often anything has changed that decides who gets a publication. What [`Router::route`] has answered holds
    /// while this stays the same, but for the members of shared subscriptions, who take turns. Never zero.
    #[inline]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Subscribes a session, or changes the subscription it has with the same filter [MQTT5-3.8.4-3].
    pub fn subscribe(
        &mut self,
        session: SessionKey,
        filter: TopicFilter<'_>,
        options: Options,
        identifier: Option<NonZeroU32>,
    ) -> Subscribed {
        self.changes += 1;
        let filter = filter.as_str();
        let subscriber = Subscriber::new(session, options, identifier);
        if let Some(handle) = self.plain.find(filter) {
            let is_new = self.plain.value_mut(handle).is_some_and(|known| known.insert(subscriber));
            return Subscribed { key: FilterKey::plain(handle), is_new, interest: None };
        }
        let (handle, interest) = self.plain.insert(filter, Subscribers::One(subscriber));
        Subscribed { key: FilterKey::plain(handle), is_new: true, interest: self.if_peers(interest) }
    }

    /// Ends the subscription of a session with exactly this filter; `None` if it has none.
    pub fn unsubscribe(&mut self, session: SessionKey, filter: &str) -> Option<Unsubscribed> {
        let handle = self.plain.find(filter)?;
        self.unsubscribe_handle(session, handle)
    }

    /// Ends a plain or shared subscription by its key; `None` if the session has none by it.
    pub fn unsubscribe_key(&mut self, session: SessionKey, key: FilterKey) -> Option<Removed> {
        if key.is_shared() {
            self.changes += 1;
            let weight = self.shared.leave(session, key.handle())?;
            Some(Removed::Shared(Unshared { key, weight }))
        } else {
            self.unsubscribe_handle(session, key.handle()).map(Removed::Plain)
        }
    }

    /// Frees the room that only searches have needed.
    pub fn give_back(&mut self) {
        self.room = Room::default();
        self.found = Vec::new();
        self.merge.give_back(self.plain.is_empty());
        self.plain.give_back();
        self.shared.give_back();
        self.interest.give_back();
    }

    /// The key of a filter that some session here is subscribed to.
    pub fn key_of(&self, filter: TopicFilter<'_>) -> Option<FilterKey> {
        match filter.share() {
            Some(_) => self.shared.find(filter.as_str()).map(FilterKey::shared),
            None => self.plain.find(filter.as_str()).map(FilterKey::plain),
        }
    }

    /// The text of a filter, of a shared subscription the whole one.
    ///
    /// # Panics
    /// If no session is subscribed to it any more.
    pub fn filter_text(&self, key: FilterKey) -> &str {
        if key.is_shared() {
            self.shared.text(key.handle()).expect("a key is used only while its session is a member")
        } else {
            self.plain.filter(key.handle())
        }
    }

    /// Makes a session a member of a shared subscription, or changes its options and whether it is connected.
    ///
    /// # Panics
    /// If `share` is not the filter of a shared subscription.
    pub fn share(
        &mut self,
        session: SessionKey,
        share: TopicFilter<'_>,
        options: Options,
        identifier: Option<NonZeroU32>,
        connected: bool,
    ) -> Joined {
        self.changes += 1;
        let inner = share.share().expect("the caller looks at `share()` to choose this way").filter;
        let member = Subscriber::new(session, options, identifier);
        let (handle, is_new) = self.shared.join(share.as_str(), inner.as_str(), member, connected);
        let weight = self.shared.weight(handle);
        Joined { key: FilterKey::shared(handle), is_new, weight }
    }

    /// Ends the membership of a session; `None` if it is no member.
    pub fn unshare(&mut self, session: SessionKey, share: &str) -> Option<Unshared> {
        self.changes += 1;
        let handle = self.shared.find(share)?;
        let weight = self.shared.leave(session, handle)?;
        Some(Unshared { key: FilterKey::shared(handle), weight })
    }

    /// The same for a share that was chosen: its member turned out to be no more.
    pub fn unshare_member(&mut self, session: SessionKey, share: ShareKey) -> Option<Unshared> {
        self.changes += 1;
        let handle = self.shared.find_key(share)?;
        let weight = self.shared.leave(session, handle)?;
        Some(Unshared { key: FilterKey::shared(handle), weight })
    }

    /// Notes that the session of a member has connected or disconnected. Returns what all peers must hear with
    /// [`Router::peer_share`], if anything.
    pub fn share_member_connected(
        &mut self,
        session: SessionKey,
        key: FilterKey,
        connected: bool,
    ) -> Option<ShareWeight> {
        if !key.is_shared() {
            return None;
        }
        self.changes += 1;
        self.shared.connect(session, key.handle(), connected)
    }

    /// Chooses anyone but the session `not` for a message whose chosen member is no more.
    pub fn pick(&mut self, share: ShareKey, not: Option<SessionKey>) -> Option<ShareTarget> {
        self.shared.pick(share, not)
    }

    /// Chooses a member on this shard for a message that a peer has sent to the group here.
    pub fn pick_local(&mut self, share: ShareKey) -> Option<Receiver> {
        self.shared.pick_local(share)
    }

    /// Hears that a peer wants something. Hearing it twice is as good as once.
    pub fn peer_interested(&mut self, peer: u8, interest: &Interest) {
        self.assert_peer(peer);
        self.changes += 1;
        self.interest.insert(peer, interest);
    }

    /// Hears that a peer no longer wants something. Hearing it twice is as good as once.
    pub fn peer_uninterested(&mut self, peer: u8, interest: &Interest) {
        self.assert_peer(peer);
        self.changes += 1;
        self.interest.remove(peer, interest);
    }

    /// Hears how many members of a shared subscription a peer has.
    pub fn peer_share(&mut self, peer: u8, weight: &ShareWeight) {
        self.assert_peer(peer);
        let share = TopicFilter::parse(ProtocolVersion::V5, &weight.share).ok().and_then(|filter| filter.share());
        let share = share.expect("a peer announces only what its own router told it");
        self.changes += 1;
        self.shared.hear(peer, share.filter.as_str(), weight);
    }

    /// Whether a publication to `topic` is among what this interest asks for.
    pub fn meets(&self, interest: &Interest, topic: &str) -> bool {
        match interest {
            Interest::Exact(hash) => *hash == self.keys.text(topic),
            Interest::Shaped(shape, hash) => {
                let mut levels = Levels::default();
                levels.reach(&self.keys, topic, shape.depth());
                shape.admits(&levels) && shape.hash(&self.keys, shape.seed(&self.keys), &levels) == *hash
            }
            Interest::Wildcard(filter) => matches(filter, topic),
        }
    }

    /// The retained messages.
    pub fn retained(&self) -> &Retained {
        &self.retained
    }

    /// The retained messages, to change them.
    pub fn retained_mut(&mut self) -> &mut Retained {
        &mut self.retained
    }

    /// How many different filters this shard's sessions are subscribed to, without shared subscriptions.
    pub fn filter_count(&self) -> usize {
        self.plain.len()
    }

    /// Nobody here or elsewhere is subscribed, and nothing is left of former subscriptions. Says nothing about retained
    /// messages.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.shared.is_empty() && self.interest.is_empty()
    }

    fn unsubscribe_handle(&mut self, session: SessionKey, handle: u32) -> Option<Unsubscribed> {
        self.changes += 1;
        let key = FilterKey::plain(handle);
        match self.plain.value_mut(handle)?.remove(session) {
            Left::Absent => None,
            Left::Some => Some(Unsubscribed { key, interest: None }),
            Left::None => {
                let (_, interest) = self.plain.remove(handle);
                Some(Unsubscribed { key, interest: self.if_peers(interest) })
            }
        }
    }

    /// An interest, if there is anybody to tell.
    fn if_peers(&self, interest: Option<Interest>) -> Option<Interest> {
        interest.filter(|_| self.shards > 1)
    }

    fn assert_peer(&self, peer: u8) {
        assert!(peer < self.shards && peer != self.shard, "a peer is another shard of this process");
    }
}

/// Replaces what is in `into` by the sessions with plain subscriptions.
#[inline]
fn fill_plain(
    plain: &Index<Subscribers>,
    merge: &mut Merge,
    asked: &mut Asked<'_>,
    found: &mut Vec<u32>,
    publisher: Option<SessionKey>,
    into: &mut Route,
) {
    into.clear();
    found.clear();
    plain.matches(asked, found);
    merge.fill(plain, found, publisher, into);
}
