//! A series of publications in each way it goes out: as it came, or encoded once for all who need it otherwise.

use crate::mqtt::{PacketId, ProtocolVersion, PublishHead, QoS, Series};

/// Two wire formats, two QoS.
const VARIANTS: usize = 4;

/// The variants of the series at hand.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    variants: [Variant; VARIANTS],
    /// Which of them have been made, a bit each.
    made: u8,
}

#[derive(Debug, Default)]
struct Variant {
    /// Empty if the series serves as it came.
    bytes: Vec<u8>,
    packet_id_at: Vec<u32>,
    packet_bytes_max: usize,
}

/// One variant: the packets one behind the other.
#[derive(Clone, Copy)]
pub(crate) struct Copy<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where each Packet Identifier is; empty at QoS 0.
    pub(crate) packet_id_at: &'a [u32],
    pub(crate) packet_bytes_max: usize,
}

impl Copies {
    /// Forgets the series before.
    pub(crate) fn begin(&mut self) {
        self.made = 0;
    }

    /// The series for a receiver of this version at this QoS, which is not above its own. Made if this is the first time it
    /// is asked for.
    #[inline]
    pub(crate) fn variant<'a>(&'a mut self, series: &Series<'a>, version: ProtocolVersion, qos: QoS) -> Copy<'a> {
        let index = usize::from(version.has_properties()) << 1 | usize::from(qos != QoS::AtMostOnce);
        let variant = &mut self.variants[index];
        if self.made & 1 << index == 0 {
            self.made |= 1 << index;
            variant.make(series, version, qos);
        }
        let bytes = if variant.bytes.is_empty() { series.bytes } else { &variant.bytes };
        Copy { bytes, packet_id_at: &variant.packet_id_at, packet_bytes_max: variant.packet_bytes_max }
    }
}

impl Variant {
    fn make(&mut self, series: &Series<'_>, version: ProtocolVersion, qos: QoS) {
        self.bytes.clear();
        self.packet_id_at.clear();
        if series.qos == qos && series.has_properties == version.has_properties() {
            self.packet_bytes_max = series.packet_bytes_max;
            if qos != QoS::AtMostOnce {
                self.packet_id_at.extend(series.packets().map(|packet| packet.packet_id_at as u32));
            }
            return;
        }
        self.packet_bytes_max = 0;
        for packet in series.packets() {
            let start = self.bytes.len();
            let head = head(series, qos, packet.payload.len());
            let packet_id_at = head.encode(version, &mut self.bytes);
            self.bytes.extend_from_slice(packet.payload);
            self.packet_bytes_max = self.packet_bytes_max.max(self.bytes.len() - start);
            if qos != QoS::AtMostOnce {
                self.packet_id_at.push((start + packet_id_at) as u32);
            }
        }
    }
}

fn head<'a>(series: &Series<'a>, qos: QoS, payload_bytes: usize) -> PublishHead<'a> {
    PublishHead {
        dup: false,
        qos,
        retain: false,
        topic: series.topic,
        packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::MIN),
        topic_alias: None,
        message_expiry_interval_s: None,
        subscription_identifiers: &[],
        forwarded: Default::default(),
        payload_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::V3_1_1, ProtocolVersion::V5];

    fn packets(version: ProtocolVersion, qos: QoS) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (id, payload) in [(7, "one"), (8, ""), (9, "three")] {
            let series = Series {
                bytes: &[],
                count: 0,
                topic: "a/b",
                qos,
                has_properties: false,
                payload_bytes: 0,
                packet_bytes_max: 0,
            };
            let packet_id = PacketId::new(id).filter(|_| qos != QoS::AtMostOnce);
            PublishHead { packet_id, ..head(&series, qos, payload.len()) }.encode(version, &mut bytes);
            bytes.extend_from_slice(payload.as_bytes());
        }
        bytes
    }

    #[test]
    fn each_variant_is_a_series_with_the_same_payloads() {
        let mut copies = Copies::default();
        for (version, qos) in
            VERSIONS.into_iter().flat_map(|version| [(version, QoS::AtMostOnce), (version, QoS::AtLeastOnce)])
        {
            let bytes = packets(version, qos);
            let series = Series::find(version, "a/b", &bytes, usize::MAX, 1000, 1000).expect("it is one");
            let payloads: Vec<&[u8]> = series.packets().map(|packet| packet.payload).collect();
            copies.begin();
            for (to_version, to_qos) in
                VERSIONS.into_iter().flat_map(|version| [(version, QoS::AtMostOnce), (version, qos)])
            {
                for _ in 0..2 {
                    let copy = copies.variant(&series, to_version, to_qos);
                    let out = Series::find(to_version, "a/b", copy.bytes, usize::MAX, 1000, 1000).expect("it is one");
                    assert_eq!((out.count, out.qos, out.bytes.len()), (3, to_qos, copy.bytes.len()));
                    assert_eq!(out.packets().map(|packet| packet.payload).collect::<Vec<_>>(), payloads);
                    let at: Vec<u32> =
                        out.packets().map(|packet| packet.packet_id_at as u32).filter(|at| *at > 0).collect();
                    assert_eq!((copy.packet_id_at, copy.packet_bytes_max), (at.as_slice(), out.packet_bytes_max));
                }
            }
        }
    }
}
