//! What one core's driver works on, shared by the parts of its turn.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::OwnedFd;

use socket2::SockRef;

use super::filter::say_goodbye;
use crate::auth::Refusal;
use crate::limits::Limits;
use crate::runtime::control::{Gate, RuntimeCounters};
use crate::runtime::memory::Memory;
use crate::runtime::newcomers::Newcomers;
use crate::runtime::passage::{Door, Hush, Passage, Stage};
use crate::runtime::ring::{Completion, Operation, Ring};
use crate::runtime::socket::{tag, Leaving, Socket, Sockets};
use crate::runtime::workers::Jobs;
use crate::shard::{ConnectionId, Effect, Event, Origin, Pressure, Shard, ShardId};
use crate::time::Time;

/// A larger buffer is not kept for what is opened next: so much has once waited for its turn.
const OPENED_BYTES_MAX: usize = 64 * 1024;

/// A socket on its way to another core.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) descriptor: OwnedFd,
    pub(crate) is_admitted: bool,
    pub(crate) listener: u16,
    pub(crate) passage: Option<Box<Passage>>,
    pub(crate) origin: Option<Box<Origin>>,
    /// What its new shard receives first.
    pub(crate) unread: Vec<u8>,
}

/// A receive completion that waits for a later turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) completion: Completion,
    /// Bytes of it that have been handled.
    pub(super) done: usize,
}

/// What all cores have in common.
pub(super) struct Commons {
    pub(super) gate: Gate,
    pub(super) newcomers: Newcomers,
    pub(super) jobs: Jobs,
    pub(super) memory: Memory,
}

/// One core's shard, its ring, its sockets, and the lists of one turn.
pub(super) struct State {
    pub(super) shard: Shard,
    pub(super) ring: Ring,
    pub(super) sockets: Sockets,
    pub(super) gate: Gate,
    pub(super) newcomers: Newcomers,
    pub(super) limits: Limits,
    pub(super) counters: RuntimeCounters,
    /// Read once per turn.
    pub(super) now: Time,
    /// Counts turns; wraps.
    pub(super) turn: u32,
    /// A peer does not keep up: no socket is read and nothing new is written until it does.
    pub(super) is_held: bool,
    /// Sockets there to be refused.
    pub(super) refused_now: usize,
    /// Connections whose outbox is looked at when the turn ends.
    pub(super) dirty: Vec<ConnectionId>,
    /// The last turn that more receive buffers were added in: doubling them once is answer enough to all who found none.
    pub(super) widened: u32,
    /// Connections that found no receive buffer.
    pub(super) starved: Vec<ConnectionId>,
    /// Connections whose held bytes may be delivered.
    pub(super) resumed: Vec<ConnectionId>,
    /// Receive completions of an earlier turn, those of one connection in their order.
    pub(super) waiting: VecDeque<Waiting>,
    /// Connections whose peer sends nothing more but is still owed something, and when to stop caring.
    pub(super) ended: VecDeque<(Time, ConnectionId)>,
    /// What each listener asks for, by its number.
    pub(super) doors: Vec<Door>,
    /// When those that are being shown what they have to show must be through; some may be already.
    pub(super) handshakes: BinaryHeap<Reverse<(Time, ConnectionId)>>,
    /// Steps of handshakes in this turn.
    pub(super) steps: u32,
    /// Bytes sent through filters in this turn.
    pub(super) filtered_bytes: usize,
    pub(super) hush: Hush,
    /// Buffers for what has been through filters.
    pub(super) spare: Vec<Vec<u8>>,
    /// Where records are put together that came in pieces: used again and again, since memory that has just been used is
    /// fast.
    pub(super) opened: Vec<u8>,
    /// Sockets that leave for another core when the turn ends.
    pub(super) departures: Vec<(ShardId, Moved)>,
    /// Connections whose credentials nobody has room to check.
    pub(super) unjudged: Vec<ConnectionId>,
    /// What the process holds, and what the shard has been told of it.
    pub(super) memory: Memory,
    pub(super) pressure: Pressure,
    /// What has been found out about what clients have shown.
    pub(super) weighed: Vec<(ConnectionId, Result<(), Refusal>)>,
    jobs: Jobs,
    effects: Vec<Effect>,
}

