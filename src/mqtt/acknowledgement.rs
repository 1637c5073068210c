//! PUBACK, PUBREC, PUBREL and PUBCOMP: four packets of one shape.

use super::error::DecodeError;
use super::frame::check_first_byte;
use super::properties::Properties;
use super::property::Place;
use super::reason::ReasonCode;
use super::types::{PacketId, PacketType, ProtocolVersion};
use super::wire::{put_block, put_packet, put_u16, Reader};

/// One step of a QoS 1 or 2 delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// Of the PUBLISH it is about.
    pub packet_id: PacketId,
    /// 5.0: how it went; success in 3.x.
    pub reason: ReasonCode,
    /// 5.0: reason string and user properties.
    pub properties: Properties<'a>,
}

/// Reads a PUBACK, PUBREC, PUBREL or PUBCOMP whose fixed header has been taken off: what [`decode`](super::decode) would
/// say, without the detour through the enum of all packets. `None` if the first byte is that of another packet.
///
/// # Errors
/// What makes it invalid.
#[inline]
pub fn decode_acknowledgement(
    version: ProtocolVersion,
    first_byte: u8,
    body: &[u8],
) -> Result<Option<(PacketType, Acknowledgement<'_>)>, DecodeError> {
    let is_one = matches!(
        PacketType::from_first_byte(first_byte),
        Some(PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp)
    );
    if !is_one {
        return Ok(None);
    }
    let packet_type = check_first_byte(version, first_byte)?;
    Acknowledgement::decode(version, packet_type, body).map(|packet| Some((packet_type, packet)))
}

impl<'a> Acknowledgement<'a> {
    /// Reads the body of such a packet. [MQTT5-3.4.2.1] and its like: reason and properties may be left out.
    pub(super) fn decode(
        version: ProtocolVersion,
        packet_type: PacketType,
        body: &'a [u8],
    ) -> Result<Acknowledgement<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let mut reason = ReasonCode::Success;
        let mut properties = Properties::EMPTY;
        if version.has_properties() && !reader.is_empty() {
            reason = ReasonCode::from_u8(reader.u8()?).ok_or(DecodeError::ReasonCodeUnknown)?;
            if !is_allowed(packet_type, reason) {
                return Err(DecodeError::ReasonCodeNotAllowed); // [MQTT5-3.4.2-1] [MQTT5-3.6.2-1] and their like
            }
            if !reader.is_empty() {
                properties = Properties::check(reader.block()?, Place::ACKNOWLEDGEMENT)?;
            }
        }
        reader.finish()?;
        Ok(Acknowledgement { packet_id, reason, properties })
    }

    /// Appends the packet in its shortest form.
    pub(super) fn encode(&self, version: ProtocolVersion, packet_type: PacketType, out: &mut Vec<u8>) {
        if !version.has_properties() || self.properties.is_empty() {
            return encode_acknowledgement(version, packet_type, self.packet_id, self.reason, out);
        }
        put_packet(out, packet_type.first_byte(), |out| {
            put_u16(out, self.packet_id.get());
            out.push(self.reason.value());
            put_block(out, |out| out.extend_from_slice(self.properties.as_bytes()));
        });
    }
}

/// Appends a PUBACK, PUBREC, PUBREL or PUBCOMP without properties. In 3.x, which has no reasons, `reason` is not sent.
#[inline]
pub fn encode_acknowledgement(
    version: ProtocolVersion,
    packet_type: PacketType,
    packet_id: PacketId,
    reason: ReasonCode,
    out: &mut Vec<u8>,
) {
    debug_assert!(is_allowed(packet_type, reason) || !version.has_properties());
    let [high, low] = packet_id.get().to_be_bytes();
    if version.has_properties() && reason != ReasonCode::Success {
        out.extend_from_slice(&[packet_type.first_byte(), 3, high, low, reason.value()]);
    } else {
        out.extend_from_slice(&[packet_type.first_byte(), 2, high, low]);
    }
}

