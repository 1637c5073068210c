//! Connections whose bytes go through filters: from accepting them to the last byte sent.
//!
//! The shard hears of such a connection once the filters are content, and then as of any other. What comes is opened before
//! it is handed over; what goes passes the filters where the outbox has it, or, if that is much or others are sent it too, in copied
//! pieces, so that neither a slow client nor a turn pays for all of it at once.

use std::cmp::Reverse;
use std::mem;
use std::net::Shutdown;
use std::ops::Range;
use std::os::fd::OwnedFd;

use socket2::SockRef;
use tracing::{debug, field, warn};

use super::state::{peer_address, State};
use crate::connection::Chunk;
use crate::runtime::passage::{Out, Passage, Stage};
use crate::runtime::ring::{Completion, Operation};
use crate::runtime::socket::{tag, Leaving, Socket};
use crate::shard::{ConnectionId, Event, Origin};
use crate::transport::{append, Refusal, RefusalKind};

/// Steps of handshakes one turn takes: each may be a signature, a third of a millisecond, and the clients that are through
/// wait for it.
const STEPS_PER_TURN: u32 = 4;
/// Bytes of an outbox that are taken through the filters where they are, in one piece: a tenth of a millisecond. More, and large
/// payloads that others are sent too, are copied and go in pieces of so many.
const WHOLE_BYTES_MAX: usize = 1024 * 1024;
const PIECE_BYTES_MAX: usize = 256 * 1024;
/// Bytes that are taken through filters in one turn before what else there is to send waits for the next: half a millisecond.
const BYTES_PER_TURN: usize = 4 * 1024 * 1024;
/// Buffers that are kept for the next copy, and how large they may be.
const SPARE_MAX: usize = 64;
const SPARE_BYTES_MAX: usize = PIECE_BYTES_MAX + 16 * 1024;

const UNTRUSTED: Refusal = Refusal {
    kind: RefusalKind::ProxyHeader,
    reason: "it is not in proxy_trusted, so it may not say whom it speaks for; add it if it is your proxy",
};
const TOO_SLOW: Refusal =
    Refusal { kind: RefusalKind::Tls, reason: "it has not shown all it has to within handshake_timeout" };

/// Takes in a connection that has been let in by the gate.
pub(super) fn admit(state: &mut State, descriptor: OwnedFd, listener: u16) {
    let seen = peer_address(&descriptor);
    let door = &state.doors[usize::from(listener)];
    if !door.trusts(seen) {
        state.leave_gates(listener);
        return note_refusal(state, seen.map(field::display), listener, UNTRUSTED);
    }
    let deadline = state.now + door.handshake_timeout;
    let mut socket = Socket::new(descriptor, true, listener);
    socket.passage = Some(Box::new(door.passage(seen)));
    match state.sockets.insert(socket) {
        Some(connection) => {
            state.handshakes.push(Reverse((deadline, connection)));
            state.arm(connection);
        }
        None => state.leave_gates(listener),
    }
}

/// Whether a connection's bytes have to wait for another turn, because the handshakes of this one have had their share.
pub(super) fn must_wait(state: &mut State, connection: ConnectionId) -> bool {
    state.steps >= STEPS_PER_TURN && state.sockets.socket(connection).is_some_and(is_shaking)
}

fn is_shaking(socket: &mut Socket) -> bool {
    socket.passage.as_ref().is_some_and(|passage| passage.stage != Stage::Open)
}

/// Takes received bytes through the filters.
pub(super) fn receive(state: &mut State, connection: ConnectionId, completion: Completion) {
    let State { sockets, doors, ring, counters, steps, opened, .. } = state;
    let bytes = ring.bytes_mut(&completion);
    counters.received_bytes_total += bytes.len() as u64;
    let Some(socket) = sockets.socket(connection) else { return ring.recycle(completion) };
    let Some(passage) = &mut socket.passage else { return ring.recycle(completion) };
    let door = &mut doors[usize::from(socket.listener)];
    if passage.stage == Stage::Silent && !(door.has_room() && door.queue.is_empty()) {
        passage.stage = Stage::Queued;
        socket.held.extend_from_slice(bytes);
        door.queue.push_back(connection);
        return ring.recycle(completion);
    }
    if passage.stage == Stage::Silent {
        passage.stage = Stage::Shaking;
        door.shaking += 1;
    }
    *steps += u32::from(passage.stage == Stage::Shaking);
    let mut begun = mem::take(opened);
    let passed = passage.transport.receive(bytes, &mut begun, &mut passage.replies);
    if let Some(opened) = go_on(state, connection, passed) {
        hand_over(state, connection, begun);
        state.receive_opened(connection, &completion, opened);
        mind_end(state, connection);
    }
    state.ring.recycle(completion);
}

