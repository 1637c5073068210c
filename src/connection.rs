//! One Network Connection: what has come in and not yet made a packet, what waits to go out.
//!
//! Must not know subscribers, other connections or TCP.

mod outbox;

pub use self::outbox::{Chunk, ChunkPool, Outbox};
