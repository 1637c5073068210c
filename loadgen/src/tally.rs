//! What one thread has seen: latencies, counts, and the account of each of its subscribers.

use std::sync::Arc;

use hdrhistogram::Histogram;

use crate::credit::Credits;
use crate::ledger::{Arrival, Ledger, SharedLedger};
use crate::stamp::Stamp;

/// Latencies above are entered as this.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// Who keeps account of what a client receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// It receives nothing.
    Nobody,
    /// A ledger of its own, by index.
    Own(u32),
    /// The same for one that stops reading for a while: its latencies say nothing of the broker.
    Slow(u32),
    /// A ledger of its own for what comes beside the others: it is in none of their figures.
    Bulk(u32),
    /// The ledger of its share group, as this member.
    Shared(u32),
}

/// A histogram of durations in ns, from 1 ns to an hour, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("the bounds are in order")
}

pub(crate) struct Tally {
    /// From intended time to arrival, of messages meant to be sent while it was measured.
    pub(crate) latency: Histogram<u64>,
    /// The same since the live line took it last, whether measured or not; `None` without a live line.
    pub(crate) recent: Option<Histogram<u64>>,
    /// Deliveries so far, duplicates and foreign ones left out.
    pub(crate) delivered: u64,
    /// Those that arrived while it was measured.
    pub(crate) delivered_measured: u64,
    /// The same two of the bulk publisher.
    pub(crate) bulk_delivered: u64,
    pub(crate) bulk_delivered_measured: u64,
    /// PUBLISH packets that are not ours.
    pub(crate) unreadable: u64,
    /// From where to where it is measured.
    pub(crate) measured: std::ops::Range<u64>,
    /// Publishers whose window has opened.
    pub(crate) woken: Vec<u32>,
    pub(crate) ledgers: Vec<Ledger>,
    pub(crate) shared: Option<SharedLedger>,
    /// Whether windows are to be moved. From the first message on: another thread may publish before this one has heard.
    is_closed_loop: bool,
    credits: Arc<Credits>,
    publishers: u32,
    run: Run,
    counted: (u32, u32),
}

/// Consecutive deliveries with one latency, as a batch sent and received at once has; entered together.
#[derive(Default)]
struct Run {
    latency_ns: u64,
    is_measured: bool,
    deliveries: u64,
}

impl Tally {
    /// `publishers` of all threads.
    pub(crate) fn new(credits: Arc<Credits>, publishers: u32, is_live: bool, is_closed_loop: bool) -> Tally {
        Tally {
            latency: histogram(),
            recent: is_live.then(histogram),
            delivered: 0,
            delivered_measured: 0,
            bulk_delivered: 0,
            bulk_delivered_measured: 0,
            unreadable: 0,
            measured: 0..0,
            woken: Vec::new(),
            ledgers: Vec::new(),
            shared: None,
            is_closed_loop,
            credits,
            publishers: publishers.max(1),
            run: Run::default(),
            counted: (0, 0),
        }
    }

    /// Enters one delivery.
    #[inline]
    pub(crate) fn enter(&mut self, account: Account, stamp: Stamp, now_ns: u64) {
        let (arrival, before) = match account {
            Account::Own(ledger) | Account::Slow(ledger) | Account::Bulk(ledger) => {
                match self.ledgers.get_mut(ledger as usize) {
                    Some(ledger) => ledger.enter(stamp.flow, stamp.sequence),
                    None => (Arrival::Foreign, 0),
                }
            }
            Account::Shared(member) => match &mut self.shared {
                Some(shared) => (shared.enter(member as usize, stamp.flow, stamp.sequence), stamp.sequence),
                None => (Arrival::Foreign, 0),
            },
            Account::Nobody => (Arrival::Foreign, 0),
        };
        match arrival {
            Arrival::InOrder | Arrival::OutOfOrder => {}
            Arrival::Duplicate | Arrival::Foreign => return,
        }
        let (all, in_time) = match account {
            Account::Bulk(_) => (&mut self.bulk_delivered, &mut self.bulk_delivered_measured),
            Account::Own(_) | Account::Slow(_) | Account::Shared(_) | Account::Nobody => {
                (&mut self.delivered, &mut self.delivered_measured)
            }
        };
        *all += 1;
        *in_time += u64::from(self.measured.contains(&now_ns));
        match account {
            Account::Own(_) | Account::Shared(_) => self.time(stamp.intended_ns, now_ns),
            Account::Slow(_) | Account::Bulk(_) | Account::Nobody => {}
        }
        if !self.is_closed_loop && !matches!(account, Account::Bulk(_)) {
            return;
        }
        let publisher = stamp.flow % self.publishers;
        if self.credits.counts() {
            if self.counted.0 != publisher {
                self.settle_count();
                self.counted.0 = publisher;
            }
            self.counted.1 += 1;
        } else if arrival == Arrival::InOrder && self.credits.pass(publisher, before, stamp.sequence.wrapping_add(1)) {
            self.woken.push(publisher);
        }
    }

