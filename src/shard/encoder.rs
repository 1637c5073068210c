//! A publication encoded once for each way it goes out, whoever receives it.

use crate::mqtt::{PacketId, ProtocolVersion, PublishHead};

/// Ways one publication can be written without anything of the receiver's own: two wire formats, three QoS, RETAIN or
/// not.
const VARIANTS: usize = 2 * 3 * 2;

/// The encodings of the publication at hand.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    /// Which of the variants have been made, a bit each.
    made: u16,
    variants: [Variant; VARIANTS],
}

/// Where one encoding stands in the buffer.
#[derive(Clone, Copy, Debug, Default)]
struct Variant {
    start: usize,
    end: usize,
    packet_id_at: usize,
}

/// One encoding: the packet without a shared payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where its Packet Identifier is; 0 without one.
    pub(crate) packet_id_at: usize,
    /// The first byte it goes out with, whatever is in `bytes`.
    pub(crate) first_byte: u8,
}

impl Encoder {
    /// Forgets the publication before.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.bytes.clear();
        self.made = 0;
    }

    /// The encoding for `head`, made if this is the first time it is asked for. `payload` is put behind it; empty if it
    /// is to be shared instead. Identifiers and aliases must not be in `head`: they belong to one receiver.
    pub(crate) fn encode(&mut self, version: ProtocolVersion, head: &PublishHead<'_>, payload: &[u8]) -> Encoded<'_> {
        debug_assert!(head.subscription_identifiers.is_empty() && head.topic_alias.is_none() && !head.dup);
        let format = usize::from(version == ProtocolVersion::V5);
        let index = (format * 3 + head.qos as usize) * 2 + usize::from(head.retain);
        let variant = &mut self.variants[index];
        if self.made & 1 << index == 0 {
            self.made |= 1 << index;
            variant.start = self.bytes.len();
            variant.packet_id_at = head.encode(version, &mut self.bytes);
            self.bytes.extend_from_slice(payload);
            variant.end = self.bytes.len();
        }
        let bytes = &self.bytes[variant.start..variant.end];
        Encoded { bytes, packet_id_at: variant.packet_id_at, first_byte: bytes[0] }
    }
}

impl Encoded<'_> {
    /// Copies the packet to `out` with the receiver's own Packet Identifier.
    pub(crate) fn copy_to(&self, packet_id: Option<PacketId>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.bytes);
        let packet = &mut out[start..];
        packet[0] = self.first_byte;
        if let Some(packet_id) = packet_id {
            packet[self.packet_id_at..][..2].copy_from_slice(&packet_id.get().to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{decode_publish, Forwarded, QoS};

    #[test]
    fn one_encoding_serves_many_receivers_and_formats_do_not_mix() {
        let mut encoder = Encoder::default();
        encoder.begin();
        for (version, id) in [(ProtocolVersion::V5, 7), (ProtocolVersion::V3_1_1, 8), (ProtocolVersion::V5, 9)] {
            let packet_id = PacketId::new(id);
            let head = PublishHead {
                dup: false,
                qos: QoS::AtLeastOnce,
                retain: false,
                topic: "a/b",
                packet_id: PacketId::new(1),
                topic_alias: None,
                message_expiry_interval_s: None,
                subscription_identifiers: &[],
                forwarded: Forwarded::EMPTY,
                payload_bytes: 2,
            };
            let mut out = vec![0xff];
            encoder.encode(version, &head, b"hi").copy_to(packet_id, &mut out);
            let publish = decode_publish(version, out[1], &out[3..]).expect("valid");
            assert_eq!((publish.topic, publish.payload, publish.packet_id), ("a/b", b"hi".as_slice(), packet_id));
        }
        assert_eq!(encoder.made.count_ones(), 2, "two formats, encoded once each");
    }
}
