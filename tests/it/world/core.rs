//! One core of the simulated world: its shard, and the seats its connections have there.

use std::sync::Arc;

use corecast::shard::{ConnectionId, Event, Seeds, Shard, ShardId, ShardOptions};
use corecast::time::Time;

use super::options::Options;

pub(super) struct Core {
    pub(super) shard: Shard,
    pub(super) seats: Vec<Seat>,
    /// Something happened since the last end of a turn.
    pub(super) turn: bool,
    /// Connections whose outbox is to be looked at when the turn ends.
    pub(super) dirty: Vec<ConnectionId>,
}

#[derive(Default)]
pub(super) struct Seat {
    pub(super) generation: u32,
    pub(super) socket: Option<usize>,
}

impl Core {
    pub(super) fn new(options: &Options, id: u8) -> Core {
        let own = options.seed.wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(id));
        let mut shard = Shard::new(ShardOptions {
            id: ShardId(id),
            shards: options.shards,
            limits: options.limits.clone(),
            listener_limits: Vec::new(),
            queue_full: options.queue_full,
            server_reference: options.server_reference.clone(),
            response_information: options.response_information.clone(),
            assigned_client_id_prefix: "auto-".into(),
            turn_units_max: options.turn_units_max,
            seeds: Seeds { home: (options.seed, 1), topics: options.seed, own: (own, 2) },
        });
        if let Some(policies) = &options.policies {
            shard.handle(Time::START, Event::Policy { policies: Arc::clone(policies) });
        }
        Core { shard, seats: Vec::new(), turn: false, dirty: Vec::new() }
    }
}

pub(super) fn shard_id(index: usize) -> ShardId {
    ShardId(u8::try_from(index).expect("at most 64 shards"))
}
