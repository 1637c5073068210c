//! What the runtime wants to be told.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::{Auth, Listener};
use crate::limits::Limits;

/// What the runtime wants to be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; a port 0 is replaced by one that is free.
    pub binds: Vec<SocketAddr>,
    /// The listeners beside these: with TLS, behind proxies, at unix sockets.
    pub listeners: Vec<Listener>,
    /// The CPUs of the shards, in turn; none: all that are allowed.
    pub cpus: Vec<usize>,
    /// Shards, at most 64; 0: one per CPU.
    pub shards: usize,
    /// The bounds; of these the runtime itself minds `connections_max`.
    pub limits: Limits,
    /// Who is let in and what clients may.
    pub auth: Auth,
    /// How long clients may take to take what is theirs when the broker ends.
    pub drain_timeout: Duration,
    /// Whether small packets leave at once (TCP_NODELAY).
    pub tcp_nodelay: bool,
    /// Receive buffers of one shard: a power of two, at most 32,768.
    pub receive_buffers: u16,
    /// Bytes of one receive buffer.
    pub receive_buffer_bytes: usize,
    /// Batches that wait from one shard to another before the sender holds its clients back.
    pub mailbox_batches_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            binds: vec![SocketAddr::from(([0, 0, 0, 0], 1883))],
            listeners: Vec::new(),
            cpus: Vec::new(),
            shards: 0,
            limits: Limits::default(),
            auth: Auth::default(),
            drain_timeout: Duration::from_secs(10),
            tcp_nodelay: true,
            receive_buffers: 512,
            receive_buffer_bytes: 64 * 1024,
            mailbox_batches_max: 64,
        }
    }
}
