//! The window of the closed loop: how much of what a publisher has sent its subscribers have received, across threads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Milestones that may be under way at once; the lump is chosen so that a window spans at most half of them. In large lumps
/// a publisher would wait for more than one message and then write more at once than a window of one by one means.
const MILESTONES: usize = 64;

/// Where a publisher lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) thread: u32,
    pub(crate) client: u32,
}

/// The credit of all publishers of a run.
///
/// With one receiver a message, deliveries are counted. With several, each of them passes a *milestone* every few
/// messages and the last to pass moves the publisher's mark: so the slowest subscriber decides, no queue of the broker
/// can grow beyond the window, and a delivery costs one comparison.
#[derive(Debug)]
pub(crate) struct Credits {
    publishers: Vec<Credit>,
    receivers: u32,
    lump_bits: u32,
}

#[derive(Debug)]
struct Credit {
    home: Home,
    received: AtomicU64,
    reached: [AtomicU32; MILESTONES],
    is_queued: AtomicBool,
}

impl Credits {
    pub(crate) fn new(homes: &[Home], receivers: u32, window: u32) -> Credits {
        let credit = |&home| Credit {
            home,
            received: AtomicU64::new(0),
            reached: [const { AtomicU32::new(0) }; MILESTONES],
            is_queued: AtomicBool::new(false),
        };
        let lump_bits = (window / 16).max(1).ilog2();
        Credits { publishers: homes.iter().map(credit).collect(), receivers, lump_bits }
    }

    pub(crate) fn home(&self, publisher: u32) -> Home {
        self.publishers[publisher as usize].home
    }

    /// Messages of the publisher that have reached all their receivers.
    pub(crate) fn received(&self, publisher: u32) -> u64 {
        self.publishers[publisher as usize].received.load(Ordering::Acquire)
    }

    /// Whether deliveries are counted, not milestones.
    pub(crate) fn counts(&self) -> bool {
        self.receivers == 1
    }

    /// `deliveries` more have arrived at their only receiver. Answers whether the publisher is to be told.
    pub(crate) fn count(&self, publisher: u32, deliveries: u32) -> bool {
        let credit = &self.publishers[publisher as usize];
        credit.received.fetch_add(u64::from(deliveries), Ordering::AcqRel);
        credit.queue()
    }

    /// One of several receivers has come from sequence `before` to `after`. Answers whether the publisher is to be told.
    #[inline]
    pub(crate) fn pass(&self, publisher: u32, before: u32, after: u32) -> bool {
        let (first, last) = (before >> self.lump_bits, after >> self.lump_bits);
        first != last && self.pass_milestones(publisher, first, last)
    }

    fn pass_milestones(&self, publisher: u32, first: u32, last: u32) -> bool {
        let credit = &self.publishers[publisher as usize];
        let mut has_moved = false;
        for milestone in first..last {
            let reached = &credit.reached[milestone as usize % MILESTONES];
            if reached.fetch_add(1, Ordering::AcqRel) + 1 == self.receivers {
                reached.store(0, Ordering::Release);
                credit.received.fetch_max(u64::from(milestone + 1) << self.lump_bits, Ordering::AcqRel);
                has_moved = true;
            }
        }
        has_moved && credit.queue()
    }

    /// Messages a publisher may be ahead at most, whatever it forgives, before milestones would be confused.
    pub(crate) fn lead_max(&self) -> u64 {
        if self.counts() {
            u64::MAX
        } else {
            (MILESTONES as u64 - 1) << self.lump_bits
        }
    }

    /// The publisher has been told; what it reads of its credit afterwards is as new as the last telling that was spared.
    pub(crate) fn unqueue(&self, publisher: u32) {
        // A swap and not a store: it takes over from whoever found the mark set.
        self.publishers[publisher as usize].is_queued.swap(false, Ordering::AcqRel);
    }
}

impl Credit {
    fn queue(&self) -> bool {
        !self.is_queued.swap(true, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Home = Home { thread: 0, client: 0 };

    #[test]
    fn a_single_receiver_counts_and_tells_once() {
        let credits = Credits::new(&[HOME], 1, 10);
        assert!(credits.count(0, 3));
        assert!(!credits.count(0, 2));
        credits.unqueue(0);
        assert!(credits.count(0, 1));
        assert_eq!(credits.received(0), 6);
    }

    #[test]
    fn of_several_receivers_the_slowest_decides() {
        let credits = Credits::new(&[HOME], 3, 64); // a milestone every four
        assert!(!credits.pass(0, 0, 3));
        assert!(!credits.pass(0, 3, 9));
        assert!(!credits.pass(0, 0, 4));
        assert_eq!(credits.received(0), 0);
        assert!(credits.pass(0, 0, 5));
        assert_eq!(credits.received(0), 4);
        credits.unqueue(0);
        assert!(!credits.pass(0, 4, 8));
        assert!(credits.pass(0, 5, 8));
        assert_eq!(credits.received(0), 8);
    }

    #[test]
    fn the_ring_of_milestones_is_used_again_and_again() {
        for window in [1, 2, 3, 7, 8, 31, 1000] {
            let credits = Credits::new(&[HOME], 2, window);
            for sequence in 0..10_000 {
                credits.pass(0, sequence, sequence + 1);
                credits.pass(0, sequence, sequence + 1);
                let behind = u64::from(sequence + 1) - credits.received(0);
                assert!(behind < u64::from(window), "window {window}: the loop would stand still at {sequence}");
            }
        }
    }
}
