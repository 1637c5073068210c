//! From the text of a configuration file, or the words of a flag, to a [`Config`].

use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use thiserror::Error;
use toml::de::{DeTable, DeValue, Error as TomlError};

use super::options::{Config, Row, OPTIONS, SECTIONS};
use super::value::{Datum, Value};

/// A line and a column, both counted from 1; a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Display for Place {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// What is wrong with a configuration and how to mend it: one line, which starts with the place where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// Not TOML.
    #[error("{place}: {reason}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser expected.
        reason: String,
    },
    /// A key or section that does not exist.
    #[error("{place}: key '{key}': {reason}")]
    UnknownKey {
        /// Where.
        place: Place,
        /// The key with its section.
        key: String,
        /// What might have been meant.
        reason: String,
    },
    /// A value that cannot be.
    #[error("{place}: key '{key}': {reason}")]
    Value {
        /// Where.
        place: Place,
        /// The key with its section.
        key: String,
        /// The value, what is allowed and what to do.
        reason: String,
    },
    /// The value of a flag that cannot be.
    #[error("{flag}: {reason}")]
    Flag {
        /// The flag with its dashes.
        flag: &'static str,
        /// The value, what is allowed and what to do.
        reason: String,
    },
}

/// One `key = value` of the file.
struct Entry<'a> {
    section: &'a str,
    key: &'a str,
    key_at: usize,
    value: Value<'a>,
}

impl Config {
    /// Reads a configuration in TOML. What is left unsaid has its default.
    ///
    /// # Errors
    /// The first thing in the text that is wrong: its syntax, an unknown key, a value out of range.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
        let mut config = Config::default();
        let mut entries = entries(text, table.get_ref())?;
        entries.sort_by_key(|entry| entry.key_at);
        for entry in &entries {
            let row = Row::find(entry.section, entry.key).ok_or_else(|| unknown(text, entry))?;
            row.apply(&mut config, &entry.value).map_err(|(at, reason)| ConfigError::Value {
                place: place(text, at),
                key: entry.name(),
                reason,
            })?;
        }
        check_together(text, &config, &entries)?;
        Ok(config)
    }

    /// Takes over the words given with a flag; they replace what the file said.
    ///
    /// # Errors
    /// A value out of range or of the wrong kind.
    ///
    /// # Panics
    /// If no option has this flag.
    pub fn set_flag(&mut self, flag: &str, words: &[String]) -> Result<(), ConfigError> {
        let row = OPTIONS.iter().find(|row| row.flag == flag && !flag.is_empty()).expect("the flag of an option");
        let value = Value { at: 0, datum: (row.of_flag)(words) };
        row.apply(self, &value).map_err(|(_, reason)| ConfigError::Flag { flag: row.flag, reason })
    }

    /// The options that differ from their defaults, as lines of TOML with the section in the key.
    pub fn changed(&self) -> Vec<String> {
        let default = Config::default();
        let changed = OPTIONS.iter().filter(|row| (row.show)(self) != (row.show)(&default));
        changed.map(|row| format!("{}.{} = {}", row.section, row.key, (row.show)(self).unwrap_or_default())).collect()
    }
}

impl Entry<'_> {
    fn name(&self) -> String {
        if self.section.is_empty() {
            self.key.to_owned()
        } else {
            format!("{}.{}", self.section, self.key)
        }
    }
}

