//! What can be wrong with bytes that should be a packet.

use thiserror::Error;

use super::reason::ReasonCode;

/// Why bytes are not a valid packet. Holds no text of the client, so that refusing a flood allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DecodeError {
    /// The packet ends inside a field.
    #[error("the packet ends inside a field")]
    Truncated,
    /// The packet goes on after its last field.
    #[error("the packet goes on after its last field")]
    TrailingBytes,
    /// The Remaining Length takes more than four bytes, or (5.0) more than it needs.
    #[error("the remaining length is not validly encoded")]
    RemainingLength,
    /// A Variable Byte Integer takes more than four bytes or more than it needs.
    #[error("a variable byte integer is not validly encoded")]
    VariableByteInteger,
    /// Packet type 0, or AUTH in 3.x.
    #[error("the packet type is reserved")]
    PacketType,
    /// Reserved flags of the fixed header have another value than the standard gives them.
    #[error("reserved flags of the fixed header are wrong")]
    ReservedFlags,
    /// The packet is larger than the receiver allows.
    #[error("the packet is too large")]
    PacketTooLarge,
    /// A string is not UTF-8.
    #[error("a string is not valid UTF-8")]
    InvalidUtf8,
    /// A string contains U+0000.
    #[error("a string contains the null character")]
    NullCharacter,
    /// A Packet Identifier is zero.
    #[error("the packet identifier is zero")]
    PacketIdZero,
    /// PUBLISH with QoS 3.
    #[error("QoS 3 does not exist")]
    QoSInvalid,
    /// PUBLISH with QoS 0 and DUP.
    #[error("DUP is set on a QoS 0 publication")]
    DupWithoutQoS,
    /// A Topic Name is empty (3.x, will) or contains a wildcard or U+0000.
    #[error("the topic name is not valid")]
    TopicNameInvalid,
    /// 5.0: PUBLISH with neither a Topic Name nor a Topic Alias.
    #[error("the publication has neither topic name nor topic alias")]
    TopicNameMissing,
    /// A Topic Filter is empty or has misplaced wildcards, or is no valid shared subscription.
    #[error("the topic filter is not valid")]
    TopicFilterInvalid,
    /// A Response Topic is empty or contains a wildcard.
    #[error("the response topic is not a valid topic name")]
    ResponseTopicInvalid,
    /// A Topic Alias is zero.
    #[error("the topic alias is zero")]
    TopicAliasInvalid,
    /// A property identifier the standard does not have.
    #[error("the property is unknown")]
    PropertyUnknown,
    /// A property in a packet that may not have it.
    #[error("the property is not allowed in this packet")]
    PropertyNotAllowed,
    /// A property that may be there once is there twice.
    #[error("the property is there twice")]
    DuplicateProperty,
    /// A property has a value outside of its range.
    #[error("the property's value is out of range")]
    PropertyValue,
    /// A reason or return code the standard does not have.
    #[error("the reason code is unknown")]
    ReasonCodeUnknown,
    /// A reason code that this packet cannot carry.
    #[error("the reason code is not allowed in this packet")]
    ReasonCodeNotAllowed,
    /// CONNECT flags that contradict each other or are reserved.
    #[error("the connect flags are not valid")]
    ConnectFlags,
    /// CONNECT of something that is not MQTT.
    #[error("the protocol name is unknown")]
    ProtocolName,
    /// CONNECT with a level of MQTT we do not speak.
    #[error("the protocol version is not supported")]
    UnsupportedProtocolVersion,
    /// Authentication Data, or an AUTH packet, without an Authentication Method.
    #[error("the authentication method is missing")]
    AuthenticationMethodMissing,
    /// Reserved flags of CONNACK are set.
    #[error("reserved connack flags are set")]
    ConnackFlags,
    /// CONNACK that refuses and says that a session is present.
    #[error("a refusal says that a session is present")]
    SessionPresentInRefusal,
    /// SUBSCRIBE or UNSUBSCRIBE without a filter, SUBACK or UNSUBACK without a code.
    #[error("the payload is missing")]
    PayloadMissing,
    /// Reserved bits of the subscription options are set.
    #[error("reserved bits of the subscription options are set")]
    SubscriptionOptionsReserved,
    /// A subscription with QoS 3.
    #[error("a subscription asks for QoS 3")]
    SubscriptionQoS,
    /// A subscription with Retain Handling 3.
    #[error("a subscription asks for retain handling 3")]
    RetainHandling,
    /// No Local on a shared subscription.
    #[error("no local is set on a shared subscription")]
    NoLocalOnShared,
}

impl DecodeError {
    /// What to tell a 5.0 peer in DISCONNECT or CONNACK.
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            DecodeError::Truncated
            | DecodeError::TrailingBytes
            | DecodeError::RemainingLength
            | DecodeError::VariableByteInteger
            | DecodeError::PacketType
            | DecodeError::ReservedFlags
            | DecodeError::InvalidUtf8
            | DecodeError::NullCharacter
            | DecodeError::PacketIdZero
            | DecodeError::QoSInvalid
            | DecodeError::PropertyUnknown
            | DecodeError::PropertyNotAllowed
            | DecodeError::ReasonCodeUnknown
            | DecodeError::ConnectFlags
            | DecodeError::ConnackFlags
            | DecodeError::SubscriptionOptionsReserved => ReasonCode::MalformedPacket,
            DecodeError::DupWithoutQoS
            | DecodeError::TopicNameMissing
            | DecodeError::ResponseTopicInvalid
            | DecodeError::DuplicateProperty
            | DecodeError::PropertyValue
            | DecodeError::ReasonCodeNotAllowed
            | DecodeError::AuthenticationMethodMissing
            | DecodeError::SessionPresentInRefusal
            | DecodeError::PayloadMissing
            | DecodeError::SubscriptionQoS
            | DecodeError::RetainHandling
            | DecodeError::NoLocalOnShared => ReasonCode::ProtocolError,
            DecodeError::TopicNameInvalid => ReasonCode::TopicNameInvalid,
            DecodeError::TopicFilterInvalid => ReasonCode::TopicFilterInvalid,
            DecodeError::TopicAliasInvalid => ReasonCode::TopicAliasInvalid,
            DecodeError::PacketTooLarge => ReasonCode::PacketTooLarge,
            DecodeError::ProtocolName | DecodeError::UnsupportedProtocolVersion => {
                ReasonCode::UnsupportedProtocolVersion
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_byte_and_carries_its_reason() {
        assert_eq!(size_of::<DecodeError>(), 1);
        assert_eq!(DecodeError::Truncated.reason_code(), ReasonCode::MalformedPacket);
        assert_eq!(DecodeError::DuplicateProperty.reason_code(), ReasonCode::ProtocolError);
        assert_eq!(DecodeError::ProtocolName.reason_code(), ReasonCode::UnsupportedProtocolVersion);
        assert_eq!(DecodeError::PacketTooLarge.to_string(), "the packet is too large");
    }
}
