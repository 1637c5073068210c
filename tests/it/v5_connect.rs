//! MQTT 5.0: CONNECT, and what becomes of a connection that begins badly.

use crate::script::check;

/// A CONNECT that cannot be accepted: CONNACK says why, then the connection ends.
fn refused(connect: &str, code: u8) {
    check(&format!(
        "shards 1 3
         a: connect {connect}
         a< connack sp=0 code={code:#04x} ..
         a closed
         a gone
         metric connects_refused_total=1
         metric connects_accepted_total=0
         metric sessions_now=0"
    ));
}

/// Bytes right behind a refused CONNECT and its like are not answered.
fn closed_silently(order: &str) {
    check(&format!(
        "shards 1 3
         a: open
         a: {order}
         a closed
         a nothing
         a gone"
    ));
}

#[test]
fn mqtt5_3_1_0_1_anything_but_connect_first_is_closed_without_a_word() {
    for order in [
        "pingreq",
        "publish t q1 id=1",
        "puback id=1",
        "subscribe t",
        "unsubscribe t",
        "disconnect",
        "auth code=0x18 authentication_method=m",
        "raw 20 03 00 00 00",
        "raw d0 00",
        "raw 00 00",
        r#"raw "GET / HTTP/1.1\r\n\r\n""#,
    ] {
        closed_silently(order);
    }
}

#[test]
fn mqtt5_3_1_0_2_a_second_connect_is_a_protocol_error() {
    check(
        "a: connected id=a clean
         a: connect id=a clean
         a< disconnect code=0x82 ..
         a closed
         a gone
         metric sessions_now=0",
    );
}

#[test]
fn mqtt5_3_1_2_1_an_unknown_protocol_name_is_refused_in_the_oldest_form() {
    for name in ["MQTX", "mqtt", "MQTTT", "M"] {
        refused(&format!("v=4 name={name} id=a"), 0x84);
    }
    refused("v=3 level=5 id=a", 0x84);
}

#[test]
fn mqtt5_3_1_2_2_an_unknown_protocol_level_is_refused() {
    refused("v=5 level=6 id=a clean", 0x84);
    refused("v=5 level=255 id=a clean", 0x84);
    refused("v=4 level=3 id=a clean", 0x84);
    refused("v=4 level=0 id=a clean", 0x84);
}

#[test]
fn mqtt5_3_1_2_3_the_reserved_connect_flag_is_malformed() {
    refused("id=a clean flags=0x03", 0x81);
}

#[test]
fn mqtt5_3_1_2_11_will_flags_without_a_will_are_malformed() {
    for flags in [0x0a, 0x12, 0x1a, 0x22, 0x2a] {
        refused(&format!("id=a flags={flags}"), 0x81);
    }
}

#[test]
fn mqtt5_3_1_2_12_a_will_of_qos_3_is_malformed() {
    refused(r#"id=a will=t/w will.payload="x" flags=0x1e"#, 0x81);
}

#[test]
fn mqtt5_3_1_2_16_fields_and_flags_that_disagree_are_malformed() {
    // The flag without the field.
    for flags in [0x06, 0x42, 0x82, 0xc2] {
        refused(&format!("id=a flags={flags}"), 0x81);
    }
    refused("id=a username=u flags=0xc2", 0x81);
    // The field without the flag.
    refused("id=a username=u flags=0x02", 0x81);
    refused("id=a password=p flags=0x02", 0x81);
    refused("id=a username=u password=p flags=0x82", 0x81);
    refused(r#"id=a will=t/w will.payload="x" flags=0x02"#, 0x81);
}

#[test]
fn mqtt5_3_1_2_9_a_password_needs_no_user_name() {
    check(
        r#"a: connected id=a clean password="p"
           b: connected id=b clean username=u
           c: connected id=c clean username=u password=p"#,
    );
}

#[test]
fn mqtt5_3_1_2_22_silence_of_one_and_a_half_keep_alives_ends_the_connection() {
    check(
        "a: connected id=a clean keep_alive=10
         wait 14.9s
         a open
         a nothing
         wait 0.2s
         a< disconnect code=0x8d ..
         a closed
         a gone
         metric keep_alive_timeouts_total=1",
    );
}

#[test]
fn mqtt5_3_1_2_22_any_packet_is_a_sign_of_life_and_zero_asks_for_none() {
    check(
        "a: connected id=a clean keep_alive=10
         b: connected id=b clean keep_alive=0
         wait 14s
         a: publish t
         wait 14s
         a: pingreq
         a< pingresp
         wait 14s
         a open
         wait 1.1s
         a< disconnect code=0x8d ..
         wait 30d
         b open
         b nothing",
    );
}

#[test]
fn mqtt5_3_1_2_22_a_client_that_fell_silent_is_treated_as_one_whose_network_failed() {
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=a clean keep_alive=2 will=w will.payload="lost"
           wait 3.1s
           a< disconnect code=0x8d ..
           b< publish w q0 "lost""#,
    );
}

#[test]
fn mqtt5_3_1_3_5_client_identifiers_of_1_to_23_letters_and_digits_are_accepted() {
    check(
        "a: connected id=0 clean
         b: connected id=0123456789abcdefghijklm clean
         c: connected id=nopqrstuvwxyzABCDEFGHIJ clean
         d: connected id=KLMNOPQRSTUVWXYZ clean",
    );
}

#[test]
fn client_identifiers_of_any_length_and_character_are_accepted() {
    check(
        r#"shards 1 3
           a: connected id=*65535 clean
           b: connected id="client/with spaces+#" clean
           c: connected id="\xc3\xa4\xef\xbb\xbf" clean"#,
    );
}

#[test]
fn mqtt5_3_1_3_6_an_empty_client_identifier_is_replaced_by_a_new_one() {
    check(
        "a: connect clean
         a< connack sp=0 code=0 assigned_client_id=_ ..
         b: connect
         b< connack sp=0 code=0 assigned_client_id=_ ..
         c: connect session_expiry=100
         c< connack sp=0 code=0 assigned_client_id=_ ..
         d: connect id=d clean
         d< connack sp=0 code=0 receive_maximum=_ maximum_packet_size=_ topic_alias_maximum=_
         a open
         b open
         metric sessions_now=4
         metric takeovers_total=0",
    );
}

#[test]
fn mqtt5_3_1_3_7_an_assigned_client_identifier_is_a_session_like_any_other() {
    check(
        r#"a: connect clean session_expiry=100
           a< connack assigned_client_id=_ ..
           a: subscribed t q1
           a: close
           wait 99s
           metric sessions_now=1
           wait 2s
           metric sessions_now=0"#,
    );
}

#[test]
fn mqtt5_3_1_3_4_texts_of_connect_are_utf_8_without_null() {
    for bad in [r"\xff", r"\xc3", r"\xed\xa0\x80", r"a\0"] {
        refused(&format!(r#"id="{bad}" clean"#), 0x81);
        refused(&format!(r#"id=a clean username="{bad}""#), 0x81);
    }
    refused(r#"id=a clean will="\xff" will.payload=x"#, 0x81);
    refused(r#"id=a clean will="\xed\xa0\x80" will.payload=x"#, 0x81);
}

#[test]
fn mqtt5_3_1_3_11_a_will_topic_is_a_valid_topic_name() {
    for topic in ["a/#", "+", "", "a+b"] {
        refused(&format!(r#"id=a clean will="{topic}" will.payload=x"#), 0x90);
    }
}

#[test]
fn mqtt5_3_1_3_1_all_fields_of_connect_are_read_in_their_order() {
    check(
        r#"b: connected id=b clean
           b: subscribed will/topic q2
           a: connected id=a clean will=will/topic will.payload="will payload" will.q1 will.content_type=text username=u password=p
           a: cut
           b< publish will/topic q1 id=1 "will payload" content_type=text
           b: puback id=1"#,
    );
}

#[test]
fn mqtt5_3_1_4_1_a_connect_that_is_not_well_formed_is_refused() {
    refused(r#"id=a clean will=t will.payload=x will.delay=1 will.delay=2"#, 0x82);
    for property in [
        "session_expiry=1",
        "receive_maximum=1",
        "maximum_packet_size=100",
        "topic_alias_maximum=1",
        "request_response_information=1",
        "request_problem_information=1",
        "authentication_method=m",
    ] {
        refused(&format!("id=a clean {property} {property}"), 0x82);
    }
    refused("id=a clean authentication_method=m authentication_data=d authentication_data=d", 0x82);
    refused("id=a clean authentication_data=d", 0x82);
    for zero in ["receive_maximum=0", "maximum_packet_size=0"] {
        refused(&format!("id=a clean {zero}"), 0x82);
    }
    for flag in ["request_response_information=2", "request_problem_information=2", "request_problem_information=255"] {
        refused(&format!("id=a clean {flag}"), 0x82);
    }
    for elsewhere in ["topic_alias=1", "message_expiry=1", "will_delay=1", "reason_string=x", "payload_format=1"] {
        refused(&format!("id=a clean {elsewhere}"), 0x81);
    }
    for elsewhere in ["topic_alias=1", "session_expiry=1", "receive_maximum=1", "subscription_id=1"] {
        refused(&format!("id=a clean will=t will.payload=x will.{elsewhere}"), 0x81);
    }
}

#[test]
fn mqtt5_3_1_4_1_a_connect_that_is_cut_short_or_too_long_is_refused() {
    // Inside the keep alive, before the properties, inside the client identifier, behind it.
    for rest in ["00", "003c", "003c 00", "003c 00 0003 61", "003c 05 11 00 00", "003c 00 0001 61 00"] {
        refused_raw(&format!(r#"raw 10 len str="MQTT" 05 02 {rest}"#), 0x81);
    }
    // An overlong Property Length, an overlong Remaining Length, and one of five bytes.
    refused_raw(r#"raw 10 len str="MQTT" 05 02 003c 8000 0001 61"#, 0x81);
    refused_raw(r#"raw 10 8e00 str="MQTT" 05 02 003c 00 0001 61"#, 0x81);
    closed_silently(r#"raw 10 ffffffff7f str="MQTT" 05 02 003c 00 0001 61"#);
}

fn refused_raw(order: &str, code: u8) {
    check(&format!(
        "shards 1 3
         a: open
         a: {order}
         a< connack sp=0 code={code:#04x} ..
         a closed
         a gone
         metric sessions_now=0"
    ));
}

#[test]
fn mqtt5_3_1_4_3_a_new_connection_takes_over_the_client_identifier() {
    check(
        "a: connected id=x clean
         b: connected id=x clean
         a< disconnect code=0x8e ..
         a closed
         a gone
         b open
         b: pingreq
         b< pingresp
         metric takeovers_total=1
         metric sessions_now=1",
    );
}

#[test]
fn mqtt5_3_1_4_3_a_taken_over_session_goes_on_at_the_new_connection() {
    check(
        r#"a: connected id=x clean session_expiry=100
           a: subscribed t q1
           p: connected id=p clean
           p: publish t q1 id=1 "one"
           p< puback id=1
           a< publish t q1 id=1 "one"
           b: connected id=x session_expiry=100
           a< disconnect code=0x8e ..
           b< publish t q1 id=1 "one" dup
           p: publish t q1 id=2 "two"
           p< puback id=2
           b< publish t q1 id=2 "two"
           b: puback id=1
           b: puback id=2"#,
    );
}

#[test]
fn mqtt5_3_1_4_5_what_comes_right_behind_connect_is_answered_behind_connack() {
    check(
        r#"a: connect id=a clean &
           a: subscribe id=5 t &
           a: pingreq &
           a: publish q q1 id=1 "x"
           a< connack sp=0 code=0 ..
           a<* suback id=5 codes=0
           a<* pingresp
           a<* puback id=1 code=0x10"#,
    );
}

#[test]
fn mqtt5_3_1_4_6_what_comes_behind_a_refused_connect_is_not_processed() {
    check(
        r#"b: connected id=b clean
           b: subscribed t
           a: connect id=a clean authentication_method=m &
           a: publish t retain "x" &
           a: subscribe t &
           a: connect id=a clean
           a< connack sp=0 code=0x8c ..
           a closed
           b nothing
           retained"#,
    );
}

#[test]
fn mqtt5_4_12_0_1_an_authentication_method_is_refused() {
    refused("id=a clean authentication_method=SCRAM-SHA-1 authentication_data=x", 0x8c);
}

#[test]
fn mqtt5_3_1_4_a_connection_without_connect_is_closed_in_time() {
    check(
        r#"limits connect_timeout=5s
           a: open
           b: open
           b: raw 10 0e str="MQTT" 05
           wait 4.9s
           a open
           b open
           wait 0.2s
           a closed
           b closed
           a gone
           b gone
           metric connect_timeouts_total=2"#,
    );
}