fn entries<'a>(text: &str, table: &'a DeTable<'_>) -> Result<Vec<Entry<'a>>, ConfigError> {
    let mut entries = Vec::new();
    for (name, section) in table {
        let section_name: &str = name.get_ref();
        let at = name.span().start;
        match section.get_ref() {
            DeValue::Table(keys) if SECTIONS.iter().any(|(known, _)| *known == section_name) => {
                entries.extend(keys.iter().map(|(key, value)| Entry {
                    section: section_name,
                    key: key.get_ref(),
                    key_at: key.span().start,
                    value: value_of(value.get_ref(), value.span()),
                }));
            }
            DeValue::Table(_) => {
                let known: Vec<&str> = SECTIONS.iter().map(|(known, _)| *known).collect();
                let reason = format!("no such section; there are {}", known.join(", "));
                return Err(ConfigError::UnknownKey { place: place(text, at), key: section_name.to_owned(), reason });
            }
            value => {
                // Found again as an unknown key of no section, in its turn.
                let value = value_of(value, section.span());
                entries.push(Entry { section: "", key: section_name, key_at: at, value });
            }
        }
    }
    Ok(entries)
}

fn value_of<'a>(value: &'a DeValue<'_>, span: Range<usize>) -> Value<'a> {
    let datum = match value {
        DeValue::String(text) => Datum::Text(text),
        DeValue::Boolean(flag) => Datum::Boolean(*flag),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => Datum::Integer(number),
            Err(_) => Datum::Other("a number of more than 64 bits"),
        },
        DeValue::Float(digits) => digits.as_str().parse().map_or(Datum::Other("a float"), Datum::Float),
        DeValue::Array(values) => {
            Datum::List(values.iter().map(|value| value_of(value.get_ref(), value.span())).collect())
        }
        DeValue::Datetime(_) => Datum::Other("a date or time"),
        DeValue::Table(_) => Datum::Other("a table"),
    };
    Value { at: span.start, datum }
}

/// Bounds that only make sense together: what one packet may bring must fit where it waits.
fn check_together(text: &str, config: &Config, entries: &[Entry<'_>]) -> Result<(), ConfigError> {
    let limits = &config.limits;
    let packet_bytes_max = usize::try_from(limits.packet_bytes_max).unwrap_or(usize::MAX);
    for (key, bytes) in [("queue_bytes_max", limits.queue_bytes_max), ("outbox_bytes_max", limits.outbox_bytes_max)] {
        if bytes >= packet_bytes_max {
            continue;
        }
        let involved = |entry: &&Entry<'_>| entry.key == key || entry.key == "packet_bytes_max";
        let at = entries.iter().rev().find(involved).map_or(0, |entry| entry.value.at);
        let reason = format!(
            "{bytes} is less than limits.packet_bytes_max = {packet_bytes_max}, so that the largest packet could never \
             be delivered; raise it to {packet_bytes_max} or lower limits.packet_bytes_max"
        );
        return Err(ConfigError::Value { place: place(text, at), key: format!("limits.{key}"), reason });
    }
    Ok(())
}

fn unknown(text: &str, entry: &Entry<'_>) -> ConfigError {
    let elsewhere = OPTIONS.iter().find(|row| row.key == entry.key);
    let nearest = OPTIONS.iter().filter(|row| row.section == entry.section).map(|row| row.key);
    let nearest = nearest.map(|key| (distance(key, entry.key), key)).min().filter(|(steps, _)| *steps <= 3);
    let reason = match (elsewhere, nearest) {
        _ if SECTIONS.iter().any(|(name, _)| entry.section.is_empty() && *name == entry.key) => {
            format!("this is a section; write [{}] and its keys below", entry.key)
        }
        (Some(row), _) => format!("no such key here; it belongs in [{}]", row.section),
        (None, Some((_, key))) => format!("no such key; did you mean {key}?"),
        (None, None) => "no such key; docs/configuration.md lists them all".to_owned(),
    };
    ConfigError::UnknownKey { place: place(text, entry.key_at), key: entry.name(), reason }
}

fn syntax(text: &str, error: &TomlError) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let reason = error.message().lines().collect::<Vec<_>>().join("; ");
    ConfigError::Syntax { place: place(text, at), reason }
}

/// Letters to insert, remove or replace until both are the same.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left) in left.bytes().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, right) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

