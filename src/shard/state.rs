//! The tables of one core. The flows beside this file (connect, publish, ...) change them; nobody else does.

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::mem;
use std::sync::Arc;

use ahash::RandomState;
use siphasher::sip::{SipHasher13, SipHasher24};

use crate::auth::{Policies, Policy, Throttle};
use crate::connection::{ChunkPool, Connection, Phase};
use crate::limits::{Limits, SHARDS_MAX};
use crate::message::Stamp;
use crate::metrics::Metrics;
use crate::mqtt::ProtocolVersion;
use crate::router::{Route, Router, SessionKey};
use crate::session::QueueBounds;
use crate::shard::authenticate::Suspended;
use crate::shard::begun::Begun;
use crate::shard::budget::Budget;
use crate::shard::by_client_id::ByClientId;
use crate::shard::client::Client;
use crate::shard::encoder::Encoder;
use crate::shard::event::{ConnectionId, Effect, Mail, Pressure, ShardId};
use crate::shard::exchange::{Exchanging, Stage};
use crate::shard::fan_outs::FanOuts;
use crate::shard::held_back::HeldBack;
use crate::shard::known::Known;
use crate::shard::options::ShardOptions;
use crate::shard::pressure::{outbox_bytes_max, Shortage};
use crate::shard::recent::Recent;
use crate::shard::scans::ScanNumber;
use crate::shard::series::Workbench;
use crate::shard::timers::{TimerKey, Timers};
use crate::shard::users::Users;
use crate::table::{Pages, Table};
use crate::time::Time;

/// Spare outbox buffers one shard keeps.
const SPARE_CHUNKS_MAX: usize = 1024;

/// A connection in its slot.
pub(crate) struct Slot {
    pub(crate) generation: u32,
    /// The session it serves; none before CONNECT and once it lingers.
    pub(crate) session: Option<SessionKey>,
    pub(crate) connection: Connection,
    /// What it has published to; nothing before its first PUBLISH.
    pub(crate) known: Option<Box<Known>>,
}

/// A SUBACK that waits until every shard knows what is wanted here.
#[derive(Debug)]
pub(crate) struct PendingSuback {
    /// The announcement all peers must have seen.
    pub(crate) sequence: u64,
    pub(crate) connection: ConnectionId,
    pub(crate) session: SessionKey,
    pub(crate) suback: Vec<u8>,
    /// The last search for retained messages that is allowed with it.
    pub(crate) scans_to: ScanNumber,
}

