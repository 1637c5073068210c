//! Breaches of 3.1.1 by clients that are connected: the connection is closed, nobody else is.

use std::time::Duration;

use corecast::mqtt::{next_frame, PacketType};

use crate::script::{check, packet};
use crate::world::{Options, World};

/// A connected client sends `packet`: it is closed without a word, its will is published, others stay.
fn breach(packet: &str) {
    check(&format!(
        r#"
        w: connected v=4 id=w clean
        w: subscribed will
        a: connected v=4 id=a clean will=will will.payload="gone"
        b: connected v=4 id=b clean
        a: {packet}
        a nothing
        a closed
        a gone
        w< publish will q0 "gone"
        b: pingreq
        b< pingresp
        metric protocol_errors_total=1
        "#
    ));
}

#[test]
fn mqtt311_1_5_3_1_strings_that_are_not_utf_8_close_the_connection() {
    for bad in [
        "\\xff",
        "\\xc3\\x28",
        "\\xed\\xa0\\x80",
        "\\xed\\xbf\\xbf",
        "\\xf4\\x90\\x80\\x80",
        "\\xc0\\x80",
        "\\xe2\\x82",
    ] {
        breach(&format!("publish \"{bad}\" \"x\""));
        breach(&format!("publish \"t/{bad}\" q1 id=1 \"x\""));
        breach(&format!("subscribe id=1 \"{bad}\" q0"));
        breach(&format!("subscribe id=1 t q0 \"{bad}/u\" q0"));
        breach(&format!("unsubscribe id=1 \"{bad}\""));
    }
}

#[test]
fn mqtt311_1_5_3_2_the_null_character_closes_the_connection() {
    breach("publish \"a\\0b\" \"x\"");
    breach("publish \"\\0\" q2 id=1 \"x\"");
    breach("subscribe id=1 \"a/\\0\" q0");
    breach("unsubscribe id=1 \"\\0\"");
}

#[test]
fn mqtt311_2_2_2_2_wrong_flags_of_the_fixed_header_close_the_connection() {
    for first in ["41", "48", "51", "52", "71", "7f"] {
        breach(&format!("raw {first} 02 00 01"));
    }
    for first in ["c1", "c2", "c8", "e1", "e8", "ef"] {
        breach(&format!("raw {first} 00"));
    }
}

#[test]
fn mqtt311_3_6_1_1_pubrel_with_other_flags_closes_the_connection() {
    for first in ["60", "61", "63", "64", "66", "6a", "6f"] {
        breach(&format!("raw {first} 02 00 01"));
    }
}

#[test]
fn mqtt311_3_8_1_1_subscribe_with_other_flags_closes_the_connection() {
    for first in ["80", "81", "83", "86", "8a", "8f"] {
        breach(&format!("subscribe id=1 t first_byte=0x{first}"));
    }
}

#[test]
fn mqtt311_3_10_1_1_unsubscribe_with_other_flags_closes_the_connection() {
    for first in ["a0", "a1", "a3", "a6", "aa", "af"] {
        breach(&format!("unsubscribe id=1 t first_byte=0x{first}"));
    }
}

#[test]
fn mqtt311_3_14_1_1_disconnect_with_reserved_bits_is_a_breach() {
    for packet in ["raw e1 00", "raw e2 00", "raw e4 00", "raw e8 00", "raw e0 01 00", "raw e0 02 00 00"] {
        breach(packet);
    }
}

#[test]
fn mqtt311_2_3_1_1_the_identifier_zero_closes_the_connection() {
    for packet in [
        "publish t q1 id=0 \"x\"",
        "publish t q2 id=0 \"x\"",
        "subscribe id=0 t",
        "unsubscribe id=0 t",
        "puback id=0",
        "pubrec id=0",
        "pubrel id=0",
        "pubcomp id=0",
    ] {
        breach(packet);
    }
}

#[test]
fn mqtt311_3_3_1_2_dup_with_qos_0_closes_the_connection() {
    breach("publish t q0 dup \"x\"");
}

