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

#[test]
fn user_connections_max_counts_the_clients_of_one_user_and_a_takeover_is_none_more() {
    check(
        r#"shards 1
           user alice=secret bob=secret
           limits user_connections_max=2
           a: connected id=a clean username=alice password=secret
           b: connected id=b clean username=alice password=secret
           c: connect id=c clean username=alice password=secret
           c< connack sp=0 code=0x97 ..
           c closed
           d: connected id=d clean username=bob password=secret
           // The same client again, by another connection.
           e: connected id=a clean username=alice password=secret
           a< disconnect code=0x8e ..
           a closed
           f: connect v=4 id=f clean username=alice password=secret
           f< connack sp=0 code=0x88
           f closed
           b: close
           g: connected id=g clean username=alice password=secret
           metric user_connections_refused_total=2"#,
    );
}

#[test]
fn who_is_nobodys_client_has_no_bounds_of_a_user() {
    check(
        r#"shards 1
           limits user_connections_max=1 user_subscriptions_max=1
           a: connected id=a clean username=alice
           b: connected id=b clean username=alice
           b: subscribed t/1 t/2
           metric user_connections_refused_total=0"#,
    );
}

#[test]
fn user_subscriptions_max_counts_all_sessions_of_a_user_also_those_that_are_not_connected() {
    check(
        r#"shards 1
           user alice=secret bob=secret
           limits user_subscriptions_max=3
           a: connected id=a clean username=alice password=secret session_expiry=100
           a: subscribed t/1 $share/g/t/2
           a: close
           b: connected id=b clean username=alice password=secret
           b: subscribe id=1 t/1 t/2 t/1 q1
           b< suback id=1 codes=0,0x97,1
           c: connected id=c clean username=bob password=secret
           c: subscribed t/1 t/2
           // A session that ends gives back what it had, and so does UNSUBSCRIBE.
           wait 101s
           b: subscribed id=2 t/2 t/3
           b: unsubscribe id=3 t/2
           b< unsuback id=3 codes=0
           b: subscribe id=4 t/4 t/5
           b< suback id=4 codes=0,0x97
           metric user_subscriptions_refused_total=2"#,
    );
}

#[test]
fn user_messages_per_s_is_shared_by_the_clients_of_a_user() {
    let mut script = String::from(
        r#"shards 1
           user alice=secret bob=secret
           limits user_messages_per_s=10
           s: connected id=s clean username=bob password=secret
           s: subscribed t/#
           p: connected id=p clean username=alice password=secret
           q: connected id=q clean username=alice password=secret
        "#,
    );
    for number in 1..=10 {
        script.push_str(&format!("p: publish t/p \"{number}\"\ns< publish t/p q0 \"{number}\"\n"));
    }
    // The bucket is empty: one more of either and who sends it has to wait.
    script.push_str("q: publish t/q \"1\"\ns< publish t/q q0 \"1\"\nq: publish t/q \"2\" &\nwait 1ms\ns nothing\n");
    script.push_str("wait 1s\ns< publish t/q q0 \"2\"\nmetric fast_user_pauses_total=1\n");
    script.push_str("metric fast_publisher_pauses_total=0\n");
    check(&script);
}
