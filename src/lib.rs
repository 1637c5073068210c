//! Corecast: an MQTT broker, thread per core on io_uring.
//!
//! The map of the house, lowest floor first (`docs/ARCHITECTURE.md` has the whole plan):
//!
//! 1. [`mqtt`], [`limits`], [`metrics`], [`time`], [`table`]: know nobody.
//! 2. [`auth`], [`connection`], [`message`], [`config`], [`transport`]: siblings, blind to each other.
//! 3. [`router`], [`session`]: siblings, blind to each other.
//! 4. [`shard`]: one core's broker, pure: events in, effects out.
//! 6. [`runtime`]: the only room that knows glommio, io_uring, sockets, clocks and threads.
//! 7. [`cli`]: the command line.

pub mod auth;
pub mod cli;
pub mod config;
pub mod connection;
pub mod limits;
pub mod message;
pub mod metrics;
pub mod mqtt;
pub mod router;
pub mod runtime;
pub mod session;
pub mod shard;
pub mod table;
pub mod time;
pub mod transport;
