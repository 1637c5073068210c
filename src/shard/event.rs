//! All that crosses the core's edge, as closed enums. The runtime and the simulated world are its two drivers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Attempt, Credentials, Grant, Policies, Refusal};
use crate::connection::Chunk;
use crate::message::{Landing, Message};
use crate::router::{Interest, ShareKey, ShareWeight};
use crate::shard::series::MailedSeries;
use crate::time::Time;

/// One connection of one shard. The driver makes them; a used index comes back with another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// The driver's slot, small and reused.
    pub index: u32,
    /// Tells apart the connections that have used one slot.
    pub generation: u32,
}

/// One shard of the process, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u8);

/// Where a connection comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address, if it has one; behind a proxy, what that says.
    pub address: Option<SocketAddr>,
    /// The listener it has come to: 0 is the plain one, others are counted from 1 in the order of the configuration.
    pub listener: u16,
    /// The name in the certificate the client has shown, if the listener asks for one.
    pub identity: Option<Box<str>>,
}

/// How near the process is to its memory budget, and what gives way there; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// There is room.
    #[default]
    None,
    /// Who publishes is not read for a tenth of a second after each receive.
    Slowing,
    /// Slow receivers get no QoS 0, and what waits for anybody waits once, in queues, instead of in outboxes.
    Sparing,
    /// Nothing is accepted that would have to be kept: no publication of QoS 1 or 2, retained message, new session or
    /// subscription.
    Refusing,
    /// Connections that hold most are ended.
    Shedding,
}

/// What happens to a shard.
#[derive(Debug)]
pub enum Event<'a> {
    /// A connection is there; `admitted` is false when the process has as many as it may: its CONNECT is refused.
    Opened {
        /// The new connection.
        connection: ConnectionId,
        /// Where it comes from.
        origin: Origin,
        /// Whether it may become a client.
        admitted: bool,
    },
    /// Bytes have come.
    Received {
        /// From this connection.
        connection: ConnectionId,
        /// Never empty; not kept beyond the call.
        bytes: &'a [u8],
    },
    /// A landing comes back, be it with bytes or because its receive was cancelled. It may come while the connection is
    /// paused.
    Landed {
        /// From this connection.
        connection: ConnectionId,
        /// What [`Effect::Land`] asked to be taken.
        landing: Landing,
        /// Bytes that have come into it.
        count: usize,
    },
    /// The chunk that was out has left completely.
    Flushed {
        /// To this connection.
        connection: ConnectionId,
        /// The chunk, to be used again.
        chunk: Chunk,
    },
    /// The peer has closed or the connection broke; the driver has forgotten it.
    Closed {
        /// This connection.
        connection: ConnectionId,
    },
    /// Another shard says something. From one shard mail comes in the order it was sent.
    Mail {
        /// Who says it.
        from: ShardId,
        /// What.
        mail: Mail,
    },
    /// What [`Effect::Judge`] asked for.
    Judged {
        /// Whose credentials.
        connection: ConnectionId,
        /// Of the policies they were judged by.
        generation: u64,
        /// Who it is, or why it is not let in.
        answer: Result<Grant, Refusal>,
        /// How long its connection may last.
        lifetime: Option<Duration>,
    },
    /// What [`Effect::Weigh`] asked for.
    Weighed {
        /// Who has shown something.
        connection: ConnectionId,
        /// Whether it counts.
        answer: Result<(), Refusal>,
    },
    /// From now on other rules hold.
    Policy {
        /// All of them, of all listeners.
        policies: Arc<Policies>,
    },
    /// The process is nearer to its memory budget than before, or farther from it.
    Pressed {
        /// What holds from now on.
        pressure: Pressure,
    },
    /// The time of `next_deadline` may have come.
    Tick,
    /// The process wants to end: say goodbye, be gone by `deadline`.
    Drain {
        /// After it the driver stops waiting.
        deadline: Time,
    },
}

/// What a shard wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// CONNECT is through here: receive freely from now on.
    Established {
        /// This connection.
        connection: ConnectionId,
    },
    /// A large packet has begun: its rest is to be received into its landing, if that can be had in time.
    Land {
        /// This connection.
        connection: ConnectionId,
    },
    /// Have these credentials checked, away from the shards; the connection is paused meanwhile.
    Judge {
        /// This connection.
        connection: ConnectionId,
        /// What its CONNECT says.
        credentials: Box<Credentials>,
    },
    /// Say whether what a client has shown counts, and remember it if it was wrong; the connection is not paused.
    Weigh {
        /// This connection.
        connection: ConnectionId,
        /// What it has shown.
        attempt: Box<Attempt>,
    },
    /// Read the socket again; these bytes are the first of it, before all it has brought since.
    Reread {
        /// This connection.
        connection: ConnectionId,
        /// All that has come, CONNECT included.
        unread: Vec<u8>,
    },
    /// Do not read this socket.
    Pause {
        /// This connection.
        connection: ConnectionId,
    },
    /// Read it again.
    Resume {
        /// This connection.
        connection: ConnectionId,
    },
    /// Half-close once the outbox has left, then read and discard until the peer closes or `Close` comes.
    Finish {
        /// This connection.
        connection: ConnectionId,
    },
    /// Close now; the shard has forgotten the connection.
    Close {
        /// This connection.
        connection: ConnectionId,
    },
    /// Give the socket to another shard; forgotten here.
    Move {
        /// This connection.
        connection: ConnectionId,
        /// The home of its client.
        to: ShardId,
        /// The first bytes to be received there: all that has come, CONNECT included.
        unread: Vec<u8>,
    },
}

/// What shards say to each other.
#[derive(Debug)]
pub enum Mail {
    /// A publication for the receiving shard's own subscribers; a retained one for its retained set, too.
    Publish {
        /// The message.
        message: Message,
    },
    /// Publications of one client to one topic, not retained, for the receiving shard's own subscribers.
    Series {
        /// All of them.
        series: MailedSeries,
    },
    /// A publication for one member of a shared subscription.
    Shared {
        /// The shared subscription.
        share: ShareKey,
        /// The message.
        message: Message,
        /// How many shards it has been to in vain.
        hops: u8,
    },
    /// A filter came to be wanted by the sender, or ceased to be.
    Interest {
        /// The filter.
        interest: Interest,
        /// Whether it is wanted.
        wanted: bool,
        /// When that was so: publications that came later are wanted even if they came before this mail.
        since: Time,
        /// Counts the sender's announcements.
        sequence: u64,
    },
    /// How many members a shared subscription has at the sender.
    ShareWeight {
        /// The subscription and the numbers.
        weight: ShareWeight,
        /// Counts the sender's announcements.
        sequence: u64,
    },
    /// The sender has taken note of all announcements of the receiver up to this one.
    Seen {
        /// Which.
        sequence: u64,
    },
}
