//! The command line: words to a configuration, a command, an exit code.
//!
//! Reads files and the environment, so that no other room has to. What runs the broker is handed in by `main`: this room
//! does not know the runtime.

mod arguments;
mod check;
mod failure;
mod file;
mod log;
mod passwd;
mod serve;

use std::ffi::OsString;
use std::io::{stdout, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::Parser;
use tracing::warn;

use self::arguments::{Arguments, Command};
use self::check::check;
use self::failure::Failure;
use self::log::start_log;
use self::passwd::passwd;
use self::serve::config_of;
use crate::config::Config;

/// Does what the command line asks for and returns the exit code of the process: 2 for bad configuration or flags, 1 for
/// any other failure, which is one line on standard error. `examine` looks at the files a configuration names and answers warnings, `run` runs
/// the broker until it is told to stop.
pub fn main<I>(
    words: I,
    examine: impl FnOnce(&Config) -> anyhow::Result<Vec<String>>,
    run: impl FnOnce(Config) -> anyhow::Result<()>,
) -> ExitCode
where
    I: IntoIterator<Item = OsString>,
{
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match obey(arguments, examine, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("corecast: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn obey(
    arguments: Arguments,
    examine: impl FnOnce(&Config) -> anyhow::Result<Vec<String>>,
    run: impl FnOnce(Config) -> anyhow::Result<()>,
) -> Result<(), Failure> {
    let serve = match arguments.command {
        Some(Command::Check(arguments)) => return print(&check(&arguments, examine)?),
        Some(Command::Passwd(command)) => return print(&passwd(&command)?),
        Some(Command::Serve(serve)) => serve,
        None => arguments.serve,
    };
    let config = config_of(&serve)?;
    let warnings = examine(&config).map_err(Failure::Named)?;
    start_log(&config.log);
    for warning in warnings {
        warn!("{warning}");
    }
    run(config).map_err(Failure::Run)
}

/// Help and version are refusals too, to clap.
fn refuse(error: &clap::Error) -> ExitCode {
    // Where the help cannot be printed, nothing else could be.
    let printed = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion if printed.is_ok() => ExitCode::SUCCESS,
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::FAILURE,
        _ => ExitCode::from(2),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Output)
}
