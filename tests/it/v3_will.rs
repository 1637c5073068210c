//! Wills of 3.1.1.

use crate::script::check;

/// A client with a will and a watcher; `end` is how the client leaves.
fn will(flags: &str, end: &str, expected: &str) {
    check(&format!(
        r#"
        w: connected v=4 id=w clean
        w: subscribed t/will q2
        a: connected v=4 id=a clean keep_alive=10 will=t/will will.payload="gone" {flags}
        w nothing
        {end}
        {expected}
        w nothing
        "#
    ));
}

#[test]
fn mqtt311_3_1_2_8_the_will_is_published_when_the_connection_ends_without_disconnect() {
    for end in [
        "a: cut",
        "a: close",
        "wait 15s",
        "a: raw 00 00",
        "a: publish t/# \"bad\"",
        "a: connect v=4 id=a",
        "b: connected v=4 id=a clean",
        "b: connected v=4 id=a",
        "a: raw 30 ff",
    ] {
        if end == "a: raw 30 ff" {
            will("", "a: raw 30 ff\n a: cut", "w< publish t/will q0 \"gone\"");
        } else {
            will("", end, "w< publish t/will q0 \"gone\"");
        }
    }
}

#[test]
fn mqtt311_3_1_2_8_the_will_of_a_stored_session_is_published_too() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed t/will q2
        a: connected v=4 id=a will=t/will will.payload="gone" will.q1
        a: cut
        w< publish t/will q1 id=1 "gone"
        a: connect v=4 id=a
        a< connack sp=1 code=0
        a: cut
        w nothing
        metric wills_published_total=1
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_8_a_client_may_hear_its_own_will_later() {
    check(
        r#"
        a: connected v=4 id=a will=t will.payload="gone" will.q1
        a: subscribed t q1
        a: cut
        a: connected v=4 id=a
        a< publish t q1 id=1 "gone"
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_9_the_will_has_the_qos_that_connect_said() {
    will("will.q0", "a: cut", "w< publish t/will q0 \"gone\"");
    will("will.q1", "a: cut", "w< publish t/will q1 id=1 \"gone\"");
    will("will.q2", "a: cut", "w< publish t/will q2 id=1 \"gone\"");
}

#[test]
fn mqtt311_3_1_2_10_and_3_14_4_3_disconnect_throws_the_will_away() {
    will("", "a: disconnect", "a closed");
    will("will.q2 will.retain", "a: disconnect", "retained");
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed t/will q0
        a: connected v=4 id=a will=t/will will.payload="gone"
        a: disconnect
        a: connected v=4 id=a
        a: cut
        w nothing
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_10_the_will_is_published_once() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed t/will q0
        a: connected v=4 id=a will=t/will will.payload="gone"
        b: connected v=4 id=a
        a closed
        w< publish t/will q0 "gone"
        b: cut
        b: connected v=4 id=a clean
        b: cut
        w nothing
        metric wills_published_total=1
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_10_each_connect_brings_its_own_will() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed # q0
        a: connected v=4 id=a will=t/1 will.payload="one"
        a: cut
        w< publish t/1 q0 "one"
        a: connected v=4 id=a will=t/2 will.payload=""
        a: cut
        w< publish t/2 q0
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_12_without_the_will_flag_nothing_is_published() {
    check(
        r#"
        w: connected v=4 id=w clean
        w: subscribed # q0
        a: connected v=4 id=a clean
        a: cut
        w nothing
        metric wills_published_total=0
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_16_a_will_that_is_not_retained_is_not() {
    will("", "a: cut", "w< publish t/will q0 \"gone\"\n retained");
    check(
        r#"
        w: connected v=4 id=w clean
        w: publish t/will retain "there"
        a: connected v=4 id=a clean will=t/will will.payload="gone"
        a: cut
        retained t/will="there"
        "#,
    );
}

#[test]
fn mqtt311_3_1_2_17_a_retained_will_is_retained() {
    will("will.retain", "a: cut", "w< publish t/will q0 \"gone\"\n retained t/will=\"gone\"");
    check(
        r#"
        a: connected v=4 id=a clean will=t/will will.payload="gone" will.retain will.q1
        a: cut
        w: connected v=4 id=w clean
        w: subscribed t/will q2
        w< publish t/will q1 id=1 "gone" retain
        b: connected v=4 id=b clean will=t/will will.payload="" will.retain
        b: cut
        w< publish t/will q0
        retained
        "#,
    );
}

/// A server that ends in good order has not abandoned its clients.
#[test]
fn a_drain_publishes_no_will() {
    check(
        r#"
        w: connected v=4 id=w
        w: subscribed t/will q1
        a: connected v=4 id=a clean will=t/will will.payload="gone" will.q1 will.retain
        drain
        a nothing
        a closed
        w nothing
        w closed
        wait 2s
        drained
        metric wills_published_total=0
        "#,
    );
}

/// Return code 3, as the decoder of the scripts reads it: 0x88.
#[test]
fn a_draining_server_refuses_with_return_code_3() {
    check(
        r#"
        a: open v=4
        drain
        a closed
        b: connect v=4 id=b clean
        b< connack sp=0 code=0x88
        b closed
        wait 2s
        drained
        "#,
    );
}
