//! Large packets over real sockets, where the kernel writes them into their messages.

use std::thread;

use corecast::limits::Limits;
use corecast::mqtt::{Forwarded, Packet, PacketId, ProtocolVersion, PublishHead, QoS, ReasonCode};

use crate::rng::Rng;
use crate::wire::broker::Broker;
use crate::wire::caller::Caller;

/// Content type and user property, encoded.
const FORWARDED: &[u8] = b"\x03\0\x04text\x26\0\x01k\0\x01v";

const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Publication `number` with its packet identifier; some say something about themselves.
fn publish(level: u8, topic: &str, number: u16, qos: QoS, size: usize) -> Vec<u8> {
    let version = if level == 5 { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 };
    let is_plain = number % 4 != 1;
    let head = PublishHead {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_id: PacketId::new(number + 1).filter(|_| qos != QoS::AtMostOnce),
        topic_alias: None,
        message_expiry_interval_s: (number % 8 == 5).then_some(3_600),
        subscription_identifiers: &[],
        forwarded: Forwarded::from_encoded(if is_plain { &[] } else { FORWARDED }),
        payload_bytes: size,
    };
    let mut bytes = Vec::new();
    head.encode(version, &mut bytes);
    bytes.extend_from_slice(&payload(number, size));
    bytes
}

/// No two numbers have the same bytes, and no two places of one.
fn payload(number: u16, size: usize) -> Vec<u8> {
    (0..size).map(|at| (at ^ ((at >> 8) * 7) ^ (usize::from(number) * 13)) as u8).collect()
}

/// Sizes from one byte to nearly the largest packet, small ones in between and large ones in a row.
fn size(rng: &mut Rng) -> usize {
    match rng.below(8) {
        0 => 1 + rng.below(20),
        1 => rng.below(16 * 1024),
        2 => 32 * 1024 - 40 + rng.below(80),
        3 => 1_000_000 + rng.below(990_000),
        _ => 60_000 + rng.below(10_000),
    }
}

/// Sends bytes in pieces of any size, each a segment of its own if it is small.
fn send_in_pieces(sender: &mut Caller, bytes: &[u8], rng: &mut Rng) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece = match rng.below(4) {
            0 => 1 + rng.below(10),
            1 => 1 + rng.below(2_000),
            _ => 1 + rng.below(200_000),
        };
        let (now, later) = rest.split_at(piece.min(rest.len()));
        sender.send(now);
        rest = later;
    }
}

#[test]
fn packets_of_all_sizes_mixed_on_one_connection_are_delivered_as_they_were_sent() {
    for (shards, levels) in [(1, [4, 5]), (1, [5, 5]), (4, [5, 4]), (4, [4, 4])] {
        let seed = shards as u64 * 100 + u64::from(levels[0]) * 10 + u64::from(levels[1]);
        eprintln!("{shards} shards, levels {levels:?}, seed {seed}");
        let mut rng = Rng::new(seed);
        // Nothing is dropped for being too much at once.
        let limits =
            Limits { outbox_bytes_max: 1 << 30, queue_bytes_max: 1 << 30, receive_maximum: 1024, ..Limits::default() };
        let broker = Broker::limited(shards, limits);
        let mut subscriber = Caller::connected(broker.address(), levels[1], "id=s clean");
        subscriber.subscribed("large", 2);
        let mut publisher = Caller::connected(broker.address(), levels[0], "id=p clean");
        let sent: Vec<(usize, QoS)> = (0..80).map(|_| (size(&mut rng), QOS[rng.below(3)])).collect();
        let stream: Vec<u8> = (0..)
            .zip(&sent)
            .flat_map(|(number, (size, qos))| publish(levels[0], "large", number, *qos, *size))
            .collect();
        let sending = thread::spawn(move || {
            send_in_pieces(&mut publisher, &stream, &mut rng);
            publisher
        });
        // All are granted their own QoS and nothing has to wait, so they come in the order of the stream.
        for (number, (size, qos)) in (0..).zip(&sent) {
            let heard = subscriber.delivered();
            assert_eq!((heard.payload.len(), heard.qos), (*size, *qos), "number {number}");
            assert!(heard.payload == payload(number, *size), "number {number} has other bytes");
        }
        let mut publisher = sending.join().expect("all is sent");
        for (number, (_, qos)) in (0..).zip(&sent) {
            match qos {
                QoS::AtMostOnce => {}
                QoS::AtLeastOnce => publisher.acknowledged("puback", number + 1),
                QoS::ExactlyOnce => publisher.acknowledged("pubrec", number + 1),
            }
        }
        // How many is a matter of timing: what was there before the receive was changed came in the other way.
        assert!(broker.report().runtime.landed_bytes_total > 0);
        drop((subscriber, publisher));
        broker.ends_empty();
    }
}

