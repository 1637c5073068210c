//! Behaviour tests: one binary, one file per behaviour.

mod codec;
mod tidy;
