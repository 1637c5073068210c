//! MQTT 5.0: shared subscriptions.

use crate::script::check;

#[test]
fn mqtt5_4_8_2_1_a_share_name_and_a_filter_are_needed() {
    for filter in
        ["$share/", "$share/a", "$share//a", "$share/a/", "$share/a+/b", "$share/+/b", "$share/#/b", "$share/a/b#"]
    {
        for order in ["subscribe", "unsubscribe"] {
            check(&format!(
                "shards 1 3
                 a: connected id=a clean
                 a: {order} {filter}
                 a< disconnect code=0x8f ..
                 a closed"
            ));
        }
    }
}

#[test]
fn mqtt5_4_8_2_1_other_dollar_filters_are_not_shared() {
    check(
        r#"a: connected id=a clean
           a: subscribed $shared/a/t $share nl $SHARE/a/t
           p: connected id=p clean
           p: publish $shared/a/t "1"
           p: publish $SHARE/a/t "2"
           p: publish t q1 id=1 "3"
           p< puback id=1 code=0x10
           a< publish $shared/a/t q0 "1"
           a< publish $SHARE/a/t q0 "2""#,
    );
}

#[test]
fn mqtt5_3_8_3_4_no_local_on_a_shared_subscription_is_a_protocol_error() {
    check(
        "a: connected id=a clean
         a: subscribe $share/g/t nl
         a< disconnect code=0x82 ..
         a closed",
    );
}

#[test]
fn mqtt5_4_8_2_each_message_goes_to_one_member() {
    // Two members in turn, wherever they are: each gets its half.
    check(
        r#"shards 1
           a: connected id=a clean
           a: subscribed $share/g/t q1
           b: connected id=b clean
           b: subscribed $share/g/t q1
           p: connected id=p clean
           p: publish t "1"
           p: publish t "2"
           p: publish t "3"
           p: publish t "4"
           a< publish t q0 ..
           a< publish t q0 ..
           b< publish t q0 ..
           b< publish t q0 .."#,
    );
}

#[test]
fn mqtt5_4_8_2_groups_and_plain_subscriptions_are_independent() {
    check(
        r#"a: connected id=a clean
           a: subscribed subscription_id=1 $share/g/t q1
           b: connected id=b clean
           b: subscribed subscription_id=2 $share/h/t q1
           c: connected id=c clean
           c: subscribed $share/g/+/x t
           p: connected id=p clean
           p: publish t q1 id=1 "x"
           p< puback id=1
           a< publish t q1 id=1 "x" subscription_id=1
           a: puback id=1
           b< publish t q1 id=1 "x" subscription_id=2
           b: puback id=1
           c< publish t q0 "x"
           c nothing"#,
    );
}

#[test]
fn mqtt5_4_8_2_a_client_may_have_a_plain_and_a_shared_subscription() {
    check(
        r#"a: connected id=a clean
           a: subscribed id=1 subscription_id=1 $share/g/t q1
           a: subscribed id=2 subscription_id=2 t q0
           p: connected id=p clean
           p: publish t q1 id=1 "x"
           p< puback id=1
           a<* publish t q1 id=1 "x" subscription_id=1
           a<* publish t q0 "x" subscription_id=2
           a nothing
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_4_8_2_3_the_qos_granted_to_the_chosen_member_holds() {
    for (granted, delivered) in [(0, "q0"), (1, "q1 id=1"), (2, "q2 id=1")] {
        check(&format!(
            r#"a: connected id=a clean
               a: subscribed $share/g/t q{granted}
               p: connected id=p clean
               p: publish t q2 id=1 "x"
               p< pubrec id=1
               a< publish t {delivered} "x""#
        ));
    }
}

#[test]
fn mqtt5_4_8_2_shared_subscriptions_get_no_retained_messages() {
    for handling in ["", "rh=1", "rap"] {
        check(&format!(
            r#"p: connected id=p clean
               p: publish t retain "x"
               a: connected id=a clean
               a: subscribed $share/g/t q1 {handling}
               a nothing"#
        ));
    }
}

#[test]
fn mqtt5_4_8_2_retain_as_published_holds_for_shared_subscriptions() {
    check(
        r#"a: connected id=a clean
           a: subscribed $share/g/t rap
           b: connected id=b clean
           b: subscribed $share/h/t
           p: connected id=p clean
           p: publish t retain "x"
           a< publish t q0 retain "x"
           b< publish t q0 "x""#,
    );
}

#[test]
fn mqtt5_4_8_2_4_a_qos_2_message_is_completed_with_the_member_that_has_begun_it() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed $share/g/t q2
           p: connected id=p clean
           p: publish t q2 id=1 "x"
           p< pubrec id=1
           a< publish t q2 id=1 "x"
           b: connected id=b clean
           b: subscribed $share/g/t q2
           a: cut
           b nothing
           a: connected id=a session_expiry=100
           a< publish t q2 id=1 "x" dup
           a: pubrec id=1
           a< pubrel id=1
           a: cut
           a: connected id=a session_expiry=100
           a< pubrel id=1
           a: pubcomp id=1
           b nothing"#,
    );
}

