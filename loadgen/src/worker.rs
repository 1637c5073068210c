//! One thread's loop: events of its sockets, messages that are due, orders.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::Timespec;

use crate::client::{Client, Manners};
use crate::credit::Credits;
use crate::link::Link;
use crate::orders::{Clock, Group, Mailbox};
use crate::pace::Pace;
use crate::tally::{histogram, Tally};

mod connections;
mod duty;
mod traffic;

/// A client with its socket and what the loop has to remember of it.
pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) link: Link,
    pub(crate) group: Group,
    /// One of those that stop reading in `slow-consumer`.
    pub(crate) is_slow: bool,
    pub(crate) source: Option<IpAddr>,
    /// Whether what comes is read now.
    pub(crate) is_reading: bool,
    pub(crate) was_ready: bool,
    pub(crate) opened_ns: u64,
}

impl Member {
    pub(crate) fn new(client: Client, group: Group, is_slow: bool, source: Option<IpAddr>) -> Member {
        let link = Link::default();
        Member { client, link, group, is_slow, source, is_reading: true, was_ready: false, opened_ns: 0 }
    }
}

/// What a thread is given.
pub(crate) struct Setup {
    pub(crate) thread: usize,
    pub(crate) broker: SocketAddr,
    pub(crate) manners: Manners,
    pub(crate) clock: Clock,
    pub(crate) credits: Arc<Credits>,
    pub(crate) mailboxes: Arc<Vec<Mailbox>>,
    pub(crate) members: Vec<Member>,
    pub(crate) tally: Tally,
    /// Never sleep.
    pub(crate) spins: bool,
    pub(crate) connect_timeout_ns: u64,
}

pub(crate) struct Worker {
    pub(crate) setup: Setup,
    pub(crate) epoll: OwnedFd,
    pub(crate) pace: Pace,
    /// Members that publish, in the order of their turns.
    pub(crate) publishers: Vec<u32>,
    /// Publishers that may be able to send.
    pub(crate) ready: Vec<u32>,
    /// To be connected.
    pub(crate) opening: VecDeque<u32>,
    pub(crate) opening_per_second: f64,
    pub(crate) opening_began_ns: u64,
    pub(crate) opened: u64,
    /// Under way.
    pub(crate) connecting: Vec<u32>,
    pub(crate) connect: Histogram<u64>,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) counts: Counts,
    pub(crate) buffer: Vec<u8>,
    pub(crate) out: Vec<u8>,
    pub(crate) busy_began: (u64, u64),
    pub(crate) busy: f64,
    pub(crate) next_report_ns: u64,
    ping_cursor: u64,
    /// Members with more to read than one turn allows.
    unread: Vec<u32>,
    outgoing_wakes: Vec<Vec<u32>>,
    pub(crate) is_over: bool,
}

/// What becomes [`Progress`](crate::orders::Progress) at the end of a turn.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) ready: u64,
    pub(crate) connected: u64,
    pub(crate) connect_failed: u64,
    pub(crate) closed: u64,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) stalls: u64,
}

const BELL: u64 = u64::MAX;
const EVENTS_MAX: usize = 1024;
/// Bytes read at once; many messages a call.
const BUFFER_BYTES: usize = 256 * 1024;
/// Nothing waits longer, so that deadlines are seen.
const SLEEP_NS_MAX: u64 = 20_000_000;
/// Below this a sleep costs more than it saves.
const SLEEP_NS_MIN: u64 = 20_000;

