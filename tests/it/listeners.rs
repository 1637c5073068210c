//! What a listener may say of its clients in place of the bounds of all.

use std::time::Duration;

use corecast::config::QueueFull;
use corecast::limits::Limits;
use corecast::shard::{ConnectionId, Effect, Event, Origin, Pressure, Seeds, Shard, ShardId, ShardOptions};
use corecast::time::Time;

use crate::script::packet;

/// One shard with the plain listener and another one.
struct House {
    shard: Shard,
    opened: u32,
    now: Time,
}

impl House {
    fn new(listener: Limits) -> House {
        House::with(Limits::default(), listener)
    }

    fn with(limits: Limits, listener: Limits) -> House {
        let shard = Shard::new(ShardOptions {
            id: ShardId(0),
            shards: 1,
            limits,
            listener_limits: vec![listener],
            queue_full: QueueFull::DropNewest,
            server_reference: None,
            response_information: None,
            assigned_client_id_prefix: "auto-".into(),
            turn_units_max: 1000,
            seeds: Seeds { home: (1, 1), topics: 1, own: (1, 2) },
        });
        House { shard, opened: 0, now: Time::START }
    }

    fn open(&mut self, listener: u16) -> ConnectionId {
        let connection = ConnectionId { index: self.opened, generation: 0 };
        self.opened += 1;
        let origin = Origin { listener, ..Origin::default() };
        self.shard.handle(self.now, Event::Opened { connection, origin, admitted: true });
        connection
    }

    /// What a client that says this is answered.
    fn say(&mut self, connection: ConnectionId, words: &[&str]) -> Vec<u8> {
        let bytes: Vec<u8> = words.iter().flat_map(|words| packet(5, words)).collect();
        self.shard.begin_turn();
        assert_eq!(self.shard.handle(self.now, Event::Received { connection, bytes: &bytes }), None);
        self.hear(connection)
    }

    fn hear(&mut self, connection: ConnectionId) -> Vec<u8> {
        let Some(chunk) = self.shard.take_output(connection) else { return Vec::new() };
        let bytes = chunk.slices().flatten().copied().collect();
        self.shard.handle(self.now, Event::Flushed { connection, chunk });
        bytes
    }

    fn connected(&mut self, listener: u16, words: &str) -> ConnectionId {
        let connection = self.open(listener);
        let connack = self.say(connection, &[&format!("connect {words}")]);
        assert_eq!((connack[0], connack[3]), (0x20, 0), "{words}");
        connection
    }

    fn effects(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.shard.take_effects(&mut effects);
        effects
    }
}

#[test]
fn packet_bytes_max_is_what_the_listener_says_and_clients_are_told() {
    let mut house = House::new(Limits { packet_bytes_max: 1000, ..Limits::default() });
    for (listener, bytes_max) in [(0, Limits::default().packet_bytes_max), (1, 1000)] {
        let connection = house.open(listener);
        let connack = house.say(connection, &["connect id=a clean"]);
        let told = [&[0x27], bytes_max.to_be_bytes().as_slice()].concat();
        assert!(connack.windows(5).any(|window| window == told), "{connack:?}");
        let answer = house.say(connection, &["publish t q1 id=1 *1000"]);
        let expected: &[u8] = if listener == 0 { &[0x40, 0x03, 0, 1, 0x10] } else { &[0xe0] };
        assert!(answer.starts_with(expected), "{answer:?}");
        house.shard.handle(house.now, Event::Closed { connection });
    }
    assert_eq!(house.shard.metrics().protocol_errors_total, 1);
}

#[test]
fn packet_bytes_max_of_a_listener_holds_for_connect_too() {
    let limits = |packet_bytes_max| Limits { packet_bytes_max, ..Limits::default() };
    let mut house = House::with(limits(1000), limits(3000));
    let name = "u".repeat(2000);
    for (listener, reason) in [(0, 0x95), (1, 0)] {
        let connection = house.open(listener);
        let connack = house.say(connection, &[&format!("connect id=a clean username={name}")]);
        assert_eq!((connack[0], connack[3]), (0x20, reason), "listener {listener}");
    }
}

