//! Shared subscriptions: each publication goes to one member of each group that matches.
//!
//! The shard a publication enters at chooses the shard, by weight; that shard chooses the member. Connected members come
//! first, wherever they are: an offline one is chosen only if there is no other [MQTT5-4.8.2]. The choice is fair by
//! counting, not by chance, so that the same events give the same choices.

use std::collections::BTreeMap;
use std::ops::Bound;

use slab::Slab;

use super::asked::Asked;
use super::hash::Keys;
use super::index::Index;
use super::subscribers::{Subscriber, Wishes};
use super::words::{Receiver, SessionKey, ShareKey, ShareTarget, SharedPick};
use crate::table::handles::Handles;

/// What peers are told of a group whenever it changes: the members it has on one shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareWeight {
    /// The whole text, `$share/name/filter`.
    pub share: Box<str>,
    /// Members whose sessions are connected.
    pub connected: u32,
    /// The others; none of both: the shard has no member any more.
    pub offline: u32,
}

/// All groups that have a member on any shard.
pub(super) struct Shared {
    keys: Keys,
    groups: Slab<Group>,
    by_text: Handles,
    /// The filters without `$share/name/`, and the groups of each.
    index: Index<Vec<u32>>,
}

struct Group {
    share: Box<str>,
    key: ShareKey,
    filter: u32,
    members: Members,
    /// Owed to this shard by the choices made so far.
    credit: i64,
    /// In order of their numbers; only those that have members.
    peers: Vec<Peer>,
}

#[derive(Default)]
struct Members {
    connected: BTreeMap<SessionKey, Wishes>,
    offline: BTreeMap<SessionKey, Wishes>,
    last: Option<SessionKey>,
}

struct Peer {
    peer: u8,
    connected: u32,
    offline: u32,
    credit: i64,
}

impl Shared {
    pub(super) fn new(keys: Keys) -> Shared {
        let index = Index::new(keys.clone());
        Shared { keys, groups: Slab::new(), by_text: Handles::default(), index }
    }

    /// Frees what only filters that are gone have needed.
    pub(super) fn give_back(&mut self) {
        self.index.give_back();
    }

    #[inline]
    pub(super) fn has_groups(&self) -> bool {
        !self.by_text.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.by_text.is_empty() && self.index.is_empty()
    }

    /// The text of a group.
    pub(super) fn text(&self, handle: u32) -> Option<&str> {
        self.groups.get(handle as usize).map(|group| &*group.share)
    }

    /// The handle of a group.
    pub(super) fn find(&self, share: &str) -> Option<u32> {
        self.by_text.find(self.keys.text(share), |handle| self.text(handle) == Some(share))
    }

    /// Adds a member, or changes its wishes and whether it is connected. Returns the group and whether it is new there.
    pub(super) fn join(&mut self, share: &str, filter: &str, member: Subscriber, connected: bool) -> (u32, bool) {
        let handle = self.find(share).unwrap_or_else(|| self.add_group(share, filter));
        let members = &mut self.groups[handle as usize].members;
        let was_connected = members.connected.remove(&member.session).is_some();
        let was_offline = members.offline.remove(&member.session).is_some();
        members.side(connected).insert(member.session, member.wishes);
        (handle, !was_connected && !was_offline)
    }

    /// Removes a member. Returns what peers must hear.
    pub(super) fn leave(&mut self, session: SessionKey, handle: u32) -> Option<ShareWeight> {
        let group = self.groups.get_mut(handle as usize)?;
        let was_connected = group.members.connected.remove(&session).is_some();
        let was_offline = group.members.offline.remove(&session).is_some();
        if !was_connected && !was_offline {
            return None;
        }
        let weight = group.weight();
        self.drop_if_empty(handle);
        Some(weight)
    }

    /// Notes that a member's session is connected now, or is not. Returns what peers must hear.
    pub(super) fn connect(&mut self, session: SessionKey, handle: u32, connected: bool) -> Option<ShareWeight> {
        let group = self.groups.get_mut(handle as usize)?;
        let wishes = group.members.side(!connected).remove(&session)?;
        group.members.side(connected).insert(session, wishes);
        Some(group.weight())
    }

