//! What is due when. Two entries per connection and one per session at most, so the timers of a shard are bounded by
//! what they serve; both are cancelled exactly, so an empty shard has none. An entry has 16 bytes: nearly every connection
//! has one.

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
    due: BTreeSet<Entry>,
}

/// Time, kind and key in one number, so that an order is all it needs: 61 bits of nanoseconds, which are 73 years, 3, 32 of an
/// index, 32 of a generation.
type Entry = u128;

const KEY_BITS: u32 = 64;
const KIND_BITS: u32 = 3;
/// What is later does not come at all.
const NANOS_MAX: u64 = u64::MAX >> KIND_BITS;

fn entry(time: Time, key: TimerKey) -> Entry {
    let of_connection = |id: ConnectionId| u64::from(id.index) << 32 | u64::from(id.generation);
    let (kind, key) = match key {
        TimerKey::Connection(id) => (0, of_connection(id)),
        TimerKey::Pace(id) => (1, of_connection(id)),
        TimerKey::Session(SessionKey(key)) => (2, u64::from(key)),
        TimerKey::Retained => (3, 0),
        TimerKey::Shortage => (4, 0),
    };
    let nanos = time.as_nanos().min(NANOS_MAX);
    u128::from(nanos << KIND_BITS | kind) << KEY_BITS | u128::from(key)
}

fn parts(entry: Entry) -> (Time, TimerKey) {
    let (low, high) = (entry as u64, (entry >> KEY_BITS) as u64);
    let id = ConnectionId { index: (low >> 32) as u32, generation: low as u32 };
    let key = match high & ((1 << KIND_BITS) - 1) {
        0 => TimerKey::Connection(id),
        1 => TimerKey::Pace(id),
        2 => TimerKey::Session(SessionKey(low as u32)),
        3 => TimerKey::Retained,
        _ => TimerKey::Shortage,
    };
    let nanos = high >> KIND_BITS;
    (if nanos == NANOS_MAX { Time::NEVER } else { Time::from_nanos(nanos) }, key)
}

impl Timers {
    /// Moves a timer from `old` (where it was set before, if it was) to `new` (if it is still wanted).
    pub(crate) fn set(&mut self, key: TimerKey, old: Option<Time>, new: Option<Time>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.due.remove(&entry(old, key));
        }
        if let Some(new) = new {
            self.due.insert(entry(new, key));
        }
    }

    /// The earliest.
    pub(crate) fn next(&self) -> Option<Time> {
        self.due.first().map(|entry| parts(*entry).0)
    }

    /// Takes the earliest that is due.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<TimerKey> {
        let (time, key) = parts(*self.due.first()?);
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

    #[test]
    fn every_key_comes_back_as_it_was_in_time() {
        let id = |index, generation| ConnectionId { index, generation };
        let keys = [
            TimerKey::Connection(id(u32::MAX, 7)),
            TimerKey::Connection(id(7, u32::MAX)),
            TimerKey::Pace(id(u32::MAX, u32::MAX)),
            key(u32::MAX),
            TimerKey::Retained,
            TimerKey::Shortage,
        ];
        for time in [Time::START, Time::from_nanos(1), Time::from_nanos(NANOS_MAX - 1), Time::NEVER] {
            let mut timers = Timers::default();
            keys.iter().for_each(|key| timers.set(*key, None, Some(time)));
            assert_eq!(timers.next(), Some(time));
            let mut sorted = keys;
            sorted.sort_by_key(|key| entry(time, *key));
            let all: Vec<TimerKey> = std::iter::from_fn(|| timers.take_due(time)).collect();
            assert_eq!(all, sorted);
        }
    }
}
