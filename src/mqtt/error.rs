//! What can be wrong with bytes that should be a packet.

use thiserror::Error;

use super::reason::ReasonCode;

/// Why bytes are not a valid packet. Holds no text of the client, so that refusing a flood allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{}", self.text())]
pub enum DecodeError {
    /// The packet ends inside a field.
    Truncated,
    /// The packet goes on after its last field.
    TrailingBytes,
    /// The Remaining Length takes more than four bytes, or (5.0) more than it needs.
    RemainingLength,
    /// A Variable Byte Integer takes more than four bytes or more than it needs.
    VariableByteInteger,
    /// Packet type 0, or AUTH in 3.x.
    PacketType,
    /// Reserved flags of the fixed header have another value than the standard gives them.
    ReservedFlags,
    /// The packet is larger than the receiver allows.
    PacketTooLarge,
    /// A string is not UTF-8.
    InvalidUtf8,
    /// A string contains U+0000.
    NullCharacter,
    /// A Packet Identifier is zero.
    PacketIdZero,
    /// PUBLISH with QoS 3.
    QoSInvalid,
    /// PUBLISH with QoS 0 and DUP.
    DupWithoutQoS,
    /// A Topic Name is empty (3.x, will) or contains a wildcard or U+0000.
    TopicNameInvalid,
    /// 5.0: PUBLISH with neither a Topic Name nor a Topic Alias.
    TopicNameMissing,
    /// A Topic Filter is empty or has misplaced wildcards, or is no valid shared subscription.
    TopicFilterInvalid,
    /// A Response Topic is empty or contains a wildcard.
    ResponseTopicInvalid,
    /// A Topic Alias is zero.
    TopicAliasInvalid,
    /// A property identifier the standard does not have.
    PropertyUnknown,
    /// A property in a packet that may not have it.
    PropertyNotAllowed,
    /// A property that may be there once is there twice.
    DuplicateProperty,
    /// A property has a value outside of its range.
    PropertyValue,
    /// A reason or return code the standard does not have.
    ReasonCodeUnknown,
    /// A reason code that this packet cannot carry.
    ReasonCodeNotAllowed,
    /// CONNECT flags that contradict each other or are reserved.
    ConnectFlags,
    /// CONNECT of something that is not MQTT.
    ProtocolName,
    /// CONNECT with a level of MQTT we do not speak.
    UnsupportedProtocolVersion,
    /// Authentication Data, or an AUTH packet, without an Authentication Method.
    AuthenticationMethodMissing,
    /// Reserved flags of CONNACK are set.
    ConnackFlags,
    /// CONNACK that refuses and says that a session is present.
    SessionPresentInRefusal,
    /// SUBSCRIBE or UNSUBSCRIBE without a filter, SUBACK or UNSUBACK without a code.
    PayloadMissing,
    /// Reserved bits of the subscription options are set.
    SubscriptionOptionsReserved,
    /// A subscription with QoS 3.
    SubscriptionQoS,
    /// A subscription with Retain Handling 3.
    RetainHandling,
    /// No Local on a shared subscription.
    NoLocalOnShared,
}

impl DecodeError {
    /// What is wrong, for a reader: log line and Reason String.
    pub const fn text(self) -> &'static str {
        match self {
            DecodeError::Truncated => "the packet ends inside a field",
            DecodeError::TrailingBytes => "the packet goes on after its last field",
            DecodeError::RemainingLength => "the remaining length is not validly encoded",
            DecodeError::VariableByteInteger => "a variable byte integer is not validly encoded",
            DecodeError::PacketType => "the packet type is reserved",
            DecodeError::ReservedFlags => "reserved flags of the fixed header are wrong",
            DecodeError::PacketTooLarge => "the packet is too large",
            DecodeError::InvalidUtf8 => "a string is not valid UTF-8",
            DecodeError::NullCharacter => "a string contains the null character",
            DecodeError::PacketIdZero => "the packet identifier is zero",
            DecodeError::QoSInvalid => "QoS 3 does not exist",
            DecodeError::DupWithoutQoS => "DUP is set on a QoS 0 publication",
            DecodeError::TopicNameInvalid => "the topic name is not valid",
            DecodeError::TopicNameMissing => "the publication has neither topic name nor topic alias",
            DecodeError::TopicFilterInvalid => "the topic filter is not valid",
            DecodeError::ResponseTopicInvalid => "the response topic is not a valid topic name",
            DecodeError::TopicAliasInvalid => "the topic alias is zero",
            DecodeError::PropertyUnknown => "the property is unknown",
            DecodeError::PropertyNotAllowed => "the property is not allowed in this packet",
            DecodeError::DuplicateProperty => "the property is there twice",
            DecodeError::PropertyValue => "the property's value is out of range",
            DecodeError::ReasonCodeUnknown => "the reason code is unknown",
            DecodeError::ReasonCodeNotAllowed => "the reason code is not allowed in this packet",
            DecodeError::ConnectFlags => "the connect flags are not valid",
            DecodeError::ProtocolName => "the protocol name is unknown",
            DecodeError::UnsupportedProtocolVersion => "the protocol version is not supported",
            DecodeError::AuthenticationMethodMissing => "the authentication method is missing",
            DecodeError::ConnackFlags => "reserved connack flags are set",
            DecodeError::SessionPresentInRefusal => "a refusal says that a session is present",
            DecodeError::PayloadMissing => "the payload is missing",
            DecodeError::SubscriptionOptionsReserved => "reserved bits of the subscription options are set",
            DecodeError::SubscriptionQoS => "a subscription asks for QoS 3",
            DecodeError::RetainHandling => "a subscription asks for retain handling 3",
            DecodeError::NoLocalOnShared => "no local is set on a shared subscription",
        }
    }

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
