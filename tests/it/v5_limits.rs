//! Every bound of the broker, and what a 5.0 client sees at it.

use crate::script::check;

#[test]
fn connections_max_refuses_one_more() {
    check(
        r#"limits connections_max=2
           a: connected id=a clean
           b: connected id=b clean
           c: connect id=c clean
           c< connack sp=0 code=0x97 ..
           c closed
           c gone
           a: close
           d: connected id=d clean
           metric connections_over_limit_total=1"#,
    );
}

#[test]
fn sessions_max_refuses_one_more_and_lets_known_ones_in() {
    check(
        r#"shards 1
           limits sessions_max=2
           a: connected id=a session_expiry=100
           b: connected id=b clean
           c: connect id=c clean
           c< connack sp=0 code=0x97 ..
           c closed
           a: close
           c: connect id=c clean
           c< connack sp=0 code=0x97 ..
           a: connected id=a clean session_expiry=100
           b: close
           c: connected id=c clean
           metric sessions_refused_total=2"#,
    );
}

#[test]
fn packet_bytes_max_ends_a_connection_that_sends_more() {
    check(
        r#"limits packet_bytes_max=40
           a: connected id=a clean
           a: publish t q1 id=1 *32
           a< puback id=1 code=0x10
           a: publish t q1 id=1 *33
           a< disconnect code=0x95 ..
           a closed
           b: connect id=b clean username=*100
           b< connack sp=0 code=0x95 ..
           b closed"#,
    );
    // It is seen as soon as the length is there, in any form of the length.
    check(
        r#"a: connected id=a clean
           a: raw 30 ffffff7f 00
           a< disconnect code=0x95 ..
           a closed
           b: open
           b: raw 10 ffffff7f str="MQTT" 05 02 003c 00 str="b"
           b< connack sp=0 code=0x95 ..
           b closed"#,
    );
}

#[test]
fn inflight_messages_max_holds_whatever_the_client_allows() {
    check(
        r#"limits inflight_messages_max=2
           a: connected id=a clean receive_maximum=100
           a: subscribed t q1
           p: connected id=p clean
           p: publish t q1 id=1 "1"
           p: publish t q1 id=2 "2"
           p: publish t q1 id=3 "3"
           p< puback id=1
           p< puback id=2
           p< puback id=3
           a< publish t q1 id=1 "1"
           a< publish t q1 id=2 "2"
           a nothing
           a: puback id=1
           a< publish t q1 id=3 "3"
           a: puback id=2
           a: puback id=3"#,
    );
}

#[test]
fn queue_messages_max_drops_the_newest_or_the_oldest() {
    for (policy, left) in [("drop_newest", ["1", "2"]), ("drop_oldest", ["2", "3"])] {
        check(&format!(
            r#"limits queue_messages_max=2
               queue_full {policy}
               a: connected id=a session_expiry=100
               a: subscribed t q1
               a: close
               p: connected id=p clean
               p: publish t q1 id=1 "1"
               p: publish t q1 id=2 "2"
               p: publish t q1 id=3 "3"
               p< puback id=1
               p< puback id=2
               p< puback id=3
               a: connected id=a session_expiry=100
               a< publish t q1 id=1 "{}"
               a< publish t q1 id=2 "{}"
               a nothing
               a: puback id=1
               a: puback id=2
               metric dropped_queue_messages_total=1"#,
            left[0], left[1]
        ));
    }
}

#[test]
fn mqtt5_3_3_2_5_messages_that_expired_in_a_full_queue_make_room() {
    check(
        r#"limits queue_messages_max=2
           a: connected id=a session_expiry=100
           a: subscribed t q1
           a: close
           p: connected id=p clean
           p: publish t q1 id=1 "1" message_expiry=5
           p: publish t q1 id=2 "2" message_expiry=5
           p< puback id=1
           p< puback id=2
           wait 6s
           p: publish t q1 id=3 "3"
           p< puback id=3
           a: connected id=a session_expiry=100
           a< publish t q1 id=1 "3"
           a: puback id=1
           metric dropped_expired_total=2
           metric dropped_queue_messages_total=0"#,
    );
}

#[test]
fn queue_bytes_max_counts_topic_properties_and_payload() {
    check(
        r#"limits queue_bytes_max=100
           a: connected id=a session_expiry=100
           a: subscribed t q1
           a: close
           p: connected id=p clean
           p: publish t q1 id=1 *49
           p: publish t q1 id=2 *49
           p: publish t q1 id=3
           p< puback id=1
           p< puback id=2
           p< puback id=3
           a: connected id=a session_expiry=100
           a< publish t q1 id=1 *49
           a< publish t q1 id=2 *49
           a nothing
           a: puback id=1
           a: puback id=2
           metric dropped_queue_bytes_total=1"#,
    );
}

#[test]
fn outbox_bytes_max_drops_qos_0_and_queues_the_rest() {
    check(
        r#"limits outbox_bytes_max=100
           a: connected id=a clean
           a: subscribed t q1
           a: stall
           p: connected id=p clean
           p: publish t *90
           p: publish t *90
           p: publish t "dropped"
           p: publish t q1 id=1 "queued"
           p< puback id=1
           a: go
           wait 1s
           a< publish t q0 *90
           a< publish t q0 *90
           a< publish t q1 id=1 "queued"
           a: puback id=1
           a nothing
           metric dropped_outbox_full_total=1"#,
    );
}

