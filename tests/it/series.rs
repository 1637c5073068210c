//! Publications to one topic and acknowledgements that come in a row are handled as one. Nobody may see a difference: two
//! brokers get the same bytes, one of them row by row and the other packet by packet, and must say the same to everybody.

use std::thread;
use std::time::Duration;

use corecast::config::QueueFull;
use corecast::limits::{Limits, TURN_UNITS_MAX};
use corecast::metrics::Metrics;
use corecast::mqtt::{next_frame, ProtocolVersion};
use corecast::shard::{ConnectionId, Effect, Event, Origin, Seeds, Shard, ShardId, ShardOptions};
use corecast::time::Time;

use crate::client::each_packet;
use crate::rng::Rng;
use crate::script::{check, packet};

/// Rows of one play.
const ROWS: usize = 12;
/// Packets of the longest row.
const ROW_MAX: usize = 60;

#[test]
fn a_row_is_worth_as_much_as_its_packets_one_by_one() {
    let mut in_row = 0;
    for shards in [1, 2] {
        for seed in 0..400 {
            let _told = Told { shards, seed };
            in_row += play(shards, seed);
        }
    }
    assert!(in_row > 100_000, "few deliveries, {in_row} in all");
}

/// Says which seed it was when a test fails.
struct Told {
    shards: u8,
    seed: u64,
}

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("failed with {} shards and seed {}", self.shards, self.seed);
        }
    }
}

/// Both brokers with the same clients. Answers how many publications were sent to clients.
fn play(shards: u8, seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let limits = Limits {
        outbox_bytes_max: [4_000, 100_000, 8 << 20][rng.below(3)],
        queue_messages_max: [5, 10_000][rng.below(2)],
        inflight_messages_max: [7, 1_024][rng.below(2)],
        packet_bytes_max: [400, 20_000][rng.below(2)],
        ..Limits::default()
    };
    let units_max = [TURN_UNITS_MAX, 40][rng.below(2)];
    let (mut rows, mut packets) = (House::new(shards, &limits, units_max), House::new(shards, &limits, units_max));
    let publisher_level = 3 + rng.below(3) as u8;
    let mut clients = Vec::new();
    for index in 0..2 + rng.below(7) {
        let level = if index == 0 { publisher_level } else { 3 + rng.below(3) as u8 };
        let (connect, mut subscribe) = receiver(&mut rng, level);
        if index == 0 && limits.outbox_bytes_max < 8 << 20 {
            // Its own outbox would be full sooner or later, depending on when it gets its acknowledgements.
            subscribe = "subscribe id=1 x q0".to_owned();
        }
        let shard = rng.below(shards.into());
        let socket = rows.connect(shard, level, &connect);
        assert_eq!(packets.connect(shard, level, &connect), socket);
        for house in [&mut rows, &mut packets] {
            house.receive(socket, &packet(level, &subscribe));
            house.end_turn();
        }
        let is_away = index > 0 && rng.chance(8);
        for house in [&mut rows, &mut packets].into_iter().filter(|_| is_away) {
            house.close(socket);
            house.end_turn();
        }
        clients.push(socket);
    }
    let disturbance = packet(4, "subscribe id=1 unheard q0");
    let disturber = rows.connect(clients[0].shard, 4, " clean");
    assert_eq!(packets.connect(clients[0].shard, 4, " clean"), disturber);
    for _ in 0..ROWS {
        let row = publications(&mut rng, publisher_level);
        rows.receive(clients[0], &row);
        each_alone(&row, |packet| {
            // No route is remembered beyond a subscription, so this packet is handled by itself, like any first one.
            packets.receive(disturber, &disturbance);
            packets.receive(clients[0], packet);
        });
        let stalled = rng.below(2 * clients.len());
        compare(&mut rows, &mut packets, &clients, disturber, stalled);
        for &client in &clients {
            let answers = rows.take_answers(client);
            assert_eq!(answers, packets.take_answers(client));
            if !answers.is_empty() && !rng.chance(4) {
                rows.receive(client, &answers);
                each_alone(&answers, |packet| packets.receive(client, packet));
            }
        }
        compare(&mut rows, &mut packets, &clients, disturber, stalled);
    }
    rows.shards.iter().map(|shard| shard.metrics().publish_sent_total).sum()
}

