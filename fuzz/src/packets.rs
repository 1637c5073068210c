//! The codec, both directions: framing, every packet of every version, and publications that come in a row.

use corecast::mqtt::{
    connect_version, decode, decode_head, decode_publish_naming, next_frame, next_header, publish_names, Connack,
    DecodeError, Packet, PacketType, Properties, ProtocolVersion, Series, TopicName,
};

const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];

/// Cuts of a stream that are tried one by one.
const CUTS_MAX: usize = 300;

/// A byte that chooses version and the largest packet, then a stream.
pub(crate) fn check(bytes: &[u8]) {
    let Some((&choice, stream)) = bytes.split_first() else { return };
    let version = VERSIONS[usize::from(choice) % VERSIONS.len()];
    let packet_bytes_max = if choice < 0x80 { u32::MAX } else { 100 };
    let mut rest = stream;
    while let Ok(Some(frame)) = next_frame(rest, packet_bytes_max) {
        let body = &rest[frame.header_bytes..frame.total_bytes];
        packet(version, rest[0], body);
        row(version, rest, body);
        rest = &rest[frame.total_bytes..];
    }
    cuts(rest, packet_bytes_max);
    // A length that is wrong shall not hide what it is the length of.
    if let [first_byte, body @ ..] = stream {
        packet(version, *first_byte, body);
    }
}

/// Where a packet ends does not depend on how much of what follows has come, nor does what is wrong with it.
fn cuts(stream: &[u8], packet_bytes_max: u32) {
    let whole = next_header(stream, packet_bytes_max);
    for cut in 0..stream.len().min(CUTS_MAX) {
        match next_header(&stream[..cut], packet_bytes_max) {
            Ok(None) => assert!(cut < 5, "five bytes are the longest fixed header"),
            known => assert_eq!(known, whole, "{cut} bytes have come"),
        }
    }
    if let Ok(Some(frame)) = whole {
        let length =
            stream[1..frame.header_bytes].iter().rev().fold(0, |all, byte| all << 7 | usize::from(byte & 0x7F));
        assert_eq!(frame.total_bytes, frame.header_bytes + length);
        assert!(frame.total_bytes <= packet_bytes_max as usize);
    }
}

/// What is read is written in a form not longer, which is read as the same and written the same.
fn packet(version: ProtocolVersion, first_byte: u8, body: &[u8]) {
    let read = decode(version, first_byte, body);
    let head = decode_head(version, first_byte, body);
    let packet = match read {
        Ok(packet) => packet,
        Err(error) => {
            assert!(head.is_err() || matches!(head, Ok(Packet::Subscribe(_) | Packet::Unsubscribe(_))));
            return refused(first_byte, error);
        }
    };
    assert_eq!(head.as_ref(), Ok(&packet), "filters are all that is left out");
    if matches!(packet, Packet::Connect(_)) {
        assert!(connect_version(body).is_some());
    }
    let mut once = Vec::new();
    packet.encode(version, &mut once);
    let frame = next_frame(&once, u32::MAX).expect("what is written has a frame").expect("and is whole");
    assert_eq!(frame.total_bytes, once.len());
    assert!(!frame.is_overlong() && once.len() - frame.header_bytes <= body.len(), "the shortest form");
    let again = decode(version, once[0], &once[frame.header_bytes..]).expect("what is written is valid");
    assert_eq!(again.packet_type(), packet.packet_type());
    let mut twice = Vec::new();
    again.encode(version, &mut twice);
    assert_eq!(once, twice);
    if once[frame.header_bytes..] == *body && once[0] == first_byte {
        assert_eq!(again, packet);
    }
    named(version, first_byte, body, &packet);
}

/// A CONNECT that is wrong is answered with a reason code that 5.0 has for that.
fn refused(first_byte: u8, error: DecodeError) {
    if PacketType::from_first_byte(first_byte) == Some(PacketType::Connect) {
        let connack = Connack { session_present: false, reason: error.reason_code(), properties: Properties::EMPTY };
        let mut out = Vec::new();
        // Asserts it.
        Packet::Connack(connack).encode(ProtocolVersion::V5, &mut out);
        assert!(decode(ProtocolVersion::V5, out[0], &out[2..]).is_ok(), "{error:?}");
    }
}

/// A PUBLISH whose topic is known is read as one whose topic is not.
fn named(version: ProtocolVersion, first_byte: u8, body: &[u8], packet: &Packet<'_>) {
    let Packet::Publish(publish) = packet else { return };
    assert!(publish_names(body, publish.topic));
    assert_eq!(decode_publish_naming(version, first_byte, body, publish.topic).as_ref(), Ok(publish));
    assert!(publish.topic.is_empty() || TopicName::parse(publish.topic).is_ok());
    assert_eq!(publish.subscription_identifiers().count() > 0, publish.has_subscription_identifier);
}

/// A row of publications is what one after the other would be, and it goes as far as it can.
fn row(version: ProtocolVersion, stream: &[u8], body: &[u8]) {
    const PAYLOAD_END: usize = 300;
    let Ok(Packet::Publish(first)) = decode(version, stream[0], body) else { return };
    if first.topic.is_empty() {
        return;
    }
    let Some(series) = Series::find(version, first.topic, stream, 100, 1000, PAYLOAD_END) else { return };
    let (mut at, mut payload_bytes, mut largest) = (0, 0, 0);
    let mut packets = series.packets();
    for _ in 0..series.count {
        let frame = next_frame(&stream[at..], 1000).expect("a packet of a row has a frame").expect("and is whole");
        let body = &stream[at + frame.header_bytes..at + frame.total_bytes];
        let Ok(Packet::Publish(publish)) = decode(version, frame.first_byte, body) else { panic!("it is a PUBLISH") };
        let packet = packets.next().expect("as many as were counted");
        assert_eq!((publish.topic, publish.qos), (series.topic, series.qos));
        assert_eq!((publish.packet_id, publish.payload), (packet.packet_id, packet.payload));
        assert!(!publish.dup && !publish.retain && publish.payload.len() < PAYLOAD_END && !frame.is_overlong());
        at += frame.total_bytes;
        payload_bytes += publish.payload.len();
        largest = largest.max(frame.total_bytes);
    }
    assert!(packets.next().is_none());
    assert_eq!((series.bytes.len(), series.payload_bytes, series.packet_bytes_max), (at, payload_bytes, largest));
    let again = Series::again(series.has_properties, series.bytes).expect("it has been found before");
    assert_eq!((again.count, again.topic, again.qos), (series.count, series.topic, series.qos));
}
