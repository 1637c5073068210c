//! Makes valid packets out of a tape of bytes: every byte is a choice, so that a failing packet shrinks with its tape.

use std::num::{NonZeroU16, NonZeroU32};

use corecast::mqtt::{
    decode, encode_subscribe, encode_unsubscribe, Acknowledgement, Auth, Connack, Connect, Disconnect, Forwarded,
    Packet, PacketId, PacketType, Properties, Property, PropertyBuffer, ProtocolVersion, Publish, QoS, ReasonCode,
    RetainHandling, Suback, SubscriptionOptions, TopicName, Unsuback, Will,
};

pub(super) const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];

const TOPICS: [&str; 6] = ["a", "sensors/room-1/temperature", "/", "$SYS/uptime", "é/日本/🙂", " a(b)*!&"];
const FILTERS: [&str; 6] = ["a", "#", "+/+/#", "$SYS/#", "$share/group/a/+", "é//+"];
const TEXTS: [&str; 4] = ["", "x", "text/plain", "ÿ𝄞"];
const BLOBS: [&[u8]; 4] = [b"", b"\0", b"payload of sixteen", &[0xFF; 300]];

const USER: Property<'static> = Property::UserProperty("name", "value");
const REASON: Property<'static> = Property::ReasonString("why");
const CONNACK: [Property<'static>; 19] = [
    Property::SessionExpiryInterval(9),
    Property::AssignedClientIdentifier("assigned"),
    Property::ServerKeepAlive(60),
    Property::AuthenticationMethod("method"),
    Property::AuthenticationData(&[0, 1]),
    Property::ResponseInformation("response"),
    Property::ServerReference("elsewhere"),
    REASON,
    Property::ReceiveMaximum(1),
    Property::TopicAliasMaximum(0),
    Property::MaximumQoS(1),
    Property::RetainAvailable(0),
    Property::MaximumPacketSize(1),
    Property::WildcardSubscriptionAvailable(1),
    Property::SubscriptionIdentifierAvailable(0),
    Property::SharedSubscriptionAvailable(1),
    USER,
    USER,
    Property::UserProperty("", ""),
];
const FORWARDED: [Property<'static>; 7] = [
    Property::PayloadFormatIndicator(0),
    Property::ContentType("text/plain"),
    USER,
    Property::ResponseTopic("answer/here"),
    Property::CorrelationData(&[0, 255]),
    USER,
    Property::UserProperty("", "é"),
];
const ANSWER: [Property<'static>; 3] = [REASON, USER, Property::UserProperty("é", "")];

/// Choices, zero once they are used up.
pub(super) struct Tape<'a> {
    bytes: &'a [u8],
}

impl<'a> Tape<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Tape<'a> {
        Tape { bytes }
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        byte
    }

    pub(super) fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    fn some_of(&mut self, choices: &[Property<'static>]) -> PropertyBuffer {
        let mut buffer = PropertyBuffer::default();
        for property in choices {
            if self.flag() {
                buffer.push(*property);
            }
        }
        buffer
    }

    fn maybe<T>(&mut self, value: T) -> Option<T> {
        self.flag().then_some(value)
    }

    fn packet_id(&mut self) -> PacketId {
        PacketId::new(self.number()).unwrap_or(PacketId::new(1).expect("not zero"))
    }

    fn qos(&mut self) -> QoS {
        self.of(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
    }
}

/// A whole valid packet of this version and type, having checked that it decodes to what it was made of. `None` if the
/// version has no such packet.
pub(super) fn packet(version: ProtocolVersion, packet_type: PacketType, tape: &mut Tape<'_>) -> Option<Vec<u8>> {
    let is_5 = version == ProtocolVersion::V5;
    let mut out = Vec::new();
    match packet_type {
        PacketType::Connect => connect(version, tape, &mut out),
        PacketType::Connack => {
            let properties = tape.some_of(&CONNACK);
            let reason = tape.of(&[ReasonCode::Success, ReasonCode::NotAuthorized, ReasonCode::ServerUnavailable]);
            let session_present = reason == ReasonCode::Success && version != ProtocolVersion::V3_1 && tape.flag();
            let connack = Connack { session_present, reason, properties: only(is_5, &properties) };
            check(version, Packet::Connack(connack), &mut out);
        }
        PacketType::Publish => publish(version, tape, &mut out),
        PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
            acknowledgement(version, packet_type, tape, &mut out);
        }
        PacketType::Subscribe => subscribe(version, tape, &mut out),
        PacketType::Unsubscribe => unsubscribe(version, tape, &mut out),
        PacketType::Suback => {
            let codes: &[&[u8]] = if is_5 { &[&[0, 1, 2], &[0x87, 0xA2]] } else { &[&[0, 1, 2], &[0x80]] };
            let properties = tape.some_of(&ANSWER);
            let (packet_id, codes) = (tape.packet_id(), tape.of(codes));
            check(version, Packet::Suback(Suback { packet_id, codes, properties: only(is_5, &properties) }), &mut out);
        }
        PacketType::Unsuback => {
            let properties = tape.some_of(&ANSWER);
            let codes = if is_5 { tape.of(&[&[0][..], &[0x11, 0, 0x8F]]) } else { &[] };
            let unsuback = Unsuback { packet_id: tape.packet_id(), codes, properties: only(is_5, &properties) };
            check(version, Packet::Unsuback(unsuback), &mut out);
        }
        PacketType::Pingreq => check(version, Packet::Pingreq, &mut out),
        PacketType::Pingresp => check(version, Packet::Pingresp, &mut out),
        PacketType::Disconnect => disconnect(version, tape, &mut out),
        PacketType::Auth if is_5 => auth(tape, &mut out),
        PacketType::Auth => return None,
    }
    Some(out)
}

