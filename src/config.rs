//! What an operator may say: every option as one row, its text form, its checks and its documentation.
//!
//! Pure: it reads text, not files. Must not know which files exist, which CPUs a machine has or what a session is.
//! A [`Config`] that leaves this room has every value in its range.

mod cores;
mod document;
mod options;
mod parse;
mod value;

pub use self::cores::Cores;
pub use self::document::{documentation, flag_help};
pub use self::options::{Config, Listen, Log, LogFormat, LogLevel, Protocol, QueueFull, Shards, Shutdown};
pub use self::parse::{ConfigError, Place};
