//! TCP keeps no packets together: CONNECT and what follows it in one segment, in any cuts, or too late.

use crate::script::{check, packet};

#[test]
fn packets_behind_connect_in_one_segment_are_served_in_order() {
    check(
        r#"
        a: connect v=4 id=a clean &
        a: subscribe id=1 t q2 &
        a: publish t q2 id=5 "x" &
        a: pubrel id=5 &
        a: unsubscribe id=2 t &
        a: publish t "y" &
        a: pingreq
        a< connack sp=0 code=0
        a<* suback id=1 codes=2
        a<* publish t q2 id=1 "x"
        a< pubrec id=5
        a< pubcomp id=5
        a< unsuback id=2
        a< pingresp
        a: disconnect
        a closed
        "#,
    );
}

/// CONNECT and a SUBSCRIBE behind it, cut into two at every byte, and into single bytes.
#[test]
fn connect_may_be_cut_anywhere() {
    let bytes = b"\x10\x15\0\x04MQTT\x04\x06\0\x3c\0\x01a\0\x01w\0\x03bye\x82\x06\0\x01\0\x01t\0";
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let heard = "a< connack sp=0 code=0\n a< suback id=1 codes=0\n a open";
    for cut in 1..bytes.len() {
        let (first, second) = bytes.split_at(cut);
        let (first, second) = (first.join(" "), second.join(" "));
        check(&format!("a: open v=4\n a: raw {first}\n a: raw {second}\n {heard}"));
    }
    let single: String = bytes.iter().map(|byte| format!("a: raw {byte}\n")).collect();
    check(&format!("a: open v=4\n {single} {heard}"));
}

#[test]
fn connect_must_come_in_time() {
    check(
        r#"
        limits connect_timeout=5s
        a: open v=4
        b: open v=4
        b: raw 10 0d 00 04
        wait 4999ms
        a open
        b open
        wait 1ms
        a closed
        b closed
        a nothing
        b nothing
        a gone
        b gone
        metric connect_timeouts_total=2
        "#,
    );
}

/// Every packet a client has, a byte at a time.
#[test]
fn a_conversation_may_come_a_byte_at_a_time() {
    let packets = [
        "connect id=a clean keep_alive=9",
        "subscribe id=1 t q2 u/+ q1",
        "publish t q2 id=7 \"exactly\"",
        "pubrel id=7",
        "pubrec id=1",
        "pubcomp id=1",
        "publish u/1 q1 id=8 \"at least\"",
        "puback id=2",
        "unsubscribe id=2 t u/+",
        "pingreq",
        "disconnect",
    ];
    let bytes: Vec<u8> = packets.iter().flat_map(|words| packet(4, words)).collect();
    let sent: String = bytes.iter().map(|byte| format!("a: raw {byte:02x}\n")).collect();
    check(&format!(
        r#"
        a: open v=4
        {sent}
        a< connack sp=0 code=0
        a< suback id=1 codes=2,1
        a<* publish t q2 id=1 "exactly"
        a<* pubrec id=7
        a<* pubcomp id=7
        a<* pubrel id=1
        a<* publish u/1 q1 id=2 "at least"
        a<* puback id=8
        a< unsuback id=2
        a< pingresp
        a closed
        metric protocol_errors_total=0
        "#
    ));
}