/// The tables of one core.
pub(crate) struct State {
    pub(crate) options: ShardOptions,
    /// Who is let in and what clients may.
    pub(crate) policies: Arc<Policies>,
    /// Clients whose credentials are being checked.
    pub(crate) suspended: BTreeMap<ConnectionId, Suspended>,
    /// Clients that show who they are, message by message, before CONNACK.
    pub(crate) exchanges: BTreeMap<ConnectionId, Exchanging>,
    /// Clients that do so again: at most one exchange for each.
    pub(crate) renewals: BTreeMap<ConnectionId, Stage>,
    pub(crate) router: Router,
    pub(crate) clients: Table<Client>,
    pub(crate) by_client_id: ByClientId,
    pub(crate) slots: Pages<Slot>,
    pub(crate) pool: ChunkPool,
    pub(crate) timers: Timers,
    /// Sessions whose long work goes on at the next tick.
    pub(crate) work: VecDeque<SessionKey>,
    /// Publications that not all their receivers have yet.
    pub(crate) fan_outs: FanOuts,
    /// The next slot to be told of the end, while not all have been.
    pub(crate) draining_at: Option<usize>,
    /// How far new rules have been given to the sessions, by their keys.
    pub(crate) renewing_at: Option<usize>,
    pub(crate) budget: Budget,
    pub(crate) effects: Vec<Effect>,
    pub(crate) dirty: Vec<ConnectionId>,
    pub(crate) held_back: HeldBack,
    /// Packets with many filters that have been cut.
    pub(crate) begun: BTreeMap<ConnectionId, Begun>,
    pub(crate) mail: Vec<Vec<Mail>>,
    pub(crate) mail_waiting: u64,
    pub(crate) pending_subacks: VecDeque<PendingSuback>,
    /// The number of the last announcement of interest to all peers.
    pub(crate) announced: u64,
    /// The last announcement each peer has seen; the own entry is always ahead.
    pub(crate) seen: Vec<u64>,
    pub(crate) last_stamp: u64,
    pub(crate) last_scan: ScanNumber,
    pub(crate) assigned_ids: u64,
    pub(crate) nonces: u64,
    /// The timer that is set for expiring retained messages.
    pub(crate) retained_timer: Option<Time>,
    pub(crate) recent: Recent,
    /// Set once the process ends: by when everybody must be gone.
    pub(crate) draining: Option<Time>,
    /// What the clients of each user come to.
    pub(crate) users: Users,
    /// Whether anybody may send only so fast.
    pub(crate) paces: bool,
    pub(crate) metrics: Metrics,
    /// Log lines of clients that are not let in.
    pub(crate) refusals: Throttle,
    /// Log lines of what clients may not.
    pub(crate) denials: Throttle,
    /// What there is to do while memory is short.
    pub(crate) shortage: Shortage,
    /// Bytes that may wait for one socket now.
    pub(crate) outbox_bytes_max: usize,
    /// Whether a client may have to be slowed down for what it sends.
    pub(crate) is_throttling: bool,
    /// Reused by every publication.
    pub(crate) route: Route,
    /// Reused by every publication.
    pub(crate) encoder: Encoder,
    /// Reused by every series.
    pub(crate) workbench: Workbench,
}

impl State {
    pub(crate) fn new(options: ShardOptions) -> State {
        let shards = usize::from(options.shards);
        let own = usize::from(options.id.0);
        assert!(own < shards && shards <= SHARDS_MAX, "shard {own} of {shards}");
        let topics = options.seeds.topics;
        let mut seen = vec![0; shards];
        seen[own] = u64::MAX;
        let ShardOptions { limits, listener_limits, .. } = &options;
        let is_paced = |limits: &Limits| limits.rate().is_limited() || limits.user_rate().is_limited();
        let paces = is_paced(limits) || listener_limits.iter().any(is_paced);
        // Until others come everybody is trusted, wherever he has come to.
        let policies = Policies::new(0, vec![Arc::default(); 1 + listener_limits.len()]);
        State {
            router: Router::new(options.id.0, options.shards, topics),
            clients: Table::default(),
            by_client_id: ByClientId::new(RandomState::with_seeds(topics, own as u64, options.seeds.own.0, 1)),
            slots: Pages::default(),
            pool: ChunkPool::new(SPARE_CHUNKS_MAX),
            timers: Timers::default(),
            work: VecDeque::new(),
            fan_outs: FanOuts::default(),
            draining_at: None,
            renewing_at: None,
            budget: Budget::new(options.turn_units_max),
            effects: Vec::new(),
            dirty: Vec::new(),
            held_back: HeldBack::default(),
            policies: Arc::new(policies),
            suspended: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            renewals: BTreeMap::new(),
            begun: BTreeMap::new(),
            mail: (0..shards).map(|_| Vec::new()).collect(),
            mail_waiting: 0,
            pending_subacks: VecDeque::new(),
            announced: 0,
            seen,
            last_stamp: 0,
            last_scan: ScanNumber::default(),
            assigned_ids: 0,
            nonces: 0,
            retained_timer: None,
            recent: Recent::default(),
            draining: None,
            users: Users::default(),
            paces,
            metrics: Metrics::default(),
            refusals: Throttle::default(),
            denials: Throttle::default(),
            shortage: Shortage::default(),
            outbox_bytes_max: outbox_bytes_max(&options.limits, Pressure::None),
            is_throttling: paces,
            route: Route::default(),
            encoder: Encoder::default(),
            workbench: Workbench::default(),
            options,
        }
    }

