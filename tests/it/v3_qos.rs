//! QoS 1 and 2 of 3.1.1, both ways, with all that may be lost, repeated or late.

use corecast::mqtt::{Packet, PacketId, ProtocolVersion};

use crate::client::Client;
use crate::script::{check, packet};
use crate::world::{Options, World};

#[test]
fn mqtt311_4_3_2_1_qos_1_goes_out_unacknowledged_until_puback() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q1
        b: connected v=4 id=b clean
        b: publish t q1 id=1 "1"
        b< puback id=1
        b: publish t q1 id=1 "2"
        b< puback id=1
        a< publish t q1 id=1 "1"
        a< publish t q1 id=2 "2"
        a: puback id=1
        a: cut
        a: connected v=4 id=a
        a< publish t q1 id=2 "2" dup
        a nothing
        a: puback id=2
        a: cut
        a: connected v=4 id=a
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_4_3_2_2_and_2_3_1_2_after_puback_the_identifier_is_new_whatever_dup_says() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q0
        b: connected v=4 id=b clean
        b: publish t q1 id=7 "x"
        b< puback id=7
        a< publish t q0 "x"
        b: publish t q1 id=7 dup "x"
        b< puback id=7
        a< publish t q0 "x"
        b: publish t q1 id=7 "y"
        b< puback id=7
        a< publish t q0 "y"
        "#,
    );
}

#[test]
fn mqtt311_4_3_3_1_qos_2_goes_out_in_two_steps() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q2 id=1 "x"
        b< pubrec id=1
        a< publish t q2 id=1 "x"
        a: cut
        a: connected v=4 id=a
        a< publish t q2 id=1 "x" dup
        a: pubrec id=1
        a< pubrel id=1
        a: cut
        a: connected v=4 id=a
        a< pubrel id=1
        a: pubrec id=1
        a< pubrel id=1
        a: pubcomp id=1
        a: cut
        a: connected v=4 id=a
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_4_3_3_2_qos_2_comes_in_once_until_it_is_released() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q0
        b: connected v=4 id=b clean
        b: publish t q2 id=7 "x"
        b< pubrec id=7
        a< publish t q0 "x"
        b: publish t q2 id=7 dup "x"
        b< pubrec id=7
        b: publish t q2 id=7 "other"
        b< pubrec id=7
        a nothing
        b: pubrel id=7
        b< pubcomp id=7
        b: pubrel id=7
        b< pubcomp id=7
        b: publish t q2 id=7 dup "new"
        b< pubrec id=7
        a< publish t q0 "new"
        "#,
    );
}

#[test]
fn mqtt311_4_3_3_2_an_open_qos_2_publication_outlives_the_connection() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q0
        b: connected v=4 id=b
        b: publish t q2 id=7 "x"
        b< pubrec id=7
        a< publish t q0 "x"
        b: cut
        b: connect v=4 id=b
        b< connack sp=1 code=0
        b: publish t q2 id=7 dup "x"
        b< pubrec id=7
        a nothing
        b: cut
        b: connected v=4 id=b
        b: pubrel id=7
        b< pubcomp id=7
        b: publish t q2 id=7 "y"
        b< pubrec id=7
        a< publish t q0 "y"
        b: cut
        b: connect v=4 id=b clean
        b< connack sp=0 code=0
        b: publish t q2 id=7 dup "z"
        b< pubrec id=7
        a< publish t q0 "z"
        "#,
    );
}

#[test]
fn mqtt311_2_3_1_3_and_4_identifiers_are_free_once_acknowledged() {
    check(
        r#"
        shards 1
        limits inflight_messages_max=3
        a: connected v=4 id=a clean
        a: subscribed t q1
        b: connected v=4 id=b clean
        b: publish t q1 id=1 "1"
        b: publish t q1 id=1 "2"
        b: publish t q1 id=1 "3"
        b: publish t q1 id=1 "4"
        b< puback id=1
        b< puback id=1
        b< puback id=1
        b< puback id=1
        a< publish t q1 id=1 "1"
        a< publish t q1 id=2 "2"
        a< publish t q1 id=3 "3"
        a nothing
        a: puback id=2
        a< publish t q1 id=4 "4"
        "#,
    );
}

