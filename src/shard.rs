//! One core's broker, pure: events in, effects out.
//!
//! [`Shard::handle`] changes the tables of one core and fills outboxes; it never waits, reads no clock and sees no
//! socket. Must not know executors, sockets, clocks, threads or other cores' memory. The flows are in the files beside:
//! each does one packet family, and only this file closes connections.

mod acknowledge;
mod allowed;
mod authenticate;
mod begun;
mod budget;
mod by_client_id;
mod client;
mod connect;
mod copies;
mod deliver;
mod disconnect;
mod dispatch;
mod encoder;
mod ending;
mod event;
mod exchange;
mod fan_outs;
mod fault;
mod filters;
mod give_back;
mod held_back;
mod known;
mod mail;
mod members;
mod options;
mod pen;
mod pressure;
mod publication;
mod publish;
mod receive;
mod recent;
mod scans;
mod series;
mod shedding;
mod slow;
mod state;
mod stranger;
mod subscribe;
mod throttle;
mod timers;
mod users;
mod work;

use std::mem;

use crate::connection::Chunk;
use crate::message::Landing;
use crate::metrics::Metrics;
use crate::time::Time;

use self::allowed::on_policy;
use self::authenticate::on_judged;
use self::connect::on_opened;
use self::disconnect::on_closed;
use self::exchange::on_weighed;
use self::give_back::give_back;
use self::held_back::{note_fan_out, take_dirty, Beginning};
use self::mail::on_mail;
use self::pressure::on_pressure;
use self::slow::on_flushed;
use self::state::State;
use self::work::{on_drain, on_tick};

pub use self::event::{ConnectionId, Effect, Event, Mail, Origin, Pressure, ShardId};
pub use self::options::{Seeds, ShardOptions};
pub use self::series::MailedSeries;

/// One core's broker.
pub struct Shard {
    state: State,
}

impl Shard {
    /// An empty shard.
    pub fn new(options: ShardOptions) -> Shard {
        Shard { state: State::new(options) }
    }

    /// A turn begins: there may be work again.
    pub fn begin_turn(&mut self) {
        self.state.budget.begin();
    }

    /// Whether this turn has worked enough: what can wait is to be handled in the next.
    pub fn is_spent(&self) -> bool {
        self.state.is_spent()
    }

    /// Leaves a part of the turn to what is handed in next, whatever has been spent before.
    pub fn reserve(&mut self) {
        self.state.budget.reserve();
    }

    /// Takes one event. Effects, mail and filled outboxes are to be collected before the driver sleeps.
    ///
    /// Answers how many of the bytes of [`Event::Received`] are left for the next turn, because this one has worked
    /// enough: they are given again then, before all else of their connection, even if none is left. `None`: all has
    /// been done. Of other events nothing is left.
    pub fn handle(&mut self, now: Time, event: Event<'_>) -> Option<usize> {
        match event {
            Event::Received { connection, bytes } => return self.state.on_received(now, connection, bytes),
            Event::Landed { connection, landing, count } => self.state.on_landed(now, connection, landing, count),
            Event::Flushed { connection, chunk } => on_flushed(&mut self.state, now, connection, chunk),
            Event::Mail { from, mail } => {
                let begin = Beginning::of(&self.state);
                on_mail(&mut self.state, now, from, mail);
                note_fan_out(&mut self.state, begin, None);
            }
            Event::Opened { connection, origin, admitted } => {
                on_opened(&mut self.state, now, connection, origin, admitted);
            }
            Event::Closed { connection } => on_closed(&mut self.state, now, connection),
            Event::Judged { connection, generation, answer, lifetime } => {
                on_judged(&mut self.state, now, connection, generation, answer, lifetime);
            }
            Event::Weighed { connection, answer } => on_weighed(&mut self.state, now, connection, answer),
            Event::Policy { policies } => on_policy(&mut self.state, now, policies),
            Event::Pressed { pressure } => on_pressure(&mut self.state, now, pressure),
            Event::Tick => on_tick(&mut self.state, now),
            Event::Drain { deadline } => on_drain(&mut self.state, now, deadline),
        }
        None
    }

    /// Appends what is to be done, in order.
    pub fn take_effects(&mut self, into: &mut Vec<Effect>) {
        into.append(&mut self.state.effects);
    }

    /// Ends a turn: appends the connections whose outbox is to be flushed, mostly those that have got their first byte in
    /// it.
    pub fn take_dirty(&mut self, into: &mut Vec<ConnectionId>) {
        take_dirty(&mut self.state, into);
    }

    /// Frees what is only kept to be used again: some of it has grown with the largest burst there ever was. To be called
    /// now and then.
    pub fn give_back(&mut self, now: Time) {
        give_back(&mut self.state, now);
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
        if self.state.has_work() {
            Some(Time::START)
        } else {
            self.state.timers.next()
        }
    }

    /// Whether the goodbyes of a drain have all been said: no connection is left.
    pub fn is_drained(&self) -> bool {
        self.state.draining.is_some() && self.state.metrics.connections_now == 0
    }

    /// Whether nothing is left of any client: no session, subscription, interest, timer or work.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
    }

    /// What has been counted.
    pub fn metrics(&self) -> &Metrics {
        &self.state.metrics
    }

    /// The retained topics with their payloads, in order of topic: what all shards must agree on at rest.
    pub fn retained(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.state.router.retained().iter().map(|message| (message.topic(), message.payload()))
    }
}
