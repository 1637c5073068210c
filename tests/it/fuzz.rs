//! Bytes no client should send, in every state a connection can be in: nothing panics or hangs, what the server says
//! stays well-formed, clients beside it notice nothing, and nothing is left once the connection is gone.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use corecast::auth::{Policies, Policy, ScramFile, Verifier};
use corecast::mqtt::{next_frame, PacketType};
use corecast::shard::Shard;

use crate::rng::Rng;
use crate::script::packet;
use crate::world::{narrow_limits, Options, SocketId, World};

/// Actions one attack may cause; far more than it needs, far less than a loop.
const STEPS_MAX: usize = 200_000;

/// Small, so that a packet above it is cheap.
const PACKET_BYTES_MAX: u32 = 2_000;

/// Packets of clients, in the words of scripts: what is mutated, and what is sent as it is at the wrong time.
const PACKETS: &[&str] = &[
    "connect id=fuzz1 clean",
    "connect id=fuzz1",
    "connect id=fuzz2 keep_alive=9 will=fuzz/will will.payload=gone will.q1 will.retain username=u password=p",
    "connect clean",
    "connect id=fuzz3 clean session_expiry=900 receive_maximum=2 maximum_packet_size=60 topic_alias_maximum=3 user.a=b",
    "connect id=fuzz4 clean level=9",
    "connect id=fuzz5 clean name=MQTX",
    "publish fuzz/a \"zero\"",
    "publish fuzz/a q1 id=7 retain \"one\"",
    "publish fuzz/b q2 id=9 \"two\"",
    "publish fuzz/b q2 id=9 dup \"two\"",
    "publish fuzz/b q3 id=9 \"three\"",
    "publish fuzz/c retain *1900",
    "publish fuzz/c retain \"\"",
    "publish fuzz/d q1 id=3 topic_alias=2 message_expiry=5 content_type=x user.k=v user.k=w \"alias\"",
    "publish \"\" topic_alias=2 \"again\"",
    "puback id=1",
    "puback id=2",
    "pubrec id=1",
    "pubrec id=1 code=0x92",
    "pubrel id=9",
    "pubrel id=9 code=0x92 reason_string=why",
    "pubcomp id=1",
    "subscribe id=5 fuzz/# q2",
    "subscribe id=6 fuzz/+ q1 # q0 fuzz/a/b q2",
    "subscribe id=6 subscription_id=77 fuzz/+ q1 nl rap rh=1",
    "subscribe id=8 $share/g/fuzz/# q2",
    "subscribe id=9 fuzz/#/a q2",
    "unsubscribe id=7 fuzz/# fuzz/+",
    "unsubscribe id=7 $share/g/fuzz/#",
    "pingreq",
    "disconnect",
    "disconnect code=4 session_expiry=30",
    "auth code=0x18 authentication_method=m authentication_data=d",
    "connect id=fuzz1 clean authentication_method=SCRAM-SHA-256 authentication_data=\"n,,n=alice,r=abc\"",
    "auth code=0x18 authentication_method=SCRAM-SHA-256 authentication_data=\"c=biws,r=abc,p=AAAA\"",
    "auth code=0x19 authentication_method=SCRAM-SHA-256 authentication_data=\"n,,n=alice,r=abc\"",
    "raw 00 00",
    "raw 20 02 00 00",
    "raw 90 03 00 01 00",
    "raw d0 00",
    "raw 30 ff ff ff 7f",
    "raw 30 ff ff ff ff 01",
    "raw 10 ff ff ff 7f 00 04 \"MQTT\" 04",
];

/// Where a connection is when the bytes come.
#[derive(Clone, Copy, Debug)]
enum Stage {
    BeforeConnect,
    InsideConnect,
    /// It has named a method, whatever its version, and been asked for its proof if that is 5.0.
    Challenged,
    Open,
    /// A publication of its own is not released, and one for it is not acknowledged.
    InsideQoS2,
    Lingering,
    /// It does not take what is sent to it.
    Stalled,
}

const STAGES: [Stage; 7] = [
    Stage::BeforeConnect,
    Stage::InsideConnect,
    Stage::Challenged,
    Stage::Open,
    Stage::InsideQoS2,
    Stage::Lingering,
    Stage::Stalled,
];

#[test]
fn any_bytes_in_any_state_disturb_nobody_and_leave_nothing() {
    for shards in [1, 2, 3, 8] {
        for seed in 0..300 {
            Fuzz::new(shards, seed).run(40, false);
        }
    }
}

#[test]
fn any_bytes_while_the_server_drains_do_not_keep_it() {
    for shards in [1, 3] {
        for seed in 100..300 {
            Fuzz::new(shards, seed).run(12, true);
        }
    }
}

