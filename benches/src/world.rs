//! Some shards and a driver that writes everything at once: no sockets, no clock, nothing by chance.

use std::mem;
use std::time::Duration;

use corecast::config::QueueFull;
use corecast::limits::{Limits, TURN_UNITS_MAX};
use corecast::mqtt::{
    encode_subscribe, Connect, Packet, PacketId, Properties, ProtocolVersion, QoS, SubscriptionOptions,
};
use corecast::shard::{ConnectionId, Effect, Event, Mail, Origin, Seeds, Shard, ShardId, ShardOptions};
use corecast::time::Time;

/// How far the clock goes from turn to turn: about what a busy core takes for one.
const TURN: Duration = Duration::from_micros(50);

/// The shards of one process. Mail and what waits in outboxes leave when a turn ends, as in the real driver.
pub struct World {
    shards: Vec<Shard>,
    now: Time,
    mail: Vec<Mail>,
    dirty: Vec<ConnectionId>,
    effects: Vec<Effect>,
    connections: u32,
    /// Names of connections that have ended, to be used again.
    vacant: Vec<ConnectionId>,
    written_bytes: usize,
    /// Bytes that a turn had no work left for, and where they begin; they come first in the next.
    cut: Vec<(Client, Vec<u8>, usize)>,
}

/// A client, seated at the home of its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    shard: usize,
    connection: ConnectionId,
}

impl World {
    /// Empty shards with the broker's own limits.
    pub fn new(shards: u8) -> World {
        World::with_limits(shards, &Limits::default())
    }

    /// Empty shards with other limits.
    pub fn with_limits(shards: u8, limits: &Limits) -> World {
        let shard = |id| {
            Shard::new(ShardOptions {
                id: ShardId(id),
                shards,
                limits: limits.clone(),
                listener_limits: Vec::new(),
                queue_full: QueueFull::DropOldest,
                server_reference: None,
                response_information: None,
                assigned_client_id_prefix: "auto-".into(),
                turn_units_max: TURN_UNITS_MAX,
                seeds: Seeds { home: (1, 1), topics: 1, own: (1, 2) },
            })
        };
        World {
            shards: (0..shards).map(shard).collect(),
            now: Time::START + TURN,
            mail: Vec::new(),
            dirty: Vec::with_capacity(1024),
            effects: Vec::new(),
            connections: 0,
            vacant: Vec::new(),
            written_bytes: 0,
            cut: Vec::new(),
        }
    }

    /// A client at home on `shard` that subscribes to these filters. All shards know of it on return.
    pub fn client(&mut self, shard: usize, version: ProtocolVersion, filters: &[&str], qos: QoS) -> Client {
        let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
        let filters: Vec<(&str, SubscriptionOptions)> = filters.iter().map(|filter| (*filter, options)).collect();
        let mut effects = Vec::new();
        loop {
            let client = self.open(shard);
            let mut bytes = Vec::new();
            let client_id = format!("client-{}", client.connection.index);
            Packet::Connect(Connect::new(version, &client_id)).encode(version, &mut bytes);
            if !filters.is_empty() {
                encode_subscribe(version, PacketId::MIN, None, Properties::EMPTY, &filters, &mut bytes);
            }
            self.receive(client, &bytes);
            self.shards[shard].take_effects(&mut effects);
            // An identifier whose home is elsewhere would take the connection there: another one is tried.
            if !effects.drain(..).any(|effect| matches!(effect, Effect::Move { .. })) {
                self.end_turn();
                return client;
            }
        }
    }

    /// A connection that has said nothing yet.
    pub fn open(&mut self, shard: usize) -> Client {
        let connection = ConnectionId { index: self.connections, generation: 0 };
        self.connections += 1;
        let opened = Event::Opened { connection, origin: Origin::default(), admitted: true };
        self.shards[shard].handle(self.now, opened);
        Client { shard, connection }
    }

    /// A client comes at `shard` with these bytes, of which CONNECT is the first packet, and goes to its home. All shards know
    /// on return what it has said. Its connection has the name of one that has left, if there is any.
    pub fn arrive(&mut self, shard: usize, bytes: &[u8]) -> Client {
        let mut client = self.open_again(shard);
        self.receive(client, bytes);
        let mut effects = Vec::new();
        self.shards[shard].take_effects(&mut effects);
        for effect in effects {
            if let Effect::Move { to, unread, .. } = effect {
                self.vacant.push(next_user(client.connection));
                client = self.open_again(usize::from(to.0));
                self.receive(client, &unread);
            }
        }
        self.end_turn();
        client
    }

