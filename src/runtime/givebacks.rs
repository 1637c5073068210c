//! When a core's allocator is asked to give back to the system what nobody uses any more.
//!
//! An allocator gives memory back in passing, while it is asked for more. A shard that falls silent after its clients
//! have gone asks for nothing, and would hold what they needed until somebody comes. So it is asked some time after
//! something has happened, be the shard busy or silent by then.

use std::time::Duration;

use crate::time::Time;

/// How long after something has happened: seldom enough to cost nothing.
const DELAY: Duration = Duration::from_secs(10);
/// The same while memory is short.
const SHORT_DELAY: Duration = Duration::from_millis(100);

/// The time of the next asking, if anything has happened since the last one.
#[derive(Debug, Default)]
pub(super) struct Givebacks {
    due: Option<Time>,
}

impl Givebacks {
    /// When a shard that sleeps has to be awake for it.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.due
    }

    /// Whether the allocator is to be asked now. To be called once a turn; `has_worked`: the turn had something to do,
    /// `is_short`: memory is.
    pub(super) fn are_due(&mut self, now: Time, has_worked: bool, is_short: bool) -> bool {
        if is_short {
            // Not by `map` and `min`: rustc 1.95 with optimisation (LLVM 22.1.2) then takes no time for one that is due.
            let soon = now + SHORT_DELAY;
            if self.due.is_some_and(|due| due > soon) {
                self.due = Some(soon);
            }
        }
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.due = None;
        } else if has_worked && self.due.is_none() {
            self.due = Some(now + DELAY);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_due_once_after_work_and_never_in_silence() {
        let mut givebacks = Givebacks::default();
        let at = |seconds| Time::START + Duration::from_secs(seconds);
        assert!(!givebacks.are_due(at(0), false, false));
        assert_eq!(givebacks.next_deadline(), None);
        assert!(!givebacks.are_due(at(1), true, false));
        assert!(!givebacks.are_due(at(9), true, false));
        assert_eq!(givebacks.next_deadline(), Some(at(11)));
        assert!(givebacks.are_due(at(11), false, false));
        assert_eq!(givebacks.next_deadline(), None);
        assert!(!givebacks.are_due(at(30), false, false));
    }

    #[test]
    fn are_due_sooner_while_memory_is_short() {
        let mut givebacks = Givebacks::default();
        let at = |seconds| Time::START + Duration::from_secs(seconds);
        assert!(!givebacks.are_due(at(1), true, false));
        assert!(!givebacks.are_due(at(2), true, true));
        assert_eq!(givebacks.next_deadline(), Some(at(2) + SHORT_DELAY));
        assert!(givebacks.are_due(at(3), true, true));
        assert!(!givebacks.are_due(at(4), false, true));
        assert_eq!(givebacks.next_deadline(), None, "nothing has happened since");
    }
}
