//! CONNECT and CONNACK of 3.1.1: what is accepted, what is refused, and how.

use crate::script::check;

/// Sends `packet` as the first one: the connection is closed without an answer.
fn refused_in_silence(packet: &str) {
    check(&format!(
        r#"
        a: open v=4
        a: {packet}
        a nothing
        a closed
        a gone
        "#
    ));
}

/// Sends `packet` as the first one: it is answered by CONNACK with `code`, then the connection is closed.
fn refused_with(code: u8, packet: &str) {
    check(&format!(
        r#"
        a: open v=4
        a: {packet}
        a< connack sp=0 code={code}
        a closed
        a gone
        "#
    ));
}

fn accepted(connect: &str) {
    check(&format!(
        r#"
        a: open v=4
        a: {connect}
        a< connack sp=0 code=0
        a: pingreq
        a< pingresp
        a open
        "#
    ));
}

#[test]
fn mqtt311_3_1_0_1_the_first_packet_is_connect() {
    for packet in [
        "publish t \"x\"",
        "publish t q1 id=7 \"x\"",
        "puback id=1",
        "pubrec id=1",
        "pubrel id=1",
        "pubcomp id=1",
        "subscribe t q1",
        "unsubscribe t",
        "pingreq",
        "disconnect",
        "raw 20 02 00 00",
        "raw d0 00",
        "raw f0 00",
        "raw 00 00",
        "raw \"GET / HTTP/1.1\\r\\n\\r\\n\"",
    ] {
        refused_in_silence(packet);
    }
}

#[test]
fn mqtt311_3_1_0_1_the_first_byte_is_enough_to_refuse_another_packet() {
    for bytes in ["30", "30 ff ff", "82", "c0", "00", "47", "f0"] {
        refused_in_silence(&format!("raw {bytes}"));
    }
}

#[test]
fn mqtt311_3_1_0_1_nothing_of_a_first_packet_that_is_not_connect_is_done() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed #
        a: open v=4
        a: publish t retain "x" &
        a: connect v=4 id=a clean
        a closed
        a nothing
        w nothing
        retained
        "#,
    );
}

#[test]
fn mqtt311_3_1_0_2_a_second_connect_closes_the_connection() {
    for id in ["a", "b"] {
        check(&format!(
            r#"
            w: connected v=4 id=w clean
            w: subscribed will q0
            a: connected v=4 id=a clean will=will will.payload="gone"
            a: connect v=4 id={id} clean
            a nothing
            a closed
            w< publish will q0 "gone"
            "#
        ));
    }
}

#[test]
fn mqtt311_3_1_2_1_another_protocol_is_not_served() {
    for name in ["MQTX", "mqtt", "MQT", "MQTTT", "MQISDP", "HTTP"] {
        refused_with(0x84, &format!("connect id=a clean name={name}"));
    }
    refused_with(0x84, "connect id=a clean name=\"\"");
    refused_with(0x84, "connect id=a clean name=\"MQTT\\0\"");
}

/// Return code 1, as the decoder of the scripts reads it: 0x84.
#[test]
fn mqtt311_3_1_2_2_an_unknown_level_is_answered_with_return_code_1() {
    for level in [0, 1, 2, 3] {
        refused_with(0x84, &format!("connect id=a clean level={level}"));
    }
    for level in [0, 4, 5, 6] {
        refused_with(0x84, &format!("connect id=a clean name=MQIsdp level={level}"));
    }
    // Bridges of some brokers set the highest bit, and try again without it.
    refused_with(0x84, "connect id=a clean level=0x84");
    refused_with(0x84, "connect id=a clean name=MQIsdp level=0x83");
    // What stands behind the level may be of any form.
    refused_with(0x84, "raw 10 len str=\"MQTT\" 02 ff ff");
}

#[test]
fn mqtt311_3_1_2_3_the_reserved_connect_flag_closes_the_connection() {
    refused_in_silence("connect id=a clean flags=0x03");
    refused_in_silence("connect id=a flags=0x01");
    refused_in_silence("connect id=a clean will=t will.payload=x flags=0x07");
}

#[test]
fn mqtt311_3_1_2_9_with_the_will_flag_topic_and_message_must_be_there() {
    refused_in_silence("raw 10 len str=\"MQTT\" 04 06 0000 str=\"a\"");
    refused_in_silence("raw 10 len str=\"MQTT\" 04 06 0000 str=\"a\" str=\"t\"");
    accepted("raw 10 len str=\"MQTT\" 04 06 0000 str=\"a\" str=\"t\" str=\"x\"");
    accepted("raw 10 len str=\"MQTT\" 04 06 0000 str=\"a\" str=\"t\" str=\"\"");
}

#[test]
fn mqtt311_3_1_2_11_without_the_will_flag_there_is_no_will_in_the_payload() {
    refused_in_silence("raw 10 len str=\"MQTT\" 04 02 0000 str=\"a\" str=\"t\" str=\"x\"");
}

