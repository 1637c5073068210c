use super::*;

const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];

/// A CONNECT body of 3.1.1 with these flags, keep alive 60, and this payload.
fn body_311(flags: u8, payload: &[u8]) -> Vec<u8> {
    [b"\0\x04MQTT\x04", &[flags, 0, 60][..], payload].concat()
}

/// The same of 5.0; `rest` begins with the length of the properties.
fn body_5(flags: u8, rest: &[u8]) -> Vec<u8> {
    [b"\0\x04MQTT\x05", &[flags, 0, 60][..], rest].concat()
}

/// The same of 3.1.
fn body_31(flags: u8, payload: &[u8]) -> Vec<u8> {
    [b"\0\x06MQIsdp\x03", &[flags, 0, 60][..], payload].concat()
}

fn error(body: &[u8]) -> DecodeError {
    decode_connect(body).expect_err("must be refused")
}

#[test]
fn a_connect_is_read_as_it_was_written() {
    let forwarded = [0x01, 1, 0x26, 0, 1, b'k', 0, 1, b'v'];
    for version in VERSIONS {
        let has_properties = version == ProtocolVersion::V5;
        let connect = Connect {
            clean_start: false,
            keep_alive_s: 300,
            will: Some(Will {
                topic: TopicName::parse("will/é").unwrap(),
                payload: b"\0gone",
                qos: QoS::ExactlyOnce,
                retain: true,
                delay_interval_s: if has_properties { 5 } else { 0 },
                message_expiry_interval_s: has_properties.then_some(6),
                forwarded: if has_properties { Forwarded::from_encoded(&forwarded) } else { Forwarded::EMPTY },
            }),
            username: Some("user"),
            password: Some(b"pass\0"),
            ..Connect::new(version, "client")
        };
        let mut out = Vec::new();
        connect.encode(&mut out);
        assert_eq!(decode_connect(&out[2..]), Ok(connect));
        assert_eq!(connect_version(&out[2..]), Some(version));
        for cut in 2..out.len() {
            let decoded = decode_connect(&out[2..cut]);
            // 3.1 may end before user name and before password.
            let may_end = version == ProtocolVersion::V3_1 && (cut == out.len() - 7 || cut == out.len() - 13);
            assert_eq!(decoded.is_ok(), may_end, "{version:?} cut at {cut}");
        }
    }
}

#[test]
fn the_properties_of_5_0_become_fields_and_back() {
    let connect = Connect {
        session_expiry_interval_s: u32::MAX,
        receive_maximum: NonZeroU16::MIN,
        maximum_packet_size: NonZeroU32::new(100),
        topic_alias_maximum: 9,
        request_response_information: true,
        request_problem_information: false,
        authentication_method: Some("method"),
        authentication_data: Some(b"secret"),
        ..Connect::new(ProtocolVersion::V5, "")
    };
    let mut out = Vec::new();
    connect.encode(&mut out);
    let decoded = decode_connect(&out[2..]).unwrap();
    assert_eq!(decoded.properties.iter().count(), 8);
    assert_eq!(Connect { properties: Properties::EMPTY, ..decoded }, connect);
    let mut again = Vec::new();
    decoded.encode(&mut again);
    assert_eq!(again, out, "the fields are written once");
    assert!(!format!("{decoded:?}").contains("secret"));
}

#[test]
fn absent_properties_mean_their_defaults() {
    let body = body_5(2, b"\0\0\0");
    assert_eq!(decode_connect(&body), Ok(Connect { keep_alive_s: 60, ..Connect::new(ProtocolVersion::V5, "") }));
}

#[test]
fn names_and_levels_are_those_of_the_three_standards() {
    let check = |name: &[u8], level: u8| {
        let body = [&[0, name.len() as u8], name, &[level, 2, 0, 0, 0, 0, 0]].concat();
        (decode_connect(&body).err(), connect_version(&body))
    };
    let unsupported = Some(DecodeError::UnsupportedProtocolVersion);
    assert_eq!(check(b"MQTT", 5), (None, Some(ProtocolVersion::V5)));
    assert_eq!(check(b"MQTT", 6), (unsupported, Some(ProtocolVersion::V5)));
    assert_eq!(check(b"MQTT", 3), (unsupported, Some(ProtocolVersion::V3_1_1)));
    assert_eq!(check(b"MQTT", 0x84), (unsupported, Some(ProtocolVersion::V3_1_1)), "a bridge");
    assert_eq!(check(b"MQTT", 0x85), (unsupported, Some(ProtocolVersion::V5)), "a bridge");
    assert_eq!(check(b"MQIsdp", 0x83), (unsupported, Some(ProtocolVersion::V3_1)), "a bridge");
    assert_eq!(check(b"MQIsdp", 4), (unsupported, Some(ProtocolVersion::V3_1)));
    for name in [&b"mqtt"[..], b"MQTTX", b"MQT", b"", b"HTTP", b"\xFF\xFF\xFF\xFF"] {
        assert_eq!(check(name, 4), (Some(DecodeError::ProtocolName), None));
    }
    assert_eq!(connect_version(b"\0\x04MQTT"), None);
    assert_eq!(error(b"\0\x04MQTT"), DecodeError::Truncated);
    assert_eq!(error(b""), DecodeError::Truncated);
}

