//! Hashes of what clients send: keyed, so that nobody outside can choose collisions, and the same on all shards of one
//! process, so that a hash may stand for a filter in mail. Never written anywhere that outlives the process.

use std::hash::{BuildHasher, Hasher};

use ahash::RandomState;

/// Makes the hashes of one router.
#[derive(Clone)]
pub(super) struct Keys {
    text: RandomState,
    edge: u64,
    level: u64,
    position: u64,
    within: u64,
    end: u64,
    shape: u64,
    /// Tests narrow this to a few bits, so that collisions happen at every step.
    #[cfg(test)]
    mask: u64,
}

impl Keys {
    pub(super) fn new(seed: u64) -> Keys {
        let mut state = seed;
        let text = RandomState::with_seeds(next(&mut state), next(&mut state), next(&mut state), next(&mut state));
        // Odd: a multiplication by it loses nothing.
        let [edge, position, within, end, shape] = std::array::from_fn(|_| next(&mut state) | 1);
        let level = next(&mut state);
        #[cfg(not(test))]
        return Keys { text, edge, level, position, within, end, shape };
        #[cfg(test)]
        Keys { text, edge, level, position, within, end, shape, mask: u64::MAX }
    }

    /// Keys that give only `2^bits` different hashes.
    #[cfg(test)]
    pub(super) fn weak(seed: u64, bits: u32) -> Keys {
        Keys { mask: u64::MAX << (64 - bits), ..Keys::new(seed) }
    }

    /// Hash of a topic, a filter or a level of one.
    #[inline]
    pub(super) fn text(&self, text: &str) -> u64 {
        self.bytes(text.as_bytes())
    }

    /// The same hash of a text in bytes.
    #[inline]
    pub(super) fn bytes(&self, text: &[u8]) -> u64 {
        let mut hasher = self.text.build_hasher();
        hasher.write(text);
        self.narrowed(hasher.finish())
    }

    /// Hash of an edge of a trie.
    #[inline]
    pub(super) fn edge(&self, node: u32, symbol: u32) -> u64 {
        let pair = (u64::from(node) << 32) | u64::from(symbol);
        self.narrowed(fold(pair ^ self.edge.rotate_left(32), self.edge))
    }

    /// What the hash of a level begins with: its position, so that levels that change places are others.
    #[inline]
    pub(super) fn level(&self, position: usize) -> u64 {
        self.level.wrapping_add(self.position.wrapping_mul(position as u64))
    }

    /// Goes on with eight bytes of a level.
    #[inline]
    pub(super) fn extend_level(&self, state: u64, word: u64) -> u64 {
        fold(state ^ word, self.within)
    }

    /// Ends the hash of a level with the seven bytes or fewer that are left of it. By another factor than
    /// [`Keys::extend_level`], so that a level and the beginning of a longer one are others.
    #[inline]
    pub(super) fn end_level(&self, state: u64, word: u64) -> u64 {
        fold(state ^ word, self.end)
    }

    /// What the hashes of one shape differ by from those of all others.
    pub(super) fn shape(&self, shape: u64) -> u64 {
        fold(shape ^ self.shape.rotate_left(32), self.shape)
    }

    /// Hash of a shape, by what [`Keys::shape`] gave, and the sum of the hashes of levels.
    #[inline]
    pub(super) fn levels(&self, shape: u64, sum: u64) -> u64 {
        self.narrowed(fold(sum ^ shape, self.shape))
    }

    #[inline]
    #[cfg(not(test))]
    fn narrowed(&self, hash: u64) -> u64 {
        hash
    }

    #[cfg(test)]
    fn narrowed(&self, hash: u64) -> u64 {
        hash & self.mask
    }
}

/// All 128 bits of a product, folded.
#[inline]
fn fold(value: u64, factor: u64) -> u64 {
    let product = u128::from(value) * u128::from(factor);
    (product >> 64) as u64 ^ product as u64
}

/// SplitMix64: spreads one seed over several.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_hashes_and_another_seed_others() {
        let (one, same, other) = (Keys::new(7), Keys::new(7), Keys::new(8));
        assert_eq!(one.text("a/b"), same.text("a/b"));
        assert_eq!(one.edge(3, 4), same.edge(3, 4));
        assert_ne!(one.text("a/b"), other.text("a/b"));
        assert_ne!(one.edge(3, 4), other.edge(3, 4));
    }

    #[test]
    fn the_upper_half_of_an_edge_hash_spreads_small_numbers() {
        let keys = Keys::new(1);
        let mut buckets = [0_u32; 64];
        for node in 0..64 {
            for symbol in 0..64 {
                buckets[(keys.edge(node, symbol) >> 58) as usize] += 1;
            }
        }
        assert!(buckets.iter().all(|&count| (20..200).contains(&count)), "{buckets:?}");
    }
}
