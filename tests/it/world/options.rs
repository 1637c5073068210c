//! How a world is made.

use std::sync::Arc;
use std::time::Duration;

use corecast::auth::Policies;
use corecast::config::QueueFull;
use corecast::limits::{Limits, TURN_UNITS_MAX};

/// What may go into an outbox that is not yet full: the largest packet any test has, and answers to what was read at
/// once.
const OUTBOX_SLACK: usize = 3 * 1024 * 1024;

/// How a world is made.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) shards: u8,
    pub(crate) seed: u64,
    pub(crate) limits: Limits,
    pub(crate) queue_full: QueueFull,
    pub(crate) server_reference: Option<Box<str>>,
    pub(crate) response_information: Option<Box<str>>,
    /// Who is let in and what clients may.
    pub(crate) policies: Option<Arc<Policies>>,
    /// How long a connection may last whose credentials were checked.
    pub(crate) lifetime: Option<Duration>,
    /// Mail on its way from one shard to another; at the bound the sender's sockets are not read.
    pub(crate) mail_max: usize,
    /// Bytes that may go into an outbox that is not yet full.
    pub(crate) outbox_slack: usize,
    /// Units of work in one turn.
    pub(crate) turn_units_max: u32,
}

/// Bounds so low that a few clients reach them.
pub(crate) fn narrow_limits(packet_bytes_max: u32) -> Limits {
    Limits {
        packet_bytes_max,
        outbox_bytes_max: 6_000,
        queue_messages_max: 20,
        inflight_messages_max: 5,
        receive_maximum: 10,
        subscriptions_max: 5,
        retained_messages_max: 30,
        session_expiry_interval_max_s: 60,
        ..Limits::default()
    }
}

impl Options {
    pub(crate) fn new(shards: u8, seed: u64) -> Options {
        Options {
            shards,
            seed,
            limits: Limits::default(),
            queue_full: QueueFull::DropNewest,
            server_reference: None,
            response_information: None,
            policies: None,
            lifetime: None,
            mail_max: usize::MAX,
            outbox_slack: OUTBOX_SLACK,
            turn_units_max: TURN_UNITS_MAX,
        }
    }
}
