//! Publishing: what is due by the clock, or what the windows allow.

use crate::client::Stage;
use crate::orders::Pacing;
use crate::pace::{due_ns, slots_due};

use super::state::Worker;

/// Bytes written for one publisher before others have their turn.
const BATCH_BYTES: usize = 64 * 1024;
/// What the bulk publisher has under way.
const BULK_WINDOW: u32 = 16;
/// A closed loop that has stood still so long has lost messages and goes on without them.
const STALL_NS: u64 = 2_000_000_000;

/// What a publisher could do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pumped {
    /// All it should.
    Done,
    /// It has more, and has to wait for an acknowledgement, its window or its socket.
    Blocked,
    /// It has more, and others come first.
    More,
}

impl Worker {
    /// Takes up a new pacing.
    pub(crate) fn start_publishing(&mut self, pacing: Pacing, now_ns: u64) {
        let sent = |index: &u32| self.setup.members[*index as usize].client.publisher.as_ref().map_or(0, |p| p.sent());
        self.pace.sent_before = self.publishers.iter().map(sent).collect();
        self.pace.pacing = Some(pacing);
        self.pace.slots = 0;
        self.pace.idle_since_ns = now_ns;
        self.pace.lag_ns_max = 0;
        self.ready.extend(self.bulk);
        match pacing {
            Pacing::Fixed { .. } => {}
            Pacing::Window { .. } | Pacing::Burst { .. } => self.ready.extend(0..self.setup.members.len() as u32),
        }
    }

    /// Sends what is due or allowed; answers in how many ns to look again at the latest.
    pub(crate) fn publish_due(&mut self, now_ns: u64) -> u64 {
        let Some(pacing) = self.pace.pacing else {
            self.ready.clear();
            return u64::MAX;
        };
        let mut ready = std::mem::take(&mut self.ready);
        for index in ready.drain(..) {
            let publisher = self.setup.members[index as usize].client.publisher.as_ref().map(|p| p.index);
            if let Some(publisher) = publisher {
                self.setup.credits.unqueue(publisher);
                self.pump_again(index, pacing, now_ns);
            }
        }
        // Those with more to send have been put into the new list.
        ready.append(&mut self.ready);
        self.ready = ready;
        match pacing {
            Pacing::Fixed { start_ns, step_ns, until_ns } => self.publish_slots(start_ns, step_ns, until_ns, now_ns),
            Pacing::Window { until_ns, .. } => self.watch_for_stall(until_ns, now_ns),
            Pacing::Burst { .. } => u64::MAX,
        }
    }

    /// The slots that have come due since the last turn.
    fn publish_slots(&mut self, start_ns: u64, step_ns: f64, until_ns: u64, now_ns: u64) -> u64 {
        let count = self.publishers.len() as u64;
        if count == 0 {
            return u64::MAX;
        }
        let pacing = Pacing::Fixed { start_ns, step_ns, until_ns };
        let due = slots_due(start_ns, step_ns, now_ns.min(until_ns));
        // A publisher sends all it owes at once, so one round of them is enough.
        let first = self.pace.slots.max(due.saturating_sub(count));
        if first < due {
            let lag_ns = now_ns.saturating_sub(due_ns(start_ns, step_ns, self.pace.slots));
            self.pace.lag_ns_max = self.pace.lag_ns_max.max(lag_ns);
        }
        for slot in first..due {
            let index = self.publishers[(slot % count) as usize];
            self.pump_again(index, pacing, now_ns);
        }
        self.pace.slots = due;
        if now_ns >= until_ns {
            return u64::MAX;
        }
        due_ns(start_ns, step_ns, due).saturating_sub(now_ns)
    }

    fn watch_for_stall(&mut self, until_ns: u64, now_ns: u64) -> u64 {
        if now_ns >= until_ns || now_ns.saturating_sub(self.pace.idle_since_ns) < STALL_NS {
            return u64::MAX;
        }
        self.pace.idle_since_ns = now_ns;
        for position in 0..self.publishers.len() {
            let index = self.publishers[position];
            let Some(publisher) = &mut self.setup.members[index as usize].client.publisher else { continue };
            let outstanding = publisher.sent().saturating_sub(self.setup.credits.received(publisher.index));
            if outstanding > publisher.forgiven {
                publisher.forgiven = outstanding;
                self.counts.stalls += 1;
                self.ready.push(index);
            }
        }
        0
    }

    fn pump_again(&mut self, index: u32, pacing: Pacing, now_ns: u64) {
        if self.pump(index, pacing, now_ns) == Pumped::More {
            self.ready.push(index);
        }
    }

