//! MQTT 5.0: PUBLISH, what is refused, what is passed on, topic aliases, expiry and overlapping subscriptions.

use crate::script::check;

/// The publisher is told `code` and its connection ends; nobody gets anything.
fn parts(order: &str, code: u8) {
    check(&format!(
        "shards 1 3
         a: connected id=a clean
         a: subscribed # q2
         p: connected id=p clean
         p: {order}
         p< disconnect code={code:#04x} ..
         p closed
         p gone
         a nothing"
    ));
}

#[test]
fn mqtt5_3_3_1_4_a_publish_with_qos_3_is_malformed() {
    parts(r#"publish t q3 id=1 "x""#, 0x81);
    parts(r#"publish t q3 id=1 "x" dup retain"#, 0x81);
}

#[test]
fn mqtt5_3_3_1_2_a_qos_0_publish_with_dup_is_refused() {
    parts(r#"publish t dup "x""#, 0x82);
}

#[test]
fn mqtt5_2_2_1_3_a_publish_has_a_packet_identifier_that_is_not_zero() {
    parts(r#"publish t q1 id=0 "x""#, 0x81);
    parts(r#"publish t q2 id=0 "x""#, 0x81);
}

#[test]
fn mqtt5_2_2_1_2_a_qos_0_publish_has_no_packet_identifier() {
    // What stands where it would be is the length of the properties and the payload.
    check(
        r#"a: connected id=a clean
           a: subscribed t
           p: connected id=p clean
           p: raw 30 len str="t" 00 07
           a< publish t q0 "\x07""#,
    );
}

#[test]
fn mqtt5_3_3_2_2_a_topic_name_has_no_wildcards() {
    for topic in ["#", "+", "a/#", "a/+/b", "a+", "#a"] {
        parts(&format!(r#"publish "{topic}" "x""#), 0x90);
        parts(&format!(r#"publish "{topic}" q1 id=1 "x""#), 0x90);
    }
}

#[test]
fn mqtt5_3_3_2_1_a_topic_name_is_utf_8_without_null() {
    parts(r#"publish "\xff" "x""#, 0x81);
    parts(r#"publish "a\xed\xa0\x80" "x""#, 0x81);
    parts(r#"publish "a\0b" "x""#, 0x90);
}

#[test]
fn mqtt5_4_7_3_1_a_topic_name_has_a_character_or_an_alias() {
    parts(r#"publish "" "x""#, 0x82);
    parts(r#"publish "" q1 id=1 "x""#, 0x82);
}

#[test]
fn mqtt5_3_3_2_8_topic_aliases_outside_the_announced_range_are_refused() {
    parts(r#"publish t "x" topic_alias=0"#, 0x94);
    parts(r#"publish t "x" topic_alias=65"#, 0x94);
    parts(r#"publish t "x" topic_alias=65535"#, 0x94);
    check(
        "limits topic_alias_maximum=0
         p: connected id=p clean
         p: publish t topic_alias=1
         p< disconnect code=0x94 ..
         p closed",
    );
}

#[test]
fn mqtt5_3_3_2_12_all_announced_topic_aliases_are_accepted() {
    check(
        r#"a: connected id=a clean
           a: subscribed #
           p: connected id=p clean
           p: publish t/1 "1" topic_alias=1
           p: publish t/64 "2" topic_alias=64
           p: publish "" "3" topic_alias=1
           p: publish "" q1 id=5 "4" topic_alias=64
           p: publish "" "5" topic_alias=1 user.k=v
           p: publish u "6" topic_alias=1
           p: publish "" "7" topic_alias=1
           p< puback id=5
           a< publish t/1 q0 "1"
           a< publish t/64 q0 "2"
           a< publish t/1 q0 "3"
           a< publish t/64 q0 "4"
           a< publish t/1 q0 "5" user.k=v
           a< publish u q0 "6"
           a< publish u q0 "7""#,
    );
}

#[test]
fn mqtt5_3_3_2_7_topic_aliases_do_not_outlive_the_connection() {
    parts(r#"publish "" "x" topic_alias=1"#, 0x82);
    check(
        r#"p: connected id=p session_expiry=100
           p: publish t "x" topic_alias=1
           q: connected id=q clean
           q: publish "" "x" topic_alias=1
           q< disconnect code=0x82 ..
           p: close
           p: connected id=p session_expiry=100
           p: publish "" "x" topic_alias=1
           p< disconnect code=0x82 .."#,
    );
    // The same the other way: a new connection is told the name again.
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=100 topic_alias_maximum=5
           a: subscribed topic/1 q1
           p: publish topic/1 q1 id=1 "x"
           p< puback id=1
           a< publish topic/1 q1 id=1 "x" topic_alias=1
           a: close
           a: connected id=a session_expiry=100 topic_alias_maximum=5
           a< publish topic/1 q1 id=1 "x" dup topic_alias=1
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_3_1_2_26_topic_aliases_towards_a_client_stay_within_its_maximum() {
    check(
        r#"a: connected id=a clean topic_alias_maximum=2
           a: subscribed #
           p: connected id=p clean
           p: publish topic/1 "1"
           p: publish topic/2 "2"
           p: publish topic/3 "3"
           p: publish topic/1 "4"
           p: publish topic/2 "5"
           p: publish topic/3 "6"
           a< publish topic/1 q0 "1" topic_alias=1
           a< publish topic/2 q0 "2" topic_alias=2
           a< publish topic/3 q0 "3"
           a< publish "" q0 "4" topic_alias=1
           a< publish "" q0 "5" topic_alias=2
           a< publish topic/3 q0 "6""#,
    );
}

#[test]
fn mqtt5_3_1_2_27_without_a_maximum_there_are_no_topic_aliases() {
    for maximum in ["", "topic_alias_maximum=0"] {
        check(&format!(
            r#"a: connected id=a clean {maximum}
               a: subscribed #
               p: connected id=p clean
               p: publish topic/1 "1" topic_alias=1
               p: publish "" "2" topic_alias=1
               a< publish topic/1 q0 "1"
               a< publish topic/1 q0 "2""#
        ));
    }
}

#[test]
fn mqtt5_3_3_4_6_a_client_sends_no_subscription_identifier() {
    parts(r#"publish t "x" subscription_id=1"#, 0x82);
    parts(r#"publish t q1 id=1 "x" subscription_id=1 subscription_id=2"#, 0x82);
}

#[test]
fn mqtt5_3_3_2_14_a_response_topic_is_a_topic_name() {
    for topic in ["#", "a/+", ""] {
        parts(&format!(r#"publish t "x" response_topic="{topic}""#), 0x82);
    }
    // A Response Topic and two Content Types that are not UTF-8 without null.
    parts(r#"raw 30 len str="t" 04 08 str="\xff""#, 0x81);
    parts(r#"raw 30 len str="t" 04 03 str="\xff""#, 0x81);
    parts(r#"raw 30 len str="t" 05 03 str="a\0""#, 0x81);
}

#[test]
fn mqtt5_3_3_2_4_properties_are_passed_on_unaltered_and_in_order() {
    let all = r#"payload_format=1 content_type="text/plain" response_topic="r/1" correlation_data="\x00\xff" user.b=1 user.a=2 user.b=1 user.c="""#;
    check(&format!(
        r#"a: connected id=a clean
           a: subscribed t q2
           b: connected id=b session_expiry=100
           b: subscribed t q1
           b: close
           c: connected id=c clean topic_alias_maximum=1
           c: subscribed subscription_id=9 t
           p: connected id=p clean
           p: publish t q2 id=1 retain "x" message_expiry=100 topic_alias=1 {all}
           p< pubrec id=1
           p: pubrel id=1
           p< pubcomp id=1
           a< publish t q2 id=1 "x" message_expiry=100 {all}
           a: pubrec id=1
           a< pubrel id=1
           a: pubcomp id=1
           c< publish t q0 "x" message_expiry=100 subscription_id=9 {all}
           b: connected id=b session_expiry=100
           b< publish t q1 id=1 "x" message_expiry=100 {all}
           b: puback id=1
           d: connected id=d clean
           d: subscribed t
           d< publish t q0 "x" retain message_expiry=100 {all}"#
    ));
}

#[test]
fn mqtt5_3_3_2_4_properties_of_value_zero_and_empty_ones_are_passed_on_too() {
    check(
        r#"a: connected id=a clean
           a: subscribed t
           p: connected id=p clean
           p: publish t payload_format=0 content_type="" correlation_data="" user.k=""
           a< publish t q0 payload_format=0 content_type="" correlation_data="" user.k="""#,
    );
}

#[test]
fn a_payload_is_not_held_against_its_format_indicator() {
    check(
        r#"a: connected id=a clean
           a: subscribed t
           p: connected id=p clean
           p: publish t q1 id=1 "\xff" payload_format=1
           p< puback id=1
           a< publish t q0 "\xff" payload_format=1"#,
    );
}

#[test]
fn mqtt5_3_3_2_5_a_message_that_expired_in_the_queue_is_not_delivered() {
    check(
        r#"a: connected id=a session_expiry=1000
           a: subscribed t q1
           a: close
           p: connected id=p clean
           p: publish t q1 id=1 "short" message_expiry=10
           p: publish t q1 id=2 "for ever"
           p: publish t q1 id=3 "long" message_expiry=100
           p: publish t q1 id=4 "short again" message_expiry=10
           p< puback id=1
           p< puback id=2
           p< puback id=3
           p< puback id=4
           wait 20s
           a: connected id=a session_expiry=1000
           a< publish t q1 id=1 "for ever"
           a< publish t q1 id=2 "long" message_expiry=80
           a nothing
           a: puback id=1
           a: puback id=2
           metric dropped_expired_total=2"#,
    );
}

#[test]
fn mqtt5_3_3_2_6_the_expiry_interval_passed_on_is_what_is_left() {
    check(
        r#"a: connected id=a session_expiry=1000 receive_maximum=1
           a: subscribed t q1
           p: connected id=p clean
           p: publish t q1 id=1 "now" message_expiry=10
           p: publish t q1 id=2 "later" message_expiry=10
           p: publish t q1 id=3 "never" message_expiry=7
           p< puback id=1
           p< puback id=2
           p< puback id=3
           a< publish t q1 id=1 "now" message_expiry=10
           wait 7s
           a nothing
           a: puback id=1
           a< publish t q1 id=2 "later" message_expiry=3
           a: puback id=2
           a nothing"#,
    );
}

#[test]
fn a_message_that_may_not_live_at_all_reaches_only_who_is_there() {
    check(
        r#"a: connected id=a clean
           a: subscribed t
           b: connected id=b session_expiry=100
           b: subscribed t q1
           b: close
           p: connected id=p clean
           p: publish t q1 id=1 retain "x" message_expiry=0
           p< puback id=1
           a< publish t q0 "x" message_expiry=0
           wait 1ms
           b: connected id=b session_expiry=100
           b nothing
           b: subscribed t q1
           b nothing
           retained"#,
    );
}

#[test]
fn mqtt5_3_3_4_2_one_copy_with_the_highest_qos_and_all_subscription_identifiers() {
    check(
        r#"a: connected id=a clean
           a: subscribed id=1 subscription_id=1 t/# q0
           a: subscribed id=2 subscription_id=268435455 t/+ q2
           a: subscribed id=3 t/1 q1
           a: subscribed id=4 subscription_id=3 u q1
           p: connected id=p clean
           p: publish t/1 q1 id=1 "x"
           p< puback id=1
           a< publish t/1 q1 id=1 "x" subscription_id=1 subscription_id=268435455
           a nothing
           a: puback id=1
           p: publish t/1 q2 id=2 "y"
           p< pubrec id=2
           p: pubrel id=2
           p< pubcomp id=2
           a< publish t/1 q2 id=2 "y" subscription_id=1 subscription_id=268435455
           a: pubrec id=2
           a< pubrel id=2
           a: pubcomp id=2"#,
    );
}

#[test]
fn mqtt5_3_3_4_4_an_identifier_of_two_matching_subscriptions_comes_twice() {
    check(
        r#"a: connected id=a clean
           a: subscribed subscription_id=5 t/1 t/#
           p: connected id=p clean
           p: publish t/1 "x"
           a< publish t/1 q0 "x" subscription_id=5 subscription_id=5"#,
    );
}

#[test]
fn mqtt5_3_3_4_3_a_subscription_identifier_comes_with_queued_and_retained_messages_too() {
    check(
        r#"p: connected id=p clean
           p: publish t/1 retain "r"
           a: connected id=a session_expiry=100
           a: subscribed id=1 subscription_id=7 t/# q1
           a< publish t/1 q0 retain "r" subscription_id=7
           a: close
           p: publish t/2 q1 id=1 "x"
           p< puback id=1
           a: connected id=a session_expiry=100
           a< publish t/2 q1 id=1 "x" subscription_id=7
           a: cut
           a: connected id=a session_expiry=100
           a< publish t/2 q1 id=1 "x" dup subscription_id=7
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_3_3_4_4_a_replaced_subscription_has_its_new_identifier_or_none() {
    check(
        r#"a: connected id=a clean
           p: connected id=p clean
           a: subscribed id=1 subscription_id=7 t
           p: publish t "1"
           a< publish t q0 "1" subscription_id=7
           a: subscribed id=2 subscription_id=8 t
           p: publish t "2"
           a< publish t q0 "2" subscription_id=8
           a: subscribed id=3 t
           p: publish t "3"
           a< publish t q0 "3""#,
    );
}

#[test]
fn mqtt5_3_3_4_7_more_qos_2_publications_than_the_announced_receive_maximum_are_refused() {
    check(
        r#"limits receive_maximum=2
           p: connected id=p clean
           p: publish t q2 id=1 "x"
           p: publish t q2 id=2 "x"
           p< pubrec id=1 code=0x10
           p< pubrec id=2 code=0x10
           p: publish t q2 id=1 "x" dup
           p< pubrec id=1
           p: pubrel id=1
           p< pubcomp id=1
           p: publish t q2 id=3 "x"
           p< pubrec id=3 code=0x10
           p: publish t q2 id=4 "x"
           p< disconnect code=0x93 ..
           p closed"#,
    );
}

#[test]
fn mqtt5_3_3_4_7_qos_1_publications_are_acknowledged_at_once_and_never_too_many() {
    check(
        r#"limits receive_maximum=1
           p: connected id=p clean
           p: publish t q1 id=1 &
           p: publish t q1 id=2 &
           p: publish t q1 id=3
           p< puback id=1 code=0x10
           p< puback id=2 code=0x10
           p< puback id=3 code=0x10
           p open"#,
    );
}

#[test]
fn mqtt5_3_1_2_24_a_packet_too_large_for_the_client_is_not_sent_and_counts_as_delivered() {
    check(
        r#"a: connected id=a session_expiry=100 maximum_packet_size=30
           a: subscribed t q1
           b: connected id=b clean
           b: subscribed t q1
           p: connected id=p clean
           p: publish t *100
           p: publish t q1 id=1 *100
           p: publish t q1 id=2 "small"
           p: publish t q1 id=3 "small" content_type="text/plain; charset=utf-8"
           p< puback id=1
           p< puback id=2
           p< puback id=3
           a< publish t q1 id=_ "small"
           a nothing
           b< publish t q0 *100
           b< publish t q1 id=1 *100
           b< publish t q1 id=2 "small"
           b< publish t q1 id=3 "small" content_type="text/plain; charset=utf-8"
           b: close
           metric dropped_too_large_total=3
           a: cut
           p: publish t q1 id=4 *100
           p< puback id=4
           a: connected id=a session_expiry=100 maximum_packet_size=30
           a< publish t q1 id=_ "small" dup
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_1_2_24_a_packet_of_just_the_maximum_packet_size_is_sent() {
    // QoS 0: 1 + 1 + 2 + 1 + 1 + payload; QoS 1: two more.
    for alias in ["", "topic_alias_maximum=5"] {
        check(&format!(
            r#"a: connected id=a clean maximum_packet_size=40 {alias}
               a: subscribed t q1
               p: connected id=p clean
               p: publish t *34
               p: publish t *35
               p: publish t q1 id=1 *32
               p: publish t q1 id=2 *33
               p< puback id=1
               p< puback id=2
               a< publish t q0 *34
               a< publish t q1 id=1 *32
               a: puback id=1
               a nothing
               metric dropped_too_large_total=2"#
        ));
    }
    // A topic that is worth an alias goes by name if the alias is what makes it too large.
    check(
        r#"a: connected id=a clean maximum_packet_size=40 topic_alias_maximum=5
           a: subscribed topic/1 q1
           p: connected id=p clean
           p: publish topic/1 *28
           p: publish topic/1 q1 id=1 *26
           p: publish topic/1 *1
           p: publish topic/1 *30
           p< puback id=1
           a< publish topic/1 q0 *28
           a< publish topic/1 q1 id=1 *26
           a: puback id=1
           a< publish topic/1 q0 *1 topic_alias=1
           a nothing"#,
    );
}
