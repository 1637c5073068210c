//! Sessions of 3.1.1: what they keep, when they end; keep alive; DISCONNECT.

use crate::script::check;

#[test]
fn mqtt311_3_1_2_4_clean_session_0_goes_on_where_it_was() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connect v=4 id=a
        a< connack sp=0 code=0
        a: subscribed t q1 u/+ q0
        a: disconnect
        a: connect v=4 id=a
        a< connack sp=1 code=0
        b: publish t q1 id=1 "x"
        b< puback id=1
        b: publish u/1 "y"
        a<* publish t q1 id=1 "x"
        a<* publish u/1 q0 "y"
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_5_qos_1_and_2_are_kept_for_a_client_that_is_away() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=a
        a: subscribed one q1 two q2 zero q0
        a: cut
        b: publish one q1 id=1 "1"
        b< puback id=1
        b: publish two q2 id=2 "2"
        b< pubrec id=2
        b: publish two q1 id=3 "3"
        b< puback id=3
        b: publish one q2 id=4 "4"
        b< pubrec id=4
        b: publish one q0 "not kept"
        b: publish zero q2 id=5 "not kept"
        b< pubrec id=5
        wait 30d
        a: connect v=4 id=a
        a< connack sp=1 code=0
        a< publish one q1 id=1 "1"
        a< publish two q2 id=2 "2"
        a< publish two q1 id=3 "3"
        a< publish one q1 id=4 "4"
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_6_clean_session_1_throws_the_old_session_away() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=a
        a: subscribed t q1
        a: disconnect
        b: publish t q1 id=1 "kept"
        b< puback id=1
        a: connect v=4 id=a clean
        a< connack sp=0 code=0
        b: publish t q1 id=2 "unheard"
        b< puback id=2
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_6_clean_session_1_leaves_no_session_behind() {
    for end in ["disconnect", "cut", "close", "raw 00 00"] {
        check(&format!(
            r#"
            b: connected v=4 id=b clean
            a: connected v=4 id=a clean
            a: subscribed t q1
            b: publish t q1 id=1 "unacknowledged"
            b< puback id=1
            a< publish t q1 id=1 "unacknowledged"
            a: {end}
            metric sessions_now=1
            b: publish t q1 id=2 "unheard"
            b< puback id=2
            a: connect v=4 id=a
            a< connack sp=0 code=0
            a nothing
            "#
        ));
    }
}

#[test]
fn mqtt311_3_1_2_7_retained_messages_outlive_sessions() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: publish t q1 id=1 retain "x"
        a< puback id=1
        a: disconnect
        metric sessions_now=0
        b: connected v=4 id=b clean
        b: subscribed t q0
        b< publish t q0 "x" retain
        "#,
    );
}

#[test]
fn mqtt311_3_1_3_2_the_identifier_names_the_session() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=abc
        a: subscribed t q1
        a: disconnect
        b: publish t q1 id=1 "x"
        b< puback id=1
        c: connect v=4 id=ABC
        c< connack sp=0 code=0
        d: connect v=4 id=abcd
        d< connack sp=0 code=0
        a: connect v=4 id=abc
        a< connack sp=1 code=0
        a< publish t q1 id=1 "x"
        "#,
    );
}

#[test]
fn mqtt311_3_1_4_3_each_connect_decides_anew() {
    check(
        r#"
        a: connect v=4 id=a
        a< connack sp=0 code=0
        a: cut
        a: connect v=4 id=a clean
        a< connack sp=0 code=0
        a: cut
        a: connect v=4 id=a
        a< connack sp=0 code=0
        a: cut
        a: connect v=4 id=a
        a< connack sp=1 code=0
        "#,
    );
}

#[test]
fn mqtt311_3_1_4_2_a_takeover_keeps_what_the_session_is_owed() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=a
        a: subscribed t q2
        b: publish t q1 id=1 "1"
        b: publish t q2 id=2 "2"
        b< puback id=1
        b< pubrec id=2
        a< publish t q1 id=1 "1"
        a< publish t q2 id=2 "2"
        a: pubrec id=2
        a< pubrel id=2
        c: connect v=4 id=a
        a closed
        c< connack sp=1 code=0
        c< pubrel id=2
        c< publish t q1 id=1 "1" dup
        c: puback id=1
        c: pubcomp id=2
        b: publish t q1 id=3 "3"
        b< puback id=3
        c< publish t q1 id=3 "3"
        "#,
    );
}

#[test]
fn mqtt311_4_4_0_1_and_3_3_1_1_what_is_unacknowledged_is_sent_again_with_dup() {
    for end in ["cut", "close", "disconnect", "raw 00 00"] {
        check(&format!(
            r#"
            b: connected v=4 id=b clean
            a: connected v=4 id=a
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
            a: pubrec id=2
            a< pubrel id=2
            a: {end}
            a: connect v=4 id=a
            a< connack sp=1 code=0
            a< pubrel id=2
            a< publish t q1 id=1 "1" dup
            a< publish t q2 id=3 "3" dup
            a nothing
            "#
        ));
    }
}

