//! The `corecast` program: flags to configuration to runtime to exit code.

use std::collections::hash_map::RandomState;
use std::env::args_os;
use std::hash::{BuildHasher, Hasher};
use std::process::ExitCode;

use corecast::cli;
use corecast::config::Config;
use corecast::limits::TURN_UNITS_MAX;
use corecast::runtime::{self, refuse_huge_pages, CountingAllocator, ExitReason, Settings};
use corecast::shard::{Seeds, Shard, ShardId, ShardOptions};

/// The budget is minded by what it counts.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    // Before there is much memory: what a huge page holds already stays in it.
    refuse_huge_pages();
    let check = |config: &Config| Ok(runtime::check_files(&config.auth, &config.listeners)?);
    cli::main(args_os(), check, serve)
}

/// Runs the broker until a signal ends it.
fn serve(config: Config) -> anyhow::Result<()> {
    let settings = settings(&config);
    // Sessions do not outlive the process, so the home of a client identifier need not either.
    let (home, topics) = ((random(), random()), random());
    let make_shard = move |id: ShardId, shards: u8| {
        Shard::new(ShardOptions {
            id,
            shards,
            limits: config.limits.clone(),
            listener_limits: config.listeners.iter().map(|one| one.limits(&config.limits)).collect(),
            queue_full: config.protocol.queue_full,
            server_reference: config.protocol.server_reference.as_deref().map(Box::from),
            response_information: config.protocol.response_information.as_deref().map(Box::from),
            assigned_client_id_prefix: config.protocol.assigned_client_id_prefix.as_str().into(),
            turn_units_max: TURN_UNITS_MAX,
            seeds: Seeds { home, topics, own: (random(), random()) },
        })
    };
    match runtime::run(settings, make_shard)? {
        ExitReason::Drained | ExitReason::DrainTimedOut | ExitReason::Stopped => Ok(()),
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        binds: config.listen.bind.clone(),
        listeners: config.listeners.clone(),
        cpus: config.shards.cores.iter().flat_map(|cores| cores.as_slice()).map(|cpu| usize::from(*cpu)).collect(),
        shards: config.shards.count.map_or(0, usize::from),
        limits: config.limits.clone(),
        auth: config.auth.clone(),
        drain_timeout: config.shutdown.drain_timeout,
        tcp_nodelay: config.listen.tcp_nodelay,
        ..Settings::default()
    }
}

/// A number from the system's source of randomness.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
