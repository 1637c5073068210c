//! Retained messages against a plain map, searches in slices, and replicas that hear the same in different orders.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::limits::DEFAULT;
use crate::message::Parts;
use crate::mqtt::matches;
use crate::router::tombstones::{TOMBSTONES_MAX, TOMBSTONE_TIME};

const START: Time = Time::from_nanos(1_000);

fn retained(shards: u8) -> Retained {
    Retained::new(Keys::new(1), shards)
}

fn stamp(time: u64) -> Stamp {
    Stamp { time, shard: 0 }
}

fn expiring(topic: &str, time: u64, expires_at: Time) -> Message {
    let (properties, payload) = (&[][..], time.to_string());
    let (payload, stamp) = (payload.as_bytes(), stamp(time));
    Message::new(Parts { topic, properties, payload, qos: 1, retain: true, expires_at, stamp })
}

fn message(topic: &str, time: u64) -> Message {
    expiring(topic, time, Time::NEVER)
}

fn topics(found: &[Message]) -> Vec<&str> {
    found.iter().map(Message::topic).collect()
}

fn search(retained: &Retained, filter: &str, now: Time) -> Vec<Message> {
    let mut found = Vec::new();
    let scan = &mut RetainedScan::new(filter, stamp(u64::MAX));
    assert_eq!(retained.scan(scan, &mut { usize::MAX }, now, collect(&mut found)), Scanned::All);
    found
}

/// Takes everything.
fn collect(found: &mut Vec<Message>) -> impl FnMut(&Message) -> bool + '_ {
    |message| {
        found.push(message.clone());
        true
    }
}

/// All there is, and that the accounts agree with it.
fn contents(retained: &Retained) -> Vec<(String, Stamp)> {
    let all = retained.messages.iter().map(|ByTopic(message)| message);
    assert_eq!(retained.bytes(), all.clone().map(Message::size).sum::<usize>());
    assert_eq!(retained.len(), all.clone().count());
    let expiring = all.clone().filter(|message| message.expires_at() != Time::NEVER).count();
    assert_eq!(retained.expiring.len(), expiring);
    all.map(|message| (message.topic().to_owned(), message.stamp())).collect()
}

#[test]
fn the_newest_stamp_wins_in_whatever_order_they_come() {
    let mut retained = retained(1);
    assert!(retained.set(message("a", 5)));
    assert!(!retained.set(message("a", 5)));
    assert!(!retained.set(message("a", 4)));
    assert_eq!(contents(&retained), [("a".to_owned(), stamp(5))]);
    assert!(retained.set(message("a", 6)));
    assert!(!retained.remove("a", stamp(6), START));
    assert!(retained.remove("a", stamp(7), START));
    assert!(!retained.remove("a", stamp(8), START));
    assert!(retained.is_empty());
    assert_eq!(contents(&retained), []);
}

#[test]
fn a_deletion_outlives_the_older_message_that_comes_late() {
    let mut retained = retained(2);
    retained.remove("a", stamp(5), START);
    retained.remove("a", stamp(3), START);
    assert!(!retained.set(message("a", 4)));
    assert!(!retained.set(message("a", 5)));
    assert!(retained.set(message("a", 6)));
    assert_eq!(retained.next_expiry(), Some(START + TOMBSTONE_TIME));
    retained.expire(START + TOMBSTONE_TIME, 10);
    assert!(retained.tombstones.is_empty());
    assert_eq!(retained.next_expiry(), None);
}

#[test]
fn a_single_shard_remembers_no_deletions() {
    let mut retained = retained(1);
    retained.remove("a", stamp(5), START);
    assert_eq!(retained.next_expiry(), None);
    assert!(retained.set(message("a", 4)));
}

