//! When the messages of a thread are due.

use crate::orders::Pacing;

/// The pacing in force and how far it has come.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) pacing: Option<Pacing>,
    /// Slots of the fixed rate that have been looked at.
    pub(crate) slots: u64,
    /// What each publisher had sent when this pacing began.
    pub(crate) sent_before: Vec<u64>,
    /// Since when no publisher of a closed loop has been able to send.
    pub(crate) idle_since_ns: u64,
    /// How late a message left at worst, though its connection would have taken it.
    pub(crate) lag_ns_max: u64,
}

/// When slot `slot` of a fixed rate is due.
#[inline]
pub(crate) fn due_ns(start_ns: u64, step_ns: f64, slot: u64) -> u64 {
    start_ns + (slot as f64 * step_ns) as u64
}

/// Slots due before `now_ns`.
pub(crate) fn slots_due(start_ns: u64, step_ns: f64, now_ns: u64) -> u64 {
    if now_ns <= start_ns {
        return 0;
    }
    ((now_ns - start_ns) as f64 / step_ns).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_times_agree() {
        for step_ns in [0.37, 1.0, 333.3, 1e6, 1.5e9] {
            for slot in [0, 1, 2, 1000, 123_456] {
                let due = due_ns(500, step_ns, slot);
                assert!(slots_due(500, step_ns, due + 1) > slot, "step {step_ns} slot {slot}");
                assert!(slots_due(500, step_ns, due.saturating_sub(2)) <= slot + 6, "step {step_ns} slot {slot}");
            }
        }
        assert_eq!(slots_due(500, 10.0, 500), 0);
        assert_eq!(slots_due(500, 10.0, 501), 1);
        assert_eq!(slots_due(500, 10.0, 511), 2);
    }
}
