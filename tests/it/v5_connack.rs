//! MQTT 5.0: CONNACK, what it says of the server and of what was agreed on.

use crate::script::check;

#[test]
fn connack_says_what_the_server_takes_and_nothing_more() {
    check(
        "a: connect id=a clean
         a< connack sp=0 code=0 receive_maximum=1024 maximum_packet_size=2097152 topic_alias_maximum=64",
    );
    check(
        "limits receive_maximum=7 packet_bytes_max=1000 topic_alias_maximum=0
         a: connect id=a clean session_expiry=9 keep_alive=8 receive_maximum=3 topic_alias_maximum=2 user.k=v
         a< connack sp=0 code=0 receive_maximum=7 maximum_packet_size=1000",
    );
}

#[test]
fn mqtt5_3_2_0_1_connack_is_the_first_packet() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=100
           a: subscribed t q1
           a: close
           p: publish t q1 id=1 "one"
           p< puback id=1
           a: connect id=a session_expiry=100
           a< connack sp=1 code=0 ..
           a< publish t q1 id=1 "one"
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_3_2_2_2_session_present_says_whether_there_was_a_session() {
    check(
        "a: connect id=a clean session_expiry=100
         a< connack sp=0 code=0 ..
         a: close
         a: connect id=a session_expiry=100
         a< connack sp=1 code=0 ..
         a: close
         a: connect id=a clean session_expiry=100
         a< connack sp=0 code=0 ..
         b: connect id=b session_expiry=100
         b< connack sp=0 code=0 ..",
    );
}

#[test]
fn mqtt5_3_2_2_6_a_refusal_says_that_no_session_is_present_and_closes() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q1
           a: close
           a: connect id=a session_expiry=100 authentication_method=m
           a< connack sp=0 code=0x8c ..
           a closed
           a gone
           // The session has not suffered from it.
           a: connect id=a session_expiry=100
           a< connack sp=1 code=0 .."#,
    );
}

#[test]
fn mqtt5_3_2_2_19_a_reason_string_that_does_not_fit_is_left_out() {
    check(
        "a: connect id=a clean authentication_method=m
         a< connack sp=0 code=0x8c reason_string=_
         b: connect id=b clean authentication_method=m maximum_packet_size=20
         b< connack sp=0 code=0x8c
         c: connect id=c clean authentication_method=m maximum_packet_size=5
         c< connack sp=0 code=0x8c
         c closed
         d: connect id=d clean authentication_method=m maximum_packet_size=4
         d nothing
         d closed",
    );
}

#[test]
fn mqtt5_3_1_2_24_a_client_too_small_for_connack_is_refused() {
    check(
        "a: connect id=a clean maximum_packet_size=16
         a< connack sp=0 code=0 receive_maximum=1024 maximum_packet_size=2097152 topic_alias_maximum=64
         b: connect id=b clean session_expiry=100 maximum_packet_size=15 will=w will.payload=x
         b< connack sp=0 code=0x83
         b closed
         c: connect id=c clean maximum_packet_size=4 will=w will.payload=x
         c nothing
         c closed
         metric sessions_now=1
         metric wills_published_total=0",
    );
}

#[test]
fn mqtt5_3_1_2_24_a_refusal_for_its_size_leaves_the_session_alone() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=100
           a: subscribed t q1
           b: connect id=a clean session_expiry=100 maximum_packet_size=15
           b< connack sp=0 code=0x83
           p: publish t q1 id=1 "x"
           p< puback id=1
           a< publish t q1 id=1 "x"
           a: puback id=1
           metric takeovers_total=0"#,
    );
}

#[test]
fn mqtt5_3_2_2_21_a_shorter_keep_alive_is_announced_and_holds() {
    let script = "limits keep_alive_max_s=60
         a: connect id=a clean keep_alive=ASKED
         a< connack sp=0 code=0 receive_maximum=_ maximum_packet_size=_ topic_alias_maximum=_ TOLD
         wait LESSs
         a open
         wait 0.2s
         a< disconnect code=0x8d ..
         a closed";
    for (asked, told, less) in [
        ("0", "server_keep_alive=60", "89.9"),
        ("100", "server_keep_alive=60", "89.9"),
        ("65535", "server_keep_alive=60", "89.9"),
        ("60", "", "89.9"),
        ("1", "", "1.4"),
    ] {
        check(&script.replace("ASKED", asked).replace("TOLD", told).replace("LESS", less));
    }
}

#[test]
fn a_session_expiry_interval_above_the_bound_is_lowered_and_told() {
    let script = "limits session_expiry_interval_max_s=100
         a: connect id=a clean session_expiry=ASKED
         a< connack sp=0 code=0 receive_maximum=_ maximum_packet_size=_ topic_alias_maximum=_ TOLD
         a: close
         wait ENDs
         metric sessions_now=1
         wait 0.2s
         metric sessions_now=0";
    for (asked, told, end) in [
        ("101", "session_expiry=100", "99.9"),
        ("4294967295", "session_expiry=100", "99.9"),
        ("100", "", "99.9"),
        ("50", "", "49.9"),
    ] {
        check(&script.replace("ASKED", asked).replace("TOLD", told).replace("END", end));
    }
}

#[test]
fn mqtt5_3_1_2_28_response_information_is_given_to_who_asks_for_it() {
    check(
        r#"response_information "reply/to/"
           a: connect id=a clean request_response_information=1
           a< connack response_information="reply/to/" ..
           b: connect id=b clean request_response_information=0
           b< connack sp=0 code=0 receive_maximum=_ maximum_packet_size=_ topic_alias_maximum=_
           c: connect id=c clean
           c< connack sp=0 code=0 receive_maximum=_ maximum_packet_size=_ topic_alias_maximum=_"#,
    );
    check(
        "a: connect id=a clean request_response_information=1
         a< connack sp=0 code=0 receive_maximum=_ maximum_packet_size=_ topic_alias_maximum=_",
    );
}

#[test]
fn a_server_that_is_ending_refuses_and_may_name_another() {
    check(
        "drain
         a: connect id=a clean
         a< connack sp=0 code=0x88 ..
         a closed
         drained",
    );
    check(
        r#"server_reference "other:1883"
           drain
           a: connect id=a clean
           a< connack sp=0 code=0x9c server_reference="other:1883" ..
           a closed
           drained"#,
    );
}