#[test]
fn mqtt5_4_8_2_5_a_qos_2_message_that_was_sent_is_not_given_to_another_member() {
    check(
        r#"a: connected id=a session_expiry=10
           a: subscribed $share/g/t q2
           p: connected id=p clean
           p: publish t q2 id=1 "x"
           p< pubrec id=1
           a< publish t q2 id=1 "x"
           b: connected id=b clean
           b: subscribed $share/g/t q2
           a: cut
           wait 11s
           metric sessions_expired_total=1
           b nothing"#,
    );
}

#[test]
fn mqtt5_4_8_2_a_qos_1_message_goes_to_another_member_when_its_session_ends() {
    check(
        r#"a: connected id=a session_expiry=10
           a: subscribed $share/g/t q1
           p: connected id=p clean
           p: publish t q1 id=1 "x"
           p< puback id=1
           a< publish t q1 id=1 "x"
           b: connected id=b clean
           b: subscribed $share/g/t q1
           a: cut
           b nothing
           wait 11s
           b< publish t q1 id=1 "x"
           b: puback id=1"#,
    );
}

#[test]
fn mqtt5_4_8_2_6_a_message_a_member_refused_is_given_to_nobody_else() {
    check(
        r#"a: connected id=a clean
           a: subscribed $share/g/t q2
           p: connected id=p clean
           p: publish t q1 id=1 "1"
           p< puback id=1
           p: publish t q2 id=2 "2"
           p< pubrec id=2
           a< publish t q1 id=1 "1"
           a< publish t q2 id=2 "2"
           b: connected id=b clean
           b: subscribed $share/g/t q2
           a: puback id=1 code=0x80
           a: pubrec id=2 code=0x97
           a nothing
           a: close
           b nothing"#,
    );
}

#[test]
fn mqtt5_4_8_2_connected_members_are_chosen_before_absent_ones() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed $share/g/t q1
           b: connected id=b clean
           b: subscribed $share/g/t q1
           a: close
           p: connected id=p clean
           p: publish t q1 id=1 "1"
           p< puback id=1
           p: publish t q1 id=2 "2"
           p< puback id=2
           b< publish t q1 id=1 "1"
           b< publish t q1 id=2 "2"
           b: puback id=1
           b: puback id=2
           b: close
           p: publish t q1 id=3 "3"
           p< puback id=3
           a: connected id=a session_expiry=100
           a< publish t q1 id=1 "3"
           a: puback id=1"#,
    );
}

#[test]
fn mqtt5_4_8_2_a_member_that_unsubscribes_gets_nothing_more() {
    check(
        r#"a: connected id=a clean
           a: subscribed $share/g/t q1
           b: connected id=b clean
           b: subscribed $share/g/t q1
           a: unsubscribe id=2 $share/g/t
           a< unsuback id=2 codes=0
           a: unsubscribe id=3 $share/g/t t
           a< unsuback id=3 codes=0x11,0x11
           p: connected id=p clean
           p: publish t "1"
           p: publish t "2"
           b< publish t q0 "1"
           b< publish t q0 "2"
           a nothing
           b: unsubscribe id=2 $share/g/t
           b< unsuback id=2 codes=0
           p: publish t q1 id=1 "3"
           p< puback id=1 code=0x10"#,
    );
}

#[test]
fn a_message_for_a_member_on_another_core_is_not_mistaken_for_the_one_before_it() {
    check(
        r#"shards 2 8
           a: connected id=a clean
           a: subscribed id=1 t/1 $share/g/t/2
           p: connected id=p clean
           q: connected id=q clean
           p: publish t/1 "plain"
           q: publish t/2 "shared"
           p: publish t/1 "plain again"
           p: publish t/2 "shared again"
           a< publish t/1 q0 "plain"
           a< publish t/2 q0 "shared"
           a< publish t/1 q0 "plain again"
           a< publish t/2 q0 "shared again""#,
    );
}
