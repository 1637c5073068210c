//! Every bound of the broker, with its unit and its reason.
//!
//! A bound an operator may move is a field of [`Limits`] and a row in the configuration; one that only we may move is
//! a constant. What happens at each bound is written beside it and counted in `metrics`.

use std::net::IpAddr;
use std::time::Duration;

/// Most shards one process may have: a set of peers is one 64-bit word.
pub const SHARDS_MAX: usize = 64;

/// Shapes of wildcard filters that one shard finds by hash, each of which costs every publication a probe; filters of
/// further shapes are kept in a tree.
pub const SHAPES_MAX: usize = 16;

/// Units of work one turn of a shard does before it lets whatever waits have its turn: a unit is about a delivery of a large
/// fan-out, 50 to 200 ns by how much of it the caches have, so a turn takes about a millisecond
/// (`benches/turns.rs` shows the longest). What is left goes on in the next turn.
pub const TURN_UNITS_MAX: u32 = 5_000;

/// Whoever is bounded by address: one of IPv4, or the network of one of IPv6 (/64), since who has one address there has all
/// of them.
pub fn holder_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

/// The bounds one shard works within.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of memory the whole process may hold; near it, clients are slowed down, refused and at last
    /// disconnected (docs/security.md). Nothing: three quarters of what the system allows.
    pub memory_bytes_max: Option<u64>,
    /// Connections of the whole process, at most as many as there are open files for; one more is answered "quota exceeded"
    /// (0x97, or return code 3) and closed.
    pub connections_max: usize,
    /// Connections a second that one address (IPv6: one /64 network) may open, on average; one too many is closed without a
    /// word. Zero: as many as it likes.
    pub connections_per_address_per_s: u32,
    /// How many of them may come at once.
    pub connections_per_address_burst: u32,
    /// Sessions of one shard, connected or not; a client that would add one is answered 0x97 or return code 3.
    pub sessions_max: usize,
    /// Bytes of the largest packet taken from a client; a larger one is answered 0x95 and closes the connection.
    pub packet_bytes_max: u32,
    /// Bytes of the largest CONNECT, which is all that a stranger may send; a larger one is answered 0x95 and closes the
    /// connection. Whoever connects shall not make us keep as much as a client may send. The largest payload a will can
    /// have is 65,535 bytes; the default leaves as much again for its topic and properties, names and a token.
    pub connect_bytes_max: u32,
    /// Clients of one shard that may be in an exchange of enhanced authentication before they are let in, each with its
    /// CONNECT kept; one more is answered 0x89.
    pub exchanges_max: usize,
    /// PUBLISH packets a client may send a second, on average; beyond, it is not read for a while. Zero: as many as it likes.
    pub messages_per_s: u64,
    /// Bytes a client may send a second, on average, the same way.
    pub bytes_per_s: u64,
    /// Connections of one user on one shard; a client that would be one more is answered 0x97 or return code 3. Zero: as many
    /// as it likes, here and in the three below.
    pub user_connections_max: usize,
    /// Subscriptions of all sessions of one user on one shard; one more is answered 0x97 (0x80 for 3.x).
    pub user_subscriptions_max: usize,
    /// PUBLISH packets all clients of one user on one shard may send a second together, on average; beyond, who sends is not
    /// read for a while.
    pub user_messages_per_s: u64,
    /// Bytes they may send a second, on average, the same way.
    pub user_bytes_per_s: u64,
    /// QoS 1 and 2 publications one client may have unacknowledged towards us; CONNACK's Receive Maximum.
    pub receive_maximum: u16,
    /// QoS 1 and 2 publications we have unacknowledged towards one client, whatever it would allow.
    pub inflight_messages_max: u16,
    /// Messages waiting for one session beside those in flight; at the bound a message is dropped by the drop policy.
    pub queue_messages_max: usize,
    /// Bytes (topic, properties and payload) of the messages waiting for one session.
    pub queue_bytes_max: usize,
    /// Bytes waiting for one socket; at the bound QoS 0 is dropped, QoS 1 and 2 wait in the queue, and the client's own
    /// packets are not read until half of it has left.
    pub outbox_bytes_max: usize,
    /// Retained messages; at the bound a new one is refused 0x97 (5.0, QoS 1 and 2) or delivered but not stored.
    pub retained_messages_max: usize,
    /// Bytes (topic, properties and payload) of all retained messages.
    pub retained_bytes_max: usize,
    /// Levels of a Topic Name or Topic Filter; beyond, 0x90 or 0x8F.
    pub topic_levels_max: usize,
    /// Bytes of a Topic Name or Topic Filter; beyond, 0x90 or 0x8F.
    pub topic_bytes_max: usize,
    /// Subscriptions of one session; one more is answered 0x97 (0x80 for 3.x).
    pub subscriptions_max: usize,
    /// Bytes of all filters of one session; one beyond is answered 0x97 (0x80 for 3.x).
    pub filter_bytes_max: usize,
    /// Shapes of wildcard filters one session may have, so many of which one publication can match: one of another shape is
    /// answered 0x97 (0x80 for 3.x). Each costs a publication some tenths of a microsecond.
    pub filter_shapes_max: usize,
    /// Topic aliases a client may define; CONNACK's Topic Alias Maximum.
    pub topic_alias_maximum: u16,
    /// Topic aliases we define towards one client, whatever it would allow.
    pub topic_alias_out_max: u16,
    /// How long a connection may take to send its CONNECT, then it is closed.
    pub connect_timeout: Duration,
    /// How long a refused client may take to read why, and the last bytes of a closing one to leave.
    pub linger_timeout: Duration,
    /// Longest keep alive of a 5.0 client; a longer one (or none) is lowered to this and the client told. Zero: no cap.
    pub keep_alive_max_s: u16,
    /// Longest session expiry interval, in seconds; `u32::MAX`: sessions may last for ever. 3.x persistent sessions
    /// last this long after their connection.
    pub session_expiry_interval_max_s: u32,
}

