//! The router against the naive rule: a few shards, a list of subscriptions, and `matches` for each of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasherDefault;

use ahash::AHasher;
use proptest::prelude::*;

use super::*;
use crate::mqtt::{matches, QoS};

const SHARDS: u8 = 3;
const GROUPS: [&str; 4] = ["$share/g/a/+", "$share/h/a/+", "$share/g/#", "$share/g/a/b"];

#[derive(Clone, Debug)]
enum Op {
    Subscribe { shard: u8, session: u32, filter: String, options: Options, identifier: u32 },
    Unsubscribe { shard: u8, session: u32, filter: usize },
    Share { shard: u8, session: u32, group: usize, identifier: u32, connected: bool },
    Unshare { shard: u8, session: u32, group: usize },
    Connect { shard: u8, session: u32, connected: bool },
    End { shard: u8, session: u32 },
    Route { shard: u8, topic: String, publisher: Option<u32> },
}

/// A subscription of the model: who, with which filter or group.
type Place = (u8, u32, String);

struct World {
    routers: Vec<Router>,
    /// Whether a hash may stand for several filters.
    weak: bool,
    plain: BTreeMap<Place, (FilterKey, Options, u32)>,
    members: BTreeMap<Place, (FilterKey, bool, u32)>,
    route: Route,
}

