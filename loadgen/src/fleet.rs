//! The threads of a run, as the conductor sees them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{anyhow, Context, Result};

use crate::client::Manners;
use crate::live::Live;
use crate::orders::{lock, Clock, Collected, Mailbox, Order, Progress};
use crate::plan::Plan;
use crate::system::settle_thread;
use crate::tally::histogram;
use crate::tls::Terms;
use crate::usage::usage;
use crate::worker::{Setup, Worker};

/// How the conductor's waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Done,
    /// It was time.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
}

/// The progress of all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) ready: u64,
    pub(crate) connected: u64,
    pub(crate) connect_failed: u64,
    pub(crate) closed: u64,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) delivered: u64,
    pub(crate) granted: u64,
    pub(crate) answered: u64,
    pub(crate) bulk_sent: u64,
    pub(crate) bulk_delivered: u64,
    pub(crate) unsent: u64,
    pub(crate) stalls: u64,
}

pub(crate) struct Fleet {
    mailboxes: Arc<Vec<Mailbox>>,
    threads: Vec<JoinHandle<Result<()>>>,
    /// Publishers of each thread.
    pub(crate) publishers: Vec<u32>,
    pub(crate) clock: Clock,
    flows: u32,
    interrupted: Arc<AtomicBool>,
    heeds_interruption: bool,
    live: Live,
    broker_pids: Vec<u32>,
    /// The most memory the broker was seen to use.
    pub(crate) resident_bytes_max: u64,
    next_look_ns: u64,
}

/// What does not follow from the plan.
pub(crate) struct Conditions {
    pub(crate) broker: SocketAddr,
    pub(crate) tls: Option<Terms>,
    pub(crate) manners: Manners,
    /// CPUs to pin to, in turn; none: not pinned.
    pub(crate) cores: Vec<usize>,
    pub(crate) spins: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) interrupted: Arc<AtomicBool>,
    pub(crate) is_live: bool,
    pub(crate) broker_pids: Vec<u32>,
}

/// How often the conductor looks.
const LOOK: Duration = Duration::from_millis(5);

impl Fleet {
    pub(crate) fn start(plan: Plan, conditions: Conditions) -> Result<Fleet> {
        let clock = Clock::start();
        let mailboxes = (0..plan.shares.len()).map(|_| Mailbox::new()).collect::<std::io::Result<Vec<_>>>();
        let mailboxes = Arc::new(mailboxes.context("cannot make an event descriptor")?);
        let publishers = plan.shares.iter().map(|share| share.publishers).collect();
        let mut threads = Vec::new();
        for (index, share) in plan.shares.into_iter().enumerate() {
            let setup = Setup {
                thread: index,
                broker: conditions.broker,
                tls: conditions.tls.clone(),
                manners: conditions.manners.clone(),
                clock,
                credits: Arc::clone(&plan.credits),
                mailboxes: Arc::clone(&mailboxes),
                members: share.members,
                tally: share.tally,
                spins: conditions.spins,
                connect_timeout_ns: conditions.connect_timeout.as_nanos() as u64,
            };
            let core = conditions.cores.get(index % conditions.cores.len().max(1)).copied();
            let run = move || -> Result<()> {
                settle_thread(core.as_slice())?;
                Worker::new(setup)?.run()
            };
            threads.push(
                thread::Builder::new().name(format!("load-{index}")).spawn(run).context("cannot start a thread")?,
            );
        }
        if conditions.is_live {
            for mailbox in mailboxes.iter() {
                *lock(&mailbox.recent) = Some(histogram());
            }
        }
        Ok(Fleet {
            mailboxes,
            threads,
            publishers,
            clock,
            flows: plan.flows,
            interrupted: conditions.interrupted,
            heeds_interruption: true,
            live: Live::new(conditions.is_live),
            broker_pids: conditions.broker_pids,
            resident_bytes_max: 0,
            next_look_ns: 0,
        })
    }