#[test]
fn mqtt311_4_6_0_1_what_is_sent_again_keeps_its_order() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q1 id=1 "1" &
        b: publish t q2 id=2 "2" &
        b: publish t q1 id=3 "3" &
        b: publish t q2 id=4 "4" &
        b: publish t q1 id=5 "5"
        b< puback id=1
        b< pubrec id=2
        b< puback id=3
        b< pubrec id=4
        b< puback id=5
        a< publish t q1 id=1 "1"
        a< publish t q2 id=2 "2"
        a< publish t q1 id=3 "3"
        a< publish t q2 id=4 "4"
        a< publish t q1 id=5 "5"
        a: puback id=3
        a: cut
        b: publish t q1 id=6 "6"
        b< puback id=6
        a: connected v=4 id=a
        a< publish t q1 id=1 "1" dup
        a< publish t q2 id=2 "2" dup
        a< publish t q2 id=4 "4" dup
        a< publish t q1 id=5 "5" dup
        a< publish t q1 id=6 "6"
        "#,
    );
}

#[test]
fn mqtt311_4_6_0_4_pubrels_come_in_the_order_of_the_pubrecs() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q2 id=1 "1" &
        b: publish t q2 id=2 "2" &
        b: publish t q2 id=3 "3"
        b< pubrec id=1
        b< pubrec id=2
        b< pubrec id=3
        a< publish t q2 id=1 "1"
        a< publish t q2 id=2 "2"
        a< publish t q2 id=3 "3"
        a: pubrec id=3 &
        a: pubrec id=1 &
        a: pubrec id=2
        a< pubrel id=3
        a< pubrel id=1
        a< pubrel id=2
        a: pubcomp id=1
        a: pubcomp id=3
        a: pubcomp id=2
        a: disconnect
        a: connected v=4 id=a
        a nothing
        "#,
    );
}

#[test]
fn a_client_that_acknowledges_before_it_is_sent_again_gets_the_rest() {
    check(
        r#"
        limits inflight_messages_max=2
        a: connected v=4 id=a
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q1 id=1 "1"
        b: publish t q2 id=2 "2"
        b: publish t q1 id=3 "3"
        b< puback id=1
        b< pubrec id=2
        b< puback id=3
        a< publish t q1 id=1 "1"
        a< publish t q2 id=2 "2"
        a: cut
        a: connect v=4 id=a &
        a: puback id=1 &
        a: pubrec id=2
        a< connack sp=1 code=0
        a< publish t q1 id=1 "1" dup
        a< publish t q2 id=2 "2" dup
        a<* pubrel id=2
        a<* publish t q1 id=3 "3"
        "#,
    );
}

#[test]
fn mqtt311_4_3_3_1_publisher_and_subscriber_finish_independently() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: subscribed t q2
        b: connected v=4 id=b clean
        b: publish t q2 id=9 "x"
        b< pubrec id=9
        a< publish t q2 id=1 "x"
        a: pubrec id=1
        a< pubrel id=1
        a: pubcomp id=1
        b: pubrel id=9
        b< pubcomp id=9
        "#,
    );
}

/// 66,000 publications, all acknowledged but the first: its identifier is not given again when the numbers wrap.
#[test]
fn mqtt311_2_3_1_4_an_identifier_in_use_is_left_out_when_they_wrap() {
    let mut world = World::new(Options::new(1, 7));
    let (mut subscriber, publisher) = (Client::open(&mut world, ProtocolVersion::V3_1_1), world.open());
    subscriber.send(&mut world, &packet(4, "connect id=a clean"));
    subscriber.send(&mut world, &packet(4, "subscribe id=1 t q1"));
    world.send(publisher, &packet(4, "connect id=b clean"));
    world.run();
    let publications = packet(4, "publish t q1 id=9 \"x\"").repeat(1000);
    let mut ids = Vec::new();
    for _ in 0..66 {
        world.send(publisher, &publications);
        world.run();
        let seen = ids.len();
        subscriber.receive(&mut world, |packet| {
            if let Packet::Publish(publish) = packet {
                ids.extend(publish.packet_id.map(PacketId::get));
            }
        });
        for id in ids[seen..].iter().filter(|id| **id != 1) {
            world.send(subscriber.socket, &packet(4, &format!("puback id={id}")));
        }
        world.run();
    }
    let expected: Vec<u16> = (1..=65_535).chain(2..=466).collect();
    assert_eq!(ids, expected);
}
