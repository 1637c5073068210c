//! One thread's loop: events of its sockets, messages that are due, orders.

mod connections;
mod duty;
mod state;
mod traffic;

use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::event::epoll::{self, EventFlags};
use rustix::event::Timespec;

use self::state::BELL;
pub(crate) use self::state::{Member, Setup, Worker};

const EVENTS_MAX: usize = 1024;
/// Nothing waits longer, so that deadlines are seen.
const SLEEP_NS_MAX: u64 = 20_000_000;
/// Below this a sleep costs more than it saves.
const SLEEP_NS_MIN: u64 = 20_000;

impl Worker {
    /// Runs until it is told to end.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
        while !self.is_over {
            let sent_before = self.counts.sent + self.counts.bulk_sent;
            let timeout_ns = self.turn();
            let timeout = Timespec { tv_sec: 0, tv_nsec: timeout_ns as _ };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).context("epoll_wait"),
            }
            for event in &events {
                self.on_event(event.data.u64(), event.flags);
            }
            let sent = self.counts.sent + self.counts.bulk_sent;
            self.spinning.note(events.is_empty() && sent == sent_before);
        }
        Ok(())
    }

    /// Does what is to be done between events; answers how long to wait for more.
    fn turn(&mut self) -> u64 {
        let now_ns = self.setup.clock.now_ns();
        if self.setup.spins {
            self.spinning.turn(now_ns);
        }
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
