//! Retained messages of 3.1.1.

use crate::script::check;

#[test]
fn mqtt311_3_3_1_5_and_6_a_new_subscriber_gets_the_last_retained_message() {
    check(
        r#"
        b: connected v=4 id=b clean
        b: publish t q1 id=1 retain "first"
        b< puback id=1
        b: publish t q2 id=2 retain "second"
        b< pubrec id=2
        b: pubrel id=2
        b< pubcomp id=2
        retained t="second"
        a: connected v=4 id=a clean
        a: subscribed t q2
        a< publish t q2 id=1 "second" retain
        a nothing
        c: connected v=4 id=c clean
        c: subscribed t q1
        c< publish t q1 id=1 "second" retain
        d: connected v=4 id=d clean
        d: subscribed t q0
        d< publish t q0 "second" retain
        "#,
    );
}

#[test]
fn mqtt311_3_3_1_6_each_matching_topic_has_its_own() {
    check(
        r#"
        b: connected v=4 id=b clean
        b: publish s/1 retain "1"
        b: publish s/2 retain "2"
        b: publish s/2/3 retain "3"
        b: publish s retain "0"
        b: publish u retain "no"
        b: publish $s retain "dollar"
        a: connected v=4 id=a clean
        a: subscribed s/+ q0
        a<* publish s/1 q0 "1" retain
        a<* publish s/2 q0 "2" retain
        a nothing
        c: connected v=4 id=c clean
        c: subscribed s/# q0
        c<* publish s q0 "0" retain
        c<* publish s/1 q0 "1" retain
        c<* publish s/2 q0 "2" retain
        c<* publish s/2/3 q0 "3" retain
        c nothing
        d: connected v=4 id=d clean
        d: subscribed $s q0
        d< publish $s q0 "dollar" retain
        "#,
    );
}

#[test]
fn mqtt311_3_3_1_6_six_hundred_retained_messages_all_come() {
    let mut script = String::from("shards 1 3\nlimits inflight_messages_max=5\nb: connected v=4 id=b clean\n");
    for at in 0..600 {
        script += &format!("b: publish t/{at} q1 id=1 retain \"{at}\" &\n");
    }
    script += "b: pingreq\n";
    script += &"b< puback id=1\n".repeat(600);
    script += "b< pingresp\na: connected v=4 id=a clean\na: subscribed t/# q0\n";
    for at in 0..600 {
        script += &format!("a<* publish t/{at} q0 \"{at}\" retain\n");
    }
    check(&script);
}

#[test]
fn mqtt311_3_3_1_7_a_retained_qos_0_message_replaces_what_was_there() {
    check(
        r#"
        b: connected v=4 id=b clean
        b: publish t q2 id=1 retain "two"
        b< pubrec id=1
        b: publish t q0 retain "zero"
        retained t="zero"
        a: connected v=4 id=a clean
        a: subscribed t q2
        a< publish t q0 "zero" retain
        "#,
    );
}

#[test]
fn mqtt311_3_3_1_8_and_9_retain_is_set_for_new_subscriptions_only() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q1
        b: connected v=4 id=b clean
        b: publish t q1 id=1 retain "x"
        b< puback id=1
        a< publish t q1 id=1 "x"
        a: subscribed id=2 + q0
        a< publish t q0 "x" retain
        b: publish t q0 "y"
        a< publish t q0 "y"
        retained t="x"
        "#,
    );
}

/// A message that waited for its client comes as it would have come then.
#[test]
fn mqtt311_3_3_1_9_a_retained_message_that_was_queued_has_retain_0() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q1
        a: disconnect
        b: connected v=4 id=b clean
        b: publish t q1 id=1 retain "x"
        b< puback id=1
        a: connected v=4 id=a
        a< publish t q1 id=1 "x"
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_3_1_10_and_11_an_empty_message_is_delivered_and_deletes() {
    for qos in ["q0", "q1 id=9", "q2 id=9"] {
        let answer = match qos {
            "q0" => "b nothing",
            "q1 id=9" => "b< puback id=9",
            _ => "b< pubrec id=9",
        };
        check(&format!(
            r#"
            b: connected v=4 id=b clean
            b: publish t q1 id=1 retain "x"
            b< puback id=1
            b: publish u retain "stays"
            a: connected v=4 id=a clean
            a: subscribed t q0
            a< publish t q0 "x" retain
            b: publish t {qos} retain ""
            {answer}
            a< publish t q0
            retained u="stays"
            a: subscribed id=2 t q0
            a nothing
            "#
        ));
    }
    check(
        r#"
        b: connected v=4 id=b clean
        b: publish t q1 id=1 retain ""
        b< puback id=1
        retained
        "#,
    );
}

#[test]
fn mqtt311_3_3_1_12_a_message_without_retain_changes_nothing() {
    check(
        r#"
        b: connected v=4 id=b clean
        b: publish t "not stored"
        retained
        b: publish t retain "stored"
        b: publish t q1 id=1 "another"
        b< puback id=1
        b: publish t q1 id=2 ""
        b< puback id=2
        retained t="stored"
        a: connected v=4 id=a clean
        a: subscribed t q0
        a< publish t q0 "stored" retain
        "#,
    );
}

#[test]
fn a_resumed_session_is_not_sent_retained_messages_anew() {
    check(
        r#"
        b: connected v=4 id=b clean
        b: publish t q1 id=1 retain "x"
        b< puback id=1
        a: connected v=4 id=a
        a: subscribed t q1
        a< publish t q1 id=1 "x" retain
        a: cut
        a: connected v=4 id=a
        a< publish t q1 id=1 "x" retain dup
        a: puback id=1
        a: cut
        a: connected v=4 id=a
        a nothing
        "#,
    );
}
