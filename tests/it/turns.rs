//! Long work is cut into turns: nobody sees where, and no turn does more than its units.

use std::iter;
use std::sync::Arc;

use corecast::auth::{Policies, Policy};
use corecast::config::QueueFull;
use corecast::limits::Limits;
use corecast::shard::{ConnectionId, Event, Origin, Seeds, Shard, ShardId, ShardOptions};
use corecast::time::Time;

use crate::script::{check, packet};

/// More filters than the first steps of a session's end take.
const FILTERS: usize = 60;

fn filters() -> String {
    (0..FILTERS).map(|number| format!("f/{number} ")).collect()
}

fn zeros() -> String {
    vec!["0"; FILTERS].join(",")
}

#[test]
fn a_client_id_is_free_while_its_old_session_is_taken_apart() {
    for units in [1, 7, 100] {
        check(&format!(
            r#"
            turn_units {units}
            b: connected v=5 id=b clean
            a: connected v=5 id=a clean session_expiry=1000
            a: subscribed {filters} $share/g/s q1 q/+ q1
            a: cut
            b: publish q/1 q1 id=1 "for the old one"
            b< puback id=1
            c: connect v=5 id=a clean &
            c: subscribe id=9 f/7 f/59 $share/g/s q1 &
            d: connect v=5 id=d clean &
            d: subscribe id=9 f/7
            c< connack sp=0 code=0 ..
            c< suback id=9 codes=0,0,1
            d< connack sp=0 code=0 ..
            d< suback id=9 codes=0
            b: publish f/7 "seven"
            c< publish f/7 q0 "seven"
            d< publish f/7 q0 "seven"
            b: publish f/59 "last"
            c< publish f/59 q0 "last"
            b: publish f/8 "nobody"
            b: publish q/1 "nobody"
            b: publish s q1 id=2 "to a member"
            b< puback id=2
            c< publish s q1 id=1 "to a member"
            c: puback id=1
            c nothing
            d nothing
            metric sessions_now=3
            "#,
            filters = filters(),
        ));
    }
}

#[test]
fn what_a_member_owed_that_ends_goes_to_another_turn_by_turn() {
    check(&format!(
        r#"
        turn_units 1
        b: connected v=5 id=b clean
        a: connected v=5 id=a clean
        a: subscribed {filters} $share/g/s q1
        b: publish s q1 id=1 "one"
        b< puback id=1
        a< publish s q1 id=1 "one"
        c: connected v=5 id=c clean
        c: subscribed $share/g/s q1
        a: close
        c< publish s q1 id=1 "one" ..
        c: puback id=1
        "#,
        filters = filters(),
    ));
}

#[test]
fn what_is_behind_a_packet_that_is_cut_waits_in_order() {
    for units in [1, 10, 1000] {
        check(&format!(
            r#"
            turn_units {units}
            b: connected v=5 id=b clean
            b: publish f/3 retain "kept"
            a: connected v=5 id=a clean
            a: subscribe id=4 {filters} &
            a: publish f/3 "own" &
            a: pingreq
            a<* suback id=4 codes={zeros}
            a<* publish f/3 q0 "kept" retain
            a<* publish f/3 q0 "own"
            a<* pingresp
            a: unsubscribe id=5 {filters} f/none &
            a: publish f/3 "not wanted" &
            a: pingreq
            a< unsuback id=5 codes={zeros},0x11
            a< pingresp
            a nothing
            "#,
            filters = filters(),
            zeros = zeros(),
        ));
    }
}

#[test]
fn a_malformed_filter_at_the_end_of_a_packet_that_is_cut_makes_no_subscription() {
    check(&format!(
        r#"
        turn_units 1
        a: connected v=5 id=a clean session_expiry=1000
        a: subscribe id=1 {filters} f/#/x
        a< disconnect code=0x8f ..
        a closed
        a: connect v=5 id=a session_expiry=1000
        a< connack sp=1 code=0 ..
        b: connected v=5 id=b clean
        b: publish f/3 "nobody"
        a nothing
        "#,
        filters = filters(),
    ));
}

