//! CONNACK: the answer to CONNECT.

use super::error::DecodeError;
use super::properties::Properties;
use super::property::Place;
use super::reason::{ConnectReturnCode, ReasonCode};
use super::types::{PacketType, ProtocolVersion};
use super::wire::{put_block, put_packet, Reader};

/// The answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connack<'a> {
    /// The server has the session's state; always `false` in 3.1 and in a refusal.
    pub session_present: bool,
    /// Success or why not. In 3.x mapped from and to [`ConnectReturnCode`].
    pub reason: ReasonCode,
    /// 5.0: what the server can do and what it wants.
    pub properties: Properties<'a>,
}

impl<'a> Connack<'a> {
    pub(super) fn decode(version: ProtocolVersion, body: &'a [u8]) -> Result<Connack<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let flags = reader.u8()?;
        let code = reader.u8()?;
        let session_present = match version {
            ProtocolVersion::V3_1 => false, // The byte is reserved and means nothing.
            ProtocolVersion::V3_1_1 | ProtocolVersion::V5 if flags > 1 => {
                return Err(DecodeError::ConnackFlags); // [MQTT5-3.2.2-1] [MQTT311-3.2.2.1]
            }
            ProtocolVersion::V3_1_1 | ProtocolVersion::V5 => flags == 1,
        };
        let mut properties = Properties::EMPTY;
        let reason = if version.has_properties() {
            let reason = ReasonCode::from_u8(code).ok_or(DecodeError::ReasonCodeUnknown)?;
            if !is_allowed(reason) {
                return Err(DecodeError::ReasonCodeNotAllowed); // [MQTT5-3.2.2-8]
            }
            properties = Properties::check(reader.block()?, Place::CONNACK)?;
            reason
        } else {
            ConnectReturnCode::from_u8(code).ok_or(DecodeError::ReasonCodeUnknown)?.into()
        };
        reader.finish()?;
        if session_present && reason != ReasonCode::Success {
            return Err(DecodeError::SessionPresentInRefusal); // [MQTT5-3.2.2-6] [MQTT311-3.2.2-4]
        }
        Ok(Connack { session_present, reason, properties })
    }

    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        debug_assert!(!self.session_present || self.reason == ReasonCode::Success);
        put_packet(out, PacketType::Connack.first_byte(), |out| match version {
            ProtocolVersion::V3_1 => out.extend_from_slice(&[0, ConnectReturnCode::from(self.reason) as u8]),
            ProtocolVersion::V3_1_1 => {
                out.extend_from_slice(&[u8::from(self.session_present), ConnectReturnCode::from(self.reason) as u8]);
            }
            ProtocolVersion::V5 => {
                debug_assert!(is_allowed(self.reason));
                out.extend_from_slice(&[u8::from(self.session_present), self.reason.value()]);
                put_block(out, |out| out.extend_from_slice(self.properties.as_bytes()));
            }
        });
    }
}

/// Whether 5.0 lists it for CONNACK.
fn is_allowed(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::Success
            | ReasonCode::UnspecifiedError
            | ReasonCode::MalformedPacket
            | ReasonCode::ProtocolError
            | ReasonCode::ImplementationSpecificError
            | ReasonCode::UnsupportedProtocolVersion
            | ReasonCode::ClientIdentifierNotValid
            | ReasonCode::BadUserNameOrPassword
            | ReasonCode::NotAuthorized
            | ReasonCode::ServerUnavailable
            | ReasonCode::ServerBusy
            | ReasonCode::Banned
            | ReasonCode::BadAuthenticationMethod
            | ReasonCode::TopicNameInvalid
            | ReasonCode::PacketTooLarge
            | ReasonCode::QuotaExceeded
            | ReasonCode::PayloadFormatInvalid
            | ReasonCode::RetainNotSupported
            | ReasonCode::QoSNotSupported
            | ReasonCode::UseAnotherServer
            | ReasonCode::ServerMoved
            | ReasonCode::ConnectionRateExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_reads_and_writes_its_own_form() {
        let check = |version, connack: Connack<'_>, expected: &[u8]| {
            let mut out = Vec::new();
            connack.encode(version, &mut out);
            assert_eq!(out, expected);
            assert_eq!(Connack::decode(version, &out[2..]), Ok(connack));
        };
        let accepted = Connack { session_present: true, reason: ReasonCode::Success, properties: Properties::EMPTY };
        let refused = Connack { session_present: false, reason: ReasonCode::NotAuthorized, ..accepted };
        check(ProtocolVersion::V3_1, Connack { session_present: false, ..accepted }, &[0x20, 2, 0, 0]);
        check(ProtocolVersion::V3_1_1, accepted, &[0x20, 2, 1, 0]);
        check(ProtocolVersion::V3_1_1, refused, &[0x20, 2, 0, 5]);
        check(ProtocolVersion::V5, accepted, &[0x20, 3, 1, 0, 0]);
        check(ProtocolVersion::V5, refused, &[0x20, 3, 0, 0x87, 0]);
        let keep_alive = Properties::check(&[0x13, 0, 60], Place::CONNACK).unwrap();
        let told = Connack { properties: keep_alive, ..accepted };
        check(ProtocolVersion::V5, told, &[0x20, 6, 1, 0, 3, 0x13, 0, 60]);
    }

    #[test]
    fn what_is_wrong_with_a_connack_is_said() {
        let (v3, v5) = (ProtocolVersion::V3_1_1, ProtocolVersion::V5);
        let rows: [(ProtocolVersion, &[u8], DecodeError); 12] = [
            (v3, &[], DecodeError::Truncated),
            (v3, &[0], DecodeError::Truncated),
            (v3, &[0, 0, 0], DecodeError::TrailingBytes),
            (v3, &[2, 0], DecodeError::ConnackFlags),
            (v3, &[0, 6], DecodeError::ReasonCodeUnknown),
            (v3, &[1, 5], DecodeError::SessionPresentInRefusal),
            (v5, &[0, 0], DecodeError::Truncated),
            (v5, &[0x80, 0, 0], DecodeError::ConnackFlags),
            (v5, &[0, 1, 0], DecodeError::ReasonCodeNotAllowed),
            (v5, &[0, 6, 0], DecodeError::ReasonCodeUnknown),
            (v5, &[1, 0x87, 0], DecodeError::SessionPresentInRefusal),
            (v5, &[0, 0, 3, 0x23, 0, 1], DecodeError::PropertyNotAllowed),
        ];
        for (version, body, error) in rows {
            assert_eq!(Connack::decode(version, body), Err(error), "{body:?}");
        }
    }

    #[test]
    fn mqtt5_3_2_2_8_reasons_are_those_of_the_table() {
        let allowed = (0x80..=0x8A).chain([0x00, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F]);
        let allowed: Vec<u8> = allowed.collect();
        for value in 0..=255 {
            let is_ok = Connack::decode(ProtocolVersion::V5, &[0, value, 0]).is_ok();
            assert_eq!(is_ok, allowed.contains(&value), "{value:#x}");
        }
    }
}
