//! Clients that do not take what there is for them, and what happens when they do.

use crate::connection::{Chunk, Phase};
use crate::shard::deliver::pump;
use crate::shard::event::{ConnectionId, Effect};
use crate::shard::state::State;
use crate::time::Time;

/// A client that does not take what we have for it may not make us collect more.
pub(crate) fn pause_if_slow(state: &mut State, id: ConnectionId) {
    let outbox_bytes_max = state.options.limits.outbox_bytes_max;
    let Some(slot) = state.slot_mut(id) else { return };
    let connection = &mut slot.connection;
    let is_full = connection.outbox.waiting_bytes() >= outbox_bytes_max;
    if is_full && !connection.paused && connection.phase == Phase::Open {
        connection.paused = true;
        let is_paused_already = connection.paced_until().is_some();
        state.metrics.slow_consumer_pauses_total += 1;
        if !is_paused_already {
            state.effects.push(Effect::Pause { connection: id });
        }
    }
}

/// A chunk has left: more may be sent, and read.
pub(crate) fn on_flushed(state: &mut State, now: Time, id: ConnectionId, chunk: Chunk) {
    state.pool.put(chunk);
    let outbox_bytes_max = state.options.limits.outbox_bytes_max;
    let Some(slot) = state.slot_mut(id) else { return };
    let session = slot.session;
    let connection = &mut slot.connection;
    connection.outbox.flushed();
    // It was named while this chunk was out and could not be flushed then.
    let is_dirty = connection.outbox.is_named();
    if connection.paused {
        // Not read, it cannot show that it is alive in another way than by taking what it gets.
        connection.last_received = now;
        if connection.outbox.waiting_bytes() <= outbox_bytes_max / 2 {
            connection.paused = false;
            if connection.paced_until().is_none() {
                state.effects.push(Effect::Resume { connection: id });
            }
        }
    }
    if is_dirty {
        state.dirty.push(id);
    }
    if let Some(session) = session {
        pump(state, now, session);
    }
}
