//! What can keep the broker from starting or running, in words that name the value and the mend.

use std::io;
use std::net::SocketAddr;

use crate::limits::SHARDS_MAX;
use crate::shard::ShardId;

/// Why the broker does not start, or has ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Somebody else listens there.
    #[error("the port of {address} is taken: another process listens there; stop it or bind to another port")]
    PortTaken {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// This host does not have the address.
    #[error("cannot bind to {address}: this host does not have that address ({error}); bind to one of its own, or to 0.0.0.0 or [::]")]
    AddressNotAvailable {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// Ports below 1024 may need a privilege.
    #[error("may not bind to {address}: use a port from 1024 on, or grant CAP_NET_BIND_SERVICE")]
    AddressForbidden {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// Anything else about a listener.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// Somebody else listens at a unix socket.
    #[error("another process listens at {path}; stop it or give another path (unix)")]
    UnixTaken {
        /// Of the socket.
        path: String,
    },
    /// A unix socket cannot be had.
    #[error("cannot {what} {path}: {error}")]
    Unix {
        /// Of the socket.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What the kernel says, or why it was not asked.
        error: io::Error,
    },
    /// A user or group nobody knows.
    #[error("there is no {what} {name:?} on this host; create it or give another ({key})")]
    Unknown {
        /// User or group.
        what: &'static str,
        /// Of it.
        name: String,
        /// The key of the configuration.
        key: &'static str,
    },
    /// A certificate, key, authority or list that cannot be used.
    #[error("listener {listener}: key '{key}': {path} {what}")]
    TlsFile {
        /// Counted from 1, in the order of the file.
        listener: usize,
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it, and what mends it.
        what: String,
    },
    /// A file that says who is let in cannot be used.
    #[error("{0}")]
    Auth(String),
    /// Nothing to listen on.
    #[error("no address to bind to; give at least one, such as 0.0.0.0:1883")]
    NoAddress,
    /// Not so many shards.
    #[error("{shards} shards are asked for, but there can only be 1 to {SHARDS_MAX}")]
    Shards {
        /// As many were asked for.
        shards: usize,
    },
    /// A CPU that this process may not use.
    #[error("CPU {cpu} does not exist or is not allowed to this process; allowed are {allowed}")]
    CpuNotAllowed {
        /// The CPU that was asked for.
        cpu: usize,
        /// Those that may be.
        allowed: String,
    },
    /// The kernel does not know io_uring.
    #[error("the kernel ({kernel}) has no io_uring, or a container's seccomp profile hides it; Linux 6.1 or newer is needed")]
    UringMissing {
        /// Its release.
        kernel: String,
    },
    /// The kernel's io_uring cannot do what is needed.
    #[error("the kernel ({kernel}) is too old: its io_uring lacks {lacking}; Linux 6.1 or newer is needed")]
    KernelTooOld {
        /// Its release.
        kernel: String,
        /// What it cannot do.
        lacking: &'static str,
    },
    /// A sysctl forbids io_uring.
    #[error(
        "io_uring is switched off on this host: sysctl kernel.io_uring_disabled is {value}; \
         set it to 0 (sysctl -w kernel.io_uring_disabled=0)"
    )]
    UringDisabled {
        /// Of the sysctl.
        value: u8,
    },
    /// A seccomp filter or security module forbids io_uring.
    #[error(
        "io_uring is forbidden to this process, most likely by a container's seccomp profile; \
         allow io_uring_setup, io_uring_enter and io_uring_register (Docker: --security-opt seccomp=PROFILE)"
    )]
    UringForbidden,
    /// The limit of locked memory is too small.
    #[error(
        "the limit of locked memory is {limit_kib} KiB, at least {needed_kib} KiB are needed; \
         raise it (ulimit -l, LimitMEMLOCK=, docker --ulimit memlock=)"
    )]
    LockedMemory {
        /// What the limit is.
        limit_kib: u64,
        /// What it must be.
        needed_kib: u64,
    },
    /// Anything else that keeps a ring from being made.
    #[error("cannot set up io_uring: {error}")]
    Uring {
        /// What the kernel says.
        error: io::Error,
    },
    /// A shard's ring has failed.
    #[error("io_uring of shard {} has failed: {error}", shard.0)]
    Ring {
        /// Whose.
        shard: ShardId,
        /// What the kernel says.
        error: io::Error,
    },
    /// A shard's executor could not be made or has died.
    #[error("the executor of shard {} has ended: {error}", shard.0)]
    Executor {
        /// Whose.
        shard: ShardId,
        /// What glommio says.
        error: String,
    },
    /// Anything else the operating system refuses at start.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel says.
        error: io::Error,
    },
}
