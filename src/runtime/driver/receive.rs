//! Receive completions: to the shard, or held in order while it, a peer or fairness says wait.

use std::mem;

use super::filter;
use super::state::{State, Waiting};
use crate::runtime::ring::{Completion, Operation};
use crate::runtime::socket::{connection, Leaving};
use crate::shard::{ConnectionId, Event, Pressure};

/// Bytes one connection may bring in one turn before the others have had theirs.
const TURN_BYTES_MAX: u32 = 256 * 1024;

/// Takes a fresh receive completion.
pub(super) fn on_received(state: &mut State, completion: Completion) {
    let connection = connection(completion.tag());
    let must_wait = filter::must_wait(state, connection);
    let Some(socket) = state.sockets.socket(connection) else { return state.ring.recycle(completion) };
    if !completion.is_going_on() {
        socket.receiving = None;
    }
    let count = completion.result().unwrap_or(0);
    let waiting = Waiting { completion, done: 0 };
    let is_held = state.is_held || must_wait || state.shard.is_spent();
    if socket.waiting > 0 || is_held || socket.is_over_turn(state.turn, count, TURN_BYTES_MAX) {
        socket.waiting += 1;
        state.waiting.push_back(waiting);
    } else if let Some(cut) = deliver(state, connection, waiting) {
        count_waiting(state, connection);
        state.waiting.push_back(cut);
    }
}

fn count_waiting(state: &mut State, connection: ConnectionId) {
    if let Some(socket) = state.sockets.socket(connection) {
        socket.waiting += 1;
    }
}

/// Takes what earlier turns have left, unless a peer still does not keep up; but not that of connections whose packets a
/// turn was not enough for.
pub(super) fn take_waiting(state: &mut State) {
    if state.is_held {
        return;
    }
    for connection in mem::take(&mut state.resumed) {
        if state.sockets.socket(connection).is_some_and(|socket| socket.is_cut) {
            state.resumed.push(connection);
        } else {
            release_held(state, connection);
        }
    }
    take(state, false);
}

/// Goes on with the packets that a turn was not enough for, when all others have had their turn: who has long work done may
/// make others wait for a turn, however many such there are, but not for the work. A part of the turn is theirs in any case.
pub(super) fn take_cut(state: &mut State) {
    if (state.waiting.is_empty() && state.resumed.is_empty()) || state.is_held {
        return;
    }
    state.shard.reserve();
    // Bytes that have been through filters wait at their sockets, others in the queue: each kind is the first in turn.
    let is_queue_first = state.turn.is_multiple_of(2);
    if is_queue_first {
        take(state, true);
    }
    for connection in mem::take(&mut state.resumed) {
        release_held(state, connection);
    }
    if !is_queue_first {
        take(state, true);
    }
}

/// Of those that wait, takes the ones that have been cut or the others. One that uses up this turn comes behind all others in
/// the next.
fn take(state: &mut State, are_cut: bool) {
    let mut last: Vec<Waiting> = Vec::new();
    for _ in 0..state.waiting.len() {
        let Some(waiting) = state.waiting.pop_front() else { break };
        let id = connection(waiting.completion.tag());
        // Several may have been cut: while memory is short one may not be read on though the turn is not spent.
        if last.iter().any(|cut| connection(cut.completion.tag()) == id) {
            last.push(waiting);
            continue;
        }
        let connection = id;
        let must_wait = filter::must_wait(state, connection);
        let Some(socket) = state.sockets.socket(connection) else {
            state.ring.recycle(waiting.completion);
            continue;
        };
        let count = waiting.completion.result().unwrap_or(0);
        let is_other = socket.is_cut != are_cut;
        if is_other || must_wait || state.shard.is_spent() || socket.is_over_turn(state.turn, count, TURN_BYTES_MAX) {
            // All the later ones of this connection follow it to the back, so their order stays.
            state.waiting.push_back(waiting);
            continue;
        }
        socket.waiting -= 1;
        if let Some(cut) = deliver(state, connection, waiting) {
            count_waiting(state, connection);
            last.push(cut);
        }
    }
    state.waiting.extend(last);
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
    if socket.holds() {
        let held = mem::take(&mut socket.held);
        state.receive_held(connection, held);
        state.apply_effects();
    }
    let Some(socket) = state.sockets.socket(connection) else { return };
    if socket.is_read_out() && socket.is_staying() {
        state.end(connection);
    } else {
        state.arm(connection);
    }
}

