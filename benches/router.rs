//! The router: who gets a publication, among few and many filters; and what it costs to subscribe.

mod settings;

use std::hint::black_box;

use benches::{router, topics, Wildcards};
use corecast::mqtt::{ProtocolVersion, QoS, TopicFilter, TopicName};
use corecast::router::{Options, Route, Router, SessionKey};
use criterion::{BenchmarkId, Criterion, Throughput};

/// Filters in a table, and how results call that.
const SIZES: [(u32, &str); 3] = [(1_000, "1k"), (100_000, "100k"), (1_000_000, "1M")];

/// A session that has nothing else in the table.
const NEWCOMER: SessionKey = SessionKey(u16::MAX as u32);

fn main() {
    settings::run(|criterion| {
        for (filters, size) in SIZES {
            for (wildcards, kind) in Wildcards::ALL {
                // Made once for all that is asked of it.
                let mut router = router(wildcards, filters);
                route(criterion, &mut router, filters, BenchmarkId::new(kind, size));
                subscribe(criterion, &mut router, wildcards, BenchmarkId::new(kind, size));
            }
        }
    });
}

/// A topic that meets one filter, another each time.
fn route(criterion: &mut Criterion, router: &mut Router, filters: u32, id: BenchmarkId) {
    let topics = topics(filters);
    let names: Vec<TopicName<'_>> = topics.iter().map(|topic| TopicName::parse(topic).expect("valid")).collect();
    let mut names = names.iter().cycle();
    let mut route = Route::default();
    let mut group = criterion.benchmark_group("router routes");
    group.throughput(Throughput::Elements(1));
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            router.route(*names.next().expect("they go round"), None, &mut route);
            assert_eq!(black_box(&route).receivers().len(), 1, "each topic meets one filter");
        });
    });
    group.finish();
}

/// One new filter, subscribed to and unsubscribed from.
fn subscribe(criterion: &mut Criterion, router: &mut Router, wildcards: Wildcards, id: BenchmarkId) {
    let text = match wildcards {
        Wildcards::None => "building/7/floor/3/temperature",
        Wildcards::Plus | Wildcards::Mixed | Wildcards::Shapes => "building/7/+/3/temperature",
        Wildcards::Hash => "building/7/floor/#",
    };
    let filter = TopicFilter::parse(ProtocolVersion::V5, text).expect("valid");
    let options = Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false };
    let mut group = criterion.benchmark_group("router subscribes and unsubscribes");
    group.throughput(Throughput::Elements(1));
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            let subscribed = router.subscribe(NEWCOMER, black_box(filter), options, None);
            assert!(subscribed.is_new && router.unsubscribe(NEWCOMER, text).is_some());
        });
    });
    group.finish();
}
