//! The instant handed to the pure core as `now`.
//!
//! Nothing below the runtime reads a clock: time is an argument. A [`Time`] counts nanoseconds since an arbitrary
//! start, the same for all shards of one process, and never goes backwards.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds since the start of the process (or of a simulated world).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The first instant.
    pub const START: Time = Time(0);
    /// An instant that is never reached (584 years).
    pub const NEVER: Time = Time(u64::MAX);

    /// The instant `nanoseconds` after [`Time::START`].
    pub const fn from_nanos(nanoseconds: u64) -> Time {
        Time(nanoseconds)
    }

    /// Nanoseconds since [`Time::START`].
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
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
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
        assert_eq!(Time::START - Time::from_nanos(5), Duration::ZERO);
        assert_eq!(Time::from_nanos(7) + Duration::MAX, Time::NEVER);
        assert_eq!(Time::from_nanos(7).since(Time::from_nanos(3)), Duration::from_nanos(4));
    }
}