#[test]
fn what_may_not_be_read_while_memory_is_short_is_not_however_large_it_may_be() {
    let limits = |packet_bytes_max| Limits { packet_bytes_max, ..Limits::default() };
    let mut house = House::with(limits(1000), limits(3000));
    let connection = house.open(1);
    house.shard.handle(house.now, Event::Received { connection, bytes: &packet(4, "connect id=a clean") });
    house.hear(connection);
    house.shard.handle(house.now, Event::Pressed { pressure: Pressure::Refusing });
    let publication = packet(4, "publish t q1 id=1 *2000");
    for bytes in [&publication[..], &publication[..1500]] {
        house.shard.begin_turn();
        let left = house.shard.handle(house.now, Event::Received { connection, bytes });
        assert_eq!(left, Some(bytes.len()), "a client before 5.0 could not be told that it is refused");
    }
    assert_eq!(house.shard.metrics().publish_received_total, 0);
}

#[test]
fn subscriptions_max_is_that_of_the_listener_the_client_has_come_to_now() {
    let mut house = House::new(Limits { subscriptions_max: 1, ..Limits::default() });
    let first = house.connected(1, "id=a clean session_expiry=100");
    let suback = house.say(first, &["subscribe id=1 t/1 t/2"]);
    assert_eq!(suback[suback.len() - 2..], [0, 0x97]);
    let second = house.connected(0, "id=a session_expiry=100");
    let suback = house.say(second, &["subscribe id=1 t/2"]);
    assert_eq!(suback[suback.len() - 1..], [0]);
    assert_eq!(house.shard.metrics().subscriptions_refused_total, 1);
}

#[test]
fn what_waits_and_what_is_in_flight_is_bounded_by_the_listener() {
    let mut house = House::new(Limits { queue_messages_max: 3, inflight_messages_max: 2, ..Limits::default() });
    let publisher = house.connected(0, "id=p clean");
    for listener in [0, 1] {
        let client = house.connected(listener, &format!("id=c{listener} clean session_expiry=100"));
        house.say(client, &[&format!("subscribe id=1 t/{listener} q1")]);
        let words: Vec<String> = (1..=9).map(|id| format!("publish t/{listener} q1 id={id} x")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        house.say(publisher, &words);
        let heard = house.hear(client);
        // Each is a PUBLISH of ten bytes.
        assert_eq!(heard.len() / 10, if listener == 0 { 9 } else { 2 }, "{heard:?}");
    }
    assert_eq!(house.shard.metrics().dropped_queue_messages_total, 4, "nine less two in flight and three waiting");
}

#[test]
fn connect_timeout_is_that_of_the_listener() {
    let mut house = House::new(Limits { connect_timeout: Duration::from_secs(1), ..Limits::default() });
    let (patient, hasty) = (house.open(0), house.open(1));
    assert_eq!(house.shard.next_deadline(), Some(Time::START + Duration::from_secs(1)));
    house.shard.handle(Time::START + Duration::from_secs(2), Event::Tick);
    let effects = house.effects();
    assert_eq!(effects.len(), 1, "{effects:?}");
    assert!(matches!(effects[0], Effect::Close { connection } if connection == hasty && connection != patient));
}

#[test]
fn messages_per_s_slows_only_the_clients_of_the_listener() {
    let mut house = House::new(Limits { messages_per_s: 2, ..Limits::default() });
    for (listener, pauses) in [(0, 0), (1, 1)] {
        let client = house.connected(listener, &format!("id=c{listener} clean"));
        house.effects();
        house.say(client, &["publish t x", "publish t x", "publish t x"]);
        let paused = house.effects().iter().filter(|effect| matches!(effect, Effect::Pause { .. })).count();
        assert_eq!(paused, pauses, "listener {listener}");
    }
    assert_eq!(house.shard.metrics().fast_publisher_pauses_total, 1);
}
