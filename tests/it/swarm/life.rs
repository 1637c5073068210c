//! One seed: people come, talk, stall, break off and come back; now and then the world comes to rest and is judged.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::thread;
use std::time::Duration;

use corecast::config::QueueFull;
use corecast::metrics::Metrics;
use corecast::mqtt::{
    encode_subscribe, encode_unsubscribe, Connect, Disconnect, Forwarded, Packet, Properties, ProtocolVersion, QoS,
    ReasonCode, RetainHandling, SubscriptionOptions, TopicName, Will,
};
use corecast::shard::Pressure;

use super::bounds::some_limits;
use super::person::{message_number, Asked, Believed, Link, Outgoing, Person, Stage};
use crate::client::Client;
use crate::model::{share_identifier, share_qos, Message, MessageNumber, Model, Wish};
use crate::rng::Rng;
use crate::world::{Options, World};

/// Lines told of a seed that fails.
const TOLD: usize = 100;

const TOPICS: [&str; 6] = ["a", "a/b", "a/c", "b/x/y", "b", "$s/a"];
const FILTERS: [&str; 11] = ["a", "a/b", "a/c", "a/+", "a/#", "+/b", "#", "b/#", "+/+/y", "$s/#", "w/+"];
const SHARES: [&str; 4] = ["$share/g/a/#", "$share/h/a/b", "$share/g/#", "$share/k/+/x/+"];
const WILL_TOPICS: [&str; 3] = ["w/0", "w/1", "a/b"];

/// One world full of people.
pub(crate) struct Swarm {
    world: World,
    model: Model,
    people: Vec<Person>,
    rng: Rng,
    server_receive_maximum: usize,
    /// What was said and heard, if it is to be told.
    said: Vec<String>,
    tells: bool,
    /// Now and then memory gets so short that publishers are slowed down.
    is_pressed: bool,
    name: String,
}

impl Swarm {
    pub(crate) fn new(shards: u8, seed: u64, tells: bool) -> Swarm {
        let mut rng = Rng::new(seed ^ 0x5eed_0000);
        let mut options = Options::new(shards, seed);
        options.limits = some_limits(&mut rng);
        if rng.chance(3) {
            options.mail_max = 1 + rng.below(4);
        }
        if rng.chance(3) {
            options.queue_full = QueueFull::DropOldest;
        }
        // Not drawn, so that the seeds that have failed play what they played.
        if seed.is_multiple_of(3) {
            options.turn_units_max = 1 + (seed / 3 % 30) as u32;
        }
        // One message of 9,000 bytes and answers to some dozen packets.
        options.outbox_slack = 12_000 + 9_100;
        let server_receive_maximum = usize::from(options.limits.receive_maximum);
        let count = 3 + rng.below(5);
        let people = (0..count).map(|index| {
            let version = if rng.chance(3) { ProtocolVersion::V3_1_1 } else { ProtocolVersion::V5 };
            Person::new(index, version)
        });
        let people = people.collect();
        Swarm {
            world: World::new(options),
            model: Model::new(count),
            people,
            rng,
            server_receive_maximum,
            said: Vec::new(),
            tells,
            // Not drawn either.
            is_pressed: seed % 4 == 1,
            name: format!("{shards} shards, seed {seed}"),
        }
    }

    pub(crate) fn live(mut self) {
        for _ in 0..1 + self.rng.below(3) {
            for _ in 0..60 + self.rng.below(200) {
                self.something_happens();
            }
            self.rest();
        }
        self.end();
    }

    fn something_happens(&mut self) {
        for _ in 0..self.rng.below(8) {
            self.world.step();
        }
        let index = self.rng.below(self.people.len());
        self.listen(index);
        for _ in 0..self.rng.below(3) {
            self.people[index].acknowledge(&mut self.world);
        }
        self.model.step += 1;
        if self.is_pressed && self.model.step.is_multiple_of(20) {
            let pressure = if self.model.step.is_multiple_of(40) { Pressure::None } else { Pressure::Slowing };
            self.world.press(pressure);
        }
        self.act(index);
        match self.rng.below(100) {
            0..5 => self.world.now = self.world.now + Duration::from_millis(self.rng.next() % 300),
            5 => self.world.now = self.world.now + Duration::from_secs(self.rng.next() % 4),
            _ => {}
        }
    }

