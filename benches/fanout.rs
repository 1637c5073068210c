//! A whole shard: PUBLISH packets in, deliveries and acknowledgements out, until nothing is under way. An element is a
//! delivery with its share of the publication.

mod settings;

use benches::{Fanout, Load};
use corecast::mqtt::{ProtocolVersion, QoS};
use criterion::{BenchmarkId, Criterion, Throughput};

/// Subscribers, and publications in one read.
const SIZES: [(u32, u16); 3] = [(1, 50), (100, 10), (1000, 5)];

const QOS: [(QoS, &str); 3] = [(QoS::AtMostOnce, "0"), (QoS::AtLeastOnce, "1"), (QoS::ExactlyOnce, "2")];

const VERSIONS: [(&[ProtocolVersion], &str); 2] =
    [(&[ProtocolVersion::V3_1_1], "3.1.1"), (&[ProtocolVersion::V5], "5.0")];

fn main() {
    settings::run(|criterion| {
        for (versions, version) in VERSIONS {
            for (qos, name) in QOS {
                for (subscribers, batch) in SIZES {
                    let load = Load::new(versions, qos, subscribers, batch);
                    let id = BenchmarkId::new(format!("{subscribers} at QoS {name}"), version);
                    deliver(criterion, "shard delivers to", id, load);
                }
            }
        }
        for (qos, name) in QOS {
            let load = Load { is_remote: true, ..Load::new(VERSIONS[0].0, qos, 1, 50) };
            let id = BenchmarkId::new(format!("1 at QoS {name}"), VERSIONS[0].1);
            deliver(criterion, "two shards deliver to", id, load);
        }
    });
}

fn deliver(criterion: &mut Criterion, group: &str, id: BenchmarkId, load: Load) {
    let mut fanout = Fanout::new(load);
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(load.deliveries()));
    group.bench_function(id, |bencher| bencher.iter(|| fanout.round()));
    group.finish();
}
