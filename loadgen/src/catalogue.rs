//! The scenarios by their public names, with the parameters they were published with.

use corecast::mqtt::{ProtocolVersion, QoS};

use crate::load::{Load, Shape};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) load: Load,
}

/// What a name in the suite of EMQ may begin with.
const SUITE_PREFIX: &str = "singlenode-";

/// All of EMQ's suite: QoS 1 both ways, 16 bytes, keep alive 300, clean sessions, subscribers first, 30 minutes.
const SUITE: Load = Load { publish_qos: QoS::AtLeastOnce, subscribe_qos: QoS::AtLeastOnce, ..Load::PLAIN };

const fn connections(count: u32, per_second: f64) -> Load {
    Load { shape: Shape::Connections, publishers: 0, subscribers: count, connects_per_s: per_second, ..SUITE }
}

const fn fan_out(publishers: u32, subscribers: u32, rate: f64) -> Load {
    Load { shape: Shape::Broadcast, publishers, subscribers, rate, ..SUITE }
}

const fn pairs(count: u32) -> Load {
    Load { publishers: count, subscribers: count, ..SUITE }
}

const fn shared(publishers: u32, subscribers: u32) -> Load {
    // Shared subscriptions are of 5.0.
    Load { shape: Shape::SharedSub, publishers, subscribers, version: ProtocolVersion::V5, ..SUITE }
}

const fn broadcast(publishers: u32, rate: f64, subscribers: u32, payload_bytes: usize) -> Load {
    let shape = Shape::BroadcastByWildcard;
    Load { shape, publishers, rate, subscribers, payload_bytes, ..Load::PLAIN }
}

const fn ring(clients: u32, rate: f64) -> Load {
    Load { shape: Shape::Ring, publishers: clients, subscribers: 0, rate, duration_s: 60.0, ..Load::PLAIN }
}

const fn own(shape: Shape, publishers: u32, subscribers: u32, items: u32, rate: f64) -> Load {
    Load { shape, publishers, subscribers, items, rate, duration_s: 30.0, ..SUITE }
}

const PERSISTENT_PAIRS: Load =
    Load { publishers: 500_000, subscribers: 500_000, payload_bytes: 62, is_clean: false, duration_s: 600.0, ..SUITE };

const SOAK: Load = Load { rate: 10.0, duration_s: 8.0 * 3600.0, ..pairs(1000) };

const fn row(name: &'static str, load: Load, about: &'static str) -> Scenario {
    Scenario { name, about, load }
}

/// In the order of `loadgen list`.
pub(crate) const SCENARIOS: &[Scenario] = &[
    row("singlenode-conn-tcp-10K-100", connections(10_000, 100.0), "EMQ suite: 10,000 connections, 100 a second"),
    row("singlenode-conn-tcp-1M-5K", connections(1_000_000, 5000.0), "EMQ suite: 1,000,000 connections, 5000 a second"),
    row("singlenode-fanout-1-1K-1-1K", fan_out(1, 1000, 1.0), "EMQ suite: 1 topic, 1 message a second to 1000"),
    row("singlenode-fanout-5-1000-5-250K", fan_out(5, 1000, 50.0), "EMQ suite: 5 topics, 50 a second each, to 1000"),
    row("singlenode-p2p-1K-1K-1K-1K", pairs(1000), "EMQ suite: 1000 pairs, 1 message a second each"),
    row("singlenode-p2p-50K-50K-50K-50K", pairs(50_000), "EMQ suite: 50,000 pairs, 1 message a second each"),
    row("singlenode-sharedsub-1K-5-1K-1K", shared(1000, 5), "EMQ suite: 1000 publishers, 5 share a subscription"),
    row("singlenode-sharedsub-50K-500-50K-50K", shared(50_000, 500), "EMQ suite: 50,000 publishers, 500 share"),
    row("emqx-2m-fanout", broadcast(20, 100.0, 1000, 16), "EMQX, 2M/s: 20 publishers of 100/s, 1000 on test/#, QoS 0"),
    row("tbmq-3m-fanout", broadcast(100, 10.0, 3000, 66), "TBMQ, 3M/s: 100 publishers of 10/s, 3000 on a wildcard"),
    row("tbmq-1m-p2p", PERSISTENT_PAIRS, "TBMQ, 1M/s in and out: 500,000 pairs, QoS 1, persistent subscribers"),
    row("nanomq-broadcast", broadcast(20, 50.0, 500, 16), "NanoMQ, 500K/s: 20 publishers of 50/s, 500 subscribers"),
    row("flashmq-1s", ring(10_000, 1.0), "FlashMQ: each client sends 1/s and hears another; clients by --scale"),
    row("flashmq-25s", ring(1000, 25.0), "FlashMQ: each client sends 25/s and hears another; clients by --scale"),
    row(
        "reconnect-storm",
        own(Shape::ReconnectStorm, 0, 5000, 5, 0.0),
        "all are cut off at once and return, five times",
    ),
    row("takeover-storm", own(Shape::TakeoverStorm, 0, 2000, 5, 0.0), "all client ids are taken over, five times"),
    row(
        "retained",
        own(Shape::Retained, 10, 10, 10_000, 0.0),
        "10,000 retained messages, then 10 wildcard subscribers",
    ),
    row("slow-consumer", own(Shape::SlowConsumer, 5, 100, 0, 200.0), "one subscriber in ten stops reading for a third"),
    row(
        "offline-sessions",
        own(Shape::OfflineSessions, 10, 1000, 100, 0.0),
        "100 messages wait for each of 1000 sessions",
    ),
    row(
        "filters",
        own(Shape::Filters, 0, 100, 100_000, 0.0),
        "100,000 filters of 100 clients, seven in ten exact, the others with + or #",
    ),
    row("wildcard", own(Shape::Wildcard, 10, 100, 100_000, 500.0), "100,000 filters with + and # over a large tree"),
    row("soak", SOAK, "1000 pairs, 10 messages a second each, QoS 1, eight hours"),
];