/// Lets those in that wait for a handshake of theirs, as far as there is room and this turn has time.
pub(super) fn admit_queued(state: &mut State) {
    for listener in 0..state.doors.len() {
        while state.doors[listener].has_room() && state.steps < STEPS_PER_TURN {
            let Some(connection) = state.doors[listener].queue.pop_front() else { break };
            let Some(socket) = state.sockets.socket(connection) else { continue };
            let mut held = mem::take(&mut socket.held);
            let Some(passage) = socket.passage.as_mut().filter(|_| socket.leaving == Leaving::No) else { continue };
            passage.stage = Stage::Shaking;
            state.doors[listener].shaking += 1;
            state.steps += 1;
            let mut opened = Vec::new();
            let passed = passage.transport.receive(&mut held, &mut opened, &mut passage.replies);
            if let Some(others) = go_on(state, connection, passed) {
                opened.extend_from_slice(&held[others]);
                hand_over(state, connection, opened);
                mind_end(state, connection);
            }
            state.settle(connection);
            state.arm(connection);
        }
    }
}

/// Whether somebody waits who could be let in now.
pub(super) fn has_queued(state: &State) -> bool {
    state.doors.iter().any(|door| door.has_room() && !door.queue.is_empty())
}

/// Refuses those that have taken too long.
pub(super) fn end_slow(state: &mut State) {
    while let Some(&Reverse((deadline, connection))) = state.handshakes.peek() {
        if deadline > state.now {
            return;
        }
        state.handshakes.pop();
        if state.sockets.socket(connection).is_some_and(|socket| socket.is_staying() && is_shaking(socket)) {
            state.counters.handshake_timeouts_total += 1;
            refuse(state, connection, TOO_SLOW);
        }
    }
}

/// What follows from bytes that have been through the filters; answers those the shard may have.
fn go_on(state: &mut State, connection: ConnectionId, passed: Result<Range<usize>, Refusal>) -> Option<Range<usize>> {
    let socket = state.sockets.socket(connection)?;
    let passage = socket.passage.as_mut()?;
    if !passage.replies.is_empty() {
        state.dirty.push(connection);
    }
    let opened = match passed {
        Ok(opened) => opened,
        Err(refusal) => {
            refuse(state, connection, refusal);
            return None;
        }
    };
    if !passage.is_counted {
        if let Some(address) = passage.transport.proxied() {
            passage.is_counted = true;
            let quota = &state.doors[usize::from(socket.listener)].quota;
            if quota.newcomers(&state.newcomers).are_too_many(state.now, address) {
                state.counters.over_address_rate_total += 1;
                state.closed(connection);
                return None;
            }
        }
    }
    if passage.stage == Stage::Shaking && passage.transport.is_open() && socket.is_staying() {
        introduce(state, connection);
    }
    Some(opened)
}

/// A peer that has said that nothing more comes is at its end once all before that is read.
fn mind_end(state: &mut State, connection: ConnectionId) {
    let Some(socket) = state.sockets.socket(connection) else { return };
    let has_ended = socket.passage.as_ref().is_some_and(|passage| passage.transport.has_ended());
    if !has_ended || !socket.is_staying() {
        return;
    }
    if socket.is_paused || socket.holds() {
        socket.has_ended = true;
    } else if !socket.has_ended {
        state.end(connection);
    }
}

/// The filters are content: the shard hears of the connection, and of where and who the client is.
fn introduce(state: &mut State, connection: ConnectionId) {
    let Some(socket) = state.sockets.socket(connection) else { return };
    let Some(passage) = &mut socket.passage else { return };
    passage.stage = Stage::Open;
    let origin = Origin {
        address: passage.transport.address(passage.seen),
        listener: socket.listener,
        identity: passage.transport.identity().map(Box::from),
    };
    socket.origin = Some(Box::new(origin.clone()));
    if passage.transport.is_transparent() {
        socket.passage = None;
    }
    state.doors[usize::from(origin.listener)].shaking -= 1;
    state.counters.handshakes_total += 1;
    state.tell(Event::Opened { connection, origin, admitted: true });
    state.apply_effects();
}

/// Opened bytes go the way of all received ones.
fn hand_over(state: &mut State, connection: ConnectionId, opened: Vec<u8>) {
    let Some(socket) = state.sockets.socket(connection).filter(|_| !opened.is_empty()) else {
        return state.keep_opened(opened);
    };
    if socket.admits(&opened) {
        state.receive_held(connection, opened);
        state.apply_effects();
    }
}

/// Ends a connection that a filter does not let pass, once the peer has been told why.
fn refuse(state: &mut State, connection: ConnectionId, refusal: Refusal) {
    let Some(socket) = state.sockets.socket(connection) else { return };
    let Some(passage) = socket.passage.as_mut() else { return };
    let last_words = mem::take(&mut passage.replies);
    let (address, listener) = (passage.transport.address(passage.seen).map(field::display), socket.listener);
    // Behind a send that is under way they would not make sense.
    if socket.sending.is_none() {
        send_at_once(&socket.descriptor, &last_words);
    }
    passage.has_said_goodbye = true;
    note_refusal(state, address, listener, refusal);
    state.closed(connection);
}

