//! One core's broker, pure: events in, effects out.
//!
//! [`Shard::handle`] changes the tables of one core and fills outboxes; it never waits, reads no clock and sees no
//! socket. Must not know executors, sockets, clocks, threads or other cores' memory. The flows are in the files beside:
//! each does one packet family, and only this file closes connections.

mod acknowledge;
mod connect;
mod deliver;
mod disconnect;
mod dispatch;
mod encoder;
mod event;
mod fault;
mod known;
mod mail;
mod pen;
mod publication;
mod publish;
mod recent;
mod state;
mod subscribe;
mod timers;

use std::mem;

use crate::connection::{Chunk, Phase, Unfinished};
use crate::message::Landing;
use crate::metrics::Metrics;
use crate::mqtt::{
    connect_version, decode_connect, next_frame, DecodeError, Frame, PacketType, ProtocolVersion, ReasonCode,
};
use crate::time::Time;

use self::connect::{on_connect, on_opened, refuse_malformed};
use self::deliver::pump;
use self::disconnect::{on_closed, on_session_due, say_goodbye, Goodbye};
use self::dispatch::{on_packet, Next};
use self::fault::Fault;
use self::known::Known;
use self::mail::on_mail;
use self::publication::message_of;
use self::publish::{on_landed_publish, Sender};
use self::state::State;
use self::timers::TimerKey;

pub use self::event::{ConnectionId, Effect, Event, Mail, Origin, ShardId};
pub use self::state::{Seeds, ShardOptions};

/// Bytes of a CONNECT that say its version in any case: the longest protocol name and the level.
const VERSION_BYTES: usize = 2 + 6 + 1;

/// Bytes missing of a large packet for which receiving them where they belong is worth telling the driver.
const LAND_BYTES_MIN: usize = 16 * 1024;

/// Sessions whose long work goes on in one tick.
const WORK_PER_TICK: usize = 4;

/// Retained messages looked at for expiry in one tick.
const EXPIRE_PER_TICK: usize = 1024;

/// One core's broker.
pub struct Shard {
    state: State,
}

impl Shard {
    /// An empty shard.
    pub fn new(options: ShardOptions) -> Shard {
        Shard { state: State::new(options) }
    }

    /// Takes one event. Effects, mail and filled outboxes are to be collected before the driver sleeps.
    pub fn handle(&mut self, now: Time, event: Event<'_>) {
        match event {
            Event::Received { connection, bytes } => self.on_received(now, connection, bytes),
            Event::Landed { connection, landing, count } => self.on_landed(now, connection, landing, count),
            Event::Flushed { connection, chunk } => self.on_flushed(now, connection, chunk),
            Event::Mail { from, mail } => on_mail(&mut self.state, now, from, mail),
            Event::Opened { connection, origin, admitted } => {
                on_opened(&mut self.state, now, connection, origin, admitted);
            }
            Event::Closed { connection } => on_closed(&mut self.state, now, connection),
            Event::Tick => self.on_tick(now),
            Event::Drain { deadline } => self.on_drain(now, deadline),
        }
    }

    /// Appends what is to be done, in order.
    pub fn take_effects(&mut self, into: &mut Vec<Effect>) {
        into.append(&mut self.state.effects);
    }

    /// Appends the connections whose outbox has got its first byte since this was last asked.
    pub fn take_dirty(&mut self, into: &mut Vec<ConnectionId>) {
        into.append(&mut self.state.dirty);
    }

    /// Everything that waits for a connection's socket; nothing while an earlier chunk is still out.
    pub fn take_output(&mut self, connection: ConnectionId) -> Option<Chunk> {
        self.state.slot_mut(connection)?.connection.outbox.take()
    }

    /// The landing of a large packet that has begun, to receive its rest into. It comes back with [`Event::Landed`], and
    /// nothing is received from the connection before that.
    pub fn take_landing(&mut self, connection: ConnectionId) -> Option<Landing> {
        self.state.slot_mut(connection)?.connection.take_landing()
    }

