//! How much one turn may do. Work is counted, not timed: the core reads no clock, and the same events are cut at the same
//! places every time.
//!
//! A unit is about what one delivery of a large fan-out costs, 50 to 200 ns; everything else is charged in multiples of it.

/// The part of a turn that timers, goodbyes and the work list may each have, however much the events before them have
/// taken: an eighth.
const RESERVED_PART: u32 = 8;

/// The part of a turn that one piece of work which is not cut may take beyond the end of the turn: a fifth.
const LATE_PART: u32 = 5;

/// The work of the present turn.
#[derive(Debug)]
pub(crate) struct Budget {
    units_max: u32,
    spent: u32,
    /// It was spent before something was reserved.
    was_spent: bool,
}

impl Budget {
    /// Turns of so many units, at least one.
    pub(crate) fn new(units_max: u32) -> Budget {
        Budget { units_max: units_max.max(1), spent: 0, was_spent: false }
    }

    /// A new turn.
    pub(crate) fn begin(&mut self) {
        self.spent = 0;
        self.was_spent = false;
    }

    /// Units spent so far.
    pub(crate) fn spent(&self) -> u32 {
        self.spent
    }

    /// Notes work that has been done or is being done.
    #[inline]
    pub(crate) fn spend(&mut self, units: usize) {
        self.spent = self.spent.saturating_add(units as u32);
    }

    /// Whether what can wait is to wait for the next turn.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.spent >= self.units_max
    }

    /// Whether something had to wait for the next turn, or may have.
    pub(crate) fn has_run_out(&self) -> bool {
        self.was_spent || self.is_spent()
    }

    /// Whether so much work at once is more than is left, and more than a turn may be late for.
    #[inline]
    pub(crate) fn is_long(&self, units: usize) -> bool {
        units > self.left() && units > (self.units_max / LATE_PART) as usize
    }

    /// Units left; none once it is spent.
    pub(crate) fn left(&self) -> usize {
        self.units_max.saturating_sub(self.spent) as usize
    }

    /// Leaves something to whom no event may keep from going on.
    pub(crate) fn reserve(&mut self) {
        self.was_spent |= self.is_spent();
        let reserved = (self.units_max / RESERVED_PART).max(1);
        self.spent = self.spent.min(self.units_max - reserved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_spent_by_its_units_and_something_is_always_reserved() {
        let mut budget = Budget::new(16);
        budget.spend(15);
        assert_eq!((budget.is_spent(), budget.left()), (false, 1));
        budget.spend(usize::MAX);
        assert_eq!((budget.is_spent(), budget.left()), (true, 0));
        budget.reserve();
        assert_eq!((budget.is_spent(), budget.left(), budget.has_run_out()), (false, 2, true));
        budget.begin();
        assert!(!budget.has_run_out());
        budget.reserve();
        assert_eq!(budget.left(), 16);
    }

    #[test]
    fn the_smallest_turn_does_one_thing() {
        let mut budget = Budget::new(0);
        assert!(!budget.is_spent());
        budget.spend(1);
        assert!(budget.is_spent());
        budget.reserve();
        assert_eq!(budget.left(), 1);
    }
}