#[test]
fn a_burst_that_is_cut_keeps_the_order_of_its_publisher() {
    let publish: String = (0..30).map(|number| format!("b: publish t/{} \"{number}\" &\n", number % 2)).collect();
    let expect: String = (0..30).map(|number| format!("a< publish t/{} q0 \"{number}\"\n", number % 2)).collect();
    check(&format!(
        r#"
        turn_units 3
        a: connected v=5 id=a clean
        a: subscribed t/+
        b: connected v=5 id=b clean
        {publish}
        b: pingreq
        b< pingresp
        {expect}
        "#,
    ));
}

/// Clients that all want the same.
fn crowd(connect: &str, subscribe: &str) -> String {
    let lines = (0..12)
        .map(|number| format!("c{number}: connected id=c{number} {connect}\nc{number}: subscribed {subscribe}\n"));
    lines.collect()
}

#[test]
fn a_publication_that_is_cut_comes_before_all_that_its_publisher_says_later() {
    let each: String = (0..12)
        .map(|number| {
            let gets = [r#"t/1 q1 id=1 "one""#, r#"t/1 q1 id=2 "two""#, r#"t/2 q0 "three""#, r#"t/w q0 "gone""#];
            gets.map(|packet| format!("c{number}< publish {packet}\n")).concat()
        })
        .collect();
    for units in [1, 3, 7] {
        check(&format!(
            r#"
            turn_units {units}
            {crowd}
            p: connected v=5 id=p clean will=t/w will.payload="gone"
            p: publish t/1 q1 id=1 "one" &
            p: publish t/1 q1 id=2 "two" &
            p: publish t/2 "three" &
            p: close
            {each}
            "#,
            crowd = crowd("v=5 clean", "t/# q1"),
        ));
    }
}

#[test]
fn who_takes_the_place_of_a_receiver_while_a_publication_is_cut_gets_nothing_of_it() {
    check(&format!(
        r#"
        shards 1
        turn_units 1
        {crowd}
        p: connected v=5 id=p clean
        p: publish t "to those who were there" &
        c11: close &
        n: connect v=5 id=new clean
        n< connack sp=0 code=0 ..
        {each}
        n nothing
        metric publish_cut_total=1
        "#,
        crowd = crowd("v=5 clean", "t"),
        each =
            (0..11).map(|number| format!("c{number}< publish t q0 \"to those who were there\"\n")).collect::<String>(),
    ));
}

#[test]
fn a_retained_publication_that_is_cut_comes_once_to_those_who_subscribe_meanwhile() {
    for units in [1, 5] {
        check(&format!(
            r#"
            shards 1
            turn_units {units}
            {crowd}
            p: connected v=5 id=p clean
            n: connected v=5 id=n clean
            p: publish t retain "kept" &
            n: subscribe id=1 t
            n<* suback id=1 codes=0
            n<* publish t q0 "kept" ..
            {each}
            "#,
            crowd = crowd("v=5 clean", "t"),
            each = (0..12).map(|number| format!("c{number}< publish t q0 \"kept\"\n")).collect::<String>(),
        ));
    }
}

/// A shard and its connections, each turn driven by hand.
fn shard(turn_units_max: u32) -> Shard {
    Shard::new(ShardOptions {
        id: ShardId(0),
        shards: 1,
        limits: Limits::default(),
        listener_limits: Vec::new(),
        queue_full: QueueFull::DropNewest,
        server_reference: None,
        response_information: None,
        assigned_client_id_prefix: "auto-".into(),
        turn_units_max,
        seeds: Seeds { home: (1, 1), topics: 1, own: (1, 2) },
    })
}

fn open(shard: &mut Shard, index: u32, words: &[&str]) -> ConnectionId {
    let connection = ConnectionId { index, generation: 0 };
    shard.handle(Time::START, Event::Opened { connection, origin: Origin::default(), admitted: true });
    let bytes: Vec<u8> = words.iter().flat_map(|words| packet(5, words)).collect();
    assert_eq!(shard.handle(Time::START, Event::Received { connection, bytes: &bytes }), None);
    shard.begin_turn();
    connection
}

/// Gives a shard bytes until it has done all; answers what `measure` grew by in each turn.
fn turns(shard: &mut Shard, connection: ConnectionId, bytes: &[u8], measure: impl Fn(&Shard) -> u64) -> Vec<u64> {
    let mut rest = Some(bytes);
    iter::from_fn(|| {
        let bytes = rest?;
        let before = measure(shard);
        let left = shard.handle(Time::START, Event::Received { connection, bytes });
        shard.begin_turn();
        rest = left.map(|left| &bytes[bytes.len() - left..]);
        Some(measure(shard) - before)
    })
    .collect()
}

#[test]
fn a_burst_to_many_does_its_units_in_each_turn() {
    let mut shard = shard(1000);
    for index in 1..=100 {
        open(&mut shard, index, &[&format!("connect id=c{index} clean"), "subscribe id=1 t"]);
    }
    let publisher = open(&mut shard, 0, &["connect id=p clean"]);
    let burst = packet(5, "publish t \"payload\"").repeat(500);
    let sent = turns(&mut shard, publisher, &burst, |shard| shard.metrics().publish_sent_total);
    assert_eq!(sent.iter().sum::<u64>(), 50_000);
    // The first two publications cost 101 units each; a series costs each receiver a unit, and one more for eight, and may
    // take a fifth of a turn too long: 68 fit behind them, and 88 into a whole turn.
    assert_eq!(sent, [7000, 8800, 8800, 8800, 8800, 7800]);
}

#[test]
fn a_burst_at_qos_1_does_its_units_in_each_turn() {
    let mut shard = shard(1000);
    for index in 1..=100 {
        open(&mut shard, index, &[&format!("connect id=c{index} clean"), "subscribe id=1 t q1"]);
    }
    let publisher = open(&mut shard, 0, &["connect id=p clean"]);
    let burst: Vec<u8> = (1..=52).flat_map(|id| packet(5, &format!("publish t q1 id={id} \"payload\""))).collect();
    let sent = turns(&mut shard, publisher, &burst, |shard| shard.metrics().publish_sent_total);
    // Each delivery costs a unit, and a series one more for each receiver: eight fit behind the first two, eleven into a turn
    // that may be a fifth too long.
    assert_eq!(sent, [1000, 1100, 1100, 1100, 900]);
}

#[test]
fn new_rules_are_given_to_some_sessions_in_each_turn() {
    let mut shard = shard(1000);
    let clients: Vec<ConnectionId> =
        (0..400).map(|index| open(&mut shard, index, &[&format!("connect id=c{index} clean")])).collect();
    let nobody = || Arc::new(Policies::new(1, vec![Arc::new(Policy { allow_anonymous: false, ..Policy::default() })]));
    shard.handle(Time::START, Event::Policy { policies: nobody() });
    let mut revoked = vec![shard.metrics().sessions_revoked_total];
    shard.begin_turn();
    // Who comes meanwhile goes by the new rules at once.
    let late = open(&mut shard, 400, &["connect id=late clean"]);
    while shard.next_deadline().is_some_and(|due| due <= Time::START) {
        shard.begin_turn();
        shard.handle(Time::START, Event::Tick);
        revoked.push(shard.metrics().sessions_revoked_total);
    }
    // Nine units a session, and what its end takes.
    assert!(revoked.len() > 3 && revoked.windows(2).all(|pair| pair[1] - pair[0] <= 112), "{revoked:?}");
    assert_eq!(revoked.last(), Some(&400));
    assert_eq!(shard.metrics().connects_refused_total, 1, "{late:?} of {}", clients.len());
}

#[test]
fn many_filters_take_many_turns_and_are_answered_once() {
    let mut shard = shard(1000);
    let client = open(&mut shard, 0, &["connect id=a clean"]);
    let filters: String = (0..1000).map(|number| format!("f/{number} ")).collect();
    for words in ["subscribe", "unsubscribe"] {
        let bytes = packet(5, &format!("{words} id=1 {filters}"));
        let turns = turns(&mut shard, client, &bytes, |_| 0).len();
        // One unit to look at each filter and twenty-four to do it.
        assert_eq!(turns, 25, "{words}");
        let mut dirty = Vec::new();
        shard.take_dirty(&mut dirty);
        assert_eq!(dirty, [client], "its answer waits");
        let chunk = shard.take_output(client).expect("the answer");
        shard.handle(Time::START, Event::Flushed { connection: client, chunk });
        while shard.next_deadline().is_some() {
            shard.begin_turn();
            shard.handle(Time::START, Event::Tick);
        }
        shard.begin_turn();
    }
}

#[test]
fn one_publication_does_its_units_in_each_turn_and_others_go_on() {
    let mut shard = shard(1000);
    for index in 2..2502 {
        open(&mut shard, index, &[&format!("connect id=c{index} clean"), "subscribe id=1 t"]);
    }
    let publisher = open(&mut shard, 0, &["connect id=p clean"]);
    let other = open(&mut shard, 1, &["connect id=o clean"]);
    let sent = |shard: &Shard| shard.metrics().publish_sent_total;
    let bytes = [packet(5, "publish t \"one\""), packet(5, "publish t \"two\"")].concat();
    let mut left = shard.handle(Time::START, Event::Received { connection: publisher, bytes: &bytes });
    assert_eq!((left, sent(&shard)), (Some(bytes.len() / 2), 1000), "a turn's units, and the second waits");
    let mut last = sent(&shard);
    for _ in 0..5 {
        shard.begin_turn();
        if let Some(count) = left {
            let rest = &bytes[bytes.len() - count..];
            left = shard.handle(Time::START, Event::Received { connection: publisher, bytes: rest });
        }
        let answered = shard.handle(Time::START, Event::Received { connection: other, bytes: &packet(5, "pingreq") });
        assert!(answered.is_none() || shard.is_spent(), "others are read as long as the turn is not spent");
        shard.handle(Time::START, Event::Tick);
        let now = sent(&shard);
        // What a tick may do in any case is an eighth.
        assert!(now - last <= 1125, "{} in one turn", now - last);
        last = now;
    }
    while left.is_some() || sent(&shard) < 5000 {
        shard.begin_turn();
        if let Some(count) = left {
            let rest = &bytes[bytes.len() - count..];
            left = shard.handle(Time::START, Event::Received { connection: publisher, bytes: rest });
        }
        shard.handle(Time::START, Event::Tick);
    }
    assert_eq!((sent(&shard), shard.metrics().publish_cut_total), (5000, 2));
}

#[test]
fn what_a_large_fan_out_has_written_leaves_in_parts() {
    let mut shard = shard(10_000);
    for index in 1..=3000 {
        open(&mut shard, index, &[&format!("connect id=c{index} clean"), "subscribe id=1 t"]);
    }
    let publisher = open(&mut shard, 0, &["connect id=p clean"]);
    let mut dirty = Vec::new();
    while shard.next_deadline().is_some() || dirty.is_empty() {
        shard.take_dirty(&mut dirty);
        shard.handle(Time::START, Event::Tick);
    }
    for connection in dirty.drain(..) {
        if let Some(chunk) = shard.take_output(connection) {
            shard.handle(Time::START, Event::Flushed { connection, chunk });
        }
    }
    let bytes = packet(5, "publish t \"one\"");
    assert_eq!(shard.handle(Time::START, Event::Received { connection: publisher, bytes: &bytes }), None);
    let flushed: Vec<usize> = iter::from_fn(|| {
        shard.take_dirty(&mut dirty);
        let outputs = dirty.drain(..).filter(|connection| shard.take_output(*connection).is_some()).count();
        shard.begin_turn();
        (outputs > 0).then_some(outputs)
    })
    .collect();
    assert_eq!(flushed, [1024, 1024, 952]);
}
