//! Every bound, and what a 3.x client meets there. Return code 3 is 0x88 for the decoder of the scripts.

use crate::script::check;

#[test]
fn at_connections_max_one_more_is_refused_with_return_code_3() {
    check(
        r#"
        limits connections_max=2
        a: connected v=4 id=a clean
        b: connected v=3 id=b clean
        c: connect v=4 id=c clean
        c< connack sp=0 code=0x88
        c closed
        c gone
        a: disconnect
        d: connect v=4 id=d clean
        d< connack sp=0 code=0
        metric connections_over_limit_total=1
        "#,
    );
}

#[test]
fn at_sessions_max_a_new_client_is_refused_with_return_code_3_and_old_ones_are_not() {
    check(
        r#"
        shards 1
        limits sessions_max=2
        a: connected v=4 id=a
        a: disconnect
        b: connected v=4 id=b clean
        c: connect v=4 id=c clean
        c< connack sp=0 code=0x88
        c closed
        a: connect v=4 id=a
        a< connack sp=1 code=0
        d: connect v=4 id=b clean
        d< connack sp=0 code=0
        b closed
        a: disconnect
        a: connect v=4 id=a clean
        a: disconnect
        a< connack sp=0 code=0
        c: connect v=4 id=c clean
        c< connack sp=0 code=0
        metric sessions_refused_total=1
        "#,
    );
}

#[test]
fn at_packet_bytes_max_the_connection_is_closed_before_the_packet_has_come() {
    check(
        r#"
        limits packet_bytes_max=64
        w: connected v=4 id=w clean
        w: subscribed will
        a: connected v=4 id=a clean will=will will.payload="gone"
        a: publish t *59
        a open
        a: raw 30 3f 00
        a nothing
        a closed
        w< publish will q0 "gone"
        b: open v=4
        b: raw 10 3f 0004 "MQTT" 04 02
        b nothing
        b closed
        "#,
    );
}

/// 3.x clients are not told a Receive Maximum, so they cannot break it: the identifiers are the bound.
#[test]
fn receive_maximum_does_not_bind_3_x() {
    check(
        r#"
        limits receive_maximum=2
        a: connected v=4 id=a clean
        a: publish t q2 id=1 "1"
        a: publish t q2 id=2 "2"
        a: publish t q2 id=3 "3"
        a< pubrec id=1
        a< pubrec id=2
        a< pubrec id=3
        a: pubrel id=3
        a< pubcomp id=3
        a open
        "#,
    );
}

#[test]
fn at_inflight_messages_max_the_next_message_waits() {
    check(
        r#"
        limits inflight_messages_max=2
        a: connected v=4 id=a clean
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q2 id=1 "1"
        b: publish t q1 id=2 "2"
        b: publish t q1 id=3 "3"
        b: publish t q0 "4"
        b< pubrec id=1
        b< puback id=2
        b< puback id=3
        a< publish t q2 id=1 "1"
        a< publish t q1 id=2 "2"
        a< publish t q0 "4"
        a nothing
        a: pubrec id=1
        a< pubrel id=1
        a nothing
        a: pubcomp id=1
        a< publish t q1 id=3 "3"
        "#,
    );
}

#[test]
fn at_queue_messages_max_the_newest_is_dropped_or_the_oldest() {
    for (full, left) in [("drop_newest", ["1", "2", "3"]), ("drop_oldest", ["3", "4", "5"])] {
        let [first, second, third] = left;
        check(&format!(
            r#"
            limits queue_messages_max=3
            queue_full {full}
            a: connected v=4 id=a
            a: subscribed t q1
            a: disconnect
            b: connected v=4 id=b clean
            b: publish t q1 id=1 "1"
            b: publish t q1 id=2 "2"
            b: publish t q1 id=3 "3"
            b: publish t q1 id=4 "4"
            b: publish t q1 id=5 "5"
            b< puback id=1
            b< puback id=2
            b< puback id=3
            b< puback id=4
            b< puback id=5
            metric dropped_queue_messages_total=2
            a: connected v=4 id=a
            a< publish t q1 id=1 "{first}"
            a< publish t q1 id=2 "{second}"
            a< publish t q1 id=3 "{third}"
            "#
        ));
    }
}

