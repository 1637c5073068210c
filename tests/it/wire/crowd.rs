//! Many clients that connect at once: a core takes them several at a time, and none is forgotten.

use std::time::Duration;

use corecast::limits::Limits;

use crate::wire::broker::Broker;
use crate::wire::caller::Caller;

/// Many times more than make a crowd, on each of four shards, too.
const CLIENTS: usize = 200;

#[test]
fn all_of_a_crowd_are_let_in_on_one_shard() {
    all_of_a_crowd_are_let_in(1);
}

#[test]
fn all_of_a_crowd_are_let_in_on_four_shards() {
    all_of_a_crowd_are_let_in(4);
}

fn all_of_a_crowd_are_let_in(shards: usize) {
    let broker = Broker::start(shards);
    let mut clients: Vec<Caller> = (0..CLIENTS).map(|_| Caller::open(broker.address(), 5)).collect();
    for (client, number) in clients.iter_mut().zip(0..) {
        client.say(&format!("connect id=crowd{number} clean"));
    }
    // Some leave before they have their answer.
    clients.truncate(CLIENTS - CLIENTS / 10);
    for client in &mut clients {
        client.connack();
    }
    let [publisher, subscriber, ..] = &mut clients[..] else { unreachable!("there are more") };
    subscriber.subscribed("crowd", 1);
    publisher.published("crowd \"heard\"", 1, 1);
    assert_eq!(subscriber.delivered().payload, b"heard");
    drop(clients);
    broker.ends_empty();
}

#[test]
fn a_crowd_that_says_nothing_keeps_no_core_awake() {
    let broker = Broker::limited(1, Limits { connect_timeout: Duration::from_secs(1), ..Limits::default() });
    let mut clients: Vec<Caller> = (0..CLIENTS).map(|_| Caller::open(broker.address(), 4)).collect();
    broker.counts("all are accepted", |report| report.runtime.accepted_total == CLIENTS as u64);
    let turns = || broker.report().runtime.turns_total;
    let before = turns();
    clients.iter_mut().for_each(Caller::ends);
    // Turns that close them; a core that waits for a crowd would make seven thousand in that second.
    assert!(turns() - before < 1000, "{} turns", turns() - before);
}
