//! The broker on real sockets: in this process and as the built program. What the simulated world cannot show: the
//! kernel's buffers, resets and half-closed streams, ports, signals, limits of the system.
//!
//! Nothing here rests: a read has a deadline, and what cannot be read is asked for until a deadline.

mod auth;
mod boot;
mod broker;
mod caller;
mod check;
mod churn;
mod command;
mod crowd;
mod delivery;
mod ending;
mod landing;
mod listeners;
mod memory;
mod passwd;
mod program;
mod proxy;
mod quotas;
mod scram;
mod secrets;
mod slow;
mod storm;
mod tls;
