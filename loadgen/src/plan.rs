//! From a load to clients: who they are, what they subscribe to, what they publish, and on which thread they live.

use std::net::IpAddr;
use std::sync::Arc;

use corecast::mqtt::QoS;

use crate::client::Client;
use crate::credit::{Credits, Home};
use crate::ledger::{Ledger, SharedLedger};
use crate::load::{Load, Shape};
use crate::orders::Group;
use crate::publisher::Publisher;
use crate::tally::{Account, Tally};
use crate::wire::Template;
use crate::worker::Member;

/// What does not follow from the load.
pub(crate) struct Choices<'a> {
    pub(crate) threads: usize,
    /// Of topics and client identifiers.
    pub(crate) prefix: &'a str,
    /// Where connections come from, in turn; none: the system chooses.
    pub(crate) sources: &'a [IpAddr],
    /// Of the closed loop.
    pub(crate) window: Option<u32>,
    pub(crate) in_flight_max: u16,
    pub(crate) is_live: bool,
}

/// What each thread is given.
pub(crate) struct Share {
    pub(crate) members: Vec<Member>,
    pub(crate) tally: Tally,
    pub(crate) publishers: u32,
}

pub(crate) struct Plan {
    pub(crate) shares: Vec<Share>,
    pub(crate) credits: Arc<Credits>,
    pub(crate) flows: u32,
    /// Of the topics published to, or of the filters if there are none: how long they are in the mean.
    pub(crate) topic_bytes: Option<f64>,
}

/// Which one in so many stops reading.
const SLOW_EVERY: u32 = 10;

/// Lays out all clients.
pub(crate) fn plan(load: &Load, choices: &Choices<'_>) -> Plan {
    let threads = choices.threads;
    let mut lists: Vec<Vec<Member>> = (0..threads).map(|_| Vec::new()).collect();
    let mut books: Vec<Books> = (0..threads).map(|_| Books::default()).collect();
    let mut homes = Vec::new();
    let mut next_source = choices.sources.iter().copied().cycle();
    for index in 0..load.subscribers + load.bulks() {
        let thread = index as usize % threads;
        let client = subscriber(load, choices, index, &mut books[thread], false);
        let is_slow = is_slow(load, index);
        lists[thread].push(Member::new(client, Group::Subscribers, is_slow, next_source.next()));
        if load.shape == Shape::TakeoverStorm {
            let double = subscriber(load, choices, index, &mut books[thread], true);
            lists[thread].push(Member::new(double, Group::Doubles, false, next_source.next()));
        }
    }
    for index in 0..load.publishers + load.bulks() {
        let thread = index as usize % threads;
        homes.push(Home { thread: thread as u32, client: lists[thread].len() as u32 });
        let client = publisher(load, choices, index, &mut books[thread]);
        lists[thread].push(Member::new(client, Group::Publishers, false, next_source.next()));
    }
    let credits = Arc::new(Credits::new(&homes, load.receivers(), choices.window.unwrap_or(1)));
    let topic_bytes = mean_topic_bytes(load, &lists, &books);
    let publishers = load.publishers + load.bulks();
    let shares = lists.into_iter().zip(books).map(|(members, books)| {
        let mut tally = Tally::new(Arc::clone(&credits), publishers, choices.is_live, choices.window.is_some());
        tally.ledgers = books.ledgers;
        if load.shape == Shape::SharedSub {
            tally.shared = Some(SharedLedger::new(load.flows(), books.shared_members as usize));
        }
        let paced = members.iter().filter_map(|member| member.client.publisher.as_ref()).filter(|one| !one.is_bulk);
        let publishers = paced.count() as u32;
        Share { members, tally, publishers }
    });
    Plan { shares: shares.collect(), credits: Arc::clone(&credits), flows: load.flows(), topic_bytes }
}

/// The accounts of a thread as they are opened.
#[derive(Default)]
struct Books {
    ledgers: Vec<Ledger>,
    shared_members: u32,
    topic_bytes: u64,
}

