//! Orders, and what is said about them.

use std::sync::atomic::Ordering;

use rustix::time::{clock_gettime, ClockId};

use crate::ledger::Truth;
use crate::orders::{lock, Collected, Mailbox, Order};
use crate::tally::{histogram, Account};

use super::state::Worker;

/// Subscribers named in a report.
const WORST_MAX: usize = 5;
/// How often what costs a look at every publisher is brought up to date.
const REPORT_NS: u64 = 20_000_000;

impl Worker {
    pub(crate) fn on_order(&mut self, order: Order, now_ns: u64) {
        match order {
            Order::Open { group, per_second } => self.open_group(group, per_second, now_ns),
            Order::Publish { pacing, measured } => {
                self.setup.tally.measured = measured;
                self.start_publishing(pacing, now_ns);
            }
            Order::Subscribe { group } => self.subscribe(group),
            Order::Halt => self.pace.pacing = None,
            Order::Read { is_on } => self.set_reading(is_on),
            Order::Leave { group, is_polite } => self.leave(group, is_polite),
            Order::ForgetSessions => self.setup.members.iter_mut().for_each(|member| member.client.is_clean = true),
            Order::ClearRetained => self.clear_retained(),
            Order::CountSent { to } => {
                let publishers = self.setup.members.iter().filter_map(|member| member.client.publisher.as_ref());
                // Nobody listening means that the run is over.
                let _ = to.send(publishers.flat_map(|publisher| publisher.sent_of_flows()).collect());
            }
            Order::Collect { sent, to } => {
                let _ = to.send(self.collect(&sent));
            }
            Order::Exit => self.is_over = true,
        }
    }

    fn collect(&mut self, sent: &[u32]) -> Collected {
        let tally = &mut self.setup.tally;
        tally.settle();
        let sent_of = |flow: u32| sent.get(flow as usize).copied().unwrap_or(0);
        let (mut truth, mut truth_slow, mut worst) = (Truth::default(), Truth::default(), Vec::new());
        for member in &self.setup.members {
            let (Account::Own(ledger) | Account::Slow(ledger) | Account::Bulk(ledger)) = member.client.account else {
                continue;
            };
            let Some(ledger) = tally.ledgers.get(ledger as usize) else { continue };
            let own = ledger.close(sent_of);
            if member.is_slow {
                truth_slow.add(own);
            } else {
                truth.add(own);
            }
            if !own.is_clean() {
                worst.push((member.client.id.to_string(), own));
            }
        }
        worst.sort_by_key(|(_, own)| std::cmp::Reverse(own.lost + own.duplicated + own.out_of_order + own.foreign));
        worst.truncate(WORST_MAX);
        Collected {
            latency: std::mem::replace(&mut tally.latency, histogram()),
            connect: std::mem::replace(&mut self.connect, histogram()),
            delivered_measured: std::mem::take(&mut tally.delivered_measured),
            bulk_delivered_measured: std::mem::take(&mut tally.bulk_delivered_measured),
            unreadable: tally.unreadable,
            truth,
            truth_slow,
            worst,
            shared: tally.shared.clone(),
            faults: self.faults.clone(),
            busy: self.busy,
            lag_ns_max: self.pace.lag_ns_max,
        }
    }

    /// Brings the figures others look at up to date.
    pub(crate) fn report(&mut self, mailbox: &Mailbox, now_ns: u64) {
        let (progress, counts) = (&mailbox.progress, &self.counts);
        progress.ready.store(counts.ready, Ordering::Relaxed);
        progress.connected.store(counts.connected, Ordering::Relaxed);
        progress.connect_failed.store(counts.connect_failed, Ordering::Relaxed);
        progress.closed.store(counts.closed, Ordering::Relaxed);
        progress.sent.store(counts.sent, Ordering::Relaxed);
        progress.acknowledged.store(counts.acknowledged, Ordering::Relaxed);
        progress.refused.store(counts.refused, Ordering::Relaxed);
        progress.stalls.store(counts.stalls, Ordering::Relaxed);
        progress.delivered.store(self.setup.tally.delivered, Ordering::Relaxed);
        progress.granted.store(counts.granted, Ordering::Relaxed);
        progress.bulk_sent.store(counts.bulk_sent, Ordering::Relaxed);
        progress.bulk_delivered.store(self.setup.tally.bulk_delivered, Ordering::Relaxed);
        let reported = (*counts, self.setup.tally.delivered);
        if reported != self.reported {
            self.reported = reported;
            progress.moved_ns.store(now_ns, Ordering::Relaxed);
        }
        progress.idle_ns.store(self.spinning.idle_ns, Ordering::Relaxed);
        progress.answered.store(counts.answered, Ordering::Release);
        let opening = self.opening.len() + self.connecting.len();
        progress.opening.store(opening as u64, Ordering::Release);
        if now_ns < self.next_report_ns {
            return;
        }
        self.next_report_ns = now_ns + REPORT_NS;
        progress.unsent.store(self.unsent(now_ns), Ordering::Relaxed);
        self.watch_busy(now_ns);
        if let Some(recent) = &mut self.setup.tally.recent {
            if let Some(all) = &mut *lock(&mailbox.recent) {
                // Both have the same bounds.
                let _ = all.add(&*recent);
                recent.clear();
            }
        }
    }

    /// The share of the measured time that this thread was running, and not for want of anything to do. Where nothing is
    /// published, the time it took to open the connections is what is measured.
    fn watch_busy(&mut self, now_ns: u64) {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let running_ns = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
        // A spinning thread that has lost its CPU to another has not run while it seemed to be idle.
        let running_ns = running_ns.saturating_sub(self.spinning.idle_ns);
        let measured = &self.setup.tally.measured;
        let is_opening = !self.opening.is_empty() || !self.connecting.is_empty();
        let (is_before, is_now) = if measured.is_empty() {
            (!is_opening, is_opening)
        } else {
            (now_ns < measured.start, now_ns <= measured.end)
        };
        if is_before || self.busy_began.0 == 0 {
            self.busy_began = (now_ns, running_ns);
        } else if is_now && now_ns > self.busy_began.0 {
            let elapsed_ns = now_ns - self.busy_began.0;
            self.busy = running_ns.saturating_sub(self.busy_began.1) as f64 / elapsed_ns as f64;
        }
    }
}