    /// Whether a connection still has something to get: bytes that wait, or an answer that waits for other shards.
    pub fn owes(&self, connection: ConnectionId) -> bool {
        self.state.slot(connection).is_some_and(|slot| {
            let is_waiting = slot.connection.outbox.waiting_bytes() > 0;
            is_waiting || self.state.pending_subacks.iter().any(|pending| pending.connection == connection)
        })
    }

    /// The peers that mail waits for, a bit each.
    pub fn mail_waiting(&self) -> u64 {
        self.state.mail_waiting
    }

    /// Moves the mail for one peer to an empty list, in order.
    pub fn take_mail(&mut self, to: ShardId, into: &mut Vec<Mail>) {
        debug_assert!(into.is_empty());
        if let Some(batch) = self.state.mail.get_mut(usize::from(to.0)) {
            mem::swap(batch, into);
            self.state.mail_waiting &= !(1 << to.0);
        }
    }

    /// When `Tick` is wanted.
    pub fn next_deadline(&self) -> Option<Time> {
        if self.state.work.is_empty() {
            self.state.timers.next()
        } else {
            Some(Time::START)
        }
    }

    /// Whether the goodbyes of a drain have all been said: no connection is left.
    pub fn is_drained(&self) -> bool {
        self.state.draining.is_some() && self.state.metrics.connections_now == 0
    }

    /// Whether nothing is left of any client: no session, subscription, interest, timer or work.
    pub fn is_empty(&self) -> bool {
        let state = &self.state;
        state.clients.is_empty()
            && state.by_client_id.is_empty()
            && state.metrics.connections_now == 0
            && state.router.is_empty()
            && state.timers.is_empty()
            && state.work.is_empty()
            && state.pending_subacks.is_empty()
            && state.mail_waiting == 0
    }

    /// What has been counted.
    pub fn metrics(&self) -> &Metrics {
        &self.state.metrics
    }

    /// The retained topics with their payloads, in order of topic: what all shards must agree on at rest.
    pub fn retained(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.state.router.retained().iter().map(|message| (message.topic(), message.payload()))
    }

    /// Bytes from a socket: cut into packets in place; only the beginning of an unfinished packet is copied.
    fn on_received(&mut self, now: Time, id: ConnectionId, mut bytes: &[u8]) {
        let Some(slot) = self.state.slot_mut(id) else { return };
        if slot.connection.phase == Phase::Lingering {
            return;
        }
        slot.connection.last_received = now;
        let phase = slot.connection.phase;
        let mut unfinished = slot.connection.take_unfinished();
        if phase == Phase::AwaitingConnect && !begins_connect(unfinished.bytes(), bytes) {
            // Its first byte tells: what comes behind it need not be waited for, nor kept.
            self.state.metrics.protocol_errors_total += 1;
            return self.state.finish(now, id);
        }
        if !unfinished.bytes().is_empty() {
            let trusted_bytes = (phase == Phase::Open).then_some(slot.connection.landed_bytes_max);
            let packet_bytes_max = self.state.options.limits.packet_bytes_max;
            match unfinished.complete(&mut bytes, packet_bytes_max, trusted_bytes) {
                Err(error) => {
                    let begin = bytes.len().min(VERSION_BYTES);
                    return self.on_bad_frame(now, id, &[unfinished.bytes(), &bytes[..begin]].concat(), error);
                }
                Ok(false) => return self.keep(id, unfinished),
                Ok(true) => match unfinished {
                    Unfinished::Landing(landing) => self.on_landing(now, id, landing),
                    Unfinished::Bytes(partial) if phase == Phase::AwaitingConnect => {
                        return self.on_connect_packet(now, id, partial, bytes);
                    }
                    Unfinished::Bytes(partial) => {
                        self.consume(now, id, &partial);
                    }
                },
            }
        }
        self.consume_and_keep(now, id, bytes);
        self.pause_if_slow(id);
    }

    /// CONNECT is whole. It may have to move with all that came behind it.
    fn on_connect_packet(&mut self, now: Time, id: ConnectionId, mut packets: Vec<u8>, bytes: &[u8]) {
        packets.extend_from_slice(bytes);
        self.consume_and_keep(now, id, &packets);
        self.pause_if_slow(id);
    }

