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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use corecast::mqtt::{Forwarded, Properties};

    use super::super::arena::Plan;
    use super::*;

    /// What a subscriber says to (packet identifier, sequence, DUP) from a publisher of its own QoS.
    fn judge(qos: QoS, came: &[(u16, u32, bool)]) -> Result<(), String> {
        let plan = Plan { clients: 16, messages: 10, restlessness: 1, shards: 1, seed: 1 };
        let arena = Arena::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), plan);
        let number = (0..16).find(|number| arena.qos(*number) == qos).expect("there are some of either");
        let mut subscriber = Subscriber::new(&arena, number);
        came.iter().try_for_each(|&(packet_id, sequence, dup)| {
            let payload = [number as u32, sequence].map(u32::to_be_bytes).concat();
            let publish = Publish {
                dup,
                qos,
                retain: false,
                topic: "t",
                packet_id: PacketId::new(packet_id),
                topic_alias: None,
                message_expiry_interval_s: None,
                has_subscription_identifier: false,
                forwarded: Forwarded::default(),
                properties: Properties::EMPTY,
                payload: &payload,
            };
            subscriber.on_packet(&arena, &Packet::Publish(publish), &mut Vec::new())
        })
    }

    #[test]
    fn a_lost_message_a_wrong_order_and_a_second_delivery_are_found() {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            assert_eq!(judge(qos, &[(1, 0, false), (2, 1, false), (2, 1, true), (3, 2, false)]), Ok(()));
            assert!(judge(qos, &[(1, 0, false), (2, 2, false)]).unwrap_err().starts_with("lost or out of order"));
        }
        assert_eq!(judge(QoS::AtLeastOnce, &[(1, 0, false), (2, 1, false), (3, 0, true), (4, 1, true)]), Ok(()));
        let twice = judge(QoS::ExactlyOnce, &[(1, 0, false), (2, 0, false)]);
        assert!(twice.unwrap_err().starts_with("twice with QoS 2"));
        let anew = judge(QoS::ExactlyOnce, &[(1, 0, false), (1, 1, false)]);
        assert!(anew.unwrap_err().ends_with("used anew before its release"));
    }
}
