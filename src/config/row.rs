//! One option as a row of a table.

use super::value::{quoted, Datum, Fault, Range, Value, Wrong};

/// One option: what an operator may write, and how it gets into the `T` it is an option of.
pub(crate) struct Row<T> {
    pub(crate) section: &'static str,
    pub(crate) key: &'static str,
    pub(crate) kind: &'static str,
    /// What the range counts: seconds, bytes, messages; may be empty.
    pub(crate) unit: &'static str,
    pub(crate) range: Option<Range>,
    /// The flag that says the same, with its dashes; empty if there is none.
    pub(crate) flag: &'static str,
    /// One or more sentences.
    pub(crate) help: &'static str,
    /// What to write when there is no default.
    pub(crate) example: &'static str,
    pub(crate) set: fn(&mut T, &Value<'_>, Option<Range>) -> Result<(), Fault>,
    /// The value as TOML, `None` if it has none.
    pub(crate) show: fn(&T) -> Option<String>,
    /// What the words after the flag mean.
    pub(crate) of_flag: fn(&[String]) -> Datum<'_>,
}

/// A row, from the words of the table it stands in. `$path` is where the value is kept.
macro_rules! row {
    ($of:ty: $section:expr, [$($path:ident)+], $key:ident: $kind:ty, [$($help:expr)+], [$($unit:expr)?], [$($range:expr)?],
        [$($flag:expr)?]) => {
        Row::<$of> {
            section: $section,
            key: stringify!($key),
            kind: <$kind as Setting>::KIND,
            unit: [$($unit,)? <$kind as Setting>::COUNTS][0],
            range: [$($range,)? None][0],
            flag: [$($flag,)? ""][0],
            help: concat!($($help),+),
            example: <$kind as Setting>::EXAMPLE,
            set: |of, value, range| {
                of$(.$path)+ = read(value, range)?;
                Ok(())
            },
            show: |of| of$(.$path)+.show(),
            of_flag: |words| <$kind as Setting>::of_flag(words),
        }
    };
}
pub(crate) use row;

impl<T: Default> Row<T> {
    /// The allowed values in words: "1 to 64 shards".
    pub(crate) fn allowed(&self) -> Option<String> {
        self.range.map(|range| format!("{range} {}", self.unit).trim_end().to_owned())
    }

    /// Puts a value into its place, or says what is wrong with it, where, and how to mend it.
    pub(crate) fn apply(&self, of: &mut T, value: &Value<'_>) -> Result<(), (usize, String)> {
        (self.set)(of, value, self.range).map_err(|fault| (fault.at, self.explain(&fault)))
    }

    fn explain(&self, fault: &Fault) -> String {
        let found = &fault.found;
        match &fault.wrong {
            Wrong::Because(why) => format!("{found}: {why}"),
            Wrong::Range => match self.allowed() {
                Some(allowed) => format!("{found} is out of range; give {allowed}"),
                None => format!("{found} is out of range; give {}", self.kind),
            },
            Wrong::Kind => {
                let example = (self.show)(&T::default()).unwrap_or_else(|| self.example.to_owned());
                let example = if example.is_empty() { quoted("...") } else { example };
                let allowed = self.allowed().map_or_else(String::new, |allowed| format!(" ({allowed})"));
                format!("{found} is not {}{allowed}; write for example {} = {example}", self.kind, self.key)
            }
        }
    }
}