#[test]
fn mqtt311_3_3_1_4_qos_3_closes_the_connection() {
    breach("publish t q3 id=1 \"x\"");
    breach("publish t q3 id=1 dup retain \"x\"");
}

#[test]
fn mqtt311_3_3_2_1_the_topic_name_comes_first_and_whole() {
    breach("raw 30 00");
    breach("raw 30 01 00");
    breach("raw 30 03 00 05 61");
    breach("raw 32 03 00 01 74");
    breach("raw 32 04 00 01 74 00");
}

#[test]
fn mqtt311_3_3_2_2_and_4_7_1_1_a_wildcard_in_a_topic_name_closes_the_connection() {
    for topic in ["#", "+", "t/#", "t/+", "+/t", "t/+/u", "t#", "t+u"] {
        breach(&format!("publish {topic} \"x\""));
        breach(&format!("publish {topic} q1 id=4 \"x\""));
        breach(&format!("publish {topic} q2 id=4 \"x\""));
    }
}

#[test]
fn mqtt311_3_8_3_3_subscribe_without_a_filter_closes_the_connection() {
    breach("subscribe id=1");
    breach("raw 82 00");
    breach("raw 82 01 00");
}

#[test]
fn mqtt311_3_8_3_4_reserved_bits_and_qos_3_beside_a_filter_close_the_connection() {
    breach("subscribe id=1 t q3");
    for options in ["0x04", "0x08", "0x10", "0x20", "0x40", "0x80", "0xfc", "0xff"] {
        breach(&format!("subscribe id=1 t options={options}"));
    }
    breach("subscribe id=1 t q1 u options=0x04 v q1");
    // A filter without the byte behind it, and half of one.
    breach("raw 82 len 0001 str=\"t\"");
    breach("raw 82 len 0001 str=\"t\" 00 0005 61");
}

#[test]
fn mqtt311_3_8_3_4_nothing_of_a_subscribe_with_an_error_is_done() {
    check(
        r#"
        a: connected v=4 id=a
        a: subscribe id=1 t q1 u q3
        a closed
        b: connected v=4 id=b clean
        b: publish t q1 id=1 "x"
        b< puback id=1
        a: connect v=4 id=a
        a< connack sp=1 code=0
        a nothing
        "#,
    );
}

#[test]
fn mqtt311_3_10_3_2_unsubscribe_without_a_filter_closes_the_connection() {
    breach("unsubscribe id=1");
    breach("raw a2 00");
    breach("raw a2 01 00");
    breach("raw a2 len 0001 0005 61");
}

#[test]
fn mqtt311_4_7_1_2_a_misplaced_multi_level_wildcard_closes_the_connection() {
    for filter in ["a#", "a/b#", "a/#/b", "#/a", "##", "a/##", "+#", "#+"] {
        breach(&format!("subscribe id=1 {filter}"));
        breach(&format!("unsubscribe id=1 {filter}"));
    }
}

#[test]
fn mqtt311_4_7_1_3_a_misplaced_single_level_wildcard_closes_the_connection() {
    for filter in ["a+", "+a", "a/b+", "a/+b/c", "++", "a/++"] {
        breach(&format!("subscribe id=1 {filter}"));
        breach(&format!("unsubscribe id=1 {filter}"));
    }
}

#[test]
fn mqtt311_4_7_3_1_an_empty_topic_or_filter_closes_the_connection() {
    breach("publish \"\" \"x\"");
    breach("publish \"\" q1 id=1 \"x\"");
    breach("subscribe id=1 \"\" q0");
    breach("unsubscribe id=1 \"\"");
}

#[test]
fn mqtt311_4_8_0_1_packets_of_servers_and_reserved_ones_close_the_connection() {
    for packet in [
        "raw 20 02 00 00",
        "raw 90 03 00 01 00",
        "raw b0 02 00 01",
        "raw d0 00",
        "raw f0 00",
        "raw f0 02 00 00",
        "raw 00 00",
        "raw 0f 00",
    ] {
        breach(packet);
    }
}

