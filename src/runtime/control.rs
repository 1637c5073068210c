//! What the process tells its shards, what they tell it, and the few words they share.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};

use super::error::RuntimeError;
use super::workers::Answer;
use crate::auth::Policies;
use crate::metrics::Metrics;
use crate::shard::ShardId;
use crate::time::Time;

/// Commands a shard may be behind with; the process then says nothing more to it.
const COMMANDS_MAX: usize = 64;

/// What the process tells a shard.
#[derive(Debug)]
pub(super) enum Command {
    /// Come to an end, by this time at the latest.
    Drain { deadline: Time },
    /// End now.
    Stop,
    /// From now on these rules hold.
    Policy(Arc<Policies>),
    /// Say what you have counted.
    Report(Sender<Report>),
}

/// What the process hears.
#[derive(Debug)]
pub(super) enum Notice {
    /// A shard has its ring, with this descriptor.
    Ready { shard: ShardId, ring: RawFd },
    /// A shard has ended.
    Ended { shard: ShardId, ending: Result<ExitReason, RuntimeError> },
    /// The operator wants something.
    Signal(Wish),
}

/// What an operator can want by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGTERM or SIGINT.
    End,
    /// SIGUSR1.
    Report,
    /// SIGHUP.
    Reload,
}

/// Why the broker, or one shard of it, has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitReason {
    /// It was asked to and has said all it had to say.
    Drained,
    /// It was asked to, but some clients did not take what was theirs in time.
    DrainTimedOut,
    /// It was told to end at once.
    Stopped,
}

/// The process's end of the line to a shard.
#[derive(Debug)]
pub(super) struct Remote {
    commands: Sender<Command>,
    answers: Sender<Answer>,
    bell: PipeWriter,
}

/// The workers' end of the line to a shard.
#[derive(Debug)]
pub(super) struct Reply {
    answers: Sender<Answer>,
    bell: PipeWriter,
}

/// The shard's end.
#[derive(Debug)]
pub(super) struct Ear {
    commands: Receiver<Command>,
    answers: Receiver<Answer>,
    bell: PipeReader,
}

/// A line to a shard.
pub(super) fn line() -> io::Result<(Remote, Ear)> {
    let (sender, receiver) = bounded(COMMANDS_MAX);
    // Bounded by the queue of jobs: there is no answer without one.
    let (answer, answers) = unbounded();
    let (hear, ring) = io::pipe()?;
    let remote = Remote { commands: sender, answers: answer, bell: ring };
    Ok((remote, Ear { commands: receiver, answers, bell: hear }))
}

impl Remote {
    /// Tells the shard; nothing happens if it has ended or is hopelessly behind. Answers whether it was told.
    pub(super) fn tell(&self, command: Command) -> bool {
        let is_told = self.commands.try_send(command).is_ok();
        if is_told {
            // The pipe holds more bytes than the channel commands, so this does not block; an error means that the
            // shard has ended.
            let _ = (&self.bell).write(&[1]);
        }
        is_told
    }

    /// An end for the workers.
    pub(super) fn reply(&self) -> io::Result<Reply> {
        Ok(Reply { answers: self.answers.clone(), bell: self.bell.try_clone()? })
    }
}

impl Reply {
    /// Gives the shard an answer; nothing happens if it has ended.
    pub(super) fn send(&self, answer: Answer) {
        if self.answers.send(answer).is_ok() {
            // A full pipe makes this worker wait until the shard has heard the others; it holds 65,536 rings.
            let _ = (&self.bell).write(&[1]);
        }
    }
}

impl Ear {
    /// Readable when there is a command.
    pub(super) fn descriptor(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    /// Takes the rings of a bell that is known to have rung.
    pub(super) fn silence(&self) -> io::Result<()> {
        (&self.bell).read(&mut [0; COMMANDS_MAX]).map(drop)
    }

    pub(super) fn next_answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    pub(super) fn next(&self) -> Option<Command> {
        self.commands.try_recv().ok()
    }
}

/// Counts the connections of the process; touched when one comes or goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    inside: Arc<AtomicUsize>,
}

impl Gate {
    /// Lets one in unless `inside_max` are.
    pub(super) fn try_enter(&self, inside_max: usize) -> bool {
        let is_full = self.inside.fetch_add(1, Ordering::Relaxed) >= inside_max;
        if is_full {
            self.leave();
        }
        !is_full
    }

    pub(super) fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many shards have said all they had to say: one that has still takes the mail of the others.
#[derive(Clone, Debug)]
pub(super) struct Drained {
    shards: Arc<AtomicUsize>,
    of: usize,
}

impl Drained {
    pub(super) fn new(shards: usize) -> Drained {
        Drained { shards: Arc::default(), of: shards }
    }

    pub(super) fn add_one(&self) {
        self.shards.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn are_all(&self) -> bool {
        self.shards.load(Ordering::SeqCst) >= self.of
    }
}

/// The one clock of all shards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    pub(super) fn now(&self) -> Time {
        Time::START + self.start.elapsed()
    }
}

/// What has been counted, by one shard or by all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The broker's counters.
    pub shard: Metrics,
    /// The driver's counters.
    pub runtime: RuntimeCounters,
}

impl Report {
    /// Adds another shard's counters.
    pub fn add(&mut self, other: &Report) {
        self.shard.add(&other.shard);
        self.runtime.add(&other.runtime);
    }

    /// Every counter as (name, value, help).
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
        self.shard.rows().chain(self.runtime.rows())
    }
}