/// The default of every bound.
pub const DEFAULT: Limits = Limits {
    memory_bytes_max: None,
    connections_max: 1_000_000,
    connections_per_address_per_s: 0,
    connections_per_address_burst: 100,
    sessions_max: 1_000_000,
    packet_bytes_max: 2 * 1024 * 1024,
    connect_bytes_max: 128 * 1024,
    exchanges_max: 10_000,
    messages_per_s: 0,
    bytes_per_s: 0,
    user_connections_max: 0,
    user_subscriptions_max: 0,
    user_messages_per_s: 0,
    user_bytes_per_s: 0,
    receive_maximum: 1024,
    inflight_messages_max: 1024,
    queue_messages_max: 10_000,
    queue_bytes_max: 16 * 1024 * 1024,
    outbox_bytes_max: 8 * 1024 * 1024,
    retained_messages_max: 1_000_000,
    retained_bytes_max: 1024 * 1024 * 1024,
    topic_levels_max: 128,
    topic_bytes_max: 65_535,
    subscriptions_max: 200_000,
    filter_bytes_max: 32 * 1024 * 1024,
    filter_shapes_max: 1000,
    topic_alias_maximum: 64,
    topic_alias_out_max: 64,
    connect_timeout: Duration::from_secs(10),
    linger_timeout: Duration::from_secs(2),
    keep_alive_max_s: 0,
    session_expiry_interval_max_s: u32::MAX,
};

/// What may be sent a second, on average; zero: as much as somebody likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// PUBLISH packets.
    pub messages_per_s: u64,
    /// Bytes, whatever they are.
    pub bytes_per_s: u64,
}

impl Rate {
    /// Whether there is a bound at all.
    #[inline]
    pub fn is_limited(self) -> bool {
        self.messages_per_s | self.bytes_per_s != 0
    }
}

impl Limits {
    /// What one client may send.
    #[inline]
    pub fn rate(&self) -> Rate {
        Rate { messages_per_s: self.messages_per_s, bytes_per_s: self.bytes_per_s }
    }

    /// What all clients of a user on one shard may send together.
    #[inline]
    pub fn user_rate(&self) -> Rate {
        Rate { messages_per_s: self.user_messages_per_s, bytes_per_s: self.user_bytes_per_s }
    }

    /// Whether anything is counted for users.
    #[inline]
    pub fn bounds_users(&self) -> bool {
        self.user_connections_max | self.user_subscriptions_max != 0 || self.user_rate().is_limited()
    }
}

impl Default for Limits {
    fn default() -> Limits {
        DEFAULT
    }
}