    fn act(&mut self, index: usize) {
        let Some(link) = &self.people[index].link else {
            if self.rng.chance(3) {
                self.connect(index, true);
            }
            return;
        };
        if link.stage == Stage::Leaving {
            return;
        }
        let is_online = link.stage == Stage::Online;
        match self.rng.below(100) {
            0..2 => self.break_off(index),
            2 if is_online => {
                self.break_off_later(index);
                self.connect(index, true);
            }
            3..6 => {
                let link = self.people[index].link.as_mut().expect("looked at above");
                link.is_stalled = !link.is_stalled;
                self.world.stall(link.client.socket, link.is_stalled);
            }
            6..9 if is_online => self.leave(index),
            9..12 if is_online => self.send(index, &[0xC0, 0], "PINGREQ"),
            12..32 if is_online => self.ask(index),
            32..85 if is_online => self.publish(index),
            _ => {}
        }
    }

    fn listen(&mut self, index: usize) -> bool {
        let person = &mut self.people[index];
        let heard = person.listen(&mut self.world, &mut self.model, &mut self.said);
        if !self.tells {
            self.said.clear();
        }
        let Some(link) = &person.link else { return heard };
        if !link.client.has_ended(&self.world) {
            return heard;
        }
        self.say(index, "sees the end");
        let person = &mut self.people[index];
        let link = person.link.take().expect("looked at above");
        assert!(link.stage == Stage::Leaving || link.keep_alive, "client {index} was closed without a cause");
        if let Some(will) = link.will.filter(|_| link.stage == Stage::Leaving && !link.keep_alive) {
            // The server has closed because of DISCONNECT: it has read it.
            self.model.messages[will].forbidden = true;
        }
        person.lost(&link, &mut self.model);
        link.client.close(&mut self.world);
        true
    }

    fn connect(&mut self, index: usize, may_start_clean: bool) {
        let person = &mut self.people[index];
        if person.undecided.is_some_and(|socket| !self.world.is_forgotten(socket)) {
            return;
        }
        person.undecided = None;
        let version = person.version;
        let client = Client::open(&mut self.world, version);
        let client_id = format!("client-{index}");
        let mut connect = Connect::new(version, &client_id);
        connect.clean_start = person.must_start_clean || may_start_clean && self.rng.chance(4);
        let mut link = Link::new(client, self.world.now);
        link.clean = connect.clean_start;
        if version == ProtocolVersion::V5 {
            connect.session_expiry_interval_s = [0, 2, 60, u32::MAX, u32::MAX][self.rng.below(5)];
            connect.receive_maximum =
                [NonZeroU16::MAX, NonZeroU16::MIN, NonZeroU16::MIN.saturating_add(2)][self.rng.below(3)];
            connect.topic_alias_maximum = [0, 1, 3][self.rng.below(3)];
            link.expiry_s = connect.session_expiry_interval_s;
        } else if !connect.clean_start {
            link.expiry_s = u32::MAX;
        }
        link.receive_maximum = connect.receive_maximum.get();
        link.alias_maximum = connect.topic_alias_maximum;
        if self.rng.chance(6) {
            connect.keep_alive_s = 1 + self.rng.below(3) as u16;
            link.keep_alive = true;
        }
        let will = self.rng.chance(3).then(|| self.some_will(index));
        link.will = will.as_ref().map(|(number, ..)| *number);
        if version == ProtocolVersion::V5 && self.rng.chance(3) {
            link.will_delay_s = 1 + self.rng.below(3) as u32;
        }
        connect.will = will.as_ref().map(|(_, topic, qos, payload)| Will {
            topic: TopicName::parse(topic).expect("valid"),
            payload: payload.as_bytes(),
            qos: *qos,
            retain: false,
            delay_interval_s: link.will_delay_s,
            message_expiry_interval_s: None,
            forwarded: Forwarded::EMPTY,
        });
        let mut out = Vec::new();
        Packet::Connect(connect).encode(version, &mut out);
        if connect.clean_start {
            self.people[index].session = Believed::None;
            self.people[index].forget_session(&mut self.model);
        }
        self.people[index].link = Some(link);
        let text =
            format!("CONNECT clean={} expiry={} {will:?}", connect.clean_start, connect.session_expiry_interval_s);
        self.send(index, &out, &text);
    }