fn is_allowed(packet_type: PacketType, reason: ReasonCode) -> bool {
    match packet_type {
        PacketType::Puback | PacketType::Pubrec => matches!(
            reason,
            ReasonCode::Success
                | ReasonCode::NoMatchingSubscribers
                | ReasonCode::UnspecifiedError
                | ReasonCode::ImplementationSpecificError
                | ReasonCode::NotAuthorized
                | ReasonCode::TopicNameInvalid
                | ReasonCode::PacketIdentifierInUse
                | ReasonCode::QuotaExceeded
                | ReasonCode::PayloadFormatInvalid
        ),
        PacketType::Pubrel | PacketType::Pubcomp => {
            matches!(reason, ReasonCode::Success | ReasonCode::PacketIdentifierNotFound)
        }
        PacketType::Connect
        | PacketType::Connack
        | PacketType::Publish
        | PacketType::Subscribe
        | PacketType::Suback
        | PacketType::Unsubscribe
        | PacketType::Unsuback
        | PacketType::Pingreq
        | PacketType::Pingresp
        | PacketType::Disconnect
        | PacketType::Auth => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [PacketType; 4] = [PacketType::Puback, PacketType::Pubrec, PacketType::Pubrel, PacketType::Pubcomp];

    fn decode(version: ProtocolVersion, packet_type: PacketType, body: &[u8]) -> Result<(u16, u8), DecodeError> {
        Acknowledgement::decode(version, packet_type, body)
            .map(|acknowledgement| (acknowledgement.packet_id.get(), acknowledgement.reason.value()))
    }

    #[test]
    fn the_short_forms_of_5_0_mean_success() {
        for packet_type in TYPES {
            for body in [&[1, 2][..], &[1, 2, 0], &[1, 2, 0, 0]] {
                assert_eq!(decode(ProtocolVersion::V5, packet_type, body), Ok((0x0102, 0)));
            }
            assert_eq!(decode(ProtocolVersion::V5, packet_type, &[1, 2, 0, 0, 0]), Err(DecodeError::TrailingBytes));
            assert_eq!(decode(ProtocolVersion::V5, packet_type, &[1, 2, 0, 1]), Err(DecodeError::Truncated));
        }
    }

    #[test]
    fn a_body_of_3_x_is_the_identifier_alone() {
        for packet_type in TYPES {
            assert_eq!(decode(ProtocolVersion::V3_1_1, packet_type, &[0, 9]), Ok((9, 0)));
            assert_eq!(decode(ProtocolVersion::V3_1_1, packet_type, &[0, 9, 0]), Err(DecodeError::TrailingBytes));
            assert_eq!(decode(ProtocolVersion::V3_1, packet_type, &[0]), Err(DecodeError::Truncated));
            assert_eq!(decode(ProtocolVersion::V3_1, packet_type, &[0, 0]), Err(DecodeError::PacketIdZero));
        }
    }

    #[test]
    fn mqtt5_3_4_2_1_reasons_are_those_of_the_packets_table() {
        let publication = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
        for packet_type in TYPES {
            let allowed = match packet_type {
                PacketType::Puback | PacketType::Pubrec => &publication[..],
                _ => &[0x00, 0x92],
            };
            for value in 0..=255 {
                let expected = if allowed.contains(&value) {
                    Ok((1, value))
                } else if ReasonCode::from_u8(value).is_some() {
                    Err(DecodeError::ReasonCodeNotAllowed)
                } else {
                    Err(DecodeError::ReasonCodeUnknown)
                };
                assert_eq!(decode(ProtocolVersion::V5, packet_type, &[0, 1, value]), expected);
            }
        }
    }

    #[test]
    fn the_shortest_form_is_written() {
        let check = |version, packet_type, reason, properties: Properties<'_>, expected: &[u8]| {
            let packet_id = PacketId::new(5).unwrap();
            let mut out = Vec::new();
            Acknowledgement { packet_id, reason, properties }.encode(version, packet_type, &mut out);
            assert_eq!(out, expected);
        };
        let (v3, v5) = (ProtocolVersion::V3_1_1, ProtocolVersion::V5);
        let text = Properties::check(&[0x1F, 0, 1, b'x'], Place::ACKNOWLEDGEMENT).unwrap();
        check(v5, PacketType::Puback, ReasonCode::Success, Properties::EMPTY, &[0x40, 2, 0, 5]);
        check(v5, PacketType::Pubrel, ReasonCode::Success, Properties::EMPTY, &[0x62, 2, 0, 5]);
        check(v5, PacketType::Pubrec, ReasonCode::QuotaExceeded, Properties::EMPTY, &[0x50, 3, 0, 5, 0x97]);
        check(v5, PacketType::Pubcomp, ReasonCode::Success, text, &[0x70, 8, 0, 5, 0, 4, 0x1F, 0, 1, b'x']);
        check(v3, PacketType::Puback, ReasonCode::QuotaExceeded, text, &[0x40, 2, 0, 5]);
    }
}