#[test]
fn at_queue_bytes_max_a_message_is_dropped() {
    check(
        r#"
        limits queue_bytes_max=250
        a: connected v=4 id=a
        a: subscribed t q1
        a: disconnect
        b: connected v=4 id=b clean
        b: publish t q1 id=1 *100
        b: publish t q1 id=2 *200
        b: publish t q1 id=3 *120
        b: publish t q1 id=4 *300
        b< puback id=1
        b< puback id=2
        b< puback id=3
        b< puback id=4
        metric dropped_queue_bytes_total=2
        a: connected v=4 id=a
        a< publish t q1 id=1 *100
        a< publish t q1 id=2 *120
        "#,
    );
}

#[test]
fn at_outbox_bytes_max_qos_0_is_dropped_and_the_rest_waits() {
    check(
        r#"
        limits outbox_bytes_max=1000
        a: connected v=4 id=a clean
        a: subscribed t q1
        a: stall
        b: connected v=4 id=b clean
        b: publish t *600
        b: publish t *600
        b: publish t *600
        b: publish t q1 id=1 "waits"
        b< puback id=1
        metric dropped_outbox_full_total=1
        a: go
        a< publish t q0 *600
        a< publish t q0 *600
        a< publish t q1 id=1 "waits"
        a nothing
        "#,
    );
}

#[test]
fn at_outbox_bytes_max_qos_1_waits_in_the_queue() {
    check(
        r#"
        limits outbox_bytes_max=1000 queue_messages_max=2
        a: connected v=4 id=a clean
        a: subscribed t q1
        a: stall
        b: connected v=4 id=b clean
        b: publish t q1 id=1 *600
        b: publish t q1 id=2 *600
        b: publish t q1 id=3 "3"
        b: publish t q1 id=4 "4"
        b: publish t q1 id=5 "5"
        b< puback id=1
        b< puback id=2
        b< puback id=3
        b< puback id=4
        b< puback id=5
        metric dropped_queue_messages_total=1
        a: go
        a< publish t q1 id=1 *600
        a< publish t q1 id=2 *600
        a< publish t q1 id=3 "3"
        a< publish t q1 id=4 "4"
        "#,
    );
}

/// A new subscriber gets every retained message, however small the bounds and however slow it is.
#[test]
fn no_bound_of_outbox_or_queue_loses_a_retained_message() {
    for qos in [0, 1] {
        let id = |at: usize| if qos == 0 { String::new() } else { format!("id={at}") };
        let limits = "limits outbox_bytes_max=1000 queue_bytes_max=500 queue_messages_max=4 inflight_messages_max=2";
        let mut script = format!("shards 1 3\n{limits}\nb: connected v=4 id=b clean\n");
        for at in 10..40 {
            script += &format!("b: publish t/{at} q{qos} {} retain *200\n", id(at));
            script += &if qos == 0 { String::new() } else { format!("b< puback id={at}\n") };
        }
        script += &format!("a: connected v=4 id=a clean\na: stall\na: subscribe t/+ q{qos}\na: go\n");
        script += &format!("a< suback id=1 codes={qos}\n");
        for at in 10..40 {
            script += &format!("a< publish t/{at} q{qos} {} *200 retain\n", id(at - 9));
            script += &if qos == 0 { String::new() } else { format!("a: puback id={}\n", at - 9) };
        }
        check(&script);
    }
}

#[test]
fn a_client_that_does_not_take_its_answers_is_not_read_until_it_does() {
    let pings = "a: pingreq\n".repeat(12);
    let pongs = "a< pingresp\n".repeat(12);
    check(&format!(
        "limits outbox_bytes_max=10\na: connected v=4 id=a clean\na: stall\n{pings}metric slow_consumer_pauses_total=1\n\
         a nothing\na: go\n{pongs}a open"
    ));
}

#[test]
fn at_retained_messages_max_a_new_one_is_delivered_and_not_stored() {
    check(
        r#"
        limits retained_messages_max=2
        a: connected v=4 id=a clean
        a: subscribed # q0
        b: connected v=4 id=b clean
        b: publish t q1 id=1 retain "1"
        b< puback id=1
        b: publish u retain "2"
        b: publish v q1 id=2 retain "3"
        b< puback id=2
        b: publish t retain "4"
        a< publish t q0 "1"
        a< publish u q0 "2"
        a< publish v q0 "3"
        a< publish t q0 "4"
        retained t="4" u="2"
        metric retained_refused_total=1
        b: publish u retain ""
        a< publish u q0
        b: publish v retain "5"
        a< publish v q0 "5"
        retained t="4" v="5"
        "#,
    );
}

