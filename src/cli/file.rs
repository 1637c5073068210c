//! The configuration file: read here, understood by `config`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::{Config, ConfigError};

/// Bytes of the largest configuration file; one that is larger is something else by mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file that is no valid configuration.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{}: is larger than {FILE_BYTES_MAX} bytes, so hardly a configuration file", .0.display())]
    TooLarge(PathBuf),
    #[error("{}:{error}", path.display())]
    Invalid { path: PathBuf, error: ConfigError },
}

/// Reads the configuration in `path`.
pub(crate) fn load(path: &Path) -> Result<Config, FileError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(FileError::Unreadable { path: path.to_owned(), error }),
        Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => Err(FileError::TooLarge(path.to_owned())),
        Ok(_) => Config::parse(&text).map_err(|error| FileError::Invalid { path: path.to_owned(), error }),
    }
}
