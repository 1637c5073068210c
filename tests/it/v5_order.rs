//! MQTT 5.0: the order of messages and acknowledgements, and flow control.

use crate::script::check;

#[test]
fn mqtt5_4_6_0_2_acknowledgements_come_in_the_order_of_the_publications() {
    check(
        r#"a: connected id=a clean
           a: subscribed t
           p: connected id=p clean
           p: publish t q1 id=3 "1" &
           p: publish t q1 id=1 "2" &
           p: publish t q1 id=2 "3" &
           p: publish t q2 id=6 "4" &
           p: publish t q2 id=5 "5" &
           p: pubrel id=6 &
           p: pubrel id=5
           p< puback id=3
           p< puback id=1
           p< puback id=2
           p< pubrec id=6
           p< pubrec id=5
           p< pubcomp id=6
           p< pubcomp id=5
           a< publish t q0 "1"
           a< publish t q0 "2"
           a< publish t q0 "3"
           a< publish t q0 "4"
           a< publish t q0 "5""#,
    );
}

#[test]
fn mqtt5_4_6_0_4_pubrels_come_in_the_order_of_the_pubrecs() {
    check(
        r#"a: connected id=a clean
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q2 id=1 "1" &
           p: publish t q2 id=2 "2"
           p< pubrec id=1
           p< pubrec id=2
           a< publish t q2 id=1 "1"
           a< publish t q2 id=2 "2"
           a: pubrec id=2 &
           a: pubrec id=1
           a< pubrel id=2
           a< pubrel id=1
           a: pubcomp id=1
           a: pubcomp id=2
           p: pubrel id=1
           p< pubcomp id=1
           p: pubrel id=2
           p< pubcomp id=2"#,
    );
}

#[test]
fn mqtt5_4_6_0_5_messages_of_one_topic_and_qos_come_in_order_whether_live_or_queued() {
    check(
        r#"a: connected id=a session_expiry=100 receive_maximum=2
           a: subscribed t q1
           p: connected id=p clean
           p: publish t q1 id=1 "1" &
           p: publish t q1 id=2 "2" &
           p: publish t q1 id=3 "3" &
           p: publish t q1 id=4 "4"
           p< puback id=1
           p< puback id=2
           p< puback id=3
           p< puback id=4
           a< publish t q1 id=1 "1"
           a< publish t q1 id=2 "2"
           a: cut
           p: publish t q1 id=5 "5"
           p< puback id=5
           a: connected id=a session_expiry=100
           a< publish t q1 id=1 "1" dup
           a< publish t q1 id=2 "2" dup
           a< publish t q1 id=3 "3"
           a< publish t q1 id=4 "4"
           a< publish t q1 id=5 "5"
           a: puback id=1
           a: puback id=2
           a: puback id=3
           a: puback id=4
           a: puback id=5"#,
    );
}

#[test]
fn mqtt5_3_3_4_9_no_more_than_receive_maximum_are_unacknowledged() {
    check(
        r#"a: connected id=a clean receive_maximum=2
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q1 id=1 "1" &
           p: publish t q2 id=2 "2" &
           p: publish t q1 id=3 "3" &
           p: publish t q2 id=4 "4" &
           p: publish t "zero" &
           p: pubrel id=2 &
           p: pubrel id=4
           p< puback id=1
           p< pubrec id=2
           p< puback id=3
           p< pubrec id=4
           p< pubcomp id=2
           p< pubcomp id=4
           a< publish t q1 id=1 "1"
           a< publish t q2 id=2 "2"
           // QoS 0 and every other packet do not count.
           a<* publish t q0 "zero"
           a: pingreq
           a< pingresp
           a: subscribed id=9 u q1
           a nothing
           // PUBREC frees nothing, PUBCOMP does.
           a: pubrec id=2
           a< pubrel id=2
           a nothing
           a: pubcomp id=2
           a< publish t q1 id=3 "3"
           // A refusing PUBREC frees one, too.
           a: puback id=1
           a< publish t q2 id=4 "4"
           a: pubrec id=4 code=0x97
           a: puback id=3
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_3_4_9_redelivery_respects_the_receive_maximum_of_the_new_connection() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q1
           p: connected id=p clean
           p: publish t q1 id=1 "1" &
           p: publish t q1 id=2 "2" &
           p: publish t q1 id=3 "3"
           p< puback id=1
           p< puback id=2
           p< puback id=3
           a< publish t q1 id=1 "1"
           a< publish t q1 id=2 "2"
           a< publish t q1 id=3 "3"
           a: cut
           a: connected id=a session_expiry=100 receive_maximum=1
           a< publish t q1 id=1 "1" dup
           a nothing
           a: puback id=1
           a< publish t q1 id=2 "2" dup
           a nothing
           a: puback id=2
           a< publish t q1 id=3 "3" dup
           p: publish t q1 id=4 "4"
           p< puback id=4
           a nothing
           a: puback id=3
           a< publish t q1 id=4 "4"
           a: puback id=4"#,
    );
}

#[test]
fn mqtt5_3_3_4_10_pubrel_is_not_withheld_by_the_receive_maximum() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q1 id=1 "1" &
           p: publish t q2 id=2 "2" &
           p: publish t q2 id=3 "3" &
           p: pubrel id=2 &
           p: pubrel id=3
           p< puback id=1
           p< pubrec id=2
           p< pubrec id=3
           p< pubcomp id=2
           p< pubcomp id=3
           a< publish t q1 id=1 "1"
           a< publish t q2 id=2 "2"
           a< publish t q2 id=3 "3"
           a: pubrec id=2
           a< pubrel id=2
           a: pubrec id=3
           a< pubrel id=3
           a: cut
           a: connected id=a session_expiry=100 receive_maximum=1
           a<* pubrel id=2
           a<* pubrel id=3
           a: pubcomp id=2
           a: pubcomp id=3
           a< publish t q1 id=1 "1" dup
           a: puback id=1"#,
    );
}
