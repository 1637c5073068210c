//! A subscriber that keeps its side of QoS 1 and 2 over its connections, and knows what must come next.

use std::collections::{HashMap, HashSet};

use corecast::mqtt::{encode_acknowledgement, Packet, PacketId, PacketType, ProtocolVersion, Publish, QoS, ReasonCode};

use super::arena::{count, Arena};

/// A subscriber's session.
pub(super) struct Subscriber {
    qos: QoS,
    version: ProtocolVersion,
    /// The next message of each of its publishers.
    next: HashMap<usize, u32>,
    /// QoS 2 messages received and not released.
    received: HashSet<PacketId>,
}

impl Subscriber {
    pub(super) fn new(arena: &Arena, number: usize) -> Subscriber {
        Subscriber {
            qos: arena.qos(number),
            version: arena.version(number),
            next: arena.publishers_of(number).into_iter().map(|publisher| (publisher, 0)).collect(),
            received: HashSet::new(),
        }
    }

    pub(super) fn on_packet(&mut self, arena: &Arena, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let (answer, packet_id) = match packet {
            Packet::Suback(suback) if suback.codes == [self.qos as u8] => {
                count(&arena.ready);
                return Ok(());
            }
            Packet::Publish(publish) => {
                let packet_id = publish.packet_id.ok_or("QoS 0, though both sides want more")?;
                (self.on_publish(arena, publish, packet_id)?, packet_id)
            }
            Packet::Pubrel(packet) => {
                self.received.remove(&packet.packet_id);
                (PacketType::Pubcomp, packet.packet_id)
            }
            other => return Err(format!("a subscriber got {other:?}")),
        };
        encode_acknowledgement(self.version, answer, packet_id, ReasonCode::Success, out);
        Ok(())
    }

    fn on_publish(&mut self, arena: &Arena, publish: &Publish<'_>, packet_id: PacketId) -> Result<PacketType, String> {
        if publish.qos == QoS::ExactlyOnce {
            if self.received.insert(packet_id) {
                self.deliver(arena, publish)?;
            } else if !publish.dup {
                return Err(format!("packet identifier {} is used anew before its release", packet_id.get()));
            }
            Ok(PacketType::Pubrec)
        } else {
            self.deliver(arena, publish)?;
            Ok(PacketType::Puback)
        }
    }

    fn deliver(&mut self, arena: &Arena, publish: &Publish<'_>) -> Result<(), String> {
        let (publisher, sequence) = read(publish.payload).ok_or("a payload nobody has sent")?;
        let qos = arena.qos(publisher).min(self.qos);
        if publish.qos != qos {
            return Err(format!("{:?} instead of {qos:?} from publisher {publisher}", publish.qos));
        }
        let next = self.next.get_mut(&publisher).ok_or_else(|| format!("publisher {publisher} is another group's"))?;
        if sequence == *next {
            *next += 1;
            count(&arena.delivered);
        } else if sequence > *next {
            return Err(format!("lost or out of order: publisher {publisher} comes with {sequence} before {next}"));
        } else if qos == QoS::ExactlyOnce {
            return Err(format!("twice with QoS 2: publisher {publisher} comes with {sequence} again before {next}"));
        } else {
            count(&arena.repeated);
        }
        Ok(())
    }
}

fn read(payload: &[u8]) -> Option<(usize, u32)> {
    let (publisher, sequence) = payload.split_first_chunk()?;
    let sequence = u32::from_be_bytes(sequence.try_into().ok()?);
    Some((u32::from_be_bytes(*publisher) as usize, sequence))
}