#[test]
fn a_client_that_is_paused_in_the_middle_of_large_packets_loses_none() {
    for shards in [1, 4] {
        let limits = Limits { outbox_bytes_max: 256 * 1024, queue_bytes_max: 1 << 30, ..Limits::default() };
        let broker = Broker::limited(shards, limits);
        let mut own = Caller::connected(broker.address(), 5, "id=own clean");
        own.subscribed("own", 1);
        let mut speaker = own.another_end();
        // More than the kernel keeps.
        let count = 400;
        let speaking = thread::spawn(move || {
            for number in 0..count {
                speaker.send(&publish(5, "own", number, QoS::AtLeastOnce, 50_000 + usize::from(number)));
            }
        });
        broker.counts("its socket is not read", |report| report.shard.slow_consumer_pauses_total > 0);
        let (mut acknowledged, mut next) = (0, 0);
        // Fewer than may be in flight: an acknowledgement said now would wait behind what is being sent.
        while acknowledged < count || next < count {
            own.hear(|packet| match packet {
                Packet::Publish(publish) => {
                    assert!(publish.payload == payload(next, 50_000 + usize::from(next)), "number {next}");
                    next += 1;
                }
                Packet::Puback(puback) => {
                    acknowledged += 1;
                    assert_eq!(puback.packet_id.get(), acknowledged);
                }
                other => panic!("{other:?} was not asked for"),
            });
        }
        speaking.join().expect("all is sent");
        assert!(broker.report().runtime.landed_bytes_total > 0);
        drop(own);
        broker.ends_empty();
    }
}

/// Bytes of the packets that break off.
const BROKEN_BYTES: usize = 200_000;

/// A client half of whose packet has come: its rest is being received into the message.
fn in_the_middle(broker: &Broker, id: &str) -> (Caller, Vec<u8>) {
    let mut caller = Caller::connected(broker.address(), 5, &format!("id={id} clean"));
    let mut packet = publish(5, "large", 1, QoS::AtLeastOnce, BROKEN_BYTES);
    caller.send(&packet);
    caller.acknowledged("puback", 2);
    let before = broker.report().runtime;
    let rest = packet.split_off(BROKEN_BYTES / 2);
    caller.send(&packet);
    broker.counts("half of it has come", |report| {
        report.runtime.received_bytes_total - before.received_bytes_total == packet.len() as u64
    });
    assert!(broker.report().runtime.landed_bytes_total > before.landed_bytes_total);
    (caller, rest)
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_large_packet_leaves_nothing() {
    for shards in [1, 4] {
        let broker = Broker::start(shards);
        let mut watcher = Caller::connected(broker.address(), 4, "id=watcher clean");
        watcher.subscribed("large", 0);
        in_the_middle(&broker, "resets").0.reset();
        drop(in_the_middle(&broker, "closes"));
        let (mut caller, _) = in_the_middle(&broker, "half-closes");
        caller.half_close();
        caller.ends();
        let (mut caller, rest) = in_the_middle(&broker, "is-taken-over");
        let mut other = Caller::connected(broker.address(), 5, "id=is-taken-over clean");
        assert_eq!(caller.disconnected(), ReasonCode::SessionTakenOver);
        caller.send(&rest);
        caller.ends();
        drop(caller);
        other.pings();
        drop(other);
        let (mut caller, rest) = in_the_middle(&broker, "goes-on");
        caller.send(&[&rest, &publish(5, "large", 2, QoS::AtMostOnce, 7)[..]].concat());
        caller.acknowledged("puback", 2);
        caller.pings();
        drop(caller);
        // What was whole has been delivered, and nothing of what was not.
        for _ in 0..6 {
            assert!(watcher.delivered().payload == payload(1, BROKEN_BYTES));
        }
        assert!(watcher.delivered().payload == payload(2, 7));
        watcher.pings();
        drop(watcher);
        broker.ends_empty();
    }
}

#[test]
fn a_broker_ends_in_the_middle_of_large_packets() {
    let broker = Broker::start(1);
    let mut callers: Vec<Caller> = ["a", "b"].map(|id| in_the_middle(&broker, id).0).into();
    let drained = thread::spawn(move || broker.drains());
    for caller in &mut callers {
        assert_eq!(caller.disconnected(), ReasonCode::ServerShuttingDown);
        caller.ends();
    }
    drop(callers);
    drained.join().expect("it has drained");
    // Stopped without a goodbye, the kernel has to let go of the memory first.
    let broker = Broker::start(1);
    let caller = in_the_middle(&broker, "c");
    drop(broker);
    drop(caller);
}