    /// The members of a group on this shard.
    pub(super) fn weight(&self, handle: u32) -> ShareWeight {
        self.groups[handle as usize].weight()
    }

    /// Hears how many members a peer has.
    pub(super) fn hear(&mut self, peer: u8, filter: &str, weight: &ShareWeight) {
        let gone = weight.connected == 0 && weight.offline == 0;
        let handle = match self.find(&weight.share) {
            Some(handle) => handle,
            None if gone => return,
            None => self.add_group(&weight.share, filter),
        };
        let peers = &mut self.groups[handle as usize].peers;
        match peers.binary_search_by_key(&peer, |known| known.peer) {
            Ok(at) if gone => {
                peers.remove(at);
            }
            Ok(at) => {
                peers[at].connected = weight.connected;
                peers[at].offline = weight.offline;
            }
            Err(_) if gone => {}
            Err(at) => {
                let ShareWeight { connected, offline, .. } = *weight;
                peers.insert(at, Peer { peer, connected, offline, credit: 0 });
            }
        }
        self.drop_if_empty(handle);
    }

    /// Appends a choice for each group that matches a topic. `found` is room to work in.
    pub(super) fn choose(&mut self, asked: &mut Asked<'_>, found: &mut Vec<u32>, picks: &mut Vec<SharedPick>) {
        found.clear();
        self.index.matches(asked, found);
        for &filter in found.iter() {
            let Some(groups) = self.index.value(filter) else { continue };
            for &handle in groups {
                let group = &mut self.groups[handle as usize];
                let share = group.key;
                picks.extend(group.choose(None).map(|target| SharedPick { share, target }));
            }
        }
    }

    /// Chooses anew, among all but the session `not`.
    pub(super) fn pick(&mut self, share: ShareKey, not: Option<SessionKey>) -> Option<ShareTarget> {
        self.by_key(share)?.choose(not)
    }

    /// Chooses among the members of this shard.
    pub(super) fn pick_local(&mut self, share: ShareKey) -> Option<Receiver> {
        self.by_key(share)?.members.choose(None)
    }

    /// The group with this hash. If two had the same (one in 2^64), one would get the other's strays.
    pub(super) fn find_key(&self, share: ShareKey) -> Option<u32> {
        self.by_text.find(share.0, |handle| self.groups[handle as usize].key == share)
    }

    fn by_key(&mut self, share: ShareKey) -> Option<&mut Group> {
        let handle = self.find_key(share)?;
        self.groups.get_mut(handle as usize)
    }

    fn add_group(&mut self, share: &str, filter: &str) -> u32 {
        let hash = self.keys.text(share);
        let handle = self.groups.vacant_key() as u32;
        let filter = match self.index.find(filter) {
            Some(known) => known,
            None => self.index.insert(filter, Vec::with_capacity(1)).0,
        };
        self.index.value_mut(filter).expect("found or made above").push(handle);
        let members = Members::default();
        self.groups.insert(Group {
            share: share.into(),
            key: ShareKey(hash),
            filter,
            members,
            credit: 0,
            peers: Vec::new(),
        });
        self.by_text.insert(hash, handle);
        handle
    }

    fn drop_if_empty(&mut self, handle: u32) {
        let group = &self.groups[handle as usize];
        if !group.members.is_empty() || !group.peers.is_empty() {
            return;
        }
        let Group { key, filter, .. } = self.groups.remove(handle as usize);
        let was_known = self.by_text.remove(key.0, handle);
        debug_assert!(was_known, "a group is found by its text as long as it is there");
        let groups = self.index.value_mut(filter).expect("a group's filter is stored as long as the group");
        groups.retain(|&other| other != handle);
        if groups.is_empty() {
            self.index.remove(filter);
        }
    }
}

impl Group {
    fn weight(&self) -> ShareWeight {
        let Members { connected, offline, .. } = &self.members;
        ShareWeight { share: self.share.clone(), connected: connected.len() as u32, offline: offline.len() as u32 }
    }

