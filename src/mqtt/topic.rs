//! Topic Names and Topic Filters: what is valid, and when they match.

use thiserror::Error;

use super::types::ProtocolVersion;

/// Bytes a string of the wire can have.
const BYTES_MAX: usize = 65_535;

/// What a shared subscription's filter begins with.
const SHARE_PREFIX: &str = "$share/";

/// Why a text is no Topic Name or Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TopicError {
    /// It has no character.
    #[error("it is empty")]
    Empty,
    /// It has more than 65,535 bytes.
    #[error("it is longer than 65,535 bytes")]
    TooLong,
    /// It contains U+0000.
    #[error("it contains the null character")]
    NullCharacter,
    /// A Topic Name contains `+` or `#`.
    #[error("a topic name contains a wildcard")]
    WildcardInName,
    /// `+` that is not a whole level, or `#` that is not the whole last level.
    #[error("a wildcard is not where it may be")]
    WildcardMisplaced,
    /// `$share/` with an empty name or a wildcard in it.
    #[error("the share name is not valid")]
    ShareNameInvalid,
    /// `$share/name` without a filter.
    #[error("the shared subscription has no topic filter")]
    ShareFilterMissing,
}

/// A valid Topic Name: 1 to 65,535 bytes without `+`, `#` and U+0000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a str);

impl<'a> TopicName<'a> {
    /// Checks `text` in one pass.
    ///
    /// # Errors
    /// What makes it invalid.
    #[inline]
    pub fn parse(text: &'a str) -> Result<TopicName<'a>, TopicError> {
        check_length(text)?;
        if is_plain(text.as_bytes()) {
            return Ok(TopicName(text));
        }
        // [MQTT5-4.7.3-2] [MQTT311-4.7.3-2], else [MQTT5-4.7.0-1] [MQTT311-4.7.1-1]
        Err(if text.contains('\0') { TopicError::NullCharacter } else { TopicError::WildcardInName })
    }

    /// Its text.
    #[inline]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// One more than it has slashes.
    pub fn level_count(self) -> usize {
        level_count(self.0)
    }
}

/// A valid Topic Filter, of a shared subscription if the version has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a> {
    text: &'a str,
    is_shared: bool,
}

/// The two parts of `$share/name/filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share<'a> {
    /// The share name.
    pub name: &'a str,
    /// What the members of the group subscribe to.
    pub filter: TopicFilter<'a>,
}

impl<'a> TopicFilter<'a> {
    /// Checks `text`; in 5.0 one that begins with `$share/` must be a valid shared subscription.
    ///
    /// # Errors
    /// What makes it invalid.
    pub fn parse(version: ProtocolVersion, text: &'a str) -> Result<TopicFilter<'a>, TopicError> {
        check_length(text)?;
        match version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => {}
            ProtocolVersion::V5 => {
                if let Some(rest) = text.strip_prefix(SHARE_PREFIX) {
                    check_share(rest)?;
                    return Ok(TopicFilter { text, is_shared: true });
                }
            }
        }
        check_wildcards(text.as_bytes())?;
        Ok(TopicFilter { text, is_shared: false })
    }

    /// Its whole text, with `$share/` and name if it is shared.
    #[inline]
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether it contains `+` or `#`.
    pub fn has_wildcard(self) -> bool {
        // Neither can be part of a share name, nor of a level with other characters.
        self.text.bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// One more than it has slashes, the two after `$share` and the share name included.
    pub fn level_count(self) -> usize {
        level_count(self.text)
    }

    /// Share name and inner filter of a shared subscription; `None` for any other, and in 3.x, which has none.
    pub fn share(self) -> Option<Share<'a>> {
        if !self.is_shared {
            return None;
        }
        let (name, text) = self.text.strip_prefix(SHARE_PREFIX)?.split_once('/')?;
        Some(Share { name, filter: TopicFilter { text, is_shared: false } })
    }
}

/// Whether a publication to `topic` is for a subscription to `filter`, told naively: tests compare better ways with this
/// one. Both must be valid, and `filter` without `$share/name/`.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false; // [MQTT5-4.7.2-1] [MQTT311-4.7.2-1]
    }
    let (mut filter_levels, mut topic_levels) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter_levels.next(), topic_levels.next()) {
            // Matches the parent level too, where the topic has ended. [MQTT5-4.7.1.2]
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

fn check_length(text: &str) -> Result<(), TopicError> {
    match text.len() {
        0 => Err(TopicError::Empty), // [MQTT5-4.7.3-1] [MQTT311-4.7.3-1]
        1..=BYTES_MAX => Ok(()),     // [MQTT5-4.7.3-3] [MQTT311-4.7.3-3]
        _ => Err(TopicError::TooLong),
    }
}

/// Whether there is no NUL, `+` or `#`: eight bytes at a time, since every publication comes through here.
#[inline]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let mut suspicious = 0;
    match bytes.last_chunk::<8>() {
        Some(last) => {
            for word in bytes.as_chunks::<8>().0 {
                suspicious |= low_bytes(*word);
            }
            // Overlaps the word before instead of going byte by byte.
            suspicious |= low_bytes(*last);
        }
        None => {
            for &byte in bytes {
                suspicious |= u64::from(byte < FIRST_USUAL);
            }
        }
    }
    suspicious == 0 || !bytes.iter().any(|byte| matches!(byte, 0 | b'+' | b'#'))
}

/// All three forbidden characters are below `,`, and hardly a topic has any other from there.
const FIRST_USUAL: u8 = b',';

/// Not zero if one of the bytes is below [`FIRST_USUAL`].
#[inline]
const fn low_bytes(word: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = u64::from_ne_bytes(word);
    word.wrapping_sub(ONES * FIRST_USUAL as u64) & !word & HIGH
}

