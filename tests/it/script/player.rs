//! Plays one script in one world.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use corecast::config::QueueFull;
use corecast::limits::Limits;
use corecast::mqtt::ProtocolVersion;
use corecast::shard::Pressure;

use super::hear::hear;
use super::rules::Rules;
use super::speak::speak;
use super::words::{Word, Words};
use crate::client::Client;
use crate::scram::{answer, Answer};
use crate::world::{Options, World};

/// Longer than any session expiry interval but "for ever".
const LONG: Duration = Duration::from_secs(150 * 365 * 24 * 60 * 60);

/// One script in one world.
pub(crate) struct Player<'s> {
    script: &'s str,
    line: usize,
    options: Options,
    world: Option<World>,
    actors: BTreeMap<String, Actor>,
    client_ids: Vec<Vec<u8>>,
    has_epilogue: bool,
    rules: Rules,
}

/// A client by its name in the script.
struct Actor {
    client: Client,
    heard: VecDeque<Words>,
    /// It keeps its end open when the server closes.
    holds: bool,
    has_left: bool,
    /// The server's DISCONNECT has come.
    has_goodbye: bool,
    scram: Scram,
}

/// What a client has to remember of an exchange.
#[derive(Default)]
struct Scram {
    first: String,
    challenge: String,
    signature: String,
}

impl<'s> Player<'s> {
    pub(crate) fn new(script: &'s str, shards: u8, seed: u64) -> Player<'s> {
        let options = Options::new(shards, seed);
        let (actors, client_ids) = (BTreeMap::new(), Vec::new());
        let rules = Rules::default();
        Player { script, line: 0, options, world: None, actors, client_ids, has_epilogue: true, rules }
    }

    pub(crate) fn play(mut self) {
        for (number, line) in (1..).zip(self.script.lines()) {
            self.line = number;
            let line = line.trim();
            if !line.is_empty() && !line.starts_with("//") {
                self.play_line(line);
            }
        }
        self.line += 1;
        for (name, actor) in &self.actors {
            assert!(actor.heard.is_empty(), "`{name}` has got more than was expected");
        }
        if self.has_epilogue {
            self.end();
        }
    }

    fn play_line(&mut self, line: &str) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if self.rules.take(first, rest) {
            if self.world.is_none() {
                self.options.policies = Some(Arc::new(self.rules.policies()));
            }
            return;
        }
        if self.world.is_none() && self.set_option(first, rest) {
            return;
        }
        let options = &self.options;
        let world = self.world.get_or_insert_with(|| World::new(options.clone()));
        if let Some(name) = first.strip_suffix(':') {
            let (order, waits) = rest.strip_suffix(" &").map_or((rest, true), |order| (order, false));
            self.act(name, &Words::parse(order));
            if waits {
                self.settle();
                self.pass_a_moment();
            }
        } else if let Some(name) = first.strip_suffix("<*") {
            self.expect(name, &Words::parse(rest), true);
        } else if let Some(name) = first.strip_suffix('<') {
            self.expect(name, &Words::parse(rest), false);
        } else if self.actors.contains_key(first) {
            self.expect_state(first, rest);
        } else {
            match first {
                "wait" => return self.wait(duration(rest)),
                "memory" => world.press(pressure(rest)),
                "reload" => world.adopt(self.rules.policies()),
                "drain" => {
                    world.drain();
                    self.has_epilogue = false;
                }
                "drained" => assert!(world.shards().all(|shard| shard.is_drained()), "a shard is not drained"),
                "retained" => expect_retained(world, rest),
                "metric" => expect_metric(world, rest),
                other => panic!("`{other}` is no step, nor a client that has connected"),
            }
            self.settle();
        }
    }

    /// What must be said before the world is made.
    fn set_option(&mut self, name: &str, rest: &str) -> bool {
        let text = || -> Option<Box<str>> { Some(Words::parse(&format!("x text={rest}")).words[0].value_str().into()) };
        match name {
            "limits" => {
                let words = Words::parse(&format!("limits {rest}"));
                words.words.iter().for_each(|word| set_limit(&mut self.options.limits, word));
            }
            "queue_full" => {
                self.options.queue_full = match rest {
                    "drop_newest" => QueueFull::DropNewest,
                    "drop_oldest" => QueueFull::DropOldest,
                    other => panic!("`{other}` is neither drop_newest nor drop_oldest"),
                }
            }
            "turn_units" => self.options.turn_units_max = rest.parse().expect("a number of units"),
            "server_reference" => self.options.server_reference = text(),
            "response_information" => self.options.response_information = text(),
            "lifetime" => self.options.lifetime = Some(duration(rest)),
            "no_epilogue" => self.has_epilogue = false,
            "shards" => {}
            _ => return false,
        }
        true
    }