/// The rows of [`RuntimeCounters`] that [`RuntimeCounters::losses`] adds up.
const LOSSES: [&str; 3] = ["over_address_rate_total", "over_listener_limit_total", "over_files_total"];

/// Declares the counters once.
macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident,)+) => {
        /// What one driver has counted since it started.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct RuntimeCounters {
            $($(#[doc = $help])+ pub $name: u64,)+
        }

        impl RuntimeCounters {
            /// Every row as (name, value, help), in the order of this file.
            pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
                [$((stringify!($name), self.$name, concat!($($help),+).trim_ascii()),)+].into_iter()
            }

            /// Adds another driver's rows to these.
            pub fn add(&mut self, other: &RuntimeCounters) {
                $(self.$name = self.$name.wrapping_add(other.$name);)+
            }
        }
    };
}

counters! {
    /// Connections taken from the listeners.
    accepted_total,
    /// Connections taken from other shards.
    adopted_total,
    /// Connections refused or closed because the process has as many as it may.
    over_limit_total,
    /// Connections refused or closed because their listener has as many as it may.
    over_listener_limit_total,
    /// Connections closed because no open file was left for them.
    over_files_total,
    /// Connections closed because their address had opened as many as it may.
    over_address_rate_total,
    /// Connections that have come through a proxy's header or a TLS handshake.
    handshakes_total,
    /// Connections ended because of TLS: its handshake, or what came after it.
    handshakes_refused_total,
    /// Those of them that took too long.
    handshake_timeouts_total,
    /// Connections ended because of a proxy's header, or because they come from no proxy that is trusted.
    proxies_refused_total,
    /// Times accepting failed.
    accept_errors_total,
    /// Bytes received.
    received_bytes_total,
    /// Those of them that were received where they belong, without a copy.
    landed_bytes_total,
    /// Bytes given to the kernel to send.
    sent_bytes_total,
    /// Times a receive found no free buffer.
    receive_buffer_shortages_total,
    /// Passes of the driver's loop.
    turns_total,
    /// Time the cores were awake, without the kernel's work for the rings, in microseconds.
    busy_us_total,
    /// Publications, of clients and of other cores, that stayed at most 50 us from when they could first be seen to the end
    /// of the turn that handed them out.
    stays_to_50us_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 100 us.
    stays_to_100us_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 200 us.
    stays_to_200us_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 300 us.
    stays_to_300us_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 500 us.
    stays_to_500us_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 1 ms.
    stays_to_1ms_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 2 ms.
    stays_to_2ms_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 5 ms.
    stays_to_5ms_total,
    /// Publications, of clients and of other cores, that stayed longer than that and at most 10 ms.
    stays_to_10ms_total,
    /// Publications that stayed longer than 10 ms.
    stays_longer_total,
    /// Times a sleeping shard was woken for mail.
    wake_ups_sent_total,
    /// Turns that ended with mail for which a channel had no room.
    mail_spilled_turns_total,
    /// Bytes of memory the process may hold.
    memory_budget_bytes_now,
    /// Bytes it has allocated.
    memory_allocated_bytes_now,
    /// Bytes of it that are resident, as the system has said lately.
    memory_resident_bytes_now,
    /// How short memory is: 0 not at all, 1 publishers are slowed down, 2 slow receivers are spared QoS 0, 3 what would have to
    /// be kept is refused, 4 connections that hold most are ended.
    memory_pressure_now,
}

impl RuntimeCounters {
    /// How often something was refused that an operator may want to mend: grows whenever one of
    /// [`RuntimeCounters::loss_rows`] does.
    pub fn losses(&self) -> u64 {
        self.over_address_rate_total + self.over_listener_limit_total + self.over_files_total
    }

    /// The rows that [`RuntimeCounters::losses`] adds up.
    pub fn loss_rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.rows().filter(|(name, ..)| LOSSES.contains(name)).map(|(name, value, _)| (name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_their_rows() {
        let counters = RuntimeCounters { over_address_rate_total: 3, accepted_total: 5, ..RuntimeCounters::default() };
        assert_eq!(counters.losses(), 3);
        assert_eq!(counters.loss_rows().map(|(_, value)| value).sum::<u64>(), 3);
    }

    #[test]
    fn the_gate_lets_in_exactly_as_many_as_it_may() {
        let gate = Gate::default();
        assert!(gate.try_enter(2) && gate.try_enter(2));
        assert!(!gate.try_enter(2));
        assert!(!gate.try_enter(2), "a refusal must not count");
        gate.leave();
        assert!(gate.try_enter(2));
    }

    #[test]
    fn a_shard_hears_every_command_of_one_ring() {
        let (remote, ear) = line().expect("a pipe");
        remote.tell(Command::Stop);
        remote.tell(Command::Drain { deadline: Time::NEVER });
        ear.silence().expect("it has rung");
        assert!(matches!(ear.next(), Some(Command::Stop)));
        assert!(matches!(ear.next(), Some(Command::Drain { .. })));
        assert!(ear.next().is_none());
    }

    #[test]
    fn telling_a_shard_that_has_ended_or_sleeps_for_ever_does_not_block() {
        let (remote, ear) = line().expect("a pipe");
        for _ in 0..COMMANDS_MAX * 2 {
            remote.tell(Command::Stop);
        }
        drop(ear);
        remote.tell(Command::Stop);
    }

    #[test]
    fn all_have_drained_when_each_has() {
        let drained = Drained::new(2);
        drained.add_one();
        assert!(!drained.are_all());
        drained.add_one();
        assert!(drained.are_all());
    }
}
