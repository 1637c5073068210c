//! Behaviour tests: one binary, one file per behaviour.

mod client;
mod codec;
mod conformance;
mod fuzz;
mod rng;
mod script;
mod tidy;
mod v31;
mod v3_connect;
mod v3_errors;
mod v3_limits;
mod v3_mixed;
mod v3_publish;
mod v3_qos;
mod v3_retain;
mod v3_session;
mod v3_subscribe;
mod v3_will;
mod world;
