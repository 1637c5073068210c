//! How fast a client sends: a bucket for its messages and one for its bytes, each of one second's worth.

use std::time::Duration;

use crate::limits::Rate;
use crate::time::Time;

/// What a bucket holds.
const BUCKET: Duration = Duration::from_secs(1);
/// How full it is when a client is read again: a client at its limit is stopped ten times a second at most, not after each
/// of its messages.
const REFILL: Duration = Duration::from_millis(100);

/// How fast one client has sent. Each bucket is written as the time at which it is full again; it may owe more than it
/// holds, because what has come is never thrown away.
#[derive(Debug, Default)]
pub struct Pace {
    messages_full_at: Time,
    bytes_full_at: Time,
    /// When it is read again, while it is not.
    pub resume_at: Option<Time>,
}

impl Pace {
    /// Counts what a client has sent; answers when it is to be read again if that was more than it may.
    pub fn spend(&mut self, now: Time, rate: Rate, messages: u64, bytes: u64) -> Option<Time> {
        let for_messages = spend(&mut self.messages_full_at, now, messages, rate.messages_per_s);
        let for_bytes = spend(&mut self.bytes_full_at, now, bytes, rate.bytes_per_s);
        for_messages.max(for_bytes)
    }

    /// Whether both buckets are full: nothing has to be remembered.
    pub fn is_full(&self, now: Time) -> bool {
        self.messages_full_at.max(self.bytes_full_at) <= now
    }
}

fn spend(full_at: &mut Time, now: Time, count: u64, per_s: u64) -> Option<Time> {
    if per_s == 0 {
        return None;
    }
    let worth = Duration::from_nanos(count.saturating_mul(1_000_000_000) / per_s);
    *full_at = (*full_at).max(now) + worth;
    let missing = *full_at - now;
    (missing > BUCKET).then(|| now + (missing - BUCKET) + REFILL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn at(milliseconds: u64) -> Time {
        Time::START + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_second_of_messages_may_come_at_once_and_what_is_more_is_waited_for() {
        let limits = Limits { messages_per_s: 10, ..Limits::default() };
        let mut pace = Pace::default();
        assert_eq!(pace.spend(at(0), limits.rate(), 10, 1_000_000), None);
        assert_eq!(pace.spend(at(0), limits.rate(), 1, 0), Some(at(200)));
        assert_eq!(pace.spend(at(200), limits.rate(), 1, 0), None);
        assert_eq!(pace.spend(at(200), limits.rate(), 20, 0), Some(at(2_300)));
        assert_eq!(pace.spend(at(60_000), limits.rate(), 10, 0), None, "it never holds more than a second's worth");
        assert!(pace.spend(at(60_000), limits.rate(), 1, 0).is_some());
    }

    #[test]
    fn the_bucket_that_lacks_more_decides() {
        let limits = Limits { messages_per_s: 10, bytes_per_s: 1000, ..Limits::default() };
        let mut pace = Pace::default();
        assert_eq!(pace.spend(at(0), limits.rate(), 11, 3_000), Some(at(2_100)));
        let mut pace = Pace::default();
        assert_eq!(pace.spend(at(0), limits.rate(), 40, 3_000), Some(at(3_100)));
    }

    #[test]
    fn no_amount_is_too_much_to_be_counted() {
        let limits = Limits { bytes_per_s: 1, ..Limits::default() };
        assert!(Pace::default().spend(at(0), limits.rate(), 0, u64::MAX).is_some());
    }
}