#[test]
fn mqtt311_3_1_2_13_without_the_will_flag_will_qos_must_be_0() {
    refused_in_silence("connect id=a flags=0x0a");
    refused_in_silence("connect id=a flags=0x12");
    refused_in_silence("connect id=a flags=0x1a");
}

#[test]
fn mqtt311_3_1_2_14_will_qos_3_closes_the_connection() {
    refused_in_silence("connect id=a will=t will.payload=x flags=0x1e");
    for qos in ["will.q0", "will.q1", "will.q2"] {
        accepted(&format!("connect id=a clean will=t will.payload=x {qos}"));
    }
}

#[test]
fn mqtt311_3_1_2_15_without_the_will_flag_will_retain_must_be_0() {
    refused_in_silence("connect id=a flags=0x22");
}

#[test]
fn mqtt311_3_1_2_18_to_22_user_name_and_password_are_there_if_their_flags_say_so() {
    accepted("connect id=a clean username=u");
    accepted("connect id=a clean username=u password=p");
    accepted("connect id=a clean username=\"\" password=\"\"");
    accepted("connect id=a clean username=u password=\"\\xff\\0\"");
    // 18: a user name without its flag; 19: its flag without a user name.
    refused_in_silence("raw 10 len str=\"MQTT\" 04 02 0000 str=\"a\" str=\"u\"");
    refused_in_silence("raw 10 len str=\"MQTT\" 04 82 0000 str=\"a\"");
    // 20: a password without its flag; 21: its flag without a password.
    refused_in_silence("raw 10 len str=\"MQTT\" 04 82 0000 str=\"a\" str=\"u\" str=\"p\"");
    refused_in_silence("raw 10 len str=\"MQTT\" 04 c2 0000 str=\"a\" str=\"u\"");
    // 22: the flag of a password alone.
    refused_in_silence("raw 10 len str=\"MQTT\" 04 42 0000 str=\"a\" str=\"p\"");
}

#[test]
fn mqtt311_3_1_3_1_the_fields_are_read_in_their_order() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed topic
        a: open v=4
        a: raw 10 len str="MQTT" 04 c6 0000 str="id" str="topic" str="message" str="user" str="password"
        a< connack sp=0 code=0
        a: cut
        w< publish topic q0 "message"
        "#,
    );
}

#[test]
fn mqtt311_3_1_3_3_the_client_identifier_is_always_there() {
    refused_in_silence("raw 10 len str=\"MQTT\" 04 02 0000");
    refused_in_silence("raw 10 len str=\"MQTT\" 04 02 0000 00");
    refused_in_silence("raw 10 len str=\"MQTT\" 04 02 0000 0005 \"abc\"");
}

#[test]
fn mqtt311_3_1_3_4_10_11_identifier_will_topic_and_user_name_are_utf_8() {
    for bad in ["\\xff", "\\xc3\\x28", "\\xed\\xa0\\x80", "\\xf4\\x90\\x80\\x80", "\\xc0\\x80", "a\\0b"] {
        refused_in_silence(&format!("connect id=\"{bad}\" clean"));
        refused_in_silence(&format!("connect id=a clean will=\"{bad}\" will.payload=x"));
        refused_in_silence(&format!("connect id=a clean username=\"{bad}\""));
    }
    accepted("connect id=\"\u{10ffff}\u{feff}\u{e000}\" clean");
}

#[test]
fn mqtt311_3_1_3_5_identifiers_of_1_to_23_letters_and_digits_are_accepted() {
    for id in ["0", "Z", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"] {
        accepted(&format!("connect id={id} clean"));
        accepted(&format!("connect id={id}"));
    }
}

#[test]
fn mqtt311_3_1_3_5_longer_identifiers_and_other_characters_are_accepted_too() {
    accepted("connect id=*24 clean");
    accepted("connect id=*65535 clean");
    accepted("connect id=\"a/+# $SYS \u{1f980}\"");
}

#[test]
fn mqtt311_3_1_3_6_an_empty_identifier_becomes_one_of_its_own() {
    check(
        r#"
        no_epilogue
        a: connected v=4 clean id=""
        b: connected v=4 clean id=""
        c: connected v=5 clean
        a: subscribed t
        b: subscribed t
        c: publish t "x"
        a< publish t q0 "x"
        b< publish t q0 "x"
        a: disconnect
        d: connect v=4 clean id=""
        d< connack sp=0 code=0
        b open
        "#,
    );
}

/// Return code 2, as the decoder of the scripts reads it: 0x85.
#[test]
fn mqtt311_3_1_3_8_an_empty_identifier_without_clean_session_is_refused_with_return_code_2() {
    refused_with(0x85, "connect id=\"\"");
    refused_with(0x85, "connect id=\"\" keep_alive=10 username=u password=p");
    refused_with(0x85, "connect id=\"\" will=t will.payload=x");
}

#[test]
fn mqtt311_3_1_3_9_a_refused_will_is_not_published() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed #
        a: connect v=4 id="" will=t will.payload=x will.retain
        a< connack sp=0 code=0x85
        a closed
        w nothing
        retained
        "#,
    );
}

