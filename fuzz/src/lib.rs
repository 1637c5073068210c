//! What every parser that sees foreign bytes is tried with: one function a target, from any bytes to nothing or a panic.
//!
//! `libfuzzer.rs` searches for bytes that make one panic, with what it learns of the ways they take through the code;
//! `tests/replay.rs` tries those that have been found before. A target asserts what must be true of the answer: that it is
//! the one a slow and simple second way gives, that it does not depend on where the bytes were cut, that it survives being
//! written and read again.

mod acl;
mod certificate;
mod config;
mod input;
mod jwt;
mod oracle;
mod packets;
mod passwords;
mod proxy;
mod scram;
mod shard;
mod split;
mod tls;
mod topics;
mod verdict;

// The simulated world of the behaviour tests, in place: there is one driver of that kind. Targets need less of it.
#[allow(dead_code)]
#[path = "../../tests/it"]
mod it {
    pub(crate) mod rng;
    pub(crate) mod world;
}

use self::it::{rng, world};

/// One thing to try.
pub struct Target {
    /// Its name, and that of its corpus below `corpus/`.
    pub name: &'static str,
    /// Takes any bytes, and panics if something is not as it should be.
    pub check: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "packets", check: packets::check },
    Target { name: "shard", check: shard::check },
    Target { name: "split", check: split::check },
    Target { name: "topics", check: topics::check },
    Target { name: "proxy", check: proxy::check },
    Target { name: "tls", check: tls::check },
    Target { name: "certificate", check: certificate::check },
    Target { name: "acl", check: acl::check },
    Target { name: "passwords", check: passwords::check },
    Target { name: "scram", check: scram::check },
    Target { name: "jwt", check: jwt::check },
    Target { name: "verdict", check: verdict::check },
    Target { name: "config", check: config::check },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
