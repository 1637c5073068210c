//! What is due when. Two entries per connection and one per session at most, so the timers of a shard are bounded by
//! what they serve; both are cancelled exactly, so an empty shard has none.

use std::collections::BTreeSet;

use crate::router::SessionKey;
use crate::shard::event::ConnectionId;
use crate::time::Time;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// CONNECT is late, the keep alive is over or the last words took too long.
    Connection(ConnectionId),
    /// A client that has sent too much is read again.
    Pace(ConnectionId),
    /// A will is due or a session ends.
    Session(SessionKey),
    /// Retained messages expire.
    Retained,
    /// Memory is short: the greediest client is to be found.
    Shortage,
}

/// The timers of one shard. Setting and cancelling cost a logarithm; nothing is set per message.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Time, TimerKey)>,
}

impl Timers {
    /// Moves a timer from `old` (where it was set before, if it was) to `new` (if it is still wanted).
    pub(crate) fn set(&mut self, key: TimerKey, old: Option<Time>, new: Option<Time>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.due.remove(&(old, key));
        }
        if let Some(new) = new {
            self.due.insert((new, key));
        }
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Time> {
        self.due.first().map(|(time, _)| *time)
    }

    /// Takes the earliest that is due.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<TimerKey> {
        let (time, key) = *self.due.first()?;
        if time > now {
            return None;
        }
        self.due.pop_first();
        Some(key)
    }

    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: u32) -> TimerKey {
        TimerKey::Session(SessionKey(index))
    }

    #[test]
    fn timers_come_in_order_and_only_when_due() {
        let mut timers = Timers::default();
        timers.set(key(1), None, Some(Time::from_nanos(20)));
        timers.set(key(2), None, Some(Time::from_nanos(10)));
        assert_eq!(timers.next(), Some(Time::from_nanos(10)));
        assert_eq!(timers.take_due(Time::from_nanos(9)), None);
        assert_eq!(timers.take_due(Time::from_nanos(20)), Some(key(2)));
        assert_eq!(timers.take_due(Time::from_nanos(20)), Some(key(1)));
        assert!(timers.is_empty());
    }

    #[test]
    fn a_moved_timer_leaves_nothing_behind() {
        let mut timers = Timers::default();
        timers.set(key(1), None, Some(Time::from_nanos(20)));
        timers.set(key(1), Some(Time::from_nanos(20)), Some(Time::from_nanos(30)));
        assert_eq!(timers.take_due(Time::from_nanos(25)), None);
        timers.set(key(1), Some(Time::from_nanos(30)), None);
        assert!(timers.is_empty());
    }
}