    fn act(&mut self, name: &str, order: &Words) {
        match order.verb.as_str() {
            "open" => self.open(name, order),
            "connect" => self.connect(name, order),
            "connected" => {
                self.connect(name, &Words { verb: "connect".into(), words: order.words.clone() });
                self.settle();
                self.expect(name, &Words::parse("connack code=0 .."), false);
            }
            "subscribed" => {
                self.say(name, &Words { verb: "subscribe".into(), words: order.words.clone() });
                self.settle();
                let id = order.find("id").map_or("1", Word::value_str);
                let expected = format!("suback id={id} codes={}", wished(order));
                self.expect(name, &Words::parse(&expected), false);
            }
            "close" | "cut" | "stall" | "go" | "hold" => {
                let world = self.world.as_mut().expect("clients are in a world");
                let actor = self.actors.get_mut(name).unwrap_or_else(|| panic!("`{name}` has not connected"));
                let socket = actor.client.socket;
                match order.verb.as_str() {
                    "close" => world.close(socket),
                    "cut" => world.cut(socket),
                    "stall" => world.stall(socket, true),
                    "go" => world.stall(socket, false),
                    _ => actor.holds = true,
                }
                actor.has_left |= matches!(order.verb.as_str(), "close" | "cut");
            }
            "prove" => self.prove(name, order),
            _ => self.say(name, order),
        }
    }

    /// Sends the last message of SCRAM.
    fn prove(&mut self, name: &str, order: &Words) {
        let actor = self.actors.get_mut(name).unwrap_or_else(|| panic!("`{name}` has not connected"));
        let (password, others) = order.words.split_first().expect("a password");
        let Answer { message, signature } = answer(&actor.scram.first, &actor.scram.challenge, &password.name);
        actor.scram.signature = signature;
        let mut words = Words { verb: "auth".into(), words: others.to_vec() };
        let own = [("code", "0x18"), ("authentication_method", "SCRAM-SHA-256"), ("authentication_data", &*message)];
        for (name, value) in own {
            if !words.has(name) {
                words.push(Word::pair(name, value));
            }
        }
        let first = std::mem::take(&mut actor.scram.first);
        self.say(name, &words);
        self.actors.get_mut(name).expect("it has just spoken").scram.first = first;
    }

    /// Sends CONNECT, on a new connection unless one is open.
    fn connect(&mut self, name: &str, order: &Words) {
        let world = self.world.as_mut().expect("clients are in a world");
        if self.actors.get(name).is_none_or(|actor| actor.has_left || actor.client.has_ended(world)) {
            self.open(name, order);
        }
        if let Some(id) = order.find("id").and_then(|word| word.value.clone()) {
            self.client_ids.push(id);
        }
        self.say(name, order);
    }

    fn open(&mut self, name: &str, order: &Words) {
        let version = match order.find("v").map_or("5", Word::value_str) {
            "3" => ProtocolVersion::V3_1,
            "4" => ProtocolVersion::V3_1_1,
            "5" => ProtocolVersion::V5,
            other => panic!("`v={other}` is no version"),
        };
        let world = self.world.as_mut().expect("clients are in a world");
        let client = Client::open(world, version);
        let (heard, scram) = (VecDeque::new(), Scram::default());
        let actor = Actor { client, heard, holds: false, has_left: false, has_goodbye: false, scram };
        if let Some(old) = self.actors.insert(name.into(), actor) {
            assert!(old.heard.is_empty(), "`{name}` had got more than was expected: {}", list(&old.heard));
            assert!(old.has_left || old.client.has_ended(world), "`{name}` still has a connection");
        }
    }

    fn say(&mut self, name: &str, order: &Words) {
        let world = self.world.as_mut().expect("clients are in a world");
        let actor = self.actors.get_mut(name).unwrap_or_else(|| panic!("`{name}` has not connected"));
        assert!(!actor.has_left, "`{name}` has closed its connection");
        if let Some(data) = order.find("authentication_data") {
            actor.scram.first = String::from_utf8_lossy(data.value.as_deref().unwrap_or_default()).into_owned();
        }
        let bytes = speak(actor.client.version.level(), order).unwrap_or_else(|| panic!("`{order}` is no order"));
        actor.client.send(world, &bytes);
    }

