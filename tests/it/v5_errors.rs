//! MQTT 5.0: bytes that are not MQTT, packets that may not come, and how the two sides part.

use crate::script::check;

/// A connected client is told `code`, then its connection ends; others notice nothing.
fn parts(order: &str, code: u8) {
    check(&format!(
        "shards 1 3
         b: connected id=b clean
         a: connected id=a clean
         a: {order}
         a< disconnect code={code:#04x} reason_string=_
         a closed
         a gone
         b open
         b: pingreq
         b< pingresp
         metric protocol_errors_total=1"
    ));
}

#[test]
fn mqtt5_3_12_4_1_pingreq_is_answered() {
    check(
        "a: connected id=a clean
         a: pingreq
         a< pingresp
         a: pingreq &
         a: pingreq
         a< pingresp
         a< pingresp",
    );
}

#[test]
fn mqtt5_2_1_3_1_reserved_flags_and_packet_types_are_malformed() {
    for bytes in ["00 00", "0f 00", "11 00", "41 02 0001", "51 02 0001"] {
        parts(&format!("raw {bytes}"), 0x81);
    }
    for bytes in ["60 02 0001", "63 02 0001", "71 02 0001", "c1 00", "d1 00", "e1 00", "e2 00", "f1 00", "f8 00"] {
        parts(&format!("raw {bytes}"), 0x81);
    }
}

#[test]
fn mqtt5_3_6_1_1_a_pubrel_with_other_flags_is_malformed() {
    for byte in [0x60, 0x61, 0x63, 0x66, 0x6a] {
        parts(&format!("pubrel id=1 first_byte={byte}"), 0x81);
    }
}

#[test]
fn mqtt5_3_14_1_1_a_disconnect_with_reserved_flags_is_malformed() {
    for byte in [0xe1, 0xe2, 0xe4, 0xe8, 0xef] {
        parts(&format!("disconnect first_byte={byte}"), 0x81);
    }
}

#[test]
fn mqtt5_3_15_1_1_an_auth_with_reserved_flags_is_malformed() {
    for byte in [0xf1, 0xf2, 0xf4, 0xf8, 0xff] {
        parts(&format!("auth code=0x18 authentication_method=m first_byte={byte}"), 0x81);
    }
}

#[test]
fn mqtt5_1_5_5_1_a_variable_byte_integer_has_no_byte_too_many() {
    // Remaining Length: overlong in two, three and four bytes, and of five bytes.
    parts("raw c0 8000", 0x81);
    parts("raw c0 808000", 0x81);
    parts("raw 40 82808000 0001", 0x81);
    parts("raw 30 ffffffff7f", 0x81);
    // Property Length.
    parts(r#"raw 30 len str="t" 8000 "x""#, 0x81);
    parts(r#"raw 30 len str="t" ffffffff7f "x""#, 0x81);
    // Subscription Identifier.
    parts(r#"raw 82 len 0001 03 0b 8100 str="t" 00"#, 0x81);
}

#[test]
fn mqtt5_2_2_2_1_a_packet_that_ends_early_or_late_is_malformed() {
    parts("raw 40 01 00", 0x81);
    parts("raw 40 00", 0x81);
    parts("raw 62 00", 0x81);
    parts("raw 82 02 0001", 0x81);
    parts("raw 82 04 0001 00 00", 0x81);
    parts(r#"raw 82 len 0001 00 str="t""#, 0x81);
    parts(r#"raw 82 len 0001 00 0005 "t" 00"#, 0x81);
    parts("raw a2 02 0001", 0x81);
    parts(r#"raw a2 len 0001 00 0005 "t""#, 0x81);
    parts("raw 30 01 00", 0x81);
    parts(r#"raw 30 len 0005 "t""#, 0x81);
    parts(r#"raw 30 len str="t""#, 0x81);
    parts(r#"raw 32 len str="t" 00"#, 0x81);
    parts(r#"raw 30 len str="t" 05 01"#, 0x81);
    parts("raw c0 01 00", 0x81);
    parts("raw e0 03 00 00 00", 0x81);
    parts("raw 40 05 0001 00 00 00", 0x81);
    // A property cut short by the length of the properties.
    parts(r#"raw 30 len str="t" 02 0200 "x""#, 0x81);
    parts(r#"raw 30 len str="t" 03 260001 "x""#, 0x81);
}

#[test]
fn mqtt5_2_2_2_2_unknown_misplaced_and_repeated_properties_are_refused() {
    for id in ["00", "04", "0a", "10", "14", "1e", "2b", "7f", "ff"] {
        parts(&format!(r#"raw 30 len str="t" 05 {id} 00000000"#), 0x81);
    }
    for property in ["session_expiry=1", "reason_string=x", "receive_maximum=1", "topic_alias_maximum=1"] {
        parts(&format!("publish t {property}"), 0x81);
    }
    for property in ["message_expiry=1", "session_expiry=1", "topic_alias=1", "subscription_id=1"] {
        parts(&format!("puback id=1 code=0 {property}"), 0x81);
        parts(&format!("pubcomp id=1 code=0 {property}"), 0x81);
    }
    for property in ["message_expiry=1", "topic_alias=1", "receive_maximum=1", "subscription_id=1"] {
        parts(&format!("disconnect code=0 {property}"), 0x81);
    }
    for property in ["payload_format=1", "message_expiry=1", "content_type=x", "response_topic=x", "correlation_data=x"]
    {
        parts(&format!("publish t {property} {property}"), 0x82);
    }
    parts("publish t topic_alias=1 topic_alias=2", 0x82);
    parts("publish t payload_format=2", 0x82);
    parts("puback id=1 code=0 reason_string=x reason_string=y", 0x82);
    parts("disconnect code=0 session_expiry=0 session_expiry=0", 0x82);
    parts("disconnect code=0 reason_string=x reason_string=y", 0x82);
}

#[test]
fn mqtt5_1_5_7_1_both_strings_of_a_user_property_are_utf_8_without_null() {
    // In PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE and DISCONNECT; the value, then the name.
    for bad in [r#"26 str="k" str="\xff""#, r#"26 str="\xff" str="v""#, r#"26 str="k" str="\0a""#] {
        let pairs = if bad.contains(r"\0a") { "08" } else { "07" };
        let bad = bad.replace("26 ", &format!("{pairs} 26 "));
        parts(&format!(r#"raw 30 len str="t" {bad}"#), 0x81);
        parts(&format!("raw 40 len 0001 00 {bad}"), 0x81);
        parts(&format!(r#"raw 82 len 0001 {bad} str="t" 00"#), 0x81);
        parts(&format!(r#"raw a2 len 0001 {bad} str="t""#), 0x81);
        parts(&format!("raw e0 len 00 {bad}"), 0x81);
    }
    parts(r#"raw 40 len 0001 00 04 1f str="\xff""#, 0x81);
}

#[test]
fn mqtt5_3_4_2_1_reason_codes_of_other_packets_are_refused() {
    parts("puback id=1 code=0x01", 0x82);
    parts("puback id=1 code=0x92", 0x82);
    parts("pubrec id=1 code=0x92", 0x82);
    parts("pubrel id=1 code=0x80", 0x82);
    parts("pubcomp id=1 code=0x10", 0x82);
    parts("puback id=1 code=0x7f", 0x81);
    parts("disconnect code=0x01", 0x82);
    parts("disconnect code=0x03", 0x81);
    parts("disconnect code=0xff", 0x81);
    parts("auth code=0x01 authentication_method=m", 0x82);
}

#[test]
fn packets_only_servers_send_are_a_protocol_error() {
    parts("raw 20 03 00 00 00", 0x82);
    parts("raw 90 04 0001 00 00", 0x82);
    parts("raw b0 04 0001 00 00", 0x82);
    parts("raw d0 00", 0x82);
}

#[test]
fn mqtt5_4_12_0_7_auth_without_a_method_in_connect_is_a_protocol_error() {
    parts("auth code=0x18 authentication_method=m", 0x82);
    parts("auth code=0x19 authentication_method=m authentication_data=d", 0x82);
    parts("raw f0 00", 0x82);
}

#[test]
fn mqtt5_4_13_1_1_the_reason_reaches_the_client_before_the_end_of_the_stream() {
    // The client goes on talking, does not listen and does not close: all that was for it still arrives.
    check(
        r#"a: connected id=a clean
           a: hold
           a: subscribed t
           p: connected id=p clean
           a: stall
           p: publish t "before"
           a: raw 00 00 &
           a: publish t "behind" &
           a: raw ff ff ff
           a nothing
           a open
           a: go
           wait 1s
           a< publish t q0 "before"
           a< disconnect code=0x81 ..
           a closed
           wait 3s
           a gone
           p nothing"#,
    );
}

#[test]
fn mqtt5_4_13_2_1_a_client_that_does_not_read_its_goodbye_is_closed_in_time() {
    check(
        r#"limits linger_timeout=2s
           a: connected id=a clean
           a: hold
           a: stall
           a: raw 00 00
           wait 1.9s
           metric connections_now=1
           wait 0.2s
           a gone
           metric connections_now=0"#,
    );
}

#[test]
fn mqtt5_3_14_4_1_nothing_comes_behind_a_goodbye() {
    check(
        r#"a: connected id=a clean
           a: hold
           a: subscribed t q1
           p: connected id=p clean
           a: raw 00 00
           a< disconnect code=0x81 ..
           p: publish t q1 id=1 "x"
           p< puback id=1 code=0x10
           a: pingreq
           a nothing
           a closed"#,
    );
}

#[test]
fn mqtt5_3_14_4_2_a_client_that_says_goodbye_is_let_go_without_an_answer() {
    for order in ["disconnect", "disconnect code=0x04", "disconnect code=0 user.k=v reason_string=x"] {
        check(&format!(
            "a: connected id=a clean
             a: {order} &
             a: pingreq
             a nothing
             a closed
             a gone
             metric protocol_errors_total=0"
        ));
    }
}

#[test]
fn mqtt5_3_14_2_3_a_reason_string_that_does_not_fit_is_left_out() {
    check(
        "a: connected id=a clean maximum_packet_size=20
         a: raw 00 00
         a< disconnect code=0x81
         a closed",
    );
}

#[test]
fn mqtt5_3_1_2_29_problem_information_is_left_out_if_it_is_not_wanted() {
    check(
        r#"limits topic_levels_max=2
           a: connected id=a clean request_problem_information=0
           a: subscribed t
           p: connected id=p clean
           p: publish t "x" user.k=v
           a< publish t q0 "x" user.k=v
           a: publish a/b/c q1 id=1
           a< puback id=1 code=0x90
           a: publish a/b/c q2 id=2
           a< pubrec id=2 code=0x90
           a: pubrel id=3
           a< pubcomp id=3 code=0x92
           a: pubrec id=4
           a< pubrel id=4 code=0x92
           a: subscribe id=5 a/b/c
           a< suback id=5 codes=0x8f
           a: unsubscribe id=6 a/b
           a< unsuback id=6 codes=0x11
           a: raw 00 00
           a< disconnect code=0x81
           a closed"#,
    );
    check(
        "a: connected id=a clean request_problem_information=1
         a: raw 00 00
         a< disconnect code=0x81 reason_string=_
         b: connect id=b clean request_problem_information=0 authentication_method=m
         b< connack sp=0 code=0x8c",
    );
}

#[test]
fn a_drain_says_goodbye_with_0x8b_and_takes_nobody_new() {
    check(
        r#"a: connected id=a clean
           b: connected id=b session_expiry=100
           c: open
           drain
           a< disconnect code=0x8b ..
           a closed
           b< disconnect code=0x8b ..
           b closed
           c closed
           c nothing
           drained"#,
    );
}

#[test]
fn a_drain_names_another_server_with_0x9c() {
    check(
        r#"server_reference "other:1883"
           a: connected id=a clean
           b: connected id=b clean request_problem_information=0
           drain
           a< disconnect code=0x9c server_reference="other:1883" reason_string=_
           a closed
           b< disconnect code=0x9c server_reference="other:1883"
           b closed
           drained"#,
    );
}