fn note_refusal(state: &mut State, address: Option<impl tracing::Value>, listener: u16, refusal: Refusal) {
    match refusal.kind {
        RefusalKind::ProxyHeader => state.counters.proxies_refused_total += 1,
        RefusalKind::Tls => state.counters.handshakes_refused_total += 1,
    }
    let reason = refusal.reason;
    match state.hush.may_speak(state.now) {
        Some(silenced) => warn!(listener, address, reason, silenced, "refused"),
        None => debug!(listener, address, reason, "refused"),
    }
}

/// Bytes that end a connection: they go now or never.
fn send_at_once(descriptor: &OwnedFd, bytes: &[u8]) {
    if !bytes.is_empty() {
        // A full socket means a peer that does not read, one that is gone needs no words.
        let _ = SockRef::from(descriptor).send_with_flags(bytes, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    }
}

/// Says goodbye for a socket that is about to be closed.
pub(super) fn say_goodbye(descriptor: &OwnedFd, passage: &mut Passage) {
    if passage.stage == Stage::Open && !mem::replace(&mut passage.has_said_goodbye, true) {
        let mut goodbye = Vec::new();
        passage.transport.finish(&mut goodbye);
        send_at_once(descriptor, &goodbye);
    }
}

/// Starts a send of what the filters and the shard have to say, unless this turn has had its share of that; nothing of this
/// connection is being sent.
pub(super) fn flush(state: &mut State, connection: ConnectionId) {
    if state.filtered_bytes >= BYTES_PER_TURN {
        return state.dirty.push(connection);
    }
    let Some(socket) = state.sockets.socket(connection) else { return };
    let Some(passage) = &mut socket.passage else { return };
    let mut sending = Chunk::default();
    if passage.stage == Stage::Open {
        if matches!(passage.out, Out::Nothing) {
            match state.shard.take_output(connection) {
                Some(chunk) if chunk.as_single().is_some() && chunk.len() <= WHOLE_BYTES_MAX => {
                    sending = chunk;
                    passage.out = Out::Whole;
                }
                Some(chunk) => passage.out = Out::InPieces(chunk, 0),
                None if socket.is_finishing && !passage.has_said_goodbye => {
                    passage.has_said_goodbye = true;
                    passage.transport.finish(&mut passage.replies);
                }
                None => {}
            }
        }
        if let Out::InPieces(chunk, done) = &mut passage.out {
            sending = Chunk::from(copy_piece(chunk, done, state.spare.pop().unwrap_or_default()));
        }
    }
    if sending.is_empty() {
        sending = Chunk::from(mem::take(&mut passage.replies));
    } else {
        // What cannot be taken through the filters must not leave.
        let bytes = sending.as_single_mut().expect("only such a chunk is taken whole, and a copy is one");
        if let Err(refusal) = passage.transport.send(&mut passage.replies, bytes) {
            return refuse(state, connection, refusal);
        }
    }
    if !sending.is_empty() {
        state.filtered_bytes += sending.len();
        state.counters.sent_bytes_total += sending.len() as u64;
        socket.sending = Some(state.ring.send(socket.number(), tag(Operation::Send, connection), sending));
        return;
    }
    if socket.is_finishing && !socket.is_half_closed {
        socket.is_half_closed = true;
        // An error means that the connection is gone already, which the receive finds out.
        let _ = SockRef::from(&socket.descriptor).shutdown(Shutdown::Write);
    }
}

/// Copies the next piece of a chunk.
fn copy_piece(chunk: &Chunk, done: &mut usize, mut into: Vec<u8>) -> Vec<u8> {
    let mut skipped = *done;
    let mut room = PIECE_BYTES_MAX;
    for slice in chunk.slices() {
        let rest = slice.get(skipped..).unwrap_or_default();
        skipped = skipped.saturating_sub(slice.len());
        let piece = &rest[..rest.len().min(room)];
        append(&mut into, piece);
        room -= piece.len();
    }
    *done += into.len();
    into
}

/// Takes a send back that has left; answers the shard's chunk if all of that has.
pub(super) fn sent(state: &mut State, connection: ConnectionId, sent: Chunk) -> Option<Chunk> {
    state.dirty.push(connection);
    let passage = state.sockets.socket(connection)?.passage.as_mut()?;
    let (chunk, copy) = match mem::replace(&mut passage.out, Out::Nothing) {
        Out::Whole => return Some(sent),
        Out::InPieces(chunk, done) if done < chunk.len() => {
            passage.out = Out::InPieces(chunk, done);
            (None, sent)
        }
        Out::InPieces(chunk, _) => (Some(chunk), sent),
        Out::Nothing => (None, sent),
    };
    let copy = copy.into_bytes();
    if state.spare.len() < SPARE_MAX && copy.capacity() <= SPARE_BYTES_MAX {
        state.spare.push(copy);
    }
    chunk
}
