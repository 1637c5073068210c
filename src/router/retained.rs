//! Retained messages: the newest of each topic, on every shard, the messages themselves shared by all.
//!
//! Shards hear of each other's publications in different orders and must end alike. So the newest stamp wins, and a
//! deletion is remembered for a while, lest an older message that arrives after it comes back to life.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::hash::Keys;
use super::scan::{first_key, step, Step};
use super::tombstones::Tombstones;
use crate::limits::Limits;
use crate::message::{Message, Stamp};
use crate::time::Time;

/// What finding a place among a million topics costs, in looks at the next topic.
pub(super) const SEEK_COST: usize = 20;

/// The retained messages of all topics.
pub struct Retained {
    keys: Keys,
    shards: u8,
    messages: BTreeSet<ByTopic>,
    bytes: usize,
    /// Those that expire, the next one first.
    expiring: BTreeSet<ByExpiry>,
    tombstones: Tombstones,
}

/// A search for retained messages, done in slices between which they may change.
#[derive(Clone, Debug)]
pub struct RetainedScan {
    filter: Box<str>,
    newest: Stamp,
    /// No topic before this key is still to be looked at.
    from: Vec<u8>,
    finished: bool,
}

/// How far a slice of a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// To the end.
    All,
    /// As far as its budget went.
    SoFar,
    /// To a message that was not taken.
    Refused,
}

/// A message in the order of its topic, so that the message is its own key.
struct ByTopic(Message);

/// A message in the order of its end, and of its topic if several end together.
struct ByExpiry(Message);

impl Retained {
    pub(super) fn new(keys: Keys, shards: u8) -> Retained {
        let (messages, expiring) = (BTreeSet::new(), BTreeSet::new());
        Retained { keys, shards, messages, bytes: 0, expiring, tombstones: Tombstones::default() }
    }

    /// How many topics have one.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// No topic has one.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes of topics, properties and payloads, as the limits count them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All messages, expired or not, in order of their topics' bytes.
    pub fn iter(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().map(|ByTopic(message)| message)
    }

    /// The message of `topic`, expired or not.
    pub fn message(&self, topic: &str) -> Option<&Message> {
        self.messages.get(topic.as_bytes()).map(|ByTopic(message)| message)
    }

    /// Whether a message of `size` bytes for `topic` would stay within the limits, in place of the one there is.
    pub fn has_room(&self, topic: &str, size: usize, limits: &Limits) -> bool {
        let (len, bytes) = match self.message(topic) {
            Some(old) => (self.len(), self.bytes - old.size()),
            None => (self.len() + 1, self.bytes),
        };
        len <= limits.retained_messages_max && bytes.saturating_add(size) <= limits.retained_bytes_max
    }

    /// Keeps `message`, whose payload is not empty, as that of its topic. Returns whether it is kept: not if a message
    /// or a deletion as new is known. Logarithmic in the number of topics.
    pub fn set(&mut self, message: Message) -> bool {
        let (stamp, size, expires_at) = (message.stamp(), message.size(), message.expires_at());
        if !self.tombstones.is_empty() && self.tombstones.forbid(self.keys.bytes(message.topic_bytes()), stamp) {
            return false;
        }
        let expiring = (expires_at != Time::NEVER).then(|| message.clone());
        if let Some(ByTopic(old)) = self.messages.replace(ByTopic(message)) {
            if old.stamp() >= stamp {
                self.messages.replace(ByTopic(old));
                return false;
            }
            self.forget(old);
        }
        self.bytes += size;
        self.expiring.extend(expiring.map(ByExpiry));
        true
    }

    /// Deletes the message of `topic` if it is older than `stamp`, and sees to it that none older than `stamp` is kept
    /// should it arrive from a peer later. Returns whether one was deleted.
    pub fn remove(&mut self, topic: &str, stamp: Stamp, now: Time) -> bool {
        if self.message(topic).is_some_and(|known| known.stamp() >= stamp) {
            return false;
        }
        if self.shards > 1 {
            self.tombstones.insert(self.keys.text(topic), stamp, now);
        }
        let Some(ByTopic(old)) = self.messages.take(topic.as_bytes()) else { return false };
        self.forget(old);
        true
    }

