//! DISCONNECT and AUTH: a reason, and properties if there are any.

use super::error::DecodeError;
use super::properties::Properties;
use super::property::{Place, Property};
use super::reason::ReasonCode;
use super::types::{PacketType, ProtocolVersion};
use super::wire::{put_block, put_packet, Reader};

/// The last packet of a connection. In 3.x only clients send it, and it has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// 5.0: why; normal in 3.x.
    pub reason: ReasonCode,
    /// 5.0: what the client changes its session expiry interval to. Written from here, not from `properties`.
    pub session_expiry_interval_s: Option<u32>,
    /// 5.0: all properties.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub(super) fn decode(version: ProtocolVersion, body: &'a [u8]) -> Result<Disconnect<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let mut disconnect = Disconnect {
            reason: ReasonCode::NORMAL_DISCONNECTION,
            session_expiry_interval_s: None,
            properties: Properties::EMPTY,
        };
        // Reason and properties may be left out. [MQTT5-3.14.2.1] [MQTT5-3.14.2.2.1]
        if version.has_properties() && !reader.is_empty() {
            disconnect.reason = ReasonCode::from_u8(reader.u8()?).ok_or(DecodeError::ReasonCodeUnknown)?;
            if !is_allowed_in_disconnect(disconnect.reason) {
                return Err(DecodeError::ReasonCodeNotAllowed); // [MQTT5-3.14.2-1]
            }
            if !reader.is_empty() {
                disconnect.properties = Properties::read(reader.block()?, Place::DISCONNECT, |property, _| {
                    if let Property::SessionExpiryInterval(seconds) = property {
                        disconnect.session_expiry_interval_s = Some(seconds);
                    }
                })?;
            }
        }
        reader.finish()?;
        Ok(disconnect)
    }

    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        put_packet(out, PacketType::Disconnect.first_byte(), |out| {
            if !version.has_properties() {
                return;
            }
            debug_assert!(is_allowed_in_disconnect(self.reason));
            let has_properties = self.session_expiry_interval_s.is_some() || !self.properties.is_empty();
            if self.reason != ReasonCode::NORMAL_DISCONNECTION || has_properties {
                out.push(self.reason.value());
            }
            if has_properties {
                put_block(out, |out| {
                    if let Some(seconds) = self.session_expiry_interval_s {
                        Property::SessionExpiryInterval(seconds).put(out);
                    }
                    self.properties.put_some(out, |property| !matches!(property, Property::SessionExpiryInterval(_)));
                });
            }
        });
    }
}

/// A step of extended authentication (5.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue or re-authenticate.
    pub reason: ReasonCode,
    /// Missing only in the form without a body, which says "success". Written from here, not from `properties`.
    pub authentication_method: Option<&'a str>,
    /// All properties.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Result<Auth<'a>, DecodeError> {
        let mut auth = Auth { reason: ReasonCode::Success, authentication_method: None, properties: Properties::EMPTY };
        if body.is_empty() {
            return Ok(auth); // [MQTT5-3.15.2.1]
        }
        let mut reader = Reader::new(body);
        auth.reason = ReasonCode::from_u8(reader.u8()?).ok_or(DecodeError::ReasonCodeUnknown)?;
        if !is_allowed_in_auth(auth.reason) {
            return Err(DecodeError::ReasonCodeNotAllowed); // [MQTT5-3.15.2-1]
        }
        auth.properties = Properties::read(reader.block()?, Place::AUTH, |property, _| {
            if let Property::AuthenticationMethod(method) = property {
                auth.authentication_method = Some(method);
            }
        })?;
        reader.finish()?;
        if auth.authentication_method.is_none() {
            return Err(DecodeError::AuthenticationMethodMissing); // [MQTT5-3.15.2.2.2]
        }
        Ok(auth)
    }

    /// Only 5.0 has this packet; asking for another version is a mistake of the caller.
    pub(super) fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        debug_assert!(version.has_properties() && is_allowed_in_auth(self.reason));
        put_packet(out, PacketType::Auth.first_byte(), |out| {
            let has_properties = self.authentication_method.is_some() || !self.properties.is_empty();
            if self.reason == ReasonCode::Success && !has_properties {
                return;
            }
            out.push(self.reason.value());
            put_block(out, |out| {
                if let Some(method) = self.authentication_method {
                    Property::AuthenticationMethod(method).put(out);
                }
                self.properties.put_some(out, |property| !matches!(property, Property::AuthenticationMethod(_)));
            });
        });
    }
}

fn is_allowed_in_auth(reason: ReasonCode) -> bool {
    matches!(reason, ReasonCode::Success | ReasonCode::ContinueAuthentication | ReasonCode::ReAuthenticate)
}