impl World {
    fn new(weak: bool) -> World {
        let keys = if weak { Keys::weak(1, 1) } else { Keys::new(1) };
        let routers = (0..SHARDS).map(|shard| Router::with_keys(shard, SHARDS, keys.clone())).collect();
        World { routers, weak, plain: BTreeMap::new(), members: BTreeMap::new(), route: Route::default() }
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Subscribe { shard, session, filter, options, identifier } => {
                let place = (shard, session, filter);
                let parsed = TopicFilter::parse(ProtocolVersion::V5, &place.2).unwrap();
                let router = &mut self.routers[usize::from(shard)];
                let done = router.subscribe(SessionKey(session), parsed, options, NonZeroU32::new(identifier));
                assert_eq!(router.filter_text(done.key), place.2);
                let old = self.plain.insert(place, (done.key, options, identifier));
                assert_eq!(done.is_new, old.is_none());
                self.tell_interest(shard, done.interest, true);
            }
            Op::Unsubscribe { shard, session, filter } => {
                let of_session = self.plain.keys().filter(|place| (place.0, place.1) == (shard, session));
                let Some(place) = of_session.cycle().nth(filter).cloned() else { return };
                let key = self.plain.remove(&place).unwrap().0;
                let router = &mut self.routers[usize::from(shard)];
                let done = router.unsubscribe(SessionKey(session), &place.2).unwrap();
                assert_eq!(done.key, key);
                assert_eq!(router.unsubscribe(SessionKey(session), &place.2), None);
                self.tell_interest(shard, done.interest, false);
            }
            Op::Share { shard, session, group, identifier, connected } => {
                let place = (shard, session, GROUPS[group].to_owned());
                let parsed = TopicFilter::parse(ProtocolVersion::V5, GROUPS[group]).unwrap();
                let options = Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false };
                let router = &mut self.routers[usize::from(shard)];
                let done = router.share(SessionKey(session), parsed, options, NonZeroU32::new(identifier), connected);
                assert_eq!(router.filter_text(done.key), place.2);
                let old = self.members.insert(place, (done.key, connected, identifier));
                assert_eq!(done.is_new, old.is_none());
                self.tell_weight(shard, &done.weight);
            }
            Op::Unshare { shard, session, group } => {
                let removed = self.members.remove(&(shard, session, GROUPS[group].to_owned()));
                let done = self.routers[usize::from(shard)].unshare(SessionKey(session), GROUPS[group]);
                assert_eq!(done.as_ref().map(|done| done.key), removed.map(|removed| removed.0));
                if let Some(done) = done {
                    self.tell_weight(shard, &done.weight);
                }
            }
            Op::Connect { shard, session, connected } => {
                let mut weights = Vec::new();
                for (_, (key, was, _)) in self.members.iter_mut().filter(|(at, _)| (at.0, at.1) == (shard, session)) {
                    let router = &mut self.routers[usize::from(shard)];
                    let weight = router.share_member_connected(SessionKey(session), *key, connected);
                    assert_eq!(weight.is_some(), *was != connected);
                    *was = connected;
                    weights.extend(weight);
                }
                weights.iter().for_each(|weight| self.tell_weight(shard, weight));
            }
            Op::End { shard, session } => self.end(shard, session),
            Op::Route { shard, topic, publisher } => self.check_route(shard, &topic, publisher),
        }
    }

    fn end(&mut self, shard: u8, session: u32) {
        let mine = |place: &Place| (place.0, place.1) == (shard, session);
        let plain = self.plain.iter().filter(|(place, _)| mine(place)).map(|(_, known)| known.0);
        let members = self.members.iter().filter(|(place, _)| mine(place)).map(|(_, known)| known.0);
        for key in plain.chain(members).collect::<Vec<FilterKey>>() {
            match self.routers[usize::from(shard)].unsubscribe_key(SessionKey(session), key).unwrap() {
                Removed::Plain(done) => self.tell_interest(shard, done.interest, false),
                Removed::Shared(done) => self.tell_weight(shard, &done.weight),
            }
        }
        self.plain.retain(|place, _| !mine(place));
        self.members.retain(|place, _| !mine(place));
    }

    fn tell_interest(&mut self, from: u8, interest: Option<Interest>, wanted: bool) {
        let Some(interest) = interest else { return };
        for peer in (0..SHARDS).filter(|&peer| peer != from) {
            // Twice: hearing it again changes nothing.
            for _ in 0..2 {
                match wanted {
                    true => self.routers[usize::from(peer)].peer_interested(from, &interest),
                    false => self.routers[usize::from(peer)].peer_uninterested(from, &interest),
                }
            }
        }
    }

    fn tell_weight(&mut self, from: u8, weight: &ShareWeight) {
        for peer in (0..SHARDS).filter(|&peer| peer != from) {
            self.routers[usize::from(peer)].peer_share(from, weight);
        }
    }

    fn check_route(&mut self, shard: u8, topic: &str, publisher: Option<u32>) {
        let name = TopicName::parse(topic).unwrap();
        let mut route = std::mem::take(&mut self.route);
        for other in 0..SHARDS {
            let router = &mut self.routers[usize::from(other)];
            let publisher = if other == shard {
                router.route(name, publisher.map(SessionKey), &mut route);
                self.check_peers(shard, topic, route.peers());
                self.check_shared(shard, topic, &route);
                publisher
            } else {
                router.route_local(name, &mut route);
                assert!(route.peers().is_empty() && route.shared().is_empty());
                None
            };
            assert_eq!(received(&route), self.expected(other, topic, publisher), "{topic} on {other}");
        }
        self.route = route;
    }

    /// By session: options and sorted identifiers of all subscriptions that match.
    fn expected(&self, shard: u8, topic: &str, publisher: Option<u32>) -> BTreeMap<u32, (QoS, bool, Vec<u32>)> {
        let mut expected = BTreeMap::new();
        for ((_, session, filter), (_, options, identifier)) in self.plain.iter().filter(|(place, _)| place.0 == shard)
        {
            if matches(filter, topic) && !(options.no_local && publisher == Some(*session)) {
                let receiver = expected.entry(*session).or_insert((QoS::AtMostOnce, false, Vec::new()));
                receiver.0 = receiver.0.max(options.qos);
                receiver.1 |= options.retain_as_published;
                receiver.2.extend((*identifier != 0).then_some(*identifier));
                receiver.2.sort_unstable();
            }
        }
        expected
    }

    fn check_peers(&self, shard: u8, topic: &str, peers: PeerSet) {
        let matching = self.plain.keys().filter(|place| place.0 != shard && matches(&place.2, topic));
        let expected: BTreeSet<u8> = matching.map(|place| place.0).collect();
        let told: BTreeSet<u8> = peers.iter().collect();
        assert!(told.is_superset(&expected), "{topic} from {shard}: {told:?} misses some of {expected:?}");
        assert!(self.weak || told == expected, "{topic} from {shard}: {told:?} is more than {expected:?}");
        assert!(!peers.contains(shard));
    }

    fn check_shared(&self, shard: u8, topic: &str, route: &Route) {
        let with_members: BTreeSet<&str> = self.members.keys().map(|place| &*place.2).collect();
        let inner = |group: &str| group.splitn(3, '/').nth(2).unwrap().to_owned();
        let expected: BTreeSet<&str> = with_members.into_iter().filter(|group| matches(&inner(group), topic)).collect();
        assert_eq!(route.shared().len(), expected.len(), "{topic}: one member of each group");
        if self.weak {
            // A key may stand for several groups then.
            return;
        }
        let router = &self.routers[usize::from(shard)];
        for pick in route.shared() {
            let group = *expected.iter().find(|group| router.keys.text(group) == pick.share.0).unwrap();
            let members = self.members.iter().filter(|(place, _)| place.2 == group);
            let any_connected = members.clone().any(|(_, known)| known.1);
            let mut able = members.filter(|(_, known)| known.1 || !any_connected);
            assert!(able.any(|((at, session, _), (_, _, identifier))| match &pick.target {
                ShareTarget::Peer(peer) => at == peer && *peer != shard,
                ShareTarget::Local(receiver) => {
                    let identifiers: Vec<u32> = (*identifier != 0).then_some(*identifier).into_iter().collect();
                    *at == shard && receiver.session.0 == *session && route.identifiers_of(receiver) == identifiers
                }
            }));
        }
    }
}

