//! MQTT 5.0: the three delivery protocols, both ways, and redelivery.

use crate::script::check;

#[test]
fn mqtt5_4_3_1_1_qos_0_is_sent_once_without_identifier() {
    check(
        r#"a: connected id=a clean
           a: subscribed t q2
           p: connected id=p clean
           p: publish t "x"
           a< publish t q0 "x"
           p nothing"#,
    );
}

#[test]
fn mqtt5_4_3_2_4_qos_1_is_acknowledged_with_its_identifier() {
    check(
        r#"a: connected id=a clean
           a: subscribed t q1
           p: connected id=p clean
           p: publish t q1 id=65535 "x"
           p< puback id=65535
           a< publish t q1 id=1 "x"
           p: publish t q1 id=65535 "y"
           p< puback id=65535
           a< publish t q1 id=2 "y"
           // The identifier is free after PUBACK, whatever DUP says.
           p: publish t q1 id=65535 "y" dup
           p< puback id=65535
           a< publish t q1 id=3 "y"
           a: puback id=1
           a: puback id=2
           a: puback id=3"#,
    );
}

#[test]
fn mqtt5_4_3_3_8_qos_2_goes_through_all_four_packets() {
    check(
        r#"a: connected id=a clean
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q2 id=7 "x"
           p< pubrec id=7
           a< publish t q2 id=1 "x"
           a: pubrec id=1
           a< pubrel id=1
           a: pubcomp id=1
           p: pubrel id=7
           p< pubcomp id=7
           a nothing
           p nothing"#,
    );
}

#[test]
fn mqtt5_4_3_3_10_a_repeated_qos_2_publish_is_acknowledged_and_not_delivered_again() {
    check(
        r#"a: connected id=a clean
           a: subscribed t
           p: connected id=p clean
           p: publish t q2 id=7 "x"
           p< pubrec id=7
           p: publish t q2 id=7 "x" dup
           p< pubrec id=7
           p: publish t q2 id=7 "x"
           p< pubrec id=7
           a< publish t q0 "x"
           a nothing
           p: pubrel id=7
           p< pubcomp id=7
           // Released: the same identifier is a new message.
           p: publish t q2 id=7 "y"
           p< pubrec id=7
           a< publish t q0 "y"
           p: pubrel id=7
           p< pubcomp id=7"#,
    );
}

#[test]
fn mqtt5_4_3_3_10_a_qos_2_publish_repeated_on_a_new_connection_is_not_delivered_again() {
    check(
        r#"a: connected id=a clean
           a: subscribed t
           p: connected id=p session_expiry=100
           p: publish t q2 id=7 "x"
           p< pubrec id=7
           p: cut
           p: connect id=p session_expiry=100
           p< connack sp=1 code=0 ..
           p: publish t q2 id=7 "x" dup
           p< pubrec id=7
           a< publish t q0 "x"
           a nothing
           p: pubrel id=7
           p< pubcomp id=7"#,
    );
}

#[test]
fn mqtt5_4_3_3_9_a_refused_qos_2_publish_frees_its_identifier() {
    check(
        r#"limits topic_levels_max=2
           a: connected id=a clean
           a: subscribed t
           p: connected id=p clean
           p: publish a/b/c q2 id=7 "x"
           p< pubrec id=7 code=0x90
           p: publish t q2 id=7 "y"
           p< pubrec id=7
           a< publish t q0 "y"
           p: pubrel id=7
           p< pubcomp id=7
           p: pubrel id=7
           p< pubcomp id=7 code=0x92"#,
    );
}

