//! Clients that do not take what is for them: bounded, counted, nobody else's matter.

use std::thread;

use corecast::limits::Limits;
use corecast::mqtt::Packet;

use crate::wire::broker::Broker;
use crate::wire::caller::Caller;

/// Publications of one step.
const STEP: usize = 64;
/// Publications once the outbox is full.
const MORE: usize = 1024;
const OUTBOX_BYTES_MAX: usize = 256 * 1024;

#[test]
fn a_subscriber_that_stops_reading_loses_qos_0_alone_and_goes_on_when_it_reads() {
    for shards in [1, 4] {
        let broker = Broker::limited(shards, Limits { outbox_bytes_max: OUTBOX_BYTES_MAX, ..Limits::default() });
        let mut stalled = Caller::open_narrow(broker.address(), 5);
        stalled.connects("id=stalled clean");
        stalled.subscribed("t", 0);
        let mut healthy = Caller::connected(broker.address(), 5, "id=healthy clean");
        healthy.subscribed("t", 0);
        let mut publisher = Caller::connected(broker.address(), 5, "id=publisher clean");
        let filling = "x".repeat(4096);
        let mut count = 0;
        // The kernel takes a few megabytes before the broker has to keep any.
        while broker.report().shard.dropped_outbox_full_total == 0 {
            assert!(count < 64 * 1024, "nothing is ever dropped");
            for _ in 0..STEP {
                publisher.say(&format!("publish t \"{count} {filling}\""));
                count += 1;
            }
            for n in count - STEP..count {
                assert_eq!(number(&healthy.publication().payload), n, "the healthy one loses nothing");
            }
        }
        // The bound holds while more comes: nearly all of it is dropped for the one and none for the other.
        let before = broker.report().shard.dropped_outbox_full_total as usize;
        for _ in 0..MORE {
            publisher.say(&format!("publish t \"{count} {filling}\""));
            assert_eq!(number(&healthy.publication().payload), count);
            count += 1;
        }
        publisher.pings();
        broker.counts("as much is dropped as the outbox does not hold", |report| {
            let kept = MORE - (report.shard.dropped_outbox_full_total as usize - before);
            kept * filling.len() <= 2 * OUTBOX_BYTES_MAX
        });
        stalled.say("pingreq");
        let mut numbers = Vec::new();
        while let Some(n) = stalled.hear(|packet| match packet {
            Packet::Publish(publish) => Some(number(publish.payload)),
            Packet::Pingresp => None,
            other => panic!("{other:?} was not asked for"),
        }) {
            numbers.push(n);
        }
        assert!(numbers.is_sorted(), "in order, as far as they go");
        let dropped = broker.report().shard.dropped_outbox_full_total as usize;
        assert_eq!(numbers.len() + dropped, count, "every publication was delivered or counted");
        publisher.say("publish t \"7 after\"");
        assert_eq!(number(&stalled.publication().payload), 7);
        drop((stalled, healthy, publisher));
        broker.ends_empty();
    }
}

/// The number a payload begins with.
fn number(payload: &[u8]) -> usize {
    let digits: Vec<u8> = payload.iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).expect("digits").parse().expect("a number")
}

#[test]
fn a_subscriber_that_does_not_acknowledge_fills_its_window_then_its_queue_and_no_more() {
    for shards in [1, 4] {
        let limits = Limits { inflight_messages_max: 10, queue_messages_max: 50, ..Limits::default() };
        let broker = Broker::limited(shards, limits);
        let mut stalled = Caller::connected(broker.address(), 5, "id=stalled clean");
        stalled.subscribed("t", 1);
        let mut healthy = Caller::connected(broker.address(), 5, "id=healthy clean");
        healthy.subscribed("t", 1);
        let mut publisher = Caller::connected(broker.address(), 5, "id=publisher clean");
        for n in 1..=200 {
            publisher.published(&format!("t \"{n}\""), 1, n);
            assert_eq!(number(&healthy.delivered().payload), usize::from(n));
        }
        broker.counts("140 dropped", |report| report.shard.dropped_queue_messages_total == 140);
        for n in 1..=60 {
            assert_eq!(number(&stalled.delivered().payload), n, "the first sixty had room");
        }
        publisher.published("t \"201\"", 1, 201);
        assert_eq!(number(&stalled.delivered().payload), 201, "there is room again");
        assert_eq!(number(&healthy.delivered().payload), 201);
        assert_eq!(broker.report().shard.dropped_queue_messages_total, 140);
        drop((stalled, healthy, publisher));
        broker.ends_empty();
    }
}

#[test]
fn a_client_that_asks_without_reading_is_not_read_and_loses_no_answer() {
    let broker = Broker::limited(1, Limits { outbox_bytes_max: 16 * 1024, ..Limits::default() });
    let mut greedy = Caller::open_narrow(broker.address(), 5);
    greedy.connects("id=greedy clean");
    greedy.subscribed("own", 0);
    let payload = "x".repeat(32 * 1024);
    let asker = greedy.another_end();
    let asking = thread::spawn(move || {
        let mut asker = asker;
        for _ in 0..400 {
            asker.say(&format!("publish own \"{payload}\""));
            asker.say("pingreq");
        }
    });
    broker.counts("it is paused", |report| report.shard.slow_consumer_pauses_total > 0);
    let mut answers = 0;
    while answers < 400 {
        answers += greedy.hear(|packet| usize::from(matches!(packet, Packet::Pingresp)));
    }
    asking.join().expect("all could be asked");
    drop(greedy);
    broker.ends_empty();
}
