//! SUBSCRIBE and UNSUBSCRIBE of 3.1.1, and how filters match.

use crate::script::check;

#[test]
fn mqtt311_3_8_4_1_and_2_suback_answers_with_the_identifier() {
    for id in [1, 256, 65_535] {
        check(&format!(
            r#"
            a: connected v=4 id=a clean
            a: subscribe id={id} t q1
            a< suback id={id} codes=1
            a: unsubscribe id={id} t
            a< unsuback id={id}
            "#
        ));
    }
}

#[test]
fn mqtt311_3_8_4_5_and_3_9_3_1_there_is_one_code_per_filter_in_their_order() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribe id=10 a q2 b q0 c q1 # q2 + q0 a q1
        a< suback id=10 codes=2,0,1,2,0,1
        "#,
    );
}

#[test]
fn mqtt311_3_9_3_2_a_refused_filter_is_answered_with_0x80_and_the_others_hold() {
    check(
        r#"
        limits topic_levels_max=3
        a: connected v=4 id=a clean
        a: subscribe id=1 a/b/c q1 a/b/c/d q1 +/+/+/+ q0 #/ q0
        a closed
        b: connected v=4 id=b clean
        b: subscribe id=1 a/b/c q1 a/b/c/d q1 +/+/+/+ q0 x q2
        b< suback id=1 codes=1,0x80,0x80,2
        b: publish a/b/c q1 id=1 "x"
        b<* publish a/b/c q1 id=1 "x"
        b<* puback id=1
        b: publish x q1 id=2 "y"
        b<* publish x q1 id=2 "y"
        b<* puback id=2
        b open
        "#,
    );
}

#[test]
fn mqtt311_3_8_4_4_several_filters_are_like_several_subscribes() {
    check(
        r#"
        r: connected v=4 id=r clean
        r: publish a retain "A"
        r: publish b retain "B"
        a: connected v=4 id=a clean
        a: subscribe id=2 a q1 b q0 a q0
        a< suback id=2 codes=1,0,0
        a<* publish a q0 "A" retain
        a<* publish a q0 "A" retain
        a<* publish b q0 "B" retain
        r: publish a q1 id=1 "later"
        r< puback id=1
        a< publish a q0 "later"
        "#,
    );
}

#[test]
fn mqtt311_3_8_4_3_the_same_filter_again_replaces_the_subscription() {
    check(
        r#"
        b: connected v=4 id=b clean
        b: publish t q1 id=1 retain "old"
        b< puback id=1
        a: connected v=4 id=a clean
        a: subscribed id=1 t q0
        a< publish t q0 "old" retain
        b: publish t q1 id=2 "x"
        b< puback id=2
        a< publish t q0 "x"
        a: subscribed id=2 t q2
        a< publish t q1 id=1 "old" retain
        a: puback id=1
        b: publish t q2 id=3 "y"
        b< pubrec id=3
        a< publish t q2 id=2 "y"
        a: unsubscribe id=3 t
        a< unsuback id=3
        b: publish t "z"
        a nothing
        "#,
    );
}

/// A subscription that is replaced again and again misses nothing and doubles nothing.
#[test]
fn mqtt311_3_8_4_3_replacing_a_subscription_does_not_interrupt_the_flow() {
    let mut script =
        String::from("a: connected v=4 id=a clean\na: subscribed id=1 t q1\nb: connected v=4 id=b clean\n");
    for at in 1..=10 {
        script += &format!("b: publish t q1 id={at} \"{at}\" &\na: subscribe id={} t q1 &\n", 100 + at);
    }
    script += "a: pingreq\n";
    for at in 1..=10 {
        script +=
            &format!("b< puback id={at}\na<* publish t q1 id={at} \"{at}\"\na<* suback id={} codes=1\n", 100 + at);
    }
    check(&format!("{script}a< pingresp"));
}

