//! MQTT 5.0: wills.

use crate::script::check;

/// `a`, with a will in `connect`, leaves by `steps`; `b`, subscribed to everything, gets `gets`.
fn will(connect: &str, steps: &str, gets: &str) {
    let gets = if gets.is_empty() { String::from("b nothing") } else { format!("b< publish {gets}") };
    check(&format!(
        "b: connected id=b clean
         b: subscribed # q2 rap
         a: connected id=a {connect}
         {steps}
         {gets}"
    ));
}

#[test]
fn mqtt5_3_1_2_8_a_will_is_published_when_the_connection_ends_without_goodbye() {
    will(r#"clean will=w will.payload="bye""#, "a: close", r#"w q0 "bye""#);
    will(r#"clean will=w will.payload="bye""#, "a: cut", r#"w q0 "bye""#);
    will(r#"clean will=w will.payload="bye""#, "a: raw 00 00\na< disconnect code=0x81 ..", r#"w q0 "bye""#);
    will(r#"clean will=w will.payload="bye""#, "a: connect id=a\na< disconnect code=0x82 ..", r#"w q0 "bye""#);
    will(r#"clean session_expiry=100 will=w will.payload="bye""#, "a: close", r#"w q0 "bye""#);
    will("clean will=w", "a: close", "w q0");
}

#[test]
fn mqtt5_3_1_2_7_a_will_belongs_to_the_session_and_is_published_once() {
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=a session_expiry=100 will=w will.payload="one"
           a: cut
           b< publish w q0 "one"
           wait 200s
           b nothing
           a: connected id=a session_expiry=100
           a: cut
           wait 200s
           b nothing
           metric wills_published_total=1"#,
    );
}

#[test]
fn mqtt5_3_14_4_3_a_normal_disconnect_deletes_the_will() {
    will(r#"clean will=w will.payload="bye""#, "a: disconnect", "");
    will(r#"clean will=w will.payload="bye""#, "a: disconnect code=0", "");
    will(r#"session_expiry=100 will=w will.payload="bye" will.delay=5"#, "a: disconnect\nwait 1000s", "");
    will(r#"clean session_expiry=9 will=w will.payload="bye""#, "a: disconnect session_expiry=0", "");
}

#[test]
fn mqtt5_3_14_2_1_any_other_disconnect_publishes_the_will() {
    for code in ["0x04", "0x80", "0x82", "0x93", "0x97", "0x99"] {
        will(r#"clean will=w will.payload="bye""#, &format!("a: disconnect code={code}"), r#"w q0 "bye""#);
    }
}

#[test]
fn mqtt5_3_1_2_14_a_will_has_its_own_qos_and_retain() {
    will(r#"clean will=w will.payload="x" will.q1"#, "a: close", r#"w q1 id=1 "x""#);
    will(r#"clean will=w will.payload="x" will.q2"#, "a: close", r#"w q2 id=1 "x""#);
    will(r#"clean will=w will.payload="x" will.retain"#, "a: close\nretained w=\"x\"", r#"w q0 "x" retain"#);
    will(r#"clean will=w will.payload="x""#, "a: close\nretained", r#"w q0 "x""#);
}

#[test]
fn mqtt5_3_1_2_12_without_a_will_nothing_is_published() {
    will("clean", "a: cut", "");
    will("clean", "a: disconnect code=4", "");
}

#[test]
fn mqtt5_3_1_3_2_a_will_carries_its_properties_in_order() {
    will(
        r#"clean will=w will.payload="x" will.payload_format=1 will.content_type=text will.response_topic=r will.correlation_data=c will.user.b=1 will.user.a=2 will.user.b=3"#,
        "a: close",
        r#"w q0 "x" payload_format=1 content_type=text response_topic=r correlation_data=c user.b=1 user.a=2 user.b=3"#,
    );
}

#[test]
fn mqtt5_3_1_3_2_4_a_will_expires_after_its_publication() {
    will(
        r#"session_expiry=100 will=w will.payload="x" will.message_expiry=9 will.delay=20"#,
        "a: close\nwait 20s",
        r#"w q0 "x" message_expiry=9"#,
    );
    check(
        r#"a: connected id=a clean will=w will.payload="x" will.message_expiry=9 will.retain
           a: close
           wait 4s
           b: connected id=b clean
           b: subscribed w
           b< publish w q0 "x" retain message_expiry=5
           wait 5s
           retained"#,
    );
}

#[test]
fn mqtt5_3_1_3_2_2_a_delayed_will_waits() {
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=a session_expiry=100 will=w will.payload="late" will.delay=10
           a: cut
           wait 9.9s
           b nothing
           wait 0.2s
           b< publish w q0 "late"
           a: connect id=a
           a< connack sp=1 code=0 .."#,
    );
}

#[test]
fn mqtt5_3_1_3_9_a_client_that_is_back_in_time_takes_its_will_back() {
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=a session_expiry=100 will=w will.payload="late" will.delay=10
           a: cut
           wait 9.9s
           a: connected id=a session_expiry=100
           wait 100s
           b nothing
           a: cut
           wait 200s
           b nothing"#,
    );
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=a session_expiry=100 will=w will.payload="first" will.delay=10
           a: cut
           a: connected id=a session_expiry=100 will=w will.payload="second" will.delay=10
           a: cut
           wait 10.1s
           b< publish w q0 "second"
           wait 200s
           b nothing"#,
    );
}

#[test]
fn mqtt5_3_1_2_8_a_will_is_published_when_the_session_ends_before_its_delay() {
    will(r#"session_expiry=5 will=w will.payload="x" will.delay=10"#, "a: cut\nwait 5.1s", r#"w q0 "x""#);
    will(r#"clean will=w will.payload="x" will.delay=10"#, "a: cut", r#"w q0 "x""#);
    will(
        r#"session_expiry=100 will=w will.payload="x" will.delay=10"#,
        "a: disconnect code=4 session_expiry=0",
        r#"w q0 "x""#,
    );
}

#[test]
fn mqtt5_3_1_2_8_a_clean_start_ends_the_session_and_publishes_its_waiting_will() {
    will(
        r#"session_expiry=100 will=w will.payload="x" will.delay=10"#,
        "a: cut\na: connected id=a clean session_expiry=100",
        r#"w q0 "x""#,
    );
}

#[test]
fn mqtt5_3_1_4_3_a_takeover_publishes_a_will_without_delay_only() {
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=x session_expiry=100 will=w will.payload="at once"
           c: connected id=x session_expiry=100 will=w will.payload="never" will.delay=1
           a< disconnect code=0x8e ..
           b< publish w q0 "at once"
           d: connected id=x session_expiry=100
           c< disconnect code=0x8e ..
           wait 100s
           b nothing"#,
    );
}

#[test]
fn a_will_goes_to_sessions_that_are_away_and_to_shared_subscriptions() {
    check(
        r#"b: connected id=b session_expiry=100
           b: subscribed w q1
           b: close
           c: connected id=c clean
           c: subscribed $share/s/w q1
           a: connected id=a clean will=w will.payload="x" will.q2
           a: cut
           c< publish w q1 id=1 "x"
           c: puback id=1
           b: connected id=b session_expiry=100
           b< publish w q1 id=1 "x"
           b: puback id=1"#,
    );
}

#[test]
fn a_server_that_ends_publishes_no_wills() {
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=a clean will=w will.payload="x"
           drain
           a< disconnect code=0x8b ..
           b< disconnect code=0x8b ..
           b nothing
           drained
           metric wills_published_total=0"#,
    );
}

#[test]
fn an_empty_retained_will_deletes_the_retained_message() {
    check(
        r#"p: connected id=p clean
           p: publish w retain "x"
           a: connected id=a clean will=w will.retain
           retained w="x"
           a: cut
           retained"#,
    );
}
