//! What a stranger may send, and how fast a client may.

use crate::script::check;

#[test]
fn connect_bytes_max_refuses_a_larger_connect_and_nothing_else() {
    check(
        r#"limits connect_bytes_max=200
           a: connected id=a clean username=*100
           a: publish t q1 id=1 *500
           a< puback id=1 code=0x10
           b: connect id=b clean username=*200
           b< connack sp=0 code=0x95 ..
           b closed
           // Those before 5.0 have no word for it.
           c: connect v=4 id=c clean username=u password=*200
           c closed
           metric connects_too_large_total=2"#,
    );
    // It is seen as soon as the length is there.
    check(
        r#"limits connect_bytes_max=200
           a: open
           a: raw 10 ac02 str="MQTT" 05 02 003c
           a< connack sp=0 code=0x95 ..
           a closed
           metric connects_too_large_total=1"#,
    );
}

#[test]
fn the_largest_will_and_long_names_fit_into_a_connect() {
    check(
        r#"a: connected id=a clean username=*20000 password=*20000 will=w will.payload=*65535
           b: connect id=b clean username=*65535 will=w will.payload=*65535
           b< connack sp=0 code=0x95 ..
           b closed"#,
    );
}
