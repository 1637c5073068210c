//! Any MQTT Control Packet: one decoder and one encoder for both directions.

use super::acknowledgement::Acknowledgement;
use super::connack::Connack;
use super::connect::{decode_connect, Connect};
use super::disconnect::{Auth, Disconnect};
use super::error::DecodeError;
use super::frame::check_first_byte;
use super::publish::{decode_publish, Publish};
use super::suback::{Suback, Unsuback};
use super::subscribe::Subscribe;
use super::types::{PacketType, ProtocolVersion};
use super::unsubscribe::Unsubscribe;

/// An MQTT Control Packet that borrows from the buffer it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A client asks for a session.
    Connect(Connect<'a>),
    /// The server's answer to it.
    Connack(Connack<'a>),
    /// An Application Message.
    Publish(Publish<'a>),
    /// QoS 1: received.
    Puback(Acknowledgement<'a>),
    /// QoS 2, first answer: received.
    Pubrec(Acknowledgement<'a>),
    /// QoS 2, second step: release.
    Pubrel(Acknowledgement<'a>),
    /// QoS 2, last answer: complete.
    Pubcomp(Acknowledgement<'a>),
    /// A client asks for subscriptions.
    Subscribe(Subscribe<'a>),
    /// The server's answer to it.
    Suback(Suback<'a>),
    /// A client ends subscriptions.
    Unsubscribe(Unsubscribe<'a>),
    /// The server's answer to it.
    Unsuback(Unsuback<'a>),
    /// Are you there?
    Pingreq,
    /// Yes.
    Pingresp,
    /// The last packet of a connection.
    Disconnect(Disconnect<'a>),
    /// 5.0: extended authentication.
    Auth(Auth<'a>),
}

/// Reads a packet of either direction whose fixed header has been taken off. A CONNECT is read in the version it names,
/// whatever `version` says.
///
/// # Errors
/// What makes it invalid. Whether it may be sent in this direction and now is not asked here.
pub fn decode<'a>(version: ProtocolVersion, first_byte: u8, body: &'a [u8]) -> Result<Packet<'a>, DecodeError> {
    let packet_type = check_first_byte(version, first_byte)?;
    let acknowledgement = || Acknowledgement::decode(version, packet_type, body);
    match packet_type {
        PacketType::Connect => decode_connect(body).map(Packet::Connect),
        PacketType::Connack => Connack::decode(version, body).map(Packet::Connack),
        PacketType::Publish => decode_publish(version, first_byte, body).map(Packet::Publish),
        PacketType::Puback => acknowledgement().map(Packet::Puback),
        PacketType::Pubrec => acknowledgement().map(Packet::Pubrec),
        PacketType::Pubrel => acknowledgement().map(Packet::Pubrel),
        PacketType::Pubcomp => acknowledgement().map(Packet::Pubcomp),
        PacketType::Subscribe => Subscribe::decode(version, body).map(Packet::Subscribe),
        PacketType::Suback => Suback::decode(version, body).map(Packet::Suback),
        PacketType::Unsubscribe => Unsubscribe::decode(version, body).map(Packet::Unsubscribe),
        PacketType::Unsuback => Unsuback::decode(version, body).map(Packet::Unsuback),
        PacketType::Pingreq => empty(body).map(|()| Packet::Pingreq),
        PacketType::Pingresp => empty(body).map(|()| Packet::Pingresp),
        PacketType::Disconnect => Disconnect::decode(version, body).map(Packet::Disconnect),
        PacketType::Auth => match version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => Err(DecodeError::PacketType), // [MQTT311-2.2.1]
            ProtocolVersion::V5 => Auth::decode(body).map(Packet::Auth),
        },
    }
}

/// The same, but does not look at the filters of a SUBSCRIBE or UNSUBSCRIBE, of which there may be a hundred thousand: the
/// caller does so, a few at a time, before it believes in any of them.
///
/// # Errors
/// The same.
pub fn decode_head<'a>(version: ProtocolVersion, first_byte: u8, body: &'a [u8]) -> Result<Packet<'a>, DecodeError> {
    match check_first_byte(version, first_byte)? {
        PacketType::Subscribe => Subscribe::decode_head(version, body).map(Packet::Subscribe),
        PacketType::Unsubscribe => Unsubscribe::decode_head(version, body).map(Packet::Unsubscribe),
        _ => decode(version, first_byte, body),
    }
}

impl Packet<'_> {
    /// Which of the fifteen it is.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::Connack(_) => PacketType::Connack,
            Packet::Publish(_) => PacketType::Publish,
            Packet::Puback(_) => PacketType::Puback,
            Packet::Pubrec(_) => PacketType::Pubrec,
            Packet::Pubrel(_) => PacketType::Pubrel,
            Packet::Pubcomp(_) => PacketType::Pubcomp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::Suback(_) => PacketType::Suback,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::Unsuback(_) => PacketType::Unsuback,
            Packet::Pingreq => PacketType::Pingreq,
            Packet::Pingresp => PacketType::Pingresp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }

    /// Appends the whole packet, fixed header included, in its shortest form. What `version` cannot say is left out; a
    /// CONNECT is written in its own version. For AUTH the version must be 5.0.
    ///
    /// # Panics
    /// If a string or binary data has more than 65,535 bytes or the packet more than 268,435,460.
    pub fn encode(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        match self {
            Packet::Connect(connect) => connect.encode(out),
            Packet::Connack(connack) => connack.encode(version, out),
            Packet::Publish(publish) => publish.encode(version, out),
            Packet::Puback(acknowledgement)
            | Packet::Pubrec(acknowledgement)
            | Packet::Pubrel(acknowledgement)
            | Packet::Pubcomp(acknowledgement) => acknowledgement.encode(version, self.packet_type(), out),
            Packet::Subscribe(subscribe) => subscribe.encode(version, out),
            Packet::Suback(suback) => suback.encode(version, out),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.encode(version, out),
            Packet::Unsuback(unsuback) => unsuback.encode(version, out),
            Packet::Pingreq | Packet::Pingresp => out.extend_from_slice(&[self.packet_type().first_byte(), 0]),
            Packet::Disconnect(disconnect) => disconnect.encode(version, out),
            Packet::Auth(auth) => auth.encode(version, out),
        }
    }
}

fn empty(body: &[u8]) -> Result<(), DecodeError> {
    if body.is_empty() {
        Ok(())
    } else {
        Err(DecodeError::TrailingBytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_have_no_body() {
        for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
            assert_eq!(decode(version, 0xC0, &[]), Ok(Packet::Pingreq));
            assert_eq!(decode(version, 0xD0, &[]), Ok(Packet::Pingresp));
            assert_eq!(decode(version, 0xC0, &[0]), Err(DecodeError::TrailingBytes));
            let mut out = Vec::new();
            Packet::Pingreq.encode(version, &mut out);
            Packet::Pingresp.encode(version, &mut out);
            assert_eq!(out, [0xC0, 0, 0xD0, 0]);
        }
    }

    #[test]
    fn mqtt311_2_2_1_auth_is_reserved_in_3_x() {
        assert_eq!(decode(ProtocolVersion::V3_1, 0xF0, &[]), Err(DecodeError::PacketType));
        assert_eq!(decode(ProtocolVersion::V3_1_1, 0xF0, &[]), Err(DecodeError::PacketType));
        assert!(decode(ProtocolVersion::V5, 0xF0, &[]).is_ok());
    }

    #[test]
    fn a_packet_knows_its_type_and_dup_is_for_3_1_only() {
        let body = [0, 1];
        for first_byte in [0x40, 0x50, 0x62, 0x70] {
            let packet = decode(ProtocolVersion::V5, first_byte, &body).unwrap();
            assert_eq!(Some(packet.packet_type()), PacketType::from_first_byte(first_byte));
        }
        assert!(decode(ProtocolVersion::V3_1, 0x6A, &body).is_ok());
        assert_eq!(decode(ProtocolVersion::V3_1_1, 0x6A, &body), Err(DecodeError::ReservedFlags));
        assert_eq!(decode(ProtocolVersion::V5, 0x6A, &body), Err(DecodeError::ReservedFlags));
        assert_eq!(decode(ProtocolVersion::V5, 0x00, &body), Err(DecodeError::PacketType));
    }
}