    /// Removes what has expired, messages and remembered deletions, at most `budget` of each. Returns how many messages
    /// it removed.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        self.tombstones.expire(now, budget);
        for removed in 0..budget {
            if self.expiring.first().is_none_or(|first| first.0.expires_at() > now) {
                return removed;
            }
            let Some(ByExpiry(expired)) = self.expiring.pop_first() else { return removed };
            self.messages.remove(expired.topic_bytes());
            self.bytes -= expired.size();
            if self.shards > 1 {
                // The same end comes on every shard, but an older message without one may still be on its way.
                self.tombstones.insert(self.keys.bytes(expired.topic_bytes()), expired.stamp(), now);
            }
        }
        budget
    }

    /// When [`Retained::expire`] has something to do next.
    pub fn next_expiry(&self) -> Option<Time> {
        let message = self.expiring.first().map(|first| first.0.expires_at());
        message.into_iter().chain(self.tombstones.next()).min()
    }

    /// Goes on with a search: looks at topics until `budget` is used up (at least at one) and offers each message that
    /// matches to `take`, until one is not taken: the search then goes on with that one. A topic costs one, finding a place
    /// twenty. What is stored between two slices is not found: it is newer than the search, so that the subscriber gets it
    /// as it is published.
    pub fn scan(
        &self,
        scan: &mut RetainedScan,
        budget: &mut usize,
        now: Time,
        mut take: impl FnMut(&Message) -> bool,
    ) -> Scanned {
        if scan.finished {
            return Scanned::All;
        }
        *budget = budget.saturating_sub(SEEK_COST);
        let mut seek = Vec::new();
        let mut topics = self.messages.range::<[u8], _>((Bound::Included(&scan.from[..]), Bound::Unbounded));
        loop {
            *budget = budget.saturating_sub(1);
            let Some(ByTopic(message)) = topics.next() else {
                scan.finished = true;
                return Scanned::All;
            };
            let step = step(scan.filter.as_bytes(), message.topic_bytes(), &mut seek);
            match step {
                Step::Match if message.stamp() <= scan.newest && message.expires_at() > now => {
                    if !take(message) {
                        scan.go_on_at(message.topic_bytes());
                        return Scanned::Refused;
                    }
                }
                Step::Match | Step::Next => {}
                Step::Seek => {
                    // Often the next topic is there already: a new search from the root is dearer than a look.
                    if topics.clone().next().is_some_and(|next| next.0.topic_bytes() < &seek[..]) {
                        topics = self.messages.range::<[u8], _>((Bound::Included(&seek[..]), Bound::Unbounded));
                        *budget = budget.saturating_sub(SEEK_COST);
                    }
                }
                Step::End => {
                    scan.finished = true;
                    return Scanned::All;
                }
            }
            if *budget == 0 {
                scan.go_on_after(step, message.topic_bytes(), &mut seek);
                return Scanned::SoFar;
            }
        }
    }

    /// Accounts for a message that has left `messages`.
    fn forget(&mut self, old: Message) {
        self.bytes -= old.size();
        if old.expires_at() != Time::NEVER {
            self.expiring.remove(&ByExpiry(old));
        }
    }
}

impl RetainedScan {
    /// A search for all that match `filter` and are not newer than `newest`: newer ones reach the subscriber by
    /// themselves. `filter` is a valid one, of a shared subscription without its `$share/name/`.
    pub fn new(filter: &str, newest: Stamp) -> RetainedScan {
        let from = first_key(filter.as_bytes()).to_vec();
        RetainedScan { filter: filter.into(), newest, from, finished: false }
    }

    /// The filter searched for.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    fn go_on_at(&mut self, topic: &[u8]) {
        self.from.clear();
        self.from.extend_from_slice(topic);
    }

    fn go_on_after(&mut self, step: Step, topic: &[u8], seek: &mut Vec<u8>) {
        if step == Step::Seek {
            std::mem::swap(&mut self.from, seek);
        } else {
            self.go_on_at(topic);
            // The smallest key above `topic`; no topic has this byte.
            self.from.push(0);
        }
    }
}

impl Borrow<[u8]> for ByTopic {
    fn borrow(&self) -> &[u8] {
        self.0.topic_bytes()
    }
}

impl Ord for ByTopic {
    fn cmp(&self, other: &ByTopic) -> Ordering {
        self.0.topic_bytes().cmp(other.0.topic_bytes())
    }
}

impl PartialOrd for ByTopic {
    fn partial_cmp(&self, other: &ByTopic) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByTopic {
    fn eq(&self, other: &ByTopic) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByTopic {}

impl Ord for ByExpiry {
    fn cmp(&self, other: &ByExpiry) -> Ordering {
        let (one, other) = (&self.0, &other.0);
        one.expires_at().cmp(&other.expires_at()).then_with(|| one.topic_bytes().cmp(other.topic_bytes()))
    }
}

impl PartialOrd for ByExpiry {
    fn partial_cmp(&self, other: &ByExpiry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByExpiry {
    fn eq(&self, other: &ByExpiry) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByExpiry {}

#[cfg(test)]
mod tests;
