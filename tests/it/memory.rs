//! What gives way while memory is short, and what does not.

use crate::script::check;

#[test]
fn a_client_that_publishes_is_not_read_for_a_moment_and_loses_nothing() {
    check(
        r#"s: connected id=s clean
           s: subscribed t q1
           p: connected v=any id=p clean
           memory slowing
           p: publish t q1 id=1 "1"
           p: publish t q1 id=2 "2"
           p< puback id=1
           s< publish t q1 id=1 "1"
           p nothing
           s nothing
           metric memory_pauses_total=1
           wait 100ms
           p< puback id=2
           s< publish t q1 id=2 "2"
           memory enough
           wait 100ms
           p: publish t q1 id=3 "3"
           p: publish t q1 id=4 "4"
           p< puback id=3
           p< puback id=4
           s< publish t q1 id=3 "3"
           s< publish t q1 id=4 "4"
           metric memory_pauses_total=2"#,
    );
}

#[test]
fn who_only_takes_is_read_all_the_time() {
    check(
        r#"limits inflight_messages_max=1
           s: connected v=any id=s clean
           s: subscribed t q2
           p: connected id=p clean
           p: publish t q2 id=1 "1"
           p< pubrec id=1
           p: publish t q2 id=2 "2"
           p< pubrec id=2
           s< publish t q2 id=1 "1"
           memory refusing
           s: pubrec id=1
           s< pubrel id=1
           s: pubcomp id=1
           s< publish t q2 id=2 "2"
           s: pingreq
           s< pingresp
           p: pubrel id=1
           p< pubcomp id=1
           metric memory_pauses_total=0"#,
    );
}

#[test]
fn a_client_that_is_not_read_for_memory_is_not_taken_for_dead() {
    check(
        r#"p: connected v=4 id=p clean keep_alive=1
           memory refusing
           p: publish t q1 id=1 "1"
           p nothing
           wait 30s
           p nothing
           p open
           memory enough
           wait 100ms
           p< puback id=1
           wait 10s
           p closed"#,
    );
}

#[test]
fn slow_receivers_get_no_qos_0_and_their_qos_1_waits_in_the_queue() {
    check(
        r#"s: connected id=s clean
           s: subscribed t q1
           r: connected id=r clean
           r: subscribed t q1
           p: connected id=p clean
           memory sparing
           s: stall
           p: publish t *20000
           r< publish t q0 *20000
           wait 100ms
           p: publish t "lost"
           r< publish t q0 "lost"
           wait 100ms
           metric dropped_memory_total=1
           metric dropped_outbox_full_total=0
           p: publish t q1 id=1 "kept"
           p< puback id=1
           r< publish t q1 id=1 "kept"
           s: go
           s< publish t q0 *20000
           s< publish t q1 id=1 "kept"
           memory enough
           s: stall
           p: publish t *20000
           wait 100ms
           p: publish t "not lost"
           r< publish t q0 *20000
           r< publish t q0 "not lost"
           s: go
           s< publish t q0 *20000
           s< publish t q0 "not lost"
           metric dropped_memory_total=1"#,
    );
}

#[test]
fn a_5_0_client_is_told_that_its_publication_is_not_taken() {
    check(
        r#"s: connected id=s clean
           s: subscribed t q2
           p: connected id=p clean
           p: publish t q1 id=1 "known topic"
           p< puback id=1
           s< publish t q1 id=1 "known topic"
           memory refusing
           p: publish t q1 id=2 "1" &
           p: publish t q1 id=3 "2"
           p<* puback id=2 code=0x97
           wait 1s
           p< puback id=3 code=0x97
           p: publish t q2 id=4 "3"
           wait 1s
           p< pubrec id=4 code=0x97
           s nothing
           metric publish_refused_memory_total=3
           // QoS 0 is kept for nobody, and does not make way for what is.
           p: publish t "4" &
           p: publish t q1 id=5 "5"
           wait 1s
           p< puback id=5 code=0x97
           s< publish t q0 "4"
           memory enough
           p: publish t q2 id=4 "6"
           wait 1s
           p< pubrec id=4
           s< publish t q2 id=2 "6""#,
    );
}

#[test]
fn a_qos_2_publication_that_was_taken_is_acknowledged_again() {
    check(
        r#"p: connected id=p
           p: publish t q2 id=1 "once"
           p< pubrec id=1 code=0x10
           memory refusing
           p: publish t q2 id=1 "once" dup
           p< pubrec id=1
           wait 100ms
           p: pubrel id=1
           p< pubcomp id=1
           metric publish_refused_memory_total=0"#,
    );
}

