//! Clients that send more than they may, or than there is memory for: they are not read for a while, and lose nothing.

use crate::connection::Phase;
use crate::shard::event::{ConnectionId, Effect, Pressure};
use crate::shard::pressure::pause_publisher;
use crate::shard::state::State;
use crate::shard::timers::TimerKey;
use crate::time::Time;

/// Counts what has come of a client, and stops reading it if that was too much. Asked for each receive while
/// `State::is_throttling`, so it costs nothing per message. `must_wait`: a publication is there that may not be read now.
pub(crate) fn pause_if_fast(
    state: &mut State,
    now: Time,
    id: ConnectionId,
    messages: u64,
    bytes: usize,
    must_wait: bool,
) {
    if state.paces {
        count(state, now, id, messages, bytes as u64);
    }
    if must_wait || (messages > 0 && state.shortage.pressure != Pressure::None) {
        pause_publisher(state, now, id);
    }
}

fn count(state: &mut State, now: Time, id: ConnectionId, messages: u64, bytes: u64) {
    let Some(limits) = state.slot(id).map(|slot| state.limits_of(slot.connection.listener)) else { return };
    let rate = limits.rate();
    let State { slots, clients, users, options, timers, metrics, effects, .. } = state;
    let Some(slot) = slots.get_mut(id.index as usize) else { return };
    let connection = &mut slot.connection;
    if slot.generation != id.generation || connection.phase != Phase::Open {
        return;
    }
    let pace = connection.pace.get_or_insert_default();
    let own = pace.spend(now, rate, messages, bytes);
    let owner = slot.session.and_then(|key| clients.get(key.0 as usize)).and_then(|client| client.owner());
    let of_user = owner.and_then(|owner| users.spend(now, owner, &options.limits, messages, bytes));
    let Some(until) = own.max(of_user) else { return };
    let before = pace.resume_at.replace(until);
    timers.set(TimerKey::Pace(id), before, Some(until));
    if before.is_none() {
        if of_user > own {
            metrics.fast_user_pauses_total += 1;
        } else {
            metrics.fast_publisher_pauses_total += 1;
        }
        if !connection.paused {
            effects.push(Effect::Pause { connection: id });
        }
    }
}

/// It may send again.
pub(crate) fn on_pace_due(state: &mut State, now: Time, id: ConnectionId) {
    let Some(slot) = state.slot_mut(id) else { return };
    let connection = &mut slot.connection;
    // Not read, it could not show that it is alive.
    connection.last_received = now;
    if let Some(pace) = &mut connection.pace {
        pace.resume_at = None;
    }
    if !connection.paused {
        state.effects.push(Effect::Resume { connection: id });
    }
}
