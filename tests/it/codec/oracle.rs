//! A second opinion: `mqtt-protocol-core` reads the same bytes.

use std::sync::Arc;

use corecast::mqtt::{DecodeError, PacketType, ProtocolVersion};
use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0, GenericPacketTrait};

/// What the other implementation writes for what it read; `None` if it refuses, or leaves bytes over.
pub(super) fn read_by_oracle(version: ProtocolVersion, first_byte: u8, body: &[u8]) -> Option<Vec<u8>> {
    let packet_type = PacketType::from_first_byte(first_byte)?;
    macro_rules! read {
        ($packet:ty) => {
            written(<$packet>::parse(body), body)
        };
    }
    macro_rules! publish {
        ($packet:ty) => {
            written(<$packet>::parse(first_byte & 0x0F, Arc::from(body)), body)
        };
    }
    match (version, packet_type) {
        (ProtocolVersion::V3_1, _) => None,
        (ProtocolVersion::V3_1_1, PacketType::Connect) => read!(v3_1_1::Connect),
        (ProtocolVersion::V3_1_1, PacketType::Connack) => read!(v3_1_1::Connack),
        (ProtocolVersion::V3_1_1, PacketType::Publish) => publish!(v3_1_1::Publish),
        (ProtocolVersion::V3_1_1, PacketType::Puback) => read!(v3_1_1::Puback),
        (ProtocolVersion::V3_1_1, PacketType::Pubrec) => read!(v3_1_1::Pubrec),
        (ProtocolVersion::V3_1_1, PacketType::Pubrel) => read!(v3_1_1::Pubrel),
        (ProtocolVersion::V3_1_1, PacketType::Pubcomp) => read!(v3_1_1::Pubcomp),
        (ProtocolVersion::V3_1_1, PacketType::Subscribe) => read!(v3_1_1::Subscribe),
        (ProtocolVersion::V3_1_1, PacketType::Suback) => read!(v3_1_1::Suback),
        (ProtocolVersion::V3_1_1, PacketType::Unsubscribe) => read!(v3_1_1::Unsubscribe),
        (ProtocolVersion::V3_1_1, PacketType::Unsuback) => read!(v3_1_1::Unsuback),
        (ProtocolVersion::V3_1_1, PacketType::Pingreq) => read!(v3_1_1::Pingreq),
        (ProtocolVersion::V3_1_1, PacketType::Pingresp) => read!(v3_1_1::Pingresp),
        (ProtocolVersion::V3_1_1, PacketType::Disconnect) => read!(v3_1_1::Disconnect),
        (ProtocolVersion::V3_1_1, PacketType::Auth) => None,
        (ProtocolVersion::V5, PacketType::Connect) => read!(v5_0::Connect),
        (ProtocolVersion::V5, PacketType::Connack) => read!(v5_0::Connack),
        (ProtocolVersion::V5, PacketType::Publish) => publish!(v5_0::Publish),
        (ProtocolVersion::V5, PacketType::Puback) => read!(v5_0::Puback),
        (ProtocolVersion::V5, PacketType::Pubrec) => read!(v5_0::Pubrec),
        (ProtocolVersion::V5, PacketType::Pubrel) => read!(v5_0::Pubrel),
        (ProtocolVersion::V5, PacketType::Pubcomp) => read!(v5_0::Pubcomp),
        (ProtocolVersion::V5, PacketType::Subscribe) => read!(v5_0::Subscribe),
        (ProtocolVersion::V5, PacketType::Suback) => read!(v5_0::Suback),
        (ProtocolVersion::V5, PacketType::Unsubscribe) => read!(v5_0::Unsubscribe),
        (ProtocolVersion::V5, PacketType::Unsuback) => read!(v5_0::Unsuback),
        (ProtocolVersion::V5, PacketType::Pingreq) => read!(v5_0::Pingreq),
        (ProtocolVersion::V5, PacketType::Pingresp) => read!(v5_0::Pingresp),
        (ProtocolVersion::V5, PacketType::Disconnect) => read!(v5_0::Disconnect),
        (ProtocolVersion::V5, PacketType::Auth) => read!(v5_0::Auth),
    }
}

fn written<P: GenericPacketTrait, E>(parsed: Result<(P, usize), E>, body: &[u8]) -> Option<Vec<u8>> {
    let (packet, used) = parsed.ok()?;
    (used == body.len()).then(|| packet.to_continuous_buffer())
}