    /// Lets the world come to rest, clients listening.
    fn settle(&mut self) {
        let Some(world) = &mut self.world else { return };
        loop {
            world.run();
            let mut closed = false;
            for actor in self.actors.values_mut() {
                let Actor { heard, has_goodbye, scram, .. } = actor;
                let client_ids = &mut self.client_ids;
                actor.client.receive(world, |packet| {
                    let words = hear(packet);
                    // [MQTT5-3.14.4-1]
                    assert!(!*has_goodbye, "`{words}` came behind DISCONNECT");
                    *has_goodbye = words.verb == "disconnect";
                    client_ids.extend(words.find("assigned_client_id").and_then(|word| word.value.clone()));
                    if let Some(data) = words.find("authentication_data").filter(|_| words.verb == "auth") {
                        scram.challenge = data.value_str().into();
                    }
                    heard.push_back(words);
                });
                if actor.client.has_ended(world) && !actor.holds && !actor.has_left {
                    world.close(actor.client.socket);
                    actor.has_left = true;
                    closed = true;
                }
            }
            if !closed {
                return;
            }
        }
    }

    /// What is done now is later than what was done before, also for a shard that compares times.
    fn pass_a_moment(&mut self) {
        if let Some(world) = &mut self.world {
            world.now = world.now + Duration::from_nanos(1);
        }
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.world.as_ref().expect("clients are in a world").now + duration;
        loop {
            self.settle();
            if !self.world.as_mut().expect("clients are in a world").next_stop(end) {
                break;
            }
        }
        self.settle();
    }

    fn expect(&mut self, name: &str, expected: &Words, anywhere: bool) {
        let actor = self.actors.get_mut(name).unwrap_or_else(|| panic!("`{name}` has not connected"));
        let mut expected = expected.clone();
        for word in expected.words.iter_mut().filter(|word| word.value.as_deref() == Some(b"SIGNATURE")) {
            word.value = Some(actor.scram.signature.clone().into_bytes());
        }
        let among = if anywhere { actor.heard.len() } else { 1 };
        let found = actor.heard.iter().take(among).position(|heard| expected.accepts(heard));
        let found = found.unwrap_or_else(|| panic!("`{name}` did not get `{expected}`"));
        actor.heard.remove(found);
    }

    fn expect_state(&self, name: &str, state: &str) {
        let world = self.world.as_ref().expect("clients are in a world");
        let actor = &self.actors[name];
        let ended = actor.client.has_ended(world);
        match state {
            "nothing" => assert!(actor.heard.is_empty(), "`{name}` has got something"),
            "closed" => assert!(ended, "`{name}` is still connected"),
            "open" => assert!(!ended, "`{name}` was closed"),
            "gone" => {
                assert!(world.is_forgotten(actor.client.socket), "the server still has the connection of `{name}`")
            }
            other => panic!("`{other}` is not a state of a client"),
        }
    }

    /// All clients leave, their sessions end: nothing may be left of them.
    fn end(&mut self) {
        let Some(world) = &mut self.world else { return };
        for actor in self.actors.values() {
            actor.client.cut(world);
        }
        world.run();
        for id in &self.client_ids {
            let client = Client::open(world, ProtocolVersion::V5);
            let words = vec![Word::pair("id", id), Word::bare("clean")];
            let connect = speak(5, &Words { verb: "connect".into(), words }).expect("a packet");
            client.send(world, &connect);
            client.send(world, &[0xE0, 0]);
            world.run();
            client.cut(world);
            world.run();
        }
        world.advance(LONG);
        for (number, shard) in world.shards().enumerate() {
            assert!(shard.is_empty(), "something is left on shard {number} when all clients have gone");
        }
    }
}

/// Tells where a script failed.
impl Drop for Player<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        eprintln!(
            "
{} shards, seed {}:",
            self.options.shards, self.options.seed
        );
        for (number, line) in (1..).zip(self.script.lines()) {
            eprintln!("{} {}", if number == self.line { ">>" } else { "  " }, line.trim());
        }
        if self.line > self.script.lines().count() {
            eprintln!(">> (the end)");
        }
        for (name, actor) in &self.actors {
            eprintln!("{name} has got: {}", list(&actor.heard));
        }
    }
}

fn list(heard: &VecDeque<Words>) -> String {
    let packets: Vec<String> = heard.iter().map(Words::to_string).collect();
    if packets.is_empty() {
        "nothing more".into()
    } else {
        packets.join("\n    ")
    }
}

