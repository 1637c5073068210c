//! What an operator may say: every option as one row, its text form, its checks and its documentation.
//!
//! Pure: it reads text, not files. Must not know which files exist, which CPUs a machine has or what a session is.
//! A [`Config`] that leaves this room has every value in its range.

mod cores;
mod document;
mod listener;
mod network;
mod options;
mod overrides;
mod parse;
mod path;
mod row;
mod value;
mod ways;

pub use self::cores::Cores;
pub use self::document::{documentation, flag_help};
pub use self::listener::{CertificateIdentity, ClientCertificate, Listener, ProxyProtocol, TlsVersion};
pub use self::network::Network;
pub use self::options::{Auth, Config, Listen, Log, LogFormat, LogLevel, Protocol, QueueFull, Shards, Shutdown};
pub use self::parse::{ConfigError, Place};
pub use self::path::{Mode, Paths};
pub use self::ways::{AuthWay, AuthWays};
