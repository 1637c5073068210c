//! The sending half of a client: the next message of each of its flows, and what is not acknowledged yet.

use std::num::NonZeroU32;

use corecast::mqtt::{PacketId, ProtocolVersion, QoS};

use crate::stamp::Stamp;
use crate::wire::Template;

/// Packet identifiers go from 1 to this and around.
const PACKET_IDS: u32 = 32_768;

pub(crate) struct Publisher {
    /// Among those of all threads.
    pub(crate) index: u32,
    /// Flow and template of each topic; messages go to them in turn.
    topics: Box<[(u32, Template)]>,
    sent: u64,
    in_flight: InFlight,
    /// Messages of the window taken for lost.
    pub(crate) forgiven: u64,
    /// Among those of its thread.
    pub(crate) position: u32,
    /// It publishes beside the others, as fast as its own window allows.
    pub(crate) is_bulk: bool,
    /// It could send more if something were acknowledged.
    pub(crate) is_waiting: bool,
}

/// QoS 1 and 2: the identifiers that are taken.
struct InFlight {
    qos: QoS,
    taken: Box<[u64]>,
    slots: u32,
    count: u32,
    count_max: u32,
    next: u32,
}

impl Publisher {
    /// At most `in_flight_max` messages of QoS 1 and 2 are unacknowledged.
    pub(crate) fn new(index: u32, topics: Box<[(u32, Template)]>, qos: QoS, in_flight_max: u16) -> Publisher {
        let count_max = u32::from(in_flight_max).clamp(1, PACKET_IDS / 2);
        // Twice the room, so that one late acknowledgement does not stop all others at once.
        let slots = (2 * count_max).next_power_of_two().max(64);
        let words = if qos == QoS::AtMostOnce { 0 } else { slots as usize / 64 };
        let taken = vec![0; words].into_boxed_slice();
        let in_flight = InFlight { qos, taken, slots, count: 0, count_max, next: 0 };
        Publisher { index, topics, sent: 0, in_flight, forgiven: 0, position: 0, is_bulk: false, is_waiting: false }
    }

    /// Messages sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Not acknowledged.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.count
    }

    /// Whether the protocol lets it send one more now.
    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        self.in_flight.may_take()
    }

    /// Appends the next message.
    #[inline]
    pub(crate) fn send(&mut self, intended_ns: u64, out: &mut Vec<u8>) {
        let topics = self.topics.len() as u64;
        let (turn, at) = if topics == 1 { (self.sent, 0) } else { (self.sent / topics, self.sent % topics) };
        let (flow, template) = &self.topics[at as usize];
        let packet_id = self.in_flight.take();
        template.append(Stamp { flow: *flow, sequence: turn as u32, intended_ns }, packet_id, out);
        self.sent += 1;
    }

    /// The packet with this identifier is done. Answers whether it was under way.
    #[inline]
    pub(crate) fn acknowledge(&mut self, packet_id: PacketId) -> bool {
        self.in_flight.free(packet_id)
    }

    /// The session is new: nothing is under way.
    pub(crate) fn forget_in_flight(&mut self) {
        self.in_flight.taken.fill(0);
        self.in_flight.count = 0;
    }

    /// The server wants fewer at once.
    pub(crate) fn lower_in_flight_max(&mut self, count_max: u16) {
        self.in_flight.count_max = self.in_flight.count_max.min(u32::from(count_max).max(1));
    }

    /// Each flow with its topic.
    #[cfg(test)]
    pub(crate) fn topics(&self) -> impl Iterator<Item = (u32, String)> + '_ {
        self.topics.iter().map(|(flow, template)| (*flow, template.topic()))
    }

    /// Messages sent of each flow.
    pub(crate) fn sent_of_flows(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let topics = self.topics.len() as u64;
        self.topics.iter().enumerate().map(move |(at, (flow, _))| {
            let sent = (self.sent + topics - 1 - at as u64) / topics;
            (*flow, sent as u32)
        })
    }

    /// Appends what takes back the retained messages of its topics.
    pub(crate) fn append_clearing(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        for (_, template) in &self.topics {
            template.append_clearing(version, out);
        }
    }
}

