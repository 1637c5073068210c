//! What is logged of refusals: so many lines and no more, since a flood of refusals must not become a flood of lines, and of
//! what a client says so much and no more.

use std::time::Duration;

use crate::time::Time;

/// Lines in each span.
const LINES_MAX: u32 = 20;
/// Characters of a name or topic that are shown.
const SHOWN_CHARACTERS_MAX: usize = 128;
/// A span.
const SPAN: Duration = Duration::from_secs(10);

/// Counts the lines of one kind.
#[derive(Debug, Default)]
pub struct Throttle {
    since: Time,
    lines: u32,
    untold: u64,
}

impl Throttle {
    /// Whether another line may be written; answers how many were not since the last that was.
    pub fn pass(&mut self, now: Time) -> Option<u64> {
        if now - self.since >= SPAN {
            self.since = now;
            self.lines = 0;
        }
        if self.lines >= LINES_MAX {
            self.untold += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

/// As much of a name or topic as is shown.
pub fn shorten(text: &str) -> &str {
    text.char_indices().nth(SHOWN_CHARACTERS_MAX).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_so_many_lines_and_a_number() {
        let mut throttle = Throttle::default();
        let told = (0..100).filter(|_| throttle.pass(Time::START) == Some(0)).count();
        assert_eq!(told, 20);
        assert_eq!(throttle.pass(Time::START + SPAN), Some(80));
        assert_eq!(throttle.pass(Time::START + SPAN), Some(0));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(&"\u{fc}".repeat(200)), "\u{fc}".repeat(128));
    }
}
