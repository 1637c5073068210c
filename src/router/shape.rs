//! What a wildcard filter looks like, apart from its texts: a fleet of devices has a hundred thousand filters and a
//! handful of shapes. A topic matches a filter of a shape if the levels that are no wildcards are equal, which one hash
//! tells.

use super::hash::Keys;
use super::levels::{level, Levels, LEVELS_MAX};

/// Where a filter has its wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// The levels that are `+`, a bit for each.
    plus: u32,
    /// How many levels there are, a final `#` not counted.
    levels: u8,
    /// A final `#`.
    is_open: bool,
}

impl Shape {
    /// The shape of a filter with wildcards and the hash of its other levels; none if it has too many levels.
    pub(super) fn of(keys: &Keys, filter: &str) -> Option<(Shape, u64)> {
        let text = filter.as_bytes();
        let mut shape = Shape { plus: 0, levels: 0, is_open: false };
        let (mut sum, mut at) = (0_u64, 0);
        loop {
            if text.get(at) == Some(&b'#') {
                shape.is_open = true;
                break;
            }
            let position = usize::from(shape.levels);
            if position == LEVELS_MAX {
                return None;
            }
            let level = level(keys, position, text, at);
            if text.get(at) == Some(&b'+') {
                shape.plus |= 1 << position;
            } else {
                sum = sum.wrapping_add(level.hash);
            }
            shape.levels += 1;
            at = level.end + 1;
            if level.is_last {
                break;
            }
        }
        Some((shape, keys.levels(shape.seed(keys), sum)))
    }

    /// What tells the hashes of this shape from those of others.
    pub(super) fn seed(self, keys: &Keys) -> u64 {
        keys.shape(u64::from(self.plus) << 32 | u64::from(self.levels) << 1 | u64::from(self.is_open))
    }

    /// How many levels of a topic have to be known to decide about this shape.
    pub(super) fn depth(self) -> usize {
        usize::from(self.levels)
    }

    /// Whether a topic has the number of levels for this shape, and no leading `$`, which a wildcard does not match
    /// [MQTT5-4.7.2-1] [MQTT311-4.7.2-1].
    #[inline]
    pub(super) fn admits(self, levels: &Levels) -> bool {
        let (wanted, count) = (usize::from(self.levels), levels.count());
        // `sport/#` matches `sport` too.
        let is_long_enough = wanted <= count && (self.is_open || (wanted == count && levels.is_whole()));
        is_long_enough && !(levels.is_hidden() && (self.levels == 0 || self.plus & 1 != 0))
    }

    /// The hash that a filter of this shape has if the topic, which the shape admits, matches it.
    #[inline]
    pub(super) fn hash(self, keys: &Keys, seed: u64, levels: &Levels) -> u64 {
        keys.levels(seed, levels.sum(usize::from(self.levels), self.plus))
    }

    /// Whether `filter` is the one of this shape that the topic, which the shape admits, matches.
    #[inline]
    pub(super) fn fits(self, filter: &str, topic: &str, levels: &Levels) -> bool {
        let (mut filter, topic) = (filter.as_bytes(), topic.as_bytes());
        let mut from = 0;
        let mut plus = self.plus;
        while plus != 0 {
            let at = plus.trailing_zeros() as usize;
            let rest = filter.strip_prefix(&topic[from..levels.start(at)]).and_then(|rest| rest.strip_prefix(b"+"));
            let Some(rest) = rest else { return false };
            filter = rest;
            from = levels.end(at + 1);
            plus &= plus - 1;
        }
        let end: &[u8] = match (self.is_open, self.levels) {
            (false, _) => b"",
            (true, 0) => b"#",
            (true, _) => b"/#",
        };
        filter.strip_prefix(&topic[from..levels.end(usize::from(self.levels))]) == Some(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::matches;

    fn shape(filter: &str) -> Option<(u32, u8, bool)> {
        Shape::of(&Keys::new(1), filter).map(|(shape, _)| (shape.plus, shape.levels, shape.is_open))
    }

    #[test]
    fn a_shape_is_where_the_wildcards_are() {
        assert_eq!(shape("#"), Some((0, 0, true)));
        assert_eq!(shape("+"), Some((1, 1, false)));
        assert_eq!(shape("/+"), Some((2, 2, false)));
        assert_eq!(shape("a//+/#"), Some((4, 3, true)));
        assert_eq!(shape(&format!("{}#", "+/".repeat(32))), Some((u32::MAX, 32, true)));
        assert_eq!(shape(&"+/".repeat(32)), None);
    }

    #[test]
    fn a_shape_is_eight_bytes() {
        assert_eq!(size_of::<Shape>(), 8);
    }

    #[test]
    fn the_upper_bits_of_a_hash_spread_numbered_filters() {
        let keys = Keys::new(1);
        for (before, after) in
            [("device/", "/#"), ("site/7/+/", "/state"), ("+/a-rather-long-level-", ""), ("", "/+/x")]
        {
            let mut buckets = [0_u32; 64];
            for number in 0..6400 {
                let (_, hash) = Shape::of(&keys, &format!("{before}{number}{after}")).unwrap();
                buckets[(hash >> 58) as usize] += 1;
            }
            assert!(buckets.iter().all(|&count| (50..200).contains(&count)), "{before} {buckets:?}");
        }
    }

    /// Text of a filter with a wildcard and without much variety, so that topics meet it.
    fn filter() -> impl Strategy<Value = String> {
        let text = "(\\$|\\+|[ab]{0,9})(/(\\+|[ab]{0,9})){0,4}(/#)?|#";
        text.prop_filter("a wildcard", |text| text.contains(['+', '#']))
    }

    fn topic() -> impl Strategy<Value = String> {
        "(\\$|[ab]{0,9})(/[ab]{0,9}){0,4}".prop_filter("not empty", |text| !text.is_empty())
    }

    /// The topic with some levels replaced, so that it is likely to be matched.
    fn filled(filter: &str, topic: &str) -> String {
        let mut levels = topic.split('/');
        let filter = filter.strip_suffix("/#").unwrap_or(filter);
        let filled: Vec<&str> =
            filter.split('/').map(|level| if level == "+" { levels.next().unwrap_or("") } else { level }).collect();
        filled.join("/")
    }

    proptest! {
        #[test]
        fn a_shape_and_a_hash_tell_what_matches(filter in filter(), topic in topic(), fill in any::<bool>()) {
            let topic = if fill && filter != "#" { filled(&filter, &topic) } else { topic };
            let keys = Keys::new(7);
            let (shape, hash) = Shape::of(&keys, &filter).unwrap();
            let mut levels = Levels::default();
            levels.reach(&keys, &topic, shape.depth());
            let is_admitted = shape.admits(&levels);
            let expected = matches(&filter, &topic);
            prop_assert!(is_admitted || !expected);
            if is_admitted {
                prop_assert_eq!(shape.fits(&filter, &topic, &levels), expected);
                prop_assert_eq!(shape.hash(&keys, shape.seed(&keys), &levels) == hash, expected);
            }
        }
    }
}