#[test]
fn mqtt311_3_1_2_3_the_reserved_flag_is_refused_but_in_3_1() {
    assert_eq!(error(&body_311(0x03, b"\0\x01c")), DecodeError::ConnectFlags);
    assert_eq!(error(&body_5(0x03, b"\0\0\x01c")), DecodeError::ConnectFlags);
    assert!(decode_connect(&body_31(0x03, b"\0\x01c")).is_ok());
}

#[test]
fn mqtt311_3_1_2_13_will_flags_without_a_will_are_refused() {
    for flags in [0b0000_1000, 0b0001_0000, 0b0001_1000, 0b0010_0000] {
        assert_eq!(error(&body_311(flags, b"\0\x01c")), DecodeError::ConnectFlags);
        assert_eq!(error(&body_5(flags, b"\0\0\x01c")), DecodeError::ConnectFlags);
        assert_eq!(error(&body_31(flags, b"\0\x01c")), DecodeError::ConnectFlags);
    }
    assert_eq!(error(&body_311(0b0001_1100, b"\0\x01c\0\x01t\0\0")), DecodeError::ConnectFlags, "QoS 3");
}

#[test]
fn mqtt311_3_1_2_22_a_password_alone_is_for_5_0_only() {
    assert_eq!(error(&body_311(0x42, b"\0\x01c\0\x01p")), DecodeError::ConnectFlags);
    assert_eq!(error(&body_31(0x42, b"\0\x01c\0\x01p")), DecodeError::ConnectFlags);
    let body = body_5(0x42, b"\0\0\x01c\0\x01p");
    let connect = decode_connect(&body).unwrap();
    assert_eq!((connect.username, connect.password), (None, Some(&b"p"[..])));
}

#[test]
fn a_3_1_client_may_leave_out_user_name_and_password() {
    let body = body_31(0xC2, b"\0\x01c");
    let connect = decode_connect(&body).unwrap();
    assert_eq!((connect.username, connect.password), (None, None));
    let body = body_31(0xC2, b"\0\x01c\0\x01u");
    assert_eq!(decode_connect(&body).unwrap().username, Some("u"));
    assert_eq!(error(&body_311(0xC2, b"\0\x01c")), DecodeError::Truncated);
}

#[test]
fn what_is_wrong_with_a_payload_is_said() {
    let rows: [(Vec<u8>, DecodeError); 13] = [
        (body_311(2, b"\0\x01c\0"), DecodeError::TrailingBytes),
        (body_311(2, b"\0\x02c\0"), DecodeError::NullCharacter),
        (body_311(2, b"\0\x01\xFF"), DecodeError::InvalidUtf8),
        (body_311(6, b"\0\x01c\0\x01#\0\0"), DecodeError::TopicNameInvalid),
        (body_311(6, b"\0\x01c\0\0\0\0"), DecodeError::TopicNameInvalid),
        (body_311(6, b"\0\x01c\0\x01t"), DecodeError::Truncated),
        (body_5(2, b"\x03\x21\0\0\0\x01c"), DecodeError::PropertyValue),
        (body_5(2, b"\x05\x27\0\0\0\0\0\x01c"), DecodeError::PropertyValue),
        (body_5(2, b"\x03\x23\0\x01\0\x01c"), DecodeError::PropertyNotAllowed),
        (body_5(2, b"\x06\x21\0\x01\x21\0\x01\0\x01c"), DecodeError::DuplicateProperty),
        (body_5(2, b"\x04\x16\0\x01d\0\x01c"), DecodeError::AuthenticationMethodMissing),
        (body_5(6, b"\0\0\x01c\x03\x23\0\x01\0\x01t\0\0"), DecodeError::PropertyNotAllowed),
        (body_5(6, b"\0\0\x01c\x04\x08\0\x01+\0\x01t\0\0"), DecodeError::ResponseTopicInvalid),
    ];
    for (body, expected) in rows {
        assert_eq!(error(&body), expected, "{body:?}");
    }
}
