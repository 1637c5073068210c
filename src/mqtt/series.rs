//! PUBLISH packets of one client to one topic that came one behind the other, differing in nothing but payload and Packet
//! Identifier: to be checked, routed and copied as one.

use super::types::{PacketId, PacketType, ProtocolVersion, QoS};

/// First bytes of a series: PUBLISH without DUP and RETAIN, QoS 0 or 1.
const QOS_0: u8 = PacketType::Publish.first_byte();
const QOS_1: u8 = QOS_0 | 0b10;

/// Whole packets at the front of a buffer, at least one.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The packets as they came.
    pub bytes: &'a [u8],
    /// How many they are.
    pub count: usize,
    /// The topic of all of them.
    pub topic: &'a str,
    /// The QoS of all of them: 0 or 1.
    pub qos: QoS,
    /// Whether they are written as in 5.0; none has a property.
    pub has_properties: bool,
    /// Bytes of all payloads.
    pub payload_bytes: usize,
    /// Bytes of the largest packet.
    pub packet_bytes_max: usize,
}

/// One packet of a series.
#[derive(Clone, Copy, Debug)]
pub struct SeriesPacket<'a> {
    /// There if the QoS is 1.
    pub packet_id: Option<PacketId>,
    /// Where it stands, from the first byte of the series; 0 without one.
    pub packet_id_at: usize,
    /// The payload.
    pub payload: &'a [u8],
}

impl<'a> Series<'a> {
    /// Whether a packet with this first byte may be one of a series.
    #[inline]
    pub const fn may_begin_with(first_byte: u8) -> bool {
        matches!(first_byte, QOS_0 | QOS_1)
    }

    /// Whether a series of packets that begin so is passed on by nothing but copying: its QoS is 0.
    #[inline]
    pub const fn is_copied(first_byte: u8) -> bool {
        first_byte == QOS_0
    }

    /// The longest series to `topic`, a valid Topic Name, at the front of `buffer`, of at most `count_max` packets (at least
    /// one); `None` if its first packet is not one of a series. Such a packet is whole and valid, has QoS 0 or 1, neither
    /// DUP nor RETAIN nor properties, at most `packet_bytes_max` bytes and a payload of less than `payload_bytes_end`.
    /// Cost: one comparison of the topic a packet.
    #[inline]
    pub fn find(
        version: ProtocolVersion,
        topic: &'a str,
        buffer: &'a [u8],
        count_max: usize,
        packet_bytes_max: u32,
        payload_bytes_end: usize,
    ) -> Option<Series<'a>> {
        let first_byte = *buffer.first()?;
        let (qos, packet_id_bytes) = match first_byte {
            QOS_0 => (QoS::AtMostOnce, 0),
            QOS_1 => (QoS::AtLeastOnce, 2),
            _ => return None,
        };
        let has_properties = version.has_properties();
        let fixed_bytes = 2 + topic.len() + packet_id_bytes + usize::from(has_properties);
        let [high, low] = u16::try_from(topic.len()).ok()?.to_be_bytes();
        let (mut end, mut count, mut payload_bytes, mut largest) = (0, 0, 0, 0);
        while let Some((header_bytes, remaining_length)) = short_header(&buffer[end..], first_byte) {
            let packet_bytes = header_bytes + remaining_length;
            let Some(body) = buffer[end..].get(header_bytes..packet_bytes) else { break };
            let Some(payload) = remaining_length.checked_sub(fixed_bytes) else { break };
            let [a, b, name @ ..] = body else { break };
            let is_alike = (*a, *b) == (high, low)
                && name.get(..topic.len()) == Some(topic.as_bytes())
                // [MQTT5-2.2.1-3] [MQTT311-2.3.1-1]: no identifier is zero.
                && (packet_id_bytes == 0 || name[topic.len()..][..2] != [0, 0])
                && (!has_properties || body[fixed_bytes - 1] == 0);
            if !is_alike || packet_bytes > packet_bytes_max as usize || payload >= payload_bytes_end {
                break;
            }
            end += packet_bytes;
            count += 1;
            payload_bytes += payload;
            largest = packet_bytes.max(largest);
            if count >= count_max {
                break;
            }
        }
        let bytes = &buffer[..end];
        (count > 0).then_some(Series {
            bytes,
            count,
            topic,
            qos,
            has_properties,
            payload_bytes,
            packet_bytes_max: largest,
        })
    }

    /// The series these bytes are, which [`Series::find`] has found before.
    pub fn again(has_properties: bool, bytes: &'a [u8]) -> Option<Series<'a>> {
        let (header_bytes, _) = short_header(bytes, *bytes.first()?)?;
        let topic_bytes = usize::from(u16::from_be_bytes(bytes.get(header_bytes..)?.first_chunk().copied()?));
        let topic = std::str::from_utf8(bytes.get(header_bytes + 2..)?.get(..topic_bytes)?).ok()?;
        let version = if has_properties { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 };
        Series::find(version, topic, bytes, usize::MAX, u32::MAX, usize::MAX)
    }

    /// Its packets in order.
    #[inline]
    pub fn packets(&self) -> impl Iterator<Item = SeriesPacket<'a>> + use<'a> {
        let Series { bytes, qos, has_properties, .. } = *self;
        let topic_bytes = self.topic.len();
        let mut at = 0;
        std::iter::from_fn(move || {
            let (header_bytes, remaining_length) = short_header(&bytes[at..], *bytes.get(at)?)?;
            let body = at + header_bytes;
            at = body + remaining_length;
            let packet_id_at = body + 2 + topic_bytes;
            let (packet_id, payload_at) = match qos {
                QoS::AtMostOnce => (None, packet_id_at),
                _ => (
                    PacketId::new(u16::from_be_bytes([bytes[packet_id_at], bytes[packet_id_at + 1]])),
                    packet_id_at + 2,
                ),
            };
            Some(SeriesPacket {
                packet_id,
                packet_id_at: if packet_id.is_some() { packet_id_at } else { 0 },
                payload: &bytes[payload_at + usize::from(has_properties)..at],
            })
        })
    }
}

