//! Why a command failed, as one line and an exit code.

use thiserror::Error;

use super::file::FileError;
use super::passwd::PasswdError;
use crate::config::ConfigError;

/// What goes wrong on the way from the command line to a stopped broker.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Flag(#[from] ConfigError),
    /// A file that the configuration names.
    #[error("{0:#}")]
    Named(anyhow::Error),
    #[error(transparent)]
    Passwd(#[from] PasswdError),
    /// The causes too, on the same line.
    #[error("{0:#}")]
    Run(anyhow::Error),
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}

impl Failure {
    /// 2: bad configuration or flags; 1: anything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::File(_) | Failure::Flag(_) | Failure::Named(_) | Failure::Passwd(PasswdError::Iterations(_)) => 2,
            Failure::Passwd(_) | Failure::Run(_) | Failure::Output(_) => 1,
        }
    }
}
