//! Behaviour tests: one binary, one file per behaviour.

mod client;
mod rng;
mod script;
mod world;
