//! What a configuration value may be, and how each Rust type reads one and shows itself.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Characters of a refused value that are repeated to the operator.
const SHOWN_MAX: usize = 60;

/// A value as written, and where: a byte offset into the file, or 0 for a flag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value<'a> {
    pub(crate) at: usize,
    pub(crate) datum: Datum<'a>,
}

/// The kinds of value TOML and the command line know, as far as an option wants them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum<'a> {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
    List(Vec<Value<'a>>),
    /// Nothing an option takes (a table, a date); the word names it.
    Other(&'static str),
}

impl Display for Datum<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Boolean(flag) => write!(formatter, "{flag}"),
            Datum::Integer(number) => formatter.write_str(&grouped(*number)),
            Datum::Float(number) => write!(formatter, "{number}"),
            Datum::Text(text) => formatter.write_str(&quoted(&shortened(text))),
            Datum::List(values) => write!(formatter, "a list of {}", values.len()),
            Datum::Other(name) => formatter.write_str(name),
        }
    }
}

/// Why a value was refused. The row it was given for knows the key, the range and an example.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) found: String,
    pub(crate) wrong: Wrong,
}

/// The ways to be wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wrong {
    /// Not the kind of value the option takes.
    Kind,
    /// The right kind, outside the allowed range.
    Range,
    /// Anything else: what it is and how to mend it.
    Because(String),
}

impl Fault {
    pub(crate) fn new(value: &Value<'_>, wrong: Wrong) -> Fault {
        Fault { at: value.at, found: value.datum.to_string(), wrong }
    }
}

/// The smallest and largest allowed value (of a text: its bytes; of a list: its entries).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Range {
    fn contains(self, measure: f64) -> bool {
        // A NaN is in no range: both comparisons are false.
        self.min <= measure && measure <= self.max
    }
}

impl Display for Range {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}", number(self.min), number(self.max))
    }
}

/// A type an option may have.
pub(crate) trait Setting: Sized {
    /// What a valid value is, for the operator: "a whole number".
    const KIND: &'static str;
    /// What the range counts when the row names no unit of its own.
    const COUNTS: &'static str = "";
    /// What to write when the default is nothing that could be written.
    const EXAMPLE: &'static str = "";

    /// What a range limits; `None` if `value` is of the wrong kind, which `read` then says.
    fn measure(value: &Value<'_>) -> Option<f64>;

    /// Takes over a value that is in range.
    fn read(value: &Value<'_>) -> Result<Self, Fault>;

    /// The value as TOML; `None`: there is none.
    fn show(&self) -> Option<String>;

    /// What the words after a flag mean, the last one counting where only one value is taken.
    fn of_flag(words: &[String]) -> Datum<'_> {
        Datum::Text(words.last().map_or("", String::as_str))
    }
}

/// Reads a value for an option with this range.
pub(crate) fn read<T: Setting>(value: &Value<'_>, range: Option<Range>) -> Result<T, Fault> {
    if let (Some(range), Some(measure)) = (range, T::measure(value)) {
        if !range.contains(measure) {
            return Err(Fault::new(value, Wrong::Range));
        }
    }
    T::read(value)
}

macro_rules! whole_numbers {
    ($($type:ty)+) => { $(
        impl Setting for $type {
            const KIND: &'static str = "a whole number";

            fn measure(value: &Value<'_>) -> Option<f64> {
                match value.datum {
                    Datum::Integer(number) => Some(number as f64),
                    _ => None,
                }
            }

            fn read(value: &Value<'_>) -> Result<Self, Fault> {
                match value.datum {
                    Datum::Integer(number) => Self::try_from(number).map_err(|_| Fault::new(value, Wrong::Range)),
                    _ => Err(Fault::new(value, Wrong::Kind)),
                }
            }

            fn show(&self) -> Option<String> {
                Some(i64::try_from(*self).map_or_else(|_| self.to_string(), grouped))
            }

            fn of_flag(words: &[String]) -> Datum<'_> {
                let word = words.last().map_or("", String::as_str);
                word.parse().map_or(Datum::Text(word), Datum::Integer)
            }
        }
    )+ };
}

whole_numbers!(u8 u16 u32 u64 usize);

impl Setting for bool {
    const KIND: &'static str = "true or false";

