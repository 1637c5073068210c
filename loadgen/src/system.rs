//! What is asked of the operating system once.

use std::io::pipe;
use std::num::NonZeroU64;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use anyhow::{bail, Context, Result};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use rustix::thread::{sched_getaffinity, sched_setaffinity, set_current_timer_slack, CpuSet};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Keeps the calling thread, and those it starts from now on, to some CPUs, if any are named, and has it woken when it asks
/// to be.
pub(crate) fn settle_thread(cores: &[usize]) -> Result<()> {
    if !cores.is_empty() {
        let mut set = CpuSet::new();
        cores.iter().for_each(|&core| set.set(core));
        sched_setaffinity(None, &set).with_context(|| format!("--cores: cannot keep a thread to CPUs {cores:?}"))?;
    }
    // Precision only; without it timers are up to 50 us late.
    let _ = set_current_timer_slack(NonZeroU64::new(1000));
    Ok(())
}

/// CPUs this process may run on.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

/// Makes room for so many connections, at once: the system's table of descriptors would double by itself, but each time
/// whoever opens the next one would wait for all CPUs to notice, some 10 ms that would count as the broker's.
pub(crate) fn raise_open_files(connections: u64) -> Result<()> {
    let needed = connections + 64;
    raise_limit(connections, needed)?;
    let (any, _) = pipe().context("cannot make a pipe")?;
    let last = RawFd::try_from(needed - 1).context("so many descriptors cannot be numbered")?;
    fcntl_dupfd_cloexec(&any, last).context("cannot make room for descriptors")?;
    Ok(())
}

fn raise_limit(connections: u64, needed: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < needed) {
        // Root may raise the hard limit as well.
        let raised = Rlimit { current: Some(needed), maximum: Some(needed) };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return Ok(());
        }
        bail!(
            "{connections} connections need {needed} descriptors and the limit is {}; raise it (ulimit -Hn) or use --scale",
            maximum.unwrap_or(0)
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("cannot raise the limit of descriptors")
}

/// A flag that the first SIGINT or SIGTERM sets; the second one ends the process at once.
pub(crate) fn interruption() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the second signal finds the flag set.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .context("cannot take signals")?;
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot take signals")?;
    }
    Ok(flag)
}
