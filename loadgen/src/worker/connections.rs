//! Opening, reading, writing and losing connections.

use std::io;

use rustix::event::epoll::{self, EventData, EventFlags};

use crate::client::{Fault, Stage};
use crate::link::Reading;
use crate::orders::Group;

use super::state::Worker;

/// Connections under way at once, of one thread. Whoever finds no room in a broker's queue tries again after a second, which
/// says nothing about the broker: mosquitto's has room for a hundred.
const CONNECTING_MAX: usize = 64;
/// Readings of one connection before others have their turn.
const READINGS_MAX: usize = 4;

impl Worker {
    /// Puts those of a group that have no connection in the queue.
    pub(crate) fn open_group(&mut self, group: Group, per_second: f64, now_ns: u64) {
        self.opening_per_second = per_second;
        self.opening_began_ns = now_ns;
        self.opened = 0;
        for (index, member) in self.setup.members.iter().enumerate() {
            if member.group == group && !member.link.is_open() {
                self.opening.push_back(index as u32);
            }
        }
    }

    /// Opens what may be opened now, and gives up on what takes too long.
    pub(crate) fn open_some(&mut self, now_ns: u64) {
        if self.opening.is_empty() && self.connecting.is_empty() {
            return;
        }
        let timeout_ns = self.setup.connect_timeout_ns;
        let mut at = 0;
        while let Some(&index) = self.connecting.get(at) {
            let member = &self.setup.members[index as usize];
            if member.was_ready || !member.link.is_open() {
                self.connecting.swap_remove(at);
            } else if now_ns.saturating_sub(member.opened_ns) > timeout_ns {
                self.connecting.swap_remove(at);
                self.lose(index, "no answer to CONNECT or SUBSCRIBE in time");
            } else {
                at += 1;
            }
        }
        while self.connecting.len() < CONNECTING_MAX && self.may_open(now_ns) {
            let Some(index) = self.opening.pop_front() else { return };
            self.opened += 1;
            self.open(index, now_ns);
        }
    }

    fn may_open(&self, now_ns: u64) -> bool {
        let elapsed_s = now_ns.saturating_sub(self.opening_began_ns) as f64 / 1e9;
        self.opening_per_second == 0.0 || (self.opened as f64) <= elapsed_s * self.opening_per_second
    }

    /// In how many ns the next connection may be opened.
    pub(crate) fn opening_in_ns(&self, now_ns: u64) -> u64 {
        if self.opening.is_empty() || self.connecting.len() >= CONNECTING_MAX {
            return u64::MAX;
        }
        if self.opening_per_second == 0.0 {
            return 0;
        }
        let due_ns = self.opening_began_ns + (self.opened as f64 / self.opening_per_second * 1e9) as u64;
        due_ns.saturating_sub(now_ns)
    }