#[test]
fn mqtt311_3_1_4_1_a_malformed_connect_is_closed_without_connack() {
    for packet in [
        // Bytes behind the last field, fields that are cut, a length that does not end.
        "raw 10 len str=\"MQTT\" 04 02 0000 str=\"a\" 00",
        "raw 10 len str=\"MQTT\" 04 02 00",
        "raw 10 len str=\"MQTT\" 04 02",
        "raw 10 len str=\"MQTT\" 04",
        "raw 10 len str=\"MQTT\"",
        "raw 10 len 0004 \"MQ\"",
        "raw 10 len 00",
        "raw 10 00",
        "raw 10 ff ff ff ff 01",
        // Flags of the fixed header.
        "connect id=a clean first_byte=0x11",
        "connect id=a clean first_byte=0x18",
        // A will topic that is no topic name.
        "connect id=a clean will=t/# will.payload=x",
        "connect id=a clean will=t/+/u will.payload=x",
        "connect id=a clean will=\"\" will.payload=x",
    ] {
        refused_in_silence(packet);
    }
}

#[test]
fn mqtt311_3_1_4_2_a_client_that_connects_again_cuts_its_older_connection() {
    for (first, second, present) in [("clean", "clean", 0), ("", "clean", 0), ("clean", "", 0), ("", "", 1)] {
        check(&format!(
            r#"
            w: connected v=4 id=w clean
            w: subscribed t
            a: connected v=4 id=same {first}
            b: connect v=4 id=same {second}
            a nothing
            a closed
            a gone
            b< connack sp={present} code=0
            b: publish t "mine"
            w< publish t q0 "mine"
            b open
            "#
        ));
    }
}

#[test]
fn mqtt311_3_1_4_2_many_connections_with_one_identifier_leave_one() {
    check(
        r#"
        a: connect v=4 id=same &
        b: connect v=4 id=same &
        c: connect v=4 id=same &
        wait 1ms
        metric sessions_now=1 connections_now=1 takeovers_total=2
        a<* connack ..
        b<* connack ..
        c<* connack ..
        "#,
    );
}

#[test]
fn mqtt311_3_1_4_4_an_accepted_connect_is_answered_with_return_code_0() {
    accepted("connect id=a clean");
    accepted("connect id=a");
    accepted("connect id=a clean keep_alive=65535 username=u password=p will=t will.payload=x will.q2 will.retain");
}

#[test]
fn mqtt311_3_1_4_5_nothing_behind_a_refused_connect_is_done() {
    for (connect, answer) in [
        ("connect id=\"\"", "a< connack sp=0 code=0x85"),
        ("connect id=a level=2", "a< connack sp=0 code=0x84"),
        ("connect id=a flags=0x03", "a nothing"),
    ] {
        check(&format!(
            r#"
            w: connected v=4 id=w clean
            w: subscribed #
            a: open v=4
            a: {connect} &
            a: publish t retain "x" &
            a: publish t q1 id=3 "x" &
            a: subscribe t q1 &
            a: pingreq
            {answer}
            a closed
            w nothing
            retained
            "#
        ));
    }
}

#[test]
fn mqtt311_3_2_0_1_connack_comes_before_all_else() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=a
        a: subscribed t q1
        a: disconnect
        b: publish t q1 id=7 "kept"
        b< puback id=7
        a: connect v=4 id=a &
        a: pingreq &
        a: subscribe id=2 u q1 &
        a: publish t q1 id=9 "own"
        a< connack sp=1 code=0
        a<* publish t q1 id=1 "kept"
        a<* pingresp
        a<* suback id=2 codes=1
        a<* puback id=9
        a<* publish t q1 id=2 "own"
        "#,
    );
}

#[test]
fn mqtt311_3_2_2_1_with_clean_session_no_session_is_present() {
    check(
        r#"
        a: connect v=4 id=a clean
        a< connack sp=0 code=0
        a: disconnect
        a: connect v=4 id=a
        a< connack sp=0 code=0
        a: disconnect
        a: connect v=4 id=a clean
        a< connack sp=0 code=0
        "#,
    );
}

#[test]
fn mqtt311_3_2_2_2_and_3_session_present_tells_whether_there_is_one() {
    check(
        r#"
        a: connect v=4 id=a
        a< connack sp=0 code=0
        a: cut
        a: connect v=4 id=a
        a< connack sp=1 code=0
        a: disconnect
        wait 400d
        a: connect v=4 id=a
        a< connack sp=1 code=0
        "#,
    );
}

#[test]
fn mqtt311_3_2_2_4_and_5_a_refusal_says_no_session_and_closes() {
    check(
        r#"
        a: connected v=4 id=a
        a: disconnect
        a: open v=4
        a: connect id=a level=2
        a< connack sp=0 code=0x84
        a closed
        a: connect v=4 id=a
        a< connack sp=1 code=0
        "#,
    );
}
