//! The simulated world: another driver of the shards. Sockets are byte pipes, mail is a list, the clock is a number, and
//! a seeded scheduler chooses what happens next. No threads, no real time.
//!
//! Whatever may be late in the real world is an action the scheduler may put off: reading a socket (any number of
//! bytes, into a landing or not), a client taking what was written for it, mail between two shards (in order), a socket
//! on its way to another shard, the end of a turn. Some pairs of shards are chosen by the seed to be slow.

mod core;
mod effects;
mod options;

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use corecast::connection::Chunk;
use corecast::message::Landing;
use corecast::shard::{ConnectionId, Effect, Event, Mail, Origin, Shard};
use corecast::time::Time;

use crate::rng::Rng;

use self::core::{shard_id, Core, Seat};
use self::effects::Judging;
pub(crate) use self::options::{narrow_limits, Options};

/// Actions without the clock moving after which a world is taken to be in an endless loop.
const STEPS_MAX: usize = 5_000_000;

/// A client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketId(usize);

/// Some shards and all that is between them and their clients.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    options: Options,
    cores: Vec<Core>,
    sockets: Vec<Socket>,
    /// Sockets that have not been forgotten by both ends.
    live: Vec<usize>,
    /// Mail on its way, by sender and receiver.
    mail: Vec<VecDeque<Mail>>,
    /// Whether a pair of shards is slow.
    slow: Vec<bool>,
    moving: Vec<Moving>,
    judging: Vec<Judging>,
    enabled: Vec<Action>,
    effects: Vec<Effect>,
    /// Bytes that were received into landings.
    pub(crate) landed_bytes: usize,
}

#[derive(Default)]
struct Socket {
    /// Where the server's end is; nowhere while it moves and once it is forgotten.
    at: Option<(usize, ConnectionId)>,
    moving: bool,
    admitted: bool,
    to_server: VecDeque<u8>,
    to_client: Vec<u8>,
    /// What is being written, flat, and how much of it the client has.
    out: Option<(Chunk, Vec<u8>, usize)>,
    paused: bool,
    /// The shard has left some of the last bytes for the next turn, be it none.
    cut: bool,
    /// The shard has said that bytes may go into a landing.
    may_land: bool,
    /// What is being received into.
    landing: Option<Landing>,
    finishing: bool,
    /// The client sees the end of the stream behind what it has.
    ended: bool,
    /// The client has closed its end.
    left: bool,
    /// It did so without caring for what was under way.
    broken: bool,
    /// The client does not take what is written for it.
    stalled: bool,
}

struct Moving {
    socket: usize,
    to: usize,
    unread: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Read(usize),
    Take(usize),
    HangUp(usize),
    Mail(usize),
    Arrive(usize),
    Judge(usize),
    Tick(usize),
    EndTurn(usize),
}

impl World {
    pub(crate) fn new(options: Options) -> World {
        let mut rng = Rng::new(options.seed);
        let shards = usize::from(options.shards);
        let cores = (0..options.shards).map(|id| Core::new(&options, id)).collect();
        World {
            now: Time::from_nanos(1_000_000_000),
            cores,
            sockets: Vec::new(),
            live: Vec::new(),
            mail: (0..shards * shards).map(|_| VecDeque::new()).collect(),
            slow: (0..shards * shards).map(|_| rng.chance(4)).collect(),
            moving: Vec::new(),
            judging: Vec::new(),
            enabled: Vec::new(),
            effects: Vec::new(),
            landed_bytes: 0,
            rng,
            options,
        }
    }

    /// A client connects, at a random shard.
    pub(crate) fn open(&mut self) -> SocketId {
        let shard = self.rng.below(self.cores.len());
        let socket = self.sockets.len();
        let open = self.sockets.iter().filter(|socket| socket.at.is_some() || socket.moving).count();
        let admitted = open < self.options.limits.connections_max;
        self.sockets.push(Socket { admitted, ..Socket::default() });
        self.live.push(socket);
        self.seat(shard, socket);
        SocketId(socket)
    }

