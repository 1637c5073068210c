//! A publication encoded once for each way it goes out, whoever receives it.

use crate::mqtt::{PacketId, ProtocolVersion, PublishHead};

/// Ways one publication can be written without anything of the receiver's own: two wire formats, three QoS, RETAIN or
/// not.
const VARIANTS: usize = 2 * 3 * 2;

/// The encodings of the publication at hand.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    variants: [Variant; VARIANTS],
}

/// Where one encoding stands in the buffer; empty if it has not been made.
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
    packet_id_at: usize,
}

impl Encoder {
    /// Forgets the publication before.
    pub(crate) fn begin(&mut self) {
        self.bytes.clear();
        self.variants = [Variant::default(); VARIANTS];
    }

    /// The encoding for `head`, made if this is the first time it is asked for. `payload` is put behind it; empty if it
    /// is to be shared instead. Identifiers and aliases must not be in `head`: they belong to one receiver.
    pub(crate) fn encode(&mut self, version: ProtocolVersion, head: &PublishHead<'_>, payload: &[u8]) -> Encoded<'_> {
        debug_assert!(head.subscription_identifiers.is_empty() && head.topic_alias.is_none() && !head.dup);
        let format = usize::from(version == ProtocolVersion::V5);
        let variant = &mut self.variants[(format * 3 + head.qos as usize) * 2 + usize::from(head.retain)];
        if variant.end == 0 {
            variant.start = self.bytes.len();
            variant.packet_id_at = head.encode(version, &mut self.bytes);
            self.bytes.extend_from_slice(payload);
            variant.end = self.bytes.len();
        }
        Encoded { bytes: &self.bytes[variant.start..variant.end], packet_id_at: variant.packet_id_at }
    }
}

impl Encoded<'_> {
    /// Copies the packet to `out` with the receiver's own Packet Identifier.
    pub(crate) fn copy_to(&self, packet_id: Option<PacketId>, out: &mut Vec<u8>) {
        let at = out.len() + self.packet_id_at;
        out.extend_from_slice(self.bytes);
        if let Some(packet_id) = packet_id {
            out[at..at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
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
        let once = encoder.variants.iter().filter(|variant| variant.end > 0).count();
        assert_eq!(once, 2, "two formats, encoded once each");
    }
}
