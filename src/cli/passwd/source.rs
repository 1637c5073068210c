//! Where passwords come from: a terminal, without an echo, or standard input.

use std::fs::OpenOptions;
use std::io::{stdin, BufRead, BufReader, IsTerminal, Read, Write};

use rustix::termios::{tcgetattr, tcsetattr, LocalModes, OptionalActions, Termios};
use thiserror::Error;

/// Bytes of the largest input; 100,000 users of a batch fit.
const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why there is no password.
#[derive(Debug, Error)]
pub(crate) enum SourceError {
    #[error("the passwords differ; try again")]
    Differ,
    #[error("the terminal cannot be asked: {0}")]
    Terminal(std::io::Error),
    #[error("standard input cannot be read: {0}; give the password as its first line")]
    Input(std::io::Error),
    #[error("standard input has no line; give the password as its first line")]
    Nothing,
    #[error("standard input has more than {INPUT_BYTES_MAX} bytes; give fewer users at a time")]
    TooLarge,
}

/// Asks at the terminal twice, or takes the first line of standard input if that is no terminal.
pub(super) fn typed_or_read() -> Result<String, SourceError> {
    if stdin().is_terminal() {
        return typed_twice();
    }
    let mut line = String::new();
    let count = stdin().lock().take(INPUT_BYTES_MAX).read_line(&mut line).map_err(SourceError::Input)?;
    if count == 0 {
        return Err(SourceError::Nothing);
    }
    Ok(without_end(line))
}

/// All of standard input.
pub(super) fn whole_input() -> Result<String, SourceError> {
    let mut text = String::new();
    let count = stdin().lock().take(INPUT_BYTES_MAX + 1).read_to_string(&mut text).map_err(SourceError::Input)?;
    if count as u64 > INPUT_BYTES_MAX {
        return Err(SourceError::TooLarge);
    }
    Ok(text)
}

fn typed_twice() -> Result<String, SourceError> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(SourceError::Terminal)?;
    let before = tcgetattr(&terminal).map_err(|error| SourceError::Terminal(error.into()))?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    let set = |modes: &Termios| {
        tcsetattr(&terminal, OptionalActions::Flush, modes).map_err(|error| SourceError::Terminal(error.into()))
    };
    let mut lines = BufReader::new(&terminal);
    let mut ask = |question: &str| {
        let mut line = String::new();
        (&terminal).write_all(question.as_bytes()).map_err(SourceError::Terminal)?;
        lines.read_line(&mut line).map_err(SourceError::Terminal)?;
        (&terminal).write_all(b"\n").map_err(SourceError::Terminal)?;
        Ok(without_end(line))
    };
    set(&silent)?;
    let answers = ask("Password: ").and_then(|first| Ok((first, ask("Password again: ")?)));
    set(&before)?;
    match answers? {
        (first, second) if first == second => Ok(first),
        _ => Err(SourceError::Differ),
    }
}

fn without_end(mut line: String) -> String {
    if line.ends_with('\n') {
        line.pop();
    }
    if line.ends_with('\r') {
        line.pop();
    }
    line
}
