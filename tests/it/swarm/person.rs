//! One client of the swarm: what a careful real client keeps and does, over many connections.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::time::Duration;

use corecast::mqtt::{
    encode_acknowledgement, Forwarded, Packet, PacketId, PacketType, ProtocolVersion, Publish, PublishHead, QoS,
    ReasonCode,
};
use corecast::time::Time;

use crate::client::{each_packet, Client};
use crate::model::{Delivery, MessageNumber, Model, Way};
use crate::world::{SocketId, World};

/// A client identifier and what its owner knows.
pub(crate) struct Person {
    pub(crate) index: usize,
    pub(crate) version: ProtocolVersion,
    pub(crate) link: Option<Link>,
    pub(crate) session: Believed,
    /// Nobody knows what a lost CONNECT has done: only a clean start makes it certain again.
    pub(crate) must_start_clean: bool,
    /// A connection that broke before CONNACK. While its CONNECT may still be read, another one could be overtaken by it,
    /// and nobody could say which session it has.
    pub(crate) undecided: Option<SocketId>,
    /// Publications that are not completed, in order.
    pub(crate) outgoing: VecDeque<Outgoing>,
    pub(crate) next_id: u16,
    /// QoS 2 publications received and not released.
    inbound: BTreeSet<PacketId>,
    /// A will that is withheld until then at least.
    delayed_will: Option<(MessageNumber, Time)>,
}

/// What a client may believe of its session at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Believed {
    None,
    /// It outlives the connection by so many seconds (`u32::MAX`: for ever), counted from `since` at the earliest.
    Kept {
        expiry_s: u32,
        since: Time,
    },
}

impl Believed {
    /// Whether time can end it.
    pub(crate) fn may_end(self) -> bool {
        match self {
            Believed::None => true,
            Believed::Kept { expiry_s, .. } => expiry_s < u32::MAX,
        }
    }
}

/// A publication on its way to the server.
pub(crate) struct Outgoing {
    pub(crate) id: PacketId,
    pub(crate) number: MessageNumber,
    pub(crate) payload: Vec<u8>,
    pub(crate) message_expiry_s: Option<u32>,
    pub(crate) is_released: bool,
}

/// A topic alias towards the server.
#[derive(Clone, Copy)]
pub(crate) struct Alias {
    number: NonZeroU16,
    is_known: bool,
}

/// SUBSCRIBE or UNSUBSCRIBE without its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) id: PacketId,
    pub(crate) filter: &'static str,
    pub(crate) qos: QoS,
    pub(crate) subscribes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Connecting,
    Online,
    /// DISCONNECT is sent.
    Leaving,
}

/// One connection.
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) stage: Stage,
    pub(crate) clean: bool,
    pub(crate) expiry_s: u32,
    pub(crate) receive_maximum: u16,
    pub(crate) keep_alive: bool,
    pub(crate) opened: Time,
    pub(crate) last_sent: Time,
    pub(crate) will: Option<MessageNumber>,
    pub(crate) will_delay_s: u32,
    pub(crate) asked: Option<Asked>,
    pub(crate) is_stalled: bool,
    has_goodbye: bool,
    /// Acknowledgements still to be sent, in order.
    acknowledgements: VecDeque<(PacketType, PacketId)>,
    unacknowledged: BTreeSet<PacketId>,
    aliases: BTreeMap<u16, String>,
    pub(crate) alias_maximum: u16,
    /// Topics in the order of the aliases they have towards the server.
    aliased: Vec<&'static str>,
}

impl Person {
    pub(crate) fn new(index: usize, version: ProtocolVersion) -> Person {
        Person {
            index,
            version,
            link: None,
            session: Believed::None,
            must_start_clean: true,
            undecided: None,
            outgoing: VecDeque::new(),
            next_id: 1,
            inbound: BTreeSet::new(),
            delayed_will: None,
        }
    }

