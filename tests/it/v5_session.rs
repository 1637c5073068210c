//! MQTT 5.0: how long a session lives and what it keeps.

use crate::script::check;

#[test]
fn mqtt5_3_1_2_4_a_clean_start_discards_the_session() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=1000
           a: subscribed t q2
           p: publish t q1 id=1 "in flight"
           p< puback id=1
           a< publish t q1 id=1 "in flight"
           a: close
           p: publish t q1 id=2 "queued"
           p< puback id=2
           a: connect id=a clean session_expiry=1000
           a< connack sp=0 code=0 ..
           a nothing
           p: publish t q1 id=3 "unwanted"
           p< puback id=3 code=0x10
           a nothing
           // Packet Identifiers begin anew.
           a: subscribed t q1
           p: publish t q1 id=4 "new"
           p< puback id=4
           a< publish t q1 id=1 "new"
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_3_1_2_5_a_session_is_resumed_with_subscriptions_and_messages() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=1000
           a: subscribed t/1 q2 t/+ q1
           a: cut
           p: publish t/1 q2 id=1 "two"
           p< pubrec id=1
           p: pubrel id=1
           p< pubcomp id=1
           p: publish t/2 q1 id=2 "one"
           p< puback id=2
           a: connect id=a session_expiry=1000
           a< connack sp=1 code=0 ..
           a< publish t/1 q2 id=1 "two"
           a< publish t/2 q1 id=2 "one"
           a: pubrec id=1
           a< pubrel id=1
           a: pubcomp id=1
           a: puback id=2
           p: publish t/1 "live"
           a< publish t/1 q0 "live""#,
    );
}

#[test]
fn qos_0_messages_are_not_kept_for_an_absent_client() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=1000
           a: subscribed t q2
           a: close
           p: publish t "zero"
           p: publish t q1 id=1 "one"
           p< puback id=1
           a: connected id=a session_expiry=1000
           a< publish t q1 id=1 "one"
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_3_1_2_6_without_a_session_a_new_one_is_made() {
    check(
        "a: connect id=a session_expiry=1000
         a< connack sp=0 code=0 ..
         a: subscribed t q1
         metric sessions_now=1",
    );
}

#[test]
fn mqtt5_3_1_2_23_a_session_lives_for_its_expiry_interval() {
    check(
        "a: connected id=a session_expiry=10
         a: close
         wait 9.9s
         a: connect id=a session_expiry=10
         a< connack sp=1 code=0 ..
         a: cut
         wait 9.9s
         a: connect id=a session_expiry=10
         a< connack sp=1 code=0 ..",
    );
}

#[test]
fn mqtt5_4_1_0_2_a_session_ends_when_its_interval_has_passed() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=10
           a: subscribed t q1
           a: close
           wait 10.1s
           metric sessions_now=1
           metric sessions_expired_total=1
           p: publish t q1 id=1 "x"
           p< puback id=1 code=0x10
           a: connect id=a session_expiry=10
           a< connack sp=0 code=0 .."#,
    );
}

#[test]
fn mqtt5_3_1_2_11_2_without_an_interval_a_session_ends_with_its_connection() {
    for interval in ["", "session_expiry=0"] {
        check(&format!(
            "a: connected id=a {interval}
             a: subscribed t q1
             a: close
             metric sessions_now=0
             a: connect id=a {interval}
             a< connack sp=0 code=0 .."
        ));
    }
}

#[test]
fn mqtt5_3_1_2_11_2_the_largest_interval_is_for_ever() {
    check(
        "a: connected id=a session_expiry=4294967295
         a: close
         wait 50000d
         a: connect id=a
         a< connack sp=1 code=0 ..",
    );
}

#[test]
fn mqtt5_4_1_0_1_a_session_does_not_end_while_connected() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=5
           a: subscribed t q1
           wait 100s
           p: publish t q1 id=1 "x"
           p< puback id=1
           a< publish t q1 id=1 "x"
           a: close
           wait 4s
           a: connect id=a session_expiry=5
           a< connack sp=1 code=0 ..
           a< publish t q1 id=1 "x" dup
           wait 100s
           a: puback id=1"#,
    );
}