    /// Whether this turn has worked enough, or so much is under way that nothing may be begun.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.budget.is_spent() || self.fan_outs.is_full()
    }

    /// Whether there is work that goes on at the next tick.
    pub(crate) fn has_work(&self) -> bool {
        let goes_through_all = self.draining_at.is_some() || self.renewing_at.is_some();
        goes_through_all || !(self.work.is_empty() && self.held_back.is_empty() && self.fan_outs.is_empty())
    }

    /// Whether nothing is left of any client: no session, subscription, interest, timer or work.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty()
            && self.by_client_id.is_empty()
            && self.metrics.connections_now == 0
            && self.router.is_empty()
            && self.timers.is_empty()
            && !self.has_work()
            && self.begun.is_empty()
            && self.suspended.is_empty()
            && self.exchanges.is_empty()
            && self.renewals.is_empty()
            && self.pending_subacks.is_empty()
            && self.users.is_empty()
            && self.mail_waiting == 0
    }

    pub(crate) fn slot(&self, id: ConnectionId) -> Option<&Slot> {
        self.slots.get(id.index as usize).filter(|slot| slot.generation == id.generation)
    }

    pub(crate) fn slot_mut(&mut self, id: ConnectionId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)
    }

    pub(crate) fn add_slot(&mut self, id: ConnectionId, connection: Connection) {
        let slot = Slot { generation: id.generation, session: None, connection, known: None };
        let old = self.slots.put(id.index as usize, slot);
        assert!(old.is_none(), "the driver reuses a slot only after its connection is gone");
        self.metrics.connections_now += 1;
    }

    /// Forgets a connection and its timer.
    pub(crate) fn remove_slot(&mut self, id: ConnectionId) -> Option<Slot> {
        self.slot(id)?;
        let slot = self.slots.take(id.index as usize)?;
        self.begun.remove(&id);
        self.exchanges.remove(&id);
        self.renewals.remove(&id);
        self.timers.set(TimerKey::Connection(id), slot.connection.timer, None);
        self.timers.set(TimerKey::Pace(id), slot.connection.paced_until(), None);
        self.metrics.connections_now -= 1;
        Some(slot)
    }

    /// What the listener of a connection goes by.
    pub(crate) fn policy(&self, id: ConnectionId) -> &Arc<Policy> {
        self.policies.of(self.slot(id).map_or(0, |slot| slot.connection.listener))
    }

    /// Bytes of the largest packet a connection may send.
    #[inline]
    pub(crate) fn packet_bytes_max(&self, id: ConnectionId) -> u32 {
        self.slot(id).map_or(0, |slot| slot.connection.packet_bytes_max)
    }

    /// Bytes of the largest CONNECT a connection may send.
    pub(crate) fn connect_bytes_max(&self, id: ConnectionId) -> u32 {
        self.packet_bytes_max(id).min(self.options.limits.connect_bytes_max)
    }

    /// The session of a client.
    pub(crate) fn session_of(&self, client_id: &str) -> Option<SessionKey> {
        self.by_client_id.find(client_id, &self.clients)
    }

    pub(crate) fn client(&self, key: SessionKey) -> Option<&Client> {
        self.clients.get(key.0 as usize)
    }

    pub(crate) fn client_mut(&mut self, key: SessionKey) -> Option<&mut Client> {
        self.clients.get_mut(key.0 as usize)
    }

    /// Lets `write` put a packet into a connection's outbox. Answers whether it was put there: a packet the client would
    /// not take is not sent [MQTT5-3.1.2-24], and nothing follows the last words [MQTT5-3.14.4-1].
    pub(crate) fn write(&mut self, id: ConnectionId, write: impl FnOnce(ProtocolVersion, &mut Vec<u8>)) -> bool {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return false };
        if slot.generation != id.generation || slot.connection.phase == Phase::Lingering {
            return false;
        }
        let connection = &mut slot.connection;
        let maximum = connection.maximum_packet_size as usize;
        let version = connection.version;
        let (out, first) = connection.outbox.writer(&mut self.pool);
        let start = out.len();
        write(version, out);
        let fits = out.len() - start <= maximum;
        if !fits {
            out.truncate(start);
        }
        if first && fits {
            self.dirty.push(id);
        } else if first {
            connection.outbox.forget_named();
        }
        fits
    }

    /// Lets `write` put packets into a connection's outbox, none of more than `packet_bytes_max` bytes: all of them, or none
    /// if the client would not take such a large one.
    pub(crate) fn write_all(
        &mut self,
        id: ConnectionId,
        packet_bytes_max: usize,
        write: impl FnOnce(ProtocolVersion, &mut Vec<u8>),
    ) {
        let Some(slot) = self.slot_mut(id).filter(|slot| slot.connection.phase != Phase::Lingering) else { return };
        if slot.connection.is_too_large(packet_bytes_max) {
            return;
        }
        let State { slots, pool, dirty, .. } = self;
        let Some(slot) = slots.get_mut(id.index as usize) else { return };
        let version = slot.connection.version;
        let (out, first) = slot.connection.outbox.writer(pool);
        write(version, out);
        if first {
            dirty.push(id);
        }
    }

    /// Sets a connection's timer to what its phase asks for.
    pub(crate) fn set_connection_timer(&mut self, id: ConnectionId, due: Option<Time>) {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return };
        if slot.generation == id.generation {
            self.timers.set(TimerKey::Connection(id), slot.connection.timer, due);
            slot.connection.timer = due;
        }
    }

    /// Sets a session's timer to what is due next for it.
    pub(crate) fn set_session_timer(&mut self, key: SessionKey) {
        if let Some(client) = self.clients.get_mut(key.0 as usize) {
            let due = client.session.due();
            self.timers.set(TimerKey::Session(key), client.timer, due);
            client.timer = due;
        }
    }

    /// Sets the timer of the retained messages to the first expiry among them.
    pub(crate) fn set_retained_timer(&mut self) {
        let due = self.router.retained().next_expiry();
        self.timers.set(TimerKey::Retained, self.retained_timer, due);
        self.retained_timer = due;
    }

    /// Puts long work of a session on the list that the next tick goes on with.
    pub(crate) fn add_work(&mut self, key: SessionKey) {
        if let Some(client) = self.clients.get_mut(key.0 as usize) {
            if !client.has_work {
                client.has_work = true;
                self.work.push_back(key);
            }
        }
    }

    /// Puts mail into the batch for a peer.
    pub(crate) fn post(&mut self, to: u8, mail: Mail) {
        debug_assert_ne!(to, self.options.id.0, "a shard sends itself no mail");
        self.mail[usize::from(to)].push(mail);
        self.mail_waiting |= 1 << to;
    }

    /// Every shard but this one.
    pub(crate) fn peers(&self) -> impl Iterator<Item = u8> {
        let own = self.options.id.0;
        (0..self.options.shards).filter(move |peer| *peer != own)
    }

    /// Tells all peers something about what is wanted here; they will say that they have seen it.
    pub(crate) fn announce(&mut self, mail: impl Fn(u64) -> Mail) {
        self.announced += 1;
        self.budget.spend(usize::from(self.options.shards));
        let sequence = self.announced;
        for peer in self.peers() {
            self.post(peer, mail(sequence));
        }
    }

    /// Whether every peer has seen the announcement `sequence`.
    pub(crate) fn is_seen(&self, sequence: u64) -> bool {
        self.seen.iter().all(|seen| *seen >= sequence)
    }

    /// A stamp after all this shard has given or seen.
    pub(crate) fn next_stamp(&mut self, now: Time) -> Stamp {
        self.last_stamp = (self.last_stamp + 1).max(now.as_nanos());
        Stamp { time: self.last_stamp, shard: self.options.id.0 }
    }

    /// The shard a client identifier belongs to: keyed, so that nobody can crowd one shard, and stable.
    pub(crate) fn home(&self, client_id: &str) -> ShardId {
        let (first, second) = self.options.seeds.home;
        let mut hasher = SipHasher13::new_with_keys(first, second);
        hasher.write(client_id.as_bytes());
        let shard = hasher.finish() % u64::from(self.options.shards);
        ShardId(u8::try_from(shard).expect("below the number of shards"))
    }

    /// A client identifier nobody has and nobody can guess, at home here [MQTT5-3.1.3-6].
    pub(crate) fn assign_client_id(&mut self) -> String {
        let (first, second) = self.options.seeds.own;
        loop {
            self.assigned_ids += 1;
            let mut hasher = SipHasher24::new_with_keys(first, second);
            hasher.write_u64(self.assigned_ids);
            let low = hasher.finish();
            hasher.write_u64(low);
            let high = hasher.finish();
            let client_id = format!("{}{low:016x}{:06x}", self.options.assigned_client_id_prefix, high >> 40);
            if self.home(&client_id) == self.options.id && self.session_of(&client_id).is_none() {
                return client_id;
            }
        }
    }

    /// A text that has not been used before and that nobody can guess.
    pub(crate) fn nonce(&mut self) -> String {
        let (first, second) = self.options.seeds.own;
        self.nonces += 1;
        let mut hasher = SipHasher24::new_with_keys(first, second);
        // Client identifiers are made with the same key, of other words: none tells anything of the other.
        hasher.write(b"nonce");
        let mut nonce = String::new();
        for part in 0..3 {
            hasher.write_u64(self.nonces);
            hasher.write_u8(part);
            nonce.push_str(&format!("{:016x}", hasher.finish()));
        }
        nonce
    }

    /// The bounds for clients of a listener.
    #[inline]
    pub(crate) fn limits_of(&self, listener: u16) -> &Limits {
        let own = usize::from(listener).checked_sub(1).and_then(|at| self.options.listener_limits.get(at));
        own.unwrap_or(&self.options.limits)
    }

    pub(crate) fn queue_bounds(&self, listener: u16) -> QueueBounds {
        let limits = self.limits_of(listener);
        QueueBounds {
            messages_max: limits.queue_messages_max,
            bytes_max: limits.queue_bytes_max,
            full: self.options.queue_full,
        }
    }

    /// Lets a connection say its last words: flush, half-close, and be closed when the peer closes or the time is over.
    pub(crate) fn finish(&mut self, now: Time, id: ConnectionId) {
        let longest = now + self.options.limits.linger_timeout;
        let deadline = self.draining.map_or(longest, |deadline| deadline.min(longest));
        self.suspended.remove(&id);
        self.exchanges.remove(&id);
        self.renewals.remove(&id);
        self.begun.remove(&id);
        if let Some(slot) = self.slot_mut(id) {
            slot.connection.phase = Phase::Lingering;
            slot.session = None;
            drop(slot.connection.take_unfinished());
            let paced_until = slot.connection.paced_until();
            slot.connection.pace = None;
            if mem::take(&mut slot.connection.paused) || paced_until.is_some() {
                self.effects.push(Effect::Resume { connection: id });
            }
            self.timers.set(TimerKey::Pace(id), paced_until, None);
            self.effects.push(Effect::Finish { connection: id });
            self.set_connection_timer(id, Some(deadline));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be a million, each on a page of 128: eight of the system's.
    #[test]
    fn a_slot_is_small() {
        assert!(size_of::<Option<Slot>>() <= 256, "{} bytes", size_of::<Option<Slot>>());
    }
}
