//! Outboxes to sends, and what becomes of them.

use std::mem;
use std::net::Shutdown;

use socket2::SockRef;
use tracing::debug;

use super::filter;
use super::state::State;
use crate::runtime::ring::{Completion, Operation, Sent};
use crate::runtime::socket::{connection, tag};
use crate::shard::{ConnectionId, Event};

/// Starts a send for each dirty outbox whose socket has none in flight.
pub(super) fn flush(state: &mut State) {
    state.shard.take_dirty(&mut state.dirty);
    // What is written may cause somebody to act; the mail that belongs to it must be in the channels first.
    if state.is_held {
        return;
    }
    let mut dirty = mem::take(&mut state.dirty);
    for connection in dirty.drain(..) {
        flush_one(state, connection);
    }
    // Those that were put off are the first in the next turn.
    if state.dirty.is_empty() {
        state.dirty = dirty;
    }
}

fn flush_one(state: &mut State, connection: ConnectionId) {
    let Some(socket) = state.sockets.socket(connection) else { return };
    if !socket.is_staying() || socket.is_broken || socket.sending.is_some() {
        return;
    }
    if socket.passage.is_some() {
        return filter::flush(state, connection);
    }
    match state.shard.take_output(connection) {
        Some(chunk) => {
            state.counters.sent_bytes_total += chunk.len() as u64;
            socket.sending = Some(state.ring.send(socket.number(), tag(Operation::Send, connection), chunk));
        }
        None if socket.is_finishing && !socket.is_half_closed => {
            socket.is_half_closed = true;
            // An error means that the connection is gone already, which the receive finds out.
            let _ = SockRef::from(&socket.descriptor).shutdown(Shutdown::Write);
        }
        None => {}
    }
}

/// Takes a send's completion.
pub(super) fn on_sent(state: &mut State, completion: Completion) {
    let connection = connection(completion.tag());
    let socket = state.sockets.socket(connection).expect("a slot is kept while a send is in flight");
    let key = socket.sending.expect("the send whose completion this is");
    let sent = state.ring.sent(socket.number(), key, &completion);
    if matches!(sent, Sent::InPart) {
        return;
    }
    socket.sending = None;
    if !socket.is_staying() {
        return state.settle(connection);
    }
    match sent {
        Sent::InPart => {}
        Sent::Wholly(chunk) => {
            let (is_read_out, is_finishing) = (socket.is_read_out(), socket.is_finishing);
            let is_filtered = socket.passage.is_some();
            let chunk = if is_filtered { filter::sent(state, connection, chunk) } else { Some(chunk) };
            if let Some(chunk) = chunk {
                state.tell(Event::Flushed { connection, chunk });
            }
            if is_finishing {
                state.dirty.push(connection);
            }
            if is_read_out && !state.shard.owes(connection) {
                state.closed(connection);
            }
        }
        Sent::Failed(error) => {
            debug!(connection = connection.index, error, "cannot send");
            on_broken(state, connection);
        }
    }
    state.apply_effects();
}

/// A peer that has gone may have said goodbye before: bytes already here are read before the shard hears of the end.
fn on_broken(state: &mut State, connection: ConnectionId) {
    let Some(socket) = state.sockets.socket(connection) else { return };
    socket.is_broken = true;
    let is_being_read = socket.receiving.is_some() || socket.waiting > 0;
    if is_being_read && !socket.is_paused && !socket.holds() {
        // Makes sure that the receive comes to its end.
        let _ = SockRef::from(&socket.descriptor).shutdown(Shutdown::Both);
    } else {
        state.closed(connection);
    }
}
