//! Receive completions: to the shard, or held in order while it, a peer or fairness says wait.

use std::mem;

use super::state::State;
use crate::runtime::ring::{Completion, Operation};
use crate::runtime::socket::{connection, Leaving};
use crate::shard::{ConnectionId, Event};

/// Bytes one connection may bring in one turn before the others have had theirs.
const TURN_BYTES_MAX: u32 = 256 * 1024;

/// Takes a fresh receive completion.
pub(super) fn on_received(state: &mut State, completion: Completion) {
    let connection = connection(completion.tag());
    let Some(socket) = state.sockets.socket(connection) else { return state.ring.recycle(completion) };
    if !completion.is_going_on() {
        socket.receiving = None;
    }
    let count = completion.result().unwrap_or(0);
    if socket.waiting > 0 || state.is_held || socket.is_over_turn(state.turn, count, TURN_BYTES_MAX) {
        socket.waiting += 1;
        state.waiting.push_back(completion);
        return;
    }
    deliver(state, connection, completion);
}

/// Takes what earlier turns have left, unless a peer still does not keep up.
pub(super) fn take_waiting(state: &mut State) {
    if state.is_held {
        return;
    }
    for connection in mem::take(&mut state.resumed) {
        release_held(state, connection);
    }
    for _ in 0..state.waiting.len() {
        let Some(completion) = state.waiting.pop_front() else { break };
        let connection = connection(completion.tag());
        let Some(socket) = state.sockets.socket(connection) else {
            state.ring.recycle(completion);
            continue;
        };
        let count = completion.result().unwrap_or(0);
        if socket.is_over_turn(state.turn, count, TURN_BYTES_MAX) {
            // All the later ones of this connection follow it to the back, so their order stays.
            state.waiting.push_back(completion);
            continue;
        }
        socket.waiting -= 1;
        deliver(state, connection, completion);
    }
}

/// Gives receives to the sockets that found no buffer, now that there are some.
pub(super) fn feed_starved(state: &mut State) {
    if state.ring.has_free_buffers() {
        while let Some(connection) = state.starved.pop() {
            state.arm(connection);
        }
    }
}

/// The bytes that came while a socket was paused go first, then its end if that has come, then new receives.
fn release_held(state: &mut State, connection: ConnectionId) {
    let Some(socket) = state.sockets.socket(connection) else { return };
    if socket.is_paused || !socket.is_staying() {
        return;
    }
    let held = mem::take(&mut socket.held);
    if !held.is_empty() {
        state.tell(Event::Received { connection, bytes: &held });
        state.apply_effects();
    }
    let Some(socket) = state.sockets.socket(connection) else { return };
    if socket.is_read_out() && socket.is_staying() {
        state.end(connection);
    } else {
        state.arm(connection);
    }
}

fn deliver(state: &mut State, connection: ConnectionId, completion: Completion) {
    match completion.result() {
        Ok(count) if count > 0 => {
            state.counters.received_bytes_total += count as u64;
            match completion.tag().operation {
                Operation::ReceiveInto => give_back(state, connection, completion),
                _ => deliver_bytes(state, connection, completion),
            }
        }
        Ok(_) => on_end(state, connection, completion, State::end),
        // Cancelled by us, or interrupted.
        Err(libc::ECANCELED | libc::EINTR | libc::EAGAIN) => match completion.tag().operation {
            Operation::ReceiveInto => give_back(state, connection, completion),
            _ => state.ring.recycle(completion),
        },
        Err(libc::ENOBUFS) => {
            state.counters.receive_buffer_shortages_total += 1;
            if mem::replace(&mut state.widened, state.turn) != state.turn {
                state.ring.add_buffers();
            }
            state.starved.push(connection);
            state.ring.recycle(completion);
            return state.settle(connection);
        }
        Err(_) => on_end(state, connection, completion, State::closed),
    }
    state.settle(connection);
    state.arm(connection);
}

fn deliver_bytes(state: &mut State, connection: ConnectionId, completion: Completion) {
    let State { shard, ring, sockets, now, .. } = state;
    let Some(socket) = sockets.socket(connection) else { return ring.recycle(completion) };
    if completion.tag().operation == Operation::ReceiveHead {
        // Unless these bytes begin another large packet: then the shard says so.
        socket.is_bulk = false;
    }
    let bytes = ring.bytes(&completion);
    match socket.leaving {
        Leaving::Close => {}
        Leaving::Move(_) => socket.held.extend_from_slice(bytes),
        Leaving::No if socket.is_finishing => {}
        Leaving::No if socket.is_paused || !socket.held.is_empty() => socket.held.extend_from_slice(bytes),
        Leaving::No => shard.handle(*now, Event::Received { connection, bytes }),
    }
    ring.recycle(completion);
    state.apply_effects();
}

/// A landing goes back to the shard, also if that does not want bytes now: they are of one packet, and were on their way.
fn give_back(state: &mut State, connection: ConnectionId, completion: Completion) {
    let Some(socket) = state.sockets.socket(connection) else { return state.ring.recycle(completion) };
    if !socket.is_staying() || socket.is_finishing {
        return state.ring.recycle(completion);
    }
    let count = completion.result().unwrap_or(0);
    state.counters.landed_bytes_total += count as u64;
    let landing = state.ring.landed(completion);
    state.tell(Event::Landed { connection, landing, count });
    state.apply_effects();
}

fn on_end(state: &mut State, connection: ConnectionId, completion: Completion, end: fn(&mut State, ConnectionId)) {
    state.ring.recycle(completion);
    let Some(socket) = state.sockets.socket(connection).filter(|socket| socket.is_staying()) else { return };
    if socket.is_paused || !socket.held.is_empty() {
        socket.has_ended = true;
    } else {
        end(state, connection);
    }
}