/// Takes a completion; answers what is left of it if the shard has worked enough before.
fn deliver(state: &mut State, connection: ConnectionId, waiting: Waiting) -> Option<Waiting> {
    let Waiting { completion, .. } = &waiting;
    match completion.result() {
        Ok(count) if count > 0 && completion.tag().operation != Operation::ReceiveInto => {
            let cut = deliver_bytes(state, connection, waiting);
            if cut.is_some() {
                return cut;
            }
        }
        _ => deliver_other(state, connection, waiting.completion),
    }
    state.settle(connection);
    state.arm(connection);
    None
}

/// Anything but received bytes in a buffer of the ring.
fn deliver_other(state: &mut State, connection: ConnectionId, completion: Completion) {
    match completion.result() {
        Ok(count) if count > 0 => give_back(state, connection, completion),
        Ok(_) => on_end(state, connection, completion, State::end),
        // Cancelled by us, or interrupted.
        Err(libc::ECANCELED | libc::EINTR | libc::EAGAIN) => match completion.tag().operation {
            Operation::ReceiveInto => give_back(state, connection, completion),
            _ => state.ring.recycle(completion),
        },
        Err(libc::ENOBUFS) => {
            state.counters.receive_buffer_shortages_total += 1;
            // While memory is short they have to do with those they have.
            let may_widen = state.pressure == Pressure::None;
            if may_widen && mem::replace(&mut state.widened, state.turn) != state.turn {
                state.ring.add_buffers();
            }
            state.starved.push(connection);
            state.ring.recycle(completion);
        }
        Err(_) => on_end(state, connection, completion, State::closed),
    }
}

fn deliver_bytes(state: &mut State, connection: ConnectionId, waiting: Waiting) -> Option<Waiting> {
    let State { shard, ring, sockets, now, counters, .. } = state;
    let Waiting { completion, done } = waiting;
    let Some(socket) = sockets.socket(connection) else {
        ring.recycle(completion);
        return None;
    };
    if socket.passage.is_some() {
        filter::receive(state, connection, completion);
        return None;
    }
    if completion.tag().operation == Operation::ReceiveHead {
        // Unless these bytes begin another large packet: then the shard says so.
        socket.is_bulk = false;
    }
    let all = ring.bytes(&completion);
    let bytes = all.get(done..).unwrap_or_default();
    let mut left = None;
    match socket.leaving {
        Leaving::Close => {}
        Leaving::Move(_) => socket.held.extend_from_slice(bytes),
        Leaving::No if socket.is_finishing => {}
        Leaving::No if socket.is_paused || !socket.held.is_empty() => socket.held.extend_from_slice(bytes),
        Leaving::No => {
            left = shard.handle(*now, Event::Received { connection, bytes });
            socket.is_cut = left.is_some();
        }
    }
    if let Some(left) = left {
        let done = all.len() - left;
        state.apply_effects();
        return Some(Waiting { completion, done });
    }
    counters.received_bytes_total += all.len() as u64;
    ring.recycle(completion);
    state.apply_effects();
    None
}

/// A landing goes back to the shard, also if that does not want bytes now: they are of one packet, and were on their way.
fn give_back(state: &mut State, connection: ConnectionId, completion: Completion) {
    let Some(socket) = state.sockets.socket(connection) else { return state.ring.recycle(completion) };
    if !socket.is_staying() || socket.is_finishing {
        return state.ring.recycle(completion);
    }
    let count = completion.result().unwrap_or(0);
    state.counters.received_bytes_total += count as u64;
    state.counters.landed_bytes_total += count as u64;
    let landing = state.ring.landed(completion);
    state.tell(Event::Landed { connection, landing, count });
    state.apply_effects();
}

fn on_end(state: &mut State, connection: ConnectionId, completion: Completion, end: fn(&mut State, ConnectionId)) {
    state.ring.recycle(completion);
    let Some(socket) = state.sockets.socket(connection).filter(|socket| socket.is_staying()) else { return };
    if socket.is_paused || socket.holds() {
        socket.has_ended = true;
    } else {
        end(state, connection);
    }
}
