//! One message owed to one session.

use crate::message::Message;
use crate::mqtt::QoS;

/// A message on its way to one client: what must be known to send it, perhaps again.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// QoS it is delivered with.
    pub qos: QoS,
    /// RETAIN flag it is delivered with.
    pub retain: bool,
    /// The shared subscription it came through, as the router names it.
    pub share: Option<u64>,
    /// Subscription Identifiers to send along.
    pub identifiers: Identifiers,
}

/// The Subscription Identifiers of one delivery. Most have none or one, which cost no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identifiers {
    /// No matching subscription had one.
    #[default]
    None,
    /// One had.
    One([u32; 1]),
    /// Several had.
    Many(Box<[u32]>),
}

impl Identifiers {
    /// All of them.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Identifiers::None => &[],
            Identifiers::One(one) => one,
            Identifiers::Many(many) => many,
        }
    }
}

impl From<Option<u32>> for Identifiers {
    fn from(identifier: Option<u32>) -> Identifiers {
        identifier.map_or(Identifiers::None, |identifier| Identifiers::One([identifier]))
    }
}

impl From<&[u32]> for Identifiers {
    fn from(identifiers: &[u32]) -> Identifiers {
        match identifiers {
            [] => Identifiers::None,
            [one] => Identifiers::One([*one]),
            many => Identifiers::Many(many.into()),
        }
    }
}