    /// Puts down what has been held back to be entered together; to be called when a batch has been read.
    #[inline]
    pub(crate) fn settle(&mut self) {
        self.settle_count();
        self.settle_run();
    }

    #[inline]
    fn time(&mut self, intended_ns: u64, now_ns: u64) {
        let latency_ns = now_ns.saturating_sub(intended_ns);
        let is_measured = self.measured.contains(&intended_ns);
        if latency_ns != self.run.latency_ns || is_measured != self.run.is_measured {
            self.settle_run();
            self.run = Run { latency_ns, is_measured, deliveries: 0 };
        }
        self.run.deliveries += 1;
    }

    #[inline]
    fn settle_run(&mut self) {
        let deliveries = std::mem::take(&mut self.run.deliveries);
        if deliveries == 0 {
            return;
        }
        let latency_ns = self.run.latency_ns.clamp(1, LATENCY_NS_MAX);
        if self.run.is_measured {
            self.latency.saturating_record_n(latency_ns, deliveries);
        }
        if let Some(recent) = &mut self.recent {
            recent.saturating_record_n(latency_ns, deliveries);
        }
    }

    #[inline]
    fn settle_count(&mut self) {
        let (publisher, deliveries) = self.counted;
        if deliveries > 0 {
            self.counted.1 = 0;
            if self.credits.count(publisher, deliveries) {
                self.woken.push(publisher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::Home;

    fn tally(receivers: u32) -> Tally {
        let homes = [Home { thread: 0, client: 0 }, Home { thread: 0, client: 1 }];
        let mut tally = Tally::new(Arc::new(Credits::new(&homes, receivers, 4)), 2, true, true);
        tally.ledgers.push(Ledger::new(0, 2));
        tally.measured = 100..200;
        tally
    }

    fn enter(tally: &mut Tally, flow: u32, sequence: u32, intended_ns: u64, now_ns: u64) {
        tally.enter(Account::Own(0), Stamp { flow, sequence, intended_ns }, now_ns);
    }

    #[test]
    fn latency_counts_from_the_intended_time_of_measured_messages() {
        let mut tally = tally(1);
        enter(&mut tally, 0, 0, 99, 150);
        enter(&mut tally, 0, 1, 100, 150);
        enter(&mut tally, 0, 2, 100, 150);
        enter(&mut tally, 0, 3, 199, 300);
        enter(&mut tally, 0, 4, 200, 300);
        tally.settle();
        assert_eq!((tally.delivered, tally.delivered_measured, tally.latency.len()), (5, 3, 3));
        assert_eq!((tally.latency.min(), tally.latency.max()), (50, 101));
        assert_eq!(tally.recent.as_ref().map(Histogram::len), Some(5));
    }

    #[test]
    fn who_does_not_read_has_no_latency() {
        let mut tally = tally(1);
        tally.enter(Account::Slow(0), Stamp { flow: 0, sequence: 0, intended_ns: 100 }, 150);
        tally.settle();
        assert_eq!((tally.delivered, tally.latency.len()), (1, 0));
        assert_eq!(tally.ledgers[0].close(|_| 1).lost, 1, "the other flow's");
    }

    #[test]
    fn what_comes_beside_the_others_moves_its_window_and_none_of_their_figures() {
        let mut tally = tally(1);
        tally.is_closed_loop = false;
        tally.enter(Account::Bulk(0), Stamp { flow: 1, sequence: 0, intended_ns: 100 }, 150);
        enter(&mut tally, 0, 0, 100, 150);
        tally.settle();
        assert_eq!((tally.delivered, tally.delivered_measured, tally.latency.len()), (1, 1, 1));
        assert_eq!((tally.bulk_delivered, tally.bulk_delivered_measured), (1, 1));
        assert_eq!((tally.woken.as_slice(), tally.credits.received(0)), (&[1][..], 0));
    }

    #[test]
    fn duplicates_and_strangers_are_no_deliveries() {
        let mut tally = tally(1);
        enter(&mut tally, 0, 0, 100, 150);
        enter(&mut tally, 0, 0, 100, 150);
        enter(&mut tally, 7, 0, 100, 150);
        tally.enter(Account::Nobody, Stamp { flow: 0, sequence: 1, intended_ns: 100 }, 150);
        tally.settle();
        assert_eq!((tally.delivered, tally.latency.len()), (1, 1));
    }

    #[test]
    fn publishers_are_told_once_until_they_have_looked() {
        let mut tally = tally(1);
        for sequence in 0..3 {
            enter(&mut tally, 0, sequence, 100, 150);
        }
        enter(&mut tally, 1, 0, 100, 150);
        tally.settle();
        assert_eq!(tally.woken, [0, 1]);
        assert_eq!((tally.credits.received(0), tally.credits.received(1)), (3, 1));
        enter(&mut tally, 1, 1, 100, 150);
        tally.settle();
        assert_eq!(tally.woken, [0, 1]);
    }
}