#[test]
fn at_retained_bytes_max_a_new_one_is_delivered_and_not_stored() {
    check(
        r#"
        limits retained_bytes_max=100
        a: connected v=4 id=a clean
        b: connected v=4 id=b clean
        b: publish t retain *60
        b: publish u retain *60
        b: publish u retain *30
        metric retained_refused_total=1
        a: subscribed # q0
        a<* publish t q0 *60 retain
        a<* publish u q0 *30 retain
        a nothing
        "#,
    );
}

/// A 3.x client cannot be told that its publication is refused, so it is parted from: nothing that was acknowledged may
/// be lost.
#[test]
fn beyond_topic_levels_max_a_publication_ends_the_connection_and_a_filter_is_refused() {
    for (packet, answer) in [
        ("publish a/b/c \"x\"", "a open"),
        ("publish a/b/c/d \"x\"", "a closed"),
        ("publish a/b/c/d q1 id=1 \"x\"", "a closed"),
        ("publish a/b/c/d q2 id=1 \"x\"", "a closed"),
        ("publish /// \"x\"", "a closed"),
        ("subscribe id=1 a/b/c q1", "a< suback id=1 codes=1"),
        ("subscribe id=1 a/b/c/d q1", "a< suback id=1 codes=0x80"),
        ("subscribe id=1 a/b/c/# q1", "a< suback id=1 codes=0x80"),
        ("subscribe id=1 a/b/# q1", "a< suback id=1 codes=1"),
    ] {
        check(&format!(
            r#"
            limits topic_levels_max=3
            w: connected v=4 id=w clean
            a: connected v=4 id=a clean
            a: {packet}
            {answer}
            a nothing
            "#
        ));
    }
}

#[test]
fn beyond_topic_bytes_max_a_publication_ends_the_connection_and_a_filter_is_refused() {
    for (packet, answer) in [
        ("publish *10 q0 \"x\"", "a open"),
        ("publish *11 q0 \"x\"", "a closed"),
        ("publish *11 q1 id=1 \"x\"", "a closed"),
        ("subscribe id=1 *10 q1", "a< suback id=1 codes=1"),
        ("subscribe id=1 *11 q1", "a< suback id=1 codes=0x80"),
    ] {
        check(&format!(
            r#"
            limits topic_bytes_max=10
            a: connected v=4 id=a clean
            a: {packet}
            {answer}
            a nothing
            "#
        ));
    }
}

#[test]
fn a_will_beyond_the_bounds_of_topics_is_refused_with_return_code_3() {
    check(
        r#"
        limits topic_levels_max=3 topic_bytes_max=10
        a: connect v=4 id=a clean will=a/b/c/d will.payload=x
        a< connack sp=0 code=0x88
        a closed
        b: connect v=4 id=b clean will=*11 will.payload=x
        b< connack sp=0 code=0x88
        b closed
        c: connect v=4 id=c clean will=a/b/c will.payload=x
        c< connack sp=0 code=0
        metric topics_refused_total=2
        "#,
    );
}

#[test]
fn at_subscriptions_max_one_more_is_refused_and_the_old_ones_may_change() {
    check(
        r#"
        limits subscriptions_max=2
        a: connected v=4 id=a clean
        a: subscribe id=1 t q0 u q1 v q2
        a< suback id=1 codes=0,1,0x80
        a: subscribe id=2 t q2
        a< suback id=2 codes=2
        a: publish v "no"
        a nothing
        a: unsubscribe id=3 u
        a< unsuback id=3
        a: subscribe id=4 v q0
        a< suback id=4 codes=0
        metric subscriptions_refused_total=1
        "#,
    );
}

#[test]
fn within_linger_timeout_the_last_words_may_leave() {
    check(
        r#"
        limits linger_timeout=3s
        a: open v=4
        a: hold
        a: connect id=a level=9 name=MQIsdp
        a< connack sp=0 code=0x84
        a closed
        wait 2999ms
        metric connections_now=1
        wait 1ms
        a gone
        metric connections_now=0
        "#,
    );
}

/// A 3.x client cannot be told that its keep alive is lowered: it is not.
#[test]
fn keep_alive_max_s_does_not_bind_3_x() {
    check(
        r#"
        limits keep_alive_max_s=10
        a: connected v=4 id=a clean keep_alive=60
        b: connected v=4 id=b clean
        c: connected v=4 id=c clean keep_alive=2
        wait 3s
        c closed
        wait 86s
        a open
        wait 1s
        a closed
        wait 1d
        b open
        metric keep_alive_timeouts_total=2
        "#,
    );
}
