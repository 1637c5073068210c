//! Where log lines go: standard error, for people or as JSON.

use std::env;
use std::io::{stderr, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::config::{Log, LogFormat, LogLevel};

/// Starts logging for the rest of the process.
///
/// # Panics
/// If it was started before.
pub(crate) fn start_log(log: &Log) {
    let level = filter_of(log.level);
    // Libraries speak up only when something is wrong: their inner life would bury ours.
    let filter = Targets::new()
        .with_target("corecast", level)
        // Its warnings are about what clients send, such as an address where the name of a server belongs, a line a
        // connection; what it refuses we say ourselves.
        .with_target("rustls", level.min(LevelFilter::ERROR))
        .with_default(level.min(LevelFilter::WARN));
    match log.format {
        LogFormat::Human => {
            let coloured = stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
            let lines = fmt::layer().with_writer(stderr).with_target(false).with_ansi(coloured);
            registry().with(filter).with(lines).init();
        }
        LogFormat::Json => {
            let lines = fmt::layer().json().flatten_event(true).with_writer(stderr).with_target(false);
            registry().with(filter).with(lines).init();
        }
    }
}

/// The level `-v` asks for, if any.
pub(crate) fn level_of_flag(verbose: u8) -> Option<LogLevel> {
    match verbose {
        0 => None,
        1 => Some(LogLevel::Debug),
        _ => Some(LogLevel::Trace),
    }
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
