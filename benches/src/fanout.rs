//! One publisher, some subscribers and everything a publication causes: the PUBLISH itself, its deliveries and all
//! acknowledgements both ways.

use std::collections::HashMap;
use std::ops::Range;

use corecast::mqtt::{
    decode, encode_acknowledgement, next_frame, Forwarded, Packet, PacketId, PacketType, ProtocolVersion, PublishHead,
    QoS, ReasonCode,
};

use crate::world::{Client, World};

/// Bytes of an acknowledgement that says success.
const ACKNOWLEDGEMENT_BYTES: usize = 4;

/// Packet Identifiers there are: after the last one comes 1 again.
const PACKET_IDS: usize = u16::MAX as usize;

/// What is published, to whom.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The publisher speaks the first; subscribers take turns.
    pub versions: &'static [ProtocolVersion],
    /// Of publications and subscriptions.
    pub qos: QoS,
    /// Each gets every publication.
    pub subscribers: u32,
    /// Publications that come in one read, as they do at a busy core.
    pub batch: u16,
    /// Each subscriber asks for all of these.
    pub filters: &'static [&'static str],
    /// Subscribers are on another shard than the publisher.
    pub is_remote: bool,
}

impl Load {
    /// Where it is published.
    pub const TOPIC: &'static str = "plant/line/7/temperature";

    /// Bytes of each payload.
    pub const PAYLOAD_BYTES: usize = 32;

    /// On one shard, to the topic itself.
    pub const fn new(versions: &'static [ProtocolVersion], qos: QoS, subscribers: u32, batch: u16) -> Load {
        Load { versions, qos, subscribers, batch, filters: &[Load::TOPIC], is_remote: false }
    }

    /// Deliveries of one round.
    pub const fn deliveries(&self) -> u64 {
        self.subscribers as u64 * self.batch as u64
    }

    /// What the publisher speaks (no number), or a subscriber.
    fn version(&self, subscriber: Option<usize>) -> ProtocolVersion {
        self.versions[subscriber.unwrap_or(0) % self.versions.len()]
    }
}

/// A load with its clients. What clients say is made beforehand, so that a round is the broker's work and next to none
/// of theirs.
pub struct Fanout {
    load: Load,
    world: World,
    publisher: Client,
    subscribers: Vec<Client>,
    /// The batch as the publisher sends it, and its PUBRELs.
    publish: Vec<u8>,
    release: Vec<u8>,
    answers: Answers,
    /// The identifier of each subscriber's next delivery, the same for all.
    next_id: usize,
    /// What one round writes to all sockets.
    round_bytes: usize,
}

/// Answers of a subscriber to any run of identifiers, each four bytes: a run is a slice. The first identifiers come again
/// behind the last, so that a run may wrap.
struct Answers {
    puback: Vec<u8>,
    pubrec: Vec<u8>,
    pubcomp: Vec<u8>,
}

impl Fanout {
    /// Connects everybody and plays one round whose every packet is looked at.
    ///
    /// # Panics
    /// If the shards do not write what the load makes them owe.
    pub fn new(load: Load) -> Fanout {
        let mut world = World::new(if load.is_remote { 2 } else { 1 });
        let publisher = world.client(0, load.version(None), &[], load.qos);
        let home = usize::from(load.is_remote);
        let subscriber = |number| world.client(home, load.version(Some(number)), load.filters, load.qos);
        let subscribers = (0..load.subscribers as usize).map(subscriber).collect();
        world.take_written_bytes();
        let mut fanout = Fanout {
            load,
            world,
            publisher,
            subscribers,
            publish: publications(&load),
            release: acknowledgements(PacketType::Pubrel, 1..usize::from(load.batch) + 1),
            answers: Answers::new(load.batch),
            next_id: 1,
            round_bytes: 0,
        };
        fanout.round_bytes = fanout.checked_round();
        fanout
    }

    /// One batch of publications and all that follows, until nothing is under way.
    ///
    /// # Panics
    /// If another number of bytes was written than in the round that was looked at.
    #[inline]
    pub fn round(&mut self) {
        self.play(|_, _| {});
        assert_eq!(self.world.take_written_bytes(), self.round_bytes, "every round writes the same packets");
    }

    /// Some rounds, until all buffers have found their sizes.
    pub fn warm(&mut self) {
        (0..100).for_each(|_| self.round());
    }