#[test]
fn deletions_remembered_are_bounded_and_the_oldest_is_forgotten() {
    let mut retained = retained(2);
    for number in 0..=TOMBSTONES_MAX {
        retained.remove(&number.to_string(), stamp(5), START);
    }
    assert_eq!(retained.tombstones.lens(), (TOMBSTONES_MAX, TOMBSTONES_MAX));
    assert!(retained.set(message("0", 4)));
    assert!(!retained.set(message("1", 4)));
    // The same topic over and over takes its places too, but leaves nothing behind.
    for time in 0..2 * TOMBSTONES_MAX as u64 {
        retained.remove("again", stamp(10 + time), START);
    }
    assert_eq!(retained.tombstones.lens(), (1, TOMBSTONES_MAX));
    retained.expire(START + TOMBSTONE_TIME, 1);
    assert!(!retained.set(message("again", 4)));
    retained.expire(START + TOMBSTONE_TIME, usize::MAX);
    assert!(retained.set(message("again", 4)));
}

#[test]
fn an_expired_message_is_not_found_and_goes_in_slices() {
    let mut retained = retained(2);
    let at = |nanos| START + Duration::from_nanos(nanos);
    for (topic, end) in [("a", 30), ("b", 10), ("c", 20)] {
        retained.set(expiring(topic, 1, at(end)));
    }
    retained.set(message("d", 1));
    assert_eq!(topics(&search(&retained, "#", at(10))), ["a", "c", "d"]);
    assert_eq!(retained.next_expiry(), Some(at(10)));
    assert_eq!(retained.expire(at(9), 10), 0);
    assert_eq!(retained.expire(at(20), 1), 1);
    assert_eq!(retained.next_expiry(), Some(at(20)));
    assert_eq!(retained.expire(at(20), 10), 1);
    assert_eq!(topics(&search(&retained, "#", START)), ["a", "d"]);
    // Replaced by one that does not end, and by one that ends later.
    retained.set(message("a", 2));
    retained.set(expiring("d", 2, at(50)));
    assert_eq!(retained.expire(at(40), 10), 0);
    assert_eq!(contents(&retained), [("a".to_owned(), stamp(2)), ("d".to_owned(), stamp(2))]);
    // An older one without an end that was still on its way stays dead.
    assert!(!retained.set(message("b", 0)));
}

#[test]
fn room_is_counted_in_messages_and_bytes_and_a_topic_replaces_its_own() {
    let mut retained = retained(1);
    let first = message("a", 5);
    let limits = Limits { retained_messages_max: 2, retained_bytes_max: first.size() + 10, ..DEFAULT };
    retained.set(first.clone());
    assert!(retained.has_room("b", 10, &limits));
    assert!(!retained.has_room("b", 11, &limits));
    assert!(retained.has_room("a", first.size() + 10, &limits));
    assert!(!retained.has_room("a", first.size() + 11, &limits));
    assert!(!retained.has_room("b", usize::MAX, &limits));
    retained.set(message("b", 5));
    assert!(!retained.has_room("c", 0, &limits));
    assert!(retained.has_room("b", 3, &limits));
}

#[test]
fn a_search_finds_nothing_newer_than_itself() {
    let mut retained = retained(1);
    retained.set(message("a", 5));
    retained.set(message("b", 6));
    let mut found = Vec::new();
    let mut scan = RetainedScan::new("#", stamp(5));
    assert_eq!(scan.filter(), "#");
    for _ in 0..2 {
        assert_eq!(retained.scan(&mut scan, &mut { usize::MAX }, START, collect(&mut found)), Scanned::All);
    }
    assert_eq!(topics(&found), ["a"]);
}

#[test]
fn a_search_stops_at_a_message_that_is_not_taken_and_goes_on_with_it() {
    let mut retained = retained(1);
    (1..=5).for_each(|number| assert!(retained.set(message(&format!("a/{number}"), number))));
    let mut scan = RetainedScan::new("a/+", stamp(5));
    let mut found = Vec::new();
    let two = |message: &Message| {
        let is_wanted = found.len() < 2;
        found.extend(is_wanted.then(|| message.clone()));
        is_wanted
    };
    assert_eq!(retained.scan(&mut scan, &mut 1000, START, two), Scanned::Refused);
    assert_eq!(topics(&found), ["a/1", "a/2"]);
    let mut budget = 1000;
    assert_eq!(retained.scan(&mut scan, &mut budget, START, collect(&mut found)), Scanned::All);
    assert_eq!(topics(&found), ["a/1", "a/2", "a/3", "a/4", "a/5"]);
    assert_eq!(budget, 1000 - SEEK_COST - 4, "one look each, and one to see that there are no more");
}

