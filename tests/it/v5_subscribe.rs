//! MQTT 5.0: SUBSCRIBE, UNSUBSCRIBE and their answers.

use corecast::mqtt::ProtocolVersion;

use crate::client::Client;
use crate::script::check;
use crate::world::{Options, World};

/// The client is told `code` and its connection ends.
fn parts(order: &str, code: u8) {
    check(&format!(
        "shards 1 3
         a: connected id=a clean
         a: {order}
         a< disconnect code={code:#04x} ..
         a closed
         a gone"
    ));
}

#[test]
fn mqtt5_3_8_4_1_subscribe_is_answered_with_its_identifier_and_one_code_for_each_filter_in_order() {
    check(
        "a: connected id=a clean
         a: subscribe id=1 t
         a< suback id=1 codes=0
         a: subscribe id=65535 a q2 b q1 c q0 a q1 user.k=v
         a< suback id=65535 codes=2,1,0,1",
    );
}

#[test]
fn mqtt5_3_9_3_1_a_refused_filter_has_its_own_code_in_its_place() {
    check(
        r#"limits topic_levels_max=3
           a: connected id=a clean
           a: subscribe id=1 a/b/c q1 a/b/c/d q2 b q2
           a< suback id=1 codes=1,0x8f,2
           p: connected id=p clean
           p: publish b "x"
           a< publish b q0 "x""#,
    );
}

#[test]
fn mqtt5_3_8_1_1_reserved_header_flags_are_malformed() {
    for byte in [0x80, 0x81, 0x83, 0x86, 0x8a] {
        parts(&format!("subscribe t first_byte={byte}"), 0x81);
    }
    for byte in [0xa0, 0xa1, 0xa3, 0xa6, 0xaa] {
        parts(&format!("unsubscribe t first_byte={byte}"), 0x81);
    }
}

#[test]
fn mqtt5_2_2_1_3_a_subscribe_has_a_packet_identifier_that_is_not_zero() {
    parts("subscribe id=0 t", 0x81);
    parts("unsubscribe id=0 t", 0x81);
}

#[test]
fn mqtt5_3_8_3_2_a_payload_is_not_empty() {
    parts("subscribe id=1", 0x82);
    parts("unsubscribe id=1", 0x82);
}

#[test]
fn mqtt5_3_8_3_1_topic_filters_are_utf_8_without_null() {
    for bad in [r"\xff", r"a/\xed\xa0\x80", r"a\0"] {
        parts(&format!(r#"subscribe "{bad}""#), 0x81);
        parts(&format!(r#"unsubscribe "{bad}""#), 0x81);
    }
}

#[test]
fn mqtt5_3_8_3_5_reserved_subscription_options_are_refused() {
    for options in ["0x40", "0x80", "0xc0"] {
        parts(&format!("subscribe t options={options}"), 0x81);
    }
    parts("subscribe t q3", 0x82);
    parts("subscribe t rh=3", 0x82);
    // One bad filter spoils the packet.
    parts("subscribe t q1 u options=0x40", 0x81);
}

#[test]
fn mqtt5_3_8_2_1_2_a_subscription_identifier_is_there_once_and_not_zero() {
    parts("subscribe subscription_id=0 t", 0x82);
    parts("subscribe subscription_id=1 subscription_id=2 t", 0x82);
    parts("subscribe topic_alias=1 t", 0x81);
    parts("unsubscribe subscription_id=1 t", 0x81);
    // Larger than a Variable Byte Integer of four bytes can say.
    parts(r#"raw 82 len 0001 06 0b ffffffff 01 str="t" 00"#, 0x81);
}

#[test]
fn mqtt5_4_7_1_1_misplaced_wildcards_are_refused() {
    for filter in ["a#", "a/#/b", "#/a", "##", "+a", "a+/b", "a/b+", "++", ""] {
        parts(&format!(r#"subscribe "{filter}""#), 0x8f);
        parts(&format!(r#"unsubscribe "{filter}""#), 0x8f);
    }
}

#[test]
fn mqtt5_3_8_3_3_no_local_keeps_a_clients_own_messages_from_it() {
    check(
        r#"a: connected id=a clean
           a: subscribed t/1 q1 nl t/2 q1
           b: connected id=b clean
           b: subscribed t/+
           a: publish t/1 "own"
           a: publish t/2 "also own"
           a< publish t/2 q0 "also own"
           b: publish t/1 "other"
           a< publish t/1 q0 "other"
           a nothing
           b<* publish t/1 q0 "own"
           b<* publish t/2 q0 "also own"
           b<* publish t/1 q0 "other""#,
    );
    // It is the client identifier that counts, not the connection.
    check(
        r#"a: connected id=a clean session_expiry=100
           a: subscribed t q1 nl
           a: close
           a: connected id=a session_expiry=100
           a: publish t q1 id=1 "own"
           a< puback id=1 code=0x10
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_8_4_3_a_subscription_is_replaced_by_one_to_the_same_filter() {
    check(
        r#"a: connected id=a clean
           p: connected id=p clean
           a: subscribed id=1 t q2 nl rap
           a: subscribed id=2 t q0
           p: publish t q1 id=1 retain "x"
           p< puback id=1
           a< publish t q0 "x"
           a nothing
           a: publish t "own"
           a< publish t q0 "own"
           a: subscribed id=3 t q1
           a< publish t q1 id=1 retain "x"
           a: puback id=1
           p: publish t q1 id=2 "y"
           p< puback id=2
           a< publish t q1 id=2 "y"
           a: puback id=2
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_8_4_4_no_message_is_lost_while_a_subscription_is_replaced() {
    check(
        r#"a: connected id=a clean
           p: connected id=p clean
           a: subscribed id=1 t q1
           p: publish t q1 id=1 "1" &
           p: publish t q1 id=2 "2" &
           a: subscribe id=2 t q1 &
           p: publish t q1 id=3 "3" &
           a: subscribe id=3 t q1 &
           p: publish t q1 id=4 "4"
           a<* suback id=2 codes=1
           a<* suback id=3 codes=1
           p< puback id=1
           p< puback id=2
           p< puback id=3
           p< puback id=4
           a< publish t q1 id=1 "1"
           a< publish t q1 id=2 "2"
           a< publish t q1 id=3 "3"
           a< publish t q1 id=4 "4"
           a: puback id=1
           a: puback id=2
           a: puback id=3
           a: puback id=4"#,
    );
}

#[test]
fn mqtt5_3_8_4_5_several_filters_are_several_subscriptions() {
    check(
        r#"p: connected id=p clean
           p: publish t retain "r"
           a: connected id=a clean
           a: subscribed subscription_id=5 t rh=0 t rh=1 u q1 u q0
           a< publish t q0 retain "r" subscription_id=5
           a nothing
           p: publish u q1 id=1 "x"
           p< puback id=1
           a< publish u q0 "x" subscription_id=5"#,
    );
}

#[test]
fn mqtt5_3_8_4_8_messages_have_the_lower_of_published_and_granted_qos() {
    for (published, granted, delivered) in
        [(0, 2, "q0"), (1, 0, "q0"), (1, 2, "q1 id=1"), (2, 0, "q0"), (2, 1, "q1 id=1"), (2, 2, "q2 id=1")]
    {
        check(&format!(
            r#"a: connected id=a clean
               a: subscribed t q{granted}
               p: connected id=p clean
               p: publish t q{published} id=1 "x" &
               p: pingreq
               p<* pingresp
               a< publish t {delivered} "x"
               p: disconnect
               {}"#,
            ["", "p< puback id=1", "p< pubrec id=1"][published]
        ));
    }
}

#[test]
fn a_message_published_behind_suback_reaches_the_subscriber_whatever_the_core() {
    check(
        r#"p: connected id=p clean
           a: connected id=a clean
           a: subscribed id=1 a/b/c
           p: publish a/b/c "1"
           a< publish a/b/c q0 "1"
           a: subscribed id=2 x/+/z
           p: publish x/y/z "2"
           a< publish x/y/z q0 "2"
           a: subscribed id=3 $share/g/s/#
           p: publish s/t "3"
           a< publish s/t q0 "3""#,
    );
}

#[test]
fn mqtt5_3_10_4_1_unsubscribe_ends_just_the_subscription_to_that_very_filter() {
    check(
        r#"a: connected id=a clean
           a: subscribed t/1 t/+ t/#
           p: connected id=p clean
           a: unsubscribe id=2 t/+ user.k=v
           a< unsuback id=2 codes=0
           a: unsubscribe id=3 t T/1 t/1/ /t/1 +/1
           a< unsuback id=3 codes=0x11,0x11,0x11,0x11,0x11
           p: publish t/1 "x"
           a< publish t/1 q0 "x"
           a: unsubscribe id=4 t/# t/1
           a< unsuback id=4 codes=0,0
           p: publish t/1 q1 id=1 "y"
           p< puback id=1 code=0x10
           a nothing"#,
    );
}

#[test]
fn mqtt5_3_10_4_4_unsubscribe_is_answered_with_its_identifier_and_codes_in_order() {
    check(
        "a: connected id=a clean
         a: unsubscribe id=65535 t
         a< unsuback id=65535 codes=0x11
         a: subscribed id=1 b c
         a: unsubscribe id=7 a b c b
         a< unsuback id=7 codes=0x11,0,0,0x11",
    );
}

#[test]
fn mqtt5_3_10_4_3_deliveries_that_have_begun_go_on_after_unsubscribe() {
    check(
        r#"a: connected id=a session_expiry=100
           a: subscribed t q2
           p: connected id=p clean
           p: publish t q1 id=1 "1"
           p< puback id=1
           p: publish t q2 id=2 "2"
           p< pubrec id=2
           p: pubrel id=2
           p< pubcomp id=2
           a< publish t q1 id=1 "1"
           a< publish t q2 id=2 "2"
           a: unsubscribe id=9 t
           a< unsuback id=9 codes=0
           a: cut
           a: connected id=a session_expiry=100
           a< publish t q1 id=1 "1" dup
           a< publish t q2 id=2 "2" dup
           a: puback id=1
           a: pubrec id=2
           a< pubrel id=2
           a: pubcomp id=2
           a nothing"#,
    );
}

#[test]
fn an_unsubscribe_right_behind_subscribe_leaves_nothing_behind() {
    check(
        r#"p: connected id=p clean
           p: publish t/1 retain "x"
           a: connected id=a clean
           a: subscribe id=1 t/# rh=2 &
           a: unsubscribe id=2 t/# &
           a: subscribe id=3 u/# rh=2
           a<* suback id=1 codes=0
           a<* unsuback id=2 codes=0
           a<* suback id=3 codes=0
           p: publish t/1 "y"
           p: publish u/1 "z"
           a< publish u/1 q0 "z"
           a nothing"#,
    );
}

/// What a client gets that says all of `bytes` at once behind CONNECT, in worlds where shards are slow to hear of each
/// other; there is a retained message at `t/1`.
fn answers(bytes: &[u8], mut show: impl FnMut(Vec<String>)) {
    for seed in 0..60 {
        let mut world = World::new(Options::new(3, seed));
        let publisher = Client::open(&mut world, ProtocolVersion::V5);
        let mut client = Client::open(&mut world, ProtocolVersion::V5);
        publisher.send(&mut world, b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01p");
        publisher.send(&mut world, b"\x31\x06\x00\x03t/1\x00");
        publisher.send(&mut world, b"\x31\x07\x00\x03t/1\x00x");
        client.send(&mut world, b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01a");
        world.run();
        client.send(&mut world, bytes);
        world.run();
        let mut packets = Vec::new();
        client.receive(&mut world, |packet| packets.push(format!("{packet:?}")));
        show(packets);
    }
}

#[test]
fn mqtt5_3_14_4_1_no_suback_comes_behind_a_goodbye() {
    answers(b"\x82\x07\x00\x01\x00\x00\x01t\x00\x00\x00", |packets| {
        assert!(packets.last().is_some_and(|last| last.starts_with("Disconnect")), "{packets:?}");
    });
}

#[test]
fn mqtt5_3_10_4_2_no_retained_message_comes_behind_unsuback() {
    answers(b"\x82\x07\x00\x01\x00\x00\x01#\x00\xa2\x06\x00\x02\x00\x00\x01#", |packets| {
        let unsuback = packets.iter().position(|packet| packet.starts_with("Unsuback")).expect("it is answered");
        assert!(packets[unsuback..].iter().all(|packet| !packet.starts_with("Publish")), "{packets:?}");
        assert!(packets.iter().any(|packet| packet.starts_with("Suback")), "{packets:?}");
    });
}

#[test]
fn mqtt5_3_8_4_a_resumed_session_has_its_subscriptions_with_all_their_options() {
    check(
        r#"p: connected id=p clean
           a: connected id=a session_expiry=100
           a: subscribed id=1 subscription_id=3 t/1 q1 nl rap
           a: subscribed id=2 subscription_id=4 $share/g/t/2 q1
           a: close
           a: connected id=a session_expiry=100
           a: publish t/1 "own"
           a nothing
           p: publish t/1 q1 id=1 retain "1"
           p< puback id=1
           p: publish t/2 q1 id=2 "2"
           p< puback id=2
           a< publish t/1 q1 id=1 retain "1" subscription_id=3
           a< publish t/2 q1 id=2 "2" subscription_id=4
           a: puback id=1
           a: puback id=2"#,
    );
}