    /// A Packet Identifier that is not in use.
    pub(crate) fn free_id(&mut self) -> PacketId {
        loop {
            let id = PacketId::new(self.next_id).expect("never zero");
            self.next_id = self.next_id % 50 + 1;
            let asked = self.link.as_ref().and_then(|link| link.asked);
            if self.outgoing.iter().all(|outgoing| outgoing.id != id) && asked.is_none_or(|asked| asked.id != id) {
                return id;
            }
        }
    }

    /// The client's own part of its session is gone, too.
    pub(crate) fn forget_session(&mut self, model: &mut Model) {
        self.outgoing.clear();
        self.inbound.clear();
        model.new_session(self.index);
    }

    /// The connection is gone: what may now be believed of the session?
    pub(crate) fn lost(&mut self, link: &Link, model: &mut Model) {
        model.offline(self.index);
        if link.stage == Stage::Connecting {
            // Nobody knows whether and when CONNECT was read: a session that may have ended until then is in doubt.
            self.session = match self.session {
                Believed::Kept { expiry_s, since } if !link.clean && link.expiry_s > 0 && expiry_s == u32::MAX => {
                    Believed::Kept { expiry_s: link.expiry_s, since }
                }
                Believed::Kept { .. } | Believed::None => Believed::None,
            };
            self.must_start_clean = self.session == Believed::None;
            self.undecided = Some(link.client.socket);
        } else if let Believed::Kept { since, .. } = &mut self.session {
            *since = link.surely_open();
        }
        if link.stage == Stage::Online && link.will_delay_s > 0 {
            let until = link.surely_open() + Duration::from_secs(u64::from(link.will_delay_s));
            self.delayed_will = link.will.map(|will| (will, until));
        }
        if self.session.may_end() {
            // It may do so before its client knows.
            model.session_may_end(self.index);
        }
        if self.session == Believed::None {
            self.forget_session(model);
        }
    }

    /// Takes all that has come. Answers whether anything has.
    pub(crate) fn listen(&mut self, world: &mut World, model: &mut Model, said: &mut Vec<String>) -> bool {
        let Some(mut link) = self.link.take() else { return false };
        let whole = link.client.take_whole(world);
        let mut out = Vec::new();
        let now = world.now;
        each_packet(self.version, &whole, |packet| {
            model.step += 1;
            said.push(format!("{} client {} got {}", model.step, self.index, brief(packet)));
            self.hear(&mut link, model, now, packet, &mut out);
        });
        if !out.is_empty() {
            link.client.send(world, &out);
            link.last_sent = now;
        }
        self.link = Some(link);
        !whole.is_empty()
    }