    /// The client sends bytes; they arrive in any cuts.
    pub(crate) fn send(&mut self, socket: SocketId, bytes: &[u8]) {
        let socket = &mut self.sockets[socket.0];
        if !socket.left {
            socket.to_server.extend(bytes);
        }
    }

    /// Appends what has come for the client.
    pub(crate) fn take_received(&mut self, socket: SocketId, into: &mut Vec<u8>) {
        into.append(&mut self.sockets[socket.0].to_client);
    }

    /// Whether the client sees the end of the stream: the server has half-closed or closed.
    pub(crate) fn has_ended(&self, socket: SocketId) -> bool {
        self.sockets[socket.0].ended
    }

    /// Whether the server has nothing of this connection any more.
    pub(crate) fn is_forgotten(&self, socket: SocketId) -> bool {
        let socket = &self.sockets[socket.0];
        socket.at.is_none() && !socket.moving
    }

    /// The client closes its end behind what it has sent.
    pub(crate) fn close(&mut self, socket: SocketId) {
        let socket = &mut self.sockets[socket.0];
        socket.left = true;
        socket.stalled = false;
    }

    /// The connection breaks: what was on its way arrives up to a random byte, or not at all.
    pub(crate) fn cut(&mut self, socket: SocketId) {
        let socket = &mut self.sockets[socket.0];
        let arrives = self.rng.below(socket.to_server.len() + 1);
        socket.to_server.truncate(arrives);
        socket.left = true;
        socket.broken = true;
    }

    /// Whether the client takes what is written for it.
    pub(crate) fn stall(&mut self, socket: SocketId, stalled: bool) {
        self.sockets[socket.0].stalled = stalled;
    }

    /// All shards are told to end.
    pub(crate) fn drain(&mut self) {
        let deadline = self.now + Duration::from_secs(30);
        for shard in 0..self.cores.len() {
            self.tell(shard, Event::Drain { deadline });
        }
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.cores.iter().map(|core| &core.shard)
    }

