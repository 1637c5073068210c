//! MQTT 3.1, where it differs from 3.1.1.

use crate::script::check;

#[test]
fn mqtt31_a_client_is_served() {
    check(
        r#"
        a: connect v=3 id=a clean keep_alive=10 username=u password=p
        a< connack sp=0 code=0
        a: subscribe id=1 t/+ q2 u q0
        a< suback id=1 codes=2,0
        a: publish t/1 q2 id=3 "x"
        a<* pubrec id=3
        a<* publish t/1 q2 id=1 "x"
        a: pubrec id=1
        a< pubrel id=1
        a: pubcomp id=1
        a: pubrel id=3
        a< pubcomp id=3
        a: publish u retain "kept"
        a< publish u q0 "kept"
        a: unsubscribe id=2 u
        a< unsuback id=2
        a: pingreq
        a< pingresp
        wait 14.999s
        a open
        wait 1ms
        a closed
        "#,
    );
}

#[test]
fn mqtt31_an_empty_identifier_is_refused_with_return_code_2() {
    for clean in ["clean", ""] {
        check(&format!(
            r#"
            a: connect v=3 id="" {clean}
            a< connack sp=0 code=0x85
            a closed
            a gone
            "#
        ));
    }
}

/// 3.1 wants at most 23 characters; clients of that time have long used more, and every broker lets them.
#[test]
fn mqtt31_identifiers_of_1_to_23_characters_and_longer_ones_are_accepted() {
    for id in ["a", "abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuvwx"] {
        check(&format!("a: connect v=3 id={id} clean\n a< connack sp=0 code=0"));
    }
}

#[test]
fn mqtt31_the_level_of_the_other_name_is_refused_with_return_code_1() {
    for connect in ["connect id=a clean level=4", "connect id=a clean name=MQTT", "connect id=a clean level=2"] {
        check(&format!(
            r#"
            a: open v=3
            a: {connect}
            a< connack sp=0 code=0x84
            a closed
            "#
        ));
    }
}

#[test]
fn mqtt31_connack_does_not_say_that_a_session_is_present() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connect v=3 id=a
        a< connack sp=0 code=0
        a: subscribed t q1
        a: disconnect
        b: publish t q1 id=1 "kept"
        b< puback id=1
        a: connect v=3 id=a
        a< connack sp=0 code=0
        a< publish t q1 id=1 "kept"
        "#,
    );
}

#[test]
fn mqtt31_dup_on_pubrel_subscribe_and_unsubscribe_is_accepted() {
    check(
        r#"
        a: connected v=3 id=a clean
        a: subscribe id=1 t q0 first_byte=0x8a
        a< suback id=1 codes=0
        a: publish t q2 id=5 "x"
        a<* pubrec id=5
        a<* publish t q0 "x"
        a: raw 6a 02 0005
        a< pubcomp id=5
        a: unsubscribe id=2 t first_byte=0xaa
        a< unsuback id=2
        a: publish t "y"
        a nothing
        "#,
    );
}

#[test]
fn mqtt31_other_flags_close_the_connection() {
    for packet in [
        "raw 60 02 0001",
        "subscribe id=1 t first_byte=0x80",
        "subscribe id=1 t first_byte=0x83",
        "unsubscribe id=1 t first_byte=0xa0",
        "raw c8 00",
        "raw e8 00",
        "publish t q3 id=1 \"x\"",
        "publish t/# \"x\"",
        "subscribe id=1 t q3",
        "raw f0 00",
        "connect id=a",
    ] {
        check(&format!(
            r#"
            a: connected v=3 id=a clean
            a: {packet}
            a nothing
            a closed
            "#
        ));
    }
}

/// For the sake of clients that are older still, the Remaining Length counts more than the flags.
#[test]
fn mqtt31_user_name_and_password_may_be_left_out_in_spite_of_their_flags() {
    for packet in [
        "raw 10 len str=\"MQIsdp\" 03 82 0000 str=\"a\"",
        "raw 10 len str=\"MQIsdp\" 03 c2 0000 str=\"a\"",
        "raw 10 len str=\"MQIsdp\" 03 c2 0000 str=\"a\" str=\"u\"",
    ] {
        check(&format!("a: open v=3\n a: {packet}\n a< connack sp=0 code=0\n a open"));
    }
}

#[test]
fn mqtt31_a_malformed_connect_is_closed_without_an_answer() {
    for packet in [
        "raw 10 len str=\"MQIsdp\" 03 02 0000",
        "raw 10 len str=\"MQIsdp\" 03 02 0000 str=\"a\" 00",
        "raw 10 len str=\"MQIsdp\" 03 06 0000 str=\"a\" str=\"t\"",
        "connect id=a will=t will.payload=x flags=0x1e",
        "connect id=\"\\xff\"",
    ] {
        check(&format!("a: open v=3\n a: {packet}\n a nothing\n a closed"));
    }
}

#[test]
fn mqtt31_what_is_unacknowledged_is_sent_again() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=3 id=a
        a: subscribed t q2
        b: publish t q1 id=1 "1"
        b: publish t q2 id=2 "2"
        b: publish t q2 id=3 "3"
        b< puback id=1
        b< pubrec id=2
        b< pubrec id=3
        a< publish t q1 id=1 "1"
        a< publish t q2 id=2 "2"
        a< publish t q2 id=3 "3"
        a: pubrec id=3
        a< pubrel id=3
        a: cut
        a: connected v=3 id=a
        a< pubrel id=3
        a< publish t q1 id=1 "1" dup
        a< publish t q2 id=2 "2" dup
        "#,
    );
}

#[test]
fn mqtt31_the_will_is_published() {
    check(
        r#"
        w: connected v=3 id=w clean
        w: subscribed will q1
        a: connected v=3 id=a clean will=will will.payload="gone" will.q1 will.retain
        a: cut
        w< publish will q1 id=1 "gone"
        retained will="gone"
        b: connected v=3 id=b clean will=will will.payload="not"
        b: disconnect
        w nothing
        "#,
    );
}
