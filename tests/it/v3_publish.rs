//! PUBLISH of 3.1.1: what is accepted, what becomes of it, in which order.

use crate::script::check;

#[test]
fn mqtt311_1_5_3_3_a_byte_order_mark_is_a_character_like_others() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed id=1 t q0
        a: subscribed id=2 "\xef\xbb\xbft" q1
        a: publish "\xef\xbb\xbft" q1 id=9 "with"
        a<* publish "\xef\xbb\xbft" q1 id=1 "with"
        a<* puback id=9
        a: publish t "without"
        a< publish t q0 "without"
        "#,
    );
}

#[test]
fn mqtt311_2_3_1_5_qos_0_has_no_identifier() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q2
        a: raw 30 len str="t" 0001 "x"
        a< publish t q0 "\0\x01x"
        "#,
    );
}

#[test]
fn mqtt311_2_3_1_6_acknowledgements_repeat_the_identifier() {
    for id in [1, 2, 255, 256, 32_768, 65_535] {
        check(&format!(
            r#"
            a: connected v=4 id=a clean
            a: publish t q1 id={id} "x"
            a< puback id={id}
            a: publish t q2 id={id} "x"
            a< pubrec id={id}
            a: pubrel id={id}
            a< pubcomp id={id}
            "#
        ));
    }
}

#[test]
fn mqtt311_3_3_1_2_and_4_3_1_1_qos_0_goes_out_with_qos_0_and_without_dup() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q0 "x"
        b nothing
        a< publish t q0 "x"
        "#,
    );
}

#[test]
fn mqtt311_3_3_1_3_dup_is_not_passed_on() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q1 id=5 dup "one"
        b< puback id=5
        a< publish t q1 id=1 "one"
        b: publish t q2 id=6 dup "two"
        b< pubrec id=6
        a< publish t q2 id=2 "two"
        "#,
    );
}

#[test]
fn mqtt311_3_3_2_3_a_subscriber_gets_matching_topics_only() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed id=1 a/+ q0 b/# q0 c q0
        b: connected v=4 id=b clean
        b: publish a/1 "yes"
        a< publish a/1 q0 "yes"
        b: publish b "yes"
        a< publish b q0 "yes"
        b: publish b/1/2 "yes"
        a< publish b/1/2 q0 "yes"
        b: publish c "yes"
        a< publish c q0 "yes"
        b: publish a "no"
        b: publish a/1/2 "no"
        b: publish c/d "no"
        b: publish C "no"
        b: publish /c "no"
        b: publish c/ "no"
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_3_4_1_each_qos_has_its_answer() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: publish t q0 "x"
        a nothing
        a: publish t q1 id=3 "x"
        a< puback id=3
        a nothing
        a: publish t q2 id=3 "x"
        a< pubrec id=3
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_3_5_2_and_4_5_0_1_a_message_reaches_every_matching_session() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q0
        b: connected v=4 id=b
        b: subscribed + q1
        b: disconnect
        c: connected v=3 id=c clean
        c: subscribed # q2
        d: connected v=5 id=d clean
        d: subscribed t/# q1
        e: connected v=4 id=e clean
        e: subscribed other q1
        p: connected v=4 id=p clean
        p: publish t q2 id=8 "x"
        p< pubrec id=8
        a< publish t q0 "x"
        c< publish t q2 id=1 "x"
        d< publish t q1 id=1 "x"
        b: connected v=4 id=b
        b< publish t q1 id=1 "x"
        e nothing
        "#,
    );
}

#[test]
fn a_publisher_that_has_subscribed_gets_its_own_messages() {
    check(
        r#"
        a: connected v=any id=a clean
        a: subscribed t q0
        a: publish t "x"
        a< publish t q0 "x"
        "#,
    );
}

#[test]
fn payloads_of_any_bytes_and_any_length_arrive_whole() {
    check(
        r#"
        shards 1 3
        a: connected v=4 id=a clean
        a: subscribed t q1
        b: connected v=4 id=b clean
        b: publish t ""
        a< publish t q0
        b: publish t "\0\xff\x80 {\"\\"
        a< publish t q0 "\0\xff\x80 {\"\\"
        b: publish t *120
        a< publish t q0 *120
        b: publish t *130
        a< publish t q0 *130
        b: publish t *8191
        a< publish t q0 *8191
        b: publish t *8192
        a< publish t q0 *8192
        b: publish t *16384
        a< publish t q0 *16384
        b: publish t q1 id=1 *300000
        b< puback id=1
        a< publish t q1 id=1 *300000
        "#,
    );
}

#[test]
fn mqtt311_4_6_0_2_and_3_acknowledgements_come_in_the_order_of_the_publications() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: publish t q1 id=9 "1" &
        a: publish t q2 id=5 "2" &
        a: publish u q1 id=7 "3" &
        a: publish t q2 id=1 "4" &
        a: publish v q1 id=65535 "5" &
        a: publish v q2 id=2 "6"
        a< puback id=9
        a< pubrec id=5
        a< puback id=7
        a< pubrec id=1
        a< puback id=65535
        a< pubrec id=2
        "#,
    );
}

#[test]
fn mqtt311_4_6_0_5_and_6_messages_of_one_publisher_keep_their_order() {
    for qos in [0, 1, 2] {
        let id = |at: usize| if qos == 0 { String::new() } else { format!("id={at}") };
        let publish: String = (1..=20).map(|at| format!("p: publish t q{qos} {} \"{at}\" &\n", id(at))).collect();
        let heard: String = (1..=20).map(|at| format!("a< publish t q{qos} {} \"{at}\"\n", id(at))).collect();
        let answers: String = match qos {
            0 => String::new(),
            1 => (1..=20).map(|at| format!("p< puback id={at}\n")).collect(),
            _ => (1..=20).map(|at| format!("p< pubrec id={at}\n")).collect(),
        };
        let others = heard.replace("a<", "b<");
        check(&format!(
            "a: connected v=4 id=a clean\na: subscribed t q2\nb: connected v=4 id=b clean\nb: subscribed + q2\n\
             p: connected v=4 id=p clean\n{publish}p: pingreq\n{answers}p< pingresp\n{heard}{others}"
        ));
    }
}

#[test]
fn mqtt311_4_7_3_2_to_4_topics_are_bytes_and_nothing_is_normalised() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed id=1 "e/\xcc\x81" q0 "\xc3\xa9" q0 "A B" q0 a//b q0 / q0
        b: connected v=4 id=b clean
        b: publish "e\xcc\x81" "decomposed"
        b: publish "a/b" "one level less"
        b: publish "a b" "small"
        b: publish "//" "two"
        a nothing
        b: publish "\xc3\xa9" "composed"
        a< publish "\xc3\xa9" q0 "composed"
        b: publish "A B" "space"
        a< publish "A B" q0 "space"
        b: publish a//b "empty level"
        a< publish a//b q0 "empty level"
        b: publish / "slash"
        a< publish / q0 "slash"
        "#,
    );
}

#[test]
fn mqtt311_4_7_3_3_topics_of_65_535_bytes_are_taken() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed *65535 q1
        a: publish *65535 q0 "x"
        a< publish *65535 q0 "x"
        a: unsubscribe id=2 *65535
        a< unsuback id=2
        "#,
    );
}

#[test]
fn mqtt311_3_12_4_1_pingreq_is_answered() {
    check(
        r#"
        a: connected v=any id=a clean
        a: pingreq
        a< pingresp
        a: pingreq &
        a: pingreq
        a< pingresp
        a< pingresp
        "#,
    );
}
