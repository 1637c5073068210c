//! A topic that several tables are asked about, so that what they need of it is found out once.

use super::hash::Keys;
use super::levels::Levels;
use super::trie::Frontier;

/// A topic and what is known of it.
pub(super) struct Asked<'a> {
    pub(super) topic: &'a str,
    /// Hash of the whole topic.
    pub(super) hash: u64,
    pub(super) room: &'a mut Room,
}

/// Room to work in, reused so that a warm search allocates nothing.
#[derive(Default)]
pub(super) struct Room {
    pub(super) levels: Levels,
    pub(super) frontier: Frontier,
}

impl Asked<'_> {
    #[inline]
    pub(super) fn new<'a>(keys: &Keys, topic: &'a str, room: &'a mut Room) -> Asked<'a> {
        room.levels.clear();
        Asked { topic, hash: keys.text(topic), room }
    }

    /// The first levels, as many as `depth` says.
    #[inline]
    pub(super) fn levels(&mut self, keys: &Keys, depth: usize) -> &Levels {
        self.room.levels.reach(keys, self.topic, depth);
        &self.room.levels
    }
}