#[test]
fn a_client_that_cannot_be_told_waits_with_its_publication_and_all_behind_it() {
    for version in [3, 4] {
        check(&format!(
            r#"s: connected id=s clean
               s: subscribed t q1
               p: connected v={version} id=p clean
               memory refusing
               p: pingreq &
               p: publish t "0" &
               p: publish t q1 id=1 "1" &
               p: pingreq
               wait 10s
               p< pingresp
               s< publish t q0 "0"
               p nothing
               s nothing
               memory enough
               wait 100ms
               p< puback id=1
               p< pingresp
               s< publish t q1 id=1 "1"
               metric publish_refused_memory_total=0"#
        ));
    }
}

#[test]
fn a_client_that_waits_with_its_publication_may_go() {
    check(
        r#"p: connected v=4 id=p clean
           memory refusing
           p: publish t q1 id=1 *50000
           q: connected v=4 id=p clean
           p closed
           q: publish t q1 id=1 *500
           q: cut
           q gone"#,
    );
}

#[test]
fn large_publications_are_not_begun() {
    check(
        r#"s: connected id=s clean
           s: subscribed t
           p: connected id=p clean
           memory refusing
           p: publish t *40000
           wait 10s
           s nothing
           memory enough
           wait 100ms
           s< publish t q0 *40000"#,
    );
}

#[test]
fn nobody_new_comes_while_memory_is_refused_but_those_who_are_owed_something() {
    check(
        r#"b: connected id=b session_expiry=100
           b: subscribed t q1
           b: cut
           p: connected id=p clean
           p: publish t q1 id=1 "owed"
           p< puback id=1
           memory refusing
           a: connect id=a clean
           a< connack sp=0 code=0x97 ..
           a closed
           c: connect v=4 id=c clean
           c< connack sp=0 code=0x88
           c closed
           metric connects_refused_memory_total=2
           b: connected id=b session_expiry=100
           b< publish t q1 id=1 "owed"
           b: puback id=1
           b: subscribed t q1
           b: subscribe id=2 u q1 t q1
           b< suback id=2 codes=0x97,1
           metric subscriptions_refused_memory_total=1
           memory enough
           a: connected id=a clean
           b: subscribed u q1"#,
    );
}

#[test]
fn what_is_retained_stays_and_nothing_is_added() {
    check(
        r#"s: connected id=s clean
           s: subscribed r/#
           p: connected id=p clean
           p: publish r/1 retain "old"
           s< publish r/1 q0 "old"
           memory refusing
           p: publish r/1 retain "new"
           s< publish r/1 q0 "new"
           retained r/1="old"
           wait 100ms
           p: publish r/1 retain
           s< publish r/1 q0
           retained
           metric retained_refused_total=1"#,
    );
}

#[test]
fn those_that_hold_most_are_ended_one_by_one_and_the_others_stay() {
    let fill = |name: &str, bytes| {
        format!(
            r#"{name}: connected id={name} clean
               {name}: subscribed {name}
               {name}: hold
               {name}: stall
               p: publish {name} *{bytes}
            "#
        )
    };
    let (a, b, c) = (fill("a", 200_000), fill("b", 300_000), fill("c", 60_000));
    check(&format!(
        r#"shards 1
           p: connected id=p clean
           {a} {b} {c}
           memory shedding
           metric disconnected_memory_total=1
           wait 250ms
           metric disconnected_memory_total=2
           wait 1s
           metric disconnected_memory_total=2
           memory enough
           c: go
           c< publish c q0 *60000
           b: go
           b< publish b q0 *300000
           b< disconnect code=0x97 ..
           b closed
           a: go
           a< publish a q0 *200000
           a< disconnect code=0x97 ..
           a closed"#
    ));
}

#[test]
fn what_waits_for_a_session_that_lives_on_is_no_reason_to_end_its_connection() {
    check(
        r#"limits inflight_messages_max=1
           p: connected id=p clean
           s: connected id=s session_expiry=100
           s: subscribed t q1
           p: publish t q1 id=1 *100000
           p< puback id=1
           p: publish t q1 id=2 *100000
           p< puback id=2
           memory shedding
           wait 10s
           metric disconnected_memory_total=0
           s< publish t q1 id=1 *100000
           s: puback id=1
           s< publish t q1 id=2 *100000
           s: puback id=2
           memory enough"#,
    );
    // One that ends with it takes its messages along.
    check(
        r#"limits inflight_messages_max=1
           p: connected id=p clean
           s: connected id=s clean
           s: subscribed t q1
           p: publish t q1 id=1 *100000
           p< puback id=1
           s< publish t q1 id=1 *100000
           memory shedding
           wait 250ms
           metric disconnected_memory_total=1
           s< disconnect code=0x97 ..
           s closed
           memory enough"#,
    );
}