/// Writes `packet` and demands that the same is read.
fn check(version: ProtocolVersion, packet: Packet<'_>, out: &mut Vec<u8>) {
    packet.encode(version, out);
    assert_eq!(decode(version, out[0], body_of(out)), Ok(packet), "{out:02x?}");
}

/// What follows the fixed header of a packet that is at most 16 KiB long.
pub(super) fn body_of(packet: &[u8]) -> &[u8] {
    if packet[1] < 0x80 {
        &packet[2..]
    } else {
        &packet[3..]
    }
}

fn only(is_5: bool, properties: &PropertyBuffer) -> Properties<'_> {
    if is_5 {
        properties.as_properties()
    } else {
        Properties::EMPTY
    }
}

fn connect(version: ProtocolVersion, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let is_5 = version == ProtocolVersion::V5;
    let user = tape.some_of(&[USER, USER]);
    let forwarded = tape.some_of(&FORWARDED);
    let mut connect = Connect::new(version, tape.of(&TEXTS));
    connect.clean_start = tape.flag();
    connect.keep_alive_s = tape.number();
    if tape.flag() {
        connect.will = Some(Will {
            topic: TopicName::parse(tape.of(&TOPICS)).expect("valid"),
            payload: tape.of(&BLOBS),
            qos: tape.qos(),
            retain: tape.flag(),
            delay_interval_s: if is_5 { tape.number().into() } else { 0 },
            message_expiry_interval_s: if is_5 { tape.maybe(0) } else { None },
            forwarded: if is_5 {
                Forwarded::from_encoded(forwarded.as_properties().as_bytes())
            } else {
                Forwarded::EMPTY
            },
        });
    }
    connect.username = tape.flag().then(|| tape.of(&TEXTS));
    connect.password = (tape.flag() && (is_5 || connect.username.is_some())).then(|| tape.of(&BLOBS));
    if is_5 {
        connect.session_expiry_interval_s = tape.number().into();
        connect.receive_maximum = NonZeroU16::new(tape.number()).unwrap_or(NonZeroU16::MAX);
        connect.maximum_packet_size = NonZeroU32::new(tape.number().into());
        connect.topic_alias_maximum = tape.number();
        connect.request_response_information = tape.flag();
        connect.request_problem_information = tape.flag();
        connect.authentication_method = tape.flag().then(|| tape.of(&TEXTS));
        connect.authentication_data = (connect.authentication_method.is_some() && tape.flag()).then(|| tape.of(&BLOBS));
        connect.properties = user.as_properties();
    }
    Packet::Connect(connect).encode(version, out);
    let Ok(Packet::Connect(read)) = decode(version, 0x10, body_of(out)) else { panic!("not a CONNECT: {out:02x?}") };
    // Read, the block holds what the fields were written as, too.
    assert_eq!(read, Connect { properties: read.properties, ..connect });
    let read_user = read.properties.iter().filter(|property| matches!(property, Property::UserProperty(..)));
    assert!(read_user.eq(connect.properties.iter()));
}

fn publish(version: ProtocolVersion, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let is_5 = version == ProtocolVersion::V5;
    let qos = tape.qos();
    let topic_alias = if is_5 { NonZeroU16::new(tape.number()) } else { None };
    let message_expiry_interval_s = if is_5 { tape.maybe(77) } else { None };
    let has_subscription_identifier = is_5 && tape.flag();
    let forwarded = tape.some_of(&FORWARDED);
    let mut properties = PropertyBuffer::default();
    topic_alias.iter().for_each(|alias| properties.push(Property::TopicAlias(alias.get())));
    message_expiry_interval_s.iter().for_each(|&seconds| properties.push(Property::MessageExpiryInterval(seconds)));
    if has_subscription_identifier {
        properties.push(Property::SubscriptionIdentifier(1 + u32::from(tape.number())));
        properties.push(Property::SubscriptionIdentifier(268_435_455));
    }
    forwarded.as_properties().iter().for_each(|property| properties.push(property));
    let publish = Publish {
        dup: qos != QoS::AtMostOnce && tape.flag(),
        qos,
        retain: tape.flag(),
        topic: if topic_alias.is_some() && tape.flag() { "" } else { tape.of(&TOPICS) },
        packet_id: (qos != QoS::AtMostOnce).then(|| tape.packet_id()),
        topic_alias,
        message_expiry_interval_s,
        has_subscription_identifier,
        forwarded: if is_5 { Forwarded::from_encoded(forwarded.as_properties().as_bytes()) } else { Forwarded::EMPTY },
        properties: only(is_5, &properties),
        payload: tape.of(&BLOBS),
    };
    check(version, Packet::Publish(publish), out);
}

