//! Large packets, which are received into the block that becomes their message: however their bytes come, what is
//! delivered is what was sent, to whoever is there, comes later or is a peer's.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::thread;
use std::time::Duration;

use corecast::connection::LANDING_BYTES_MIN;
use corecast::limits::Limits;
use corecast::mqtt::{Forwarded, Packet, PacketId, ProtocolVersion, PublishHead, QoS};
use corecast::shard::Shard;

use crate::client::Client;
use crate::rng::Rng;
use crate::script::packet;
use crate::world::{Options, World};

/// Payloads from a few bytes to some hundred thousand, and those around the size from which packets land.
const SIZES: [usize; 8] =
    [4, 300, 9_000, LANDING_BYTES_MIN - 20, LANDING_BYTES_MIN, LANDING_BYTES_MIN + 1, 70_000, 300_000];

/// Publications of one world.
const COUNT: u16 = 12;

/// A content type and a user property, as they are encoded.
const FORWARDED: &[u8] = b"\x03\0\x04text\x26\0\x01k\0\x01v";

#[test]
fn large_packets_are_delivered_as_they_were_sent_however_they_come() {
    let mut landed_bytes = 0;
    for shards in [1, 2, 3, 8] {
        for seed in 0..40 {
            let _told = Seed { shards, seed };
            landed_bytes += Play::new(shards, seed).play();
        }
    }
    assert!(landed_bytes > 1_000_000, "few bytes have landed, {landed_bytes} in all");
}

#[test]
fn large_packets_that_are_wrong_or_break_off_leave_nothing() {
    for shards in [1, 3] {
        for seed in 100..160 {
            let _told = Seed { shards, seed };
            Play::new(shards, seed).spoil();
        }
    }
}

/// Says which seed it was when a test fails.
struct Seed {
    shards: u8,
    seed: u64,
}

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("failed with {} shards and seed {}", self.shards, self.seed);
        }
    }
}

/// A publication as it was sent.
#[derive(Debug)]
struct Sent {
    qos: QoS,
    retain: bool,
    payload: Vec<u8>,
    forwarded: &'static [u8],
}

struct Play {
    world: World,
    rng: Rng,
    sent: Vec<Sent>,
}

impl Play {
    fn new(shards: u8, seed: u64) -> Play {
        // Bounds that are met, so that connections are paused in the middle of a packet.
        let limits = Limits { outbox_bytes_max: 200_000, session_expiry_interval_max_s: 60, ..Limits::default() };
        let world = World::new(Options { limits, ..Options::new(shards, seed) });
        Play { world, rng: Rng::new(!seed), sent: Vec::new() }
    }

    /// A client that is let in, at any version.
    fn connect(&mut self, id: &str, words: &str) -> Client {
        let (level, version) = self.version();
        let client = Client::open(&mut self.world, version);
        client.send(&mut self.world, &packet(level, &format!("connect id={id} {words}")));
        client
    }

    fn version(&mut self) -> (u8, ProtocolVersion) {
        [(3, ProtocolVersion::V3_1), (4, ProtocolVersion::V3_1_1), (5, ProtocolVersion::V5)][self.rng.below(3)]
    }

    /// Answers how many bytes were received into landings.
    fn play(&mut self) -> usize {
        // It is there, it was there, it comes later, and it hears itself but does not listen for a while.
        let mut watcher = self.connect("watcher", "clean");
        let sleeper = self.connect("sleeper", "");
        let publisher = self.connect("publisher", "clean");
        for client in [&watcher, &sleeper] {
            client.send(&mut self.world, &packet(4 + u8::from(is_5(client)), "subscribe id=1 large/# q2"));
        }
        if self.rng.chance(2) {
            publisher.send(&mut self.world, &packet(4 + u8::from(is_5(&publisher)), "subscribe id=1 large/# q0"));
            self.world.run();
            self.world.stall(publisher.socket, true);
        }
        self.world.run();
        let is_asleep = sleeper.version != ProtocolVersion::V5;
        sleeper.cut(&mut self.world);
        self.world.run();
        self.publish_all(&publisher);
        self.world.stall(publisher.socket, false);
        self.world.run();
        let heard = self.hear(&mut watcher);
        self.check(&heard, |_| true);
        let mut later = self.connect("later", "clean");
        later.send(&mut self.world, &packet(4 + u8::from(is_5(&later)), "subscribe id=1 large/# q2"));
        let heard = self.hear(&mut later);
        self.check(&heard, |sent| sent.retain);
        if is_asleep {
            let mut sleeper = Client::open(&mut self.world, sleeper.version);
            let level = if sleeper.version == ProtocolVersion::V3_1 { 3 } else { 4 };
            sleeper.send(&mut self.world, &packet(level, "connect id=sleeper"));
            let heard = self.hear(&mut sleeper);
            self.check(&heard, |sent| sent.qos != QoS::AtMostOnce);
        }
        self.world.landed_bytes
    }

    /// Publishes everything, each to a topic of its own, in bytes that the world cuts as it likes.
    fn publish_all(&mut self, publisher: &Client) {
        for number in 0..COUNT {
            let bytes = self.publication(number, publisher.version);
            publisher.send(&mut self.world, &bytes);
            if bytes[0] & 0x06 == 0x04 && self.rng.chance(2) {
                let mut again = bytes;
                again[0] |= 0x08;
                publisher.send(&mut self.world, &again);
            }
            for _ in 0..self.rng.below(30) {
                self.world.step();
            }
        }
        self.world.run();
    }

