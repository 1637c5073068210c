//! One Session State: what one client is owed and what it has begun.
//!
//! Must not know connections, other sessions or the router: a subscription is a number here, a message is shared.

mod delivery;
mod inflight;
mod queue;

use std::sync::Arc;

use crate::mqtt::{PacketId, QoS};
use crate::table::Seldom;
use crate::time::Time;

pub use self::delivery::{Delivery, Identifiers};
pub use self::inflight::{Acknowledged, Inflight, Next};
pub use self::queue::{Overflow, Queue, QueueBounds};

/// The Session State of one client [MQTT5-4.1.0-1].
#[derive(Debug)]
pub struct Session {
    /// The client's identifier.
    pub client_id: Arc<str>,
    /// Seconds the session lives after its connection; 0: not at all, `u32::MAX`: for ever.
    pub expiry_interval_s: u32,
    /// The message to be published if the connection ends without goodbye, or later than that.
    pub will: Option<Box<Will>>,
    /// When a delayed will is due; only while disconnected.
    pub will_due: Option<Time>,
    /// When the session ends; only while disconnected.
    pub ends_at: Option<Time>,
    /// Messages out to the client.
    pub inflight: Inflight,
    /// Messages waiting.
    pub queue: Queue,
    inbound: Inbound,
}

/// A Will Message, kept until it is published or no longer wanted.
#[derive(Debug, Clone)]
pub struct Will {
    /// Its valid Topic Name.
    pub topic: Box<str>,
    /// Its payload.
    pub payload: Box<[u8]>,
    /// The 5.0 properties to be forwarded, encoded.
    pub forwarded: Box<[u8]>,
    /// Its QoS.
    pub qos: QoS,
    /// Its RETAIN flag.
    pub retain: bool,
    /// Seconds between the end of the connection and its publication.
    pub delay_interval_s: u32,
    /// Seconds it lives after its publication.
    pub message_expiry_interval_s: Option<u32>,
}

/// Packet Identifiers of QoS 2 publications received and not yet released, in ascending order. They arrive and leave mostly
/// in that order too, so nearly always at the ends.
#[derive(Debug, Default)]
struct Inbound {
    received: Seldom<PacketId, { usize::MAX }>,
}

impl Inbound {
    /// Where an identifier is, or where it would have to be put.
    #[inline]
    fn find(&self, packet_id: PacketId) -> Result<usize, usize> {
        let Some(received) = self.received.entries() else { return Err(0) };
        match (received.front(), received.back()) {
            (Some(first), _) if *first == packet_id => Ok(0),
            (_, Some(last)) if *last >= packet_id => received.binary_search(&packet_id),
            (Some(_) | None, _) => Err(received.len()),
        }
    }
}

impl Session {
    /// A new session without subscriptions, messages or will.
    pub fn new(client_id: Arc<str>, expiry_interval_s: u32) -> Session {
        Session {
            client_id,
            expiry_interval_s,
            will: None,
            will_due: None,
            ends_at: None,
            inflight: Inflight::default(),
            queue: Queue::default(),
            inbound: Inbound::default(),
        }
    }

    /// Notes a QoS 2 PUBLISH; `false` if it has been received before and not been released: then it must not be
    /// published again [MQTT5-4.3.3-10].
    pub fn receive(&mut self, packet_id: PacketId) -> bool {
        let found = self.inbound.find(packet_id);
        if let Err(at) = found {
            self.inbound.received.filling().insert(at, packet_id);
        }
        found.is_err()
    }

    /// Whether a QoS 2 PUBLISH with this identifier has come and not been released.
    pub fn has_received(&self, packet_id: PacketId) -> bool {
        self.inbound.find(packet_id).is_ok()
    }

    /// PUBREL: the identifier may be used anew; `false` if it was not known.
    pub fn release(&mut self, packet_id: PacketId) -> bool {
        let Ok(at) = self.inbound.find(packet_id) else { return false };
        self.inbound.received.emptying(|received| received.remove(at)).is_some()
    }

    /// QoS 2 publications received and not yet released: what counts against our Receive Maximum.
    pub fn received_count(&self) -> usize {
        self.inbound.received.len()
    }

    /// Gives back the memory of bursts that are over: to be called when the client seems to have little to say. With the last
    /// message of each burst it would be taken anew with the next.
    pub fn give_back(&mut self) {
        self.inflight.give_back();
        self.inbound.received.give_back();
    }

    /// When something is due while the client is away: its will or the end of its session.
    pub fn due(&self) -> Option<Time> {
        match (self.will_due, self.ends_at) {
            (Some(will), Some(end)) => Some(will.min(end)),
            (will, end) => will.or(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt5_4_3_3_10_a_repeated_qos_2_publish_is_received_once_until_released() {
        let mut session = Session::new("c".into(), 0);
        let id = PacketId::new(9).expect("not zero");
        assert!(session.receive(id));
        assert!(!session.receive(id));
        assert_eq!(session.received_count(), 1);
        assert!(session.release(id));
        assert!(!session.release(id));
        assert!(session.receive(id));
    }

    #[test]
    fn identifiers_in_any_order_and_around_the_wrap_are_told_apart() {
        let mut session = Session::new("c".into(), 0);
        let id = |number: u16| PacketId::new(number).expect("not zero");
        let arrived = [65_533, 65_535, 65_534, 1, 2, 700, 3, 699];
        for number in arrived {
            assert!(!session.has_received(id(number)), "{number}");
            assert!(session.receive(id(number)), "{number}");
        }
        for number in arrived {
            assert!(!session.receive(id(number)), "{number}");
        }
        for number in [1, 65_535, 699, 65_533, 700, 3, 65_534, 2] {
            assert!(session.release(id(number)) && !session.has_received(id(number)), "{number}");
        }
        assert_eq!(session.received_count(), 0);
    }

    #[test]
    fn what_is_due_first_is_due() {
        let mut session = Session::new("c".into(), 5);
        assert_eq!(session.due(), None);
        session.ends_at = Some(Time::from_nanos(5));
        assert_eq!(session.due(), Some(Time::from_nanos(5)));
        session.will_due = Some(Time::from_nanos(3));
        assert_eq!(session.due(), Some(Time::from_nanos(3)));
    }
}
