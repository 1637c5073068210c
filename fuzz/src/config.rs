//! The configuration file.

use std::str;

use corecast::config::{Config, ConfigError};

/// A file.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match Config::parse(text) {
        Ok(config) => {
            // What is shown of a configuration is one that means the same.
            let shown = toml(&config);
            let again = Config::parse(&shown).unwrap_or_else(|error| panic!("{error} in what was written:\n{shown}"));
            assert!(again == config, "{shown}");
        }
        Err(error) => refused(text, &error),
    }
}

/// The lines of [`Config::changed`]; their keys have their sections in them, which TOML takes before the first listener.
fn toml(config: &Config) -> String {
    config.changed().join("\n")
}

/// One line for the operator, about a place that is there.
fn refused(text: &str, error: &ConfigError) {
    let shown = error.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?} is not one line");
    assert!(shown.len() < 2000, "{} bytes are no line to read", shown.len());
    let place = match error {
        ConfigError::Syntax { place, .. }
        | ConfigError::UnknownKey { place, .. }
        | ConfigError::Value { place, .. } => place,
        ConfigError::Flag { .. } => panic!("a file has no flags"),
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let line = lines.get(place.line - 1).unwrap_or_else(|| panic!("{place} of {} lines", lines.len()));
    assert!((1..=line.chars().count() + 1).contains(&place.column), "{place} of {line:?}");
}