/// Whether it is known to accept what we refuse with `error`, and why we are right.
pub(super) fn is_known_to_be_laxer(version: ProtocolVersion, first_byte: u8, error: DecodeError) -> bool {
    use PacketType::{
        Auth, Connack, Connect, Puback, Pubcomp, Publish, Pubrec, Pubrel, Suback, Subscribe, Unsuback, Unsubscribe,
    };
    let is_5 = version == ProtocolVersion::V5;
    let Some(packet_type) = PacketType::from_first_byte(first_byte) else { return false };
    match error {
        // U+0000 in a string. [MQTT5-1.5.4-2] [MQTT311-1.5.3-2]
        DecodeError::NullCharacter => true,
        // An empty name, wildcards or U+0000. [MQTT5-3.3.2-2] [MQTT5-4.7.3-1] [MQTT311-3.3.2-2] [MQTT311-4.7.3-1]
        DecodeError::TopicNameInvalid => matches!(packet_type, Connect | Publish),
        // Neither topic nor alias. [MQTT5-3.3.2.1]
        DecodeError::TopicNameMissing => is_5 && packet_type == Publish,
        // Wildcards. [MQTT5-3.3.2-14]
        DecodeError::ResponseTopicInvalid => is_5 && matches!(packet_type, Connect | Publish),
        // An empty filter or misplaced wildcards. [MQTT5-4.7.1-1] [MQTT5-4.7.3-1] [MQTT311-4.7.1-2] [MQTT311-4.7.3-1]
        DecodeError::TopicFilterInvalid => matches!(packet_type, Subscribe | Unsubscribe),
        // Bits 2 to 7, which have a meaning in 5.0 only. [MQTT311-3.8.3-4]
        DecodeError::SubscriptionOptionsReserved => !is_5 && packet_type == Subscribe,
        // Reserved bit; will QoS or retain without a will. [MQTT5-3.1.2-3] [MQTT5-3.1.2-11] [MQTT311-3.1.2-3]
        DecodeError::ConnectFlags => packet_type == Connect,
        // Reserved bits. [MQTT5-3.2.2-1] [MQTT311-3.2.2.1]
        DecodeError::ConnackFlags => packet_type == Connack,
        // [MQTT5-3.2.2-6] [MQTT311-3.2.2-4]
        DecodeError::SessionPresentInRefusal => packet_type == Connack,
        // [MQTT5-2.2.1-3] [MQTT311-2.3.1-1]
        DecodeError::PacketIdZero => {
            matches!(packet_type, Publish | Subscribe | Suback | Unsubscribe | Unsuback)
        }
        // Longer than they need to be. [MQTT5-1.5.5-1]
        DecodeError::VariableByteInteger => is_5,
        // A third byte, which only 5.0 has. [MQTT311-3.4.1]
        DecodeError::TrailingBytes => !is_5 && matches!(packet_type, Puback | Pubrec | Pubrel | Pubcomp),
        // AUTH: only reason and property length together may be left out. PUBLISH: the property length may not.
        // [MQTT5-3.15.2.1] [MQTT5-3.3.2.3.1]
        DecodeError::Truncated => is_5 && matches!(packet_type, Auth | Publish),
        // AUTH without a method, CONNECT with data only. [MQTT5-3.15.2.2.2] [MQTT5-3.1.2.11.10]
        DecodeError::AuthenticationMethodMissing => is_5 && matches!(packet_type, Auth | Connect),
        // [MQTT5-3.8.3-4]
        DecodeError::NoLocalOnShared => is_5 && packet_type == Subscribe,
        _ => false,
    }
}

/// Whether it is known to refuse this, which we accept.
pub(super) fn is_known_to_be_stricter(version: ProtocolVersion, first_byte: u8, body: &[u8]) -> bool {
    const CONNECT_FLAGS_AT: usize = 7;
    if version != ProtocolVersion::V5 {
        return false;
    }
    match PacketType::from_first_byte(first_byte) {
        // A password without a user name, which 5.0 allows. [MQTT5-3.1.2.9]
        Some(PacketType::Connect) => body.get(CONNECT_FLAGS_AT).is_some_and(|flags| flags >> 6 == 0b01),
        // "Bad authentication method", which the table of all reason codes lists for DISCONNECT. [MQTT5-2.4]
        Some(PacketType::Disconnect) => body.first() == Some(&0x8C),
        _ => false,
    }
}
