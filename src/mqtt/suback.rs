//! SUBACK and UNSUBACK: one code for each filter that was asked about.

use super::error::DecodeError;
use super::properties::Properties;
use super::property::Place;
use super::reason::ReasonCode;
use super::types::{PacketId, PacketType, ProtocolVersion};
use super::wire::{put_block, put_packet, put_u16, Reader};

/// The answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suback<'a> {
    /// Of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// Per filter the granted QoS or a failure: 0x80 in 3.x, any of the packet's reason codes in 5.0.
    pub codes: &'a [u8],
    /// 5.0: reason string and user properties.
    pub properties: Properties<'a>,
}

/// The answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsuback<'a> {
    /// Of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0: per filter whether there was a subscription, or a failure. Empty in 3.x.
    pub codes: &'a [u8],
    /// 5.0: reason string and user properties.
    pub properties: Properties<'a>,
}

impl<'a> Suback<'a> {
    pub(super) fn decode(version: ProtocolVersion, body: &'a [u8]) -> Result<Suback<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let mut properties = Properties::EMPTY;
        if version.has_properties() {
            properties = Properties::check(reader.block()?, Place::SUBACK)?;
            check_codes(reader.rest(), is_suback_reason)?; // [MQTT5-3.9.3-2]
        } else {
            check_codes(reader.rest(), is_suback_return_code)?; // [MQTT311-3.9.3-2]
        }
        Ok(Suback { packet_id, codes: reader.rest(), properties })
    }

    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        put_packet(out, PacketType::Suback.first_byte(), |out| {
            put_u16(out, self.packet_id.get());
            if version.has_properties() {
                put_block(out, |out| out.extend_from_slice(self.properties.as_bytes()));
            }
            out.extend_from_slice(self.codes);
        });
    }
}

impl<'a> Unsuback<'a> {
    pub(super) fn decode(version: ProtocolVersion, body: &'a [u8]) -> Result<Unsuback<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let mut properties = Properties::EMPTY;
        if version.has_properties() {
            properties = Properties::check(reader.block()?, Place::UNSUBACK)?;
            check_codes(reader.rest(), is_unsuback_reason)?; // [MQTT5-3.11.3-2]
        } else {
            reader.finish()?;
        }
        Ok(Unsuback { packet_id, codes: reader.rest(), properties })
    }

    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        put_packet(out, PacketType::Unsuback.first_byte(), |out| {
            put_u16(out, self.packet_id.get());
            if version.has_properties() {
                put_block(out, |out| out.extend_from_slice(self.properties.as_bytes()));
                out.extend_from_slice(self.codes);
            }
        });
    }
}

/// Refuses no code at all and codes that are not `allowed`.
fn check_codes(codes: &[u8], allowed: impl Fn(u8) -> bool) -> Result<(), DecodeError> {
    if codes.is_empty() {
        return Err(DecodeError::PayloadMissing); // One for each filter, and there is at least one filter.
    }
    match codes.iter().find(|&&code| !allowed(code)) {
        None => Ok(()),
        Some(&code) if ReasonCode::from_u8(code).is_some() => Err(DecodeError::ReasonCodeNotAllowed),
        Some(_) => Err(DecodeError::ReasonCodeUnknown),
    }
}

fn is_suback_return_code(code: u8) -> bool {
    matches!(code, 0..=2 | 0x80)
}

fn is_suback_reason(code: u8) -> bool {
    matches!(code, 0..=2 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2)
}

fn is_unsuback_reason(code: u8) -> bool {
    matches!(code, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3: ProtocolVersion = ProtocolVersion::V3_1_1;
    const V5: ProtocolVersion = ProtocolVersion::V5;

    #[test]
    fn each_version_reads_and_writes_its_own_form() {
        let packet_id = PacketId::new(258).unwrap();
        let suback = Suback { packet_id, codes: &[0, 1, 2, 0x80], properties: Properties::EMPTY };
        let mut out = Vec::new();
        suback.encode(V3, &mut out);
        assert_eq!(out, [0x90, 6, 1, 2, 0, 1, 2, 0x80]);
        assert_eq!(Suback::decode(V3, &out[2..]), Ok(suback));
        out.clear();
        suback.encode(V5, &mut out);
        assert_eq!(out, [0x90, 7, 1, 2, 0, 0, 1, 2, 0x80]);
        assert_eq!(Suback::decode(V5, &out[2..]), Ok(suback));

        let unsuback = Unsuback { packet_id, codes: &[0, 0x11], properties: Properties::EMPTY };
        out.clear();
        unsuback.encode(V3, &mut out);
        assert_eq!(out, [0xB0, 2, 1, 2]);
        assert_eq!(Unsuback::decode(V3, &out[2..]), Ok(Unsuback { codes: &[], ..unsuback }));
        out.clear();
        unsuback.encode(V5, &mut out);
        assert_eq!(out, [0xB0, 5, 1, 2, 0, 0, 0x11]);
        assert_eq!(Unsuback::decode(V5, &out[2..]), Ok(unsuback));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let subacks: [(ProtocolVersion, &[u8], DecodeError); 6] = [
            (V3, &[0, 0, 0], DecodeError::PacketIdZero),
            (V3, &[0, 1], DecodeError::PayloadMissing),
            (V3, &[0, 1, 3], DecodeError::ReasonCodeUnknown),
            (V3, &[0, 1, 0x87], DecodeError::ReasonCodeNotAllowed),
            (V5, &[0, 1, 0, 0x92], DecodeError::ReasonCodeNotAllowed),
            (V5, &[0, 1], DecodeError::Truncated),
        ];
        for (version, body, error) in subacks {
            assert_eq!(Suback::decode(version, body), Err(error), "{body:?}");
        }
        assert_eq!(Unsuback::decode(V3, &[0, 1, 0]), Err(DecodeError::TrailingBytes));
        assert_eq!(Unsuback::decode(V5, &[0, 1, 0]), Err(DecodeError::PayloadMissing));
        assert_eq!(Unsuback::decode(V5, &[0, 1, 0, 1]), Err(DecodeError::ReasonCodeNotAllowed));
    }
}
