//! MQTT 5.0: retained messages and what subscriptions say about them.

use crate::script::check;

#[test]
fn mqtt5_3_3_1_5_a_retained_message_is_stored_and_replaced() {
    check(
        r#"p: connected id=p clean
           p: publish t/1 retain "one"
           p: publish t/2 q1 id=1 retain "two"
           p< puback id=1 code=0x10
           p: publish t/1 q2 id=2 retain "three"
           p< pubrec id=2 code=0x10
           p: pubrel id=2
           p< pubcomp id=2
           retained t/1="three" t/2="two"
           p: close
           a: connected id=a clean
           a: subscribed t/1 q2
           a< publish t/1 q2 id=1 retain "three"
           a: pubrec id=1
           a< pubrel id=1
           a: pubcomp id=1
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_3_1_6_an_empty_retained_message_deletes_and_is_delivered() {
    check(
        r#"a: connected id=a clean
           a: subscribed t rap
           p: connected id=p clean
           p: publish t retain "x"
           a< publish t q0 retain "x"
           p: publish t retain
           a< publish t q0 retain
           retained
           b: connected id=b clean
           b: subscribed t
           b nothing"#,
    );
}

#[test]
fn mqtt5_3_3_1_8_a_message_without_retain_leaves_the_retained_one_alone() {
    check(
        r#"p: connected id=p clean
           p: publish t "unstored"
           retained
           p: publish t retain "x"
           p: publish t "y"
           p: publish t
           retained t="x""#,
    );
}

#[test]
fn mqtt5_3_3_1_9_retain_handling_0_sends_them_each_time() {
    check(
        r#"p: connected id=p clean
           p: publish t/1 retain "1"
           p: publish t/2 retain "2"
           p: publish u retain "3"
           a: connected id=a clean
           a: subscribed id=1 t/+ rh=0
           a<* publish t/1 q0 retain "1"
           a<* publish t/2 q0 retain "2"
           a nothing
           a: subscribed id=2 t/+ rh=0
           a<* publish t/1 q0 retain "1"
           a<* publish t/2 q0 retain "2"
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_3_1_10_retain_handling_1_sends_them_to_a_new_subscription_only() {
    check(
        r#"p: connected id=p clean
           p: publish t retain "x"
           a: connected id=a session_expiry=100
           a: subscribed id=1 t rh=1
           a< publish t q0 retain "x"
           a: subscribed id=2 t rh=1
           a nothing
           a: close
           a: connected id=a session_expiry=100
           a: subscribed id=3 t q1 rh=1
           a nothing
           a: unsubscribe id=4 t
           a< unsuback id=4 codes=0
           a: subscribed id=5 t rh=1
           a< publish t q0 retain "x""#,
    );
}

#[test]
fn mqtt5_3_3_1_11_retain_handling_2_sends_none() {
    check(
        r#"p: connected id=p clean
           p: publish t retain "x"
           a: connected id=a clean
           a: subscribed t rh=2
           a nothing
           p: publish t retain "y"
           a< publish t q0 "y"
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_3_1_12_retain_is_passed_on_only_if_the_subscription_asks_for_it() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q1
           b: connected id=b session_expiry=100
           b: subscribed t q1 rap
           p: connected id=p clean
           p: publish t q1 id=1 retain "1"
           p< puback id=1
           a< publish t q1 id=1 "1"
           b< publish t q1 id=1 retain "1"
           p: publish t q1 id=2 "2"
           p< puback id=2
           a< publish t q1 id=2 "2"
           b< publish t q1 id=2 "2"
           a: close
           b: close
           p: publish t q1 id=3 retain "3"
           p< puback id=3
           a: connected id=a session_expiry=100
           a< publish t q1 id=1 "1" dup
           a< publish t q1 id=2 "2" dup
           a< publish t q1 id=3 "3"
           b: connected id=b session_expiry=100
           b< publish t q1 id=1 retain "1" dup
           b< publish t q1 id=2 "2" dup
           b< publish t q1 id=3 retain "3""#,
    );
}

#[test]
fn mqtt5_3_8_4_8_a_retained_message_has_the_lower_of_both_qos() {
    check(
        r#"p: connected id=p clean
           p: publish t/0 retain "0"
           p: publish t/2 q2 id=2 retain "2"
           p< pubrec id=2 code=0x10
           p: pubrel id=2
           p< pubcomp id=2
           a: connected id=a clean
           a: subscribed t/+ q1
           a<* publish t/0 q0 retain "0"
           a<* publish t/2 q1 id=1 retain "2"
           a: puback id=1
           b: connected id=b clean
           b: subscribed t/+ q0
           b<* publish t/0 q0 retain "0"
           b<* publish t/2 q0 retain "2""#,
    );
}

#[test]
fn mqtt5_3_3_2_3_a_retained_message_expires() {
    check(
        r#"p: connected id=p clean
           p: publish t retain "x" message_expiry=10
           p: publish u retain "y"
           wait 6s
           a: connected id=a clean
           a: subscribed t
           a< publish t q0 retain "x" message_expiry=4
           wait 5s
           b: connected id=b clean
           b: subscribed t
           b nothing
           retained u="y""#,
    );
}

#[test]
fn mqtt5_4_7_2_1_retained_dollar_topics_are_not_found_by_a_leading_wildcard() {
    check(
        r#"p: connected id=p clean
           p: publish $x/a retain "1"
           p: publish x/a retain "2"
           a: connected id=a clean
           a: subscribed id=1 #
           a< publish x/a q0 retain "2"
           a: subscribed id=2 +/a
           a< publish x/a q0 retain "2"
           a: subscribed id=3 $x/#
           a< publish $x/a q0 retain "1""#,
    );
}

#[test]
fn many_retained_messages_reach_a_subscriber_with_a_small_receive_maximum() {
    let mut script = String::from("shards 1 3\np: connected id=p clean\n");
    for number in 0..40 {
        script += &format!("p: publish t/{number} q1 id=1 retain \"{number}\"\np< puback id=1 code=0x10\n");
    }
    script += "a: connected id=a clean receive_maximum=1\na: subscribed t/# q1\n";
    let mut topics: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    topics.sort_unstable();
    for (id, topic) in (1..).zip(topics) {
        script += &format!("a< publish t/{topic} q1 id={id} retain \"{topic}\"\na nothing\na: puback id={id}\n");
    }
    check(&script);
}
