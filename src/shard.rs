//! One core's broker, pure: events in, effects out.
//!
//! Must not know executors, sockets, clocks, threads or other cores' memory.

mod event;

pub use self::event::{ConnectionId, Effect, Event, Mail, Origin, ShardId};