fn acknowledgement(version: ProtocolVersion, packet_type: PacketType, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let is_5 = version == ProtocolVersion::V5;
    let properties = tape.some_of(&ANSWER);
    let failure = match packet_type {
        PacketType::Puback | PacketType::Pubrec => tape.of(&[ReasonCode::QuotaExceeded, ReasonCode::NotAuthorized]),
        _ => ReasonCode::PacketIdentifierNotFound,
    };
    let reason = if is_5 && tape.flag() { failure } else { ReasonCode::Success };
    let acknowledgement = Acknowledgement { packet_id: tape.packet_id(), reason, properties: only(is_5, &properties) };
    let packet = match packet_type {
        PacketType::Puback => Packet::Puback(acknowledgement),
        PacketType::Pubrec => Packet::Pubrec(acknowledgement),
        PacketType::Pubrel => Packet::Pubrel(acknowledgement),
        _ => Packet::Pubcomp(acknowledgement),
    };
    check(version, packet, out);
}

fn subscribe(version: ProtocolVersion, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let is_5 = version == ProtocolVersion::V5;
    let properties = tape.some_of(&[USER, USER]);
    let identifier = if is_5 { NonZeroU32::new(tape.number().into()) } else { None };
    let mut filters = Vec::new();
    loop {
        let filter = tape.of(&FILTERS);
        let mut options = SubscriptionOptions { qos: tape.qos(), ..SubscriptionOptions::default() };
        if is_5 {
            options.no_local = tape.flag() && !filter.starts_with("$share/");
            options.retain_as_published = tape.flag();
            options.retain_handling =
                tape.of(&[RetainHandling::SendAtSubscribe, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
        }
        filters.push((filter, options));
        if !tape.flag() {
            break;
        }
    }
    let packet_id = tape.packet_id();
    encode_subscribe(version, packet_id, identifier, only(is_5, &properties), &filters, out);
    let Ok(Packet::Subscribe(read)) = decode(version, 0x82, body_of(out)) else { panic!("refused: {out:02x?}") };
    assert_eq!((read.packet_id, read.subscription_identifier), (packet_id, identifier));
    assert!(read.filters().map(|(filter, options)| (filter.as_str(), options)).eq(filters));
}

fn unsubscribe(version: ProtocolVersion, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let properties = tape.some_of(&[USER, USER]);
    let properties = only(version == ProtocolVersion::V5, &properties);
    let mut filters = vec![tape.of(&FILTERS)];
    while tape.flag() {
        filters.push(tape.of(&FILTERS));
    }
    let packet_id = tape.packet_id();
    encode_unsubscribe(version, packet_id, properties, &filters, out);
    let Ok(Packet::Unsubscribe(read)) = decode(version, 0xA2, body_of(out)) else { panic!("refused: {out:02x?}") };
    assert_eq!((read.packet_id, read.properties), (packet_id, properties));
    assert!(read.filters().map(|filter| filter.as_str()).eq(filters));
}

fn disconnect(version: ProtocolVersion, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let mut disconnect =
        Disconnect { reason: ReasonCode::Success, session_expiry_interval_s: None, properties: Properties::EMPTY };
    let rest = tape.some_of(&ANSWER);
    let mut properties = PropertyBuffer::default();
    if version == ProtocolVersion::V5 {
        disconnect.reason = tape.of(&[ReasonCode::Success, ReasonCode::DisconnectWithWill, ReasonCode::ServerMoved]);
        disconnect.session_expiry_interval_s = tape.maybe(5);
        disconnect
            .session_expiry_interval_s
            .iter()
            .for_each(|&seconds| properties.push(Property::SessionExpiryInterval(seconds)));
        rest.as_properties().iter().for_each(|property| properties.push(property));
    }
    disconnect.properties = properties.as_properties();
    check(version, Packet::Disconnect(disconnect), out);
}

fn auth(tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let mut properties = PropertyBuffer::default();
    let rest = tape.some_of(&[Property::AuthenticationData(&[1, 2, 3]), REASON, USER]);
    let mut auth = Auth { reason: ReasonCode::Success, authentication_method: None, properties: Properties::EMPTY };
    if tape.flag() {
        auth.reason = tape.of(&[ReasonCode::Success, ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate]);
        auth.authentication_method = Some("method");
        properties.push(Property::AuthenticationMethod("method"));
        rest.as_properties().iter().for_each(|property| properties.push(property));
    }
    auth.properties = properties.as_properties();
    check(ProtocolVersion::V5, Packet::Auth(auth), out);
}
