//! All shards of the process: starting them together, hearing from them, ending them together.

use std::fmt;
use std::iter;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, Receiver, Sender};
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use tracing::{error, info, warn};

use super::allowance::Allowance;
use super::boot::{check_uring, choose_cpus, raise_locked_memory, raise_open_files};
use super::certificates::{Librarian, SharedTls};
use super::control::{line, Clock, Command, Drained, ExitReason, Gate, Notice, Remote, Report, Wish};
use super::driver::{Driver, Moved, Seat};
use super::error::RuntimeError;
use super::listener::{listen, Bound};
use super::mailbox::{mailboxes, Mailbox};
use super::memory::Memory;
use super::newcomers::Newcomers;
use super::passage::Door;
use super::policy::{announce, load};
use super::quota::Quota;
use super::ring::RingSizes;
use super::settings::Settings;
use super::system::work_in_batches;
use super::unix::UnixFile;
use super::workers::Workers;
use crate::limits::{Limits, SHARDS_MAX};
use crate::shard::{Mail, Shard, ShardId};

/// Memory an executor registers for files, which no shard uses (bytes).
const EXECUTOR_IO_MEMORY: usize = 1024 * 1024;
/// How often an executor makes its task give way: so seldom that it never does. There is one task and it never gives way
/// anyway. What a short timer would do is harm: glommio 0.9 takes one that fires before the first task has run for "there
/// is nothing to run" and sleeps for ever, which a busy machine makes happen once in a few hundred starts.
const PREEMPT_TIMER: Duration = Duration::from_secs(24 * 60 * 60);
/// Submissions and completions of one ring.
const SUBMISSIONS: u32 = 1024;
const COMPLETIONS: u32 = 8192;
/// How long the other shards may take to end after one has failed, and a shard to report.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long all shards together may take to make their rings.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// The shards, as their starter sees them.
pub(super) struct Shards {
    addresses: Vec<SocketAddr>,
    /// Removed at the end.
    unix: Vec<UnixFile>,
    librarian: Librarian,
    /// By shard.
    members: Vec<Member>,
    clock: Clock,
    notices: Receiver<Notice>,
    /// What the shards that have ended have ended with.
    endings: Vec<ExitReason>,
    settings: Settings,
    workers: Workers,
    /// Of the policies that hold.
    generation: u64,
}

struct Member {
    remote: Remote,
    executor: Option<ExecutorJoinHandle<()>>,
}

