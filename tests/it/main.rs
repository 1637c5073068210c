//! Behaviour tests: one binary, one file per behaviour.

mod client;
mod conformance;
mod fuzz;
mod rng;
mod script;
mod v3_connect;
mod v3_errors;
mod world;
