//! Why a connection does not get through its filters.

use thiserror::Error;

/// What a peer has been refused for: a fixed text for one line of the log, and a kind that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What it is counted as.
    pub kind: RefusalKind,
    /// What was wrong, for the operator.
    pub reason: &'static str,
}

/// The filter that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The header of a proxy.
    ProxyHeader,
    /// The TLS handshake, or what came after it.
    Tls,
}

impl Refusal {
    /// A refusal of a proxy's header.
    pub(crate) fn of_header(reason: &'static str) -> Refusal {
        Refusal { kind: RefusalKind::ProxyHeader, reason }
    }

    /// A refusal of TLS.
    pub(crate) const fn of_tls(reason: &'static str) -> Refusal {
        Refusal { kind: RefusalKind::Tls, reason }
    }
}
