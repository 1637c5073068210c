//! Behaviour tests: one binary, one file per behaviour.

mod client;
mod model;
mod rng;
mod script;
mod swarm;
mod world;