impl Books {
    fn own(&mut self, first: u32, count: u32) -> Account {
        self.ledgers.push(Ledger::new(first, count));
        Account::Own(self.ledgers.len() as u32 - 1)
    }

    fn shared(&mut self) -> Account {
        self.shared_members += 1;
        Account::Shared(self.shared_members - 1)
    }
}

fn subscriber(load: &Load, choices: &Choices<'_>, index: u32, books: &mut Books, is_double: bool) -> Client {
    let prefix = choices.prefix;
    let all = || vec![format!("{prefix}/#")];
    let one = |flow: u32| vec![format!("{prefix}/{}", load.topic_number(flow))];
    let (filters, account) = match load.shape {
        Shape::PointToPoint if index == load.subscribers => {
            books.ledgers.push(Ledger::new(index, 1));
            (one(index), Account::Bulk(books.ledgers.len() as u32 - 1))
        }
        Shape::PointToPoint | Shape::OfflineSessions => (one(index), books.own(index, 1)),
        Shape::Filters => {
            let own = (index..load.items).step_by(load.subscribers as usize);
            (own.map(|item| device_filter(load, prefix, item)).collect(), Account::Nobody)
        }
        Shape::Broadcast | Shape::SlowConsumer => {
            let topics = if load.items > 0 { load.items } else { load.publishers };
            let account = match books.own(0, load.publishers) {
                Account::Own(ledger) if is_slow(load, index) => Account::Slow(ledger),
                account => account,
            };
            ((0..topics).flat_map(one).collect(), account)
        }
        Shape::BroadcastByWildcard => (all(), books.own(0, load.publishers)),
        Shape::SharedSub => (vec![format!("$share/benchmark/{prefix}/#")], books.shared()),
        Shape::Wildcard => {
            let (first, end) =
                (slice(load.items, load.subscribers, index), slice(load.items, load.subscribers, index + 1));
            ((first..end).map(|item| tree(prefix, item).0).collect(), books.own(first, end - first))
        }
        Shape::Retained => (all(), books.own(0, load.items)),
        Shape::Connections => (Vec::new(), Account::Nobody),
        // With a subscription each, as clients that return have something to return to.
        Shape::ReconnectStorm | Shape::TakeoverStorm => (one(index), Account::Nobody),
        Shape::Ring => (Vec::new(), Account::Nobody),
    };
    debug_assert!(!is_double || account == Account::Nobody);
    let filters = filters.into_iter().map(String::into_boxed_str).collect();
    let is_clean = load.is_clean && load.shape != Shape::OfflineSessions;
    let mut client = Client::new(&format!("{prefix}-s{index}"), filters, account, is_clean);
    client.subscribes_later = load.shape == Shape::Filters;
    client
}

fn publisher(load: &Load, choices: &Choices<'_>, index: u32, books: &mut Books) -> Client {
    let prefix = choices.prefix;
    let is_retained = load.shape == Shape::Retained;
    let topic = |flow: u32| match load.shape {
        Shape::Wildcard => tree(prefix, flow).1,
        Shape::Retained => format!("{prefix}/{}/{flow}", flow % 100),
        Shape::PointToPoint
        | Shape::Broadcast
        | Shape::BroadcastByWildcard
        | Shape::SharedSub
        | Shape::Ring
        | Shape::Connections
        | Shape::ReconnectStorm
        | Shape::TakeoverStorm
        | Shape::OfflineSessions
        | Shape::Filters
        | Shape::SlowConsumer => format!("{prefix}/{}", load.topic_number(flow)),
    };
    let is_bulk = index == load.publishers;
    let qos = if is_bulk { QoS::AtMostOnce } else { load.publish_qos };
    let payload_bytes = if is_bulk { load.bulk_bytes } else { load.payload_bytes };
    let mut template = |flow| {
        let topic = topic(flow);
        books.topic_bytes += topic.len() as u64;
        Template::new(load.version, &topic, qos, is_retained, payload_bytes)
    };
    let flows = (index..load.flows()).step_by((load.publishers + load.bulks()) as usize);
    let topics: Box<[(u32, Template)]> = flows.map(|flow| (flow, template(flow))).collect();
    let (filters, account): (Box<[Box<str>]>, Account) = if load.shape == Shape::Ring {
        let other = (index + 1) % load.publishers;
        ([format!("{prefix}/{}", other + 1).into_boxed_str()].into(), books.own(other, 1))
    } else {
        (Box::new([]), Account::Nobody)
    };
    let mut client = Client::new(&format!("{prefix}-p{index}"), filters, account, true);
    if !topics.is_empty() {
        let mut publisher = Publisher::new(index, topics, qos, choices.in_flight_max);
        publisher.is_bulk = is_bulk;
        client.publisher = Some(publisher);
    }
    client
}

