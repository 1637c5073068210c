//! What the pure rooms cost: the loads that the benches time, that `allocations.rs` counts the allocations of, and that
//! the program `instructions` counts the instructions of. One set of loads, three measures.
//!
//! Knows the rooms of the broker by what they make public. Must not know sockets, threads or clocks: whoever measures
//! brings those.

mod fanout;
mod filters;
mod packets;
mod world;

pub use self::fanout::{publish, publish_with, Fanout, Load};
pub use self::filters::{router, topics, Wildcards};
pub use self::packets::{samples, Sample};
pub use self::world::{Client, World};