struct Fuzz {
    world: World,
    rng: Rng,
    sockets: Vec<SocketId>,
    seed: Seed,
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

/// Two clients that do all right.
struct Bystanders {
    watcher: SocketId,
    publisher: SocketId,
    count: usize,
}

impl Fuzz {
    fn new(shards: u8, seed: u64) -> Fuzz {
        let limits = narrow_limits(PACKET_BYTES_MAX);
        let verifier = Verifier::make(b"pencil", b"salt", NonZeroU32::MIN).text();
        let scram = ScramFile::parse("scram", format!("alice:{verifier}\n").as_bytes()).expect("a line of our own");
        let policy = Policy { scram: Some(Arc::new(scram)), ..Policy::default() };
        let policies = Some(Arc::new(Policies::new(1, vec![Arc::new(policy)])));
        let world = World::new(Options { limits, policies, ..Options::new(shards, seed) });
        Fuzz { world, rng: Rng::new(!seed), sockets: Vec::new(), seed: Seed { shards, seed } }
    }

    fn run(&mut self, attacks: usize, drain: bool) {
        let mut bystanders = self.bystanders();
        for attack in 0..attacks {
            if drain && attack == attacks / 2 {
                self.world.drain();
            }
            self.attack();
            if !drain {
                self.check_bystanders(&mut bystanders);
            }
        }
        if drain {
            self.world.advance(Duration::from_secs(30));
            assert!(self.world.shards().all(Shard::is_drained), "a drain ends whatever clients do");
        }
        self.leave(&bystanders);
    }

    fn bystanders(&mut self) -> Bystanders {
        let watcher = self.world.open();
        self.world.send(watcher, &packet(4, "connect id=the-watcher clean"));
        self.world.send(watcher, &packet(4, "subscribe id=1 quiet/+ q1"));
        let publisher = self.world.open();
        self.world.send(publisher, &packet(5, "connect id=the-publisher clean"));
        self.settle();
        for socket in [watcher, publisher] {
            self.world.take_received(socket, &mut Vec::new());
        }
        Bystanders { watcher, publisher, count: 0 }
    }

    /// One connection, brought to a stage, then given wrong bytes; then it is left alone, closed or cut.
    fn attack(&mut self) {
        let socket = self.world.open();
        self.sockets.push(socket);
        let stage = STAGES[self.rng.below(STAGES.len())];
        let level = [3, 4, 5][self.rng.below(3)];
        self.bring(socket, stage, level);
        for _ in 0..=self.rng.below(4) {
            let bytes = self.bytes(level);
            self.world.send(socket, &bytes);
            if self.rng.chance(3) {
                self.settle();
            }
        }
        self.settle();
        self.check_answers(socket);
        match self.rng.below(6) {
            0 => self.world.close(socket),
            1 => self.world.cut(socket),
            2 => self.world.advance(Duration::from_millis(self.rng.next() % 30_000)),
            _ => {}
        }
        if self.rng.chance(4) {
            let other = self.sockets[self.rng.below(self.sockets.len())];
            let bytes = self.bytes(level);
            self.world.send(other, &bytes);
        }
        self.settle();
    }

    fn bring(&mut self, socket: SocketId, stage: Stage, level: u8) {
        let id = self.rng.below(4);
        let clean = if self.rng.chance(2) { "clean" } else { "" };
        let mut connect = packet(level, &format!("connect id=fuzz{id} {clean}"));
        if matches!(stage, Stage::Challenged) {
            let method = "authentication_method=SCRAM-SHA-256 authentication_data=\"n,,n=alice,r=abc\"";
            connect = packet(level, &format!("connect id=fuzz{id} {clean} {method}"));
        }
        let say = |fuzz: &mut Fuzz, text: &str| fuzz.world.send(socket, &packet(level, text));
        match stage {
            Stage::BeforeConnect => return,
            Stage::InsideConnect => connect.truncate(self.rng.below(connect.len())),
            Stage::Challenged | Stage::Open | Stage::InsideQoS2 | Stage::Lingering | Stage::Stalled => {}
        }
        self.world.send(socket, &connect);
        match stage {
            Stage::BeforeConnect | Stage::InsideConnect | Stage::Challenged | Stage::Open => {}
            Stage::InsideQoS2 => {
                say(self, "subscribe id=1 fuzz/# q2");
                say(self, "publish fuzz/own q2 id=9 \"open\"");
            }
            Stage::Lingering => say(self, "disconnect"),
            Stage::Stalled => {
                self.world.stall(socket, true);
                say(self, "subscribe id=1 # q2");
                (0..8).for_each(|_| say(self, "publish fuzz/own *1000"));
            }
        }
        if !self.rng.chance(4) {
            self.settle();
        }
    }

