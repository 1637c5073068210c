//! What is wrong with a file of ours, for the operator.

use thiserror::Error;

/// One line of a file that cannot be used. Never shows a password or a hash.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}: {text}")]
pub struct FileFault {
    /// The file, as the operator names it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong and how to mend it.
    pub text: String,
}

impl FileFault {
    /// A fault in line `line` of `file`.
    pub(crate) fn new(file: &str, line: usize, text: impl Into<String>) -> FileFault {
        FileFault { file: file.to_owned(), line, text: text.into() }
    }
}

/// The lines of a text file with their numbers, without the ends that other systems put there.
///
/// # Errors
/// The first line that is not UTF-8.
pub(super) fn lines_of<'a>(file: &str, bytes: &'a [u8]) -> Result<Vec<(usize, &'a str)>, FileFault> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().map(|(index, line)| match std::str::from_utf8(line) {
        Ok(text) => Ok((index + 1, text.strip_suffix('\r').unwrap_or(text))),
        Err(_) => Err(FileFault::new(file, index + 1, "the line is not UTF-8; write the file as UTF-8")),
    });
    lines.collect()
}

/// A text of the file as it is shown: not longer than a line of the log should be, and without control characters.
pub(super) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}