    /// Does all there is to do at the present time.
    pub(crate) fn run(&mut self) {
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < STEPS_MAX, "the world does not come to rest: {:?}", self.enabled);
        }
    }

    /// Moves the clock, stopping wherever a shard wants to be called.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.run();
        while self.next_stop(end) {
            self.run();
        }
        self.run();
    }

    /// Moves the clock to where a shard wants to be called, but not beyond `end`. `false`: it is `end` now.
    pub(crate) fn next_stop(&mut self, end: Time) -> bool {
        let next = self.shards().filter_map(Shard::next_deadline).min().filter(|next| *next <= end);
        self.now = next.map_or(end, |next| next.max(self.now));
        next.is_some()
    }

    /// Does one thing there is to do, any of them. `false`: there is none.
    pub(crate) fn step(&mut self) -> bool {
        self.list_enabled();
        if self.enabled.is_empty() {
            return false;
        }
        let mut action = self.enabled[self.rng.below(self.enabled.len())];
        for _ in 0..6 {
            match action {
                Action::Mail(pair) if self.slow[pair] => action = self.enabled[self.rng.below(self.enabled.len())],
                _ => break,
            }
        }
        self.act(action);
        true
    }

    fn list_enabled(&mut self) {
        let mut enabled = mem::take(&mut self.enabled);
        enabled.clear();
        let shards = self.cores.len();
        let room: Vec<bool> = (0..shards)
            .map(|from| self.mail[from * shards..][..shards].iter().all(|mail| mail.len() < self.options.mail_max))
            .collect();
        for &index in &self.live {
            let socket = &self.sockets[index];
            let Some((shard, _)) = socket.at else { continue };
            let is_read = !socket.paused && (room[shard] || socket.finishing);
            // A receive that a pause comes too late for ends all the same.
            let is_late = socket.paused && socket.landing.is_some();
            if is_late || is_read && (socket.cut || !socket.to_server.is_empty()) {
                enabled.push(Action::Read(index));
            }
            if socket.left && (socket.broken || is_read && !socket.cut && socket.to_server.is_empty()) {
                enabled.push(Action::HangUp(index));
            }
            if socket.out.is_some() && !socket.stalled && !socket.broken {
                enabled.push(Action::Take(index));
            }
        }
        let waiting = self.mail.iter().enumerate().filter(|(_, mail)| !mail.is_empty());
        enabled.extend(waiting.map(|(pair, _)| Action::Mail(pair)));
        enabled.extend((0..self.moving.len()).map(Action::Arrive));
        enabled.extend((0..self.judging.len()).map(Action::Judge));
        for (index, core) in self.cores.iter().enumerate() {
            if core.shard.next_deadline().is_some_and(|due| due <= self.now) {
                enabled.push(Action::Tick(index));
            }
            if core.turn {
                enabled.push(Action::EndTurn(index));
            }
        }
        self.enabled = enabled;
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Read(socket) => self.read(socket),
            Action::Take(socket) => self.take(socket),
            Action::HangUp(socket) => {
                let (shard, connection) = self.sockets[socket].at.expect("enabled");
                self.forget(socket);
                self.tell(shard, Event::Closed { connection });
            }
            Action::Mail(pair) => {
                let (from, to) = (pair / self.cores.len(), pair % self.cores.len());
                let mail = self.mail[pair].pop_front().expect("enabled");
                self.tell(to, Event::Mail { from: shard_id(from), mail });
            }
            Action::Arrive(index) => {
                let Moving { socket, to, unread } = self.moving.swap_remove(index);
                self.sockets[socket].moving = false;
                self.seat(to, socket);
                self.receive(socket, &unread);
            }
            Action::Judge(index) => self.judge(index),
            Action::Tick(shard) => self.tell(shard, Event::Tick),
            Action::EndTurn(shard) => self.end_turn(shard),
        }
    }

    fn read(&mut self, index: usize) {
        let socket = &mut self.sockets[index];
        let (shard, connection) = socket.at.expect("enabled");
        if socket.finishing {
            socket.to_server.clear();
            socket.landing = None;
            socket.cut = false;
            return;
        }
        if let Some(landing) = socket.landing.take() {
            return self.land(index, landing);
        }
        if socket.may_land && !socket.cut && self.rng.chance(2) {
            socket.landing = self.cores[shard].shard.take_landing(connection);
            if socket.landing.is_some() {
                return;
            }
        }
        let count = match socket.to_server.len() {
            0 => 0,
            come => self.rng.some(come),
        };
        let bytes: Vec<u8> = socket.to_server.drain(..count).collect();
        self.receive(index, &bytes);
    }

    /// Gives a shard bytes. Those it leaves for the next turn stay the first of the socket.
    fn receive(&mut self, index: usize, bytes: &[u8]) {
        let (shard, connection) = self.sockets[index].at.expect("read where it is");
        let left = self.handle(shard, Event::Received { connection, bytes });
        let socket = &mut self.sockets[index];
        socket.cut = left.is_some();
        let left = &bytes[bytes.len() - left.unwrap_or(0)..];
        left.iter().rev().for_each(|byte| socket.to_server.push_front(*byte));
    }

    /// Some bytes come into a landing, or its receive is cancelled.
    fn land(&mut self, index: usize, mut landing: Landing) {
        let socket = &mut self.sockets[index];
        let (shard, connection) = socket.at.expect("enabled");
        let most = landing.missing().min(socket.to_server.len());
        let mut count = 0;
        if most > 0 && !self.rng.chance(8) {
            count = self.rng.some(most);
            let bytes: Vec<u8> = socket.to_server.drain(..count).collect();
            assert_eq!(landing.push(&bytes), count);
            self.landed_bytes += count;
        }
        socket.may_land = count > 0;
        self.tell(shard, Event::Landed { connection, landing, count });
    }

    fn take(&mut self, index: usize) {
        let socket = &mut self.sockets[index];
        let (shard, connection) = socket.at.expect("enabled");
        let (chunk, bytes, taken) = socket.out.take().expect("enabled");
        let count = self.rng.some(bytes.len() - taken);
        if !socket.left {
            socket.to_client.extend_from_slice(&bytes[taken..taken + count]);
        }
        if taken + count < bytes.len() {
            socket.out = Some((chunk, bytes, taken + count));
        } else {
            let is_finishing = socket.finishing;
            self.tell(shard, Event::Flushed { connection, chunk });
            if is_finishing {
                self.cores[shard].dirty.push(connection);
            }
        }
    }

    /// What a driver does once per turn: send the mail, write what waits.
    fn end_turn(&mut self, from: usize) {
        let shards = self.cores.len();
        let core = &mut self.cores[from];
        core.turn = false;
        core.shard.take_dirty(&mut core.dirty);
        for connection in mem::take(&mut core.dirty) {
            self.write(from, connection);
        }
        let core = &mut self.cores[from];
        let waiting = core.shard.mail_waiting();
        for to in (0..shards).filter(|to| waiting >> to & 1 == 1) {
            let mut batch = Vec::new();
            core.shard.take_mail(shard_id(to), &mut batch);
            assert!(!batch.is_empty(), "a waiting bit without mail");
            self.mail[from * shards + to].extend(batch);
        }
        core.shard.begin_turn();
    }

    fn write(&mut self, shard: usize, connection: ConnectionId) {
        let Some(index) = self.socket_at(shard, connection) else { return };
        let socket = &mut self.sockets[index];
        if socket.out.is_some() {
            return;
        }
        match self.cores[shard].shard.take_output(connection) {
            Some(chunk) => {
                let bytes: Vec<u8> = chunk.slices().flatten().copied().collect();
                assert!(!bytes.is_empty() && bytes.len() == chunk.len(), "a chunk is what it says");
                let bound = self.options.limits.outbox_bytes_max.saturating_add(self.options.outbox_slack);
                assert!(bytes.len() <= bound, "{} bytes were waiting for one socket", bytes.len());
                socket.out = Some((chunk, bytes, 0));
            }
            None => socket.ended |= socket.finishing,
        }
    }

    /// Whatever is not bytes is taken whole.
    fn tell(&mut self, shard: usize, event: Event<'_>) {
        assert_eq!(self.handle(shard, event), None);
    }

    fn handle(&mut self, shard: usize, event: Event<'_>) -> Option<usize> {
        let mut effects = mem::take(&mut self.effects);
        let core = &mut self.cores[shard];
        let left = core.shard.handle(self.now, event);
        core.turn = true;
        core.shard.take_effects(&mut effects);
        for effect in effects.drain(..) {
            self.carry_out(shard, effect);
        }
        self.effects = effects;
        left
    }

    /// Gives a socket to a shard, under a number that may have been used before.
    fn seat(&mut self, shard: usize, index: usize) -> ConnectionId {
        let seats = &mut self.cores[shard].seats;
        let free = seats.iter().position(|seat| seat.socket.is_none()).unwrap_or_else(|| {
            seats.push(Seat::default());
            seats.len() - 1
        });
        let seat = &mut seats[free];
        seat.generation += 1;
        seat.socket = Some(index);
        let connection = ConnectionId { index: u32::try_from(free).expect("few seats"), generation: seat.generation };
        let socket = &mut self.sockets[index];
        socket.at = Some((shard, connection));
        let admitted = socket.admitted;
        self.tell(shard, Event::Opened { connection, origin: Origin::default(), admitted });
        connection
    }

    fn socket_at(&self, shard: usize, connection: ConnectionId) -> Option<usize> {
        let seat = self.cores[shard].seats.get(connection.index as usize)?;
        seat.socket.filter(|_| seat.generation == connection.generation)
    }

    fn forget(&mut self, index: usize) {
        let socket = &mut self.sockets[index];
        let (shard, connection) = socket.at.take().expect("forgotten once");
        socket.out = None;
        socket.landing = None;
        socket.ended = true;
        self.cores[shard].seats[connection.index as usize].socket = None;
        self.live.retain(|live| *live != index);
    }
}