/// The scenario of this name; the prefix may be left out and `sharesub` be written for `sharedsub`, as EMQ does both.
pub(crate) fn find(name: &str) -> Option<&'static Scenario> {
    let plain = |name: &str| {
        let name = name.to_ascii_lowercase().replace("sharesub", "sharedsub");
        name.strip_prefix(SUITE_PREFIX).map(str::to_owned).unwrap_or(name)
    };
    SCENARIOS.iter().find(|scenario| plain(scenario.name) == plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_spelling() {
        for name in [
            "singlenode-sharedsub-50K-500-50K-50K",
            "sharedsub-50k-500-50k-50k",
            "sharesub-50K-500-50K-50K",
            "singlenode-sharesub-50K-500-50K-50K",
        ] {
            assert_eq!(find(name).map(|scenario| scenario.load.publishers), Some(50_000), "{name}");
        }
        assert!(find("p2p").is_none());
        assert!(find("singlenode-").is_none());
    }

    #[test]
    fn published_rates_are_those_of_the_names() {
        for (name, published, delivered) in [
            ("fanout-1-1K-1-1K", 1.0, 1000.0),
            ("fanout-5-1000-5-250K", 250.0, 250_000.0),
            ("p2p-50K-50K-50K-50K", 50_000.0, 50_000.0),
            ("sharedsub-1K-5-1K-1K", 1000.0, 1000.0),
            ("emqx-2m-fanout", 2000.0, 2e6),
            ("tbmq-3m-fanout", 1000.0, 3e6),
            ("tbmq-1m-p2p", 500_000.0, 500_000.0),
            ("nanomq-broadcast", 1000.0, 500_000.0),
        ] {
            let load = &find(name).expect(name).load;
            assert_eq!(load.rate_total(), published, "{name}");
            assert_eq!(load.rate_total() * f64::from(load.receivers()), delivered, "{name}");
        }
    }

    #[test]
    fn scaling_keeps_what_makes_a_scenario() {
        let scaled = |name| find(name).expect(name).load.clone().scaled(0.001);
        let fan_out = scaled("fanout-5-1000-5-250K");
        assert_eq!((fan_out.publishers, fan_out.subscribers), (5, 1));
        let pairs = scaled("p2p-50K-50K-50K-50K");
        assert_eq!((pairs.publishers, pairs.subscribers), (50, 50));
        assert_eq!(scaled("sharedsub-50K-500-50K-50K").subscribers, 1);
        assert_eq!(scaled("wildcard").items, 100);
        assert_eq!(scaled("conn-tcp-1M-5K").connections(), 1000);
    }
}
