//! Behaviour tests: one binary, one file per behaviour.

mod client;
mod codec;
mod rng;
mod script;
mod tidy;
mod world;
