//! A client that publishes to one topic again and again is recognised by it, and its packets are passed on as they came:
//! nobody may see a difference.

use crate::script::check;

#[test]
fn who_subscribes_or_leaves_between_two_publications_counts_at_once() {
    check(
        r#"
        p: connected id=p clean
        a: connected id=a clean
        p: publish t "1"
        p: publish t "2"
        a: subscribed t q0
        p: publish t "3"
        a< publish t q0 "3"
        p: publish t "4"
        a< publish t q0 "4"
        b: connected id=b clean
        b: subscribed +/# q0
        p: publish t "5"
        a< publish t q0 "5"
        b< publish t q0 "5"
        a: unsubscribe id=9 t
        a< unsuback id=9 codes=0
        p: publish t "6"
        b< publish t q0 "6"
        b: cut
        p: publish t "7"
        p: publish t "8"
        a nothing
        "#,
    );
}

#[test]
fn changed_options_of_a_subscription_hold_from_the_next_publication_on() {
    check(
        r#"
        p: connected id=p clean
        p: subscribed t q0
        p: publish t q1 id=1 "1"
        p<* publish t q0 "1"
        p<* puback id=1
        p: publish t q1 id=1 "2"
        p<* publish t q0 "2"
        p<* puback id=1
        p: subscribed t q1
        p: publish t q1 id=1 "3"
        p<* publish t q1 id=1 "3"
        p<* puback id=1
        p: puback id=1
        p: subscribed t q1 nl
        p: publish t q1 id=1 "4"
        p< puback id=1 code=0x10
        p: subscribed t subscription_id=7 q0
        p: publish t "5"
        p< publish t q0 "5" subscription_id=7
        "#,
    );
}

#[test]
fn members_of_a_shared_subscription_still_take_turns() {
    check(
        r#"
        shards 1
        p: connected id=p clean
        a: connected id=a clean
        b: connected id=b clean
        a: subscribed $share/g/t q0
        p: publish t "1"
        p: publish t "2"
        a< publish t q0 "1"
        a< publish t q0 "2"
        b: subscribed $share/g/t q0
        p: publish t "3"
        p: publish t "4"
        a<* publish t q0 ..
        b<* publish t q0 ..
        "#,
    );
}

#[test]
fn what_goes_out_is_what_each_receiver_may_see() {
    check(
        r#"
        p: connected v=4 id=p clean
        three: connected v=4 id=three clean
        five: connected id=five clean
        three: subscribed t q2
        five: subscribed t rap q1
        tiny: connected id=tiny maximum_packet_size=40 clean
        tiny: subscribed t q1
        p: publish t q1 id=70 dup "one"
        p< puback id=70
        three< publish t q1 id=1 "one"
        five< publish t q1 id=1 "one"
        tiny< publish t q1 id=1 "one"
        p: publish t q1 id=71 *50
        p< puback id=71
        three< publish t q1 id=2 *50
        five< publish t q1 id=2 *50
        tiny nothing
        p: publish t q0 retain "two"
        three< publish t q0 "two"
        five< publish t q0 retain "two"
        tiny< publish t q0 "two"
        p: publish t q2 id=72 "three"
        p< pubrec id=72
        three< publish t q2 id=3 "three"
        five< publish t q1 id=3 "three"
        tiny< publish t q1 id=_ "three"
        // A Remaining Length in more bytes than it needs goes no further.
        p: raw 30 8700 str="t" "four"
        three< publish t q0 "four"
        five< publish t q0 "four"
        tiny< publish t q0 "four"
        p: publish t retain ""
        three< publish t q0
        five< publish t q0 retain
        tiny< publish t q0
        "#,
    );
}

#[test]
fn properties_pass_and_aliases_and_expiry_are_told_anew() {
    check(
        r#"
        p: connected id=p clean
        a: connected id=a clean
        a: subscribed t q0
        old: connected v=4 id=old clean
        old: subscribed t q0
        p: publish t "1" user.k=v content_type=x
        p: publish t "2" user.k=v content_type=x
        a< publish t q0 "1" user.k=v content_type=x
        a< publish t q0 "2" user.k=v content_type=x
        old< publish t q0 "1"
        old< publish t q0 "2"
        p: publish t "3" topic_alias=2 message_expiry=9
        p: publish "" "4" topic_alias=2
        p: publish t "5" message_expiry=9 user.k=v
        a< publish t q0 "3" message_expiry=9
        a< publish t q0 "4"
        a< publish t q0 "5" message_expiry=9 user.k=v
        old< publish t q0 "3"
        old< publish t q0 "4"
        old< publish t q0 "5"
        p: publish t/other "6"
        p: publish "" "7" topic_alias=2
        p: publish t "8"
        a< publish t q0 "7"
        a< publish t q0 "8"
        old< publish t q0 "7"
        old< publish t q0 "8"
        "#,
    );
}

#[test]
fn a_topic_out_of_bounds_is_never_known() {
    check(
        r#"
        limits topic_levels_max=2
        p: connected id=p clean
        p: publish a/b/c q1 id=1 "1"
        p< puback id=1 code=0x90
        p: publish a/b/c q1 id=1 "2"
        p< puback id=1 code=0x90
        "#,
    );
}