fn mean_topic_bytes(load: &Load, lists: &[Vec<Member>], books: &[Books]) -> Option<f64> {
    let (mut bytes, mut count) = (books.iter().map(|book| book.topic_bytes).sum::<u64>(), u64::from(load.flows()));
    if count == 0 {
        let filters = || lists.iter().flatten().flat_map(|member| member.client.filters.iter());
        (bytes, count) = (filters().map(|filter| filter.len() as u64).sum(), filters().count() as u64);
    }
    (count > 0).then(|| bytes as f64 / count as f64)
}

fn is_slow(load: &Load, index: u32) -> bool {
    load.shape == Shape::SlowConsumer && index.is_multiple_of(SLOW_EVERY)
}

/// Where part `index` of `parts` begins.
fn slice(count: u32, parts: u32, index: u32) -> u32 {
    (u64::from(count) * u64::from(index) / u64::from(parts.max(1))) as u32
}

/// A filter in a tree of regions, sites and lines, and a topic that no other of these filters matches.
fn tree(prefix: &str, item: u32) -> (String, String) {
    let (region, site, line) = (item % 7, item / 7 % 50, item / 350 % 20);
    let filter = match item % 4 {
        0 => format!("{prefix}/r{region}/+/l{line}/d{item}"),
        1 => format!("{prefix}/+/s{site}/+/d{item}"),
        2 => format!("{prefix}/r{region}/s{site}/l{line}/d{item}/#"),
        _ => format!("{prefix}/r{region}/s{site}/+/d{item}/#"),
    };
    (filter, format!("{prefix}/r{region}/s{site}/l{line}/d{item}"))
}

/// The filter of a device at a site: exact, or with a wildcard in one of three places. Each has a level of its own.
fn device_filter(load: &Load, prefix: &str, item: u32) -> String {
    let site = item % 100;
    // Spread over all sites, whatever the share.
    let is_exact = (item / 100 + 7 * item) % 100 < u32::from(load.exact_percent);
    match item % 3 {
        _ if is_exact => format!("{prefix}/{site}/device/{item}/state"),
        0 => format!("{prefix}/{site}/device/{item}/+"),
        1 => format!("{prefix}/{site}/device/{item}/#"),
        _ => format!("{prefix}/+/device/{item}/state"),
    }
}

#[cfg(test)]
mod tests {
    use corecast::mqtt::matches;

    use super::*;
    use crate::catalogue::SCENARIOS;

    fn small(load: &Load, threads: usize) -> Plan {
        let choices = Choices { threads, prefix: "t", sources: &[], window: Some(8), in_flight_max: 8, is_live: false };
        plan(load, &choices)
    }