    fn hear(&mut self, link: &mut Link, model: &mut Model, now: Time, packet: &Packet<'_>, out: &mut Vec<u8>) {
        if link.stage == Stage::Connecting {
            let Packet::Connack(connack) = packet else { panic!("before CONNACK came {packet:?}") };
            assert_eq!(connack.reason, ReasonCode::Success);
            return self.start(link, model, now, connack.session_present, out);
        }
        // [MQTT5-3.14.4-1]
        assert!(!link.has_goodbye, "{packet:?} behind DISCONNECT");
        match packet {
            Packet::Publish(publish) => self.take_message(link, model, publish),
            Packet::Puback(ack) => {
                assert!(!ack.reason.is_error(), "a publication was refused: {ack:?}");
                self.complete(model, ack.packet_id, QoS::AtLeastOnce);
            }
            Packet::Pubrec(ack) => {
                assert!(!ack.reason.is_error(), "a publication was refused: {ack:?}");
                if let Some(outgoing) = self.outgoing.iter_mut().find(|outgoing| outgoing.id == ack.packet_id) {
                    outgoing.is_released = true;
                    model.messages[outgoing.number].accepted = true;
                }
                link.acknowledgements.push_back((PacketType::Pubrel, ack.packet_id));
            }
            Packet::Pubrel(ack) => {
                self.inbound.remove(&ack.packet_id);
                link.acknowledgements.push_back((PacketType::Pubcomp, ack.packet_id));
            }
            Packet::Pubcomp(ack) => self.complete(model, ack.packet_id, QoS::ExactlyOnce),
            Packet::Suback(suback) => {
                let asked = link.asked.take().filter(|asked| asked.subscribes && asked.id == suback.packet_id);
                let asked = asked.expect("SUBACK answers SUBSCRIBE");
                assert_eq!(suback.codes, [asked.qos as u8], "just what was asked for is granted");
                model.subscribed(self.index, asked.filter);
            }
            Packet::Unsuback(unsuback) => {
                let asked = link.asked.take().filter(|asked| !asked.subscribes && asked.id == unsuback.packet_id);
                model.unsubscribed(self.index, asked.expect("UNSUBACK answers UNSUBSCRIBE").filter);
            }
            Packet::Pingresp => {}
            Packet::Disconnect(disconnect) => {
                let by_keep_alive = disconnect.reason == ReasonCode::KeepAliveTimeout && link.keep_alive;
                link.has_goodbye = true;
                assert!(by_keep_alive, "an unexpected {disconnect:?} to client {}", self.index);
            }
            Packet::Connack(_)
            | Packet::Auth(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::Pingreq => panic!("{packet:?} may not come"),
        }
    }

    /// CONNACK has come.
    fn start(&mut self, link: &mut Link, model: &mut Model, now: Time, present: bool, out: &mut Vec<u8>) {
        assert!(!(present && link.clean), "session present after a clean start");
        if !link.clean {
            match self.session {
                Believed::None => assert!(!present, "a session that had ended is present"),
                Believed::Kept { expiry_s, since } => {
                    let alive_s = now.since(since).as_secs();
                    assert!(present || alive_s >= u64::from(expiry_s), "a session was lost after {alive_s} s");
                }
            }
            if !present {
                self.forget_session(model);
            }
        }
        if let Some((will, _)) = self.delayed_will.take().filter(|(_, until)| present && now < *until) {
            // [MQTT5-3.1.3-9]
            model.messages[will].forbidden = true;
        }
        link.stage = Stage::Online;
        self.must_start_clean = false;
        self.session = match link.expiry_s {
            0 => Believed::None,
            expiry_s => Believed::Kept { expiry_s, since: now },
        };
        model.online(self.index);
        for outgoing in &self.outgoing {
            if outgoing.is_released {
                encode_acknowledgement(self.version, PacketType::Pubrel, outgoing.id, ReasonCode::Success, out);
            } else {
                outgoing.encode(self.version, model, true, None, out);
                let message = &mut model.messages[outgoing.number];
                message.attempts += 1;
            }
        }
    }

    fn complete(&mut self, model: &mut Model, id: PacketId, qos: QoS) {
        let at = self.outgoing.iter().position(|outgoing| outgoing.id == id);
        let at = at.unwrap_or_else(|| panic!("client {} has nothing with {id:?} to be acknowledged", self.index));
        let outgoing = self.outgoing.remove(at).expect("found");
        let message = &mut model.messages[outgoing.number];
        assert_eq!(message.qos, qos, "the acknowledgement fits the QoS");
        message.accepted = true;
    }

    fn take_message(&mut self, link: &mut Link, model: &mut Model, publish: &Publish<'_>) {
        let topic = match publish.topic_alias {
            None => publish.topic.to_string(),
            Some(alias) => {
                assert!(alias.get() <= link.alias_maximum, "an alias above the maximum");
                if !publish.topic.is_empty() {
                    link.aliases.insert(alias.get(), publish.topic.into());
                }
                link.aliases.get(&alias.get()).expect("an alias is defined before it is used").clone()
            }
        };
        let mut is_new = true;
        if let Some(id) = publish.packet_id {
            link.unacknowledged.insert(id);
            let count = link.unacknowledged.len();
            assert!(count <= usize::from(link.receive_maximum), "{count} messages are in flight");
            if publish.qos == QoS::ExactlyOnce {
                is_new = self.inbound.insert(id);
                assert!(is_new || publish.dup, "a QoS 2 message came again without DUP");
                link.acknowledgements.push_back((PacketType::Pubrec, id));
            } else {
                link.acknowledgements.push_back((PacketType::Puback, id));
            }
        }
        // An empty payload, which deletes a retained message, has no room for a number.
        if !is_new || publish.payload.is_empty() {
            return;
        }
        let identifiers: Vec<u32> = publish.subscription_identifiers().collect();
        let way = match identifiers.as_slice() {
            [share] if *share >= 1000 => Way::Share(*share),
            _ if publish.retain => Way::Retained,
            _ => Way::Plain,
        };
        let number = message_number(publish.payload);
        let delivery =
            Delivery { number, topic: &topic, qos: publish.qos, dup: publish.dup, way, identifiers: &identifiers };
        model.received(self.index, delivery);
    }

    /// The alias of a topic towards the server, as far as there are enough.
    pub(crate) fn alias_for(&mut self, topic: &'static str) -> Option<Alias> {
        let aliased = &mut self.link.as_mut()?.aliased;
        let known = aliased.iter().position(|known| *known == topic);
        let at = known.unwrap_or_else(|| {
            aliased.push(topic);
            aliased.len() - 1
        });
        let number = NonZeroU16::new(u16::try_from(at + 1).ok()?)?;
        Some(Alias { number, is_known: known.is_some() })
    }

    /// Sends the oldest acknowledgement. Answers whether there was one.
    pub(crate) fn acknowledge(&mut self, world: &mut World) -> bool {
        let version = self.version;
        let Some(link) = self.link.as_mut().filter(|link| link.stage == Stage::Online) else { return false };
        let Some((packet, id)) = link.acknowledgements.pop_front() else { return false };
        if matches!(packet, PacketType::Puback | PacketType::Pubcomp) {
            link.unacknowledged.remove(&id);
        }
        let mut out = Vec::new();
        encode_acknowledgement(version, packet, id, ReasonCode::Success, &mut out);
        link.client.send(world, &out);
        link.last_sent = world.now;
        true
    }
}

impl Link {
    /// The server has not given it up before. With a keep alive it may have done so without having read what was sent
    /// last.
    fn surely_open(&self) -> Time {
        if self.keep_alive {
            self.opened
        } else {
            self.last_sent
        }
    }

