//! From the text of a configuration file, or the words of a flag, to a [`Config`].

use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use thiserror::Error;
use toml::de::{DeString, DeTable, DeValue, Error as TomlError};
use toml::Spanned;

use super::listener::{Listener, LISTENER_OPTIONS, SECTION};
use super::options::{Config, OPTIONS, SECTIONS};
use super::row::Row;
use super::value::{plain, quoted, Datum, Value};
use super::ways::{contradiction, url_fault};

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
    /// Which `[[listener]]` it is of, if it is of one.
    listener: Option<usize>,
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
        let (mut entries, listeners_at) = entries(text, table.get_ref())?;
        entries.sort_by_key(|entry| entry.key_at);
        config.listeners = listeners_at.iter().map(|_| Listener::default()).collect();
        for entry in &entries {
            let applied = match entry.listener.and_then(|index| config.listeners.get_mut(index)) {
                Some(listener) => {
                    let row = LISTENER_OPTIONS.iter().find(|row| row.key == entry.key);
                    row.ok_or_else(|| unknown_of_listener(text, entry))?.apply(listener, &entry.value)
                }
                None => {
                    let row = Row::find(entry.section, entry.key).ok_or_else(|| unknown(text, entry))?;
                    row.apply(&mut config, &entry.value)
                }
            };
            applied.map_err(|(at, reason)| ConfigError::Value { place: place(text, at), key: entry.name(), reason })?;
        }
        config.listeners.iter_mut().for_each(Listener::complete);
        check_together(text, &config, &entries)?;
        check_url(text, &config, &entries)?;
        check_listeners(text, &config, &entries, &listeners_at)?;
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

    /// The options that differ from their defaults, as lines of TOML with the section in the key; then the listeners.
    pub fn changed(&self) -> Vec<String> {
        let default = Config::default();
        let changed = OPTIONS.iter().filter(|row| (row.show)(self) != (row.show)(&default));
        let mut lines: Vec<String> = changed
            .map(|row| format!("{}.{} = {}", row.section, row.key, (row.show)(self).unwrap_or_default()))
            .collect();
        let default = Listener::default();
        for listener in &self.listeners {
            lines.push(format!("[[{SECTION}]]"));
            let changed = LISTENER_OPTIONS.iter().filter(|row| (row.show)(listener) != (row.show)(&default));
            lines.extend(changed.map(|row| format!("{} = {}", row.key, (row.show)(listener).unwrap_or_default())));
        }
        lines
    }
}

impl Entry<'_> {
    fn name(&self) -> String {
        let key = plain(self.key);
        if self.section.is_empty() {
            key
        } else {
            format!("{}.{key}", self.section)
        }
    }
}

/// All keys with their values, and where each listener begins.
fn entries<'a>(text: &str, table: &'a DeTable<'_>) -> Result<(Vec<Entry<'a>>, Vec<usize>), ConfigError> {
    let (mut entries, mut listeners_at) = (Vec::new(), Vec::new());
    for (name, section) in table {
        let section_name: &str = name.get_ref();
        let at = name.span().start;
        match section.get_ref() {
            DeValue::Table(keys) if SECTIONS.iter().any(|(known, _)| *known == section_name) => {
                entries.extend(keys.iter().map(|pair| entry(None, section_name, pair)));
            }
            DeValue::Array(tables) if section_name == SECTION => {
                for (index, table) in tables.iter().enumerate() {
                    let DeValue::Table(keys) = table.get_ref() else {
                        return Err(no_listener(text, table.span().start));
                    };
                    listeners_at.push(table.span().start);
                    entries.extend(keys.iter().map(|pair| entry(Some(index), SECTION, pair)));
                }
            }
            _ if section_name == SECTION => return Err(no_listener(text, at)),
            DeValue::Table(_) => {
                let known: Vec<&str> = SECTIONS.iter().map(|(known, _)| *known).collect();
                let reason = format!("no such section; there are {} and [[{SECTION}]]", known.join(", "));
                return Err(ConfigError::UnknownKey { place: place(text, at), key: plain(section_name), reason });
            }
            value => {
                // Found again as an unknown key of no section, in its turn.
                let value = value_of(value, section.span());
                entries.push(Entry { listener: None, section: "", key: section_name, key_at: at, value });
            }
        }
    }
    Ok((entries, listeners_at))
}

