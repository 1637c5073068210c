//! One of each packet, as clients and the broker send them.

use std::num::{NonZeroU16, NonZeroU32};

use corecast::mqtt::{
    decode, encode_subscribe, encode_unsubscribe, next_frame, Acknowledgement, Auth, Connack, Connect, Disconnect,
    Forwarded, Packet, PacketId, Properties, Property, PropertyBuffer, ProtocolVersion, PublishHead, QoS, ReasonCode,
    RetainHandling, Suback, SubscriptionOptions, TopicName, Unsuback, Will,
};

const TOPIC: &str = "plant/line/7/temperature";
const PAYLOAD: [u8; 32] = [7; 32];
const FILTERS: [&str; 3] = ["plant/line/7/temperature", "plant/+/7/#", "alarms/#"];

/// A packet as bytes.
pub struct Sample {
    /// Packet and version, as results name it.
    pub name: String,
    /// Whose form it has.
    pub version: ProtocolVersion,
    /// Fixed header included.
    pub bytes: Vec<u8>,
}

impl Sample {
    /// Cuts off the fixed header and reads the rest: what the broker does with what has come.
    ///
    /// # Panics
    /// Never: all samples are valid.
    #[inline]
    pub fn decode(&self) -> Packet<'_> {
        let frame = next_frame(&self.bytes, u32::MAX).expect("a valid header").expect("a whole packet");
        let body = &self.bytes[frame.header_bytes..frame.total_bytes];
        decode(self.version, frame.first_byte, body).expect("a valid packet")
    }
}

/// Every packet of 3.1.1 and of 5.0; PUBLISH for each way it is used.
pub fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (version, suffix) in [(ProtocolVersion::V3_1_1, "3.1.1"), (ProtocolVersion::V5, "5.0")] {
        let mut add = |name: &str, bytes: Vec<u8>| {
            samples.push(Sample { name: format!("{name} {suffix}"), version, bytes });
        };
        publishes(version, &mut add);
        acknowledgements(version, &mut add);
        subscriptions(version, &mut add);
        connections(version, &mut add);
    }
    samples
}

fn publishes(version: ProtocolVersion, add: &mut impl FnMut(&str, Vec<u8>)) {
    let mut publish = |name: &str, qos: QoS, forwarded: Forwarded<'_>, expiry: Option<u32>| {
        let head = PublishHead {
            dup: false,
            qos,
            retain: false,
            topic: TOPIC,
            packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::MIN),
            topic_alias: None,
            message_expiry_interval_s: expiry,
            subscription_identifiers: &[],
            forwarded,
            payload_bytes: PAYLOAD.len(),
        };
        let mut bytes = Vec::new();
        head.encode(version, &mut bytes);
        bytes.extend_from_slice(&PAYLOAD);
        add(name, bytes);
    };
    publish("PUBLISH QoS 0", QoS::AtMostOnce, Forwarded::EMPTY, None);
    publish("PUBLISH QoS 1", QoS::AtLeastOnce, Forwarded::EMPTY, None);
    if version == ProtocolVersion::V5 {
        let properties = buffer(&[
            Property::ContentType("application/json"),
            Property::ResponseTopic("answers/7"),
            Property::CorrelationData(&[1, 2, 3, 4]),
            Property::UserProperty("unit", "celsius"),
        ]);
        let forwarded = Forwarded::from_encoded(properties.as_properties().as_bytes());
        publish("PUBLISH QoS 1 with properties", QoS::AtLeastOnce, forwarded, Some(60));
    }
}

fn acknowledgements(version: ProtocolVersion, add: &mut impl FnMut(&str, Vec<u8>)) {
    let acknowledgement =
        Acknowledgement { packet_id: PacketId::MIN, reason: ReasonCode::Success, properties: Properties::EMPTY };
    add("PUBACK", encoded(version, Packet::Puback(acknowledgement)));
    add("PUBREC", encoded(version, Packet::Pubrec(acknowledgement)));
    add("PUBREL", encoded(version, Packet::Pubrel(acknowledgement)));
    add("PUBCOMP", encoded(version, Packet::Pubcomp(acknowledgement)));
}

