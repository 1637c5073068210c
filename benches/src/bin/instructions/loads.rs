//! The rows: what is run, how often, and what one operation of it is.

use std::hint::black_box;

use benches::{publish, router, samples, topics, Fanout, Load, Wildcards, World};
use corecast::auth::{Access, Rules};
use corecast::mqtt::{ProtocolVersion, QoS, TopicName};
use corecast::router::Route;

const V3: &[ProtocolVersion] = &[ProtocolVersion::V3_1_1];
const V5: &[ProtocolVersion] = &[ProtocolVersion::V5];

const QOS_0: QoS = QoS::AtMostOnce;
const QOS_1: QoS = QoS::AtLeastOnce;
const QOS_2: QoS = QoS::ExactlyOnce;

/// Publications in one read of a single publisher, and of one whose publications go to a thousand.
const BATCH: u16 = 50;
const BATCH_TO_MANY: u16 = 5;

/// Deliveries, packets or topics of one row: enough for what happens seldom to show in its share.
const OPERATIONS: u64 = 20_000;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// A whole shard; one operation is a delivery with its share of the PUBLISH and with all acknowledgements.
    Shard(Load),
    /// The fixed header and the packet of [`samples`] by that name.
    Decode(&'static str),
    Encode(&'static str),
    /// One of so many retained messages, sent to a new subscriber to all of them.
    Retained(u32),
    /// One topic among so many filters.
    Route(Wildcards, u32),
    /// Whether a client with so many rules may publish to a topic.
    Rules(Wildcards, u32),
}

const fn shard(name: &'static str, versions: &'static [ProtocolVersion], qos: QoS, subscribers: u32) -> Row {
    let batch = if subscribers > 1 { BATCH_TO_MANY } else { BATCH };
    Row { name, kind: Kind::Shard(Load::new(versions, qos, subscribers, batch)) }
}

/// Each publication comes in a read of its own.
const fn alone(name: &'static str, qos: QoS) -> Row {
    Row { name, kind: Kind::Shard(Load::new(V3, qos, 1, 1)) }
}

const fn remote(name: &'static str, qos: QoS) -> Row {
    let load = Load { is_remote: true, ..Load::new(V3, qos, 1, BATCH) };
    Row { name, kind: Kind::Shard(load) }
}

const fn decode(name: &'static str, sample: &'static str) -> Row {
    Row { name, kind: Kind::Decode(sample) }
}

const fn encode(name: &'static str, sample: &'static str) -> Row {
    Row { name, kind: Kind::Encode(sample) }
}

const fn route(name: &'static str, wildcards: Wildcards, filters: u32) -> Row {
    Row { name, kind: Kind::Route(wildcards, filters) }
}

/// All rows.
pub(crate) const ROWS: &[Row] = &[
    shard("qos-0-to-1", V3, QOS_0, 1),
    shard("qos-1-to-1", V3, QOS_1, 1),
    shard("qos-2-to-1", V3, QOS_2, 1),
    shard("qos-0-to-1-v5", V5, QOS_0, 1),
    shard("qos-1-to-1-v5", V5, QOS_1, 1),
    shard("qos-2-to-1-v5", V5, QOS_2, 1),
    alone("qos-0-to-1-alone", QOS_0),
    alone("qos-1-to-1-alone", QOS_1),
    shard("qos-0-to-1000", V3, QOS_0, 1000),
    shard("qos-1-to-1000", V3, QOS_1, 1000),
    shard("qos-2-to-1000", V3, QOS_2, 1000),
    shard("qos-0-to-1000-v5", V5, QOS_0, 1000),
    shard("qos-1-to-1000-v5", V5, QOS_1, 1000),
    remote("qos-0-to-peer", QOS_0),
    remote("qos-1-to-peer", QOS_1),
    Row { name: "retained-to-1", kind: Kind::Retained(20_000) },
    decode("decode-publish-qos-0", "PUBLISH QoS 0 3.1.1"),
    decode("decode-publish-qos-1", "PUBLISH QoS 1 3.1.1"),
    decode("decode-publish-qos-1-v5", "PUBLISH QoS 1 5.0"),
    decode("decode-publish-with-properties-v5", "PUBLISH QoS 1 with properties 5.0"),
    decode("decode-puback", "PUBACK 3.1.1"),
    decode("decode-puback-v5", "PUBACK 5.0"),
    decode("decode-connect-v5", "CONNECT 5.0"),
    decode("decode-subscribe-v5", "SUBSCRIBE 5.0"),
    encode("encode-publish-qos-0", "PUBLISH QoS 0 3.1.1"),
    encode("encode-publish-qos-1", "PUBLISH QoS 1 3.1.1"),
    encode("encode-publish-qos-1-v5", "PUBLISH QoS 1 5.0"),
    encode("encode-publish-with-properties-v5", "PUBLISH QoS 1 with properties 5.0"),
    encode("encode-puback", "PUBACK 3.1.1"),
    encode("encode-connack-v5", "CONNACK 5.0"),
    route("route-exact-1k", Wildcards::None, 1_000),
    route("route-plus-1k", Wildcards::Plus, 1_000),
    route("route-hash-1k", Wildcards::Hash, 1_000),
    route("route-mixed-1k", Wildcards::Mixed, 1_000),
    route("route-shapes-1k", Wildcards::Shapes, 1_000),
    route("route-exact-100k", Wildcards::None, 100_000),
    route("route-plus-100k", Wildcards::Plus, 100_000),
    route("route-hash-100k", Wildcards::Hash, 100_000),
    route("route-mixed-100k", Wildcards::Mixed, 100_000),
    route("route-shapes-100k", Wildcards::Shapes, 100_000),
    rules("rules-exact-1", Wildcards::None, 1),
    rules("rules-exact-10", Wildcards::None, 10),
    rules("rules-exact-1k", Wildcards::None, 1_000),
    rules("rules-plus-1", Wildcards::Plus, 1),
    rules("rules-mixed-10", Wildcards::Mixed, 10),
    rules("rules-mixed-1k", Wildcards::Mixed, 1_000),
];

const fn rules(name: &'static str, wildcards: Wildcards, rules: u32) -> Row {
    Row { name, kind: Kind::Rules(wildcards, rules) }
}

/// Runs the rows that are wanted, each first to warm up and then once within [`counted`], and prints the name of each
/// and its operations.
pub(crate) fn measure(is_wanted: impl Fn(&str) -> bool) {
    for row in ROWS.iter().filter(|row| is_wanted(row.name)) {
        let operations = match row.kind {
            Kind::Shard(load) => measure_shard(load),
            Kind::Retained(messages) => measure_retained(messages),
            Kind::Decode(sample) => measure_decode(sample),
            Kind::Encode(sample) => measure_encode(sample),
            Kind::Route(wildcards, filters) => measure_route(wildcards, filters),
            Kind::Rules(wildcards, rules) => measure_rules(wildcards, rules),
        };
        println!("{}\t{operations}", row.name);
    }
}

/// What callgrind counts: it is told to begin when this is entered, and to stop and write when it is left.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    // Keeps the call above from becoming the end of this function.
    black_box(());
}