fn received(route: &Route) -> BTreeMap<u32, (QoS, bool, Vec<u32>)> {
    let mut all = BTreeMap::new();
    for receiver in route.receivers() {
        let mut identifiers = route.identifiers_of(receiver).to_vec();
        identifiers.sort_unstable();
        let options = receiver.options;
        let entry = (options.qos, options.retain_as_published, identifiers);
        assert!(all.insert(receiver.session.0, entry).is_none(), "each session once");
    }
    all
}

fn options() -> impl Strategy<Value = Options> {
    let qos = prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)];
    let flags = (qos, any::<bool>(), any::<bool>());
    flags.prop_map(|(qos, no_local, retain_as_published)| Options { qos, no_local, retain_as_published })
}

fn op() -> impl Strategy<Value = Op> {
    // Often few and short ones, so that topics meet them; rarely `#`, which would hide what others miss.
    let filter = prop_oneof![
        5 => "(\\$|[ab])(/[ab]){0,1}",
        5 => "(\\$|\\+|[ab]?)(/(\\+|[ab]?)){0,3}(/#)?",
        1 => "#",
    ];
    let topic = prop_oneof!["(\\$|[ab])(/[ab]){0,1}", "(\\$|[ab]?)(/[ab]?){0,3}"];
    let filter = filter.prop_filter("not empty", |filter| !filter.is_empty());
    let topic = topic.prop_filter("not empty", |topic| !topic.is_empty());
    let (shard, session, group) = (0..SHARDS, 0..6_u32, 0..GROUPS.len());
    let at = (shard.clone(), session.clone());
    prop_oneof![
        8 => (at.clone(), filter, options(), 0..4_u32).prop_map(|((shard, session), filter, options, identifier)| {
            Op::Subscribe { shard, session, filter, options, identifier }
        }),
        4 => (at.clone(), 0..9_usize).prop_map(|((shard, session), filter)| Op::Unsubscribe { shard, session, filter }),
        3 => (at.clone(), group.clone(), 0..3_u32, any::<bool>())
            .prop_map(|((shard, session), group, identifier, connected)| {
                Op::Share { shard, session, group, identifier, connected }
            }),
        2 => (at.clone(), group).prop_map(|((shard, session), group)| Op::Unshare { shard, session, group }),
        2 => (at.clone(), any::<bool>()).prop_map(|((shard, session), connected)| {
            Op::Connect { shard, session, connected }
        }),
        1 => at.prop_map(|(shard, session)| Op::End { shard, session }),
        10 => (shard, topic, prop::option::of(session)).prop_map(|(shard, topic, publisher)| {
            Op::Route { shard, topic, publisher }
        }),
    ]
}