/// Whether 5.0 lists it for DISCONNECT, from either side.
fn is_allowed_in_disconnect(reason: ReasonCode) -> bool {
    match reason {
        ReasonCode::Success
        | ReasonCode::DisconnectWithWill
        | ReasonCode::UnspecifiedError
        | ReasonCode::MalformedPacket
        | ReasonCode::ProtocolError
        | ReasonCode::ImplementationSpecificError
        | ReasonCode::NotAuthorized
        | ReasonCode::ServerBusy
        | ReasonCode::ServerShuttingDown
        // In the table of all reason codes [MQTT5-2.4], though not in the packet's own.
        | ReasonCode::BadAuthenticationMethod
        | ReasonCode::KeepAliveTimeout
        | ReasonCode::SessionTakenOver
        | ReasonCode::TopicFilterInvalid
        | ReasonCode::TopicNameInvalid => true,
        ReasonCode::ReceiveMaximumExceeded
        | ReasonCode::TopicAliasInvalid
        | ReasonCode::PacketTooLarge
        | ReasonCode::MessageRateTooHigh
        | ReasonCode::QuotaExceeded
        | ReasonCode::AdministrativeAction
        | ReasonCode::PayloadFormatInvalid
        | ReasonCode::RetainNotSupported
        | ReasonCode::QoSNotSupported
        | ReasonCode::UseAnotherServer
        | ReasonCode::ServerMoved
        | ReasonCode::SharedSubscriptionsNotSupported
        | ReasonCode::ConnectionRateExceeded
        | ReasonCode::MaximumConnectTime
        | ReasonCode::SubscriptionIdentifiersNotSupported
        | ReasonCode::WildcardSubscriptionsNotSupported => true,
        ReasonCode::GrantedQoS1
        | ReasonCode::GrantedQoS2
        | ReasonCode::NoMatchingSubscribers
        | ReasonCode::NoSubscriptionExisted
        | ReasonCode::ContinueAuthentication
        | ReasonCode::ReAuthenticate
        | ReasonCode::UnsupportedProtocolVersion
        | ReasonCode::ClientIdentifierNotValid
        | ReasonCode::BadUserNameOrPassword
        | ReasonCode::ServerUnavailable
        | ReasonCode::Banned
        | ReasonCode::PacketIdentifierInUse
        | ReasonCode::PacketIdentifierNotFound => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V5: ProtocolVersion = ProtocolVersion::V5;

    #[test]
    fn the_shortest_disconnect_is_read_and_written() {
        let check = |reason, session_expiry_interval_s, expected: &[u8]| {
            let mut out = Vec::new();
            Disconnect { reason, session_expiry_interval_s, properties: Properties::EMPTY }.encode(V5, &mut out);
            assert_eq!(out, expected);
            let decoded = Disconnect::decode(V5, &out[2..]).unwrap();
            assert_eq!((decoded.reason, decoded.session_expiry_interval_s), (reason, session_expiry_interval_s));
        };
        check(ReasonCode::NORMAL_DISCONNECTION, None, &[0xE0, 0]);
        check(ReasonCode::DisconnectWithWill, None, &[0xE0, 1, 4]);
        check(ReasonCode::NORMAL_DISCONNECTION, Some(9), &[0xE0, 7, 0, 5, 0x11, 0, 0, 0, 9]);
        let with_empty_properties = Disconnect::decode(V5, &[0x8E, 0]).unwrap();
        assert_eq!(with_empty_properties.reason, ReasonCode::SessionTakenOver);
    }

    #[test]
    fn what_is_wrong_with_a_disconnect_is_said() {
        let rows: [(ProtocolVersion, &[u8], DecodeError); 7] = [
            (ProtocolVersion::V3_1_1, &[0], DecodeError::TrailingBytes),
            (ProtocolVersion::V3_1, &[0], DecodeError::TrailingBytes),
            (V5, &[0x01], DecodeError::ReasonCodeNotAllowed),
            (V5, &[0x03], DecodeError::ReasonCodeUnknown),
            (V5, &[0, 0, 0], DecodeError::TrailingBytes),
            (V5, &[0, 1], DecodeError::Truncated),
            (V5, &[0, 3, 0x21, 0, 1], DecodeError::PropertyNotAllowed),
        ];
        for (version, body, error) in rows {
            assert_eq!(Disconnect::decode(version, body), Err(error), "{body:?}");
        }
    }

    #[test]
    fn mqtt5_3_14_2_1_reasons_are_those_of_the_table() {
        let allowed = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90];
        for value in 0..=255 {
            let is_ok = Disconnect::decode(V5, &[value]).is_ok();
            assert_eq!(is_ok, allowed.contains(&value) || (0x93..=0xA2).contains(&value), "{value:#x}");
        }
    }

    #[test]
    fn auth_has_a_method_unless_it_has_no_body() {
        let method = [0x18, 4, 0x15, 0, 1, b'm'];
        let auth = Auth::decode(&method).unwrap();
        assert_eq!((auth.reason, auth.authentication_method), (ReasonCode::ContinueAuthentication, Some("m")));
        let mut out = Vec::new();
        auth.encode(V5, &mut out);
        assert_eq!(out[2..], method);
        let empty = Auth::decode(&[]).unwrap();
        assert_eq!((empty.reason, empty.authentication_method), (ReasonCode::Success, None));
        out.clear();
        empty.encode(V5, &mut out);
        assert_eq!(out, [0xF0, 0]);
        for (body, error) in [
            (&[0x18][..], DecodeError::Truncated),
            (&[0x18, 0], DecodeError::AuthenticationMethodMissing),
            (&[0x80, 4, 0x15, 0, 1, b'm'], DecodeError::ReasonCodeNotAllowed),
            (&[0x18, 4, 0x15, 0, 1, b'm', 0], DecodeError::TrailingBytes),
            (&[0x18, 8, 0x15, 0, 1, b'm', 0x15, 0, 1, b'm'], DecodeError::DuplicateProperty),
        ] {
            assert_eq!(Auth::decode(body), Err(error), "{body:?}");
        }
    }
}