    /// Has one publisher send what it should and can.
    fn pump(&mut self, index: u32, pacing: Pacing, now_ns: u64) -> Pumped {
        let count = self.publishers.len() as u64;
        let member = &mut self.setup.members[index as usize];
        let Some(publisher) = &mut member.client.publisher else { return Pumped::Done };
        let pacing = if publisher.is_bulk { beside(pacing) } else { pacing };
        if !member.was_ready || member.link.is_blocked() {
            return Pumped::Blocked;
        }
        let position = publisher.position as usize;
        let before = self.pace.sent_before.get(position).copied().unwrap_or(0);
        let sent_before = publisher.sent();
        let (target, fixed) = match pacing {
            Pacing::Fixed { start_ns, step_ns, until_ns } => {
                let due = slots_due(start_ns, step_ns, now_ns.min(until_ns));
                // Slots position, position + count, ... below `due` are its own.
                let own = (due + count - 1).saturating_sub(position as u64) / count;
                (before + own, Some((start_ns, step_ns)))
            }
            Pacing::Window { window, burst, until_ns } if now_ns < until_ns => {
                let received = self.setup.credits.received(publisher.index);
                let lead = (publisher.forgiven + u64::from(window)).min(self.setup.credits.lead_max());
                let room = (received + lead).saturating_sub(sent_before);
                if room < u64::from(burst).min(lead) {
                    // The next delivery asks again.
                    return Pumped::Done;
                }
                (received + lead, None)
            }
            Pacing::Window { .. } => return Pumped::Done,
            Pacing::Burst { messages } => (before + messages, None),
        };
        self.out.clear();
        let mut pumped = Pumped::Done;
        while publisher.sent() < target {
            if !publisher.may_send() {
                publisher.is_waiting = true;
                pumped = Pumped::Blocked;
                break;
            }
            if self.out.len() >= BATCH_BYTES {
                pumped = Pumped::More;
                break;
            }
            let intended_ns = match fixed {
                Some((start_ns, step_ns)) => {
                    due_ns(start_ns, step_ns, (publisher.sent() - before) * count + position as u64)
                }
                None => now_ns,
            };
            publisher.send(intended_ns, &mut self.out);
        }
        let sent = publisher.sent() - sent_before;
        if sent > 0 {
            if publisher.is_bulk {
                self.counts.bulk_sent += sent;
            } else {
                self.counts.sent += sent;
                self.pace.idle_since_ns = now_ns;
            }
            if matches!(pacing, Pacing::Burst { .. }) && publisher.sent() == target {
                member.client.ask(&mut self.out);
            }
            let is_written = self.write(index);
            if !is_written {
                return Pumped::Blocked;
            }
        }
        pumped
    }

    /// Messages that are due and have not been sent, or sent and not acknowledged.
    pub(crate) fn unsent(&self, now_ns: u64) -> u64 {
        let count = self.publishers.len() as u64;
        let mut unsent = 0;
        for (position, index) in self.publishers.iter().enumerate() {
            let Some(publisher) = &self.setup.members[*index as usize].client.publisher else { continue };
            let sent = publisher.sent() - self.pace.sent_before.get(position).copied().unwrap_or(0);
            unsent += u64::from(publisher.in_flight());
            unsent += match self.pace.pacing {
                Some(Pacing::Fixed { start_ns, step_ns, until_ns }) => {
                    let due = slots_due(start_ns, step_ns, now_ns.min(until_ns));
                    ((due + count - 1).saturating_sub(position as u64) / count).saturating_sub(sent)
                }
                Some(Pacing::Burst { messages }) => messages.saturating_sub(sent),
                Some(Pacing::Window { .. }) | None => 0,
            };
        }
        unsent
    }

    /// Takes back the retained messages of all publishers.
    pub(crate) fn clear_retained(&mut self) {
        for position in 0..self.publishers.len() {
            let index = self.publishers[position];
            let member = &mut self.setup.members[index as usize];
            if member.client.stage() != Stage::Ready {
                continue;
            }
            self.out.clear();
            if let Some(publisher) = &member.client.publisher {
                publisher.append_clearing(self.setup.manners.version, &mut self.out);
            }
            member.client.ask(&mut self.out);
            self.write(index);
        }
    }

    pub(crate) fn ping(&mut self, index: u32) {
        let client = &mut self.setup.members[index as usize].client;
        if client.stage() == Stage::Ready {
            self.out.clear();
            client.ping(&mut self.out);
            self.write(index);
        }
    }
}

/// How the bulk publisher goes on while the others are paced like this.
fn beside(pacing: Pacing) -> Pacing {
    match pacing {
        Pacing::Fixed { until_ns, .. } | Pacing::Window { until_ns, .. } => {
            Pacing::Window { window: BULK_WINDOW, burst: 1, until_ns }
        }
        Pacing::Burst { messages } => Pacing::Burst { messages },
    }
}
