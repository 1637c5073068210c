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

#[test]
fn messages_per_s_is_an_average_that_a_client_is_slowed_down_to() {
    let mut script = String::from(
        r#"limits messages_per_s=10
           s: connected id=s clean
           s: subscribed t
           p: connected id=p clean
        "#,
    );
    for number in 1..=40 {
        script.push_str(&format!("p: publish t \"{number}\" &\n"));
    }
    script.push_str("wait 10s\n");
    for number in 1..=40 {
        script.push_str(&format!("s< publish t q0 \"{number}\"\n"));
    }
    script.push_str("p: pingreq\np< pingresp\n");
    check(&script);
}

#[test]
fn a_client_that_has_sent_too_much_is_not_read_for_a_while() {
    check(
        r#"limits messages_per_s=1
           s: connected id=s clean
           s: subscribed t
           p: connected id=p clean
           p: publish t "1"
           metric fast_publisher_pauses_total=0
           p: publish t "2"
           metric fast_publisher_pauses_total=1
           p: publish t "3"
           s< publish t q0 "1"
           s< publish t q0 "2"
           s nothing
           wait 5s
           s< publish t q0 "3"
           p open"#,
    );
}

#[test]
fn bytes_per_s_counts_all_that_comes() {
    check(
        r#"limits bytes_per_s=100
           s: connected id=s clean
           s: subscribed t
           p: connected id=p clean
           p: publish t *1000
           p: pingreq
           p nothing
           wait 15s
           s< publish t q0 *1000
           p< pingresp
           p open"#,
    );
}

#[test]
fn a_client_that_is_not_read_is_not_taken_for_dead() {
    let mut script = String::from(
        r#"limits messages_per_s=1
           s: connected id=s clean
           s: subscribed t
           p: connected id=p clean keep_alive=1
        "#,
    );
    for number in 1..=20 {
        script.push_str(&format!("p: publish t \"{number}\" &\n"));
    }
    script.push_str("wait 60s\n");
    for number in 1..=20 {
        script.push_str(&format!("s< publish t q0 \"{number}\"\n"));
    }
    // Once it is read again and says nothing, it is.
    script.push_str("p< disconnect code=0x8d ..\np closed\n");
    check(&script);
}

#[test]
fn a_client_that_is_both_too_fast_and_too_slow_is_read_when_it_is_neither() {
    for order in ["wait 10s\nb nothing\na: go", "a: go\nb nothing\nwait 10s"] {
        check(&format!(
            r#"limits outbox_bytes_max=100 messages_per_s=1
               b: connected id=b clean
               b: subscribed u
               a: connected id=a clean
               a: subscribed t
               a: stall
               a: publish t "1" &
               a: publish t *120
               metric slow_consumer_pauses_total=1
               metric fast_publisher_pauses_total=1
               a: publish u "unread"
               b nothing
               {order}
               wait 1s
               a< publish t q0 "1"
               a< publish t q0 *120
               b< publish u q0 "unread""#
        ));
    }
}

#[test]
fn a_client_that_goes_while_it_is_not_read_leaves_nothing_behind() {
    check(
        r#"limits messages_per_s=1
           p: connected id=p clean
           p: publish t "1" &
           p: publish t "2" &
           p: publish t "3"
           p: cut
           p gone
           q: connected id=q clean
           q: publish t "1" &
           q: publish t "2"
           r: connected id=q clean
           q< disconnect code=0x8e ..
           q closed
           r: pingreq
           r< pingresp"#,
    );
}