fn subscriptions(version: ProtocolVersion, add: &mut impl FnMut(&str, Vec<u8>)) {
    let is_5 = version == ProtocolVersion::V5;
    let options = SubscriptionOptions {
        qos: QoS::AtLeastOnce,
        no_local: is_5,
        retain_as_published: is_5,
        retain_handling: if is_5 { RetainHandling::SendIfNew } else { RetainHandling::SendAtSubscribe },
    };
    let filters = FILTERS.map(|filter| (filter, options));
    let mut bytes = Vec::new();
    let identifier = NonZeroU32::new(7).filter(|_| is_5);
    encode_subscribe(version, PacketId::MIN, identifier, Properties::EMPTY, &filters, &mut bytes);
    add("SUBSCRIBE", bytes);
    let suback = Suback { packet_id: PacketId::MIN, codes: &[1, 1, 1], properties: Properties::EMPTY };
    add("SUBACK", encoded(version, Packet::Suback(suback)));
    let mut bytes = Vec::new();
    encode_unsubscribe(version, PacketId::MIN, Properties::EMPTY, &FILTERS, &mut bytes);
    add("UNSUBSCRIBE", bytes);
    let codes: &[u8] = if is_5 { &[0, 0, 0] } else { &[] };
    let unsuback = Unsuback { packet_id: PacketId::MIN, codes, properties: Properties::EMPTY };
    add("UNSUBACK", encoded(version, Packet::Unsuback(unsuback)));
}

fn connections(version: ProtocolVersion, add: &mut impl FnMut(&str, Vec<u8>)) {
    let is_5 = version == ProtocolVersion::V5;
    let will = Will {
        topic: TopicName::parse("plant/line/7/status").expect("a valid name"),
        payload: b"gone",
        qos: QoS::AtLeastOnce,
        retain: true,
        delay_interval_s: if is_5 { 5 } else { 0 },
        message_expiry_interval_s: None,
        forwarded: Forwarded::EMPTY,
    };
    let connect = Connect {
        version,
        clean_start: false,
        keep_alive_s: 60,
        client_id: "sensor-0007",
        will: Some(will),
        username: Some("sensor"),
        password: Some(b"secret"),
        session_expiry_interval_s: if is_5 { 3600 } else { 0 },
        receive_maximum: NonZeroU16::new(100).filter(|_| is_5).unwrap_or(NonZeroU16::MAX),
        maximum_packet_size: None,
        topic_alias_maximum: if is_5 { 10 } else { 0 },
        request_response_information: false,
        request_problem_information: true,
        authentication_method: None,
        authentication_data: None,
        properties: Properties::EMPTY,
    };
    add("CONNECT", encoded(version, Packet::Connect(connect)));
    let told = buffer(&[Property::ReceiveMaximum(1024), Property::TopicAliasMaximum(64)]);
    let properties = if is_5 { told.as_properties() } else { Properties::EMPTY };
    let connack = Connack { session_present: true, reason: ReasonCode::Success, properties };
    add("CONNACK", encoded(version, Packet::Connack(connack)));
    add("PINGREQ", encoded(version, Packet::Pingreq));
    add("PINGRESP", encoded(version, Packet::Pingresp));
    let disconnect =
        Disconnect { reason: ReasonCode::Success, session_expiry_interval_s: None, properties: Properties::EMPTY };
    add("DISCONNECT", encoded(version, Packet::Disconnect(disconnect)));
    if is_5 {
        let method = buffer(&[Property::AuthenticationMethod("SCRAM-SHA-256")]);
        let auth = Auth {
            reason: ReasonCode::ContinueAuthentication,
            authentication_method: Some("SCRAM-SHA-256"),
            properties: method.as_properties(),
        };
        add("AUTH", encoded(version, Packet::Auth(auth)));
    }
}

fn buffer(properties: &[Property<'_>]) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::default();
    properties.iter().for_each(|property| buffer.push(*property));
    buffer
}

fn encoded(version: ProtocolVersion, packet: Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    bytes
}
