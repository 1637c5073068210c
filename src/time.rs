//! The instant handed to the pure core as `now`.
//!
//! Nothing below the runtime reads a clock: time is an argument. A [`Time`] counts nanoseconds since an arbitrary
//! start, the same for all shards of one process, and never goes backwards.

use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds since the start of the process (or of a simulated world). Kept as one more, so that an `Option<Time>`, of
/// which every connection has several, takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(NonZeroU64);

impl Time {
    /// The first instant.
    pub const START: Time = Time(NonZeroU64::MIN);
    /// An instant that is never reached (584 years).
    pub const NEVER: Time = Time(NonZeroU64::MAX);

    /// The instant `nanoseconds` after [`Time::START`]; saturates at [`Time::NEVER`].
    pub const fn from_nanos(nanoseconds: u64) -> Time {
        Time(NonZeroU64::MIN.saturating_add(nanoseconds))
    }

    /// Nanoseconds since [`Time::START`].
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Time {
    fn default() -> Time {
        Time::START
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates at [`Time::NEVER`].
    fn add(self, duration: Duration) -> Time {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(nanoseconds))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_that_may_be_missing_takes_one_word_and_all_come_back_from_numbers() {
        assert_eq!(size_of::<Option<Time>>(), 8);
        for time in [Time::START, Time::from_nanos(7), Time::NEVER] {
            assert_eq!(Time::from_nanos(time.as_nanos()), time);
        }
        assert_eq!((Time::START.as_nanos(), Time::from_nanos(u64::MAX)), (0, Time::NEVER));
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
        assert_eq!(Time::START - Time::from_nanos(5), Duration::ZERO);
        assert_eq!(Time::from_nanos(7) + Duration::MAX, Time::NEVER);
        assert_eq!(Time::from_nanos(7).since(Time::from_nanos(3)), Duration::from_nanos(4));
    }
}
