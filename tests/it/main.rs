//! Behaviour tests: one binary, one file per behaviour.

mod client;
mod conformance;
mod rng;
mod script;
mod v5_connack;
mod v5_connect;
mod v5_errors;
mod v5_limits;
mod v5_order;
mod v5_publish;
mod v5_qos;
mod v5_retained;
mod v5_session;
mod v5_shared;
mod v5_subscribe;
mod v5_topics;
mod v5_will;
mod model;
mod rng;
mod script;
mod swarm;
mod world;
