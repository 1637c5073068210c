//! How a shard is to work, as whoever makes one says it.

use crate::config::QueueFull;
use crate::limits::Limits;
use crate::shard::event::ShardId;

/// How one shard is to work.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// Which shard it is.
    pub id: ShardId,
    /// How many there are, at most 64.
    pub shards: u8,
    /// Its bounds.
    pub limits: Limits,
    /// Those for clients of the listeners beside the plain one, in order.
    pub listener_limits: Vec<Limits>,
    /// What gives way when a session's queue is full.
    pub queue_full: QueueFull,
    /// Told to 5.0 clients when the process ends, so that they go elsewhere [MQTT5-4.11].
    pub server_reference: Option<Box<str>>,
    /// Given to 5.0 clients that ask for it [MQTT5-3.2.2.3.15].
    pub response_information: Option<Box<str>>,
    /// In front of the client identifiers we make.
    pub assigned_client_id_prefix: Box<str>,
    /// Units of work in one turn, [`TURN_UNITS_MAX`](crate::limits::TURN_UNITS_MAX) but where a test wants turns cut short.
    pub turn_units_max: u32,
    /// Keys and seeds.
    pub seeds: Seeds,
}

/// Keys and seeds of one shard.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// Chooses a client identifier's home; the same on all shards and over restarts.
    pub home: (u64, u64),
    /// Hashes filters and topics; the same on all shards.
    pub topics: u64,
    /// Makes client identifiers nobody can guess; secret, another on each shard.
    pub own: (u64, u64),
}
