//! A session: identifiers in flight at QoS 1 and 2 both ways, and its queue.

mod settings;

use corecast::config::QueueFull;
use corecast::message::{Message, Parts, Stamp};
use corecast::mqtt::{PacketId, QoS};
use corecast::session::{Acknowledged, Delivery, Identifiers, Inflight, QueueBounds, Session};
use corecast::time::Time;
use criterion::{BenchmarkId, Criterion, Throughput};

/// Messages under way, or waiting, at a time.
const WINDOWS: [u16; 3] = [1, 50, 1000];

fn main() {
    settings::run(|criterion| {
        for window in WINDOWS {
            in_flight(criterion, "QoS 1 acknowledged in order", window, QoS::AtLeastOnce, |_| {});
            in_flight(criterion, "QoS 2 acknowledged in order", window, QoS::ExactlyOnce, |_| {});
            in_flight(criterion, "QoS 1 acknowledged backwards", window, QoS::AtLeastOnce, <[PacketId]>::reverse);
            received(criterion, window);
            queued(criterion, window);
        }
    });
}

/// A window of messages gets identifiers, then all are acknowledged. An element is a message.
fn in_flight(criterion: &mut Criterion, name: &str, window: u16, qos: QoS, order: fn(&mut [PacketId])) {
    let delivery = delivery(qos);
    let mut inflight = Inflight::default();
    let mut ids = Vec::new();
    bench(criterion, name, window, || {
        ids.clear();
        ids.extend((0..window).map_while(|_| inflight.push(delivery.clone())));
        order(&mut ids);
        for &id in &ids {
            let acknowledged = match qos {
                QoS::AtMostOnce | QoS::AtLeastOnce => inflight.on_puback(id),
                QoS::ExactlyOnce => {
                    assert!(matches!(inflight.on_pubrec(id, false), Acknowledged::Release));
                    inflight.on_pubcomp(id)
                }
            };
            assert!(matches!(acknowledged, Acknowledged::Done));
        }
    });
    assert!(inflight.is_empty());
}

/// A window of QoS 2 publications comes from the client, then all are released.
fn received(criterion: &mut Criterion, window: u16) {
    let mut session = Session::new("client".into(), 0);
    let ids: Vec<PacketId> = (1..=window).filter_map(PacketId::new).collect();
    bench(criterion, "QoS 2 received and released in order", window, || {
        assert!(ids.iter().all(|id| session.receive(*id)));
        assert!(ids.iter().all(|id| session.release(*id)));
    });
    assert_eq!(session.received_count(), 0);
}

/// A window of messages waits, then all are fetched.
fn queued(criterion: &mut Criterion, window: u16) {
    let delivery = delivery(QoS::AtLeastOnce);
    let mut session = Session::new("client".into(), 0);
    let bounds = QueueBounds { messages_max: 10_000, bytes_max: 16 << 20, full: QueueFull::DropNewest };
    bench(criterion, "queued and fetched", window, || {
        for _ in 0..window {
            session.queue.push(delivery.clone(), &bounds, |overflow, _| panic!("{overflow:?}"));
        }
        while session.queue.pop().is_some() {}
    });
}

fn bench(criterion: &mut Criterion, name: &str, window: u16, mut work: impl FnMut()) {
    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(u64::from(window)));
    group.bench_function(BenchmarkId::new(name, window), |bencher| bencher.iter(&mut work));
    group.finish();
}

fn delivery(qos: QoS) -> Delivery {
    let parts = Parts {
        topic: "plant/line/7/temperature",
        properties: &[],
        payload: &[7; 32],
        qos: qos as u8,
        retain: false,
        expires_at: Time::NEVER,
        stamp: Stamp::default(),
    };
    Delivery { message: Message::new(parts), qos, retain: false, share: None, identifiers: Identifiers::None }
}