    #[test]
    fn every_flow_of_every_scenario_reaches_those_who_expect_it_and_nobody_else() {
        for scenario in SCENARIOS {
            let mut load = scenario.load.clone().scaled(20.0 / f64::from(scenario.load.connections().max(20)));
            load.items = load.items.min(100);
            let load = load.normalised();
            let plan = small(&load, 3);
            let members = || plan.shares.iter().flat_map(|share| share.members.iter().map(move |m| (share, m)));
            assert_eq!(members().count() as u32, load.connections(), "{}", scenario.name);
            for (_, publishing) in members() {
                for (flow, topic) in publishing.client.publisher.iter().flat_map(Publisher::topics) {
                    let mut receivers = 0;
                    for (share, member) in members() {
                        let filters = member.client.filters.iter();
                        let is_match = filters.filter(|filter| {
                            let filter = filter.strip_prefix("$share/benchmark/").unwrap_or(filter);
                            matches(filter, &topic)
                        });
                        let expected = match member.client.account {
                            Account::Own(at) | Account::Slow(at) | Account::Bulk(at) => {
                                share.tally.ledgers[at as usize].flows().contains(&flow)
                            }
                            Account::Shared(_) => true,
                            Account::Nobody => false,
                        };
                        assert_eq!(is_match.count(), usize::from(expected), "{}: {topic}", scenario.name);
                        receivers += u32::from(expected);
                    }
                    if load.shape != Shape::SharedSub {
                        assert_eq!(receivers, load.receivers(), "{}: {topic}", scenario.name);
                    }
                }
            }
        }
    }

    #[test]
    fn filters_of_devices_are_of_four_kinds_in_the_share_asked_for() {
        for (percent, exact) in [(0, 0), (25, 5000), (70, 14_000), (100, 20_000)] {
            let load = Load { shape: Shape::Filters, items: 20_000, exact_percent: percent, ..Load::PLAIN };
            let load = Load { subscribers: 7, ..load }.normalised();
            let plan = small(&load, 3);
            let members = plan.shares.iter().flat_map(|share| &share.members);
            let filters: Vec<&str> = members.flat_map(|member| member.client.filters.iter().map(|f| &**f)).collect();
            assert_eq!(filters.iter().collect::<std::collections::BTreeSet<_>>().len(), 20_000);
            assert_eq!(filters.iter().filter(|filter| !filter.contains(['+', '#'])).count(), exact);
            for kind in ["/+", "/#", "/state"] {
                let wild =
                    filters.iter().filter(|filter| filter.contains(['+', '#']) && filter.ends_with(kind)).count();
                assert!(wild.abs_diff((20_000 - exact) / 3) < 200, "{percent} {kind}: {wild}");
            }
            assert!(plan.topic_bytes.is_some_and(|bytes| (17.0..25.0).contains(&bytes)), "{:?}", plan.topic_bytes);
        }
    }

    #[test]
    fn the_bulk_publisher_is_beside_the_pairs_and_at_no_rate() {
        let load = Load { publishers: 5, subscribers: 5, bulk_bytes: 1000, ..Load::PLAIN };
        let plan = small(&load, 2);
        assert_eq!((plan.flows, load.connections(), load.rate_total()), (6, 12, 5.0));
        assert_eq!(plan.shares.iter().map(|share| share.publishers).sum::<u32>(), 5);
        let members = || plan.shares.iter().flat_map(|share| &share.members);
        let bulk = members().filter_map(|member| member.client.publisher.as_ref()).find(|one| one.is_bulk);
        let topics: Vec<(u32, String)> = bulk.expect("there is one").topics().collect();
        assert_eq!(topics, [(5, "t/6".to_owned())]);
        let receiver = members().find(|member| matches!(member.client.account, Account::Bulk(_)));
        assert_eq!(&*receiver.expect("there is one").client.filters[0], "t/6");
    }

    #[test]
    fn homes_lead_to_publishers() {
        let load = Load { publishers: 7, subscribers: 7, ..Load::PLAIN };
        let plan = small(&load, 3);
        for index in 0..7 {
            let home = plan.credits.home(index);
            let member = &plan.shares[home.thread as usize].members[home.client as usize];
            assert_eq!(member.client.publisher.as_ref().map(|publisher| publisher.index), Some(index));
        }
    }
}