    /// A will: its number, topic, QoS and payload.
    fn some_will(&mut self, index: usize) -> (MessageNumber, &'static str, QoS, String) {
        let topic = WILL_TOPICS[self.rng.below(WILL_TOPICS.len())];
        let qos = self.some_qos();
        let will = Message { is_will: true, must_from: u64::MAX, ..Message::new(index, topic, qos, self.model.step) };
        let number = self.model.add_message(will);
        (number, topic, qos, format!("{number}:will"))
    }

    /// The connection breaks.
    fn break_off(&mut self, index: usize) {
        self.say(index, "breaks off");
        if let Some(link) = self.part(index) {
            link.client.cut(&mut self.world);
        }
    }

    /// The client is about to connect anew and leaves the old connection to the server.
    fn break_off_later(&mut self, index: usize) {
        self.say(index, "leaves its connection alone");
        self.part(index);
    }

    fn part(&mut self, index: usize) -> Option<Link> {
        let person = &mut self.people[index];
        let link = person.link.take()?;
        if let Some(will) =
            link.will.filter(|_| link.stage == Stage::Online && !link.keep_alive && link.will_delay_s == 0)
        {
            self.model.will_is_due(will);
        }
        person.lost(&link, &mut self.model);
        Some(link)
    }

    fn leave(&mut self, index: usize) {
        let version = self.people[index].version;
        let mut out = Vec::new();
        let person = &mut self.people[index];
        let session = &mut person.session;
        // With a keep alive the server may have closed before it reads this.
        let is_read = person.link.as_ref().is_some_and(|link| !link.keep_alive) && self.rng.chance(4);
        let mut expiry_s = None;
        if let (ProtocolVersion::V5, Believed::Kept { since, .. }, true) = (version, *session, is_read) {
            expiry_s = Some(if self.rng.chance(2) { 0 } else { 2 });
            *session = if expiry_s == Some(0) { Believed::None } else { Believed::Kept { expiry_s: 2, since } };
        }
        let properties = Properties::EMPTY;
        let disconnect = Disconnect { reason: ReasonCode::Success, session_expiry_interval_s: expiry_s, properties };
        Packet::Disconnect(disconnect).encode(version, &mut out);
        self.send(index, &out, &format!("DISCONNECT {expiry_s:?}"));
        self.model.offline(index);
        self.people[index].link.as_mut().expect("online").stage = Stage::Leaving;
        if self.people[index].session.may_end() {
            self.model.session_may_end(index);
        }
    }

    /// SUBSCRIBE or UNSUBSCRIBE, one at a time.
    fn ask(&mut self, index: usize) {
        let person = &mut self.people[index];
        let version = person.version;
        if person.link.as_ref().is_none_or(|link| link.asked.is_some()) {
            return;
        }
        let id = person.free_id();
        let known: Vec<&'static str> = self.model.filters(index).collect();
        let mut out = Vec::new();
        let asked = if !known.is_empty() && self.rng.chance(4) {
            let filter = known[self.rng.below(known.len())];
            encode_unsubscribe(version, id, Properties::EMPTY, &[filter], &mut out);
            self.model.unsubscribe_sent(index, filter);
            Asked { id, filter, qos: QoS::AtMostOnce, subscribes: false }
        } else {
            let (filter, wish, options) = self.some_subscription(version);
            let identifier = NonZeroU32::new(wish.identifier);
            encode_subscribe(version, id, identifier, Properties::EMPTY, &[(filter, options)], &mut out);
            self.model.subscribe_sent(index, filter, wish);
            Asked { id, filter, qos: wish.qos, subscribes: true }
        };
        let text = format!("{asked:?}");
        self.send(index, &out, &text);
        self.note_keep_alive(index);
        self.people[index].link.as_mut().expect("online").asked = Some(asked);
    }

