//! Bytes that are alive, counted: after each round of clients that come, do something and leave, as many as after the
//! round before, whatever names and topics they have used. What grows by one byte a round is found here.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use benches::{publish_with, Client, World};
use corecast::mqtt::{
    encode_subscribe, Connect, Forwarded, Packet, PacketId, Properties, ProtocolVersion, QoS, SubscriptionOptions,
    TopicName, Will,
};

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: usize, sign: isize) {
    LIVE.with(|live| live.set(live.get() + sign * bytes as isize));
}

// SAFETY: every call is handed on to the system's allocator as it came; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: it came from `alloc` or `realloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(bytes, 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// In these the tables find their sizes.
const FIRST_ROUNDS: usize = 20;
const ROUNDS: usize = 200;
const CLIENTS: usize = 60;
/// Longer than a deletion of a retained message is remembered, the longest anything is.
const FORGOTTEN: Duration = Duration::from_secs(61);

/// After each round all that clients have left behind has gone, and as much memory is in use as after the last.
#[track_caller]
fn check(mut round: impl FnMut(&mut World, usize)) {
    let mut world = World::new(2);
    let mut after = |number: usize| {
        round(&mut world, number);
        world.sleep(FORGOTTEN);
        world.take_written_bytes();
        assert!(world.shards().iter().all(|shard| shard.is_empty()), "something is left of round {number}");
        world.give_back();
        LIVE.get()
    };
    let most = (0..FIRST_ROUNDS).map(&mut after).max();
    for number in FIRST_ROUNDS..FIRST_ROUNDS + ROUNDS {
        let live = after(number);
        assert!(Some(live) <= most, "{live} bytes are alive after round {number}, {most:?} at most after earlier ones");
    }
}

fn connect_packet(name: &str, persistent: bool, will: Option<&str>) -> Vec<u8> {
    let will = will.map(|topic| Will {
        topic: TopicName::parse(topic).expect("valid"),
        payload: b"gone",
        qos: QoS::AtLeastOnce,
        retain: false,
        delay_interval_s: 0,
        message_expiry_interval_s: None,
        forwarded: Forwarded::EMPTY,
    });
    let packet = Packet::Connect(Connect {
        clean_start: !persistent,
        keep_alive_s: 30,
        will,
        session_expiry_interval_s: if persistent { 30 } else { 0 },
        ..Connect::new(ProtocolVersion::V5, name)
    });
    let mut bytes = Vec::new();
    packet.encode(ProtocolVersion::V5, &mut bytes);
    bytes
}

fn subscribe(filters: &[String], out: &mut Vec<u8>) {
    let options = SubscriptionOptions { qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() };
    let filters: Vec<(&str, SubscriptionOptions)> = filters.iter().map(|filter| (filter.as_str(), options)).collect();
    encode_subscribe(ProtocolVersion::V5, PacketId::MIN, None, Properties::EMPTY, &filters, out);
}

fn publish(topic: &str, qos: QoS, retain: bool, payload: &[u8]) -> Vec<u8> {
    publish_with(topic, qos, retain, PacketId::MIN.get(), payload)
}

/// The same names in every round: how many clients are at home on each shard is then the same, too.
fn arrive(world: &mut World, number: usize, persistent: bool, filters: &[String]) -> Client {
    let mut bytes = connect_packet(&format!("client-{number}"), persistent, Some("wills/gone"));
    if !filters.is_empty() {
        subscribe(filters, &mut bytes);
    }
    world.arrive(number % 2, &bytes)
}

fn arrive_all(world: &mut World, persistent: bool, filters: impl Fn(usize) -> Vec<String>) -> Vec<Client> {
    (0..CLIENTS).map(|number| arrive(world, number, persistent, &filters(number))).collect()
}

fn leave_all(world: &mut World, clients: Vec<Client>) {
    clients.into_iter().for_each(|client| world.leave(client));
}

#[test]
fn connections_leave_nothing_behind() {
    check(|world, _| {
        let clients = arrive_all(world, false, |_| vec!["wills/#".into()]);
        leave_all(world, clients);
    });
}

/// The second of a name takes the session over.
#[test]
fn takeovers_leave_nothing_behind() {
    check(|world, round| {
        let first = arrive_all(world, true, |number| vec![format!("round/{round}/{number}")]);
        let second = arrive_all(world, true, |_| Vec::new());
        leave_all(world, first);
        leave_all(world, second);
    });
}

/// Exact ones, ones of few shapes, ones of more shapes than have a place, and shared ones.
#[test]
fn filters_leave_nothing_behind() {
    check(|world, round| {
        let filters = |number: usize| {
            let depth = 1 + number % 30;
            let mut filters = vec![format!("{round}/{number}/exact"), format!("{round}/{number}/+/shape")];
            filters.push(format!("{}+/{round}/#", "deep/".repeat(depth)));
            filters.push(format!("$share/group/{round}/+/{}", number % 7));
            filters
        };
        let clients = arrive_all(world, false, filters);
        for (number, &client) in clients.iter().enumerate() {
            for topic in [format!("{round}/{number}/exact"), format!("{round}/{}/{}", number, number % 7)] {
                world.receive(client, &publish(&topic, QoS::AtMostOnce, false, b"payload"));
                world.end_turn();
            }
        }
        leave_all(world, clients);
    });
}

#[test]
fn publications_leave_nothing_behind() {
    check(|world, round| {
        let clients = arrive_all(world, false, |number| vec![format!("{round}/{}", number % 5)]);
        for (number, &client) in clients.iter().enumerate() {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let payload = vec![7; 100 << (number % 10)];
                world.receive(client, &publish(&format!("{round}/{}", number % 5), qos, false, &payload));
                world.end_turn();
            }
        }
        leave_all(world, clients);
    });
}

/// Messages are deleted, and their deletions forgotten.
#[test]
fn retained_messages_leave_nothing_behind() {
    check(|world, round| {
        let clients = arrive_all(world, false, |_| Vec::new());
        for payload in [b"kept".as_slice(), b""] {
            for (number, &client) in clients.iter().enumerate() {
                for topic in 0..20 {
                    let topic = format!("{round}/{number}/{topic}");
                    world.receive(client, &publish(&topic, QoS::AtMostOnce, true, payload));
                }
                world.end_turn();
            }
        }
        leave_all(world, clients);
    });
}

/// Some come back for their messages, of the others the sessions end by themselves.
#[test]
fn queued_messages_leave_nothing_behind() {
    check(|world, round| {
        let clients = arrive_all(world, true, |number| vec![format!("{round}/queue/{}", number % 3)]);
        leave_all(world, clients);
        let publisher = world.arrive(0, &connect_packet("publisher", false, None));
        for number in 0..100 {
            let topic = format!("{round}/queue/{}", number % 3);
            world.receive(publisher, &publish(&topic, QoS::AtLeastOnce, false, &[7; 300]));
            world.end_turn();
        }
        world.leave(publisher);
        let back = (0..CLIENTS / 2).map(|number| arrive(world, number, true, &[])).collect();
        leave_all(world, back);
    });
}
