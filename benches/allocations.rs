//! Allocations, counted: none on the way of QoS 0, none in the codec and the router, one for a publication that somebody
//! has to keep.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use benches::{router, samples, topics, Fanout, Load, Wildcards, World};
use corecast::mqtt::{Forwarded, ProtocolVersion, PublishHead, QoS, TopicName};
use corecast::router::Route;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator as it came; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: it came from `alloc` or `realloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` is done.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Rounds that are counted of a load.
const ROUNDS: u64 = 200;

/// Allocations of so many rounds of a load, when the buffers have found their sizes. That all of it is delivered the load
/// itself makes sure of.
fn count(load: Load) -> u64 {
    let mut fanout = Fanout::new(load);
    fanout.warm();
    allocations(|| (0..ROUNDS).for_each(|_| fanout.round()))
}

#[track_caller]
fn check(load: Load, per_round: u64) {
    assert_eq!(count(load), ROUNDS * per_round, "in {ROUNDS} rounds of {load:?}");
}

const V3: &[ProtocolVersion] = &[ProtocolVersion::V3_1_1];
const V5: &[ProtocolVersion] = &[ProtocolVersion::V5];
const BOTH: &[ProtocolVersion] = &[ProtocolVersion::V3_1_1, ProtocolVersion::V5];

const QOS_0: QoS = QoS::AtMostOnce;
const QOS_1: QoS = QoS::AtLeastOnce;
const QOS_2: QoS = QoS::ExactlyOnce;

#[test]
fn qos_0_allocates_nothing_from_one_to_one() {
    for versions in [V3, V5] {
        check(Load::new(versions, QOS_0, 1, 1), 0);
        check(Load::new(versions, QOS_0, 1, 50), 0);
    }
}

#[test]
fn qos_0_allocates_nothing_through_wildcards() {
    check(Load { filters: &["plant/+/7/#"], ..Load::new(V3, QOS_0, 1, 1) }, 0);
    let filters = &["plant/#", "+/line/+/temperature", Load::TOPIC];
    check(Load { filters, ..Load::new(BOTH, QOS_0, 3, 10) }, 0);
}

#[test]
fn qos_0_allocates_nothing_for_many_subscribers_of_both_versions() {
    check(Load::new(BOTH, QOS_0, 100, 1), 0);
    check(Load { filters: &["plant/line/+/temperature"], ..Load::new(BOTH, QOS_0, 1000, 5) }, 0);
}

#[test]
fn nothing_is_allocated_without_a_subscriber() {
    for qos in [QOS_0, QOS_1, QOS_2] {
        check(Load::new(V3, qos, 0, 10), 0);
    }
}

/// The message, which the pieces are put into as they come.
#[test]
fn a_large_packet_that_comes_in_pieces_allocates_once_and_never_for_a_delivery() {
    for &version in BOTH {
        let mut world = World::new(1);
        let publisher = world.client(0, version, &[], QOS_0);
        for &version in &[V3[0], V5[0], V3[0]] {
            world.client(0, version, &["plant/#"], QOS_0);
        }
        let mut packet = Vec::new();
        let head = PublishHead {
            dup: false,
            qos: QOS_0,
            retain: false,
            topic: Load::TOPIC,
            packet_id: None,
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: Forwarded::EMPTY,
            payload_bytes: 65_536,
        };
        head.encode(version, &mut packet);
        packet.resize(packet.len() + head.payload_bytes, 7);
        let send = |world: &mut World| {
            for piece in packet.chunks(16_384) {
                world.receive(publisher, piece);
                world.end_turn();
            }
        };
        (0..10).for_each(|_| send(&mut world));
        world.take_written_bytes();
        assert_eq!(allocations(|| (0..ROUNDS).for_each(|_| send(&mut world))), ROUNDS, "{version:?}");
        assert!(world.take_written_bytes() as u64 >= ROUNDS * 3 * 65_536);
    }
}

/// The message itself, shared by all who have yet to acknowledge it.
#[test]
fn qos_1_and_2_allocate_once_a_publication_and_never_for_a_delivery() {
    for qos in [QOS_1, QOS_2] {
        for versions in [V3, V5] {
            check(Load::new(versions, qos, 1, 1), 1);
            check(Load::new(versions, qos, 1, 50), 50);
        }
        check(Load::new(BOTH, qos, 100, 10), 10);
        // No more than a turn has work for: what is cut is kept with a list of those it is for.
        check(Load::new(BOTH, qos, 1000, 3), 3);
    }
}

/// The lists of what is in flight keep their room from burst to burst.
#[test]
fn a_burst_allocates_no_more_than_its_publications() {
    for qos in [QOS_1, QOS_2] {
        check(Load::new(V3, qos, 1, 64), 64);
        check(Load::new(V3, qos, 1, 1000), 1000);
    }
}

/// What comes in a row is one mail, of which the peer makes the messages it has to keep; at QoS 2 the mail carries a message.
#[test]
fn publications_to_a_peer_allocate_one_mail_a_row_or_one_message_each_however_many_get_them() {
    for (qos, mail, each) in [(QOS_0, 1, 0), (QOS_1, 1, 1), (QOS_2, 0, 1)] {
        check(Load { is_remote: true, ..Load::new(V3, qos, 1, 50) }, mail + 50 * each);
        check(Load { is_remote: true, ..Load::new(BOTH, qos, 100, 5) }, mail + 5 * each);
    }
}

#[test]
fn no_packet_allocates_when_it_is_decoded_or_encoded() {
    for sample in samples() {
        let decoded = allocations(|| _ = black_box(sample.decode()));
        let packet = sample.decode();
        let mut out = Vec::with_capacity(sample.bytes.len());
        let encoded = allocations(|| packet.encode(sample.version, &mut out));
        assert_eq!((decoded, encoded), (0, 0), "{}", sample.name);
        assert_eq!(out, sample.bytes, "{}", sample.name);
    }
}

#[test]
fn routing_allocates_nothing_whatever_the_wildcards() {
    const FILTERS: u32 = 10_000;
    for (wildcards, name) in Wildcards::ALL {
        let mut router = router(wildcards, FILTERS);
        let topics = topics(FILTERS);
        let names: Vec<TopicName<'_>> = topics.iter().map(|topic| TopicName::parse(topic).expect("valid")).collect();
        let mut route = Route::default();
        let mut receivers = 0;
        let mut search = |topic: &TopicName<'_>| {
            router.route(*topic, None, &mut route);
            receivers += route.receivers().len();
        };
        search(&names[0]);
        assert_eq!(allocations(|| names.iter().for_each(&mut search)), 0, "{name}");
        assert_eq!(receivers, names.len() + 1, "{name}: each topic meets one filter");
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![1_u8; 100]))), 1);
}