#[test]
fn mqtt311_4_4_0_1_nothing_is_sent_again_on_the_same_connection() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=a
        a: subscribed t q2
        b: publish t q1 id=1 "1"
        b: publish t q2 id=2 "2"
        b< puback id=1
        b< pubrec id=2
        a< publish t q1 id=1 "1"
        a< publish t q2 id=2 "2"
        a: pubrec id=2
        a< pubrel id=2
        wait 1d
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_4_1_0_1_and_2_a_session_lasts_for_ever_or_as_long_as_its_connection() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q1
        b: connected v=4 id=b clean
        wait 1000d
        a open
        b open
        metric sessions_now=2
        a: disconnect
        b: disconnect
        metric sessions_now=1
        wait 10000d
        metric sessions_now=1
        a: connect v=4 id=a
        a< connack sp=1 code=0
        "#,
    );
}

#[test]
fn mqtt311_4_1_0_1_an_operator_may_bound_how_long_sessions_last() {
    check(
        r#"
        limits session_expiry_interval_max_s=60
        a: connected v=4 id=a
        a: subscribed t q1
        wait 1d
        a: disconnect
        wait 59s
        a: connect v=4 id=a
        a< connack sp=1 code=0
        a: cut
        wait 60s
        metric sessions_now=0 sessions_expired_total=1
        a: connect v=4 id=a
        a< connack sp=0 code=0
        "#,
    );
}

/// To the millisecond.
#[test]
fn mqtt311_3_1_2_24_silence_for_one_and_a_half_keep_alives_cuts_the_connection() {
    for (keep_alive, before, last) in [(1, "1499ms", "1ms"), (2, "2999ms", "1ms"), (60, "89.999s", "1ms")] {
        check(&format!(
            r#"
            w: connected v=4 id=w clean
            w: subscribed will
            a: connected v=4 id=a clean keep_alive={keep_alive} will=will will.payload="gone"
            wait {before}
            a open
            w nothing
            wait {last}
            a nothing
            a closed
            w< publish will q0 "gone"
            w open
            metric keep_alive_timeouts_total=1
            "#
        ));
    }
    check(
        r#"
        a: connected v=4 id=a clean keep_alive=65535
        wait 98302499ms
        a open
        wait 1ms
        a closed
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_24_every_packet_counts_from_when_it_came() {
    for packet in ["pingreq", "publish t \"x\"", "puback id=1", "pubcomp id=9", "unsubscribe id=1 t"] {
        let answer = match packet {
            "pingreq" => "a< pingresp",
            "unsubscribe id=1 t" => "a< unsuback id=1",
            _ => "a nothing",
        };
        check(&format!(
            r#"
            a: connected v=4 id=a clean keep_alive=10
            wait 14.9s
            a: {packet}
            {answer}
            wait 14.999s
            a open
            wait 1ms
            a closed
            "#
        ));
    }
}

#[test]
fn mqtt311_3_1_2_24_what_the_server_sends_does_not_count() {
    check(
        r#"
        a: connected v=4 id=a clean keep_alive=10
        a: subscribed t
        b: connected v=4 id=b clean
        wait 10s
        b: publish t "x"
        a< publish t q0 "x"
        wait 5s
        a closed
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_24_keep_alive_0_means_never() {
    check(
        r#"
        a: connected v=4 id=a clean
        wait 3000d
        a open
        a: pingreq
        a< pingresp
        "#,
    );
}

#[test]
fn bytes_of_a_packet_under_way_are_a_sign_of_life() {
    check(
        r#"
        a: connected v=4 id=a clean keep_alive=10
        a: raw 30 08 0001
        wait 14s
        a: raw "t"
        wait 14s
        a: raw "12"
        a open
        wait 14s
        a: raw "345"
        wait 15s
        a closed
        "#,
    );
}

#[test]
fn mqtt311_3_14_4_1_and_2_disconnect_ends_the_connection() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed #
        a: connected v=4 id=a clean
        a: disconnect &
        a: publish t retain "late" &
        a: pingreq
        a nothing
        a closed
        a gone
        w nothing
        retained
        metric protocol_errors_total=0
        b: connected v=4 id=b clean
        b: hold
        b: disconnect
        b closed
        wait 2s
        b gone
        "#,
    );
}

#[test]
fn mqtt311_4_5_0_2_messages_nobody_wants_any_more_are_still_owed() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q1
        b: connected v=4 id=b clean
        b: publish t q1 id=1 "x"
        b< puback id=1
        a< publish t q1 id=1 "x"
        a: unsubscribe id=2 t
        a< unsuback id=2
        a: disconnect
        a: connected v=4 id=a
        a< publish t q1 id=1 "x" dup
        "#,
    );
}