impl State {
    pub(super) fn new(shard: Shard, ring: Ring, limits: Limits, doors: Vec<Door>, commons: Commons) -> State {
        let Commons { gate, newcomers, jobs, memory } = commons;
        State {
            shard,
            ring,
            sockets: Sockets::default(),
            gate,
            newcomers,
            limits,
            counters: RuntimeCounters::default(),
            now: Time::START,
            turn: 0,
            is_held: false,
            refused_now: 0,
            dirty: Vec::new(),
            widened: 0,
            starved: Vec::new(),
            resumed: Vec::new(),
            waiting: VecDeque::new(),
            ended: VecDeque::new(),
            doors,
            handshakes: BinaryHeap::new(),
            steps: 0,
            filtered_bytes: 0,
            hush: Hush::default(),
            spare: Vec::new(),
            opened: Vec::new(),
            departures: Vec::new(),
            unjudged: Vec::new(),
            memory,
            pressure: Pressure::None,
            weighed: Vec::new(),
            jobs,
            effects: Vec::new(),
        }
    }

    /// Gives the shard bytes that are its in any case. What it leaves waits at the socket.
    pub(super) fn receive_held(&mut self, connection: ConnectionId, mut bytes: Vec<u8>) {
        let left = self.shard.handle(self.now, Event::Received { connection, bytes: &bytes });
        let Some(socket) = self.sockets.socket(connection) else { return };
        socket.is_cut = left.is_some();
        if let Some(left) = left {
            bytes.drain(..bytes.len() - left);
            socket.held = bytes;
            self.resumed.push(connection);
        } else {
            self.keep_opened(bytes);
        }
    }

    /// Gives the shard what lies opened in the buffer of a receive. What it leaves waits at the socket.
    pub(super) fn receive_opened(&mut self, connection: ConnectionId, completion: &Completion, opened: Range<usize>) {
        let State { shard, ring, sockets, resumed, now, .. } = self;
        let bytes = &ring.bytes(completion)[opened];
        let Some(socket) = sockets.socket(connection).filter(|_| !bytes.is_empty()) else { return };
        if !socket.admits(bytes) {
            return;
        }
        if let Some(left) = shard.handle(*now, Event::Received { connection, bytes }) {
            socket.is_cut = true;
            socket.held.extend_from_slice(&bytes[bytes.len() - left..]);
            resumed.push(connection);
        }
        self.apply_effects();
    }

    /// Takes back what opened bytes were in, for the next.
    pub(super) fn keep_opened(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= OPENED_BYTES_MAX {
            bytes.clear();
            self.opened = bytes;
        }
    }

    /// Tells the shard when memory gets short, or is not short any more. Asked after each event: one may take much.
    pub(super) fn mind_memory(&mut self) {
        let pressure = self.memory.look(self.now);
        if pressure != self.pressure {
            self.pressure = pressure;
            self.tell(Event::Pressed { pressure });
        }
    }

    /// Tells the shard something.
    pub(super) fn tell(&mut self, event: Event<'_>) {
        let left = self.shard.handle(self.now, event);
        debug_assert!(left.is_none(), "only received bytes are cut, and they are given in other ways");
    }