    #[inline]
    fn play(&mut self, mut show: impl FnMut(Client, &[u8])) {
        let Fanout { load, world, publisher, subscribers, publish, release, answers, next_id, .. } = self;
        let start = (*next_id - 1) * ACKNOWLEDGEMENT_BYTES;
        let run = start..start + usize::from(load.batch) * ACKNOWLEDGEMENT_BYTES;
        let answer = |world: &mut World, bytes: &[u8]| {
            subscribers.iter().for_each(|subscriber| world.receive(*subscriber, bytes));
        };
        world.receive(*publisher, publish);
        world.end_turn_with(&mut show);
        match load.qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => answer(world, &answers.puback[run]),
            QoS::ExactlyOnce => {
                world.receive(*publisher, release);
                answer(world, &answers.pubrec[run.clone()]);
                world.end_turn_with(&mut show);
                answer(world, &answers.pubcomp[run]);
            }
        }
        world.end_turn_with(&mut show);
        *next_id = (*next_id - 1 + usize::from(load.batch)) % PACKET_IDS + 1;
    }

    /// A round that looks at everything that is written; answers how many bytes that were.
    fn checked_round(&mut self) -> usize {
        let (publisher, load) = (self.publisher, self.load);
        let numbers: HashMap<Client, usize> = self.subscribers.iter().copied().zip(0..).collect();
        let mut stream: Vec<(Client, Vec<u8>)> = Vec::new();
        self.play(|client, bytes| stream.push((client, bytes.to_vec())));
        let mut bytes = 0;
        let mut counts = [0_u64; 5];
        for (client, chunk) in stream {
            bytes += chunk.len();
            let version = load.version(numbers.get(&client).copied());
            let mut rest = chunk.as_slice();
            while let Some(frame) = next_frame(rest, u32::MAX).expect("the broker writes frames") {
                let body = &rest[frame.header_bytes..frame.total_bytes];
                let packet = decode(version, frame.first_byte, body).expect("the broker writes packets");
                let kind = match packet {
                    Packet::Publish(publish) if client != publisher && publish.qos == load.qos => 0,
                    Packet::Puback(_) if client == publisher => 1,
                    Packet::Pubrec(_) if client == publisher => 2,
                    Packet::Pubcomp(_) if client == publisher => 3,
                    Packet::Pubrel(_) if client != publisher => 4,
                    packet => panic!("{:?} is not what {client:?} waits for", packet.packet_type()),
                };
                counts[kind] += 1;
                rest = &rest[frame.total_bytes..];
            }
        }
        let (batch, deliveries) = (u64::from(load.batch), load.deliveries());
        let expected = match load.qos {
            QoS::AtMostOnce => [deliveries, 0, 0, 0, 0],
            QoS::AtLeastOnce => [deliveries, batch, 0, 0, 0],
            QoS::ExactlyOnce => [deliveries, 0, batch, batch, deliveries],
        };
        assert_eq!(counts, expected, "PUBLISH, PUBACK, PUBREC, PUBCOMP, PUBREL of {load:?}");
        assert_eq!(self.world.take_written_bytes(), bytes);
        bytes
    }
}

impl Answers {
    fn new(batch: u16) -> Answers {
        let all = |packet_type| acknowledgements(packet_type, 1..PACKET_IDS + 1 + usize::from(batch));
        Answers { puback: all(PacketType::Puback), pubrec: all(PacketType::Pubrec), pubcomp: all(PacketType::Pubcomp) }
    }
}

/// Acknowledgements of a run of identifiers; behind the last comes 1.
fn acknowledgements(packet_type: PacketType, ids: Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() * ACKNOWLEDGEMENT_BYTES);
    for id in ids {
        // Success is written the same way in all versions.
        encode_acknowledgement(ProtocolVersion::V3_1_1, packet_type, packet_id(id), ReasonCode::Success, &mut bytes);
    }
    bytes
}

fn packet_id(number: usize) -> PacketId {
    let id = u16::try_from((number - 1) % PACKET_IDS + 1).expect("at most 65,535");
    PacketId::new(id).expect("at least 1")
}

/// A PUBLISH of 5.0; the identifier is for QoS 1 and 2.
pub fn publish(topic: &str, qos: QoS, retain: bool, packet_id: u16) -> Vec<u8> {
    publish_with(topic, qos, retain, packet_id, &[7; Load::PAYLOAD_BYTES])
}

/// The same with a payload.
pub fn publish_with(topic: &str, qos: QoS, retain: bool, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let head = PublishHead {
        dup: false,
        qos,
        retain,
        topic,
        packet_id: PacketId::new(packet_id).filter(|_| qos != QoS::AtMostOnce),
        topic_alias: None,
        message_expiry_interval_s: None,
        subscription_identifiers: &[],
        forwarded: Forwarded::EMPTY,
        payload_bytes: payload.len(),
    };
    let mut bytes = Vec::new();
    head.encode(ProtocolVersion::V5, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// A batch of PUBLISH packets; those of QoS 1 and 2 count their identifiers from 1.
fn publications(load: &Load) -> Vec<u8> {
    let payload = [7; Load::PAYLOAD_BYTES];
    let mut bytes = Vec::new();
    for number in 1..=load.batch {
        let head = PublishHead {
            dup: false,
            qos: load.qos,
            retain: false,
            topic: Load::TOPIC,
            packet_id: (load.qos != QoS::AtMostOnce).then(|| packet_id(usize::from(number))),
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: Forwarded::EMPTY,
            payload_bytes: payload.len(),
        };
        head.encode(load.version(None), &mut bytes);
        bytes.extend_from_slice(&payload);
    }
    bytes
}