    /// The server may have closed a connection with a keep alive before its client knows.
    fn note_keep_alive(&mut self, index: usize) {
        let person = &self.people[index];
        if person.session.may_end() && person.link.as_ref().is_some_and(|link| link.keep_alive) {
            self.model.session_may_end(index);
        }
    }

    fn some_subscription(&mut self, version: ProtocolVersion) -> (&'static str, Wish, SubscriptionOptions) {
        let sent = self.model.step;
        let mut wish = Wish { qos: self.some_qos(), no_local: false, identifier: 0, wants_retained: true, sent };
        let mut options = SubscriptionOptions {
            qos: wish.qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        };
        if version == ProtocolVersion::V5 && self.rng.chance(3) {
            let filter = SHARES[self.rng.below(SHARES.len())];
            wish.identifier = share_identifier(filter);
            wish.qos = share_qos(filter);
            options.qos = wish.qos;
            return (filter, wish, options);
        }
        if version == ProtocolVersion::V5 {
            wish.no_local = self.rng.chance(4);
            wish.wants_retained = !self.rng.chance(4);
            wish.identifier = self.rng.below(4) as u32;
            options.no_local = wish.no_local;
            if !wish.wants_retained {
                options.retain_handling = RetainHandling::DoNotSend;
            }
        }
        (FILTERS[self.rng.below(FILTERS.len())], wish, options)
    }

    fn publish(&mut self, index: usize) {
        let qos = self.some_qos();
        let is_v5 = self.people[index].version == ProtocolVersion::V5;
        if qos != QoS::AtMostOnce && self.people[index].outgoing.len() >= self.server_receive_maximum.min(40) {
            return;
        }
        let retain = self.rng.chance(5);
        let is_empty = retain && self.rng.chance(3);
        let may_expire = is_v5 && self.rng.chance(8);
        let topic = TOPICS[self.rng.below(TOPICS.len())];
        let message = Message::new(index, topic, qos, self.model.step);
        let number = self.model.add_message(Message { retain, may_expire, is_empty, ..message });
        let padding = if self.rng.chance(40) { 9000 } else { self.rng.below(20) };
        let payload = if is_empty { Vec::new() } else { format!("{number}:{}", "x".repeat(padding)).into_bytes() };
        let person = &mut self.people[index];
        let id = person.free_id();
        let message_expiry_s = may_expire.then_some(1 + self.rng.below(3) as u32);
        let outgoing = Outgoing { id, number, payload, message_expiry_s, is_released: false };
        let mut out = Vec::new();
        let alias = (is_v5 && self.rng.chance(4)).then(|| person.alias_for(topic)).flatten();
        outgoing.encode(person.version, &self.model, false, alias, &mut out);
        if qos != QoS::AtMostOnce {
            person.outgoing.push_back(outgoing);
        }
        let text = format!("PUBLISH {number} {}", self.model.messages[number]);
        self.send(index, &out, &text);
    }

    fn some_qos(&mut self) -> QoS {
        [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][self.rng.below(3)]
    }

    fn send(&mut self, index: usize, bytes: &[u8], text: &str) {
        self.say(index, text);
        let link = self.people[index].link.as_mut().expect("connected");
        link.last_sent = self.world.now;
        link.client.send(&mut self.world, bytes);
    }

    fn say(&mut self, index: usize, text: &str) {
        if self.tells {
            let seconds = self.world.now.as_nanos() as f64 / 1e9;
            self.said.push(format!("{} {seconds:.3}s client {index} {text}", self.model.step));
        }
    }