    /// A PUBLISH, by its number.
    fn publication(&mut self, number: u16, version: ProtocolVersion) -> Vec<u8> {
        let size = SIZES[self.rng.below(SIZES.len())];
        let payload: Vec<u8> =
            number.to_le_bytes().into_iter().chain((2..size).map(|at| (at / 3 + usize::from(number)) as u8)).collect();
        let is_5 = version == ProtocolVersion::V5;
        let forwarded = if is_5 && self.rng.chance(2) { FORWARDED } else { &[] };
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][self.rng.below(3)];
        let retain = self.rng.chance(3);
        let head = PublishHead {
            dup: false,
            qos,
            retain,
            topic: &format!("large/{number}"),
            packet_id: PacketId::new(number + 1).filter(|_| qos != QoS::AtMostOnce),
            topic_alias: NonZeroU16::new(3).filter(|_| is_5 && self.rng.chance(4)),
            message_expiry_interval_s: (is_5 && self.rng.chance(4)).then_some(1_000),
            subscription_identifiers: &[],
            forwarded: Forwarded::from_encoded(forwarded),
            payload_bytes: payload.len(),
        };
        let mut bytes = Vec::new();
        head.encode(version, &mut bytes);
        bytes.extend_from_slice(&payload);
        self.sent.push(Sent { qos, retain, payload, forwarded });
        bytes
    }

    /// Takes all that comes for a client and acknowledges it: the payloads and forwarded properties, by number.
    fn hear(&mut self, client: &mut Client) -> BTreeMap<usize, (Vec<u8>, Vec<u8>)> {
        let level = if is_5(client) { 5 } else { 4 };
        let mut heard = BTreeMap::new();
        loop {
            self.world.run();
            let mut answers = Vec::new();
            let mut is_done = true;
            client.receive(&mut self.world, |said| {
                is_done = false;
                match said {
                    Packet::Publish(publish) => {
                        let number = usize::from(u16::from_le_bytes([publish.payload[0], publish.payload[1]]));
                        assert_eq!(publish.topic, format!("large/{number}"));
                        let mut forwarded = Vec::new();
                        publish.forwarded.copy_to(&mut forwarded);
                        let before = heard.insert(number, (publish.payload.to_vec(), forwarded));
                        assert!(before.is_none(), "number {number} comes twice");
                        let id = publish.packet_id.map_or(0, PacketId::get);
                        match publish.qos {
                            QoS::AtMostOnce => {}
                            QoS::AtLeastOnce => answers.extend(packet(level, &format!("puback id={id}"))),
                            QoS::ExactlyOnce => answers.extend(packet(level, &format!("pubrec id={id}"))),
                        }
                    }
                    Packet::Pubrel(released) => {
                        answers.extend(packet(level, &format!("pubcomp id={}", released.packet_id.get())));
                    }
                    Packet::Connack(_) | Packet::Suback(_) => {}
                    other => panic!("{other:?} was not asked for"),
                }
            });
            if is_done {
                return heard;
            }
            client.send(&mut self.world, &answers);
        }
    }

    /// All of those wanted have come, and no others; QoS 0 may have met a full outbox.
    fn check(&self, heard: &BTreeMap<usize, (Vec<u8>, Vec<u8>)>, is_wanted: impl Fn(&Sent) -> bool) {
        for (number, sent) in self.sent.iter().enumerate() {
            match heard.get(&number) {
                Some((payload, forwarded)) => {
                    assert!(is_wanted(sent), "number {number} is for others");
                    assert!(payload == &sent.payload, "number {number} has other bytes");
                    assert!(forwarded.is_empty() || forwarded == sent.forwarded, "number {number}");
                }
                None => assert!(!is_wanted(sent) || sent.qos == QoS::AtMostOnce, "number {number} has not come"),
            }
        }
    }

    /// Packets with a wrong byte among their first ones, cuts in the middle, a drain: then everything is as new.
    fn spoil(&mut self) {
        for round in 0..6 {
            let mut publisher = self.connect(&format!("publisher{round}"), "clean");
            for number in 0..4 {
                let mut bytes = self.publication(number, publisher.version);
                if self.rng.chance(2) {
                    let at = 4 + self.rng.below(30.min(bytes.len() - 4));
                    bytes[at] = self.rng.next() as u8;
                }
                publisher.send(&mut self.world, &bytes);
                for _ in 0..self.rng.below(12) {
                    self.world.step();
                }
            }
            match self.rng.below(4) {
                0 => publisher.cut(&mut self.world),
                1 => publisher.close(&mut self.world),
                2 if round == 4 => self.world.drain(),
                _ => {}
            }
            publisher.receive(&mut self.world, |_| {});
        }
        self.world.run();
        self.world.drain();
        self.world.advance(Duration::from_secs(u64::from(u32::MAX) + 1_000));
        for shard in self.world.shards() {
            assert!(shard.is_drained(), "a drain ends whatever has come in part");
        }
        assert!(self.world.shards().all(Shard::is_empty), "nothing is left");
    }
}

fn is_5(client: &Client) -> bool {
    client.version == ProtocolVersion::V5
}