impl Shards {
    /// Makes the checks, listens, starts all shards and lets them run once each has its ring.
    pub(super) fn start<F>(
        settings: &Settings,
        make_shard: F,
        sender: Sender<Notice>,
        notices: Receiver<Notice>,
    ) -> Result<Shards, RuntimeError>
    where
        F: Fn(ShardId, u8) -> Shard + Send + Sync + 'static,
    {
        let cpus = choose_cpus(&settings.cpus, settings.shards)?;
        if cpus.is_empty() || cpus.len() > SHARDS_MAX {
            return Err(RuntimeError::Shards { shards: cpus.len() });
        }
        let numbered = settings.listeners.iter().zip(1..);
        let tls: Result<Vec<_>, _> = numbered.map(|(listener, number)| SharedTls::read(number, listener)).collect();
        let tls = tls?;
        let connections_max = raise_open_files(settings.limits.connections_max, cpus.len());
        raise_locked_memory()?;
        check_uring()?;
        let listeners = listen(&settings.binds, &settings.listeners, cpus.len(), settings.tcp_nodelay)?;
        let clock = Clock::start();
        let policies = Arc::new(load(&settings.auth, &settings.listeners, &listeners.addresses, 0)?);
        let workers = Workers::new(settings, Arc::clone(&policies), clock).map_err(no_workers)?;
        let memory = memory(settings.limits.memory_bytes_max)?;
        let (seats, remotes) = seats(settings, connections_max, listeners.of_shards, &tls, clock, &workers, &memory)?;
        let replies = remotes.iter().map(Remote::reply).collect::<Result<Vec<_>, _>>().map_err(no_workers)?;
        workers.start(usize::from(settings.auth.workers), replies).map_err(no_workers)?;
        let count = u8::try_from(cpus.len()).expect("no more than SHARDS_MAX");
        let make_shard = Arc::new(move |shard| make_shard(shard, count));
        let mut shards = Shards {
            addresses: listeners.addresses,
            unix: listeners.unix,
            librarian: Librarian::start(tls.into_iter().flatten().collect())?,
            members: Vec::new(),
            clock,
            notices,
            endings: Vec::new(),
            settings: settings.clone(),
            workers,
            generation: 0,
        };
        let mut starts = Vec::new();
        for ((mut seat, remote), &cpu) in seats.into_iter().zip(remotes).zip(&cpus) {
            let (start, started) = bounded(1);
            seat.shares_cpu = cpus.iter().filter(|&&other| other == cpu).count() > 1;
            let executor = spawn(seat, cpu, Arc::clone(&make_shard), sender.clone(), started)?;
            starts.push(start);
            shards.members.push(Member { remote, executor: Some(executor) });
        }
        let rings = shards.await_rings()?;
        for start in starts {
            // A shard that does not listen any more has said so in a notice.
            let _ = start.send(rings.clone());
        }
        announce(&policies, settings);
        if connections_max < settings.limits.connections_max {
            let wanted = settings.limits.connections_max;
            info!(
                connections_max,
                wanted, "the limit of open files allows no more; raise it (ulimit -Hn, LimitNOFILE=)"
            );
        }
        for address in &shards.addresses {
            info!(%address, shards = shards.members.len(), connections_max, "listening");
        }
        for file in &shards.unix {
            info!(unix = file.path(), shards = shards.members.len(), connections_max, "listening");
        }
        Ok(shards)
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What reads certificates again.
    pub(super) fn librarian(&self) -> &Librarian {
        &self.librarian
    }

    /// Asks all shards to come to an end.
    pub(super) fn drain(&self, timeout: Duration) {
        let deadline = self.clock.now() + timeout;
        self.tell(|| Command::Drain { deadline });
    }

    /// Ends all shards at once.
    pub(super) fn stop(&self) {
        self.tell(|| Command::Stop);
    }

    /// Adds up what the shards have counted; one that does not answer in time is left out.
    pub(super) fn report(&self) -> Report {
        let (sender, receiver) = bounded(self.members.len());
        self.tell(|| Command::Report(sender.clone()));
        drop(sender);
        let mut sum = Report::default();
        let deadline = Instant::now() + PATIENCE;
        while let Ok(report) = receiver.recv_deadline(deadline) {
            sum.add(&report);
        }
        sum
    }

    /// Reads the files of users and rules again and lets all shards have what they say, or none.
    pub(super) fn reload(&mut self) {
        match load(&self.settings.auth, &self.settings.listeners, &self.addresses, self.generation + 1) {
            Err(fault) => error!(error = %fault, "a file is broken: what was read before stays"),
            Ok(policies) => {
                self.generation += 1;
                announce(&policies, &self.settings);
                let policies = Arc::new(policies);
                self.workers.adopt(Arc::clone(&policies));
                if !self.tell(|| Command::Policy(Arc::clone(&policies))) {
                    error!("a shard is too busy to hear of the new rules; send SIGHUP again");
                }
            }
        }
    }

    /// What happens next; waits for it.
    pub(super) fn next_notice(&self) -> Notice {
        self.notices.recv().expect("the starter keeps a sender, as does every shard")
    }

    /// Waits until all shards have ended.
    pub(super) fn wait(&mut self) -> Result<ExitReason, RuntimeError> {
        loop {
            if let Notice::Ended { shard, ending } = self.next_notice() {
                if let Some(result) = self.on_ended(shard, ending) {
                    return result;
                }
            }
        }
    }

    /// Notes a shard's end. Answers how the broker has ended once it has: with the last shard, or with the first that
    /// has failed, since the others cannot do its part.
    pub(super) fn on_ended(
        &mut self,
        shard: ShardId,
        ending: Result<ExitReason, RuntimeError>,
    ) -> Option<Result<ExitReason, RuntimeError>> {
        let executor = self.members[usize::from(shard.0)].executor.take();
        let joined = executor.map_or(Ok(()), ExecutorJoinHandle::join);
        // Why the executor died is known better than that it did.
        let ending = match joined {
            Ok(()) => ending,
            Err(cause) => Err(RuntimeError::Executor { shard, error: cause.to_string() }),
        };
        match ending {
            Ok(reason) => {
                self.endings.push(reason);
                let is_last = self.endings.len() == self.members.len();
                is_last.then(|| Ok(self.endings.iter().copied().max().unwrap_or(reason)))
            }
            Err(failure) => {
                error!(shard = shard.0, error = %failure, "a shard has failed: ending all");
                self.stop();
                self.await_ends();
                Some(Err(failure))
            }
        }
    }

    /// The descriptors of all rings, by shard, once each is there.
    fn await_rings(&mut self) -> Result<Vec<RawFd>, RuntimeError> {
        let mut rings = vec![None; self.members.len()];
        let deadline = Instant::now() + START_PATIENCE;
        while let Some(missing) = rings.iter().position(Option::is_none) {
            match self.notices.recv_deadline(deadline) {
                Ok(Notice::Ready { shard, ring }) => rings[usize::from(shard.0)] = Some(ring),
                Ok(Notice::Ended { shard, ending }) => {
                    if let Some(result) = self.on_ended(shard, ending) {
                        result?;
                    }
                }
                // Who does not want it before it has started does not want it at all.
                Ok(Notice::Signal(Wish::End)) => self.stop(),
                // There is nothing to report yet, and what is to be read again has just been read.
                Ok(Notice::Signal(Wish::Report | Wish::Reload)) => {}
                Err(_) => {
                    let error = format!("it has not started within {} s", START_PATIENCE.as_secs());
                    return Err(RuntimeError::Executor { shard: shard_id(missing), error });
                }
            }
        }
        Ok(rings.into_iter().flatten().collect())
    }

    /// Gives the shards a moment to end; those that do not end with the process.
    fn await_ends(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.members.iter().any(|member| member.executor.is_some()) {
            match self.notices.recv_deadline(deadline) {
                Ok(Notice::Ended { shard, .. }) => {
                    if let Some(executor) = self.members[usize::from(shard.0)].executor.take() {
                        // The first failure is the one to be reported.
                        let _ = executor.join();
                    }
                }
                Ok(Notice::Ready { .. } | Notice::Signal(_)) => {}
                Err(_) => return,
            }
        }
    }

    /// Tells all; answers whether all were told.
    fn tell(&self, command: impl Fn() -> Command) -> bool {
        let told = self.members.iter().filter(|member| member.remote.tell(command())).count();
        told == self.members.len()
    }
}

fn no_workers(error: std::io::Error) -> RuntimeError {
    RuntimeError::System { what: "start the threads that check passwords", error }
}

fn shard_id(index: usize) -> ShardId {
    ShardId(u8::try_from(index).expect("at most 64 shards"))
}

impl fmt::Debug for Shards {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shards").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// The budget of the process, which is said once.
fn memory(asked: Option<u64>) -> Result<Memory, RuntimeError> {
    let Allowance { bytes: allowed, set_by } = Allowance::find();
    let budget = asked.unwrap_or_else(|| Allowance { bytes: allowed, set_by }.budget());
    if budget > allowed {
        warn!(
            budget,
            allowed, "limits.memory_bytes_max is more than {set_by} allows; lower it, or the system ends the broker"
        );
    } else {
        info!(budget, allowed, by = set_by, "memory budget");
    }
    Memory::new(budget).map_err(|error| RuntimeError::System { what: "ask how much memory is in use", error })
}

/// What the driver of each shard is made of, and the lines to them.
fn seats(
    settings: &Settings,
    connections_max: usize,
    listeners: Vec<Vec<Bound>>,
    tls: &[Option<SharedTls>],
    clock: Clock,
    workers: &Workers,
    memory: &Memory,
) -> Result<(Vec<Seat>, Vec<Remote>), RuntimeError> {
    let ring_sizes = RingSizes {
        submissions: SUBMISSIONS,
        completions: COMPLETIONS,
        buffers: settings.receive_buffers,
        buffer_bytes: settings.receive_buffer_bytes,
    };
    let limits = Limits { connections_max, ..settings.limits.clone() };
    let (gate, drained) = (Gate::default(), Drained::new(listeners.len()));
    let newcomers = Newcomers::new(&limits);
    let quotas: Vec<Quota> = settings.listeners.iter().map(|listener| Quota::new(listener, &limits)).collect();
    let mailboxes: Vec<Mailbox<Mail, Moved>> = mailboxes(listeners.len(), settings.mailbox_batches_max.max(1));
    let (mut seats, mut remotes) = (Vec::new(), Vec::new());
    for ((listeners, mailbox), shard) in listeners.into_iter().zip(mailboxes).zip(0..) {
        let (remote, ear) = line().map_err(|error| RuntimeError::System { what: "make a pipe", error })?;
        remotes.push(remote);
        let (gate, drained, limits) = (gate.clone(), drained.clone(), limits.clone());
        let others = settings.listeners.iter().zip(tls).zip(&quotas);
        let others = others.map(|((listener, tls), quota)| Door::new(listener, tls.clone(), quota.clone()));
        let doors = iter::once(Door::default()).chain(others).collect();
        seats.push(Seat {
            shard: ShardId(shard),
            listeners,
            doors,
            mailbox,
            ear,
            gate,
            newcomers: newcomers.clone(),
            drained,
            clock,
            limits,
            ring_sizes,
            jobs: workers.jobs(ShardId(shard)),
            policies: workers.policies(),
            // Known when it is seated.
            shares_cpu: false,
            memory: memory.clone(),
        });
    }
    Ok((seats, remotes))
}

/// Starts the executor of one shard, pinned to its CPU, with the driver as its one task.
fn spawn<F>(
    seat: Seat,
    cpu: usize,
    make_shard: Arc<F>,
    notices: Sender<Notice>,
    start: Receiver<Vec<RawFd>>,
) -> Result<ExecutorJoinHandle<()>, RuntimeError>
where
    F: Fn(ShardId) -> Shard + Send + Sync + 'static,
{
    let shard = seat.shard;
    let mut obituary = Obituary { shard, notices, ending: None };
    LocalExecutorBuilder::new(Placement::Fixed(cpu))
        .name("shard")
        .io_memory(EXECUTOR_IO_MEMORY)
        .preempt_timer(PREEMPT_TIMER)
        // The driver sleeps in its own ring and never gives way: it is a thread with an executor around it.
        .spawn(move || async move { obituary.write(drive(seat, &*make_shard, &obituary.notices, &start)) })
        .map_err(|error| RuntimeError::Executor { shard, error: error.to_string() })
}

/// Shards of one CPU would stop each other whenever one has mail for the other. If each works until it has nothing to do,
/// turns have more to do and a message costs less than half.
fn share_cpu(shard: ShardId) {
    if let Err(error) = work_in_batches() {
        warn!(shard = shard.0, %error, "cannot share a CPU in batches: messages between shards cost more");
    }
}

fn drive<F>(
    seat: Seat,
    make_shard: &F,
    notices: &Sender<Notice>,
    start: &Receiver<Vec<RawFd>>,
) -> Result<ExitReason, RuntimeError>
where
    F: Fn(ShardId) -> Shard,
{
    let shard = seat.shard;
    if seat.shares_cpu {
        share_cpu(shard);
    }
    let mut driver = Driver::new(seat, make_shard(shard))?;
    // Both fail only when the starter has given up.
    let _ = notices.send(Notice::Ready { shard, ring: driver.ring() });
    match start.recv() {
        Ok(rings) => driver.run(rings),
        Err(_) => Ok(ExitReason::Stopped),
    }
}

/// Makes sure that a shard's end is noticed, whatever ends it.
struct Obituary {
    shard: ShardId,
    notices: Sender<Notice>,
    ending: Option<Result<ExitReason, RuntimeError>>,
}

impl Obituary {
    fn write(&mut self, ending: Result<ExitReason, RuntimeError>) {
        self.ending = Some(ending);
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        let shard = self.shard;
        let ending = self.ending.take().unwrap_or_else(|| {
            Err(RuntimeError::Executor { shard, error: "it died before it could say why".to_owned() })
        });
        // Nobody may be listening any more.
        let _ = self.notices.send(Notice::Ended { shard, ending });
    }
}