/// Bytes of the fixed header and Remaining Length, if the packet begins with `first_byte` and has a length of one byte or two
/// that needs them; larger ones come one by one.
#[inline]
fn short_header(buffer: &[u8], first_byte: u8) -> Option<(usize, usize)> {
    match *buffer {
        [first, length, ..] if first == first_byte && length < 0x80 => Some((2, usize::from(length))),
        [first, low, high, ..] if first == first_byte && high < 0x80 && high != 0 => {
            Some((3, usize::from(low & 0x7F) | usize::from(high) << 7))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::{decode_publish, next_frame, Forwarded, Properties, Publish};

    fn packet(version: ProtocolVersion, first_byte: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
        let qos = QoS::from_u8(first_byte >> 1 & 3).expect("valid");
        let publish = Publish {
            dup: first_byte & 8 != 0,
            qos,
            retain: first_byte & 1 != 0,
            topic,
            packet_id: if qos == QoS::AtMostOnce { None } else { PacketId::new(id) },
            topic_alias: None,
            message_expiry_interval_s: None,
            has_subscription_identifier: false,
            forwarded: Forwarded::EMPTY,
            properties: Properties::EMPTY,
            payload,
        };
        let mut out = Vec::new();
        publish.encode(version, &mut out);
        out
    }

    fn count(version: ProtocolVersion, packets: &[Vec<u8>]) -> usize {
        Series::find(version, "a/b", &packets.concat(), usize::MAX, 1 << 20, 8192).map_or(0, |series| series.count)
    }

    #[test]
    fn ends_where_a_packet_is_different_unfinished_or_too_large() {
        let version = ProtocolVersion::V3_1_1;
        let one = packet(version, 0x32, "a/b", 7, b"x");
        let like = |first_byte, topic, id, payload: &[u8]| packet(version, first_byte, topic, id, payload);
        assert_eq!(count(version, &[one.clone(), like(0x32, "a/b", 9, b""), like(0x32, "a/b", 9, &[1; 300])]), 3);
        assert_eq!(count(version, &[one.clone(), like(0x30, "a/b", 0, b"x")]), 1, "another QoS");
        assert_eq!(count(version, &[one.clone(), one[..one.len() - 1].to_vec()]), 1, "unfinished");
        for other in [
            like(0x33, "a/b", 8, b"x"),
            like(0x3A, "a/b", 8, b"x"),
            like(0x34, "a/b", 8, b"x"),
            like(0x32, "a/c", 8, b"x"),
            like(0x32, "a/bc", 8, b"x"),
            like(0x32, "a/b", 8, &[0; 8192]),
            vec![0x32, 7, 0, 3, b'a', b'/', b'b', 0, 0],
            vec![0x32, 0x88, 0, 0, 3, b'a', b'/', b'b', 0, 1, b'x'],
            vec![0x32, 6, 0, 3, b'a', b'/', b'b', 0],
            vec![0x32],
        ] {
            assert_eq!(count(version, &[one.clone(), other.clone(), one.clone()]), 1, "{other:x?}");
            assert_eq!(count(version, &[other]), 0);
        }
        let found = Series::find(version, "a/b", &one, usize::MAX, one.len() as u32 - 1, 8192);
        assert!(found.is_none(), "larger than the largest packet");
    }

    #[test]
    fn ends_after_so_many_packets() {
        let version = ProtocolVersion::V3_1_1;
        let packets = packet(version, 0x30, "a/b", 0, b"x").repeat(9);
        for (count_max, count) in [(0, 1), (1, 1), (4, 4), (9, 9), (10, 9)] {
            let series = Series::find(version, "a/b", &packets, count_max, 1000, 8192);
            assert_eq!(series.map(|series| series.count), Some(count));
        }
    }

    #[test]
    fn a_packet_with_properties_ends_it() {
        let version = ProtocolVersion::V5;
        let one = packet(version, 0x30, "a/b", 0, b"x");
        let property = vec![0x30, 9, 0, 3, b'a', b'/', b'b', 2, 1, 1, b'x'];
        assert!(decode_publish(version, 0x30, &property[2..]).is_ok());
        assert_eq!(count(version, &[one.clone(), property, one]), 1);
    }

    proptest! {
        // Whatever is taken for a series is what the decoder reads, packet by packet.
        #[test]
        fn is_what_the_decoder_reads(
            bytes in prop::collection::vec(prop_oneof![
                Just(vec![0x30_u8, 6, 0, 1, b'a', 0, 1, 2]), Just(vec![0x32, 7, 0, 1, b'a', 0, 9, 0, 1]),
                Just(vec![0x30, 4, 0, 1, b'b', 7]), Just(vec![0x30, 3, 0, 1, b'a']), Just(vec![0x32, 5, 0, 1, b'a', 3, 3]),
                prop::collection::vec(any::<u8>(), 0..6),
            ], 0..8),
            is_v5 in any::<bool>(),
        ) {
            let version = if is_v5 { ProtocolVersion::V5 } else { ProtocolVersion::V3_1_1 };
            let bytes = bytes.concat();
            let Some(series) = Series::find(version, "a", &bytes, usize::MAX, 1000, 100) else { return Ok(()) };
            let mut rest = series.bytes;
            let mut packets = series.packets();
            while let Ok(Some(frame)) = next_frame(rest, 1000) {
                let publish = decode_publish(version, frame.first_byte, &rest[frame.header_bytes..frame.total_bytes]);
                let publish = publish.expect("each packet is valid");
                let packet = packets.next().expect("there are as many");
                prop_assert_eq!((publish.topic, publish.payload, publish.packet_id), ("a", packet.payload, packet.packet_id));
                prop_assert_eq!(publish.qos, series.qos);
                rest = &rest[frame.total_bytes..];
            }
            prop_assert!(rest.is_empty() && packets.next().is_none());
            let again = Series::again(is_v5, series.bytes).expect("it is one");
            prop_assert_eq!((again.count, again.topic, again.bytes), (series.count, series.topic, series.bytes));
        }
    }
}