    /// A packet as it should be, mutated, several glued together, or noise.
    fn bytes(&mut self, level: u8) -> Vec<u8> {
        let level = if self.rng.chance(4) { [3, 4, 5][self.rng.below(3)] } else { level };
        let mut bytes = packet(level, PACKETS[self.rng.below(PACKETS.len())]);
        match self.rng.below(8) {
            0 => {}
            1 => bytes = (0..self.rng.below(64)).map(|_| self.rng.next() as u8).collect(),
            2 => {
                bytes.extend(packet(level, PACKETS[self.rng.below(PACKETS.len())]));
                self.mutate(&mut bytes);
            }
            3 => {
                let end = self.rng.below(bytes.len());
                bytes.truncate(end);
            }
            _ => (0..=self.rng.below(3)).for_each(|_| self.mutate(&mut bytes)),
        }
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return bytes.push(self.rng.next() as u8);
        }
        let at = self.rng.below(bytes.len());
        match self.rng.below(8) {
            0 => bytes[at] ^= 1 << self.rng.below(8),
            1 => bytes[at] = self.rng.next() as u8,
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.rng.below(5)],
            3 => bytes.insert(at, self.rng.next() as u8),
            4 => drop(bytes.remove(at)),
            5 => {
                // The Remaining Length, with the rest as it was.
                let first = at.min(1).min(bytes.len() - 1);
                bytes[first] = self.rng.next() as u8;
            }
            6 => {
                let end = at + self.rng.below(bytes.len() - at);
                let twice = bytes[at..end].to_vec();
                bytes.splice(at..at, twice);
            }
            _ => {
                let end = at + self.rng.below(bytes.len() - at);
                bytes.drain(at..end);
            }
        }
    }

    /// What came back can be cut into packets, begins with CONNACK, or one AUTH and CONNACK, and has no second one, and nothing
    /// follows DISCONNECT.
    fn check_answers(&mut self, socket: SocketId) {
        let mut bytes = Vec::new();
        self.world.take_received(socket, &mut bytes);
        let mut rest = bytes.as_slice();
        let mut types = Vec::new();
        while let Some(frame) = next_frame(rest, u32::MAX).expect("the server frames its packets") {
            types.push(PacketType::from_first_byte(frame.first_byte).expect("a packet type"));
            rest = &rest[frame.total_bytes..];
        }
        let count = |wanted| types.iter().filter(|seen| **seen == wanted).count();
        let begins = if types.first() == Some(&PacketType::Auth) { &types[1..] } else { &types[..] };
        assert!(begins.first().is_none_or(|first| *first == PacketType::Connack), "{types:?}");
        assert!(count(PacketType::Connack) <= 1, "{types:?}");
        let goodbye = types.iter().position(|seen| *seen == PacketType::Disconnect);
        assert!(goodbye.is_none_or(|at| at + 1 == types.len()), "{types:?}");
    }

    fn check_bystanders(&mut self, bystanders: &mut Bystanders) {
        bystanders.count += 1;
        let id = bystanders.count;
        let text = format!("publish quiet/a q1 id={id} \"{id}\"");
        self.world.send(bystanders.publisher, &packet(5, &text));
        self.settle();
        let mut heard = Vec::new();
        self.world.take_received(bystanders.watcher, &mut heard);
        assert_eq!(heard, packet(4, &text), "the watcher hears publication {id} and nothing else");
        self.world.send(bystanders.watcher, &packet(4, &format!("puback id={id}")));
        let mut acknowledged = Vec::new();
        self.world.take_received(bystanders.publisher, &mut acknowledged);
        assert_eq!(acknowledged, packet(5, &format!("puback id={id}")));
    }

    /// All go. Sessions, wills and retained messages end in their time; after it the shards are as new.
    fn leave(&mut self, bystanders: &Bystanders) {
        for socket in [bystanders.watcher, bystanders.publisher] {
            self.world.send(socket, &packet(4, "disconnect"));
            self.world.close(socket);
        }
        for socket in &self.sockets {
            self.world.cut(*socket);
        }
        self.settle();
        self.world.advance(Duration::from_secs(u64::from(u32::MAX) + 1000));
        for socket in &self.sockets {
            assert!(self.world.is_forgotten(*socket), "a closed connection is forgotten");
        }
        assert!(self.world.shards().all(Shard::is_empty), "nothing is left");
        let retained: Vec<_> = self.world.shards().map(|shard| shard.retained().collect::<Vec<_>>()).collect();
        assert!(retained.windows(2).all(|pair| pair[0] == pair[1]), "retained messages are the same everywhere");
        assert!(self.seed.shards as usize == retained.len() && retained[0].len() <= 30 * retained.len());
    }

    fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            if !self.world.step() {
                return;
            }
        }
        panic!("the world does not come to rest");
    }
}