#[test]
fn mqtt311_3_8_4_6_and_3_3_5_1_the_lower_qos_wins_and_among_subscriptions_the_higher() {
    for published in 0..3 {
        for granted in 0..3 {
            let sent = published.min(granted);
            let id = if sent == 0 { "" } else { "id=1" };
            let answer = ["b nothing", "b< puback id=9", "b< pubrec id=9"][published];
            check(&format!(
                r#"
                shards 1 3
                a: connected v=4 id=a clean
                a: subscribed t q{granted}
                b: connected v=4 id=b clean
                b: publish t q{published} id=9 "x"
                {answer}
                a< publish t q{sent} {id} "x"
                "#
            ));
        }
    }
}

#[test]
fn mqtt311_3_3_5_1_overlapping_subscriptions_bring_one_copy_with_the_highest_qos() {
    for filters in ["t/+ q0 t/# q2 t/1 q1", "t/1 q2 +/1 q0 # q1", "# q0 t/1 q0 t/# q1 +/+ q2"] {
        check(&format!(
            r#"
            a: connected v=4 id=a clean
            a: subscribe {filters}
            a< suback ..
            b: connected v=4 id=b clean
            b: publish t/1 q2 id=4 "x"
            b< pubrec id=4
            a< publish t/1 q2 id=1 "x"
            b: publish t/1 q1 id=5 "y"
            b< puback id=5
            a< publish t/1 q1 id=2 "y"
            a nothing
            "#
        ));
    }
}

#[test]
fn mqtt311_3_10_4_1_a_filter_is_deleted_if_it_is_the_same_to_the_character() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed id=1 t/# q0 t/+ q0 t/1 q0
        a: unsubscribe id=2 t/2 T/# t/+/ # +/1 +/+
        a< unsuback id=2
        a: publish t/1 "still"
        a< publish t/1 q0 "still"
        a: unsubscribe id=3 t/# t/1
        a< unsuback id=3
        a: publish t/1 "by plus"
        a< publish t/1 q0 "by plus"
        a: unsubscribe id=4 t/+
        a< unsuback id=4
        a: publish t/1 "gone"
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_10_4_2_and_4_1_0_1_an_unsubscription_holds_for_the_session() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=a
        a: subscribed id=1 t q1 u q1
        a: unsubscribe id=2 t
        a< unsuback id=2
        b: publish t q1 id=1 "no"
        b< puback id=1
        a nothing
        a: disconnect
        b: publish t q1 id=2 "no"
        b< puback id=2
        b: publish u q1 id=3 "yes"
        b< puback id=3
        a: connected v=4 id=a
        a< publish u q1 id=1 "yes"
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_10_4_3_deliveries_that_had_begun_are_completed() {
    check(
        r#"
        b: connected v=4 id=b clean
        a: connected v=4 id=a
        a: subscribed id=1 t q2
        b: publish t q1 id=1 "one"
        b< puback id=1
        b: publish t q2 id=2 "two"
        b< pubrec id=2
        a< publish t q1 id=1 "one"
        a< publish t q2 id=2 "two"
        a: unsubscribe id=2 t
        a< unsuback id=2
        a: pubrec id=2
        a< pubrel id=2
        a: cut
        a: connected v=4 id=a
        a< pubrel id=2
        a< publish t q1 id=1 "one" dup
        a: puback id=1
        a: pubcomp id=2
        a: disconnect
        a: connected v=4 id=a
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_10_4_4_to_6_unsuback_comes_once_whatever_was_deleted() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: unsubscribe id=7 t
        a< unsuback id=7
        a: subscribed id=1 a b c
        a: unsubscribe id=8 a x b c a
        a< unsuback id=8
        a: publish a "x"
        a: publish b "x"
        a: publish c "x"
        a nothing
        "#,
    );
}