    /// Everybody who has a session comes back and takes all there is; then all must be as it should.
    fn rest(&mut self) {
        if self.is_pressed {
            self.world.press(Pressure::None);
            self.world.now = self.world.now + Duration::from_millis(100);
        }
        loop {
            self.world.run();
            let mut moved = false;
            for index in 0..self.people.len() {
                moved |= self.listen(index);
                while self.people[index].acknowledge(&mut self.world) {
                    moved = true;
                }
                let person = &mut self.people[index];
                match &mut person.link {
                    Some(link) if link.is_stalled => {
                        link.is_stalled = false;
                        self.world.stall(link.client.socket, false);
                        moved = true;
                    }
                    Some(_) => {}
                    // One that does not know whether it has a session lays hold of what may be there for it.
                    None if person.session != Believed::None || person.undecided.is_some() => {
                        self.connect(index, false);
                        moved = true;
                    }
                    None => {}
                }
            }
            if !moved {
                break;
            }
        }
        self.model.step += 1;
        self.say(0, "and all others are at rest");
        for person in &self.people {
            let Some(link) = &person.link else { continue };
            assert_eq!(link.stage, Stage::Online, "client {} was answered", person.index);
            assert!(link.asked.is_none(), "client {} was answered: {:?}", person.index, link.asked);
            assert!(person.outgoing.is_empty(), "what client {} has published was acknowledged", person.index);
        }
        self.judge();
        (0..self.people.len()).for_each(|index| self.note_keep_alive(index));
    }

    fn judge(&mut self) {
        let found = self.retained();
        self.model.judge(&found);
        let dropped: u64 = self.world.shards().map(|shard| dropped(shard.metrics())).sum();
        let misses = &self.model.misses;
        assert!(misses.len() as u64 <= dropped, "{dropped} were dropped, but more are missing: {misses:#?}");
    }

    /// What all shards have retained.
    fn retained(&self) -> BTreeMap<String, usize> {
        let mut all = self.world.shards().map(|shard| {
            let retained = shard.retained();
            retained.map(|(topic, payload)| (topic.to_string(), message_number(payload))).collect()
        });
        let first: BTreeMap<String, usize> = all.next().expect("a shard");
        for other in all {
            assert_eq!(first, other, "retained messages differ between shards at rest");
        }
        first
    }

    /// All go for ever; nothing may be left of them.
    fn end(&mut self) {
        for index in 0..self.people.len() {
            self.break_off(index);
            self.people[index].must_start_clean = true;
        }
        self.world.run();
        for index in 0..self.people.len() {
            let person = &mut self.people[index];
            let client = Client::open(&mut self.world, person.version);
            let mut out = Vec::new();
            let client_id = format!("client-{index}");
            Packet::Connect(Connect::new(person.version, &client_id)).encode(person.version, &mut out);
            out.extend_from_slice(&[0xE0, 0]);
            client.send(&mut self.world, &out);
            self.world.run();
            client.close(&mut self.world);
        }
        self.world.advance(Duration::from_secs(600));
        for (number, shard) in self.world.shards().enumerate() {
            assert!(shard.is_empty(), "something is left on shard {number} when all clients have gone");
        }
    }
}

/// Messages the shards say they have dropped, for whatever reason.
fn dropped(metrics: &Metrics) -> u64 {
    metrics.dropped_outbox_full_total
        + metrics.dropped_queue_messages_total
        + metrics.dropped_queue_bytes_total
        + metrics.dropped_no_member_total
}

/// Tells the last that happened before a failure.
impl Drop for Swarm {
    fn drop(&mut self) {
        if thread::panicking() && self.tells {
            let from = self.said.len().saturating_sub(TOLD);
            eprintln!("{}, the last of {} steps:", self.name, self.said.len());
            self.said[from..].iter().for_each(|line| eprintln!("  {line}"));
        }
    }
}