#[test]
fn mqtt5_3_6_2_1_unknown_identifiers_are_answered_0x92_and_forgiven() {
    check(
        "a: connected id=a clean
         a: pubrel id=5
         a< pubcomp id=5 code=0x92
         a: pubrec id=6
         a< pubrel id=6 code=0x92
         a: pubrec id=6 code=0x80
         a: puback id=7
         a: pubcomp id=8
         a nothing
         a open",
    );
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_is_a_protocol_error() {
    for (qos, order) in [("q1", "pubrec id=1"), ("q2", "puback id=1"), ("q2", "pubcomp id=1"), ("q1", "pubcomp id=1")] {
        check(&format!(
            r#"a: connected id=a clean
               a: subscribed t {qos}
               p: connected id=p clean
               p: publish t q2 id=1 "x"
               p< pubrec id=1
               a< publish t {qos} id=1 "x"
               a: {order}
               a< disconnect code=0x82 ..
               a closed"#
        ));
    }
}

#[test]
fn mqtt5_3_4_2_1_a_publication_nobody_wants_is_acknowledged_0x10() {
    check(
        r#"p: connected id=p clean
           p: publish t q1 id=1 "x"
           p< puback id=1 code=0x10
           p: publish t q2 id=2 "x"
           p< pubrec id=2 code=0x10
           p: pubrel id=2
           p< pubcomp id=2
           a: connected id=a clean
           a: subscribed t
           p: publish t q1 id=1 "x"
           p< puback id=1
           a< publish t q0 "x""#,
    );
}

#[test]
fn mqtt5_2_2_1_4_identifiers_start_at_1_and_go_up() {
    check(
        r#"a: connected id=a clean
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q1 id=9 "1" &
           p: publish t q2 id=8 "2" &
           p: publish t q1 id=7 "3"
           p< puback id=9
           p< pubrec id=8
           p< puback id=7
           a< publish t q1 id=1 "1"
           a< publish t q2 id=2 "2"
           a< publish t q1 id=3 "3"
           a: puback id=3
           a: puback id=1
           p: publish t q1 id=1 "4"
           p< puback id=1
           a< publish t q1 id=4 "4"
           a: puback id=4
           a: pubrec id=2
           a< pubrel id=2
           a: pubcomp id=2
           p: pubrel id=8
           p< pubcomp id=8"#,
    );
}

#[test]
fn mqtt5_4_4_0_1_a_new_connection_gets_what_was_not_acknowledged_with_dup() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q1 id=1 "1" &
           p: publish t q2 id=2 "2" &
           p: publish t q2 id=3 "3" &
           p: publish t q1 id=4 "4"
           p< puback id=1
           p< pubrec id=2
           p< pubrec id=3
           p< puback id=4
           a< publish t q1 id=1 "1"
           a< publish t q2 id=2 "2"
           a< publish t q2 id=3 "3"
           a< publish t q1 id=4 "4"
           a: pubrec id=3
           a< pubrel id=3
           a: puback id=4
           // On the same connection nothing is ever sent again.
           wait 1h
           a nothing
           a: cut
           a: connect id=a session_expiry=100
           a< connack sp=1 code=0 ..
           a<* pubrel id=3
           a< publish t q1 id=1 "1" dup
           a< publish t q2 id=2 "2" dup
           a nothing
           a: pubcomp id=3
           a: puback id=1
           a: pubrec id=2
           a< pubrel id=2
           a: cut
           a: connect id=a session_expiry=100
           a< connack sp=1 code=0 ..
           a< pubrel id=2
           a: pubcomp id=2
           a: cut
           a: connected id=a session_expiry=100
           a nothing
           p: pubrel id=2
           p< pubcomp id=2
           p: pubrel id=3
           p< pubcomp id=3"#,
    );
}

#[test]
fn mqtt5_4_4_0_2_a_message_the_client_refused_is_not_sent_again() {
    for code in ["0x80", "0x83", "0x87", "0x90", "0x91", "0x97", "0x99"] {
        check(&format!(
            r#"shards 1 3
               a: connected id=a session_expiry=100
               a: subscribed t q2
               p: connected id=p clean
               p: publish t q1 id=1 "1" &
               p: publish t q2 id=2 "2"
               p< puback id=1
               p< pubrec id=2
               a< publish t q1 id=1 "1"
               a< publish t q2 id=2 "2"
               a: puback id=1 code={code}
               a: pubrec id=2 code={code} reason_string=no user.k=v
               a nothing
               a: cut
               a: connected id=a session_expiry=100
               a nothing
               p: pubrel id=2
               p< pubcomp id=2"#
        ));
    }
}

#[test]
fn mqtt5_3_3_1_3_dup_of_the_publisher_is_not_passed_on() {
    check(
        r#"a: connected id=a clean
           a: subscribed t q1
           p: connected id=p clean
           p: publish t q1 id=1 "x" dup
           p< puback id=1
           a< publish t q1 id=1 "x"
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_4_3_3_7_a_message_that_was_sent_does_not_expire() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q2 id=1 "x" message_expiry=5
           p< pubrec id=1
           a< publish t q2 id=1 "x" message_expiry=5
           a: cut
           wait 10s
           a: connected id=a session_expiry=100
           a< publish t q2 id=1 "x" dup message_expiry=0
           a: pubrec id=1
           a< pubrel id=1
           a: pubcomp id=1
           p: pubrel id=1
           p< pubcomp id=1"#,
    );
}

#[test]
fn mqtt5_4_3_3_13_a_message_that_expired_is_still_acknowledged() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q2
           a: close
           p: connected id=p clean
           p: publish t q2 id=1 "x" message_expiry=1
           p< pubrec id=1
           wait 5s
           p: publish t q2 id=1 "x" message_expiry=1 dup
           p< pubrec id=1
           p: pubrel id=1
           p< pubcomp id=1
           a: connected id=a session_expiry=100
           a nothing"#,
    );
}

#[test]
fn mqtt5_4_3_3_4_a_repeated_pubrec_is_answered_with_pubrel_again() {
    check(
        r#"a: connected id=a clean
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q2 id=1 "x"
           p< pubrec id=1
           a< publish t q2 id=1 "x"
           a: pubrec id=1
           a< pubrel id=1
           a: pubrec id=1
           a< pubrel id=1
           a: pubcomp id=1
           a: pubrec id=1
           a< pubrel id=1 code=0x92
           p: pubrel id=1
           p< pubcomp id=1"#,
    );
}
