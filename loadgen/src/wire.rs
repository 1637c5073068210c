//! PUBLISH both ways without the cost of the general codec: it is the one packet there are millions of.

use std::num::NonZeroU32;

use corecast::mqtt::{decode_publish, next_header, Forwarded, PacketId, ProtocolVersion, PublishHead, QoS};

use crate::stamp::{Stamp, STAMP_BYTES};

/// A PUBLISH with everything in place but the stamp and the packet identifier.
pub(crate) struct Template {
    /// Up to and including the stamp.
    bytes: Box<[u8]>,
    packet_id_at: usize,
    filler_bytes: usize,
}

/// What the payload is made of behind the stamp, in pieces of this size.
static FILLER: [u8; 4096] = [b'x'; 4096];

impl Template {
    /// The payload has room for the stamp at least.
    pub(crate) fn new(version: ProtocolVersion, topic: &str, qos: QoS, retain: bool, payload_bytes: usize) -> Template {
        let payload_bytes = payload_bytes.max(STAMP_BYTES);
        let head = PublishHead {
            dup: false,
            qos,
            retain,
            topic,
            packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::MIN),
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: Forwarded::EMPTY,
            payload_bytes,
        };
        let mut bytes = Vec::new();
        let packet_id_at = head.encode(version, &mut bytes);
        bytes.extend_from_slice(&[0; STAMP_BYTES]);
        Template { bytes: bytes.into_boxed_slice(), packet_id_at, filler_bytes: payload_bytes - STAMP_BYTES }
    }

    /// Appends one message.
    #[inline]
    pub(crate) fn append(&self, stamp: Stamp, packet_id: Option<NonZeroU32>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes[..self.bytes.len() - STAMP_BYTES]);
        out.extend_from_slice(&stamp.to_bytes());
        if let Some(packet_id) = packet_id {
            let packet_id = packet_id.get() as u16;
            out[start + self.packet_id_at..][..2].copy_from_slice(&packet_id.to_be_bytes());
        }
        let mut left = self.filler_bytes;
        while left > 0 {
            let piece = left.min(FILLER.len());
            out.extend_from_slice(&FILLER[..piece]);
            left -= piece;
        }
    }

    /// Appends what takes back the retained message of the topic: the same with nothing in it, at QoS 0.
    pub(crate) fn append_clearing(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        let Ok(Some(frame)) = next_header(&self.bytes, u32::MAX) else { return };
        let body = self.bytes.get(frame.header_bytes..).unwrap_or(&[]);
        let Ok(publish) = decode_publish(version, frame.first_byte, body) else { return };
        let head = PublishHead {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: true,
            topic: publish.topic,
            packet_id: None,
            topic_alias: None,
            message_expiry_interval_s: None,
            subscription_identifiers: &[],
            forwarded: Forwarded::EMPTY,
            payload_bytes: 0,
        };
        head.encode(version, out);
    }

    #[cfg(test)]
    pub(crate) fn topic(&self) -> String {
        let frame = next_header(&self.bytes, u32::MAX).expect("written by us").expect("whole");
        let body = &self.bytes[frame.header_bytes..];
        let bytes = usize::from(u16::from_be_bytes([body[0], body[1]]));
        String::from_utf8(body[2..2 + bytes].to_vec()).expect("written by us")
    }

    /// Bytes of the whole packet.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.filler_bytes
    }
}

/// A PUBLISH that came in, as much of it as is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery<'a> {
    pub(crate) dup: bool,
    pub(crate) qos: QoS,
    pub(crate) packet_id: Option<PacketId>,
    pub(crate) payload: &'a [u8],
}

/// Reads a PUBLISH whose fixed header has been taken off. The topic is stepped over: the payload says more. `None` if it
/// is malformed.
#[inline]
pub(crate) fn read_delivery(version: ProtocolVersion, first_byte: u8, body: &[u8]) -> Option<Delivery<'_>> {
    let qos = QoS::from_u8(first_byte >> 1 & 3)?;
    let (topic_bytes, rest) = body.split_first_chunk::<2>()?;
    let mut rest = rest.get(usize::from(u16::from_be_bytes(*topic_bytes))..)?;
    let mut packet_id = None;
    if qos != QoS::AtMostOnce {
        let (number, after) = rest.split_first_chunk::<2>()?;
        packet_id = Some(PacketId::new(u16::from_be_bytes(*number))?);
        rest = after;
    }
    match version {
        ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => {}
        ProtocolVersion::V5 => rest = skip_properties(rest)?,
    }
    Some(Delivery { dup: first_byte & 8 != 0, qos, packet_id, payload: rest })
}

#[inline]
fn skip_properties(bytes: &[u8]) -> Option<&[u8]> {
    let mut length = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return bytes.get(index + 1 + length..);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use corecast::mqtt::next_frame;

    use super::*;

    fn check(version: ProtocolVersion, qos: QoS, payload_bytes: usize) {
        let template = Template::new(version, "a/b", qos, false, payload_bytes);
        let stamp = Stamp { flow: 3, sequence: 5, intended_ns: 9 };
        let packet_id = if qos == QoS::AtMostOnce { None } else { NonZeroU32::new(0x1234) };
        let mut out = vec![0xFF; 3];
        template.append(stamp, packet_id, &mut out);
        let packet = &out[3..];
        assert_eq!(packet.len(), template.len());
        let frame = next_frame(packet, u32::MAX).unwrap().unwrap();
        assert_eq!(frame.total_bytes, packet.len());
        let body = &packet[frame.header_bytes..];
        let publish = decode_publish(version, frame.first_byte, body).unwrap();
        assert_eq!((publish.topic, publish.qos, publish.payload.len()), ("a/b", qos, payload_bytes));
        let delivery = read_delivery(version, frame.first_byte, body).unwrap();
        assert_eq!(delivery.payload, publish.payload);
        assert_eq!((delivery.packet_id, delivery.qos), (publish.packet_id, qos));
        assert_eq!(Stamp::read(delivery.payload), Some(stamp));
    }

    #[test]
    fn what_is_written_is_what_the_codec_reads() {
        for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                for payload_bytes in [16, 17, 200, 4112, 100_000] {
                    check(version, qos, payload_bytes);
                }
            }
        }
    }

    #[test]
    fn malformed_deliveries_are_refused_not_trusted() {
        let (v3, v5) = (ProtocolVersion::V3_1_1, ProtocolVersion::V5);
        for (version, first_byte, body) in [
            (v3, 0x30, &[][..]),
            (v3, 0x30, &[0]),
            (v3, 0x30, &[0, 2, b'a']),
            (v3, 0x36, &[0, 1, b'a', 0, 1]),
            (v3, 0x32, &[0, 1, b'a', 0]),
            (v3, 0x32, &[0, 1, b'a', 0, 0]),
            (v5, 0x30, &[0, 1, b'a']),
            (v5, 0x30, &[0, 1, b'a', 5, 0]),
            (v5, 0x30, &[0, 1, b'a', 0x80, 0x80, 0x80, 0x80, 0]),
        ] {
            assert_eq!(read_delivery(version, first_byte, body), None, "{body:?}");
        }
        assert!(read_delivery(v5, 0x30, &[0, 1, b'a', 2, 1, 0]).is_some_and(|delivery| delivery.payload.is_empty()));
    }
}
