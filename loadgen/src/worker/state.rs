//! What a thread's loop works on.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use rustix::event::epoll::{self, EventData, EventFlags};

use crate::client::{Client, Manners};
use crate::credit::Credits;
use crate::link::Link;
use crate::orders::{Clock, Group, Mailbox};
use crate::pace::Pace;
use crate::tally::{histogram, Tally};
use crate::tls::Terms;

/// What the events of the mailbox are marked with.
pub(crate) const BELL: u64 = u64::MAX;
/// Bytes read at once; many messages a call.
const BUFFER_BYTES: usize = 256 * 1024;

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
    pub(crate) tls: Option<Terms>,
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
    /// The one beside them, if it lives here.
    pub(crate) bulk: Option<u32>,
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
    /// The counts at the last report, and deliveries.
    pub(crate) reported: (Counts, u64),
    pub(crate) buffer: Vec<u8>,
    /// What comes of TLS, before it is in the buffer; as large as it needs to be.
    pub(crate) records: Vec<u8>,
    pub(crate) out: Vec<u8>,
    /// When the measuring began, and what the thread had run and spun in vain until then.
    pub(crate) busy_began: (u64, u64),
    pub(crate) spinning: Spinning,
    pub(crate) busy: f64,
    pub(crate) next_report_ns: u64,
    pub(crate) ping_cursor: u64,
    /// Members with more to read than one turn allows.
    pub(crate) unread: Vec<u32>,
    pub(crate) outgoing_wakes: Vec<Vec<u32>>,
    pub(crate) is_over: bool,
}

/// How long a thread that never sleeps has gone round without anything to do: time in which another would have slept.
#[derive(Default)]
pub(crate) struct Spinning {
    began_ns: u64,
    was_idle: bool,
    pub(crate) idle_ns: u64,
}

impl Spinning {
    /// A turn begins.
    #[inline]
    pub(crate) fn turn(&mut self, now_ns: u64) {
        if self.was_idle {
            self.idle_ns += now_ns - self.began_ns;
        }
        self.began_ns = now_ns;
    }

    /// Whether the turn had nothing to do.
    #[inline]
    pub(crate) fn note(&mut self, is_idle: bool) {
        self.was_idle = is_idle;
    }
}

/// What becomes [`Progress`](crate::orders::Progress) at the end of a turn.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) ready: u64,
    pub(crate) connected: u64,
    pub(crate) connect_failed: u64,
    pub(crate) closed: u64,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) granted: u64,
    pub(crate) answered: u64,
    pub(crate) bulk_sent: u64,
    pub(crate) stalls: u64,
}

impl Worker {
    pub(crate) fn new(mut setup: Setup) -> Result<Worker> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll instance")?;
        let mailbox = &setup.mailboxes[setup.thread];
        epoll::add(&epoll, &mailbox.bell, EventData::new_u64(BELL), EventFlags::IN)
            .context("cannot watch the mailbox")?;
        let (mut publishers, mut bulk) = (Vec::new(), None);
        for (index, member) in setup.members.iter_mut().enumerate() {
            match &mut member.client.publisher {
                Some(publisher) if publisher.is_bulk => bulk = Some(index as u32),
                Some(publisher) => {
                    publisher.position = publishers.len() as u32;
                    publishers.push(index as u32);
                }
                None => {}
            }
        }
        let threads = setup.mailboxes.len();
        Ok(Worker {
            setup,
            epoll,
            pace: Pace::default(),
            publishers,
            bulk,
            ready: Vec::new(),
            opening: VecDeque::new(),
            opening_per_second: 0.0,
            opening_began_ns: 0,
            opened: 0,
            connecting: Vec::new(),
            connect: histogram(),
            faults: BTreeMap::new(),
            counts: Counts::default(),
            reported: (Counts::default(), 0),
            buffer: vec![0; BUFFER_BYTES],
            records: Vec::new(),
            out: Vec::with_capacity(BUFFER_BYTES),
            busy_began: (0, 0),
            spinning: Spinning::default(),
            busy: 0.0,
            next_report_ns: 0,
            ping_cursor: 0,
            unread: Vec::new(),
            outgoing_wakes: vec![Vec::new(); threads],
            is_over: false,
        })
    }

    /// Has this member looked at again in the next turn.
    pub(crate) fn read_again(&mut self, index: u32) {
        self.unread.push(index);
    }
}