fn measure_shard(load: Load) -> u64 {
    let mut fanout = Fanout::new(load);
    let rounds = OPERATIONS / load.deliveries();
    (0..rounds).for_each(|_| fanout.round());
    counted(&mut || (0..rounds).for_each(|_| fanout.round()));
    rounds * load.deliveries()
}

fn measure_retained(messages: u32) -> u64 {
    let mut world = World::new(1);
    let publisher = world.client(0, V3[0], &[], QOS_0);
    for number in 0..messages {
        world.receive(publisher, &publish(&Wildcards::None.filter(number), QOS_0, true, 0));
        world.end_turn();
    }
    let mut fetch = || {
        world.client(0, V3[0], &["#"], QOS_0);
        let mut written_bytes = 0;
        loop {
            match world.take_written_bytes() {
                0 => break,
                more => written_bytes += more,
            }
            // What has left makes room for more.
            world.end_turn();
        }
        assert!(written_bytes > messages as usize * 16, "all of them are sent");
    };
    fetch();
    counted(&mut fetch);
    messages.into()
}

fn measure_decode(name: &str) -> u64 {
    let samples = samples();
    let sample = samples.iter().find(|sample| sample.name == name).expect("a sample has this name");
    let decode = || {
        black_box(black_box(sample).decode());
    };
    decode();
    counted(&mut || (0..OPERATIONS).for_each(|_| decode()));
    OPERATIONS
}

fn measure_encode(name: &str) -> u64 {
    let samples = samples();
    let sample = samples.iter().find(|sample| sample.name == name).expect("a sample has this name");
    let packet = sample.decode();
    let mut out = Vec::new();
    let mut encode = || {
        out.clear();
        black_box(&packet).encode(sample.version, &mut out);
        black_box(&out);
    };
    encode();
    counted(&mut || (0..OPERATIONS).for_each(|_| encode()));
    OPERATIONS
}

fn measure_route(wildcards: Wildcards, filters: u32) -> u64 {
    let mut router = router(wildcards, filters);
    let topics = topics(filters);
    let names: Vec<TopicName<'_>> = topics.iter().map(|topic| TopicName::parse(topic).expect("valid")).collect();
    let mut route = Route::default();
    let mut search = |name: &TopicName<'_>| {
        router.route(*black_box(name), None, &mut route);
        assert_eq!(route.receivers().len(), 1, "each topic meets one filter");
    };
    names.iter().for_each(&mut search);
    counted(&mut || names.iter().for_each(&mut search));
    names.len() as u64
}

fn measure_rules(wildcards: Wildcards, count: u32) -> u64 {
    let filters: Vec<String> = (0..count).map(|number| wildcards.filter(number)).collect();
    let rules = Rules::of(filters.iter().map(|filter| (filter.as_str(), Access::READ_WRITE)));
    let topics = topics(count);
    let ask = |topic: &String| assert!(black_box(&rules).may_write(black_box(topic)), "each topic meets a rule");
    topics.iter().for_each(ask);
    let rounds = OPERATIONS / topics.len() as u64;
    counted(&mut || (0..rounds).for_each(|_| topics.iter().for_each(ask)));
    rounds * topics.len() as u64
}