/// Says CONNECT and SUBSCRIBE of somebody who has something of his own, or nothing.
fn receiver(rng: &mut Rng, level: u8) -> (String, String) {
    let mut connect = String::new();
    if level < 5 || rng.chance(2) {
        connect.push_str(" clean");
    } else {
        connect.push_str(" session_expiry=100");
    }
    let mut subscribe = format!(
        "subscribe id=1 {} q{}",
        ["plant/line/t", "plant/line/t", "plant/line/+", "x", "$share/g/plant/line/t"][rng.below(5)],
        rng.below(3)
    );
    if level == 5 {
        for (word, times) in [("maximum_packet_size=60", 5), ("receive_maximum=3", 5), ("topic_alias_maximum=2", 5)] {
            if rng.chance(times) {
                connect.push_str(&format!(" {word}"));
            }
        }
        if rng.chance(6) {
            subscribe = subscribe.replacen("id=1", "id=1 subscription_id=9", 1);
        }
        if rng.chance(6) && !subscribe.contains("$share") {
            subscribe.push_str(" nl");
        }
    }
    (connect, subscribe)
}

/// A row of publications, most of them alike.
fn publications(rng: &mut Rng, level: u8) -> Vec<u8> {
    let mut row = Vec::new();
    let (mut qos, mut topic) = (rng.below(2), "plant/line/t");
    for id in 1..=1 + rng.below(ROW_MAX) {
        if rng.chance(12) {
            (qos, topic) = (rng.below(3), ["plant/line/t", "plant/line/u"][rng.below(2)]);
        }
        let mut words = format!("publish {topic} q{qos}");
        if qos > 0 {
            words.push_str(&format!(" id={id}"));
        }
        if level == 5 && rng.chance(30) {
            words.push_str(" content_type=x");
        }
        if rng.chance(40) {
            words.push_str(" retain");
        }
        if qos > 0 && rng.chance(40) {
            words.push_str(" dup");
        }
        let payload_bytes = match rng.below(40) {
            0 => 9_000,
            1..5 => 10 + rng.below(400),
            _ => rng.below(20),
        };
        row.extend(packet(level, &format!("{words} *{payload_bytes}")));
    }
    row
}

/// All packets of a row.
fn each_alone<'a>(row: &'a [u8], mut take: impl FnMut(&'a [u8])) {
    let mut rest = row;
    while let Some(frame) = next_frame(rest, u32::MAX).expect("whole packets") {
        take(&rest[..frame.total_bytes]);
        rest = &rest[frame.total_bytes..];
    }
}

/// Ends the turn of both and looks whether they have said the same to everybody.
fn compare(rows: &mut House, packets: &mut House, clients: &[Socket], disturber: Socket, stalled: usize) {
    let stalled = clients.get(stalled);
    for house in [&mut *rows, &mut *packets] {
        house.stalled = stalled.copied();
        house.end_turn();
    }
    for (one, other) in rows.said.iter().zip(&packets.said).filter(|(said, _)| said.socket != disturber) {
        let (one_said, other_said) = (one.in_two(), other.in_two());
        let first = one_said.iter().zip(&other_said).position(|(one, other)| one != other);
        assert!(one_said == other_said, "to {:?}, from packet {first:?} on", one.socket);
    }
    for (one, other) in rows.shards.iter().zip(&packets.shards) {
        // A row takes no more than a turn has work for, where a packet by itself is cut.
        let counted = |shard: &Shard| Metrics { publish_cut_total: 0, ..shard.metrics().clone() };
        assert_eq!(counted(one), counted(other));
    }
}

/// A connection of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    shard: usize,
    connection: ConnectionId,
}

/// What a client was sent and has not answered yet.
struct Said {
    socket: Socket,
    version: ProtocolVersion,
    bytes: Vec<u8>,
}

impl Said {
    /// All packets, PUBACK apart: how those stand between publications to the publisher itself is nobody's concern.
    fn in_two(&self) -> Vec<&[u8]> {
        let mut packets = Vec::new();
        each_alone(&self.bytes, |packet| packets.push(packet));
        packets.sort_by_key(|packet| packet[0] == 0x40);
        packets
    }
}

/// Some shards that do just what they are told, when they are told.
struct House {
    shards: Vec<Shard>,
    now: Time,
    said: Vec<Said>,
    /// Takes nothing that is written.
    stalled: Option<Socket>,
    connections: u32,
}

impl House {
    fn new(shards: u8, limits: &Limits, turn_units_max: u32) -> House {
        let options = |id| ShardOptions {
            id: ShardId(id),
            shards,
            limits: limits.clone(),
            listener_limits: Vec::new(),
            queue_full: QueueFull::DropNewest,
            server_reference: None,
            response_information: None,
            assigned_client_id_prefix: "auto-".into(),
            seeds: Seeds { home: (1, 1), topics: 1, own: (1, 2) },
            turn_units_max,
        };
        let shards = (0..shards).map(|id| Shard::new(options(id))).collect();
        House { shards, now: Time::from_nanos(1), said: Vec::new(), stalled: None, connections: 0 }
    }

