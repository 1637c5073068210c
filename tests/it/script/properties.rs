//! The names of properties in scripts.

use corecast::mqtt::{Property, PropertyBuffer};

use super::words::Word;

/// The word for a property.
pub(crate) fn property_word(property: Property<'_>) -> Word {
    let number = |name: &str, value: u32| Word::pair(name, value.to_string());
    match property {
        Property::PayloadFormatIndicator(value) => number("payload_format", value.into()),
        Property::MessageExpiryInterval(value) => number("message_expiry", value),
        Property::ContentType(value) => Word::pair("content_type", value),
        Property::ResponseTopic(value) => Word::pair("response_topic", value),
        Property::CorrelationData(value) => Word::pair("correlation_data", value),
        Property::SubscriptionIdentifier(value) => number("subscription_id", value),
        Property::SessionExpiryInterval(value) => number("session_expiry", value),
        Property::AssignedClientIdentifier(value) => Word::pair("assigned_client_id", value),
        Property::ServerKeepAlive(value) => number("server_keep_alive", value.into()),
        Property::AuthenticationMethod(value) => Word::pair("authentication_method", value),
        Property::AuthenticationData(value) => Word::pair("authentication_data", value),
        Property::RequestProblemInformation(value) => number("request_problem_information", value.into()),
        Property::WillDelayInterval(value) => number("will_delay", value),
        Property::RequestResponseInformation(value) => number("request_response_information", value.into()),
        Property::ResponseInformation(value) => Word::pair("response_information", value),
        Property::ServerReference(value) => Word::pair("server_reference", value),
        Property::ReasonString(value) => Word::pair("reason_string", value),
        Property::ReceiveMaximum(value) => number("receive_maximum", value.into()),
        Property::TopicAliasMaximum(value) => number("topic_alias_maximum", value.into()),
        Property::TopicAlias(value) => number("topic_alias", value.into()),
        Property::MaximumQoS(value) => number("maximum_qos", value.into()),
        Property::RetainAvailable(value) => number("retain_available", value.into()),
        Property::UserProperty(name, value) => Word::pair(&format!("user.{name}"), value),
        Property::MaximumPacketSize(value) => number("maximum_packet_size", value),
        Property::WildcardSubscriptionAvailable(value) => number("wildcard_subscription_available", value.into()),
        Property::SubscriptionIdentifierAvailable(value) => number("subscription_identifier_available", value.into()),
        Property::SharedSubscriptionAvailable(value) => number("shared_subscription_available", value.into()),
    }
}

/// Appends the property a word names; `false` if it names none.
pub(crate) fn push_property(word: &Word, into: &mut PropertyBuffer) -> bool {
    let Some(value) = &word.value else { return false };
    let text = || word.value_str();
    let property = match word.name.as_str() {
        "payload_format" => Property::PayloadFormatIndicator(word.number()),
        "message_expiry" => Property::MessageExpiryInterval(word.number()),
        "content_type" => Property::ContentType(text()),
        "response_topic" => Property::ResponseTopic(text()),
        "correlation_data" => Property::CorrelationData(value),
        "subscription_id" => Property::SubscriptionIdentifier(word.number()),
        "session_expiry" => Property::SessionExpiryInterval(word.number()),
        "authentication_method" => Property::AuthenticationMethod(text()),
        "authentication_data" => Property::AuthenticationData(value),
        "request_problem_information" => Property::RequestProblemInformation(word.number()),
        "will_delay" => Property::WillDelayInterval(word.number()),
        "request_response_information" => Property::RequestResponseInformation(word.number()),
        "server_reference" => Property::ServerReference(text()),
        "reason_string" => Property::ReasonString(text()),
        "receive_maximum" => Property::ReceiveMaximum(word.number()),
        "topic_alias_maximum" => Property::TopicAliasMaximum(word.number()),
        "topic_alias" => Property::TopicAlias(word.number()),
        "maximum_packet_size" => Property::MaximumPacketSize(word.number()),
        name => match name.strip_prefix("user.") {
            Some(name) => Property::UserProperty(name, text()),
            None => return false,
        },
    };
    into.push(property);
    true
}