proptest! {
    #[test]
    fn routes_as_the_naive_rule_does_and_leaves_nothing_behind(
        ops in prop::collection::vec(op(), 0..150),
        weak in any::<bool>(),
    ) {
        let mut world = World::new(weak);
        for op in ops {
            world.run(op);
        }
        for shard in 0..SHARDS {
            for session in 0..6 {
                world.end(shard, session);
            }
        }
        for router in &world.routers {
            prop_assert!(router.is_empty());
        }
    }
}

fn plain_options() -> Options {
    Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false }
}

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::parse(ProtocolVersion::V5, text).unwrap()
}

#[test]
fn peers_hear_of_a_filter_from_its_first_to_its_last_subscription() {
    let mut router = Router::new(0, 2, 1);
    for text in ["a/b", "a/#"] {
        let first = router.subscribe(SessionKey(1), filter(text), plain_options(), None);
        let second = router.subscribe(SessionKey(2), filter(text), plain_options(), None);
        assert!(first.interest.is_some() && second.interest.is_none() && second.is_new);
        assert_eq!(first.key, second.key);
        assert_eq!(router.unsubscribe(SessionKey(1), text).unwrap().interest, None);
        assert_eq!(router.unsubscribe(SessionKey(2), text).unwrap().interest, first.interest);
    }
    assert!(router.is_empty());
}

#[test]
fn a_single_shard_announces_nothing() {
    let mut router = Router::new(0, 1, 1);
    assert_eq!(router.subscribe(SessionKey(1), filter("a/b"), plain_options(), None).interest, None);
    assert_eq!(router.unsubscribe(SessionKey(1), "a/b").unwrap().interest, None);
}

#[test]
fn filters_that_share_a_hash_are_one_interest_until_the_last_has_gone() {
    let keys = Keys::weak(1, 1);
    let texts: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let same: Vec<&String> = texts.iter().filter(|text| keys.text(text) == 0).take(2).collect();
    let mut router = Router::with_keys(0, 2, keys);
    let first = router.subscribe(SessionKey(1), filter(same[0]), plain_options(), None);
    let second = router.subscribe(SessionKey(1), filter(same[1]), plain_options(), None);
    assert_eq!((first.interest, second.interest), (Some(Interest::Exact(0)), None));
    assert_eq!(router.unsubscribe_key(SessionKey(2), first.key), None);
    assert_eq!(router.unsubscribe(SessionKey(1), same[0]).unwrap().interest, None);
    assert_eq!(router.unsubscribe(SessionKey(1), same[1]).unwrap().interest, Some(Interest::Exact(0)));
}