    /// A client closes its connection; all shards know on return.
    pub fn leave(&mut self, client: Client) {
        self.close(client);
        self.vacant.push(next_user(client.connection));
        self.end_turn();
    }

    /// Time passes in which nobody says anything.
    pub fn sleep(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.end_turn();
        // What became due may have left mail.
        self.end_turn();
    }

    /// The shards free what they only keep to use it again.
    pub fn give_back(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.give_back(self.now));
        self.mail.shrink_to_fit();
        self.dirty.shrink_to_fit();
        self.effects.shrink_to_fit();
    }

    /// The shards.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// A connection breaks.
    pub fn close(&mut self, client: Client) {
        let Client { shard, connection } = client;
        self.shards[shard].handle(self.now, Event::Closed { connection });
    }

    /// The process ends.
    pub fn drain(&mut self) {
        let deadline = self.now + Duration::from_secs(30);
        for shard in &mut self.shards {
            shard.handle(self.now, Event::Drain { deadline });
        }
    }

    /// Bytes of a client come; what they cause leaves when the turn ends.
    #[inline]
    pub fn receive(&mut self, client: Client, bytes: &[u8]) {
        let Client { shard, connection } = client;
        if let Some(left) = self.shards[shard].handle(self.now, Event::Received { connection, bytes }) {
            self.cut.push((client, bytes[bytes.len() - left..].to_vec(), 0));
        }
    }

    /// Turns until nothing is left to do: mail arrives, then everything that waits is written.
    #[inline]
    pub fn end_turn(&mut self) {
        self.end_turn_with(|_, _| {});
    }

    /// The same, showing what each client gets.
    #[inline]
    pub fn end_turn_with(&mut self, mut show: impl FnMut(Client, &[u8])) {
        while self.turn(&mut show) {}
    }

    /// One turn; answers whether there is more to do at once.
    #[inline]
    pub fn turn(&mut self, mut show: impl FnMut(Client, &[u8])) -> bool {
        while self.exchange_mail() {}
        let mut goes_on = false;
        for (at, shard) in self.shards.iter_mut().enumerate() {
            if shard.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                shard.handle(self.now, Event::Tick);
            }
            // There is nothing to carry them out on.
            shard.take_effects(&mut self.effects);
            self.effects.clear();
            shard.take_dirty(&mut self.dirty);
            for connection in self.dirty.drain(..) {
                if let Some(chunk) = shard.take_output(connection) {
                    self.written_bytes += chunk.len();
                    chunk.slices().for_each(|bytes| show(Client { shard: at, connection }, bytes));
                    shard.handle(self.now, Event::Flushed { connection, chunk });
                }
            }
            shard.begin_turn();
            goes_on |= shard.next_deadline().is_some_and(|deadline| deadline <= self.now);
        }
        self.now = self.now + TURN;
        for (client, bytes, done) in mem::take(&mut self.cut) {
            let Client { shard, connection } = client;
            let received = Event::Received { connection, bytes: &bytes[done..] };
            if let Some(left) = self.shards[shard].handle(self.now, received) {
                let done = bytes.len() - left;
                self.cut.push((client, bytes, done));
            }
            goes_on = true;
        }
        goes_on
    }

    /// Bytes written to all clients since this was last asked.
    pub fn take_written_bytes(&mut self) -> usize {
        mem::take(&mut self.written_bytes)
    }

    fn open_again(&mut self, shard: usize) -> Client {
        let Some(connection) = self.vacant.pop() else { return self.open(shard) };
        self.shards[shard].handle(self.now, Event::Opened { connection, origin: Origin::default(), admitted: true });
        Client { shard, connection }
    }

    /// Gives each shard the mail that waits for it; answers whether there was any.
    fn exchange_mail(&mut self) -> bool {
        let mut any = false;
        for from in 0..self.shards.len() {
            let mut peers = self.shards[from].mail_waiting();
            while peers != 0 {
                let to = peers.trailing_zeros() as u8;
                peers &= peers - 1;
                any = true;
                self.shards[from].take_mail(ShardId(to), &mut self.mail);
                let from = ShardId(u8::try_from(from).expect("at most 64 shards"));
                for mail in self.mail.drain(..) {
                    self.shards[usize::from(to)].handle(self.now, Event::Mail { from, mail });
                }
            }
        }
        any
    }
}

/// The same place, for whoever comes next.
fn next_user(connection: ConnectionId) -> ConnectionId {
    ConnectionId { generation: connection.generation.wrapping_add(1), ..connection }
}
