//! One core's loop: gather completions, call the shard, carry out effects, post mail, flush.
//!
//! The order within a turn is a rule, not a habit. Mail is drained *after* the snapshot of completions is taken and
//! handled *before* them; mail is posted *before* outboxes are flushed. So whatever a client does because of an
//! acknowledgement from another core finds the mail that belongs to that acknowledgement already delivered here. A turn
//! whose mail is more than the shard does in one lets the rest of it, and the snapshot behind it, wait for the next.

mod accept;
mod filter;
mod flush;
mod receive;
mod state;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use self::accept::{adopt, Acceptors};
use self::filter::{admit_queued, end_slow, has_queued};
use self::flush::{flush, on_sent};
use self::receive::{feed_starved, on_received, take_cut, take_waiting};
use self::state::{Commons, State};
use super::boot::explain;
use super::control::{Clock, Command, Drained, Ear, ExitReason, Gate, Report};
use super::error::RuntimeError;
use super::givebacks::Givebacks;
use super::listener::Bound;
use super::mailbox::{places, Mailbox};
use super::memory::{Holding, Memory};
use super::newcomers::Newcomers;
use super::passage::Door;
use super::ring::{Completion, Operation, Ring, RingSizes, Tag, Wait};
use super::socket::connection;
use super::stays::Stays;
use super::system::give_memory_back;
use super::watch::Watch;
use super::workers::{Answer, Jobs};
use crate::auth::{Policies, Refusal};
use crate::limits::Limits;
use crate::shard::{Event, Mail, Pressure, Shard, ShardId};
use crate::time::Time;

pub(super) use self::state::Moved;

/// Completions of one turn; the rest waits in the ring for the next.
const TURN_COMPLETIONS_MAX: usize = 1024;
/// How soon a channel that was full is tried again.
const SPILL_RETRY: Duration = Duration::from_millis(1);
/// How soon a shard looks again whether memory is still short.
const PRESSURE_RETRY: Duration = Duration::from_millis(100);
/// How often a draining shard looks whether all have drained.
const DRAIN_RETRY: Duration = Duration::from_millis(5);

/// What a driver is made of.
pub(super) struct Seat {
    pub(super) shard: ShardId,
    pub(super) listeners: Vec<Bound>,
    /// By the number of the listener.
    pub(super) doors: Vec<Door>,
    pub(super) mailbox: Mailbox<Mail, Moved>,
    pub(super) ear: Ear,
    pub(super) gate: Gate,
    pub(super) newcomers: Newcomers,
    pub(super) drained: Drained,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) ring_sizes: RingSizes,
    pub(super) jobs: Jobs,
    pub(super) policies: Arc<Policies>,
    /// Whether another shard runs on the same CPU.
    pub(super) shares_cpu: bool,
    pub(super) memory: Memory,
}

/// How far a driver is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Draining { deadline: Time, is_counted: bool },
    Ended(ExitReason),
}

/// One core's loop and all it works on.
pub(super) struct Driver {
    id: ShardId,
    state: State,
    acceptors: Acceptors,
    mailbox: Mailbox<Mail, Moved>,
    /// The rings of all shards, by shard.
    rings: Vec<RawFd>,
    ear: Ear,
    drained: Drained,
    clock: Clock,
    phase: Phase,
    completions: Vec<Completion>,
    arrivals: Vec<Moved>,
    /// Mail of a batch that was cut.
    mail_left: VecDeque<(ShardId, Mail)>,
    /// Mail is left that was there when the completions at hand were: it goes before them.
    is_mail_cut: bool,
    watch: Watch,
    givebacks: Givebacks,
    stays: Stays,
    shares_cpu: bool,
}

impl Driver {
    /// Sits down: makes the ring, which belongs to the calling thread from then on.
    pub(super) fn new(seat: Seat, shard: Shard) -> Result<Driver, RuntimeError> {
        let Seat { shard: id, listeners, doors, mailbox, ear, drained, clock, ring_sizes, shares_cpu, .. } = seat;
        let ring = Ring::new(ring_sizes).map_err(explain)?;
        let commons = Commons { gate: seat.gate, newcomers: seat.newcomers, jobs: seat.jobs, memory: seat.memory };
        let mut state = State::new(shard, ring, seat.limits, doors, commons);
        state.tell(Event::Policy { policies: seat.policies });
        Ok(Driver {
            id,
            state,
            acceptors: Acceptors::new(listeners),
            mailbox,
            rings: Vec::new(),
            ear,
            drained,
            clock,
            phase: Phase::Running,
            completions: Vec::with_capacity(TURN_COMPLETIONS_MAX),
            arrivals: Vec::new(),
            mail_left: VecDeque::new(),
            is_mail_cut: false,
            watch: Watch::default(),
            givebacks: Givebacks::default(),
            stays: Stays::default(),
            shares_cpu,
        })
    }

