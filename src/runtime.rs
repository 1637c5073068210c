//! The only room that knows glommio, io_uring, sockets, clocks and threads.
//!
//! One executor per shard, pinned to its CPU, hosts one driver that owns the shard's ring and sleeps in it; nothing in
//! a shard needs the executor's own reactor. Must not know topics, QoS or what is in a mail.

mod allowance;
mod boot;
mod certificates;
mod control;
mod crowd;
mod driver;
mod error;
mod givebacks;
mod heap;
mod listener;
mod mailbox;
mod memory;
mod newcomers;
mod passage;
mod policy;
mod quota;
mod ring;
mod service;
mod settings;
mod shards;
mod signals;
mod socket;
mod stays;
mod system;
mod unix;
mod watch;
mod workers;

use std::net::SocketAddr;
use std::time::Duration;

use crossbeam_channel::unbounded;
use tracing::{info, warn};

use self::control::{Notice, Wish};
use self::shards::Shards;
use crate::shard::{Shard, ShardId};

pub use self::control::{ExitReason, Report, RuntimeCounters};
pub use self::error::RuntimeError;
pub use self::heap::CountingAllocator;
// It knows no content and no socket: `benches/mailbox.rs` times it alone.
pub use self::mailbox::{mailboxes, Batch, Mailbox};
pub use self::policy::check_files;
pub use self::settings::Settings;
pub use self::system::refuse_huge_pages;

/// Runs the broker until it is told to end by a signal: SIGTERM or SIGINT drains it, a second one ends it at once.
/// `make_shard` is called once on each shard's own thread, with the shard and the number of shards. To be called before
/// any other thread is started.
///
/// # Errors
///
/// What keeps it from starting, or a shard that has failed.
pub fn run<F>(settings: Settings, make_shard: F) -> Result<ExitReason, RuntimeError>
where
    F: Fn(ShardId, u8) -> Shard + Send + Sync + 'static,
{
    let (sender, notices) = unbounded();
    signals::listen(sender.clone()).map_err(|error| RuntimeError::System { what: "take signals", error })?;
    let mut shards = Shards::start(&settings, make_shard, sender, notices)?;
    let mut is_ending = false;
    loop {
        match shards.next_notice() {
            Notice::Signal(Wish::Report) => {
                log_report(&shards.report());
                shards.librarian().report();
            }
            Notice::Signal(Wish::Reload) => {
                shards.librarian().reload();
                shards.reload();
            }
            Notice::Signal(Wish::End) if is_ending => {
                warn!("ending at once");
                shards.stop();
            }
            Notice::Signal(Wish::End) => {
                info!(drain_timeout_s = settings.drain_timeout.as_secs(), "ending; once more to end at once");
                is_ending = true;
                shards.drain(settings.drain_timeout);
            }
            Notice::Ready { .. } => {}
            Notice::Ended { shard, ending } => {
                if let Some(result) = shards.on_ended(shard, ending) {
                    return result;
                }
            }
        }
    }
}

/// A broker that runs beside the caller: for tests and for embedding.
#[derive(Debug)]
pub struct Running {
    shards: Shards,
    drain_timeout: Duration,
}

/// Starts the broker and leaves the signals alone.
///
/// # Errors
///
/// What keeps it from starting.
pub fn start<F>(settings: Settings, make_shard: F) -> Result<Running, RuntimeError>
where
    F: Fn(ShardId, u8) -> Shard + Send + Sync + 'static,
{
    let (sender, notices) = unbounded();
    let shards = Shards::start(&settings, make_shard, sender, notices)?;
    Ok(Running { shards, drain_timeout: settings.drain_timeout })
}

impl Running {
    /// Where it listens, in the order asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.shards.addresses()
    }

    /// What has been counted so far, all shards together.
    pub fn report(&self) -> Report {
        self.shards.report()
    }

    /// Reads the files of users and rules again, and has certificates, keys, authorities and lists read again, soon. Where one is
    /// broken, what was read before stays.
    pub fn reload(&mut self) {
        self.shards.librarian().reload();
        self.shards.reload();
    }

    /// Lets it come to an end and waits for that.
    ///
    /// # Errors
    ///
    /// A shard that has failed.
    pub fn drain(mut self) -> Result<ExitReason, RuntimeError> {
        self.shards.drain(self.drain_timeout);
        self.shards.wait()
    }

    /// Ends it at once and waits for that.
    ///
    /// # Errors
    ///
    /// A shard that has failed.
    pub fn stop(mut self) -> Result<ExitReason, RuntimeError> {
        self.shards.stop();
        self.shards.wait()
    }
}

fn log_report(report: &Report) {
    let rows: Vec<String> = report.rows().map(|(name, value, _)| format!("{name}={value}")).collect();
    info!(counters = rows.join(" "), "report");
}
