//! New connections: from the listeners, and from other cores.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use tracing::warn;

use super::state::{Moved, State, REFUSED_CONNECTIONS_MAX};
use crate::runtime::ring::{Completion, Operation, Tag};
use crate::time::Time;

/// How long accepting rests after an error such as too many open files: clients wait in the kernel's queue meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At most one warning in this time.
const WARNING_PAUSE: Duration = Duration::from_secs(10);

/// One listener of this core.
#[derive(Debug)]
struct Acceptor {
    /// Nothing once it is closed.
    listener: Option<TcpListener>,
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
}

impl Acceptors {
    pub(super) fn new(listeners: Vec<TcpListener>) -> Acceptors {
        let acceptors = listeners
            .into_iter()
            .map(|listener| Acceptor { listener: Some(listener), is_armed: false, resume_at: None })
            .collect();
        Acceptors { acceptors, is_closing: false, warned_at: None }
    }

    /// Accepts on every listener that does not and should.
    pub(super) fn arm(&mut self, state: &mut State) {
        for (acceptor, index) in self.acceptors.iter_mut().zip(0..) {
            let rests = acceptor.resume_at.is_some_and(|time| time > state.now);
            if acceptor.is_armed || rests {
                continue;
            }
            if let Some(listener) = &acceptor.listener {
                acceptor.is_armed = true;
                acceptor.resume_at = None;
                state.ring.accept(listener.as_raw_fd(), accept_tag(index));
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
            Ok(descriptor) => admit(state, descriptor),
            Err(libc::ECANCELED | libc::EINTR | libc::EAGAIN) => {}
            // The client has given up already.
            Err(libc::ECONNABORTED) => state.counters.accept_errors_total += 1,
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
                acceptor.listener = None;
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
    let Moved { descriptor, is_admitted, unread } = moved;
    let Some(connection) = state.open(descriptor, is_admitted) else { return };
    state.counters.adopted_total += 1;
    state.receive_held(connection, unread);
    state.apply_effects();
    state.arm(connection);
}

fn admit(state: &mut State, descriptor: OwnedFd) {
    state.counters.accepted_total += 1;
    let is_admitted = state.gate.try_enter(state.limits.connections_max);
    if !is_admitted {
        state.counters.over_limit_total += 1;
        if state.refused_now >= REFUSED_CONNECTIONS_MAX {
            return;
        }
    }
    let Some(connection) = state.open(descriptor, is_admitted) else { return };
    state.apply_effects();
    state.arm(connection);
}

fn accept_tag(index: u32) -> Tag {
    Tag { operation: Operation::Accept, index, generation: 0 }
}
