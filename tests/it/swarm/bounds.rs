//! The bounds a swarm lives within.

use std::time::Duration;

use corecast::limits::Limits;

use crate::rng::Rng;

/// Limits that are often so narrow that they are reached.
pub(crate) fn some_limits(rng: &mut Rng) -> Limits {
    let mut limits = Limits { connect_timeout: Duration::from_secs(100_000), ..Limits::default() };
    if rng.chance(2) {
        limits.receive_maximum = 1 + rng.below(5) as u16;
        limits.inflight_messages_max = 1 + rng.below(5) as u16;
    }
    if rng.chance(4) {
        limits.outbox_bytes_max = 50 + rng.below(400);
    }
    if rng.chance(8) {
        limits.queue_messages_max = 1 + rng.below(10);
    }
    if rng.chance(8) {
        limits.queue_bytes_max = 20 + rng.below(200);
    }
    limits
}