#[test]
fn mqtt5_3_3_4_4_equal_identifiers_of_several_subscriptions_are_repeated() {
    let mut router = Router::new(0, 1, 1);
    let mut route = Route::default();
    for (text, identifier) in [("a/b", 7), ("a/+", 7), ("#", 9)] {
        router.subscribe(SessionKey(1), filter(text), plain_options(), NonZeroU32::new(identifier));
    }
    router.subscribe(SessionKey(2), filter("a/+"), plain_options(), NonZeroU32::new(3));
    router.subscribe(SessionKey(3), filter("a/+"), plain_options(), None);
    router.route(TopicName::parse("a/b").unwrap(), None, &mut route);
    let got: BTreeMap<u32, Vec<u32>> = received(&route).into_iter().map(|(session, got)| (session, got.2)).collect();
    assert_eq!(got, BTreeMap::from([(1, vec![7, 7, 9]), (2, vec![3]), (3, vec![])]));
    route.clear();
    assert!(route.is_empty());
}

#[test]
fn the_epochs_of_merging_survive_their_wrap_around() {
    let mut router = Router::new(0, 1, 1);
    let mut route = Route::default();
    for text in ["a", "+"] {
        router.subscribe(SessionKey(1), filter(text), plain_options(), None);
    }
    router.merge.wrap_soon();
    for _ in 0..4 {
        router.route(TopicName::parse("a").unwrap(), None, &mut route);
        assert_eq!(route.receivers().len(), 1);
    }
}

/// Filters whose memory is counted.
const FILTERS: u32 = 100_000;
const PER_SESSION: u32 = 1000;

/// Bytes a filter costs.
struct Cost {
    /// Where its subscriber is.
    owner: f64,
    /// The owner's, with what the session keeps of it.
    with_session: f64,
    /// Where only a peer's interest in it is known.
    peer: f64,
}

/// 70 % exact and 30 % wildcard filters of a fleet of devices.
fn fleet(number: u32) -> String {
    match number % 10 {
        0 => format!("site/{}/device/{number}/+", number % 50),
        1 => format!("site/{}/+/{number}/state", number % 50),
        2 => format!("device/{number}/#"),
        _ => format!("site/{}/device/{number}/state", number % 50),
    }
}

/// 25 % exact and 75 % wildcard filters, each with a level of its own.
fn harsh(number: u32) -> String {
    match number % 4 {
        0 => format!("site/{}/device/{number}/+", number % 50),
        1 => format!("site/{}/+/{number}/state", number % 50),
        2 => format!("device/{number}/#"),
        _ => format!("site/{}/device/{number}/state", number % 50),
    }
}

fn cost(text: fn(u32) -> String) -> Cost {
    let mut owner = Router::new(0, 2, 1);
    let mut peer = Router::new(1, 2, 1);
    let mut sessions: Vec<HashSet<FilterKey, BuildHasherDefault<AHasher>>> = Vec::new();
    for number in 0..FILTERS {
        let text = text(number);
        let done = owner.subscribe(SessionKey(number / PER_SESSION), filter(&text), plain_options(), None);
        peer.peer_interested(0, &done.interest.unwrap());
        sessions.resize_with((number / PER_SESSION + 1) as usize, HashSet::default);
        sessions.last_mut().unwrap().insert(done.key);
    }
    // A set has room for seven eighths of its slots, each a key and a byte.
    let kept: usize = sessions.iter().map(|set| set.capacity() * 8 / 7 * (size_of::<FilterKey>() + 1)).sum();
    let each = |bytes: usize| bytes as f64 / f64::from(FILTERS);
    Cost {
        owner: each(owner.plain.heap_bytes()),
        with_session: each(owner.plain.heap_bytes() + kept),
        peer: each(peer.interest.heap_bytes()),
    }
}

#[test]
fn a_filter_costs_at_most_120_bytes_where_its_subscriber_is_and_32_at_a_peer() {
    for (mix, text) in [("fleet", fleet as fn(u32) -> String), ("harsh", harsh)] {
        let Cost { owner, with_session, peer } = cost(text);
        println!("{mix}: {owner:.1} B a filter, {with_session:.1} B with its session, {peer:.1} B at a peer");
        assert!(with_session <= 120.0, "{mix}: {with_session:.1}");
        assert!(peer <= 32.0, "{mix}: {peer:.1}");
    }
}