impl Worker {
    pub(crate) fn new(mut setup: Setup) -> Result<Worker> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll instance")?;
        let mailbox = &setup.mailboxes[setup.thread];
        epoll::add(&epoll, &mailbox.bell, EventData::new_u64(BELL), EventFlags::IN)
            .context("cannot watch the mailbox")?;
        let mut publishers = Vec::new();
        for (index, member) in setup.members.iter_mut().enumerate() {
            if let Some(publisher) = &mut member.client.publisher {
                publisher.position = publishers.len() as u32;
                publishers.push(index as u32);
            }
        }
        let threads = setup.mailboxes.len();
        Ok(Worker {
            setup,
            epoll,
            pace: Pace::default(),
            publishers,
            ready: Vec::new(),
            opening: VecDeque::new(),
            opening_per_second: 0.0,
            opening_began_ns: 0,
            opened: 0,
            connecting: Vec::new(),
            connect: histogram(),
            faults: BTreeMap::new(),
            counts: Counts::default(),
            buffer: vec![0; BUFFER_BYTES],
            out: Vec::with_capacity(BUFFER_BYTES),
            busy_began: (0, 0),
            busy: 0.0,
            next_report_ns: 0,
            ping_cursor: 0,
            unread: Vec::new(),
            outgoing_wakes: vec![Vec::new(); threads],
            is_over: false,
        })
    }

    /// Runs until it is told to end.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
        while !self.is_over {
            let timeout_ns = self.turn();
            let timeout = Timespec { tv_sec: 0, tv_nsec: timeout_ns as _ };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("epoll_wait"),
            }
            for index in 0..events.len() {
                let event = events[index];
                self.on_event(event.data.u64(), event.flags);
            }
        }
        Ok(())
    }

    /// Does what is to be done between events; answers how long to wait for more.
    fn turn(&mut self) -> u64 {
        let now_ns = self.setup.clock.now_ns();
        for index in std::mem::take(&mut self.unread) {
            self.on_readable(index);
        }
        let mailboxes = Arc::clone(&self.setup.mailboxes);
        let mailbox = &mailboxes[self.setup.thread];
        if mailbox.take_has_mail() {
            mailbox.take_woken(&mut self.ready);
            while let Some(order) = mailbox.take_order() {
                self.on_order(order, now_ns);
            }
        }
        self.open_some(now_ns);
        self.ping_some(now_ns);
        let publishing_in_ns = self.publish_due(now_ns);
        self.pass_on_wakes();
        self.report(mailbox, now_ns);
        if self.setup.spins || !self.unread.is_empty() || !self.ready.is_empty() || self.is_over {
            return 0;
        }
        let opening_in_ns = self.opening_in_ns(now_ns);
        match publishing_in_ns.min(opening_in_ns).min(SLEEP_NS_MAX) {
            wait_ns if wait_ns < SLEEP_NS_MIN => 0,
            wait_ns => wait_ns,
        }
    }

    fn on_event(&mut self, data: u64, flags: EventFlags) {
        if data == BELL {
            return self.setup.mailboxes[self.setup.thread].quiet();
        }
        let index = data as u32;
        if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            self.on_writable(index);
        }
        if flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP) {
            self.on_readable(index);
        }
    }

    /// Has this member looked at again in the next turn.
    pub(crate) fn read_again(&mut self, index: u32) {
        self.unread.push(index);
    }

    /// Tells the publishers whose window has opened: those here at once, those of other threads in one go.
    fn pass_on_wakes(&mut self) {
        for publisher in self.setup.tally.woken.drain(..) {
            let home = self.setup.credits.home(publisher);
            if home.thread as usize == self.setup.thread {
                self.ready.push(home.client);
            } else {
                self.outgoing_wakes[home.thread as usize].push(home.client);
            }
        }
        for (thread, clients) in self.outgoing_wakes.iter_mut().enumerate() {
            if !clients.is_empty() {
                self.setup.mailboxes[thread].wake(clients);
            }
        }
    }

    /// Pings each ready member once in three quarters of its keep alive, spread evenly, whatever else it sends.
    fn ping_some(&mut self, now_ns: u64) {
        let (members, keep_alive_s) = (self.setup.members.len() as u64, self.setup.manners.keep_alive_s);
        if keep_alive_s == 0 || members == 0 {
            return;
        }
        let period_ns = u64::from(keep_alive_s) * 750_000_000;
        let due = (u128::from(now_ns) * u128::from(members) / u128::from(period_ns)) as u64;
        while self.ping_cursor < due {
            self.ping((self.ping_cursor % members) as u32);
            self.ping_cursor += 1;
        }
    }
}