    pub(crate) fn order(&self, make: impl Fn(usize) -> Order) {
        for (thread, mailbox) in self.mailboxes.iter().enumerate() {
            mailbox.send(make(thread));
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.mailboxes.len()
    }

    pub(crate) fn totals(&self) -> Totals {
        let sum = |of: fn(&Progress) -> &AtomicU64| {
            self.mailboxes.iter().map(|mailbox| of(&mailbox.progress).load(Ordering::Acquire)).sum()
        };
        Totals {
            ready: sum(|progress| &progress.ready),
            connected: sum(|progress| &progress.connected),
            connect_failed: sum(|progress| &progress.connect_failed),
            closed: sum(|progress| &progress.closed),
            sent: sum(|progress| &progress.sent),
            acknowledged: sum(|progress| &progress.acknowledged),
            refused: sum(|progress| &progress.refused),
            delivered: sum(|progress| &progress.delivered),
            granted: sum(|progress| &progress.granted),
            answered: sum(|progress| &progress.answered),
            bulk_sent: sum(|progress| &progress.bulk_sent),
            bulk_delivered: sum(|progress| &progress.bulk_delivered),
            unsent: sum(|progress| &progress.unsent),
            stalls: sum(|progress| &progress.stalls),
        }
    }

    /// When something last happened: to the microsecond, while the conductor looks every few milliseconds.
    pub(crate) fn moved_ns(&self) -> u64 {
        let moved = self.mailboxes.iter().map(|mailbox| mailbox.progress.moved_ns.load(Ordering::Acquire));
        moved.max().unwrap_or(0)
    }

    /// How long threads that never sleep had nothing to do, all together.
    pub(crate) fn idle_ns(&self) -> u64 {
        self.mailboxes.iter().map(|mailbox| mailbox.progress.idle_ns.load(Ordering::Acquire)).sum()
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// What is still to be waited for is waited for, interrupted or not: it is short.
    pub(crate) fn ignore_interruption(&mut self) {
        self.heeds_interruption = false;
    }

    /// Waits until `is_done`, but not beyond `deadline_ns`.
    pub(crate) fn wait(
        &mut self,
        phase: &str,
        deadline_ns: u64,
        mut is_done: impl FnMut(&Totals) -> bool,
    ) -> Result<Waited> {
        let began_ns = self.clock.now_ns();
        loop {
            let (totals, now_ns) = (self.totals(), self.clock.now_ns());
            if is_done(&totals) {
                return Ok(Waited::Done);
            }
            if self.heeds_interruption && self.is_interrupted() {
                return Ok(Waited::Interrupted);
            }
            if now_ns >= deadline_ns {
                return Ok(Waited::TimedOut);
            }
            if self.threads.iter().any(JoinHandle::is_finished) {
                return self.stop().and(Err(anyhow!("a thread ended before its time")));
            }
            self.live.show(phase, now_ns, began_ns, deadline_ns, &totals, &self.mailboxes);
            self.look_at_broker(now_ns);
            let left = Duration::from_nanos(deadline_ns - now_ns);
            thread::park_timeout(LOOK.min(left));
        }
    }

    fn look_at_broker(&mut self, now_ns: u64) {
        if now_ns >= self.next_look_ns && !self.broker_pids.is_empty() {
            self.next_look_ns = now_ns + 500_000_000;
            let resident_bytes = usage(&self.broker_pids).map_or(0, |usage| usage.resident_bytes);
            self.resident_bytes_max = self.resident_bytes_max.max(resident_bytes);
        }
    }

    /// What all threads know; latencies and connection times begin anew.
    pub(crate) fn collect(&self) -> Result<Vec<Collected>> {
        let sent = Arc::new(self.sent_of_flows()?);
        let (to, from) = channel();
        self.order(|_| Order::Collect { sent: Arc::clone(&sent), to: to.clone() });
        (0..self.threads())
            .map(|_| from.recv_timeout(Duration::from_secs(60)).context("a thread does not answer"))
            .collect()
    }

    pub(crate) fn sent_of_flows(&self) -> Result<Vec<u32>> {
        let (to, from) = channel();
        self.order(|_| Order::CountSent { to: to.clone() });
        let mut all = vec![0; self.flows as usize];
        for _ in 0..self.threads() {
            for (flow, sent) in from.recv_timeout(Duration::from_secs(60)).context("a thread does not answer")? {
                if let Some(count) = all.get_mut(flow as usize) {
                    *count = sent;
                }
            }
        }
        Ok(all)
    }

    /// Ends all threads.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.live.clear();
        self.order(|_| Order::Exit);
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    }
}