    /// The descriptor the other shards wake this one by.
    pub(super) fn ring(&self) -> RawFd {
        self.state.ring.descriptor()
    }

    /// Runs turns until the end. `rings` are the rings of all shards.
    pub(super) fn run(&mut self, rings: Vec<RawFd>) -> Result<ExitReason, RuntimeError> {
        self.rings = rings;
        self.state.now = self.clock.now();
        self.acceptors.arm(&mut self.state);
        self.listen_to_commands();
        loop {
            self.turn().map_err(|error| RuntimeError::Ring { shard: self.id, error })?;
            self.come_to_an_end();
            if let Phase::Ended(reason) = self.phase {
                return Ok(reason);
            }
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let sleeps = self.enter()?;
        if !self.is_mail_cut {
            self.state.ring.collect(&mut self.completions, TURN_COMPLETIONS_MAX);
        }
        let has_worked = !self.completions.is_empty();
        self.state.now = self.clock.now();
        self.stays.begin(self.state.now, sleeps);
        self.state.turn = self.state.turn.wrapping_add(1);
        self.state.counters.turns_total += 1;
        self.state.shard.begin_turn();
        self.state.steps = 0;
        self.state.filtered_bytes = 0;
        self.state.mind_memory();
        self.is_mail_cut = !self.take_mail();
        if !self.is_mail_cut {
            take_waiting(&mut self.state);
            admit_queued(&mut self.state);
            let mut completions = mem::take(&mut self.completions);
            for completion in completions.drain(..) {
                self.on_completion(completion);
                self.state.mind_memory();
            }
            self.completions = completions;
            take_cut(&mut self.state);
        }
        self.tick();
        self.state.close_ended();
        end_slow(&mut self.state);
        self.post_mail();
        flush(&mut self.state);
        feed_starved(&mut self.state);
        self.acceptors.arm(&mut self.state);
        let is_short = self.state.pressure != Pressure::None;
        if self.givebacks.are_due(self.state.now, has_worked, is_short) {
            // A shard that has fallen silent does not need soon what it has freed.
            self.give_back(is_short || !has_worked);
        }
        let metrics = self.state.shard.metrics();
        let publications = metrics.publish_received_total + metrics.mail_publish_received_total;
        self.stays.end(self.clock.now(), publications, &mut self.state.counters);
        Ok(())
    }

    /// Frees what only waits to be used again, and asks the allocator to give it back to the system.
    fn give_back(&mut self, at_once: bool) {
        self.state.give_back();
        self.mailbox.give_back();
        self.arrivals.shrink_to_fit();
        self.mail_left.shrink_to_fit();
        give_memory_back(at_once);
    }

    /// Hands in the last turn's operations and sleeps if there is nothing to do. Answers whether it may have slept until
    /// something came.
    fn enter(&mut self) -> io::Result<bool> {
        let mut wait = self.wait();
        let sleeps = !matches!(wait, Wait::Not);
        if let (true, Some(rest)) = (sleeps, self.state.sockets.crowd.rest()) {
            return self.rest(wait, rest).map(|()| false);
        }
        if sleeps && self.shares_cpu {
            // The others may have mail for us, or bytes to be handed in for us to work on: more for the next turn.
            thread::yield_now();
        }
        if sleeps && !self.mailbox.try_sleep() {
            wait = Wait::Not;
        }
        let may_sleep = sleeps && !self.state.ring.has_come();
        let entered = self.state.ring.enter(wait);
        if sleeps {
            self.mailbox.wake_up();
        }
        entered.map(|()| may_sleep)
    }

    /// Hands in the last turn's operations and, if nothing is there then, sleeps without being woken.
    fn rest(&mut self, wait: Wait, rest: Duration) -> io::Result<()> {
        let State { ring, sockets, .. } = &mut self.state;
        ring.enter(Wait::Not)?;
        if ring.has_completions() {
            return Ok(());
        }
        thread::sleep(match wait {
            Wait::AtMost(longest) => rest.min(longest),
            Wait::Not | Wait::ForEver => rest,
        });
        ring.enter(Wait::Not)?;
        sockets.crowd.rested(!ring.has_completions());
        Ok(())
    }

    fn wait(&self) -> Wait {
        let state = &self.state;
        let is_left = !state.waiting.is_empty() || !state.resumed.is_empty() || !state.dirty.is_empty();
        let has_work = is_left || has_queued(state);
        if (has_work && !state.is_held) || self.is_mail_cut || !state.departures.is_empty() {
            return Wait::Not;
        }
        let retry = (state.is_held || !state.starved.is_empty()).then_some(state.now + SPILL_RETRY);
        let drain = match self.phase {
            Phase::Draining { deadline, .. } => Some(deadline.min(state.now + DRAIN_RETRY)),
            Phase::Running | Phase::Ended(_) => None,
        };
        let ended = state.ended.front().map(|(deadline, _)| *deadline);
        let give_back = self.givebacks.next_deadline();
        let handshake = state.handshakes.peek().map(|Reverse((deadline, _))| *deadline);
        let (shard, accept) = (state.shard.next_deadline(), self.acceptors.next_deadline());
        let is_pressed = state.pressure != Pressure::None || state.memory.is_pressed();
        let pressed = is_pressed.then_some(state.now + PRESSURE_RETRY);
        let deadlines = [shard, accept, retry, drain, ended, give_back, handshake, pressed];
        match deadlines.into_iter().flatten().min() {
            Some(deadline) if deadline <= state.now => Wait::Not,
            Some(deadline) => Wait::AtMost(deadline - state.now),
            None => Wait::ForEver,
        }
    }

    /// Takes mail until all that was there is taken, or the turn has worked enough; answers whether all is. What is left is
    /// taken in the next turn, whatever else there is: it waits for nobody.
    fn take_mail(&mut self) -> bool {
        let Driver { state, mailbox, arrivals, mail_left, .. } = self;
        while let Some((from, mail)) = mail_left.pop_front() {
            state.tell(Event::Mail { from, mail });
            if state.shard.is_spent() {
                break;
            }
        }
        end_batch(state, arrivals, mail_left)
            && mailbox.take(|from, batch| {
                let from = shard_id(from);
                let mut batch_mail = batch.mail.drain(..);
                for mail in batch_mail.by_ref() {
                    state.tell(Event::Mail { from, mail });
                    if state.shard.is_spent() {
                        break;
                    }
                }
                mail_left.extend(batch_mail.map(|mail| (from, mail)));
                arrivals.append(&mut batch.sockets);
                end_batch(state, arrivals, mail_left)
            })
    }

    fn on_completion(&mut self, completion: Completion) {
        match completion.tag().operation {
            Operation::ReceiveOnce | Operation::ReceiveMany | Operation::ReceiveHead | Operation::ReceiveInto => {
                on_received(&mut self.state, completion);
            }
            Operation::Send => on_sent(&mut self.state, completion),
            Operation::Accept => self.acceptors.on_accepted(&mut self.state, completion),
            Operation::Cancel => self.on_cancelled(completion),
            // Coming back was the message.
            Operation::MailHere | Operation::CancelAccept => {}
            Operation::WakeFailed => self.on_wake_failed(completion),
            Operation::Control => self.on_command(),
        }
    }

    fn on_cancelled(&mut self, completion: Completion) {
        let connection = connection(completion.tag());
        if let Some(socket) = self.state.sockets.socket(connection) {
            socket.cancelling -= 1;
            self.state.settle(connection);
        }
    }

    /// The peer's flag says that it has been woken, so nobody else will do it.
    fn on_wake_failed(&mut self, completion: Completion) {
        let peer = completion.tag().index;
        match completion.result() {
            Ok(_) => {}
            // Its ring is gone: it has ended.
            Err(libc::EBADF | libc::EBADFD | libc::EOWNERDEAD | libc::ENXIO) => {}
            Err(_) => self.state.ring.wake(self.rings[peer as usize], peer),
        }
    }

    fn tick(&mut self) {
        for connection in mem::take(&mut self.state.unjudged) {
            let answer = Err(Refusal::Busy);
            self.state.tell(Event::Judged { connection, generation: 0, answer, lifetime: None });
        }
        for (connection, answer) in mem::take(&mut self.state.weighed) {
            self.state.tell(Event::Weighed { connection, answer });
        }
        if self.state.shard.next_deadline().is_some_and(|deadline| deadline <= self.state.now) {
            self.state.tell(Event::Tick);
        }
        self.state.apply_effects();
        self.watch.look(self.id, self.state.now, self.state.shard.metrics(), &self.state.counters);
    }

    fn post_mail(&mut self) {
        let Driver { state, mailbox, rings, .. } = self;
        for peer in places(state.shard.mail_waiting()) {
            state.shard.take_mail(shard_id(peer), &mut mailbox.batch_for(peer).mail);
        }
        for (to, moved) in state.departures.drain(..) {
            mailbox.batch_for(usize::from(to.0)).sockets.push(moved);
        }
        mailbox.post(|peer| {
            state.counters.wake_ups_sent_total += 1;
            state.ring.wake(rings[peer], peer as u32);
        });
        state.is_held = mailbox.is_spilled();
        state.counters.mail_spilled_turns_total += u64::from(state.is_held);
    }

    fn listen_to_commands(&mut self) {
        let tag = Tag { operation: Operation::Control, index: 0, generation: 0 };
        self.state.ring.poll_readable(self.ear.descriptor(), tag);
    }

    fn on_command(&mut self) {
        if self.ear.silence().is_err() {
            self.phase = Phase::Ended(ExitReason::Stopped);
            return;
        }
        while let Some(command) = self.ear.next() {
            match command {
                Command::Stop => self.phase = Phase::Ended(ExitReason::Stopped),
                Command::Drain { deadline } => self.drain(deadline),
                Command::Policy(policies) => self.state.tell(Event::Policy { policies }),
                Command::Report(to) => {
                    let report = self.report();
                    // Whoever asked may have stopped waiting.
                    let _ = to.try_send(report);
                }
            }
        }
        while let Some(Answer { connection, generation, answer, lifetime }) = self.ear.next_answer() {
            self.state.tell(Event::Judged { connection, generation, answer, lifetime });
        }
        self.state.apply_effects();
        self.listen_to_commands();
    }

    /// What has been counted here. Of what is the process's one shard tells.
    fn report(&self) -> Report {
        let (shard, mut runtime) = (self.state.shard.metrics().clone(), self.state.counters.clone());
        if self.id == ShardId(0) {
            let Holding { budget, allocated, resident, pressure } = self.state.memory.holding();
            runtime.memory_budget_bytes_now = budget;
            runtime.memory_allocated_bytes_now = allocated;
            runtime.memory_resident_bytes_now = resident;
            runtime.memory_pressure_now = pressure as u64;
        }
        Report { shard, runtime }
    }

    fn drain(&mut self, deadline: Time) {
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Draining { deadline, is_counted: false };
        self.acceptors.close(&mut self.state);
        self.state.tell(Event::Drain { deadline });
        self.state.apply_effects();
    }

    /// Ends when every shard has drained, or it is time.
    fn come_to_an_end(&mut self) {
        let Phase::Draining { deadline, is_counted } = self.phase else { return };
        let state = &self.state;
        if !is_counted && state.shard.is_drained() && state.sockets.are_flushed() && !state.is_held {
            self.drained.add_one();
            self.phase = Phase::Draining { deadline, is_counted: true };
        }
        if self.drained.are_all() {
            self.phase = Phase::Ended(ExitReason::Drained);
        } else if state.now >= deadline {
            self.phase = Phase::Ended(ExitReason::DrainTimedOut);
        }
    }
}

/// Behind the mail of a batch, if that is all taken, come its sockets. Answers whether the turn may go on with another.
fn end_batch(state: &mut State, arrivals: &mut Vec<Moved>, mail_left: &VecDeque<(ShardId, Mail)>) -> bool {
    state.apply_effects();
    state.mind_memory();
    if !mail_left.is_empty() {
        return false;
    }
    for moved in arrivals.drain(..) {
        adopt(state, moved);
    }
    !state.shard.is_spent()
}

fn shard_id(index: usize) -> ShardId {
    ShardId(u8::try_from(index).expect("at most 64 shards"))
}
