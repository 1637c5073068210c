//! Allocations on the data path, counted: QoS 0 makes none.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroU16;

use corecast::config::QueueFull;
use corecast::limits::Limits;
use corecast::mqtt::{
    encode_subscribe, Connect, Forwarded, Packet, PacketId, Properties, ProtocolVersion, PublishHead, QoS,
    RetainHandling, SubscriptionOptions,
};
use corecast::shard::{ConnectionId, Effect, Event, Origin, Seeds, Shard, ShardId, ShardOptions};
use corecast::time::Time;

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

/// A shard with its driver, which writes everything at once.
struct World {
    shard: Shard,
    now: Time,
    dirty: Vec<ConnectionId>,
    effects: Vec<Effect>,
    delivered_bytes: usize,
}

impl World {
    fn new() -> World {
        let shard = Shard::new(ShardOptions {
            id: ShardId(0),
            shards: 1,
            limits: Limits::default(),
            queue_full: QueueFull::DropOldest,
            server_reference: None,
            response_information: None,
            assigned_client_id_prefix: "auto-".into(),
            seeds: Seeds { home: (1, 1), topics: 1, own: (1, 2) },
        });
        World { shard, now: Time::default(), dirty: Vec::with_capacity(1024), effects: Vec::new(), delivered_bytes: 0 }
    }

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) {
        self.shard.handle(self.now, Event::Received { connection, bytes });
        self.flush();
    }

    fn flush(&mut self) {
        self.shard.take_effects(&mut self.effects);
        self.effects.clear();
        self.shard.take_dirty(&mut self.dirty);
        while let Some(connection) = self.dirty.pop() {
            if let Some(chunk) = self.shard.take_output(connection) {
                self.delivered_bytes += chunk.len();
                self.shard.handle(self.now, Event::Flushed { connection, chunk });
            }
        }
    }

    /// A client that subscribes to these filters.
    fn client(&mut self, index: u32, version: ProtocolVersion, filters: &[&str], qos: QoS) -> ConnectionId {
        let connection = ConnectionId { index, generation: 0 };
        self.shard.handle(self.now, Event::Opened { connection, origin: Origin { address: None }, admitted: true });
        let client_id = format!("client-{index}");
        let connect = Connect {
            version,
            clean_start: true,
            keep_alive_s: 0,
            client_id: &client_id,
            will: None,
            username: None,
            password: None,
            session_expiry_interval_s: 0,
            receive_maximum: NonZeroU16::MAX,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            authentication_method: None,
            authentication_data: None,
            properties: Properties::EMPTY,
        };
        let mut bytes = Vec::new();
        Packet::Connect(connect).encode(version, &mut bytes);
        if !filters.is_empty() {
            let retain_handling = RetainHandling::SendAtSubscribe;
            let options = SubscriptionOptions { qos, no_local: false, retain_as_published: false, retain_handling };
            let filters: Vec<(&str, SubscriptionOptions)> = filters.iter().map(|filter| (*filter, options)).collect();
            encode_subscribe(version, PacketId::MIN, None, Properties::EMPTY, &filters, &mut bytes);
        }
        self.receive(connection, &bytes);
        connection
    }
}

fn publish(version: ProtocolVersion, topic: &str, payload_bytes: usize) -> Vec<u8> {
    let payload = vec![7; payload_bytes];
    let head = PublishHead {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic,
        packet_id: None,
        topic_alias: None,
        message_expiry_interval_s: None,
        subscription_identifiers: &[],
        forwarded: Forwarded::EMPTY,
        payload_bytes: payload.len(),
    };
    let mut bytes = Vec::new();
    head.encode(version, &mut bytes);
    bytes.extend_from_slice(&payload);
    bytes
}

/// Allocations of a thousand publications at QoS 0, when the buffers have found their sizes.
#[track_caller]
fn check(versions: &[ProtocolVersion], subscribers: u32, filters: &[&str], batch: usize, expected: u64) {
    let mut world = World::new();
    let publisher = world.client(0, versions[0], &[], QoS::AtMostOnce);
    for index in 1..=subscribers {
        world.client(index, versions[index as usize % versions.len()], filters, QoS::AtMostOnce);
    }
    let bytes = publish(versions[0], "plant/line/7/temperature", 32).repeat(batch);
    for _ in 0..100 {
        world.receive(publisher, &bytes);
    }
    let (allocations, delivered_bytes) = (ALLOCATIONS.get(), world.delivered_bytes);
    for _ in 0..1000 {
        world.receive(publisher, &bytes);
    }
    let allocations = ALLOCATIONS.get() - allocations;
    let per_delivery = bytes.len() / batch - 1;
    assert!(world.delivered_bytes - delivered_bytes >= 1000 * batch * subscribers as usize * per_delivery);
    assert_eq!(allocations, expected, "{versions:?}, {subscribers} subscribers to {filters:?}, {batch} at once");
}

const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
const V5: ProtocolVersion = ProtocolVersion::V5;

#[test]
fn qos_0_allocates_nothing_from_one_to_one() {
    for version in [V3, V5] {
        check(&[version], 1, &["plant/line/7/temperature"], 1, 0);
        check(&[version], 1, &["plant/line/7/temperature"], 50, 0);
    }
}

#[test]
fn qos_0_allocates_nothing_through_wildcards() {
    check(&[V3], 1, &["plant/+/7/#"], 1, 0);
    check(&[V3, V5], 3, &["plant/#", "+/line/+/temperature", "plant/line/7/temperature"], 10, 0);
}

#[test]
fn qos_0_allocates_nothing_for_many_subscribers_of_both_versions() {
    check(&[V3, V5], 100, &["plant/line/7/temperature"], 1, 0);
    check(&[V3, V5], 1000, &["plant/line/+/temperature"], 5, 0);
}

#[test]
fn qos_0_allocates_nothing_without_a_subscriber() {
    check(&[V3], 0, &[], 10, 0);
}

#[test]
fn a_large_packet_that_comes_in_pieces_allocates_its_message_and_nothing_else() {
    for version in [V3, V5] {
        let mut world = World::new();
        let publisher = world.client(0, version, &[], QoS::AtMostOnce);
        for index in 1..=3 {
            world.client(index, version, &["plant/#"], QoS::AtMostOnce);
        }
        let bytes = publish(version, "plant/line/7/camera", 65_536);
        let mut send = || bytes.chunks(16_384).for_each(|piece| world.receive(publisher, piece));
        (0..10).for_each(|_| send());
        let before = ALLOCATIONS.get();
        (0..1000).for_each(|_| send());
        assert_eq!(ALLOCATIONS.get() - before, 1000, "{version:?}");
        assert!(world.delivered_bytes > 1010 * 3 * 65_536);
    }
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}
