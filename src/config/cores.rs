//! The list of CPUs shards are pinned to, in the kernel's own notation: `0,2,4-7`.

use std::fmt::{self, Display, Formatter};

use super::value::{quoted, Datum, Fault, Setting, Value, Wrong};
use crate::limits::SHARDS_MAX;

/// Largest CPU number: the kernel's affinity calls take sets of 1024.
const CORE_MAX: u16 = 1023;

/// CPUs by their number, in the order given; never empty, none twice, at most [`SHARDS_MAX`]. Whether they exist is for
/// the runtime to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cores(Vec<u16>);

impl Cores {
    /// The CPU numbers.
    pub fn as_slice(&self) -> &[u16] {
        &self.0
    }

    /// Reads `0,2,4-7`; blanks around numbers are ignored.
    fn parse(text: &str) -> Result<Cores, String> {
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (core(first)?, core(last)?);
            if first > last {
                return Err(format!("the range {first}-{last} runs backwards; write {last}-{first}"));
            }
            for core in first..=last {
                if cores.contains(&core) {
                    return Err(format!("CPU {core} is named twice; name each once"));
                }
                cores.push(core);
            }
        }
        if cores.len() > SHARDS_MAX {
            return Err(format!("it names {} CPUs; name at most {SHARDS_MAX}", cores.len()));
        }
        Ok(Cores(cores))
    }
}

impl Display for Cores {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        let mut separator = "";
        while let Some(&first) = rest.first() {
            let run = rest.iter().zip(first..).take_while(|(core, next)| **core == *next).count();
            match run {
                1 => write!(formatter, "{separator}{first}")?,
                _ => write!(formatter, "{separator}{first}-{}", rest[run - 1])?,
            }
            separator = ",";
            rest = &rest[run..];
        }
        Ok(())
    }
}

impl Setting for Cores {
    const KIND: &'static str = "a list of CPUs as a text";
    const EXAMPLE: &'static str = "\"0,2,4-7\"";

    fn measure(_value: &Value<'_>) -> Option<f64> {
        None
    }

    fn read(value: &Value<'_>) -> Result<Cores, Fault> {
        match value.datum {
            Datum::Text(text) => Cores::parse(text).map_err(|why| Fault::new(value, Wrong::Because(why))),
            _ => Err(Fault::new(value, Wrong::Kind)),
        }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

fn core(text: &str) -> Result<u16, String> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(core) if is_number && core <= CORE_MAX => Ok(core),
        _ => {
            let shown: String = text.chars().take(20).collect();
            Err(format!("{} is no CPU number of 0 to {CORE_MAX}; write a list such as 0,2,4-7", quoted(&shown)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read_and_shown_again() {
        for (text, cores, shown) in [
            ("0", vec![0], "0"),
            ("0,2,4-7", vec![0, 2, 4, 5, 6, 7], "0,2,4-7"),
            (" 3 , 1 - 2 ", vec![3, 1, 2], "3,1-2"),
            ("5-5", vec![5], "5"),
            ("1023", vec![1023], "1023"),
        ] {
            let parsed = Cores::parse(text).unwrap();
            assert_eq!((parsed.as_slice(), parsed.to_string().as_str()), (cores.as_slice(), shown), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", ",", "1,", "a", "-1", "1-", "1-2-3", "+1", "2-1", "1,1", "0-3,2", "1024", "99999", "0-64"] {
            assert!(Cores::parse(text).is_err(), "{text:?}");
        }
        assert!(Cores::parse("0-63").is_ok());
    }
}