    /// Handles all whole packets and keeps the beginning of another until its rest comes.
    fn consume_and_keep(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) {
        let used = self.consume(now, id, bytes);
        if used < bytes.len() {
            let packet_bytes_max = self.state.options.limits.packet_bytes_max;
            let trusted_bytes = self.state.slot(id).map_or(0, |slot| slot.connection.landed_bytes_max);
            self.keep(id, Unfinished::begin(&bytes[used..], packet_bytes_max, trusted_bytes));
        }
    }

    /// Bytes that have been received where they belong.
    fn on_landed(&mut self, now: Time, id: ConnectionId, landing: Landing, count: usize) {
        let Some(slot) = self.state.slot_mut(id) else { return };
        if count > 0 {
            slot.connection.last_received = now;
        }
        if landing.missing() > 0 {
            return self.keep(id, Unfinished::Landing(landing));
        }
        self.on_landing(now, id, landing);
        self.pause_if_slow(id);
    }

    /// A large PUBLISH is whole, in the block that becomes its message.
    fn on_landing(&mut self, now: Time, id: ConnectionId, landing: Landing) {
        let Some(slot) = self.state.slot_mut(id) else { return };
        let connection = &mut slot.connection;
        connection.landed_bytes_max = connection.landed_bytes_max.max(landing.packet().len() as u32);
        let (Phase::Open, Some(session)) = (slot.connection.phase, slot.session) else { return };
        let sender = Sender { id, session, version: slot.connection.version };
        let stamp = self.state.next_stamp(now);
        let landed = match message_of(sender.version, landing, stamp) {
            Ok(landed) => landed,
            Err(landing) => {
                self.consume(now, id, landing.packet());
                return;
            }
        };
        let mut known = self.state.slot_mut(id).and_then(|slot| slot.known.take()).unwrap_or_default();
        if let Err(fault) = on_landed_publish(&mut self.state, now, sender, &landed, &mut known) {
            self.part(now, id, fault);
        }
        if let Some(slot) = self.state.slot_mut(id) {
            slot.known = Some(known);
        }
    }

    fn keep(&mut self, id: ConnectionId, unfinished: Unfinished) {
        if let Some(slot) = self.state.slot_mut(id) {
            if slot.connection.phase == Phase::Lingering {
                return;
            }
            let lands = matches!(&unfinished, Unfinished::Landing(landing) if landing.missing() >= LAND_BYTES_MIN);
            slot.connection.keep_unfinished(unfinished);
            if lands {
                self.state.effects.push(Effect::Land { connection: id });
            }
        }
    }

    /// Handles all whole packets in `bytes`; answers how many bytes need not be kept.
    fn consume(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) -> usize {
        let mut known = self.state.slot_mut(id).and_then(|slot| slot.known.take());
        let used = self.consume_knowing(now, id, bytes, &mut known);
        if let Some(slot) = self.state.slot_mut(id) {
            slot.known = known;
        }
        used
    }

