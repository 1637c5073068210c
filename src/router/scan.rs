//! Finding the topics that match a filter in a list of topics ordered by their bytes, without looking at all of them.
//!
//! All topics below one level are neighbours in that order, so a scan that meets a topic which does not match can say
//! where the next one that might is, and go there. The cost is that of the matches and of the places where a `+` has to
//! be tried, not that of all topics.

/// What a topic says about where to look next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It matches.
    Match,
    /// It does not; the next one in order may.
    Next,
    /// Neither it nor any topic before the key left in the buffer matches.
    Seek,
    /// Nothing from here on matches.
    End,
}

/// The smallest key a topic that matches `filter` may have.
pub(super) fn first_key(filter: &[u8]) -> &[u8] {
    let literal = filter.iter().position(|byte| matches!(byte, b'+' | b'#')).unwrap_or(filter.len());
    // `sport/#` matches `sport`.
    let literal = &filter[..literal];
    if literal.len() == filter.len() {
        return literal;
    }
    literal.strip_suffix(b"/").unwrap_or(literal)
}

/// Looks at one topic. `seek` is overwritten.
pub(super) fn step(filter: &[u8], topic: &[u8], seek: &mut Vec<u8>) -> Step {
    // [MQTT5-4.7.2-1] [MQTT311-4.7.2-1]: a leading wildcard does not match a topic that begins with `$`.
    if topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return seek_to(seek, &[], &[b'$' + 1]);
    }
    let mut levels = filter.split(|&byte| byte == b'/').peekable();
    // Where the current level of the topic begins; after its last level, none.
    let mut start = Some(0);
    // End of the last level a `+` stood for: the only place where a larger topic can still match.
    let mut plus_end = None;
    let mut plus_was_last = false;
    while let Some(level) = levels.next() {
        if level == b"#" {
            return Step::Match;
        }
        let Some(from) = start else {
            // The topic ends too early. Below it there may be one that matches; but if its last level stood for a
            // `+`, there are topics between whose level there is longer.
            return if plus_was_last { Step::Next } else { seek_to(seek, topic, b"/") };
        };
        let rest = topic.get(from..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
        plus_was_last = level == b"+";
        if plus_was_last {
            plus_end = Some(from + length);
        } else if rest[..length] != *level {
            let may_end_here = levels.peek().is_none_or(|next| *next == b"#");
            return mismatch(topic, from, level, may_end_here, levels.peek().is_some(), plus_end, seek);
        }
        start = (length < rest.len()).then_some(from + length + 1);
    }
    match start {
        None => Step::Match,
        Some(_) => past(topic, plus_end, seek),
    }
}

/// A level of the topic, beginning at `from`, is not the `level` wanted.
fn mismatch(
    topic: &[u8],
    from: usize,
    level: &[u8],
    may_end_here: bool,
    may_go_on: bool,
    plus_end: Option<usize>,
    seek: &mut Vec<u8>,
) -> Step {
    let rest = &topic[from..];
    if may_end_here && rest < level {
        return seek_to(seek, &topic[..from], level);
    }
    if may_go_on && rest.iter().lt(level.iter().chain(b"/")) {
        let step = seek_to(seek, &topic[..from], level);
        seek.push(b'/');
        return step;
    }
    past(topic, plus_end, seek)
}

/// Nothing from `topic` on matches below the level its last `+` stands for.
fn past(topic: &[u8], plus_end: Option<usize>, seek: &mut Vec<u8>) -> Step {
    match plus_end {
        Some(end) => seek_to(seek, &topic[..end], &[b'/' + 1]),
        None => Step::End,
    }
}

fn seek_to(seek: &mut Vec<u8>, start: &[u8], rest: &[u8]) -> Step {
    seek.clear();
    seek.extend_from_slice(start);
    seek.extend_from_slice(rest);
    Step::Seek
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::matches;

    fn check(filter: &str, topic: &str, expected: Step, expected_seek: &str) {
        let mut seek = Vec::new();
        assert_eq!(step(filter.as_bytes(), topic.as_bytes(), &mut seek), expected, "{filter} at {topic}");
        assert_eq!(String::from_utf8_lossy(&seek), expected_seek, "{filter} at {topic}");
    }

    #[test]
    fn a_topic_that_does_not_match_says_where_to_go_on() {
        check("a/b", "a/b", Step::Match, "");
        check("a/b", "a", Step::Seek, "a/");
        check("a/b", "a/a", Step::Seek, "a/b");
        check("a/b", "a/b/c", Step::End, "");
        check("a/b", "b", Step::End, "");
        check("a/#", "a", Step::Match, "");
        check("a/#", "a!", Step::Seek, "a/");
        check("a/#", "a0", Step::End, "");
        check("+/x", "a", Step::Next, "");
        check("+/x", "a/b", Step::Seek, "a/x");
        check("+/x", "a/y", Step::Seek, "a0");
        check("+/x", "a/x/y", Step::Seek, "a0");
        check("+/x/+", "a/x", Step::Seek, "a/x/");
        check("a/+/c/d", "a/b/c", Step::Seek, "a/b/c/");
        check("a/+/c/d", "a/b/c/e", Step::Seek, "a/b0");
        check("+", "$SYS", Step::Seek, "%");
        check("#", "$SYS/a", Step::Seek, "%");
    }

    /// All topics that match, and how many were looked at.
    fn scan(filter: &str, topics: &[String]) -> (Vec<String>, usize) {
        let (mut found, mut visited, mut seek) = (Vec::new(), 0, Vec::new());
        let mut at = topics.partition_point(|topic| topic.as_bytes() < first_key(filter.as_bytes()));
        while let Some(topic) = topics.get(at) {
            visited += 1;
            at += 1;
            match step(filter.as_bytes(), topic.as_bytes(), &mut seek) {
                Step::Match => found.push(topic.clone()),
                Step::Next => {}
                Step::Seek => {
                    assert!(topic.as_bytes() < &seek[..], "{filter} at {topic} does not go back");
                    at = topics.partition_point(|topic| topic.as_bytes() < &seek[..]);
                }
                Step::End => break,
            }
        }
        (found, visited)
    }

    proptest! {
        // Levels with bytes before and after `/`, and empty ones.
        #[test]
        fn finds_what_the_rule_of_the_standard_finds(
            topics in prop::collection::btree_set("(\\$|[!ab0]{0,2})(/[!ab0]{0,2}){0,3}", 0..60),
            filter in "(\\$|\\+|[!ab0]{0,2})(/(\\+|[!ab0]{0,2})){0,3}(/#)?|#",
        ) {
            let topics: Vec<String> = topics.into_iter().filter(|topic| !topic.is_empty()).collect();
            let expected: Vec<String> = topics.iter().filter(|topic| matches(&filter, topic)).cloned().collect();
            prop_assert_eq!(scan(&filter, &topics).0, expected);
        }
    }

    #[test]
    fn subtrees_that_cannot_match_are_not_looked_at() {
        let mut topics: Vec<String> = Vec::new();
        for site in 0..20 {
            for device in 0..100 {
                topics.push(format!("site/{site}/device/{device}/state"));
            }
            topics.push(format!("site/{site}/name"));
        }
        topics.sort_unstable();
        let (found, visited) = scan("site/+/name", &topics);
        assert_eq!(found.len(), 20);
        assert!(visited <= 60, "{visited} of {}", topics.len());
        let (found, visited) = scan("site/7/device/5/state", &topics);
        assert_eq!(found.len(), 1);
        assert!(visited <= 2);
    }
}