    /// Smooth weighted round robin: all gain their weight, the one owed most is chosen and pays the sum. Over a time in
    /// which nobody comes or goes each shard is chosen exactly as often as it has members.
    fn choose(&mut self, not: Option<SessionKey>) -> Option<ShareTarget> {
        if self.peers.is_empty() {
            return self.members.choose(not).map(ShareTarget::Local);
        }
        let any_connected = count(&self.members.connected, not) > 0 || self.peers.iter().any(|peer| peer.connected > 0);
        let here = count(if any_connected { &self.members.connected } else { &self.members.offline }, not);
        let total = here + self.peers.iter().map(|peer| peer.weight(any_connected)).sum::<i64>();
        let mut best = gain(&mut self.credit, here, total);
        let mut chosen = None;
        for peer in &mut self.peers {
            let weight = peer.weight(any_connected);
            let credit = gain(&mut peer.credit, weight, total);
            if credit > best {
                best = credit;
                chosen = Some(peer);
            }
        }
        match chosen {
            Some(peer) => {
                peer.credit -= total;
                Some(ShareTarget::Peer(peer.peer))
            }
            None => {
                self.credit -= total;
                self.members.choose(not).map(ShareTarget::Local)
            }
        }
    }
}

impl Members {
    fn is_empty(&self) -> bool {
        self.connected.is_empty() && self.offline.is_empty()
    }

    fn side(&mut self, connected: bool) -> &mut BTreeMap<SessionKey, Wishes> {
        if connected {
            &mut self.connected
        } else {
            &mut self.offline
        }
    }

    /// Round robin by session key: the next one after the last chosen, whoever has come or gone since.
    fn choose(&mut self, not: Option<SessionKey>) -> Option<Receiver> {
        let side = if count(&self.connected, not) > 0 { &self.connected } else { &self.offline };
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut round = side.range((after, Bound::Unbounded)).chain(side);
        let (&session, &wishes) = round.find(|(&session, _)| Some(session) != not)?;
        self.last = Some(session);
        Some(Subscriber { session, wishes }.receiver())
    }
}

impl Peer {
    fn weight(&self, connected: bool) -> i64 {
        i64::from(if connected { self.connected } else { self.offline })
    }
}

/// Members of one side other than `not`.
fn count(side: &BTreeMap<SessionKey, Wishes>, not: Option<SessionKey>) -> i64 {
    let excluded = not.is_some_and(|session| side.contains_key(&session));
    side.len() as i64 - i64::from(excluded)
}