    fn consume_knowing(&mut self, now: Time, id: ConnectionId, bytes: &[u8], known: &mut Option<Box<Known>>) -> usize {
        let packet_bytes_max = self.state.options.limits.packet_bytes_max;
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let frame = match next_frame(rest, packet_bytes_max) {
                Ok(Some(frame)) => frame,
                Ok(None) => return at,
                Err(error) => {
                    self.on_bad_frame(now, id, rest, error);
                    return bytes.len();
                }
            };
            at += frame.total_bytes;
            if self.on_frame(now, id, &frame, rest, known) == Next::Stop {
                return bytes.len();
            }
        }
        at
    }

    fn on_frame(
        &mut self,
        now: Time,
        id: ConnectionId,
        frame: &Frame,
        rest: &[u8],
        known: &mut Option<Box<Known>>,
    ) -> Next {
        let Some(slot) = self.state.slot(id) else { return Next::Stop };
        let Some(body) = rest.get(frame.header_bytes..frame.total_bytes) else { return Next::Stop };
        match (slot.connection.phase, slot.session) {
            (Phase::Open, Some(session)) => {
                let version = slot.connection.version;
                if version == ProtocolVersion::V5 && frame.header_bytes > 2 && frame.is_overlong() {
                    // [MQTT5-1.5.5-1]
                    return self.part(now, id, Fault::from(DecodeError::RemainingLength));
                }
                let (sender, packet) = (Sender { id, session, version }, &rest[..frame.total_bytes]);
                match on_packet(&mut self.state, now, sender, frame, packet, known) {
                    Ok(next) => next,
                    Err(fault) => self.part(now, id, fault),
                }
            }
            (Phase::AwaitingConnect, _) => self.on_first_packet(now, id, frame, body, rest),
            (Phase::Open | Phase::Lingering, _) => Next::Stop,
        }
    }

    /// The first packet, which is CONNECT.
    fn on_first_packet(&mut self, now: Time, id: ConnectionId, frame: &Frame, body: &[u8], unread: &[u8]) -> Next {
        debug_assert!(begins_connect(&[frame.first_byte], &[]), "nothing else is read");
        let decoded = match decode_connect(body) {
            // [MQTT5-1.5.5-1]
            Ok(packet) if packet.version == ProtocolVersion::V5 && frame.is_overlong() => {
                Err(DecodeError::RemainingLength)
            }
            decoded => decoded,
        };
        match decoded {
            Ok(packet) => {
                let is_here = on_connect(&mut self.state, now, id, &packet, unread);
                if is_here {
                    Next::GoOn
                } else {
                    Next::Stop
                }
            }
            Err(error) => {
                refuse_malformed(&mut self.state, now, id, connect_version(body), error);
                Next::Stop
            }
        }
    }

    /// Bytes that cannot be cut into packets.
    fn on_bad_frame(&mut self, now: Time, id: ConnectionId, rest: &[u8], error: DecodeError) {
        let Some(slot) = self.state.slot(id) else { return };
        match slot.connection.phase {
            Phase::Open => {
                self.part(now, id, Fault::from(error));
            }
            Phase::AwaitingConnect => {
                // The beginning of CONNECT may already say how to answer.
                let length_bytes = 1 + rest.iter().skip(1).take(3).take_while(|byte| **byte >= 0x80).count();
                let body = rest.get(1 + length_bytes..).unwrap_or_default();
                let is_connect = rest.first().is_some_and(|first| first >> 4 == PacketType::Connect as u8);
                let says_version = body.len() >= VERSION_BYTES || connect_version(body).is_some();
                if is_connect && error == DecodeError::PacketTooLarge && !says_version {
                    return self.keep(id, Unfinished::Bytes(rest.to_vec()));
                }
                let version = connect_version(body).filter(|_| is_connect);
                refuse_malformed(&mut self.state, now, id, version, error);
            }
            Phase::Lingering => {}
        }
    }

    /// Parts from a client that broke the rules [MQTT5-4.13.1-1] [MQTT311-4.8.0-1].
    fn part(&mut self, now: Time, id: ConnectionId, fault: Fault) -> Next {
        self.state.metrics.protocol_errors_total += 1;
        say_goodbye(&mut self.state, now, id, Goodbye::Fault(fault));
        Next::Stop
    }

    /// A client that does not take what we have for it may not make us collect more.
    fn pause_if_slow(&mut self, id: ConnectionId) {
        let outbox_bytes_max = self.state.options.limits.outbox_bytes_max;
        let Some(slot) = self.state.slot_mut(id) else { return };
        let connection = &mut slot.connection;
        let is_full = connection.outbox.waiting_bytes() >= outbox_bytes_max;
        if is_full && !connection.paused && connection.phase == Phase::Open {
            connection.paused = true;
            self.state.metrics.slow_consumer_pauses_total += 1;
            self.state.effects.push(Effect::Pause { connection: id });
        }
    }

    fn on_flushed(&mut self, now: Time, id: ConnectionId, chunk: Chunk) {
        self.state.pool.put(chunk);
        let outbox_bytes_max = self.state.options.limits.outbox_bytes_max;
        let Some(slot) = self.state.slot_mut(id) else { return };
        let session = slot.session;
        let connection = &mut slot.connection;
        connection.outbox.flushed();
        if connection.paused {
            // Not read, it cannot show that it is alive in another way than by taking what it gets.
            connection.last_received = now;
            if connection.outbox.waiting_bytes() <= outbox_bytes_max / 2 {
                connection.paused = false;
                self.state.effects.push(Effect::Resume { connection: id });
            }
        }
        if let Some(session) = session {
            pump(&mut self.state, now, session);
        }
    }

    fn on_tick(&mut self, now: Time) {
        while let Some(key) = self.state.timers.take_due(now) {
            match key {
                TimerKey::Connection(id) => self.on_connection_due(now, id),
                TimerKey::Session(session) => on_session_due(&mut self.state, now, session),
                TimerKey::Retained => {
                    self.state.retained_timer = None;
                    self.state.router.retained_mut().expire(now, EXPIRE_PER_TICK);
                    self.state.metrics.retained_now = self.state.router.retained().len() as u64;
                    self.state.set_retained_timer();
                }
            }
        }
        for _ in 0..self.state.work.len().min(WORK_PER_TICK) {
            let Some(session) = self.state.work.pop_front() else { break };
            if let Some(client) = self.state.client_mut(session) {
                client.has_work = false;
                pump(&mut self.state, now, session);
            }
        }
    }

    /// A connection's timer: what it means depends on where the connection stands.
    fn on_connection_due(&mut self, now: Time, id: ConnectionId) {
        let Some(slot) = self.state.slot_mut(id) else { return };
        slot.connection.timer = None;
        match slot.connection.phase {
            Phase::AwaitingConnect => {
                self.state.metrics.connect_timeouts_total += 1;
                self.state.remove_slot(id);
                self.state.effects.push(Effect::Close { connection: id });
            }
            Phase::Lingering => {
                self.state.remove_slot(id);
                self.state.effects.push(Effect::Close { connection: id });
            }
            Phase::Open => match slot.connection.keep_alive_deadline() {
                Some(deadline) if deadline <= now => {
                    // [MQTT5-3.1.2-22] [MQTT311-3.1.2-24]
                    self.state.metrics.keep_alive_timeouts_total += 1;
                    let fault = Fault::new(ReasonCode::KeepAliveTimeout, "nothing came for too long");
                    say_goodbye(&mut self.state, now, id, Goodbye::Fault(fault));
                }
                // Something came meanwhile: the timer is set anew only when it fires, not with every packet.
                due => self.state.set_connection_timer(id, due),
            },
        }
    }

    /// Begins to end: no CONNECT is accepted any more, and who is here is told.
    fn on_drain(&mut self, now: Time, deadline: Time) {
        self.state.draining = Some(deadline);
        let open: Vec<ConnectionId> = (0..)
            .zip(self.state.slots.iter())
            .filter_map(|(index, slot)| {
                let slot = slot.as_ref()?;
                (slot.connection.phase != Phase::Lingering)
                    .then_some(ConnectionId { index, generation: slot.generation })
            })
            .collect();
        for id in open {
            match self.state.slot(id).map(|slot| slot.connection.phase) {
                Some(Phase::Open) => say_goodbye(&mut self.state, now, id, Goodbye::Draining),
                Some(Phase::AwaitingConnect) => self.state.finish(now, id),
                Some(Phase::Lingering) | None => {}
            }
        }
    }
}

/// Whether the first of these bytes is that of a CONNECT: nothing else may come first [MQTT5-3.1.0-1] [MQTT311-3.1.0-1].
fn begins_connect(partial: &[u8], bytes: &[u8]) -> bool {
    let first = partial.first().or(bytes.first());
    first.is_none_or(|first| PacketType::from_first_byte(*first) == Some(PacketType::Connect))
}