#[test]
fn outbox_bytes_max_stops_reading_a_client_that_does_not_listen() {
    check(
        r#"limits outbox_bytes_max=100
           p: connected id=p clean
           p: subscribed u
           a: connected id=a clean
           a: subscribed t
           a: stall
           a: publish t *120
           metric slow_consumer_pauses_total=1
           a: publish u "unread"
           p nothing
           a: go
           wait 1s
           a< publish t q0 *120
           p< publish u q0 "unread"
           metric slow_consumer_pauses_total=1"#,
    );
}

#[test]
fn retained_messages_max_refuses_who_can_be_told_and_delivers_the_rest() {
    check(
        r#"limits retained_messages_max=1
           a: connected id=a clean
           a: subscribed # rap
           p: connected id=p clean
           p: publish t/1 retain "1"
           a< publish t/1 q0 retain "1"
           p: publish t/2 q1 id=1 retain "2"
           p< puback id=1 code=0x97
           p: publish t/2 q2 id=2 retain "2"
           p< pubrec id=2 code=0x97
           a nothing
           p: publish t/2 retain "3"
           a< publish t/2 q0 "3"
           p: publish t/1 q1 id=1 retain "4"
           p< puback id=1
           a< publish t/1 q0 retain "4"
           retained t/1="4"
           p: publish t/1 retain
           a< publish t/1 q0 retain
           p: publish t/2 retain "5"
           a< publish t/2 q0 retain "5"
           retained t/2="5"
           metric retained_refused_total=3"#,
    );
}

#[test]
fn retained_bytes_max_counts_topic_properties_and_payload() {
    check(
        r#"limits retained_bytes_max=100
           p: connected id=p clean
           p: publish t q1 id=1 retain *60
           p< puback id=1 code=0x10
           p: publish u q1 id=1 retain *39
           p< puback id=1 code=0x97
           p: publish u q1 id=1 retain *38
           p< puback id=1 code=0x10"#,
    );
}

#[test]
fn topic_levels_max_and_topic_bytes_max_refuse_longer_topics() {
    for (limit, fits, long) in [("topic_levels_max=3", "a/b/c", "a/b/c/d"), ("topic_bytes_max=5", "abcde", "abcdef")] {
        check(&format!(
            r#"limits {limit}
               a: connected id=a clean
               a: subscribe id=1 {fits} {long}
               a< suback id=1 codes=0,0x8f
               p: connected id=p clean
               p: publish {fits} "x"
               a< publish {fits} q0 "x"
               p: publish {long} q1 id=1 "x"
               p< puback id=1 code=0x90
               p: publish {long} q2 id=2 "x"
               p< pubrec id=2 code=0x90
               p: publish {long} "x"
               p< disconnect code=0x90 ..
               p closed
               w: connected id=w clean will={fits} will.payload="x"
               v: connect id=v clean will={long} will.payload="x"
               v< connack sp=0 code=0x90 ..
               v closed"#
        ));
    }
}

#[test]
fn subscriptions_max_refuses_one_more_and_lets_known_ones_be_replaced() {
    check(
        r#"limits subscriptions_max=2
           a: connected id=a clean
           a: subscribe id=1 t/1 q1 $share/g/t/2 q1 t/3 q1
           a< suback id=1 codes=1,1,0x97
           a: subscribe id=2 t/1 q2 t/4 $share/g/t/2 q0
           a< suback id=2 codes=2,0x97,0
           a: unsubscribe id=3 t/1
           a< unsuback id=3 codes=0
           a: subscribed id=4 t/3
           metric subscriptions_refused_total=2"#,
    );
}

#[test]
fn filter_shapes_max_refuses_another_shape_and_bounds_what_one_message_can_match() {
    check(
        r#"limits filter_shapes_max=2
           a: connected id=a clean
           a: subscribe id=1 t/+ +/1 +/+ t/1 # x/+ q1 $share/g/t/1
           a< suback id=1 codes=0,0,0x97,0,0x97,1,0x97
           a: subscribe id=2 t/+ q2
           a< suback id=2 codes=2
           a: unsubscribe id=3 +/1
           a< unsuback id=3 codes=0
           a: subscribed id=4 $share/g/t/1
           a: subscribe id=5 $share/h/t/1 $share/g/t/2
           a< suback id=5 codes=0x97,0
           metric filter_shapes_refused_total=4
           metric subscriptions_refused_total=0"#,
    );
    check(
        r#"limits filter_shapes_max=1
           a: connected v=4 id=a clean
           a: subscribe id=1 t/+ #
           a< suback id=1 codes=0,0x80"#,
    );
}

#[test]
fn filter_bytes_max_counts_all_filters_and_forgets_those_that_end() {
    check(
        r#"limits filter_bytes_max=30
           a: connected id=a clean
           a: subscribe id=1 ten/bytes. $share/g/ten/bytes. one
           a< suback id=1 codes=0,0,0x97
           a: subscribe id=2 ten/bytes. q1
           a< suback id=2 codes=1
           a: unsubscribe id=3 ten/bytes.
           a< unsuback id=3 codes=0
           a: subscribed id=4 one
           metric filter_bytes_refused_total=1
           metric subscriptions_refused_total=0"#,
    );
}

#[test]
fn topic_alias_out_max_holds_whatever_the_client_allows() {
    check(
        r#"limits topic_alias_out_max=1
           a: connected id=a clean topic_alias_maximum=65535
           a: subscribed #
           p: connected id=p clean
           p: publish topic/1 "1"
           p: publish topic/2 "2"
           p: publish topic/1 "3"
           a< publish topic/1 q0 "1" topic_alias=1
           a< publish topic/2 q0 "2"
           a< publish "" q0 "3" topic_alias=1"#,
    );
}
