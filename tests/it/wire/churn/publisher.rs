//! A publisher that keeps its side of QoS 1 and 2 over its connections.

use std::collections::VecDeque;

use corecast::mqtt::{
    encode_acknowledgement, Acknowledgement, Forwarded, Packet, PacketId, PacketType, ProtocolVersion, PublishHead,
    QoS, ReasonCode,
};

use super::arena::{count, Arena};

/// Messages it has unacknowledged.
const WINDOW: usize = 16;

/// A publisher's session.
pub(super) struct Publisher {
    number: usize,
    topic: String,
    qos: QoS,
    version: ProtocolVersion,
    /// The next message.
    sequence: u32,
    last_id: u16,
    unacknowledged: VecDeque<Message>,
}

/// A message that is not acknowledged.
struct Message {
    packet_id: PacketId,
    sequence: u32,
    /// PUBREC has come: only PUBREL may be sent again.
    is_received: bool,
}

impl Publisher {
    pub(super) fn new(arena: &Arena, number: usize) -> Publisher {
        Publisher {
            number,
            topic: arena.topic(number),
            qos: arena.qos(number),
            version: arena.version(number),
            sequence: 0,
            last_id: 0,
            unacknowledged: VecDeque::new(),
        }
    }

    /// Sends again what an earlier connection has left, in order [MQTT5-4.4.0-1].
    pub(super) fn resume(&mut self, out: &mut Vec<u8>) {
        for message in &self.unacknowledged {
            if message.is_received {
                let release = PacketType::Pubrel;
                encode_acknowledgement(self.version, release, message.packet_id, ReasonCode::Success, out);
            } else {
                self.write(message, true, out);
            }
        }
    }

    /// Publishes as much as it may, but no more than `count_max`.
    pub(super) fn publish(&mut self, arena: &Arena, count_max: usize, out: &mut Vec<u8>) {
        for _ in 0..count_max {
            if self.sequence == arena.plan.messages || self.unacknowledged.len() == WINDOW {
                return;
            }
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let packet_id = PacketId::new(self.last_id).expect("it begins with 1");
            let message = Message { packet_id, sequence: self.sequence, is_received: false };
            self.write(&message, false, out);
            self.sequence += 1;
            self.unacknowledged.push_back(message);
        }
    }

    pub(super) fn on_packet(&mut self, arena: &Arena, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        match packet {
            Packet::Puback(packet) if self.qos == QoS::AtLeastOnce => {
                let at = self.find(packet)?;
                self.unacknowledged.remove(at);
                count(&arena.acknowledged);
            }
            Packet::Pubrec(packet) if self.qos == QoS::ExactlyOnce => {
                let at = self.find(packet)?;
                if self.unacknowledged[at].is_received {
                    return Err(format!("PUBREC {} for what was released", packet.packet_id.get()));
                }
                self.unacknowledged[at].is_received = true;
                encode_acknowledgement(self.version, PacketType::Pubrel, packet.packet_id, ReasonCode::Success, out);
            }
            Packet::Pubcomp(packet) if self.qos == QoS::ExactlyOnce => {
                let at = self.find(packet)?;
                if !self.unacknowledged[at].is_received {
                    return Err(format!("PUBCOMP {} before PUBREC", packet.packet_id.get()));
                }
                self.unacknowledged.remove(at);
                count(&arena.acknowledged);
            }
            other => return Err(format!("a publisher got {other:?}")),
        }
        Ok(())
    }

    fn find(&self, packet: &Acknowledgement<'_>) -> Result<usize, String> {
        // Of a PUBREL that is sent again the broker may know nothing any more.
        let is_fine = matches!(packet.reason, ReasonCode::Success | ReasonCode::PacketIdentifierNotFound);
        let at = self.unacknowledged.iter().position(|message| message.packet_id == packet.packet_id);
        at.filter(|_| is_fine).ok_or_else(|| format!("an answer to nothing, or a refusal: {packet:?}"))
    }

    fn write(&self, message: &Message, dup: bool, out: &mut Vec<u8>) {
        let payload = [self.number as u32, message.sequence].map(u32::to_be_bytes).concat();
        let head = PublishHead {
            dup,
            qos: self.qos,
            retain: false,
            topic: &self.topic,
            packet_id: Some(message.packet_id),
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: Forwarded::default(),
            payload_bytes: payload.len(),
        };
        head.encode(self.version, out);
        out.extend(payload);
    }
}