/// Adds `weight` to a credit and returns it, the smallest number if it cannot be chosen. The bounds keep a debt from
/// outliving the weights it was made with.
fn gain(credit: &mut i64, weight: i64, total: i64) -> i64 {
    if weight == 0 {
        *credit = 0;
        return i64::MIN;
    }
    *credit = (*credit + weight).clamp(-total, total);
    *credit
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::mqtt::QoS;
    use crate::router::asked::Room;
    use crate::router::words::Options;

    const SHARE: &str = "$share/g/a/+";

    fn shared() -> Shared {
        Shared::new(Keys::new(1))
    }

    fn member(session: u32) -> Subscriber {
        let options = Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false };
        Subscriber::new(SessionKey(session), options, NonZeroU32::new(session + 100))
    }

    fn told(connected: u32, offline: u32) -> ShareWeight {
        ShareWeight { share: SHARE.into(), connected, offline }
    }

    /// Chooses `times` and counts: members here by session, then peers by number.
    fn tally(shared: &mut Shared, times: usize) -> (BTreeMap<u32, usize>, BTreeMap<u8, usize>) {
        let (mut members, mut peers) = (BTreeMap::new(), BTreeMap::new());
        let mut picks = Vec::new();
        for _ in 0..times {
            let (keys, mut room) = (shared.keys.clone(), Room::default());
            shared.choose(&mut Asked::new(&keys, "a/b", &mut room), &mut Vec::new(), &mut picks);
        }
        for pick in picks {
            match pick.target {
                ShareTarget::Local(receiver) => {
                    assert_eq!(receiver.share_identifiers(), [receiver.session.0 + 100]);
                    *members.entry(receiver.session.0).or_default() += 1;
                }
                ShareTarget::Peer(peer) => *peers.entry(peer).or_default() += 1,
            }
        }
        (members, peers)
    }

    #[test]
    fn each_member_anywhere_gets_its_fair_part() {
        let mut shared = shared();
        for session in [9, 2, 5] {
            assert!(shared.join(SHARE, "a/+", member(session), true).1);
        }
        assert!(!shared.join(SHARE, "a/+", member(5), true).1);
        assert_eq!(tally(&mut shared, 30), (BTreeMap::from([(2, 10), (5, 10), (9, 10)]), BTreeMap::new()));
        shared.hear(7, "a/+", &told(2, 0));
        shared.hear(1, "a/+", &told(1, 4));
        let expected = (BTreeMap::from([(2, 10), (5, 10), (9, 10)]), BTreeMap::from([(1, 10), (7, 20)]));
        assert_eq!(tally(&mut shared, 60), expected);
    }

    #[test]
    fn offline_members_are_chosen_only_if_nobody_is_connected_anywhere() {
        let mut shared = shared();
        let (handle, _) = shared.join(SHARE, "a/+", member(1), true);
        shared.join(SHARE, "a/+", member(2), false);
        assert_eq!(tally(&mut shared, 4), (BTreeMap::from([(1, 4)]), BTreeMap::new()));
        assert_eq!(shared.connect(SessionKey(1), handle, false), Some(told(0, 2)));
        assert_eq!(shared.connect(SessionKey(1), handle, false), None);
        assert_eq!(tally(&mut shared, 4), (BTreeMap::from([(1, 2), (2, 2)]), BTreeMap::new()));
        shared.hear(3, "a/+", &told(0, 2));
        assert_eq!(tally(&mut shared, 8), (BTreeMap::from([(1, 2), (2, 2)]), BTreeMap::from([(3, 4)])));
        shared.hear(3, "a/+", &told(1, 2));
        assert_eq!(tally(&mut shared, 8), (BTreeMap::new(), BTreeMap::from([(3, 8)])));
    }

    #[test]
    fn another_is_picked_for_a_member_that_died() {
        let mut shared = shared();
        let (handle, _) = shared.join(SHARE, "a/+", member(1), true);
        let share = shared.groups[handle as usize].key;
        assert_eq!(shared.pick(share, Some(SessionKey(1))), None);
        assert!(shared.pick_local(share).is_some_and(|receiver| receiver.session == SessionKey(1)));
        shared.join(SHARE, "a/+", member(2), false);
        let picked = shared.pick(share, Some(SessionKey(1)));
        assert!(matches!(picked, Some(ShareTarget::Local(receiver)) if receiver.session == SessionKey(2)));
        shared.hear(3, "a/+", &told(1, 0));
        assert_eq!(shared.pick(share, Some(SessionKey(1))), Some(ShareTarget::Peer(3)));
        assert_eq!(shared.pick(ShareKey(1), None), None);
        assert_eq!(shared.pick_local(ShareKey(1)), None);
    }

    #[test]
    fn a_large_shard_that_shrinks_is_not_left_in_debt() {
        let mut shared = shared();
        shared.join(SHARE, "a/+", member(1), true);
        shared.hear(3, "a/+", &told(1_000_000, 0));
        tally(&mut shared, 10);
        shared.hear(3, "a/+", &told(1, 0));
        let (members, peers) = tally(&mut shared, 20);
        assert!((8..=12).contains(&members[&1]) && (8..=12).contains(&peers[&3]), "{members:?} {peers:?}");
    }

    #[test]
    fn a_group_lasts_as_long_as_it_has_a_member_anywhere() {
        let mut shared = shared();
        let (handle, _) = shared.join(SHARE, "a/+", member(1), true);
        shared.hear(2, "a/+", &told(0, 1));
        assert_eq!(shared.leave(SessionKey(1), handle), Some(told(0, 0)));
        assert_eq!(shared.leave(SessionKey(1), handle), None);
        assert!(!shared.is_empty());
        shared.hear(2, "a/+", &told(0, 0));
        shared.hear(2, "a/+", &told(0, 0));
        assert!(shared.is_empty());
        assert!(!shared.has_groups());
    }
}