    /// Carries out what the shard wants. None of it tells the shard anything, so it ends.
    pub(super) fn apply_effects(&mut self) {
        let mut effects = mem::take(&mut self.effects);
        self.shard.take_effects(&mut effects);
        for effect in effects.drain(..) {
            self.apply(effect);
        }
        self.effects = effects;
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Established { connection } => self.sockets.establish(connection),
            Effect::Judge { connection, credentials } => {
                if !self.jobs.try_add(connection, credentials) {
                    self.unjudged.push(connection);
                }
            }
            Effect::Weigh { connection, attempt } => {
                self.weighed.push((connection, self.jobs.weigh(&attempt, self.now)));
            }
            Effect::Reread { connection, mut unread } => {
                if let Some(socket) = self.sockets.socket(connection) {
                    unread.append(&mut socket.held);
                    socket.held = unread;
                    socket.is_paused = false;
                    self.resumed.push(connection);
                }
            }
            Effect::Land { connection } => self.land(connection),
            Effect::Pause { connection } => self.pause(connection),
            Effect::Resume { connection } => {
                if let Some(socket) = self.sockets.socket(connection) {
                    socket.is_paused = false;
                    self.resumed.push(connection);
                }
            }
            Effect::Finish { connection } => {
                if let Some(socket) = self.sockets.socket(connection) {
                    // From here on bytes are only read to see the end of them.
                    socket.is_finishing = true;
                    socket.is_paused = false;
                    socket.held = Vec::new();
                    socket.is_cut = false;
                    self.dirty.push(connection);
                    self.resumed.push(connection);
                }
            }
            Effect::Close { connection } => self.leave(connection, Leaving::Close),
            Effect::Move { connection, to, unread } => {
                if let Some(socket) = self.sockets.socket(connection) {
                    socket.held = unread;
                }
                self.leave(connection, Leaving::Move(to));
            }
        }
    }

    fn pause(&mut self, connection: ConnectionId) {
        let Some(socket) = self.sockets.socket(connection).filter(|socket| socket.is_staying()) else { return };
        socket.is_paused = true;
        if let Some(operation) = socket.receiving {
            socket.cancelling += 1;
            self.ring.cancel(tag(operation, connection), tag(Operation::Cancel, connection));
        }
    }

    /// The next receive is to go into a landing, unless what comes has to be opened first. One that goes on by itself is
    /// ended for it; what that still brings is taken as ever.
    fn land(&mut self, connection: ConnectionId) {
        let wants = |socket: &&mut Socket| socket.is_staying() && socket.passage.is_none();
        let Some(socket) = self.sockets.socket(connection).filter(wants) else { return };
        let was_bulk = mem::replace(&mut socket.is_bulk, true);
        if let (false, Some(operation @ Operation::ReceiveMany)) = (was_bulk, socket.receiving) {
            socket.cancelling += 1;
            self.ring.cancel(tag(operation, connection), tag(Operation::Cancel, connection));
        }
    }

    /// Keeps a receive in flight for a socket that should have one.
    pub(super) fn arm(&mut self, connection: ConnectionId) {
        let Some(socket) = self.sockets.socket(connection).filter(|socket| socket.wants_receive()) else { return };
        let landing = if socket.is_bulk { self.shard.take_landing(connection) } else { None };
        let operation = match &landing {
            Some(_) => Operation::ReceiveInto,
            None if socket.is_finishing => Operation::ReceiveMany,
            None if socket.is_bulk || socket.is_silent() => Operation::ReceiveHead,
            None if socket.is_established => Operation::ReceiveMany,
            None => Operation::ReceiveOnce,
        };
        socket.receiving = Some(operation);
        match landing {
            Some(landing) => self.ring.receive_into(socket.number(), tag(operation, connection), landing),
            None => self.ring.receive(socket.number(), tag(operation, connection)),
        }
    }

    /// The peer sends nothing more. It may still be reading, so it gets the answers to what it has sent, if it takes
    /// them in time; then it is gone.
    pub(super) fn end(&mut self, connection: ConnectionId) {
        let Some(socket) = self.sockets.socket(connection).filter(|socket| socket.is_staying()) else { return };
        if socket.is_broken || !self.shard.owes(connection) {
            return self.closed(connection);
        }
        socket.has_ended = true;
        self.ended.push_back((self.now + self.limits.linger_timeout, connection));
    }

    /// Frees what only waits to be used again.
    pub(super) fn give_back(&mut self) {
        self.shard.give_back(self.now);
        self.ring.give_back();
        self.sockets.give_back();
        self.spare = Vec::new();
        self.effects.shrink_to_fit();
        self.dirty.shrink_to_fit();
        self.starved.shrink_to_fit();
        self.resumed.shrink_to_fit();
        self.waiting.shrink_to_fit();
        self.ended.shrink_to_fit();
        self.handshakes.shrink_to_fit();
        self.departures.shrink_to_fit();
    }

    /// Closes the connections that have not taken their answers in time.
    pub(super) fn close_ended(&mut self) {
        while let Some(&(_, connection)) = self.ended.front().filter(|(deadline, _)| *deadline <= self.now) {
            self.ended.pop_front();
            if self.sockets.socket(connection).is_some_and(|socket| socket.is_staying()) {
                self.closed(connection);
            }
        }
    }

    /// The peer is gone: the shard hears of it and the socket is closed.
    pub(super) fn closed(&mut self, connection: ConnectionId) {
        self.tell(Event::Closed { connection });
        self.leave(connection, Leaving::Close);
        self.apply_effects();
    }

    /// The shard knows the connection no more; the socket goes when nothing is in flight.
    fn leave(&mut self, connection: ConnectionId, leaving: Leaving) {
        let Some(socket) = self.sockets.socket(connection).filter(|socket| socket.is_staying()) else { return };
        socket.leaving = leaving;
        let is_armed = socket.receiving.is_some() || (leaving == Leaving::Close && socket.sending.is_some());
        if is_armed {
            socket.cancelling += 1;
            let cancel = tag(Operation::Cancel, connection);
            match (leaving, socket.receiving) {
                // What is being sent is sent to its end first.
                (Leaving::Move(_), Some(operation)) => self.ring.cancel(tag(operation, connection), cancel),
                (Leaving::No | Leaving::Close | Leaving::Move(_), _) => self.ring.cancel_all(socket.number(), cancel),
            }
        }
        self.settle(connection);
    }

    /// Lets a leaving socket go if nothing of it is in flight.
    pub(super) fn settle(&mut self, connection: ConnectionId) {
        let Some(socket) = self.sockets.socket(connection) else { return };
        if socket.is_staying() || socket.is_in_flight() || (socket.waiting > 0 && socket.leaving != Leaving::Close) {
            return;
        }
        let Some(socket) = self.sockets.remove(connection) else { return };
        let Socket { descriptor, is_admitted, is_broken, leaving, held, listener, mut passage, origin, .. } = socket;
        self.refused_now -= usize::from(!is_admitted);
        if passage.as_ref().is_some_and(|passage| passage.stage == Stage::Shaking) {
            self.doors[usize::from(listener)].shaking -= 1;
        }
        match leaving {
            Leaving::Move(to) => {
                let moved = Moved { descriptor, is_admitted, listener, passage, origin, unread: held };
                self.departures.push((to, moved));
            }
            Leaving::No | Leaving::Close => {
                if let Some(passage) = passage.as_mut().filter(|_| !is_broken) {
                    say_goodbye(&descriptor, passage);
                }
                if is_admitted {
                    self.leave_gates(listener);
                }
            }
        }
    }

    /// Counts a connection to a listener, unless there are as many as there may be, of all or of that listener.
    pub(super) fn try_enter(&mut self, listener: u16) -> bool {
        if !self.gate.try_enter(self.limits.connections_max) {
            self.counters.over_limit_total += 1;
            return false;
        }
        let is_admitted = self.doors[usize::from(listener)].quota.try_enter();
        if !is_admitted {
            self.gate.leave();
            self.counters.over_listener_limit_total += 1;
        }
        is_admitted
    }

    /// A connection that was counted has gone.
    pub(super) fn leave_gates(&mut self, listener: u16) {
        self.gate.leave();
        self.doors[usize::from(listener)].quota.leave();
    }

    /// Takes a socket in and tells the shard; nothing if there is no slot for it.
    pub(super) fn open(&mut self, socket: Socket) -> Option<ConnectionId> {
        let (is_admitted, listener) = (socket.is_admitted, socket.listener);
        let address = || peer_address(&socket.descriptor);
        let origin = match &socket.origin {
            Some(origin) => Origin::clone(origin),
            None => Origin { address: address(), listener, identity: None },
        };
        let connection = self.sockets.insert(socket);
        match connection {
            Some(_) => self.refused_now += usize::from(!is_admitted),
            None if is_admitted => self.leave_gates(listener),
            None => {}
        }
        let connection = connection?;
        self.tell(Event::Opened { connection, origin, admitted: is_admitted });
        Some(connection)
    }
}

/// The address a socket is connected to, if that is one of the internet.
pub(super) fn peer_address(descriptor: &OwnedFd) -> Option<SocketAddr> {
    SockRef::from(descriptor).peer_addr().ok()?.as_socket()
}
