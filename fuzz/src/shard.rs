//! Some shards and clients that do anything at any time, beside two that do all right: those notice nothing, what the server
//! says is well-formed, and nothing is left when all have gone.

use std::time::Duration;

use corecast::mqtt::{decode, next_frame, Forwarded, PacketId, PacketType, ProtocolVersion, PublishHead, QoS};
use corecast::shard::Shard;

use crate::input::Input;
use crate::world::{narrow_limits, Options, SocketId, World};

/// Steps one thing may cause; far more than it needs, far less than a loop.
const STEPS_MAX: usize = 200_000;

/// Clients at a time that do anything.
const CLIENTS: usize = 4;

/// What those who do all right are called, and where they publish: whoever knows it may disturb them.
const QUIET: &[u8] = b"quiet";

/// Chooses shards and chance; then what happens: a byte that names a client, what it does, and how long until the next.
pub(crate) fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let shards = 1 + input.byte() % 3;
    let seed = u64::from(input.byte());
    let is_disturbed = bytes.windows(QUIET.len()).any(|window| window == QUIET);
    let mut scene = Scene::new(shards, seed);
    let mut bystanders = (!is_disturbed).then(|| Bystanders::new(&mut scene));
    while !input.is_empty() {
        scene.act(&mut input);
        if let Some(bystanders) = &mut bystanders {
            bystanders.check(&mut scene);
        }
    }
    scene.leave(bystanders);
}

struct Scene {
    world: World,
    /// All there have been, with what each was told.
    sockets: Vec<(SocketId, Vec<u8>)>,
    /// Which of them each client has now.
    clients: [Option<usize>; CLIENTS],
}

impl Scene {
    fn new(shards: u8, seed: u64) -> Scene {
        let limits = narrow_limits(2_000);
        let world = World::new(Options { limits, ..Options::new(shards, seed) });
        Scene { world, sockets: Vec::new(), clients: [None; CLIENTS] }
    }

    fn act(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let client = usize::from(choice) % CLIENTS;
        match choice >> 2 & 7 {
            0..=3 => {
                let socket = self.socket(client);
                let length = usize::from(input.byte());
                self.world.send(socket, input.take(length));
            }
            4 => self.clients[client] = None,
            5 => {
                let socket = self.socket(client);
                self.world.close(socket);
            }
            6 => {
                let socket = self.socket(client);
                self.world.cut(socket);
            }
            _ => {
                let socket = self.socket(client);
                match input.byte() {
                    0..=63 => self.world.stall(socket, true),
                    64..=127 => self.world.stall(socket, false),
                    tenths => self.world.advance(Duration::from_millis(u64::from(tenths) * 100)),
                }
            }
        }
        match choice >> 5 {
            7 => self.settle(),
            few => (0..u32::from(few) * 8).for_each(|_| {
                self.world.step();
            }),
        }
    }

    /// The socket a client has now, or a new one.
    fn socket(&mut self, client: usize) -> SocketId {
        let index = *self.clients[client].get_or_insert_with(|| {
            self.sockets.push((self.world.open(), Vec::new()));
            self.sockets.len() - 1
        });
        self.sockets[index].0
    }

    fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            if !self.world.step() {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// All go. Sessions, wills and retained messages end in their time; after it the shards are as new.
    fn leave(&mut self, bystanders: Option<Bystanders>) {
        self.settle();
        for (socket, received) in &mut self.sockets {
            self.world.take_received(*socket, received);
            well_formed(received);
            self.world.cut(*socket);
        }
        for socket in bystanders.iter().flat_map(|bystanders| [bystanders.watcher, bystanders.publisher]) {
            self.world.cut(socket);
        }
        self.settle();
        self.world.advance(Duration::from_secs(u64::from(u32::MAX) + 1000));
        assert!(self.sockets.iter().all(|(socket, _)| self.world.is_forgotten(*socket)), "it has been closed");
        assert!(self.world.shards().all(Shard::is_empty), "nothing is left");
        let retained: Vec<_> = self.world.shards().map(|shard| shard.retained().collect::<Vec<_>>()).collect();
        assert!(retained.windows(2).all(|pair| pair[0] == pair[1]), "retained messages are the same everywhere");
    }
}

/// All a client was told is packets of one version; first a CONNACK and never a second one, last a DISCONNECT if any.
fn well_formed(received: &[u8]) {
    let mut packets = Vec::new();
    let mut rest = received;
    while let Some(frame) = next_frame(rest, u32::MAX).expect("the server frames its packets") {
        packets.push((rest[0], &rest[frame.header_bytes..frame.total_bytes]));
        rest = &rest[frame.total_bytes..];
    }
    let is_of = |version| packets.iter().all(|(first_byte, body)| decode(version, *first_byte, body).is_ok());
    let versions = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];
    assert!(versions.into_iter().any(is_of), "{packets:02x?} is of no version");
    let types: Vec<_> = packets.iter().filter_map(|(first_byte, _)| PacketType::from_first_byte(*first_byte)).collect();
    assert!(types.iter().enumerate().all(|(at, packet)| (*packet == PacketType::Connack) == (at == 0)), "{types:?}");
    let goodbye = types.iter().position(|packet| *packet == PacketType::Disconnect);
    assert!(goodbye.is_none_or(|at| at + 1 == types.len()), "{types:?}");
    let to_server = [PacketType::Connect, PacketType::Subscribe, PacketType::Unsubscribe, PacketType::Pingreq];
    assert!(!types.iter().any(|packet| to_server.contains(packet)), "{types:?}");
}

/// Two clients that do all right.
struct Bystanders {
    watcher: SocketId,
    publisher: SocketId,
    count: u16,
}

impl Bystanders {
    fn new(scene: &mut Scene) -> Bystanders {
        let (watcher, publisher) = (scene.world.open(), scene.world.open());
        scene.world.send(watcher, &connect("quiet-watcher"));
        scene.world.send(watcher, b"\x82\x0c\0\x01\0\x07quiet/+\x01");
        scene.world.send(publisher, &connect("quiet-publisher"));
        scene.settle();
        for socket in [watcher, publisher] {
            scene.world.take_received(socket, &mut Vec::new());
        }
        Bystanders { watcher, publisher, count: 0 }
    }

    /// A publication arrives and is acknowledged, and nothing else is heard.
    fn check(&mut self, scene: &mut Scene) {
        self.count += 1;
        let packet_id = PacketId::new(self.count).expect("it is counted from 1");
        let head = PublishHead {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: "quiet/a",
            packet_id: Some(packet_id),
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: Forwarded::EMPTY,
            payload_bytes: 0,
        };
        let mut packet = Vec::new();
        head.encode(ProtocolVersion::V3_1_1, &mut packet);
        let [high, low] = self.count.to_be_bytes();
        let puback = [0x40, 2, high, low];
        scene.world.send(self.publisher, &packet);
        scene.settle();
        let (mut heard, mut acknowledged) = (Vec::new(), Vec::new());
        scene.world.take_received(self.watcher, &mut heard);
        scene.world.take_received(self.publisher, &mut acknowledged);
        assert_eq!(heard, packet, "the watcher hears this publication and nothing else");
        assert_eq!(acknowledged, puback, "the publisher hears of this publication and nothing else");
        scene.world.send(self.watcher, &puback);
    }
}

fn connect(client_id: &str) -> Vec<u8> {
    let mut packet = b"\x10\0\0\x04MQTT\x04\x02\0\0\0\0".to_vec();
    packet[1] = u8::try_from(packet.len() - 2 + client_id.len()).expect("short");
    let last = packet.len() - 1;
    packet[last] = u8::try_from(client_id.len()).expect("short");
    packet.extend_from_slice(client_id.as_bytes());
    packet
}
