//! So many log lines and no more: a flood of refusals must not become a flood of lines.

use std::time::Duration;

use crate::time::Time;

/// Lines in each span.
const LINES_MAX: u32 = 20;
/// A span.
const SPAN: Duration = Duration::from_secs(10);

/// Counts lines.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    since: Time,
    lines: u32,
    untold: u64,
}

impl Throttle {
    /// Whether another line may be written; answers how many were not since the last that was.
    pub(super) fn pass(&mut self, now: Time) -> Option<u64> {
        if now - self.since >= SPAN {
            self.since = now;
            self.lines = 0;
        }
        if self.lines >= LINES_MAX {
            self.untold += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_so_many_lines_and_a_number() {
        let mut throttle = Throttle::default();
        let told = (0..100).filter(|_| throttle.pass(Time::START) == Some(0)).count();
        assert_eq!(told, 20);
        assert_eq!(throttle.pass(Time::START + SPAN), Some(80));
        assert_eq!(throttle.pass(Time::START + SPAN), Some(0));
    }
}