    pub(crate) fn new(client: Client, now: Time) -> Link {
        Link {
            client,
            stage: Stage::Connecting,
            clean: true,
            expiry_s: 0,
            receive_maximum: u16::MAX,
            keep_alive: false,
            opened: now,
            last_sent: now,
            will: None,
            will_delay_s: 0,
            asked: None,
            is_stalled: false,
            has_goodbye: false,
            acknowledgements: VecDeque::new(),
            unacknowledged: BTreeSet::new(),
            aliases: BTreeMap::new(),
            alias_maximum: 0,
            aliased: Vec::new(),
        }
    }
}

impl Outgoing {
    /// Appends the PUBLISH.
    pub(crate) fn encode(
        &self,
        version: ProtocolVersion,
        model: &Model,
        dup: bool,
        alias: Option<Alias>,
        out: &mut Vec<u8>,
    ) {
        let message = &model.messages[self.number];
        let qos = message.qos;
        let head = PublishHead {
            dup,
            qos,
            retain: message.retain,
            topic: if alias.is_some_and(|alias| alias.is_known) { "" } else { message.topic },
            packet_id: (qos != QoS::AtMostOnce).then_some(self.id),
            topic_alias: alias.map(|alias| alias.number),
            message_expiry_interval_s: self.message_expiry_s,
            subscription_identifiers: &[],
            forwarded: Forwarded::EMPTY,
            payload_bytes: self.payload.len(),
        };
        head.encode(version, out);
        out.extend_from_slice(&self.payload);
    }
}

/// The number a payload begins with.
pub(crate) fn message_number(payload: &[u8]) -> MessageNumber {
    let text = std::str::from_utf8(payload).expect("text");
    text.split(':').next().and_then(|number| number.parse().ok()).expect("a number")
}

fn brief(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Publish(publish) => {
            let text = String::from_utf8_lossy(&publish.payload[..publish.payload.len().min(12)]);
            format!("{:?} {:?} {text} {:?} dup={}", publish.topic, publish.qos, publish.packet_id, publish.dup)
        }
        other => format!("{other:?}"),
    }
}