    fn measure(_value: &Value<'_>) -> Option<f64> {
        None
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        match value.datum {
            Datum::Boolean(flag) => Ok(flag),
            _ => Err(Fault::new(value, Wrong::Kind)),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for Duration {
    const KIND: &'static str = "a number of seconds, whole or not";

    fn measure(value: &Value<'_>) -> Option<f64> {
        match value.datum {
            Datum::Integer(seconds) => Some(seconds as f64),
            Datum::Float(seconds) => Some(seconds),
            _ => None,
        }
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let seconds = Self::measure(value).ok_or_else(|| Fault::new(value, Wrong::Kind))?;
        Duration::try_from_secs_f64(seconds).map_err(|_| Fault::new(value, Wrong::Range))
    }

    fn show(&self) -> Option<String> {
        Some(number(self.as_secs_f64()))
    }
}

impl Setting for String {
    const KIND: &'static str = "a text";
    const COUNTS: &'static str = "bytes";

    fn measure(value: &Value<'_>) -> Option<f64> {
        match value.datum {
            Datum::Text(text) => Some(text.len() as f64),
            _ => None,
        }
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        match value.datum {
            // A UTF-8 Encoded String of MQTT should hold no control character and must not hold NUL. [MQTT5-1.5.4-2]
            Datum::Text(text) if text.chars().any(char::is_control) => {
                Err(Fault::new(value, Wrong::Because("it holds a control character; remove it".to_owned())))
            }
            Datum::Text(text) => Ok(text.to_owned()),
            _ => Err(Fault::new(value, Wrong::Kind)),
        }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl<T: Setting> Setting for Option<T> {
    const KIND: &'static str = T::KIND;
    const COUNTS: &'static str = T::COUNTS;
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn measure(value: &Value<'_>) -> Option<f64> {
        T::measure(value)
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        T::read(value).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }

    fn of_flag(words: &[String]) -> Datum<'_> {
        T::of_flag(words)
    }
}

/// How many a list has; `None` for what is no list.
pub(super) fn count_of(value: &Value<'_>) -> Option<f64> {
    match &value.datum {
        Datum::List(values) => Some(values.len() as f64),
        _ => None,
    }
}

impl Setting for Vec<SocketAddr> {
    const KIND: &'static str = "a list of \"address:port\"";
    const COUNTS: &'static str = "addresses";

    fn measure(value: &Value<'_>) -> Option<f64> {
        count_of(value)
    }

    fn read(value: &Value<'_>) -> Result<Self, Fault> {
        let Datum::List(values) = &value.datum else { return Err(Fault::new(value, Wrong::Kind)) };
        let mut addresses = Vec::with_capacity(values.len());
        for value in values {
            let read = read_addresses(value)?;
            if read.iter().any(|address| addresses.contains(address)) {
                return Err(Fault::new(value, Wrong::Because("it is listed twice; remove one".to_owned())));
            }
            addresses.extend(read);
        }
        Ok(addresses)
    }

    fn show(&self) -> Option<String> {
        let entries: Vec<String> = self.iter().map(|address| quoted(&address.to_string())).collect();
        Some(format!("[{}]", entries.join(", ")))
    }

    fn of_flag(words: &[String]) -> Datum<'_> {
        Datum::List(words.iter().map(|word| Value { at: 0, datum: Datum::Text(word) }).collect())
    }
}

/// One address with its port; a star is every address of the host, of both families.
fn read_addresses(value: &Value<'_>) -> Result<Vec<SocketAddr>, Fault> {
    let mend = "it is no IP address with a port; write one such as 0.0.0.0:1883, [::]:1883 or *:1883";
    let read = |text: &str| match text.strip_prefix("*:") {
        Some(port) => port.parse().ok().map(|port| everywhere(port).to_vec()),
        None => text.parse().ok().map(|address| vec![address]),
    };
    let addresses = match value.datum {
        Datum::Text(text) => read(text),
        _ => None,
    };
    addresses.ok_or_else(|| Fault::new(value, Wrong::Because(mend.to_owned())))
}

/// Every address of a host.
pub(crate) fn everywhere(port: u16) -> [SocketAddr; 2] {
    [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)].map(|address| SocketAddr::new(address, port))
}

/// An option that takes one of a few words: the type, and how it is read.
macro_rules! choice {
    ($(#[$about:meta])* $name:ident: $kind:literal { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl Setting for $name {
            const KIND: &'static str = $kind;

            fn measure(_value: &Value<'_>) -> Option<f64> {
                None
            }

            fn read(value: &Value<'_>) -> Result<Self, Fault> {
                match value.datum {
                    $(Datum::Text($word) => Ok($name::$variant),)+
                    _ => Err(Fault::new(value, Wrong::Kind)),
                }
            }

            fn show(&self) -> Option<String> {
                match self { $($name::$variant => Some(quoted($word)),)+ }
            }
        }
    };
}
pub(crate) use choice;

/// A TOML string, on one line.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A key as the operator is shown it: in one line, and not longer than one reads.
pub(crate) fn plain(key: &str) -> String {
    escaped(&shortened(key))
}

/// The inside of a TOML string. What Rust would escape besides, such as `'`, TOML does not know how to.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\\' => escaped.extend(['\\', letter]),
            letter if letter.is_control() => escaped.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A number as an operator would write it: no fraction without need, digits in threes from 10,000 on.
pub(crate) fn number(value: f64) -> String {
    // Whole numbers up to 2^53 survive the way through a float; no range goes further.
    if value.fract() == 0.0 && value.abs() < 9e15 {
        grouped(value as i64)
    } else {
        value.to_string()
    }
}

fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if digits.len() > 4 && index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    if value < 0 {
        text.insert(0, '-');
    }
    text
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(datum: Datum<'_>) -> Value<'_> {
        Value { at: 0, datum }
    }

    #[test]
    fn whole_numbers_refuse_what_does_not_fit() {
        assert_eq!(read::<u16>(&value(Datum::Integer(65_535)), None), Ok(65_535));
        for (datum, wrong) in [
            (Datum::Integer(65_536), Wrong::Range),
            (Datum::Integer(-1), Wrong::Range),
            (Datum::Float(1.0), Wrong::Kind),
            (Datum::Text("1"), Wrong::Kind),
            (Datum::Boolean(true), Wrong::Kind),
        ] {
            assert_eq!(read::<u16>(&value(datum.clone()), None).map_err(|fault| fault.wrong), Err(wrong), "{datum:?}");
        }
        let range = Some(Range { min: 2.0, max: 3.0 });
        assert_eq!(read::<u16>(&value(Datum::Integer(3)), range), Ok(3));
        assert!(read::<u16>(&value(Datum::Integer(1)), range).is_err());
        assert!(read::<u16>(&value(Datum::Integer(4)), range).is_err());
    }

    #[test]
    fn durations_are_seconds_finer_than_one_and_never_panic() {
        assert_eq!(read::<Duration>(&value(Datum::Float(0.25)), None), Ok(Duration::from_millis(250)));
        assert_eq!(read::<Duration>(&value(Datum::Integer(3)), None), Ok(Duration::from_secs(3)));
        for seconds in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert!(read::<Duration>(&value(Datum::Float(seconds)), None).is_err(), "{seconds}");
            let range = Some(Range { min: 0.0, max: 10.0 });
            assert!(read::<Duration>(&value(Datum::Float(seconds)), range).is_err(), "{seconds}");
        }
    }

    #[test]
    fn an_address_needs_a_port_and_may_not_be_listed_twice() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let datum = Vec::<SocketAddr>::of_flag(&words);
            read::<Vec<SocketAddr>>(&value(datum), None).map(|addresses| addresses.len())
        };
        assert_eq!(of(&["127.0.0.1:1883", "[::1]:1883"]), Ok(2));
        assert_eq!(of(&["*:1883"]), Ok(2), "both families");
        assert!(of(&["*:1883", "[::]:1883"]).is_err());
        assert!(of(&["127.0.0.1"]).is_err());
        assert!(of(&["*"]).is_err());
        assert!(of(&["localhost:1883"]).is_err());
        assert!(of(&["127.0.0.1:1883", "127.0.0.1:1883"]).is_err());
    }

    #[test]
    fn texts_refuse_control_characters() {
        assert_eq!(read::<String>(&value(Datum::Text("auto-é")), None), Ok("auto-é".to_owned()));
        assert!(read::<String>(&value(Datum::Text("a\0b")), None).is_err());
    }

    #[test]
    fn numbers_are_shown_as_one_would_write_them() {
        let shown: Vec<String> = [0.0, 10.0, 0.5, 1024.0, 65_535.0, 4_294_967_295.0, -10_000.0].map(number).into();
        assert_eq!(shown, ["0", "10", "0.5", "1024", "65_535", "4_294_967_295", "-10_000"]);
    }
}
