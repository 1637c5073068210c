//! The last resort while memory is short: the connection that holds most is ended, and then the next, until there is room.
//!
//! Only what goes with a connection counts: bytes that wait for its socket and, if its session ends with it, the messages of
//! that. What waits for a session that lives on was promised to it, so ending its connection would free nothing.

use std::time::Duration;

use crate::connection::Phase;
use crate::mqtt::ReasonCode;
use crate::shard::disconnect::{say_goodbye, Goodbye};
use crate::shard::event::ConnectionId;
use crate::shard::fault::Fault;
use crate::shard::pressure::set_timer;
use crate::shard::state::{Slot, State};
use crate::time::Time;

/// Who holds less is left alone: ending it would not help, and all clients together have more rooms than one can count.
const GREEDY_BYTES_MIN: usize = 64 * 1024;

/// Between two of them: memory takes a moment to come back.
const PAUSE: Duration = Duration::from_millis(250);

/// Connections looked at in one slice, and for one unit of work.
const SLICE: usize = 1024;
const LOOKED_AT_PER_UNIT: usize = 4;

/// Goes on looking for the greediest, and ends its connection once all have been looked at.
pub(crate) fn on_shortage_due(state: &mut State, now: Time) {
    state.shortage.timer = None;
    let begin = state.shortage.searched.min(state.slots.keys_end());
    let end = (begin + SLICE).min(state.slots.keys_end());
    for index in begin..end {
        let Some(slot) = state.slots.get(index).filter(|slot| slot.connection.phase == Phase::Open) else {
            continue;
        };
        let held = held_bytes(state, slot);
        let id = ConnectionId { index: index as u32, generation: slot.generation };
        if held >= GREEDY_BYTES_MIN && state.shortage.greediest.is_none_or(|(most, _)| held > most) {
            state.shortage.greediest = Some((held, id));
        }
    }
    state.budget.spend((end - begin) / LOOKED_AT_PER_UNIT + 1);
    if end < state.slots.keys_end() {
        state.shortage.searched = end;
        return set_timer(state, Some(now));
    }
    state.shortage.searched = 0;
    if let Some((_, id)) = state.shortage.greediest.take() {
        end_greediest(state, now, id);
    }
    set_timer(state, Some(now + PAUSE));
}

fn end_greediest(state: &mut State, now: Time, id: ConnectionId) {
    let Some(slot) = state.slot_mut(id).filter(|slot| slot.connection.phase == Phase::Open) else { return };
    // It would have to take all of it before it could hear why it is disconnected.
    slot.connection.outbox.forget_filling();
    state.metrics.disconnected_memory_total += 1;
    let fault = Fault::new(ReasonCode::QuotaExceeded, "memory is short and this client holds most of it");
    say_goodbye(state, now, id, Goodbye::Fault(fault));
}

fn held_bytes(state: &State, slot: &Slot) -> usize {
    let connection = &slot.connection;
    let mut held = connection.outbox.waiting_bytes() + connection.unfinished_bytes().len();
    let session = slot.session.and_then(|session| state.client(session)).map(|client| &client.session);
    if let Some(session) = session.filter(|session| session.expiry_interval_s == 0) {
        held += session.queue.bytes() + session.inflight.bytes();
    }
    held
}
