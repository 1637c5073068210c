//! What crosses between the conductor and its threads.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;
use rustix::event::{eventfd, EventfdFlags};

use crate::ledger::{SharedLedger, Truth};

/// Clients that are ordered about together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Subscribers,
    Publishers,
    /// With the client identifiers of others: they take over.
    Doubles,
}

/// When publishers send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pacing {
    /// The messages of the publishers of a thread are due one after the other, every `step_ns` from `start_ns` on.
    Fixed { start_ns: u64, step_ns: f64, until_ns: u64 },
    /// As fast as a window of messages that not all receivers have allows, `burst` at once at least.
    Window { window: u32, burst: u32, until_ns: u64 },
    /// So many each, as fast as the connection takes them, and then the question whether they have been taken.
    Burst { messages: u64 },
}

pub(crate) enum Order {
    /// Connect those of the group that are not; so many a second, or as fast as can be if zero.
    Open { group: Group, per_second: f64 },
    /// Publish, and measure what is meant to be sent within `measured`.
    Publish { pacing: Pacing, measured: std::ops::Range<u64> },
    /// Clients of the group that have come without their filters subscribe.
    Subscribe { group: Group },
    /// Publish no more.
    Halt,
    /// The slow ones stop or go on reading.
    Read { is_on: bool },
    /// Connections of the group end, with DISCONNECT or as if the power had gone.
    Leave { group: Group, is_polite: bool },
    /// From now on clients connect with clean sessions.
    ForgetSessions,
    /// Retained messages are taken back, and each publisher asks whether they are.
    ClearRetained,
    /// Say what there is; latencies and connection times begin anew.
    Collect { sent: std::sync::Arc<Vec<u32>>, to: Sender<Collected> },
    /// Say how many messages of each flow have been sent.
    CountSent { to: Sender<Vec<(u32, u32)>> },
    /// End.
    Exit,
}

/// What a thread knows at the end of a measurement.
pub(crate) struct Collected {
    pub(crate) latency: Histogram<u64>,
    /// From the first packet of TCP to the last acknowledgement that made a client ready.
    pub(crate) connect: Histogram<u64>,
    pub(crate) delivered_measured: u64,
    pub(crate) bulk_delivered_measured: u64,
    pub(crate) unreadable: u64,
    /// Of subscribers that read all the time.
    pub(crate) truth: Truth,
    /// Of those that did not.
    pub(crate) truth_slow: Truth,
    /// Worst subscribers: client id and its account, most faults first.
    pub(crate) worst: Vec<(String, Truth)>,
    pub(crate) shared: Option<SharedLedger>,
    pub(crate) faults: BTreeMap<String, u64>,
    /// Share of the measured time this thread was busy.
    pub(crate) busy: f64,
    /// How late a message left at worst, by this thread's own fault.
    pub(crate) lag_ns_max: u64,
}

/// Figures a thread keeps up to date once a turn.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) ready: AtomicU64,
    /// Times a client became ready.
    pub(crate) connected: AtomicU64,
    pub(crate) connect_failed: AtomicU64,
    /// Connections ended by the broker that had been ready.
    pub(crate) closed: AtomicU64,
    /// Still to be connected.
    pub(crate) opening: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) delivered: AtomicU64,
    /// Filters granted.
    pub(crate) granted: AtomicU64,
    /// Times a broker has answered that it has taken all.
    pub(crate) answered: AtomicU64,
    /// Of the bulk publisher, which is not in the figures of the others.
    pub(crate) bulk_sent: AtomicU64,
    pub(crate) bulk_delivered: AtomicU64,
    /// When one of these figures last changed.
    pub(crate) moved_ns: AtomicU64,
    /// How long the thread has gone round with nothing to do.
    pub(crate) idle_ns: AtomicU64,
    /// Due and not sent, or in the window and not acknowledged.
    pub(crate) unsent: AtomicU64,
    /// Times a publisher gave up waiting for its window.
    pub(crate) stalls: AtomicU64,
}

/// Where others reach a thread.
pub(crate) struct Mailbox {
    orders: Mutex<VecDeque<Order>>,
    /// Clients whose window has opened.
    woken: Mutex<Vec<u32>>,
    has_mail: AtomicBool,
    pub(crate) bell: OwnedFd,
    pub(crate) progress: Progress,
    pub(crate) recent: Mutex<Option<Histogram<u64>>>,
}

impl Mailbox {
    pub(crate) fn new() -> std::io::Result<Mailbox> {
        Ok(Mailbox {
            orders: Mutex::default(),
            woken: Mutex::default(),
            has_mail: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
            progress: Progress::default(),
            recent: Mutex::new(None),
        })
    }

    pub(crate) fn send(&self, order: Order) {
        lock(&self.orders).push_back(order);
        self.ring();
    }

    /// Tells publishers of this thread; `clients` is empty afterwards.
    pub(crate) fn wake(&self, clients: &mut Vec<u32>) {
        lock(&self.woken).append(clients);
        self.ring();
    }

    /// Whether something may have come since last asked.
    pub(crate) fn take_has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Acquire) && self.has_mail.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn take_order(&self) -> Option<Order> {
        lock(&self.orders).pop_front()
    }

    pub(crate) fn take_woken(&self, into: &mut Vec<u32>) {
        into.append(&mut lock(&self.woken));
    }

    fn ring(&self) {
        if !self.has_mail.swap(true, Ordering::AcqRel) {
            // It can only fail if the counter is full, and then the bell is ringing.
            let _ = rustix::io::write(self.bell.as_fd(), &1_u64.to_ne_bytes());
        }
    }

    /// The bell has been heard.
    pub(crate) fn quiet(&self) {
        let _ = rustix::io::read(self.bell.as_fd(), &mut [0_u8; 8]);
    }
}

/// Nobody panics while holding one of these locks; if so, what is inside is a list and still one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one clock of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}