#[test]
fn a_message_is_its_own_key() {
    assert_eq!(std::mem::size_of::<ByTopic>(), 16);
    assert_eq!(std::mem::size_of::<ByExpiry>(), 16);
}

fn topic() -> impl Strategy<Value = String> {
    "(\\$|[!ab0]{0,2})(/[!ab0]{0,2}){0,3}".prop_filter("not empty", |topic| !topic.is_empty())
}

#[derive(Clone, Debug)]
enum Change {
    Set { topic: String, expires: bool },
    Remove { topic: String },
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (topic(), any::<bool>()).prop_map(|(topic, expires)| Change::Set { topic, expires }),
        1 => topic().prop_map(|topic| Change::Remove { topic }),
    ]
}

fn apply(retained: &mut Retained, change: &Change, time: u64) {
    match change {
        Change::Set { topic, expires: false } => {
            retained.set(message(topic, time));
        }
        Change::Set { topic, expires: true } => {
            retained.set(expiring(topic, time, START + Duration::from_secs(1)));
        }
        Change::Remove { topic } => {
            retained.remove(topic, stamp(time), START);
        }
    }
}

proptest! {
    #[test]
    fn replicas_are_equal_once_all_have_heard_all(
        changes in prop::collection::vec(change(), 0..40)
            .prop_flat_map(|changes| {
                let numbered: Vec<(u64, Change)> = (1..).zip(changes).collect();
                (Just(numbered.clone()), Just(numbered).prop_shuffle())
            }),
        expire_at in 0..40_usize,
    ) {
        let late = START + Duration::from_secs(1);
        let (mut one, mut other) = (retained(2), retained(2));
        for (time, change) in &changes.0 {
            apply(&mut one, change, *time);
        }
        one.expire(late, usize::MAX);
        // The other hears in another order, and some things only after it has expired what it had.
        for (at, (time, change)) in changes.1.iter().enumerate() {
            if at == expire_at {
                other.expire(late, usize::MAX);
            }
            apply(&mut other, change, *time);
        }
        other.expire(late, usize::MAX);
        prop_assert_eq!(contents(&one), contents(&other));
    }

    #[test]
    fn a_search_in_slices_finds_what_was_there_all_along_and_nothing_twice(
        before in prop::collection::vec(topic(), 0..60),
        filter in "(\\$|\\+|[!ab0]{0,2})(/(\\+|[!ab0]{0,2})){0,3}(/#)?|#",
        changes in prop::collection::vec(change(), 0..40),
        budget in 1..5_usize,
    ) {
        let mut retained = retained(2);
        let mut model = BTreeMap::new();
        for (time, topic) in (1..).zip(&before) {
            retained.set(message(topic, time));
            model.insert(topic.clone(), time);
        }
        let newest = before.len() as u64;
        let (mut scan, mut found) = (RetainedScan::new(&filter, stamp(newest)), Vec::new());
        let mut touched = Vec::new();
        let mut changes = (newest + 1..).zip(&changes);
        while retained.scan(&mut scan, &mut { SEEK_COST + budget }, START, collect(&mut found)) == Scanned::SoFar {
            if let Some((time, change)) = changes.next() {
                apply(&mut retained, change, time);
                let (Change::Set { topic, .. } | Change::Remove { topic }) = change;
                touched.push(topic.clone());
            }
        }
        let mut got = BTreeMap::new();
        for message in &found {
            let time = message.stamp().time;
            prop_assert!(got.insert(message.topic().to_owned(), time).is_none(), "{} twice", message.topic());
            prop_assert_eq!(model.get(message.topic()), Some(&time));
            prop_assert!(matches(&filter, message.topic()));
        }
        for (topic, time) in model.iter().filter(|(topic, _)| matches(&filter, topic)) {
            prop_assert!(touched.contains(topic) || got.get(topic) == Some(time), "{} is missing", topic);
        }
    }
}