#[test]
fn a_new_connection_sets_a_new_interval() {
    check(
        "a: connected id=a session_expiry=1000
         a: close
         a: connect id=a
         a< connack sp=1 code=0 ..
         a: close
         a: connect id=a
         a< connack sp=0 code=0 ..",
    );
}

#[test]
fn mqtt5_3_14_2_2_2_disconnect_may_change_the_interval() {
    let script = "a: connected id=a session_expiry=10
         a: disconnect session_expiry=NEW
         a closed
         wait ENDs
         metric sessions_now=1
         wait 0.2s
         metric sessions_now=0";
    for (new, end) in [("50", "49.9"), ("3", "2.9"), ("10", "9.9")] {
        check(&script.replace("NEW", new).replace("END", end));
    }
    check(
        "a: connected id=a session_expiry=10
         a: disconnect session_expiry=0
         metric sessions_now=0",
    );
    check(
        "limits session_expiry_interval_max_s=20
         a: connected id=a session_expiry=10
         a: disconnect session_expiry=4294967295
         wait 19.9s
         metric sessions_now=1
         wait 0.2s
         metric sessions_now=0",
    );
}

#[test]
fn mqtt5_3_14_2_2_2_disconnect_cannot_revive_a_session_without_an_interval() {
    check(
        r#"b: connected id=b clean
           b: subscribed w
           a: connected id=a will=w will.payload="gone"
           a: disconnect session_expiry=5
           a< disconnect code=0x82 ..
           a closed
           b< publish w q0 "gone"
           metric sessions_now=1"#,
    );
    check(
        "a: connected id=a
         a: disconnect session_expiry=0
         a nothing
         a closed",
    );
}

#[test]
fn mqtt5_3_1_3_2_sessions_are_told_apart_by_the_whole_client_identifier() {
    check(
        "a: connected id=a session_expiry=100
         b: connected id=A session_expiry=100
         c: connected id=aa session_expiry=100
         d: connected id=ab clean
         metric sessions_now=4
         metric takeovers_total=0
         a: close
         a: connect id=a session_expiry=100
         a< connack sp=1 code=0 ..",
    );
}

#[test]
fn a_session_is_resumed_by_a_client_of_another_version() {
    check(
        r#"p: connected id=p clean
           a: connected v=4 id=a
           a: subscribed t q1
           a: close
           p: publish t q1 id=1 "x" user.k=v
           p< puback id=1
           a: connect v=5 id=a
           a< connack sp=1 code=0 ..
           a< publish t q1 id=1 "x" user.k=v
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_4_5_0_1_a_message_goes_to_every_session_that_wants_it() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t/# q1
           b: connected id=b session_expiry=100
           b: subscribed +/1 q2
           c: connected id=c clean
           c: subscribed t/1 q0
           d: connected id=d clean
           d: subscribed t/2 q0
           b: close
           p: connected id=p clean
           p: publish t/1 q2 id=9 "x"
           p< pubrec id=9
           p: pubrel id=9
           p< pubcomp id=9
           a< publish t/1 q1 id=1 "x"
           a: puback id=1
           c< publish t/1 q0 "x"
           d nothing
           b: connected id=b session_expiry=100
           b< publish t/1 q2 id=1 "x"
           b: pubrec id=1
           b< pubrel id=1
           b: pubcomp id=1"#,
    );
}

#[test]
fn a_session_without_an_interval_does_not_survive_a_takeover() {
    check(
        r#"a: connected id=x
           a: subscribed t q1
           b: connect id=x session_expiry=100
           b< connack sp=0 code=0 ..
           a< disconnect code=0x8e ..
           p: connected id=p clean
           p: publish t q1 id=1 "x"
           p< puback id=1 code=0x10
           b nothing"#,
    );
}
