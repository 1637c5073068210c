//! The small words of the standard that every other file of this room needs.

use std::num::NonZeroU16;

/// The protocol a Network Connection speaks, chosen by its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// MQTT 3.1: protocol name `MQIsdp`, level 3.
    V3_1,
    /// MQTT 3.1.1: protocol name `MQTT`, level 4.
    V3_1_1,
    /// MQTT 5.0: protocol name `MQTT`, level 5.
    V5,
}

impl ProtocolVersion {
    /// The protocol level in CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            ProtocolVersion::V3_1 => 3,
            ProtocolVersion::V3_1_1 => 4,
            ProtocolVersion::V5 => 5,
        }
    }

    /// Whether packets of this version carry properties and reason codes.
    #[inline]
    pub const fn has_properties(self) -> bool {
        match self {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => false,
            ProtocolVersion::V5 => true,
        }
    }
}

/// How hard a message's delivery is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// Sent once, not acknowledged.
    #[default]
    AtMostOnce = 0,
    /// Sent until acknowledged.
    AtLeastOnce = 1,
    /// Sent until acknowledged, and received once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The QoS of this number; `None` above 2.
    #[inline]
    pub const fn from_u8(value: u8) -> Option<QoS> {
        match value {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }
}

/// A Packet Identifier, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The smallest.
    pub const MIN: PacketId = PacketId(NonZeroU16::MIN);

    /// The identifier of this number; `None` for zero.
    #[inline]
    pub const fn new(value: u16) -> Option<PacketId> {
        match NonZeroU16::new(value) {
            Some(value) => Some(PacketId(value)),
            None => None,
        }
    }

    /// Its number.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

/// The fifteen MQTT Control Packet types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// A client asks for a session.
    Connect = 1,
    /// The server's answer to it.
    Connack = 2,
    /// An Application Message.
    Publish = 3,
    /// QoS 1: received.
    Puback = 4,
    /// QoS 2, first answer: received.
    Pubrec = 5,
    /// QoS 2, second step: release.
    Pubrel = 6,
    /// QoS 2, last answer: complete.
    Pubcomp = 7,
    /// A client asks for subscriptions.
    Subscribe = 8,
    /// The server's answer to it.
    Suback = 9,
    /// A client ends subscriptions.
    Unsubscribe = 10,
    /// The server's answer to it.
    Unsuback = 11,
    /// Are you there?
    Pingreq = 12,
    /// Yes.
    Pingresp = 13,
    /// The last packet of a connection.
    Disconnect = 14,
    /// 5.0: extended authentication.
    Auth = 15,
}

impl PacketType {
    /// The type in the upper half of a packet's first byte; `None` for the forbidden type 0.
    #[inline]
    pub const fn from_first_byte(first_byte: u8) -> Option<PacketType> {
        match first_byte >> 4 {
            1 => Some(PacketType::Connect),
            2 => Some(PacketType::Connack),
            3 => Some(PacketType::Publish),
            4 => Some(PacketType::Puback),
            5 => Some(PacketType::Pubrec),
            6 => Some(PacketType::Pubrel),
            7 => Some(PacketType::Pubcomp),
            8 => Some(PacketType::Subscribe),
            9 => Some(PacketType::Suback),
            10 => Some(PacketType::Unsubscribe),
            11 => Some(PacketType::Unsuback),
            12 => Some(PacketType::Pingreq),
            13 => Some(PacketType::Pingresp),
            14 => Some(PacketType::Disconnect),
            15 => Some(PacketType::Auth),
            _ => None,
        }
    }

    /// The first byte of such a packet; for PUBLISH the one of QoS 0 without flags.
    pub const fn first_byte(self) -> u8 {
        match self {
            // The reserved flags of these three are 0010. [MQTT5-2.1.3-1] [MQTT311-2.2.2-1]
            PacketType::Pubrel | PacketType::Subscribe | PacketType::Unsubscribe => (self as u8) << 4 | 0b0010,
            PacketType::Connect
            | PacketType::Connack
            | PacketType::Publish
            | PacketType::Puback
            | PacketType::Pubrec
            | PacketType::Pubcomp
            | PacketType::Suback
            | PacketType::Unsuback
            | PacketType::Pingreq
            | PacketType::Pingresp
            | PacketType::Disconnect
            | PacketType::Auth => (self as u8) << 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_standards_and_order_versions() {
        assert_eq!(ProtocolVersion::V3_1.level(), 3);
        assert_eq!(ProtocolVersion::V3_1_1.level(), 4);
        assert_eq!(ProtocolVersion::V5.level(), 5);
        assert!(ProtocolVersion::V3_1 < ProtocolVersion::V3_1_1 && ProtocolVersion::V3_1_1 < ProtocolVersion::V5);
    }

    #[test]
    fn there_is_no_qos_above_two() {
        for value in 0..=255 {
            assert_eq!(QoS::from_u8(value).map(|qos| qos as u8), (value <= 2).then_some(value));
        }
    }

    #[test]
    fn mqtt5_2_2_1_3_a_packet_identifier_is_not_zero() {
        assert_eq!(PacketId::new(0), None);
        assert_eq!(PacketId::new(65_535).map(PacketId::get), Some(65_535));
    }

    #[test]
    fn every_type_but_zero_is_read_from_its_first_byte() {
        assert_eq!(PacketType::from_first_byte(0x0F), None);
        for number in 1..=15_u8 {
            let packet_type = PacketType::from_first_byte(number << 4 | 0x0F).unwrap();
            assert_eq!(packet_type as u8, number);
            assert_eq!(packet_type.first_byte() >> 4, number);
            assert_eq!(packet_type.first_byte() & 0x0F, if matches!(number, 6 | 8 | 10) { 2 } else { 0 });
        }
    }
}
