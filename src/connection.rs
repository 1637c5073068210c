//! One Network Connection: what has come in and not yet made a packet, what waits to go out, what was agreed on.
//!
//! Must not know subscribers, other connections or TCP.

mod alias;
mod outbox;
mod pace;
mod unfinished;

use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use crate::message::Landing;
use crate::mqtt::ProtocolVersion;
use crate::time::Time;

pub use self::alias::{AliasFault, InboundAliases, Naming, OutboundAliases};
pub use self::outbox::{Chunk, ChunkPool, Outbox, SHARED_PAYLOAD_BYTES_MIN};
pub use self::pace::Pace;
pub use self::unfinished::{Unfinished, LANDING_BYTES_MIN};

/// Where a connection stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing but CONNECT may come.
    AwaitingConnect,
    /// CONNECT has come; who sends it is being found out, and nothing is read.
    AwaitingVerdict,
    /// CONNECT has come and begun an exchange: AUTH may come, or DISCONNECT.
    Authenticating,
    /// CONNECT is through.
    Open,
    /// The last words are on their way; what still comes is thrown away.
    Lingering,
}

/// One Network Connection, as its shard sees it.
#[derive(Debug)]
pub struct Connection {
    /// Where it stands.
    pub phase: Phase,
    /// The version its CONNECT named; 5.0 until then.
    pub version: ProtocolVersion,
    /// Bytes waiting for the wire.
    pub outbox: Outbox,
    /// The client's Maximum Packet Size in bytes; `u32::MAX` if it named none.
    pub maximum_packet_size: u32,
    /// QoS 1 and 2 publications that may be unacknowledged towards the client: what it takes, and no more than our own
    /// bound [MQTT5-3.3.4-9].
    pub receive_maximum: u16,
    /// Bytes of the largest packet it may send.
    pub packet_bytes_max: u32,
    /// Whether reasons may be explained to it [MQTT5-3.1.2-29].
    pub request_problem_information: bool,
    /// Whether it may become a client; not if the process had enough connections when it came.
    pub admitted: bool,
    /// Whether its socket is not being read because it does not take what there is for it.
    pub paused: bool,
    /// How fast it has sent; nothing while nobody asks.
    pub pace: Option<Box<Pace>>,
    /// Bytes of the largest packet that has landed.
    pub landed_bytes_max: u32,
    /// When the last bytes came.
    pub last_received: Time,
    /// One and a half keep alives in milliseconds; zero: none [MQTT5-3.1.2-22] [MQTT311-3.1.2-24].
    pub keep_alive_ms: u32,
    /// When it ends, however busy it is.
    pub ends_at: Option<Time>,
    /// The listener it has come to: 0 is the plain one.
    pub listener: u16,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// The name in the certificate it has shown.
    pub identity: Option<Box<str>>,
    /// The timer that is set for it.
    pub timer: Option<Time>,
    /// Aliases the client has defined.
    pub inbound_aliases: InboundAliases,
    /// Aliases we may define; none for 3.x and for clients that allow none.
    pub outbound_aliases: Option<Box<OutboundAliases>>,
    unfinished: Unfinished,
}

impl Connection {
    /// A connection that has said nothing yet.
    pub fn new(now: Time, admitted: bool) -> Connection {
        Connection {
            phase: Phase::AwaitingConnect,
            version: ProtocolVersion::V5,
            outbox: Outbox::default(),
            maximum_packet_size: u32::MAX,
            receive_maximum: u16::MAX,
            packet_bytes_max: u32::MAX,
            request_problem_information: true,
            admitted,
            paused: false,
            pace: None,
            landed_bytes_max: 0,
            last_received: now,
            keep_alive_ms: 0,
            ends_at: None,
            listener: 0,
            address: None,
            identity: None,
            timer: None,
            inbound_aliases: InboundAliases::default(),
            outbound_aliases: None,
            unfinished: Unfinished::default(),
        }
    }

    /// The beginning of a packet whose rest had not come yet; empty if there is none.
    #[inline]
    pub fn take_unfinished(&mut self) -> Unfinished {
        mem::take(&mut self.unfinished)
    }

    /// The landing of an unfinished large packet, if there is one: it is to be kept again before more bytes come.
    pub fn take_landing(&mut self) -> Option<Landing> {
        match mem::take(&mut self.unfinished) {
            Unfinished::Landing(landing) => Some(landing),
            bytes @ Unfinished::Bytes(_) => {
                self.unfinished = bytes;
                None
            }
        }
    }

    /// Keeps the beginning of a packet until its rest comes. An idle connection keeps nothing and owns nothing.
    #[inline]
    pub fn keep_unfinished(&mut self, unfinished: Unfinished) {
        self.unfinished = unfinished;
    }

    /// What has come of a packet whose rest is still to come.
    pub fn unfinished_bytes(&self) -> &[u8] {
        self.unfinished.bytes()
    }

    /// Whether that packet has the memory it needs.
    pub fn is_landing(&self) -> bool {
        matches!(self.unfinished, Unfinished::Landing(_))
    }

    /// Until when its socket is not read because it has sent too much.
    pub fn paced_until(&self) -> Option<Time> {
        self.pace.as_ref().and_then(|pace| pace.resume_at)
    }

    /// Whether `packet_bytes` is more than the client takes [MQTT5-3.1.2-24].
    pub fn is_too_large(&self, packet_bytes: usize) -> bool {
        packet_bytes > self.maximum_packet_size as usize
    }

    /// When it is to be looked at: its end, or too long a silence.
    pub fn deadline(&self) -> Option<Time> {
        [self.keep_alive_deadline(), self.ends_at].into_iter().flatten().min()
    }

    /// When silence becomes too long, if it can.
    pub fn keep_alive_deadline(&self) -> Option<Time> {
        let patience = Duration::from_millis(u64::from(self.keep_alive_ms));
        (!patience.is_zero()).then(|| self.last_received + patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_owns_no_memory_beside_itself() {
        let mut connection = Connection::new(Time::START, true);
        connection.keep_unfinished(Unfinished::Bytes(vec![1, 2]));
        assert_eq!(connection.take_unfinished().bytes(), [1, 2]);
        assert!(matches!(connection.take_unfinished(), Unfinished::Bytes(bytes) if bytes.capacity() == 0));
        assert!(mem::size_of::<Connection>() <= 256, "{} bytes", mem::size_of::<Connection>());
    }

    #[test]
    fn a_landing_is_lent_and_bytes_are_not() {
        let mut connection = Connection::new(Time::START, true);
        connection.keep_unfinished(Unfinished::Bytes(vec![1, 2]));
        assert!(connection.take_landing().is_none());
        assert_eq!(connection.take_unfinished().bytes(), [1, 2]);
        connection.keep_unfinished(Unfinished::Landing(Landing::new(9)));
        assert_eq!(connection.take_landing().map(|landing| landing.missing()), Some(9));
        assert!(connection.take_landing().is_none(), "it is with somebody else");
    }

    #[test]
    fn no_keep_alive_means_no_deadline() {
        let mut connection = Connection::new(Time::from_nanos(5), true);
        assert_eq!(connection.keep_alive_deadline(), None);
        connection.keep_alive_ms = 10;
        assert_eq!(connection.keep_alive_deadline(), Some(Time::from_nanos(10_000_005)));
    }
}
