//! The last few publications, for peers whose interest in them is still on its way.
//!
//! A SUBSCRIBE that arrives at one core and a PUBLISH that arrives a moment later at another meet in the order of their
//! arrival on a single core. Here the publication may be routed before the news of the interest comes. So the first
//! publications of each turn are remembered for a moment, and those of turns after that of the SUBSCRIBE are mailed when the news
//! comes. At rates at which a turn has more publications nobody can tell their order, and remembering them costs nothing.

use std::collections::VecDeque;
use std::time::Duration;

use crate::message::Message;
use crate::router::PeerSet;
use crate::shard::publication::Publication;
use crate::time::Time;

/// Publications remembered of one turn.
const PER_TURN_MAX: usize = 16;

/// Publications remembered in all.
const NOTES_MAX: usize = 256;

/// Bytes of the largest publication that is remembered: the memory held for this stays below 1 MiB.
const SIZE_MAX: usize = 4 * 1024;

/// News of an interest takes tens of microseconds, on a crowded machine some milliseconds.
const KEPT_FOR: Duration = Duration::from_millis(20);

/// Publications of the last moment.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    notes: VecDeque<Note>,
    turn: Time,
    noted: usize,
}

#[derive(Debug)]
struct Note {
    at: Time,
    message: Message,
    /// The peers that have it.
    mailed: PeerSet,
}

impl Note {
    fn is_old(&self, now: Time) -> bool {
        self.at + KEPT_FOR < now
    }
}

impl Recent {
    /// Remembers a publication, for those of `shards` that it has not been `mailed`. Answers whether the next one of this turn
    /// may be worth remembering, too.
    pub(crate) fn remember(
        &mut self,
        now: Time,
        publication: &mut Publication<'_>,
        mailed: PeerSet,
        shards: u8,
    ) -> bool {
        if publication.retain {
            self.forget(publication.topic);
            return true;
        }
        let is_everywhere = mailed.len() + 1 == usize::from(shards);
        if is_everywhere || !self.has_room(now) {
            return false;
        }
        if publication.topic.len() + publication.payload.len() <= SIZE_MAX {
            let message = publication.message().clone();
            self.note(now, message, mailed);
        }
        true
    }

    /// Whether there is room for another publication of this turn.
    fn has_room(&mut self, now: Time) -> bool {
        if self.turn != now {
            self.turn = now;
            self.noted = 0;
        }
        self.noted < PER_TURN_MAX
    }

    /// Remembers a publication and who has been mailed it. What is too old is forgotten.
    fn note(&mut self, now: Time, message: Message, mailed: PeerSet) {
        self.noted += 1;
        while self.notes.len() >= NOTES_MAX || self.notes.front().is_some_and(|note| note.is_old(now)) {
            self.notes.pop_front();
        }
        self.notes.push_back(Note { at: now, message, mailed });
    }

    /// A publication to `topic` has been mailed to all peers, wanted or not: those before it must not come behind it.
    fn forget(&mut self, topic: &str) {
        self.notes.retain(|note| note.message.topic_bytes() != topic.as_bytes());
    }

    /// Forgets what is too old, and frees its room.
    pub(crate) fn give_back(&mut self, now: Time) {
        self.notes.retain(|note| !note.is_old(now));
        self.notes.shrink_to_fit();
    }

    /// The publications after `since` that a peer has missed though it wanted their topics already then, in order; each is
    /// given to a peer once.
    pub(crate) fn missed(&mut self, peer: u8, since: Time, is_wanted: impl Fn(&str) -> bool) -> Vec<Message> {
        let mut missed = Vec::new();
        for note in &mut self.notes {
            if note.at > since && !note.mailed.contains(peer) && is_wanted(note.message.topic()) {
                note.mailed.insert(peer);
                missed.push(note.message.clone());
            }
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Parts, Stamp};

    fn at(milliseconds: u64) -> Time {
        Time::START + Duration::from_millis(milliseconds)
    }

    fn message(topic: &str) -> Message {
        Message::new(Parts {
            topic,
            properties: &[],
            payload: b"p",
            qos: 0,
            retain: false,
            expires_at: Time::NEVER,
            stamp: Stamp::default(),
        })
    }

    fn topics(missed: &[Message]) -> Vec<&str> {
        missed.iter().map(Message::topic).collect()
    }

    #[test]
    fn a_peer_gets_once_what_came_after_its_interest() {
        let mut recent = Recent::default();
        for (time, topic) in [(1, "a"), (2, "b"), (2, "a"), (3, "a")] {
            recent.note(at(time), message(topic), PeerSet::EMPTY);
        }
        assert_eq!(recent.missed(1, at(1), |topic| topic == "a").len(), 2);
        assert_eq!(recent.missed(1, at(1), |_| true).len(), 1);
        assert_eq!(topics(&recent.missed(2, at(0), |_| true)), ["a", "b", "a", "a"]);
    }

    #[test]
    fn what_a_peer_has_been_mailed_is_not_mailed_again() {
        let mut mailed = PeerSet::EMPTY;
        mailed.insert(1);
        let mut recent = Recent::default();
        recent.note(at(1), message("a"), mailed);
        assert!(recent.missed(1, at(0), |_| true).is_empty());
        assert_eq!(recent.missed(2, at(0), |_| true).len(), 1);
    }

    #[test]
    fn what_was_overtaken_by_a_mail_to_all_is_not_mailed_behind_it() {
        let mut recent = Recent::default();
        recent.note(at(2), message("a"), PeerSet::EMPTY);
        recent.note(at(2), message("b"), PeerSet::EMPTY);
        recent.forget("a");
        assert_eq!(topics(&recent.missed(1, at(1), |_| true)), ["b"]);
    }

    #[test]
    fn notes_are_bounded_in_number_age_and_per_turn() {
        let mut recent = Recent::default();
        for _ in 0..PER_TURN_MAX {
            assert!(recent.has_room(at(1)));
            recent.note(at(1), message("a"), PeerSet::EMPTY);
        }
        assert!(!recent.has_room(at(1)));
        assert!(recent.has_room(at(2)));
        for _ in 0..2 * NOTES_MAX {
            recent.note(at(2), message("a"), PeerSet::EMPTY);
        }
        assert_eq!(recent.notes.len(), NOTES_MAX);
        recent.note(at(2) + KEPT_FOR + KEPT_FOR, message("a"), PeerSet::EMPTY);
        assert_eq!(recent.notes.len(), 1);
        recent.give_back(at(2) + KEPT_FOR * 3);
        assert_eq!(recent.notes.len(), 1, "not too old yet");
        recent.give_back(at(3) + KEPT_FOR * 3);
        assert_eq!((recent.notes.len(), recent.notes.capacity()), (0, 0));
    }
}