/// The codes that grant all that a SUBSCRIBE asks for.
fn wished(order: &Words) -> String {
    let mut codes: Vec<String> = Vec::new();
    for word in &order.words {
        match (word.name.as_str(), &word.value) {
            ("nl" | "rap", None) => {}
            ("q0" | "q1" | "q2", None) => *codes.last_mut().expect("a filter before") = word.name[1..].into(),
            ("qos", Some(_)) => *codes.last_mut().expect("a filter before") = word.value_str().into(),
            (_, None) | ("", Some(_)) => codes.push("0".into()),
            (_, Some(_)) => {}
        }
    }
    codes.join(",")
}

fn expect_retained(world: &World, rest: &str) {
    let words = Words::parse(&format!("retained {rest}"));
    let wanted: BTreeMap<&str, &[u8]> =
        words.words.iter().map(|word| (word.name.as_str(), word.value.as_deref().unwrap_or_default())).collect();
    for (number, shard) in world.shards().enumerate() {
        let there: BTreeMap<&str, &[u8]> = shard.retained().collect();
        assert_eq!(there, wanted, "retained messages of shard {number}");
    }
}

fn expect_metric(world: &World, rest: &str) {
    for wanted in Words::parse(&format!("metric {rest}")).words {
        let rows = world.shards().flat_map(|shard| shard.metrics().rows());
        let values: Vec<u64> = rows.filter(|row| row.0 == wanted.name).map(|row| row.1).collect();
        assert!(!values.is_empty(), "there is no metric `{}`", wanted.name);
        assert_eq!(values.iter().sum::<u64>(), wanted.number::<u64>(), "metric `{}`", wanted.name);
    }
}

fn pressure(word: &str) -> Pressure {
    match word {
        "enough" => Pressure::None,
        "slowing" => Pressure::Slowing,
        "sparing" => Pressure::Sparing,
        "refusing" => Pressure::Refusing,
        "shedding" => Pressure::Shedding,
        other => panic!("`{other}` is no degree of pressure"),
    }
}

fn set_limit(limits: &mut Limits, word: &Word) {
    let number = || word.number::<usize>();
    match word.name.as_str() {
        "connections_max" => limits.connections_max = number(),
        "exchanges_max" => limits.exchanges_max = number(),
        "connect_bytes_max" => limits.connect_bytes_max = word.number(),
        "messages_per_s" => limits.messages_per_s = word.number(),
        "bytes_per_s" => limits.bytes_per_s = word.number(),
        "sessions_max" => limits.sessions_max = number(),
        "packet_bytes_max" => limits.packet_bytes_max = word.number(),
        "receive_maximum" => limits.receive_maximum = word.number(),
        "inflight_messages_max" => limits.inflight_messages_max = word.number(),
        "queue_messages_max" => limits.queue_messages_max = number(),
        "queue_bytes_max" => limits.queue_bytes_max = number(),
        "outbox_bytes_max" => limits.outbox_bytes_max = number(),
        "retained_messages_max" => limits.retained_messages_max = number(),
        "retained_bytes_max" => limits.retained_bytes_max = number(),
        "topic_levels_max" => limits.topic_levels_max = number(),
        "topic_bytes_max" => limits.topic_bytes_max = number(),
        "subscriptions_max" => limits.subscriptions_max = number(),
        "filter_bytes_max" => limits.filter_bytes_max = number(),
        "filter_shapes_max" => limits.filter_shapes_max = number(),
        "user_connections_max" => limits.user_connections_max = number(),
        "user_subscriptions_max" => limits.user_subscriptions_max = number(),
        "user_messages_per_s" => limits.user_messages_per_s = word.number(),
        "user_bytes_per_s" => limits.user_bytes_per_s = word.number(),
        "topic_alias_maximum" => limits.topic_alias_maximum = word.number(),
        "topic_alias_out_max" => limits.topic_alias_out_max = word.number(),
        "connect_timeout" => limits.connect_timeout = duration(word.value_str()),
        "linger_timeout" => limits.linger_timeout = duration(word.value_str()),
        "keep_alive_max_s" => limits.keep_alive_max_s = word.number(),
        "session_expiry_interval_max_s" => limits.session_expiry_interval_max_s = word.number(),
        other => panic!("there is no limit `{other}`"),
    }
}

/// `1.5s`, `200ms`, `3m`, `2h`, `1d`.
fn duration(text: &str) -> Duration {
    let end = text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
    let amount: f64 = text[..end].parse().unwrap_or_else(|_| panic!("`{text}` is no duration"));
    let unit_s = match &text[end..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => panic!("`{text}` needs a unit: ms, s, m, h or d"),
    };
    Duration::from_secs_f64(amount * unit_s)
}