#[test]
fn mqtt311_4_8_0_1_bodies_of_the_wrong_length_close_the_connection() {
    for packet in [
        "raw c0 01 00",
        "raw 40 00",
        "raw 40 01 00",
        "raw 40 03 00 01 00",
        "raw 50 03 00 01 00",
        "raw 62 03 00 01 00",
        "raw 62 04 00 01 00 00",
        "raw 70 03 00 01 00",
        "raw c0 ff ff ff ff 01",
        "raw 30 ff ff ff ff 7f",
    ] {
        breach(packet);
    }
}

#[test]
fn mqtt311_4_8_0_1_acknowledgements_of_the_wrong_kind_close_the_connection() {
    for (qos, wrong) in [("q1", "pubrec id=1"), ("q1", "pubcomp id=1"), ("q2", "puback id=1"), ("q2", "pubcomp id=1")] {
        check(&format!(
            r#"
            a: connected v=4 id=a clean
            a: subscribed t q2
            b: connected v=4 id=b clean
            a: publish t {qos} id=9 "x"
            a<* publish t {qos} id=1 "x"
            a<* {ack} id=9
            a: {wrong}
            a closed
            b open
            "#,
            ack = if qos == "q1" { "puback" } else { "pubrec" },
        ));
    }
}

#[test]
fn acknowledgements_of_nothing_are_forgiven() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: puback id=77
        a: pubcomp id=77
        a nothing
        a: pubrec id=77
        a< pubrel id=77
        a: pubrel id=77
        a< pubcomp id=77
        a open
        "#,
    );
}

#[test]
fn mqtt311_4_8_0_2_what_is_too_large_for_us_closes_the_connection() {
    check(
        r#"
        limits packet_bytes_max=100
        a: connected v=4 id=a clean
        a: publish t *95
        a open
        a: publish t *96
        a nothing
        a closed
        b: connect v=4 id=*100
        b nothing
        b closed
        "#,
    );
}

/// 3.1.1 does not ask for the shortest form of the Remaining Length.
#[test]
fn a_remaining_length_with_needless_bytes_is_read() {
    check(
        r#"
        a: connected v=4 id=a clean
        a: raw c0 80 80 80 00
        a< pingresp
        a: subscribed t
        a: raw 30 84 80 00 str="t" "x"
        a< publish t q0 "x"
        "#,
    );
}

/// What is wrong inside the second CONNECT cannot be said in a DISCONNECT.
#[test]
fn mqtt5_3_1_0_2_a_second_connect_is_a_protocol_error_whatever_it_says() {
    for connect in ["connect id=a level=9", "connect id=a name=MQTX", "connect id=a flags=0x01", "raw 10 00"] {
        check(&format!(
            r#"
            a: connected v=5 id=a clean
            a: {connect}
            a< disconnect code=0x82 ..
            a closed
            "#
        ));
    }
}

/// A SUBACK may wait for other shards; it does not come behind the last words.
#[test]
fn mqtt5_3_14_4_1_nothing_follows_disconnect() {
    for seed in 0..200 {
        let mut world = World::new(Options::new(3, seed));
        let socket = world.open();
        world.send(socket, &packet(5, "connect id=a clean"));
        world.run();
        world.send(socket, &packet(5, "subscribe id=1 t/+ q1"));
        world.send(socket, &packet(5, "pingreq"));
        world.send(socket, &packet(5, "connect id=a clean"));
        world.advance(Duration::from_millis(1));
        let mut bytes = Vec::new();
        world.take_received(socket, &mut bytes);
        let mut types = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some(frame) = next_frame(rest, u32::MAX).expect("whole packets") {
            types.push(PacketType::from_first_byte(frame.first_byte));
            rest = &rest[frame.total_bytes..];
        }
        assert_eq!(types.last(), Some(&Some(PacketType::Disconnect)), "seed {seed}: {types:?}");
    }
}
