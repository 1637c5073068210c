//! The levels of a topic, each hashed once whatever is asked about it.
//!
//! The hash of several levels is a sum, each level hashed with its position: so that of any selection of levels is a
//! difference of prefixes away. A level is read eight bytes at a time; finding its end and hashing it are one pass.

use super::hash::Keys;

/// Most levels of a filter that is found by hash; deeper ones are rare enough for the trie.
pub(super) const LEVELS_MAX: usize = 32;

/// One level of a text.
pub(super) struct Level {
    /// Hash of its bytes and its position.
    pub(super) hash: u64,
    /// Where it ends: the place of a slash, or the end of the text.
    pub(super) end: usize,
    pub(super) is_last: bool,
}

/// The first levels of a topic, as many as somebody has asked for; room that is used again for the next topic.
pub(super) struct Levels {
    /// By number of levels: the sum of the hashes of so many.
    sums: [u64; LEVELS_MAX + 1],
    /// Where each level begins; behind the last one it ends with a slash, there or not.
    starts: [u32; LEVELS_MAX + 1],
    count: usize,
    /// The topic has no more levels than these.
    is_whole: bool,
    is_hidden: bool,
}

impl Default for Levels {
    fn default() -> Levels {
        Levels { sums: [0; LEVELS_MAX + 1], starts: [0; LEVELS_MAX + 1], count: 0, is_whole: false, is_hidden: false }
    }
}

impl Levels {
    /// Begins with another topic.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Hashes the first `depth` levels of `topic`, or all if it has fewer. The topic is the same since
    /// [`Levels::clear`].
    #[inline]
    pub(super) fn reach(&mut self, keys: &Keys, topic: &str, depth: usize) {
        debug_assert!(depth <= LEVELS_MAX);
        if self.count == 0 {
            self.is_whole = false;
            self.is_hidden = topic.starts_with('$');
        }
        let mut count = self.count;
        let (mut sum, mut start) = (self.sums[count], self.start(count));
        while count < depth && !self.is_whole {
            let level = level(keys, count, topic.as_bytes(), start);
            sum = sum.wrapping_add(level.hash);
            start = level.end + 1;
            count += 1;
            self.sums[count] = sum;
            self.starts[count] = start as u32;
            self.is_whole = level.is_last;
        }
        self.count = count;
    }

    /// Whether the topic begins with `$`.
    #[inline]
    pub(super) fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// How many levels have been hashed.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether they are all the topic has.
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The sum of the hashes of the first `count` levels but for those in the mask `without`.
    #[inline]
    pub(super) fn sum(&self, count: usize, mut without: u32) -> u64 {
        let mut sum = self.sums[count];
        while without != 0 {
            let at = without.trailing_zeros() as usize;
            sum = sum.wrapping_add(self.sums[at]).wrapping_sub(self.sums[at + 1]);
            without &= without - 1;
        }
        sum
    }

    /// Where a level begins.
    #[inline]
    pub(super) fn start(&self, level: usize) -> usize {
        self.starts[level] as usize
    }

    /// Where the first `count` levels end.
    #[inline]
    pub(super) fn end(&self, count: usize) -> usize {
        (self.starts[count] as usize).saturating_sub(1)
    }
}

/// Finds and hashes the level of `text` that begins at `at` and is the one at `position`. The text has no NUL, which is
/// what lets the bytes missing in a word be zero.
#[inline(always)]
pub(super) fn level(keys: &Keys, position: usize, text: &[u8], mut at: usize) -> Level {
    let mut state = keys.level(position);
    loop {
        let word = word(text, at);
        let slashes = slashes(word);
        if slashes != 0 {
            let bits = slashes.trailing_zeros() & !7;
            let hash = keys.end_level(state, word & ((1 << bits) - 1));
            return Level { hash, end: at + bits as usize / 8, is_last: false };
        }
        if text.len() - at < 8 {
            return Level { hash: keys.end_level(state, word), end: text.len(), is_last: true };
        }
        state = keys.extend_level(state, word);
        at += 8;
    }
}

/// Eight bytes from `at` on, with zeros behind the end of the text.
#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    let rest = &text[at..];
    if let Some(word) = rest.first_chunk() {
        return u64::from_le_bytes(*word);
    }
    match text.last_chunk() {
        // Two shifts, as one by all 64 bits is none.
        Some(last) => u64::from_le_bytes(*last) >> 8 >> (8 * (7 - rest.len())),
        None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// Marks bytes that are slashes with their highest bit; what is marked above the first may be none.
#[inline]
fn slashes(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let difference = word ^ (ONES * b'/' as u64);
    difference.wrapping_sub(ONES) & !difference & HIGH
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn levels_are_those_between_slashes_and_equal_ones_have_equal_hashes(
            topic in "[/ab0.\u{af}]{1,60}",
            depths in prop::collection::vec(0..=LEVELS_MAX, 1..4),
        ) {
            let keys = Keys::new(4);
            let mut levels = Levels::default();
            let all: Vec<&str> = topic.split('/').collect();
            for depth in depths {
                levels.reach(&keys, &topic, depth);
                prop_assert!(levels.count() >= depth.min(all.len()));
            }
            prop_assert_eq!(levels.is_whole(), levels.count() == all.len());
            for (at, text) in all.iter().enumerate().take(levels.count()) {
                prop_assert_eq!(&topic[levels.start(at)..levels.end(at + 1)], *text);
                let alone = level(&keys, at, text.as_bytes(), 0);
                prop_assert_eq!(levels.sum(at + 1, (1 << at) - 1), alone.hash);
                prop_assert_eq!((alone.end, alone.is_last), (text.len(), true));
            }
        }
    }

    #[test]
    fn levels_of_all_lengths_and_at_all_positions_have_different_hashes() {
        let keys = Keys::new(4);
        let mut seen = BTreeMap::new();
        for length in 0..40 {
            for end in ["", "a", "b"] {
                let text = format!("{}{end}", "a".repeat(length));
                for position in 0..LEVELS_MAX {
                    let hash = level(&keys, position, text.as_bytes(), 0).hash;
                    let same = seen.insert(hash, (text.clone(), position));
                    assert!(same.is_none_or(|same| same == (text.clone(), position)));
                }
            }
        }
    }
}
