//! The answer of the router, and how overlapping subscriptions of one session become one receiver.

use super::index::Index;
use super::subscribers::Subscribers;
use super::words::{PeerSet, Receiver, SessionKey, SharedPick};

/// Who gets one publication. Reused: routing again keeps the memory.
#[derive(Default)]
pub struct Route {
    pub(super) receivers: Vec<Receiver>,
    pub(super) identifiers: Vec<u32>,
    pub(super) shared: Vec<SharedPick>,
    pub(super) peers: PeerSet,
}

impl Route {
    /// The sessions of this shard with a plain subscription, each once.
    pub fn receivers(&self) -> &[Receiver] {
        &self.receivers
    }

    /// The identifiers of all subscriptions of `receiver` that match; those without one are not counted. Equal ones are
    /// repeated. Works for receivers of shared subscriptions too.
    pub fn identifiers_of<'a>(&'a self, receiver: &'a Receiver) -> &'a [u32] {
        receiver.identifiers_in(&self.identifiers)
    }

    /// One for each shared subscription that matches and has a member.
    pub fn shared(&self) -> &[SharedPick] {
        &self.shared
    }

    /// The peers that have, or may have, plain subscribers.
    pub fn peers(&self) -> PeerSet {
        self.peers
    }

    /// Nobody gets it.
    pub fn is_empty(&self) -> bool {
        self.receivers.is_empty() && self.shared.is_empty() && self.peers.is_empty()
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.receivers.clear();
        self.identifiers.clear();
        self.shared.clear();
        self.peers = PeerSet::EMPTY;
    }
}

/// By hand for the sake of `clone_from`, which keeps the memory.
impl Clone for Route {
    fn clone(&self) -> Route {
        let mut copy = Route::default();
        copy.clone_from(self);
        copy
    }

    fn clone_from(&mut self, other: &Route) {
        self.receivers.clone_from(&other.receivers);
        self.identifiers.clone_from(&other.identifiers);
        self.shared.clone_from(&other.shared);
        self.peers = other.peers;
    }
}

/// Joins the subscribers of several filters.
#[derive(Default)]
pub(super) struct Merge {
    /// By session key: where its receiver is, if `turn` is the current one. Never has to be emptied.
    seen: Vec<Seen>,
    turn: u32,
    /// Receiver and identifier, in the order found.
    identifiers: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    turn: u32,
    receiver: u32,
}

impl Merge {
    /// Fills `route` with the subscribers of the filters `found`.
    #[inline]
    pub(super) fn fill(
        &mut self,
        index: &Index<Subscribers>,
        found: &[u32],
        publisher: Option<SessionKey>,
        route: &mut Route,
    ) {
        match *found {
            [] => {}
            // The common case: one list cannot name a session twice.
            [only] => {
                let Some(subscribers) = index.value(only) else { return };
                route.receivers.reserve(subscribers.len());
                subscribers.for_each(|one| {
                    if !is_own(one.wishes.no_local(), one.session, publisher) {
                        route.receivers.push(one.receiver());
                    }
                });
            }
            _ => self.fill_from_many(index, found, publisher, route),
        }
    }

    /// Frees room. What knows each session stays, unless nobody is subscribed any more: the next search would need it.
    pub(super) fn give_back(&mut self, is_unused: bool) {
        self.identifiers = Vec::new();
        if is_unused {
            *self = Merge::default();
        }
    }

    /// Lets the counter of turns begin again two turns from now.
    #[cfg(test)]
    pub(super) fn wrap_soon(&mut self) {
        self.turn = u32::MAX - 1;
    }

    fn fill_from_many(
        &mut self,
        index: &Index<Subscribers>,
        found: &[u32],
        publisher: Option<SessionKey>,
        route: &mut Route,
    ) {
        self.next_turn();
        self.identifiers.clear();
        for subscribers in found.iter().filter_map(|&handle| index.value(handle)) {
            subscribers.for_each(|one| {
                if is_own(one.wishes.no_local(), one.session, publisher) {
                    return;
                }
                let receiver = self.receiver_of(one.session, route.receivers.len());
                match route.receivers.get_mut(receiver as usize) {
                    Some(known) => known.merge(one.wishes.options()),
                    None => route.receivers.push(Receiver::new(one.session, one.wishes.options(), None)),
                }
                if let Some(identifier) = one.wishes.identifier() {
                    self.identifiers.push((receiver, identifier.get()));
                }
            });
        }
        if !self.identifiers.is_empty() {
            self.place_identifiers(route);
        }
    }

    /// Where the receiver of `session` is in this turn: `new` if it has none yet.
    fn receiver_of(&mut self, session: SessionKey, new: usize) -> u32 {
        let at = session.0 as usize;
        if at >= self.seen.len() {
            self.seen.resize(at + 1, Seen::default());
        }
        let seen = &mut self.seen[at];
        if seen.turn != self.turn {
            *seen = Seen { turn: self.turn, receiver: new as u32 };
        }
        seen.receiver
    }

    fn next_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        if self.turn == 0 {
            self.seen.fill(Seen::default());
            self.turn = 1;
        }
    }

    /// Brings the identifiers of each receiver together: counted, then placed, each list in the order found.
    fn place_identifiers(&mut self, route: &mut Route) {
        for &(receiver, identifier) in &self.identifiers {
            let receiver = &mut route.receivers[receiver as usize];
            receiver.count_identifier();
            // Stands for good if it stays the only one.
            receiver.set_identifier(identifier);
        }
        let mut end = 0;
        for receiver in route.receivers.iter_mut().filter(|receiver| receiver.identifier_count() > 1) {
            end += receiver.identifier_count();
            receiver.set_identifier(end);
        }
        route.identifiers.resize(end as usize, 0);
        // From the last to the first: each receiver's mark comes down from its end to its start.
        for &(receiver, identifier) in self.identifiers.iter().rev() {
            if let Some(place) = route.receivers[receiver as usize].take_identifier_place() {
                route.identifiers[place] = identifier;
            }
        }
    }
}

/// [MQTT5-3.8.3-3]: a subscription with No Local does not match what its own session publishes.
#[inline]
fn is_own(no_local: bool, session: SessionKey, publisher: Option<SessionKey>) -> bool {
    no_local && publisher == Some(session)
}