fn place(text: &str, at: usize) -> Place {
    let before: String = text.char_indices().take_while(|(index, _)| *index < at).map(|(_, letter)| letter).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place { line, column }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{LogFormat, LogLevel, QueueFull};
    use crate::limits::{Limits, DEFAULT};

    /// A configuration and the line an operator reads about it.
    #[track_caller]
    fn refused(text: &str, line: &str) {
        assert_eq!(Config::parse(text).unwrap_err().to_string(), line);
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let config = Config::parse("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.limits, DEFAULT);
        assert_eq!(config.listen.bind, ["127.0.0.1:1883".parse().unwrap()]);
        assert!(config.changed().is_empty());
    }

    #[test]
    fn every_section_is_read() {
        let config = Config::parse(
            r#"
            [listen]
            bind = ["0.0.0.0:1883", "[::]:1884"]
            tcp_nodelay = false
            [shards]
            cores = "0,2,4-7"
            count = 4
            [protocol]
            assigned_client_id_prefix = ""
            queue_full = "drop_oldest"
            response_information = "replies"
            server_reference = "other.example:1883"
            [shutdown]
            drain_timeout = 0.5
            [log]
            level = "debug"
            format = "json"
            [limits]
            packet_bytes_max = 0x1000
            queue_bytes_max = 16_384
            connect_timeout = 3
            "#,
        )
        .unwrap();
        assert_eq!(config.listen.bind.len(), 2);
        assert!(!config.listen.tcp_nodelay);
        assert_eq!(config.shards.cores.as_ref().unwrap().to_string(), "0,2,4-7");
        assert_eq!(config.shards.count, Some(4));
        assert_eq!(config.protocol.queue_full, QueueFull::DropOldest);
        assert_eq!(config.protocol.server_reference.as_deref(), Some("other.example:1883"));
        assert_eq!(config.shutdown.drain_timeout, Duration::from_millis(500));
        assert_eq!((config.log.level, config.log.format), (LogLevel::Debug, LogFormat::Json));
        let connect_timeout = Duration::from_secs(3);
        let limits = Limits { packet_bytes_max: 4096, queue_bytes_max: 16_384, connect_timeout, ..DEFAULT };
        assert_eq!(config.limits, limits);
    }

    #[test]
    fn what_was_changed_can_be_read_back() {
        let text = "limits.queue_messages_max = 5\nlog.level = 'warn'\nshutdown.drain_timeout = 0.25\n";
        let config = Config::parse(text).unwrap();
        let changed = config.changed();
        assert_eq!(changed, ["shutdown.drain_timeout = 0.25", "log.level = \"warn\"", "limits.queue_messages_max = 5"]);
        assert_eq!(Config::parse(&changed.join("\n")).unwrap(), config);
    }

    #[test]
    fn every_default_is_in_its_own_range() {
        let default = Config::default();
        let rows = OPTIONS.iter().filter_map(|row| Some((row, (row.show)(&default)?)));
        let lines: Vec<String> = rows.map(|(row, value)| format!("{}.{} = {value}", row.section, row.key)).collect();
        assert!(lines.len() > 20);
        assert_eq!(Config::parse(&lines.join("\n")), Ok(default));
    }

    #[test]
    fn the_ends_of_every_range_are_allowed_and_what_is_beyond_is_not() {
        for row in OPTIONS.iter().filter(|row| row.kind.contains("whole")) {
            let range = row.range.expect("every number has a range");
            let set = |number: f64| row.apply(&mut Config::default(), &Value { at: 0, datum: Datum::Float(number) });
            let set_whole =
                |number: f64| row.apply(&mut Config::default(), &Value { at: 0, datum: Datum::Integer(number as i64) });
            for end in [range.min, range.max] {
                assert_eq!(set_whole(end.ceil()), Ok(()), "{} = {end}", row.key);
            }
            for beyond in [range.min - 1.0, range.max + 1.0] {
                let (_, reason) = set_whole(beyond).unwrap_err();
                assert!(reason.contains("out of range; give "), "{reason}");
            }
            assert!(set(f64::NAN).is_err(), "{}", row.key);
        }
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_place_and_the_remedy() {
        refused(
            "# é\n[limits]\n  receive_maximum = 70_000 # too many\n",
            "3:21: key 'limits.receive_maximum': 70_000 is out of range; give 1 to 65_535 messages",
        );
        refused(
            "[limits]\nconnect_timeout = 0.0",
            "2:19: key 'limits.connect_timeout': 0 is out of range; give 0.001 to 3600 seconds",
        );
        refused(
            "limits.queue_messages_max=-1",
            "1:27: key 'limits.queue_messages_max': -1 is out of range; give 1 to 100_000_000 messages",
        );
        refused("listen.bind = []", "1:15: key 'listen.bind': a list of 0 is out of range; give 1 to 64 addresses");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_what_to_write() {
        refused(
            "[limits]\nreceive_maximum = \"many\"",
            "2:19: key 'limits.receive_maximum': \"many\" is not a whole number (1 to 65_535 messages); \
             write for example receive_maximum = 1024",
        );
        refused(
            "log.format = 'xml'",
            "1:14: key 'log.format': \"xml\" is not \"human\" or \"json\"; write for example format = \"human\"",
        );
        refused(
            "shards.cores = 3",
            "1:16: key 'shards.cores': 3 is not a list of CPUs as a text; write for example cores = \"0,2,4-7\"",
        );
        refused(
            "listen.bind = [\n  '127.0.0.1:1883',\n  'localhost',\n]",
            "3:3: key 'listen.bind': \"localhost\": it is no IP address with a port; write one such as 0.0.0.0:1883 or \
             [::]:1883",
        );
        for text in ["limits = 3", "listen.bind = 3", "listen.bind = [3]", "log.level = 1979-05-27", "log.level = {}"] {
            assert!(Config::parse(text).is_err(), "{text}");
        }
        assert!(Config::parse("limits.receive_maximum = 99999999999999999999999").is_err());
    }

    #[test]
    fn unknown_keys_are_refused_with_what_may_have_been_meant() {
        refused(
            "[limits]\nqueue_message_max = 1",
            "2:1: key 'limits.queue_message_max': no such key; did you mean queue_messages_max?",
        );
        refused("[limits]\nbind = 1", "2:1: key 'limits.bind': no such key here; it belongs in [listen]");
        refused("tcp_nodelay = true", "1:1: key 'tcp_nodelay': no such key here; it belongs in [listen]");
        refused("log = 'debug'", "1:1: key 'log': this is a section; write [log] and its keys below");
        refused(
            "[log]\ncompletely_else = 1",
            "2:1: key 'log.completely_else': no such key; docs/configuration.md lists them all",
        );
        refused(
            "\n[bridge]\n",
            "2:2: key 'bridge': no such section; there are listen, shards, protocol, shutdown, log, limits",
        );
    }

    #[test]
    fn what_is_no_toml_is_refused_in_one_line() {
        for text in ["[limits", "a = ", "x", "[log]\nlevel = 'a\n", "log.level = 1\nlog.level = 2", "\u{0}"] {
            let line = Config::parse(text).unwrap_err().to_string();
            assert!(line.starts_with(|letter: char| letter.is_ascii_digit()) && !line.contains('\n'), "{line:?}");
        }
    }

    #[test]
    fn bounds_that_contradict_each_other_are_refused() {
        refused(
            "[limits]\nqueue_bytes_max = 4096\n",
            "2:19: key 'limits.queue_bytes_max': 4096 is less than limits.packet_bytes_max = 2097152, so that the \
             largest packet could never be delivered; raise it to 2097152 or lower limits.packet_bytes_max",
        );
        assert!(Config::parse("[limits]\npacket_bytes_max = 268_435_456").is_err());
        assert!(Config::parse("[limits]\npacket_bytes_max = 4096\nqueue_bytes_max = 4096").is_ok());
    }
}
