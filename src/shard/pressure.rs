//! What gives way when the process comes near its memory budget, in an order that keeps every promise.
//!
//! How near it is comes from outside, as an event. Nothing is asked per message: while there is pressure, each receive takes
//! another way.

use std::time::Duration;

use crate::connection::{Connection, Phase, LANDING_BYTES_MIN};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::mqtt::{next_header, next_header_across, Frame, PacketType, ProtocolVersion};
use crate::shard::event::{ConnectionId, Effect, Pressure};
use crate::shard::state::{Slot, State};
use crate::shard::timers::TimerKey;
use crate::time::Time;

/// How long who has published is not read: a tenth of a second, so that also a client that takes as well as it sends, and
/// whose acknowledgements stand behind its publications, gets on.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes waiting for a socket from which on its client counts as slow while memory is short: a receiver that keeps up rarely
/// has as much.
const SLOW_BYTES: usize = 16 * 1024;

/// What to do, and what has been begun, while memory is short.
#[derive(Debug, Default)]
pub(crate) struct Shortage {
    pub(crate) pressure: Pressure,
    /// The timer that is set for disconnecting the greediest.
    pub(crate) timer: Option<Time>,
    /// How far the search for it has come, and whom it has found.
    pub(crate) searched: usize,
    pub(crate) greediest: Option<(usize, ConnectionId)>,
}

/// Bytes that may wait for one socket.
pub(crate) fn outbox_bytes_max(limits: &Limits, pressure: Pressure) -> usize {
    match pressure {
        Pressure::None | Pressure::Slowing => limits.outbox_bytes_max,
        Pressure::Sparing | Pressure::Refusing | Pressure::Shedding => limits.outbox_bytes_max.min(SLOW_BYTES),
    }
}

/// The process has come nearer to its budget, or farther from it.
pub(crate) fn on_pressure(state: &mut State, now: Time, pressure: Pressure) {
    state.shortage.pressure = pressure;
    state.outbox_bytes_max = outbox_bytes_max(&state.options.limits, pressure);
    state.is_throttling = pressure != Pressure::None || state.paces;
    let due = match (pressure, state.shortage.timer) {
        (Pressure::Shedding, None) => Some(now),
        (Pressure::Shedding, set) => set,
        (Pressure::None | Pressure::Slowing | Pressure::Sparing | Pressure::Refusing, _) => None,
    };
    set_timer(state, due);
}

/// Sets the timer for disconnecting the greediest.
pub(crate) fn set_timer(state: &mut State, due: Option<Time>) {
    state.timers.set(TimerKey::Shortage, state.shortage.timer, due);
    state.shortage.timer = due;
}

impl State {
    /// Whether nothing is taken that would have to be kept.
    #[inline]
    pub(crate) fn is_refusing(&self) -> bool {
        self.shortage.pressure >= Pressure::Refusing
    }
}

/// Does not read a client for a moment, because it has published while memory is short. Its keep alive waits, too.
pub(crate) fn pause_publisher(state: &mut State, now: Time, id: ConnectionId) {
    let State { slots, timers, metrics, effects, .. } = state;
    let Some(slot) = slots.get_mut(id.index as usize) else { return };
    let connection = &mut slot.connection;
    if slot.generation != id.generation || connection.phase != Phase::Open {
        return;
    }
    let until = now + PAUSE;
    let pace = connection.pace.get_or_insert_default();
    if pace.resume_at.is_some_and(|at| at >= until) {
        return;
    }
    let before = pace.resume_at.replace(until);
    timers.set(TimerKey::Pace(id), before, Some(until));
    metrics.memory_pauses_total += 1;
    if before.is_none() && !connection.paused {
        effects.push(Effect::Pause { connection: id });
    }
}

/// How many of these bytes may be handled while there is pressure; the others have to wait at the socket. Everything but
/// PUBLISH always may.
pub(crate) fn readable_bytes(state: &State, id: ConnectionId, bytes: &[u8]) -> usize {
    let Some(slot) = state.slot(id).filter(|slot| slot.connection.phase == Phase::Open) else { return bytes.len() };
    if !state.is_refusing() {
        return bytes.len();
    }
    let packet_bytes_max = slot.connection.packet_bytes_max;
    let mut at = match rest_of_unfinished(slot, bytes) {
        Some(rest) => rest,
        None => return 0,
    };
    while let Some(Ok(Some(frame))) = bytes.get(at..).map(|rest| next_header(rest, packet_bytes_max)) {
        if must_wait(slot.connection.version, &frame) {
            return at;
        }
        at = at.saturating_add(frame.total_bytes);
    }
    bytes.len()
}

/// Bytes missing of the packet whose beginning has come before; `None` if that packet has to wait.
fn rest_of_unfinished(slot: &Slot, bytes: &[u8]) -> Option<usize> {
    let begun = slot.connection.unfinished_bytes();
    if begun.is_empty() {
        return Some(0);
    }
    match next_header_across(begun, bytes, slot.connection.packet_bytes_max) {
        // What has landed in part has its memory already, so it had better be taken.
        Ok(Some(frame)) if must_wait(slot.connection.version, &frame) && !slot.connection.is_landing() => None,
        Ok(Some(frame)) => Some(frame.total_bytes.saturating_sub(begun.len())),
        Ok(None) | Err(_) => Some(bytes.len()),
    }
}

/// A publication that can be refused when it has been read is; one whose client cannot be told so is not read, nor is one for
/// which we would need much memory to read it.
fn must_wait(version: ProtocolVersion, frame: &Frame) -> bool {
    let is_publish = PacketType::from_first_byte(frame.first_byte) == Some(PacketType::Publish);
    let is_kept = frame.first_byte & 0b110 != 0;
    is_publish && (frame.total_bytes >= LANDING_BYTES_MIN || (is_kept && version != ProtocolVersion::V5))
}

/// Counts publications that a slow receiver does not get, by why.
pub(crate) fn count_dropped(metrics: &mut Metrics, limits: &Limits, connection: &Connection) {
    if connection.outbox.waiting_bytes() >= limits.outbox_bytes_max {
        metrics.dropped_outbox_full_total += 1;
    } else {
        metrics.dropped_memory_total += 1;
    }
}
