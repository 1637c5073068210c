//! Bytes no client should send, and connections that break off anywhere, on real sockets: two clients beside them that
//! do all right lose nothing, and when it is over no connection is left.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use corecast::limits::Limits;

use crate::rng::Rng;
use crate::script::packet;
use crate::wire::broker::Broker;
use crate::wire::caller::Caller;

/// How long one storm lasts.
const STORM: Duration = Duration::from_secs(4);
/// Connections that attack at once.
const ATTACKERS: usize = 12;

/// How long an attacker waits for the broker to take its bytes.
const ATTACKER_PATIENCE: Duration = Duration::from_millis(20);

/// Small, so that an oversize packet is cheap.
const PACKET_BYTES_MAX: u32 = 8 * 1024;

/// What is sent as it is at the wrong time, cut, and mutated.
const PACKETS: &[&str] = &[
    "connect id=storm1 clean",
    "connect id=storm2 keep_alive=9 will=storm/will will.payload=gone will.q1 will.retain username=u password=p",
    "connect id=storm3 session_expiry=1 receive_maximum=2 maximum_packet_size=60 topic_alias_maximum=3",
    "connect clean",
    "publish storm/a \"zero\"",
    "publish storm/a q1 id=7 retain *3000",
    "publish storm/b q2 id=9 \"two\"",
    "publish storm/b q2 id=9 dup \"two\"",
    "publish storm/d q1 id=3 topic_alias=2 message_expiry=5 user.k=v \"alias\"",
    "publish storm/large *7000",
    "puback id=1",
    "pubrec id=1",
    "pubrel id=9",
    "pubcomp id=1",
    "subscribe id=5 storm/# q2 storm/+ q0",
    "subscribe id=8 $share/g/storm/# q2",
    "unsubscribe id=7 storm/#",
    "pingreq",
    "disconnect",
    "disconnect code=4 session_expiry=30",
    "raw 30 ff ff ff 7f",
    "raw 30 ff ff ff ff 01",
    "raw 10 ff ff ff 7f 00 04 \"MQTT\" 04",
];

#[test]
fn any_bytes_and_breaks_on_one_shard_disturb_nobody() {
    storm(1, 11);
}

#[test]
fn any_bytes_and_breaks_on_four_shards_disturb_nobody() {
    storm(4, 12);
}

fn storm(shards: usize, seed: u64) {
    eprintln!("storm on {shards} shards with seed {seed}");
    let limits = Limits {
        packet_bytes_max: PACKET_BYTES_MAX,
        outbox_bytes_max: 64 * 1024,
        queue_messages_max: 100,
        inflight_messages_max: 10,
        session_expiry_interval_max_s: 1,
        ..Limits::default()
    };
    let broker = Broker::limited(shards, limits);
    let is_over = AtomicBool::new(false);
    let exchanged = thread::scope(|scope| {
        let bystanders = scope.spawn(|| exchange(broker.address(), &is_over));
        let attacks = attack(broker.address(), &mut Rng::new(seed), || bystanders.is_finished());
        is_over.store(true, Ordering::Relaxed);
        let exchanged = bystanders.join().expect("the two clients lose nothing");
        eprintln!("{attacks} attacks while {exchanged} messages were exchanged");
        exchanged
    });
    assert!(exchanged > 0);
    broker.ends_empty();
}

/// Two clients with QoS 1 until the storm is over; answers how many messages went from one to the other.
fn exchange(address: SocketAddr, is_over: &AtomicBool) -> u16 {
    let mut subscriber = Caller::connected(address, 5, "id=calm1 clean");
    subscriber.subscribed("calm", 1);
    let mut publisher = Caller::connected(address, 4, "id=calm2 clean");
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) && count < u16::MAX {
        count += 1;
        publisher.published(&format!("calm \"{count}\""), 1, count);
        let heard = subscriber.delivered();
        assert_eq!((heard.payload.as_slice(), heard.dup), (count.to_string().as_bytes(), false));
    }
    count
}

/// Attacks until it is time or somebody has been hurt; answers how often.
fn attack(address: SocketAddr, rng: &mut Rng, is_hurt: impl Fn() -> bool) -> usize {
    let end = Instant::now() + STORM;
    let mut attackers: Vec<Caller> = Vec::new();
    let mut count = 0;
    while Instant::now() < end && !is_hurt() {
        if attackers.len() < ATTACKERS {
            attackers.push(begin(address, rng));
            count += 1;
        }
        let at = rng.below(attackers.len());
        let bytes = bytes(rng);
        let goes_on = attackers[at].try_send(&bytes);
        if !goes_on || rng.chance(4) {
            let attacker = attackers.swap_remove(at);
            match rng.below(3) {
                0 => attacker.reset(),
                1 => attacker.half_closes(),
                _ => {}
            }
        }
    }
    count
}

/// A connection in any state.
fn begin(address: SocketAddr, rng: &mut Rng) -> Caller {
    let level = [3, 4, 5][rng.below(3)];
    let mut attacker = if rng.chance(3) { Caller::open_narrow(address, level) } else { Caller::open(address, level) };
    // The broker does not read who does not read.
    attacker.gives_up_after(ATTACKER_PATIENCE);
    let connect = packet(level, &format!("connect id=attacker{} keep_alive=1", rng.below(2 * ATTACKERS)));
    let steps: &[&str] = match rng.below(6) {
        // Nothing said, or half a CONNECT.
        0 => return attacker,
        1 => {
            attacker.try_send(&connect[..rng.below(connect.len())]);
            return attacker;
        }
        2 => &[],
        // In the middle of two QoS 2 exchanges.
        3 => &["subscribe id=5 storm/# q2", "publish storm/own q2 id=77 \"own\""],
        // Has been told to go.
        4 => &["raw 00 00"],
        // Asks for more than it will ever read.
        _ => &["subscribe id=5 storm/# q0"],
    };
    attacker.try_send(&connect);
    for step in steps {
        attacker.try_send(&packet(level, step));
    }
    attacker
}

/// Something to send.
fn bytes(rng: &mut Rng) -> Vec<u8> {
    let level = [3, 4, 5][rng.below(3)];
    let mut bytes = Vec::new();
    for _ in 0..=rng.below(4) {
        bytes.extend(packet(level, PACKETS[rng.below(PACKETS.len())]));
    }
    match rng.below(6) {
        0 => {}
        1 => bytes.truncate(rng.below(bytes.len())),
        2 => bytes = (0..rng.below(2000)).map(|_| rng.next() as u8).collect(),
        3 => bytes.extend([0x30, 0xff, 0xff, 0x7f].iter().chain(&[0; 3 * PACKET_BYTES_MAX as usize])),
        _ => {
            for _ in 0..=rng.below(4) {
                let at = rng.below(bytes.len());
                bytes[at] = rng.next() as u8;
            }
        }
    }
    bytes
}
