//! Deletions of retained messages, remembered for a while by hash of their topic: messages that are older may still come. Should
//! two topics have one hash (one in 2^64), a message older than the deletion of the other is refused.

use std::collections::VecDeque;
use std::time::Duration;

use crate::message::Stamp;
use crate::table::slots::{tag, Place, Slot, Slots};
use crate::time::Time;

/// How long a deletion is remembered: longer than mail can be on its way between shards.
pub(super) const TOMBSTONE_TIME: Duration = Duration::from_secs(60);
/// How many are remembered, some 70 bytes each; the oldest is forgotten first.
pub(super) const TOMBSTONES_MAX: usize = 65_536;
/// No shard has this number.
const NOBODY: u8 = u8::MAX;

/// What is remembered.
#[derive(Default)]
pub(super) struct Tombstones {
    newest: Slots<Deletion>,
    oldest: VecDeque<(Time, u64, Stamp)>,
}

#[derive(Clone, Copy)]
struct Deletion {
    hash: u64,
    stamp: Stamp,
}

impl Slot for Deletion {
    const EMPTY: Deletion = Deletion { hash: 0, stamp: Stamp { time: 0, shard: NOBODY } };
    const FULL_MAX: usize = 75;

    #[inline]
    fn is_empty(&self) -> bool {
        self.stamp.shard == NOBODY
    }

    #[inline]
    fn tag(&self) -> u32 {
        tag(self.hash)
    }
}

impl Tombstones {
    /// None at all.
    pub(super) fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// Deletions whose topics are known, and those that stand in the queue.
    #[cfg(test)]
    pub(super) fn lens(&self) -> (usize, usize) {
        (self.newest.len(), self.oldest.len())
    }

    /// Whether a deletion as new as `stamp` is known.
    pub(super) fn forbid(&self, hash: u64, stamp: Stamp) -> bool {
        self.find(hash).is_some_and(|(_, known)| known.stamp >= stamp)
    }

    /// When the oldest is to be forgotten.
    pub(super) fn next(&self) -> Option<Time> {
        self.oldest.front().map(|(until, ..)| *until)
    }

    pub(super) fn insert(&mut self, hash: u64, stamp: Stamp, now: Time) {
        let deletion = Deletion { hash, stamp };
        match self.find(hash) {
            Some((_, known)) if known.stamp > stamp => return,
            Some((place, _)) => self.newest.replace(place, deletion),
            None => self.newest.insert(deletion),
        }
        if self.oldest.len() == TOMBSTONES_MAX {
            self.forget_oldest();
        }
        self.oldest.push_back((now + TOMBSTONE_TIME, hash, stamp));
    }

    /// Forgets what is old enough, `budget` of it at most.
    pub(super) fn expire(&mut self, now: Time, budget: usize) {
        for _ in 0..budget {
            if self.next().is_none_or(|until| until > now) {
                break;
            }
            self.forget_oldest();
        }
        if self.oldest.is_empty() {
            self.oldest = VecDeque::new();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, hash, stamp)) = self.oldest.pop_front() else { return };
        // A newer deletion of the same topic has its own place in the queue.
        if let Some((place, _)) = self.find(hash).filter(|(_, known)| known.stamp == stamp) {
            self.newest.remove(place);
        }
    }

    fn find(&self, hash: u64) -> Option<(Place, Deletion)> {
        self.newest.find(tag(hash), |slot| slot.hash == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a table needs that is emptied as fast as it is filled must not depend on how long that goes on.
    #[test]
    fn memory_does_not_grow_with_those_that_are_forgotten() {
        let mut tombstones = Tombstones::default();
        let mut most = 0;
        for number in 0..10 * TOMBSTONES_MAX as u64 {
            let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            tombstones.insert(hash, Stamp { time: number, shard: 1 }, Time::from_nanos(number));
            assert!(tombstones.forbid(hash, Stamp { time: number, shard: 0 }));
            let oldest = tombstones.oldest.capacity() * size_of::<(Time, u64, Stamp)>();
            most = most.max(tombstones.newest.heap_bytes() + oldest);
        }
        assert_eq!(tombstones.lens(), (TOMBSTONES_MAX, TOMBSTONES_MAX));
        assert!(most <= 75 * TOMBSTONES_MAX, "{} bytes each", most / TOMBSTONES_MAX);
        tombstones.expire(Time::from_nanos(u64::MAX), usize::MAX);
        assert!(tombstones.is_empty());
        assert_eq!((tombstones.newest.heap_bytes(), tombstones.oldest.capacity()), (0, 0));
    }
}
