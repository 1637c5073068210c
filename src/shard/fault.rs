//! What a client did wrong, or why we part from it.

use crate::connection::AliasFault;
use crate::mqtt::{DecodeError, ReasonCode};

/// Ends one connection. Holds no owned text: refusing a flood allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What a 5.0 client is told.
    pub(crate) reason: ReasonCode,
    /// The same for a reader, in the Reason String.
    pub(crate) text: &'static str,
}

impl Fault {
    /// A fault with its explanation.
    pub(crate) const fn new(reason: ReasonCode, text: &'static str) -> Fault {
        Fault { reason, text }
    }

    /// A packet that may not come now, or not from a client.
    pub(crate) const fn protocol(text: &'static str) -> Fault {
        Fault::new(ReasonCode::ProtocolError, text)
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Fault {
        Fault::new(error.reason_code(), error.text())
    }
}

impl From<AliasFault> for Fault {
    fn from(fault: AliasFault) -> Fault {
        match fault {
            AliasFault::TooLarge => Fault::new(ReasonCode::TopicAliasInvalid, "topic alias above the maximum"),
            AliasFault::Unknown => Fault::protocol("topic alias was never defined"),
        }
    }
}