    fn open(&mut self, index: u32, now_ns: u64) {
        let (broker, tls) = (self.setup.broker, self.setup.tls.as_ref());
        let member = &mut self.setup.members[index as usize];
        member.opened_ns = now_ns;
        member.was_ready = false;
        let source = member.source;
        let watched = member.link.open(broker, source, tls).and_then(|stream| {
            // Edge-triggered and for both directions: registered once, never changed.
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, stream, EventData::new_u64(u64::from(index)), flags).map_err(io::Error::from)
        });
        match watched {
            Ok(()) => self.connecting.push(index),
            Err(error) => self.lose(index, &format!("connect: {error}")),
        }
    }

    pub(crate) fn on_writable(&mut self, index: u32) {
        let member = &mut self.setup.members[index as usize];
        if !member.link.is_open() {
            return;
        }
        if member.client.stage() == Stage::Offline {
            if let Some(error) = member.link.connect_error() {
                return self.lose(index, &format!("connect: {error}"));
            }
            self.out.clear();
            member.client.open(&self.setup.manners, &mut self.out);
            self.write(index);
            return;
        }
        match member.link.flush() {
            Ok(true) if member.client.publisher.is_some() => self.ready.push(index),
            Ok(_) => {}
            Err(error) => self.lose(index, &format!("write: {error}")),
        }
    }

    /// Writes `out`. Answers whether the socket has taken all of it.
    pub(crate) fn write(&mut self, index: u32) -> bool {
        let member = &mut self.setup.members[index as usize];
        match member.link.write(&mut self.out, &mut self.records) {
            Ok(()) => !member.link.is_blocked(),
            Err(error) => {
                self.lose(index, &format!("write: {error}"));
                false
            }
        }
    }

    pub(crate) fn on_readable(&mut self, index: u32) {
        for _ in 0..READINGS_MAX {
            let member = &mut self.setup.members[index as usize];
            if !member.is_reading || !member.link.is_open() {
                return;
            }
            match member.link.read(&mut self.buffer, &mut self.records) {
                Ok(Reading::Bytes { end, may_have_more }) => {
                    if !self.take_in(index, end) {
                        return;
                    }
                    if !may_have_more {
                        return;
                    }
                }
                Ok(Reading::Nothing) => return,
                Ok(Reading::Closed) => return self.lose(index, "closed by the broker"),
                Ok(Reading::Refused(reason)) => return self.lose(index, reason),
                Err(error) => return self.lose(index, &format!("read: {error}")),
            }
        }
        self.read_again(index);
    }

    /// Has the client read the buffer and writes its answers. Answers whether the connection is still there.
    fn take_in(&mut self, index: u32, end: usize) -> bool {
        let now_ns = self.setup.clock.now_ns();
        let setup = &mut self.setup;
        let member = &mut setup.members[index as usize];
        let bytes = &self.buffer[..end];
        self.out.clear();
        let received = match member.client.receive(&setup.manners, bytes, now_ns, &mut setup.tally, &mut self.out) {
            Ok(received) => received,
            Err(fault) => {
                setup.tally.settle();
                self.lose(index, &describe(fault));
                return false;
            }
        };
        if received.consumed < end {
            member.link.keep(&self.buffer[received.consumed..end]);
        }
        if received.became_ready {
            member.was_ready = true;
            self.counts.ready += 1;
            self.counts.connected += 1;
            self.connect.saturating_record(now_ns.saturating_sub(member.opened_ns).max(1));
            self.ready.push(index);
        }
        self.counts.granted += u64::from(received.granted);
        self.counts.answered += u64::from(received.answered);
        if received.acknowledged > 0 {
            self.counts.acknowledged += u64::from(received.acknowledged);
            self.counts.refused += u64::from(received.refused);
            if let Some(publisher) = &mut member.client.publisher {
                if std::mem::take(&mut publisher.is_waiting) {
                    self.ready.push(index);
                }
            }
        }
        if !self.out.is_empty() {
            self.write(index);
        }
        self.setup.members[index as usize].link.is_open()
    }

    /// Those of a group that have come without their filters subscribe.
    pub(crate) fn subscribe(&mut self, group: Group) {
        for index in 0..self.setup.members.len() {
            let member = &mut self.setup.members[index];
            if member.group == group && member.client.stage() == Stage::Ready {
                self.out.clear();
                member.client.subscribe(&self.setup.manners, &mut self.out);
                self.write(index as u32);
            }
        }
    }

    /// A connection is of no use any more.
    pub(crate) fn lose(&mut self, index: u32, reason: &str) {
        let member = &mut self.setup.members[index as usize];
        if std::mem::take(&mut member.was_ready) {
            self.counts.ready -= 1;
            self.counts.closed += 1;
        } else {
            self.counts.connect_failed += 1;
        }
        member.client.close();
        member.link.close(true);
        // The reasons are few; still nothing that comes from outside may grow without end.
        if self.faults.len() < 64 || self.faults.contains_key(reason) {
            *self.faults.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// Connections of a group end by our will.
    pub(crate) fn leave(&mut self, group: Group, is_polite: bool) {
        for index in 0..self.setup.members.len() {
            let member = &mut self.setup.members[index];
            if member.group != group || !member.link.is_open() {
                continue;
            }
            if std::mem::take(&mut member.was_ready) {
                self.counts.ready -= 1;
            }
            if is_polite && !member.link.is_blocked() && member.client.stage() != Stage::Offline {
                self.out.clear();
                member.client.take_leave(&self.setup.manners, &mut self.out);
                // The connection is given up either way.
                let _ = member.link.write(&mut self.out, &mut self.records);
            }
            let member = &mut self.setup.members[index];
            member.client.close();
            member.link.close(!is_polite);
        }
    }

    /// The slow ones stop or go on reading.
    pub(crate) fn set_reading(&mut self, is_on: bool) {
        for index in 0..self.setup.members.len() {
            if self.setup.members[index].is_slow {
                self.setup.members[index].is_reading = is_on;
                if is_on {
                    // What has come meanwhile makes no new edge.
                    self.read_again(index as u32);
                }
            }
        }
    }
}

fn describe(fault: Fault) -> String {
    match fault {
        Fault::Malformed => "the broker sent a malformed packet".to_owned(),
        Fault::Unexpected => "the broker sent a packet out of order".to_owned(),
        Fault::ConnectRefused(reason) => format!("CONNECT refused: {}", reason.text()),
        Fault::SubscribeRefused(code) => format!("SUBSCRIBE not granted as asked: code 0x{code:02x}"),
        Fault::Disconnected(reason) => format!("disconnected by the broker: {}", reason.text()),
    }
}