    /// A client whose identifier is at home on this shard.
    fn connect(&mut self, shard: usize, level: u8, words: &str) -> Socket {
        loop {
            let connection = ConnectionId { index: self.connections, generation: 0 };
            self.connections += 1;
            let socket = Socket { shard, connection };
            self.tell(shard, Event::Opened { connection, origin: Origin::default(), admitted: true });
            let version = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5][usize::from(level) - 3];
            self.said.push(Said { socket, version, bytes: Vec::new() });
            self.receive(socket, &packet(level, &format!("connect id=c{}{words}", connection.index)));
            let mut effects = Vec::new();
            self.shards[shard].take_effects(&mut effects);
            self.end_turn();
            if !effects.iter().any(|effect| matches!(effect, Effect::Move { .. })) {
                return socket;
            }
        }
    }

    fn tell(&mut self, shard: usize, event: Event<'_>) {
        self.shards[shard].begin_turn();
        let left = self.shards[shard].handle(self.now, event);
        assert_eq!(left, None, "only bytes are left for the next turn");
    }

    fn receive(&mut self, socket: Socket, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            let shard = &mut self.shards[socket.shard];
            shard.begin_turn();
            match shard.handle(self.now, Event::Received { connection: socket.connection, bytes: rest }) {
                Some(left) => rest = &rest[rest.len() - left..],
                None => return,
            }
            // A publication that was cut goes on with the ticks, and its publisher is not read before.
            self.tick();
        }
    }

    fn close(&mut self, socket: Socket) {
        self.tell(socket.shard, Event::Closed { connection: socket.connection });
    }

    /// Mail goes where it belongs until there is none, then all that was written to whoever takes it.
    fn end_turn(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        let mut mail = Vec::new();
        while let Some(from) = self.shards.iter().position(|shard| shard.mail_waiting() != 0) {
            for to in 0..self.shards.len() {
                self.shards[from].take_mail(ShardId(to as u8), &mut mail);
                for mail in mail.drain(..) {
                    self.tell(to, Event::Mail { from: ShardId(from as u8), mail });
                }
            }
        }
        self.tick();
        for said in 0..self.said.len() {
            self.write(said);
        }
        self.tick();
    }

    /// Lets work that was cut go on to its end.
    fn tick(&mut self) {
        for shard in 0..self.shards.len() {
            while self.shards[shard].next_deadline().is_some_and(|deadline| deadline <= self.now) {
                self.tell(shard, Event::Tick);
                self.shards[shard].take_dirty(&mut Vec::new());
            }
        }
    }

    fn write(&mut self, said: usize) {
        let Socket { shard, connection } = self.said[said].socket;
        if self.stalled == Some(self.said[said].socket) {
            return;
        }
        while let Some(chunk) = self.shards[shard].take_output(connection) {
            self.said[said].bytes.extend(chunk.slices().flatten());
            self.tell(shard, Event::Flushed { connection, chunk });
        }
    }

    /// What a client answers to all it was sent since.
    fn take_answers(&mut self, socket: Socket) -> Vec<u8> {
        let said = self.said.iter_mut().find(|said| said.socket == socket).expect("it is there");
        let mut answers = Vec::new();
        let level = if said.version == ProtocolVersion::V5 { 5 } else { 4 };
        each_packet(said.version, &said.bytes, |heard| {
            use corecast::mqtt::{Packet, QoS};
            match heard {
                Packet::Publish(publish) if publish.qos != QoS::AtMostOnce => {
                    let id = publish.packet_id.expect("it has one").get();
                    let word = if publish.qos == QoS::AtLeastOnce { "puback" } else { "pubrec" };
                    answers.extend(packet(level, &format!("{word} id={id}")));
                }
                Packet::Pubrel(pubrel) => {
                    answers.extend(packet(level, &format!("pubcomp id={}", pubrel.packet_id.get())))
                }
                Packet::Pubrec(pubrec) => {
                    answers.extend(packet(level, &format!("pubrel id={}", pubrec.packet_id.get())))
                }
                _ => {}
            }
        });
        said.bytes.clear();
        answers
    }
}

#[test]
fn a_row_ends_where_somebody_subscribes() {
    check(
        r#"
        p: connected v=4 id=p clean
        a: connected id=a clean
        p: publish t "1"
        p: publish t "2"
        p: raw 30 04 str="t" "3" 30 04 str="t" "4"
        a: subscribed t q0
        p: raw 30 04 str="t" "5" 30 04 str="t" "6"
        a< publish t q0 "5"
        a< publish t q0 "6"
        "#,
    );
}
