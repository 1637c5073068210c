//! New connections: from the listeners, and from other cores.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use tracing::warn;

use super::filter;
use super::state::{peer_address, Moved, State};
use crate::runtime::boot::REFUSED_CONNECTIONS_MAX;
use crate::runtime::listener::Bound;
use crate::runtime::ring::{Completion, Operation, Tag};
use crate::runtime::socket::Socket;
use crate::time::Time;

/// How long accepting rests after an error such as too many open files: clients wait in the kernel's queue meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At most one warning in this time.
const WARNING_PAUSE: Duration = Duration::from_secs(10);

/// One listener of this core.
#[derive(Debug)]
struct Acceptor {
    /// Nothing once it is closed.
    socket: Option<OwnedFd>,
    /// Its number.
    listener: u16,
    is_armed: bool,
    /// When to go on after an error.
    resume_at: Option<Time>,
}

/// The listeners of this core.
#[derive(Debug)]
pub(super) struct Acceptors {
    acceptors: Vec<Acceptor>,
    is_closing: bool,
    warned_at: Option<Time>,
    /// A descriptor kept for when there is none left: given up, it lets a client be accepted, to be closed at once instead of
    /// left waiting for nothing.
    spare: Option<OwnedFd>,
    /// It has been given up.
    is_in_want: bool,
}

impl Acceptors {
    pub(super) fn new(bound: Vec<Bound>) -> Acceptors {
        let acceptors = bound
            .into_iter()
            .map(|Bound { descriptor, listener }| Acceptor {
                socket: Some(descriptor),
                listener,
                is_armed: false,
                resume_at: None,
            })
            .collect();
        Acceptors { acceptors, is_closing: false, warned_at: None, spare: spare(), is_in_want: false }
    }

    /// Accepts on every listener that does not and should.
    pub(super) fn arm(&mut self, state: &mut State) {
        for (acceptor, index) in self.acceptors.iter_mut().zip(0..) {
            let rests = acceptor.resume_at.is_some_and(|time| time > state.now);
            if acceptor.is_armed || rests {
                continue;
            }
            if let Some(socket) = &acceptor.socket {
                acceptor.is_armed = true;
                acceptor.resume_at = None;
                state.ring.accept(socket.as_raw_fd(), accept_tag(index));
            }
        }
    }

    /// When a resting listener wants to go on.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.acceptors.iter().filter_map(|acceptor| acceptor.resume_at).min()
    }

    /// Takes what a listener has brought.
    pub(super) fn on_accepted(&mut self, state: &mut State, completion: Completion) {
        let acceptor = &mut self.acceptors[completion.tag().index as usize];
        if !completion.is_going_on() {
            acceptor.is_armed = false;
        }
        match completion.into_accepted() {
            // Came while the listener was being closed.
            Ok(_) if self.is_closing => {}
            Ok(descriptor) if self.is_in_want => {
                drop(descriptor);
                state.counters.over_files_total += 1;
                (self.spare, self.is_in_want) = (spare(), false);
            }
            Ok(descriptor) => admit(state, descriptor, acceptor.listener),
            Err(libc::ECANCELED | libc::EINTR | libc::EAGAIN) => {}
            // The client has given up already.
            Err(libc::ECONNABORTED) => state.counters.accept_errors_total += 1,
            Err(error @ (libc::EMFILE | libc::ENFILE)) if self.spare.take().is_some() => {
                self.is_in_want = true;
                state.counters.accept_errors_total += 1;
                self.warn(state.now, error);
            }
            Err(error) => {
                state.counters.accept_errors_total += 1;
                acceptor.resume_at = Some(state.now + ACCEPT_PAUSE);
                self.warn(state.now, error);
            }
        }
        if self.is_closing {
            self.close_idle();
        } else {
            self.arm(state);
        }
    }

    /// Stops listening. A listener is closed when its accept has ended.
    pub(super) fn close(&mut self, state: &mut State) {
        self.is_closing = true;
        for (acceptor, index) in self.acceptors.iter().zip(0..) {
            if acceptor.is_armed {
                let cancel = Tag { operation: Operation::CancelAccept, index, generation: 0 };
                state.ring.cancel(accept_tag(index), cancel);
            }
        }
        self.close_idle();
    }

    fn close_idle(&mut self) {
        for acceptor in &mut self.acceptors {
            acceptor.resume_at = None;
            if !acceptor.is_armed {
                acceptor.socket = None;
            }
        }
    }

    fn warn(&mut self, now: Time, error: i32) {
        if self.warned_at.is_some_and(|last| now.since(last) < WARNING_PAUSE) {
            return;
        }
        self.warned_at = Some(now);
        let error = io::Error::from_raw_os_error(error);
        warn!(%error, "cannot accept connections for now; raise the limit of open files if that is it");
    }
}

/// Takes a socket in that another core has sent here.
pub(super) fn adopt(state: &mut State, moved: Moved) {
    let Moved { descriptor, is_admitted, listener, passage, origin, unread } = moved;
    let mut socket = Socket::new(descriptor, is_admitted, listener);
    let has_replies = passage.as_ref().is_some_and(|passage| !passage.replies.is_empty());
    (socket.passage, socket.origin) = (passage, origin);
    let Some(connection) = state.open(socket) else { return };
    if has_replies {
        state.dirty.push(connection);
    }
    state.counters.adopted_total += 1;
    state.receive_held(connection, unread);
    state.apply_effects();
    state.arm(connection);
}

fn admit(state: &mut State, descriptor: OwnedFd, listener: u16) {
    state.counters.accepted_total += 1;
    let door = &state.doors[usize::from(listener)];
    let is_plain = door.is_plain();
    // Whom a proxy speaks for is not known yet.
    let newcomers = door.quota.newcomers(&state.newcomers);
    if newcomers.are_limited() && !door.is_proxied() && newcomers.are_too_many(state.now, peer_address(&descriptor)) {
        // To say why would be work, too.
        state.counters.over_address_rate_total += 1;
        return;
    }
    let is_admitted = state.try_enter(listener);
    if !is_admitted {
        // To tell the others why would take a handshake.
        if !is_plain || state.refused_now >= REFUSED_CONNECTIONS_MAX {
            return;
        }
    }
    if !is_plain {
        return filter::admit(state, descriptor, listener);
    }
    let Some(connection) = state.open(Socket::new(descriptor, is_admitted, listener)) else { return };
    state.apply_effects();
    state.arm(connection);
}

/// Any descriptor will do.
fn spare() -> Option<OwnedFd> {
    File::open("/dev/null").ok().map(OwnedFd::from)
}

fn accept_tag(index: u32) -> Tag {
    Tag { operation: Operation::Accept, index, generation: 0 }
}
