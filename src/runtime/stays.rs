//! How long publications stay in a core, from the moment they can be seen to the end of the turn that hands them out.
//!
//! What a completion brings may have waited since completions were last collected, so a stay is counted from then, unless
//! the core has slept since, with nothing there when it lay down: then it was woken by what came. The kernel's part, before
//! and behind, is not in it, nor is what a receiver takes its time for. All publications of one turn count as the slowest of
//! them may have stayed.

use std::time::Duration;

use super::control::RuntimeCounters;
use crate::time::Time;

/// Being in the kernel for longer than this is taken for sleep. A shorter sleep counts as part of the stay.
const SLEEP_MIN: Duration = Duration::from_micros(100);

/// The turn that is under way.
#[derive(Debug, Default)]
pub(super) struct Stays {
    /// When completions were collected, and the time before.
    collected: Time,
    since: Time,
    /// When the last turn ended.
    ended: Time,
    /// Publications counted so far.
    seen: u64,
}

impl Stays {
    /// Completions are collected. `may_have_slept`: the core had nothing to do but wait for them.
    pub(super) fn begin(&mut self, now: Time, may_have_slept: bool) {
        let has_slept = may_have_slept && now - self.ended > SLEEP_MIN;
        self.since = if has_slept { now } else { self.collected };
        self.collected = now;
    }

    /// The turn is over: `publications` is how many this core has taken by now, from clients and from other cores.
    pub(super) fn end(&mut self, now: Time, publications: u64, counters: &mut RuntimeCounters) {
        self.ended = now;
        counters.busy_us_total += (now - self.collected).as_micros() as u64;
        let count = publications.wrapping_sub(self.seen);
        if count == 0 {
            return;
        }
        self.seen = publications;
        let class = match (now - self.since).as_micros() {
            0..=50 => &mut counters.stays_to_50us_total,
            51..=100 => &mut counters.stays_to_100us_total,
            101..=200 => &mut counters.stays_to_200us_total,
            201..=300 => &mut counters.stays_to_300us_total,
            301..=500 => &mut counters.stays_to_500us_total,
            501..=1000 => &mut counters.stays_to_1ms_total,
            1001..=2000 => &mut counters.stays_to_2ms_total,
            2001..=5000 => &mut counters.stays_to_5ms_total,
            5001..=10_000 => &mut counters.stays_to_10ms_total,
            _ => &mut counters.stays_longer_total,
        };
        *class += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(number: u64) -> Time {
        Time::START + Duration::from_micros(number)
    }

    #[test]
    fn a_stay_begins_where_the_turn_before_did() {
        let (mut stays, mut counters) = (Stays::default(), RuntimeCounters::default());
        stays.begin(us(0), false);
        stays.end(us(60), 0, &mut counters);
        assert_eq!(counters, RuntimeCounters { busy_us_total: 60, ..RuntimeCounters::default() });
        stays.begin(us(70), true);
        stays.end(us(180), 5, &mut counters);
        assert_eq!((counters.stays_to_200us_total, counters.busy_us_total), (5, 170));
    }

    #[test]
    fn a_core_that_slept_was_woken_by_what_came() {
        let (mut stays, mut counters) = (Stays::default(), RuntimeCounters::default());
        stays.begin(us(0), false);
        stays.end(us(60), 7, &mut counters);
        stays.begin(us(1000), true);
        stays.end(us(1050), 9, &mut counters);
        assert_eq!((counters.stays_to_100us_total, counters.stays_to_50us_total), (7, 2));
        // As long in the kernel, but for work.
        stays.begin(us(2000), false);
        stays.end(us(2010), 10, &mut counters);
        assert_eq!(counters.stays_to_2ms_total, 1, "it may have come 1,010 us ago");
    }
}