impl InFlight {
    #[inline]
    fn may_take(&self) -> bool {
        if self.qos == QoS::AtMostOnce {
            return true;
        }
        let slot = self.next & (self.slots - 1);
        self.count < self.count_max && self.taken[slot as usize / 64] & 1 << (slot % 64) == 0
    }

    #[inline]
    fn take(&mut self) -> Option<NonZeroU32> {
        if self.qos == QoS::AtMostOnce {
            return None;
        }
        let slot = self.next & (self.slots - 1);
        self.taken[slot as usize / 64] |= 1 << (slot % 64);
        self.count += 1;
        let packet_id = self.next + 1;
        self.next = packet_id % PACKET_IDS;
        NonZeroU32::new(packet_id)
    }

    #[inline]
    fn free(&mut self, packet_id: PacketId) -> bool {
        let slot = (u32::from(packet_id.get()) - 1) & (self.slots - 1);
        let bit = 1 << (slot % 64);
        match self.taken.get_mut(slot as usize / 64) {
            Some(word) if *word & bit != 0 => {
                *word &= !bit;
                self.count -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use corecast::mqtt::{decode, next_frame, Packet};

    use super::*;

    fn publisher(topics: u32, qos: QoS, in_flight_max: u16) -> Publisher {
        let template = |flow| (flow, Template::new(ProtocolVersion::V3_1_1, &format!("t/{flow}"), qos, false, 16));
        Publisher::new(0, (0..topics).map(template).collect(), qos, in_flight_max)
    }

    fn sent(publisher: &mut Publisher) -> (String, u32, Option<PacketId>) {
        let mut out = Vec::new();
        publisher.send(0, &mut out);
        let frame = next_frame(&out, u32::MAX).unwrap().unwrap();
        match decode(ProtocolVersion::V3_1_1, frame.first_byte, &out[frame.header_bytes..]).unwrap() {
            Packet::Publish(publish) => {
                (publish.topic.to_owned(), Stamp::read(publish.payload).unwrap().sequence, publish.packet_id)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn topics_take_turns_and_each_is_counted() {
        let mut publisher = publisher(2, QoS::AtMostOnce, 1);
        let topics: Vec<(String, u32)> = (0..5).map(|_| sent(&mut publisher)).map(|(t, s, _)| (t, s)).collect();
        let expected = [("t/0", 0), ("t/1", 0), ("t/0", 1), ("t/1", 1), ("t/0", 2)];
        assert_eq!(topics, expected.map(|(topic, sequence)| (topic.to_owned(), sequence)));
        assert_eq!(publisher.sent_of_flows().collect::<Vec<_>>(), [(0, 3), (1, 2)]);
    }

    #[test]
    fn an_identifier_is_not_used_again_before_it_is_acknowledged() {
        let mut publisher = publisher(1, QoS::AtLeastOnce, 10);
        let mut under_way = std::collections::BTreeSet::new();
        // The first one is never acknowledged.
        let first = sent(&mut publisher).2.unwrap();
        for _ in 0..100_000 {
            if publisher.may_send() {
                assert!(under_way.insert(sent(&mut publisher).2.unwrap()));
                assert!(!under_way.contains(&first));
            } else if let Some(packet_id) = under_way.pop_first() {
                assert!(publisher.acknowledge(packet_id));
                assert!(!publisher.acknowledge(packet_id), "once only");
            } else {
                break;
            }
            assert!(publisher.in_flight() <= 10);
        }
        assert!(!publisher.acknowledge(PacketId::new(60_000).unwrap()));
        publisher.forget_in_flight();
        assert!(publisher.may_send());
    }

    #[test]
    fn the_server_may_want_fewer_at_once() {
        let mut publisher = publisher(1, QoS::ExactlyOnce, 100);
        publisher.lower_in_flight_max(2);
        sent(&mut publisher);
        assert!(publisher.may_send());
        sent(&mut publisher);
        assert!(!publisher.may_send());
    }
}
