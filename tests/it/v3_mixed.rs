//! Clients of different versions talk to each other: what the older ones have no words for is left out.

use crate::script::check;

#[test]
fn a_3_x_subscriber_gets_a_5_0_message_without_its_properties() {
    for version in [3, 4] {
        check(&format!(
            r#"
            a: connected v={version} id=a clean
            a: subscribed t q2
            b: connected v=5 id=b clean
            b: publish t q0 payload_format=1 content_type=text response_topic=r correlation_data=c user.k=v user.k=w "0"
            a< publish t q0 "0"
            b: publish t q1 id=1 message_expiry=60 content_type=text user.k=v "1"
            b< puback id=1
            a< publish t q1 id=1 "1"
            b: publish t q2 id=2 message_expiry=60 user.k=v "2"
            b< pubrec id=2
            a< publish t q2 id=2 "2"
            b: publish t topic_alias=1 "3"
            a< publish t q0 "3"
            b: publish "" topic_alias=1 "4"
            a< publish t q0 "4"
            "#
        ));
    }
}

#[test]
fn a_5_0_subscriber_gets_a_3_x_message_with_its_own_identifiers_only() {
    for version in [3, 4] {
        check(&format!(
            r#"
            a: connected v=5 id=a clean
            a: subscribed id=1 subscription_id=9 t q2 rap
            b: connected v={version} id=b clean
            b: publish t q1 id=5 retain "x"
            b< puback id=5
            a< publish t q1 id=1 "x" retain subscription_id=9
            b: publish t "y"
            a< publish t q0 "y" subscription_id=9
            "#
        ));
    }
}

#[test]
fn one_message_goes_to_all_versions_in_their_own_form() {
    check(
        r#"
        a: connected v=3 id=a clean
        b: connected v=4 id=b clean
        c: connected v=5 id=c clean
        d: connected v=5 id=d clean
        a: subscribed t q1
        b: subscribed t q1
        c: subscribed t q1
        d: subscribed t q0 rap
        p: connected v=5 id=p clean
        p: publish t q1 id=1 retain user.k=v "x"
        p< puback id=1
        a< publish t q1 id=1 "x"
        b< publish t q1 id=1 "x"
        c< publish t q1 id=1 user.k=v "x"
        d< publish t q0 retain user.k=v "x"
        p: publish t q1 id=2 *20000
        p< puback id=2
        a< publish t q1 id=2 *20000
        b< publish t q1 id=2 *20000
        c< publish t q1 id=2 *20000
        d< publish t q0 *20000
        "#,
    );
}

#[test]
fn a_5_0_message_for_an_absent_3_1_1_client_expires() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q1
        a: disconnect
        b: connected v=5 id=b clean
        b: publish t q1 id=1 message_expiry=10 "short"
        b< puback id=1
        b: publish t q1 id=2 message_expiry=100 user.k=v "long"
        b< puback id=2
        wait 11s
        a: connected v=4 id=a
        a< publish t q1 id=1 "long"
        a nothing
        "#,
    );
}

#[test]
fn retained_messages_cross_versions_both_ways() {
    check(
        r#"
        b: connected v=5 id=b clean
        b: publish t q1 id=1 retain content_type=text user.k=v message_expiry=50 "five"
        b< puback id=1 code=0x10
        c: connected v=4 id=c clean
        c: publish u retain "four"
        a: connected v=4 id=a clean
        a: subscribed t q1
        a< publish t q1 id=1 "five" retain
        d: connected v=5 id=d clean
        d: subscribed id=1 t q0 u q0
        d<* publish t q0 "five" retain content_type=text user.k=v message_expiry=50
        d<* publish u q0 "four" retain
        wait 50s
        retained u="four"
        "#,
    );
}

#[test]
fn wills_cross_versions_both_ways() {
    check(
        r#"
        four: connected v=4 id=four clean
        five: connected v=5 id=five clean
        four: subscribed will/+ q1
        five: subscribed will/+ q1
        a: connected v=5 id=a clean session_expiry=60 will=will/5 will.payload="5" will.q1 will.delay=5 will.user.k=v
        a: cut
        wait 4s
        four nothing
        wait 1s
        four< publish will/5 q1 id=1 "5"
        five< publish will/5 q1 id=1 "5" user.k=v
        b: connected v=4 id=b clean will=will/4 will.payload="4"
        b: cut
        four< publish will/4 q0 "4"
        five< publish will/4 q0 "4"
        "#,
    );
}

#[test]
fn a_session_may_be_resumed_in_another_version() {
    check(
        r#"
        p: connected v=5 id=p clean
        a: connected v=5 id=a clean session_expiry=100
        a: subscribed id=1 subscription_id=7 t q2
        p: publish t q1 id=1 user.k=v "1"
        p: publish t q2 id=2 user.k=v "2"
        p< puback id=1
        p< pubrec id=2
        a< publish t q1 id=1 user.k=v subscription_id=7 "1"
        a< publish t q2 id=2 user.k=v subscription_id=7 "2"
        a: pubrec id=2
        a< pubrel id=2
        a: cut
        p: publish t q1 id=3 user.k=v "3"
        p< puback id=3
        a: connect v=4 id=a
        a< connack sp=1 code=0
        a< pubrel id=2
        a< publish t q1 id=1 "1" dup
        a< publish t q1 id=3 "3"
        a: puback id=1
        a: pubcomp id=2
        a: cut
        wait 200s
        a: connect v=5 id=a session_expiry=100
        a< connack sp=1 code=0 ..
        a< publish t q1 id=3 user.k=v subscription_id=7 "3" dup
        a: cut
        wait 101s
        a: connect v=4 id=a
        a< connack sp=0 code=0
        "#,
    );
}

#[test]
fn a_takeover_crosses_versions_both_ways() {
    check(
        r#"
        five: connected v=5 id=same clean
        four: connected v=4 id=same clean
        five< disconnect code=0x8e ..
        five closed
        again: connected v=5 id=same clean
        four nothing
        four closed
        old: connected v=3 id=same clean
        again< disconnect code=0x8e ..
        again closed
        old open
        "#,
    );
}

/// No Local was asked for by a 5.0 client; whoever resumes the session has it.
#[test]
fn no_local_is_for_5_0_and_3_x_hears_itself() {
    check(
        r#"
        a: connected v=5 id=a clean
        a: subscribed t q0 nl
        a: publish t "own"
        a nothing
        b: connected v=4 id=b clean
        b: subscribed t q0
        b: publish t "own"
        b< publish t q0 "own"
        a< publish t q0 "own"
        "#,
    );
}

#[test]
fn a_3_1_1_client_is_not_among_the_members_of_a_shared_subscription() {
    check(
        r#"
        a: connected v=5 id=a clean
        a: subscribed $share/g/t q0
        b: connected v=4 id=b clean
        b: subscribed $share/g/t q0
        p: connected v=4 id=p clean
        p: publish t "1"
        p: publish t "2"
        a< publish t q0 "1"
        a< publish t q0 "2"
        b nothing
        "#,
    );
}