/// Each filter against each topic, on live messages and on retained ones.
fn check_matching(filters: &[&str], topics: &[&str], expected: &[(&str, &[&str])]) {
    for filter in filters {
        let matching = expected.iter().find(|row| row.0 == *filter).map_or(&[][..], |row| row.1);
        let mut live =
            format!("a: connected v=4 id=a clean\na: subscribed \"{filter}\" q0\nb: connected v=4 id=b clean\n");
        let mut retained = String::from("b: connected v=4 id=b clean\n");
        for topic in topics {
            live += &format!("b: publish \"{topic}\" \"{topic}\"\n");
            retained += &format!("b: publish \"{topic}\" retain \"{topic}\"\n");
        }
        retained += &format!("a: connected v=4 id=a clean\na: subscribe \"{filter}\" q0\na< suback id=1 codes=0\n");
        for topic in matching {
            live += &format!("a< publish \"{topic}\" q0 \"{topic}\"\n");
            retained += &format!("a<* publish \"{topic}\" q0 \"{topic}\" retain\n");
        }
        check(&format!("shards 1 3\n{live}a nothing"));
        check(&format!("shards 1 3\n{retained}a nothing"));
    }
}

#[test]
fn mqtt311_4_7_1_2_and_3_and_3_8_3_2_wildcards_match_as_the_standard_says() {
    let topics = [
        "sport",
        "sport/",
        "sport/tennis",
        "sport/tennis/player1",
        "sport/tennis/player1/ranking",
        "sports",
        "/finance",
        "finance",
        "/",
        "//",
        "a//b",
    ];
    let filters = [
        "#",
        "+",
        "sport/#",
        "sport/tennis/#",
        "sport/tennis/player1/#",
        "sport/+",
        "sport/tennis/+",
        "+/tennis/#",
        "sport/+/player1",
        "+/+",
        "/+",
        "/#",
        "+/#",
        "+/+/+",
        "sport/+/#",
        "a/+/b",
        "sport",
        "a/#",
    ];
    let all = topics;
    check_matching(
        &filters,
        &topics,
        &[
            ("#", &all),
            ("+", &["sport", "sports", "finance"]),
            ("sport/#", &["sport", "sport/", "sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking"]),
            ("sport/tennis/#", &["sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking"]),
            ("sport/tennis/player1/#", &["sport/tennis/player1", "sport/tennis/player1/ranking"]),
            ("sport/+", &["sport/", "sport/tennis"]),
            ("sport/tennis/+", &["sport/tennis/player1"]),
            ("+/tennis/#", &["sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking"]),
            ("sport/+/player1", &["sport/tennis/player1"]),
            ("+/+", &["sport/", "sport/tennis", "/finance", "/"]),
            ("/+", &["/finance", "/"]),
            ("/#", &["/finance", "/", "//"]),
            ("+/#", &all),
            ("+/+/+", &["sport/tennis/player1", "//", "a//b"]),
            ("sport/+/#", &["sport/", "sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking"]),
            ("a/+/b", &["a//b"]),
            ("sport", &["sport"]),
            ("a/#", &["a//b"]),
        ],
    );
}

#[test]
fn mqtt311_4_7_2_1_a_leading_wildcard_does_not_match_dollar_topics() {
    check_matching(
        &["#", "+", "+/monitor/Clients", "+/#", "$SYS/#", "$SYS/monitor/+", "$SYS/+/Clients", "$SYS", "a/#", "$/+"],
        &["$SYS", "$SYS/monitor/Clients", "$", "$/x", "a/$b", "a/$b/c"],
        &[
            ("#", &["a/$b", "a/$b/c"]),
            ("+/#", &["a/$b", "a/$b/c"]),
            ("$SYS/#", &["$SYS", "$SYS/monitor/Clients"]),
            ("$SYS/monitor/+", &["$SYS/monitor/Clients"]),
            ("$SYS/+/Clients", &["$SYS/monitor/Clients"]),
            ("$SYS", &["$SYS"]),
            ("a/#", &["a/$b", "a/$b/c"]),
            ("$/+", &["$/x"]),
        ],
    );
}

/// `$share` is a shared subscription in 5.0 only.
#[test]
fn in_3_1_1_share_is_a_level_like_others() {
    check(
        r#"
        a: connected v=4 id=a clean
        b: connected v=4 id=b clean
        a: subscribed $share/g/t q0
        b: subscribed $share/g/t q0
        a: publish t "no"
        a: publish $share/g/t "both"
        a< publish $share/g/t q0 "both"
        b< publish $share/g/t q0 "both"
        "#,
    );
}