fn check_wildcards(filter: &[u8]) -> Result<(), TopicError> {
    let mut before = b'/';
    for (index, &byte) in filter.iter().enumerate() {
        let after = filter.get(index + 1).copied();
        let is_valid = match byte {
            0 => return Err(TopicError::NullCharacter), // [MQTT5-4.7.3-2] [MQTT311-4.7.3-2]
            b'#' => before == b'/' && after.is_none(),  // [MQTT5-4.7.1-1] [MQTT311-4.7.1-2]
            b'+' => before == b'/' && matches!(after, None | Some(b'/')), // [MQTT5-4.7.1-2] [MQTT311-4.7.1-3]
            _ => true,
        };
        if !is_valid {
            return Err(TopicError::WildcardMisplaced);
        }
        before = byte;
    }
    Ok(())
}

/// Checks what follows `$share/`.
fn check_share(rest: &str) -> Result<(), TopicError> {
    let (name, filter) = rest.split_once('/').ok_or(TopicError::ShareFilterMissing)?; // [MQTT5-4.8.2-2]
    if name.is_empty() || !is_plain(name.as_bytes()) {
        return Err(TopicError::ShareNameInvalid); // [MQTT5-4.8.2-1]
    }
    if filter.is_empty() {
        return Err(TopicError::ShareFilterMissing); // [MQTT5-4.8.2-2]
    }
    check_wildcards(filter.as_bytes())
}

fn level_count(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'/').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_for_wildcards_null_and_length_only() {
        let long = "x".repeat(BYTES_MAX + 1);
        for valid in ["a", "/", "//", " ", "$SYS/a", "a b/!\"$%&'()*,", "é/日本/🙂", "1234567", "12345678", &long[1..]]
        {
            assert_eq!(TopicName::parse(valid).map(TopicName::as_str), Ok(valid));
        }
        assert_eq!(TopicName::parse(""), Err(TopicError::Empty));
        assert_eq!(TopicName::parse(&long), Err(TopicError::TooLong));
        for (bad, error) in
            [('+', TopicError::WildcardInName), ('#', TopicError::WildcardInName), ('\0', TopicError::NullCharacter)]
        {
            for length in 0..40 {
                for at in 0..=length {
                    let text = format!("{}{bad}{}", "x".repeat(at), "é".repeat(length - at));
                    assert_eq!(TopicName::parse(&text), Err(error), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn filters_have_wildcards_only_as_whole_levels() {
        for valid in ["a", "+", "#", "/", "+/+", "/+", "+/", "a/+/b", "a/#", "/#", "+/#", "$SYS/#", "a//b", "$share"] {
            for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
                let filter = TopicFilter::parse(version, valid).unwrap();
                assert_eq!((filter.as_str(), filter.share()), (valid, None));
                assert_eq!(filter.has_wildcard(), valid.contains(['+', '#']));
            }
        }
        for invalid in ["a+", "+a", "a/+b", "a/b+/c", "#/", "#/a", "a#", "a/#b", "##", "++", "a/#/", "+#"] {
            for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
                assert_eq!(TopicFilter::parse(version, invalid), Err(TopicError::WildcardMisplaced), "{invalid}");
            }
        }
        assert_eq!(TopicFilter::parse(ProtocolVersion::V5, ""), Err(TopicError::Empty));
        assert_eq!(TopicFilter::parse(ProtocolVersion::V5, "a\0"), Err(TopicError::NullCharacter));
    }

    #[test]
    fn mqtt5_4_8_2_1_shared_subscriptions_have_a_name_and_a_filter() {
        for (text, name, filter) in [
            ("$share/n/a", "n", "a"),
            ("$share/n//", "n", "/"),
            ("$share/é/+/#", "é", "+/#"),
            ("$share/n/$share/m/a", "n", "$share/m/a"),
        ] {
            let parsed = TopicFilter::parse(ProtocolVersion::V5, text).unwrap();
            let share = parsed.share().unwrap();
            assert_eq!((share.name, share.filter.as_str(), share.filter.share()), (name, filter, None));
            assert_eq!(parsed.level_count(), share.filter.level_count() + 2);
        }
        for (text, error) in [
            ("$share/", TopicError::ShareFilterMissing),
            ("$share/a", TopicError::ShareFilterMissing),
            ("$share/a/", TopicError::ShareFilterMissing),
            ("$share//a", TopicError::ShareNameInvalid),
            ("$share/a+/b", TopicError::ShareNameInvalid),
            ("$share/#/b", TopicError::ShareNameInvalid),
            ("$share/a/b+", TopicError::WildcardMisplaced),
        ] {
            assert_eq!(TopicFilter::parse(ProtocolVersion::V5, text), Err(error), "{text}");
        }
    }

    #[test]
    fn mqtt_3_x_has_no_shared_subscriptions() {
        let filter = TopicFilter::parse(ProtocolVersion::V3_1_1, "$share//a").unwrap();
        assert_eq!(filter.share(), None);
        assert!(TopicFilter::parse(ProtocolVersion::V3_1_1, "$share/a").is_ok());
    }

    #[test]
    fn matching_is_that_of_the_standards_examples() {
        for (filter, topic) in [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("sport/#", "sport"),
            ("#", "a/b"),
            ("#", "/"),
            ("sport/+", "sport/"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("$SYS/#", "$SYS/a"),
            ("$SYS/monitor/+", "$SYS/monitor/Clients"),
            ("a//b", "a//b"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("sport/tennis/+", "sport/tennis/player1/ranking"),
            ("sport/+", "sport"),
            ("+", "/finance"),
            ("#", "$SYS/a"),
            ("+/monitor/Clients", "$SYS/monitor/Clients"),
            ("a", "A"),
            ("a", "a/"),
            ("a/b", "a"),
        ] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
}