fn entry<'a>(
    listener: Option<usize>,
    section: &'a str,
    (key, value): (&'a Spanned<DeString<'_>>, &'a Spanned<DeValue<'_>>),
) -> Entry<'a> {
    let value = value_of(value.get_ref(), value.span());
    Entry { listener, section, key: key.get_ref(), key_at: key.span().start, value }
}

fn no_listener(text: &str, at: usize) -> ConfigError {
    let reason = format!("each listener is a table of its own; write [[{SECTION}]] and its keys below");
    ConfigError::UnknownKey { place: place(text, at), key: SECTION.to_owned(), reason }
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

/// The address of the service that is asked about clients.
fn check_url(text: &str, config: &Config, entries: &[Entry<'_>]) -> Result<(), ConfigError> {
    let Some((url, why)) = config.auth.http_url.as_deref().and_then(|url| Some((url, url_fault(url)?))) else {
        return Ok(());
    };
    let at = entries.iter().find(|entry| entry.key == "http_url").map_or(0, |entry| entry.value.at);
    let reason = format!("{}: {why}", quoted(url));
    Err(ConfigError::Value { place: place(text, at), key: "auth.http_url".to_owned(), reason })
}

/// What makes no sense of one listener, of two of them, or because there is none.
fn check_listeners(
    text: &str,
    config: &Config,
    entries: &[Entry<'_>],
    listeners_at: &[usize],
) -> Result<(), ConfigError> {
    let at_key = |index: Option<usize>, key: &str| {
        let entry = entries.iter().find(|entry| entry.listener == index && entry.key == key);
        entry.map(|entry| entry.value.at)
    };
    let refused = |at: usize, key: &str, reason: String| {
        Err(ConfigError::Value { place: place(text, at), key: key.to_owned(), reason })
    };
    if config.listen.bind.is_empty() && config.listeners.is_empty() {
        let at = at_key(None, "bind").unwrap_or(0);
        let reason = format!("there is nothing to listen on; give an address or a [[{SECTION}]]");
        return refused(at, "listen.bind", reason);
    }
    let mut taken = config.listen.bind.clone();
    let mut paths: Vec<&str> = Vec::new();
    for (index, (listener, start)) in config.listeners.iter().zip(listeners_at).enumerate() {
        let own = entries.iter().filter(|entry| entry.listener == Some(index));
        let given: Vec<&str> = own.map(|entry| entry.key).collect();
        let at = |key: &str| at_key(Some(index), key).unwrap_or(*start);
        let fault = listener.contradiction(&given).or_else(|| listener.contradicts(&config.limits));
        if let Some((key, reason)) = fault.or_else(|| contradiction(&config.auth, listener)) {
            return refused(at(key), &format!("{SECTION}.{key}"), reason);
        }
        for address in listener.bind.iter().filter(|address| address.port() != 0) {
            if taken.contains(address) {
                let reason = format!("{address} is listened on already; give each listener addresses of its own");
                return refused(at("bind"), &format!("{SECTION}.bind"), reason);
            }
        }
        taken.extend_from_slice(&listener.bind);
        if let Some(path) = &listener.unix {
            if paths.contains(&path.as_str()) {
                let reason = "another listener has this path already; give each a path of its own".to_owned();
                return refused(at("unix"), &format!("{SECTION}.unix"), reason);
            }
            paths.push(path);
        }
    }
    Ok(())
}

fn unknown_of_listener(text: &str, entry: &Entry<'_>) -> ConfigError {
    let keys = LISTENER_OPTIONS.iter().map(|row| row.key);
    let nearest = keys.map(|key| (distance(key, entry.key), key)).min().filter(|(steps, _)| *steps <= 3);
    let reason = match nearest {
        Some((_, key)) => format!("no such key; did you mean {key}?"),
        None => "no such key; docs/configuration.md lists them all".to_owned(),
    };
    ConfigError::UnknownKey { place: place(text, entry.key_at), key: entry.name(), reason }
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
mod tests;
