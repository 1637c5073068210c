//! Checks before the first shard starts, each with a sentence about what to do if it fails.

use std::fs;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tracing::warn;

use super::error::RuntimeError;
use super::ring::{Completion, Operation, Ring, RingSizes, Tag, Wait};
use super::system::{allowed_cpus, limit, make_room_for_files, raise, Resource};

/// Connections over the limit that one shard answers with a refusal at a time; the rest is closed without a word.
pub(super) const REFUSED_CONNECTIONS_MAX: usize = 64;
/// Descriptors of one shard beside those of its clients: connections that are being refused; rings, pipes and listeners,
/// with room.
const SHARD_FILES: u64 = REFUSED_CONNECTIONS_MAX as u64 + 32;
/// Those of the process: logs, certificates being read, and the many that come and go.
const OTHER_FILES: u64 = 160;
/// Descriptors the system has room for from the start: a mebibyte. From there on it doubles, three times up to a million.
const FILES_AT_ONCE_MAX: u64 = 128 * 1024;
/// What glommio insists on for an executor.
const LOCKED_MEMORY_BYTES_MIN: u64 = 512 * 1024;
/// Enough for a few shards, for when the kernel only says that it was too little (KiB).
const LOCKED_MEMORY_KIB_ENOUGH: u64 = 16 * 1024;
/// How long a ring may take to answer the probe.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);
/// Enough for the probe.
const PROBE_SIZES: RingSizes = RingSizes { submissions: 8, completions: 16, buffers: 2, buffer_bytes: 64 };

/// The CPU of each shard: those asked for in turn, or all that are allowed.
pub(super) fn choose_cpus(requested: &[usize], shards: usize) -> Result<Vec<usize>, RuntimeError> {
    let allowed = allowed_cpus().map_err(|error| RuntimeError::System { what: "ask which CPUs are allowed", error })?;
    if let Some(&cpu) = requested.iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(RuntimeError::CpuNotAllowed { cpu, allowed: list(&allowed) });
    }
    let cpus = if requested.is_empty() { &allowed } else { requested };
    let shards = if shards == 0 { cpus.len() } else { shards };
    Ok(cpus.iter().copied().cycle().take(shards).collect())
}

/// Raises the limit of open files as far as it goes; answers how many connections it has room for, at most
/// `connections_max`. More can then be refused with a reason, or closed, instead of waiting unaccepted.
pub(super) fn raise_open_files(connections_max: usize, shards: usize) -> usize {
    let limit = match raise(Resource::OpenFiles) {
        Ok(limit) => limit,
        Err(error) => {
            warn!(%error, "cannot raise the limit of open files");
            return connections_max;
        }
    };
    let connections = connections_that_fit(limit, connections_max, shards);
    let files = connections as u64 + files_besides(shards);
    if let Err(error) = make_room_for_files(files.min(limit).min(FILES_AT_ONCE_MAX)) {
        warn!(%error, "cannot make room for open files ahead: clients wait for some milliseconds when it is made later");
    }
    connections
}

fn connections_that_fit(open_files: u64, connections_max: usize, shards: usize) -> usize {
    let room = open_files.saturating_sub(files_besides(shards)).max(1);
    usize::try_from(room).map_or(connections_max, |room| room.min(connections_max))
}

/// Descriptors that are kept for other things than clients.
fn files_besides(shards: usize) -> u64 {
    OTHER_FILES + SHARD_FILES * shards as u64
}

/// Raises the limit of locked memory as far as it goes.
pub(super) fn raise_locked_memory() -> Result<(), RuntimeError> {
    let limit = raise(Resource::LockedMemory)
        .map_err(|error| RuntimeError::System { what: "raise the limit of locked memory", error })?;
    if limit < LOCKED_MEMORY_BYTES_MIN {
        return Err(RuntimeError::LockedMemory { limit_kib: limit / 1024, needed_kib: LOCKED_MEMORY_BYTES_MIN / 1024 });
    }
    Ok(())
}

/// Tries what the driver needs on a small ring: kernels and sandboxes differ in more than their version.
pub(super) fn check_uring() -> Result<(), RuntimeError> {
    let mut ring = Ring::new(PROBE_SIZES).map_err(explain)?;
    let (mut near, far) = UnixStream::pair().map_err(|error| RuntimeError::System { what: "make sockets", error })?;
    let tag = Tag { operation: Operation::ReceiveMany, index: 0, generation: 0 };
    ring.receive(far.as_raw_fd(), tag);
    near.write_all(b"probe").map_err(|error| RuntimeError::System { what: "write to a socket", error })?;
    let completion = next(&mut ring)?;
    let is_whole = ring.bytes(&completion) == b"probe" && completion.is_going_on();
    ring.recycle(completion);
    if !is_whole {
        return Err(RuntimeError::KernelTooOld {
            kernel: kernel(),
            lacking: "multishot receive into provided buffers",
        });
    }
    ring.wake(ring.descriptor(), 0);
    let completion = next(&mut ring)?;
    if completion.tag().operation != Operation::MailHere {
        return Err(RuntimeError::KernelTooOld { kernel: kernel(), lacking: "messages between rings" });
    }
    Ok(())
}

fn next(ring: &mut Ring) -> Result<Completion, RuntimeError> {
    let mut completions = Vec::new();
    ring.enter(Wait::AtMost(PROBE_PATIENCE)).map_err(explain)?;
    ring.collect(&mut completions, 1);
    completions.pop().ok_or_else(|| RuntimeError::Uring { error: io::Error::from(io::ErrorKind::TimedOut) })
}

/// Says why a ring could not be made, and what to do.
pub(super) fn explain(error: io::Error) -> RuntimeError {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => RuntimeError::UringMissing { kernel: kernel() },
        Some(libc::EINVAL) => RuntimeError::KernelTooOld { kernel: kernel(), lacking: "deferred task work" },
        Some(libc::EPERM | libc::EACCES) => match switched_off() {
            Some(value) => RuntimeError::UringDisabled { value },
            None => RuntimeError::UringForbidden,
        },
        Some(libc::ENOMEM) => {
            let limit_kib = limit(Resource::LockedMemory).map_or(0, |limit| limit.soft / 1024);
            RuntimeError::LockedMemory { limit_kib, needed_kib: (2 * limit_kib).max(LOCKED_MEMORY_KIB_ENOUGH) }
        }
        Some(_) | None => RuntimeError::Uring { error },
    }
}

/// The sysctl that forbids io_uring to all (2) or to the unprivileged (1).
fn switched_off() -> Option<u8> {
    let text = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?;
    text.trim().parse().ok().filter(|&value| value != 0)
}

fn kernel() -> String {
    match fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => format!("Linux {}", release.trim()),
        Err(_) => "of unknown release".to_owned(),
    }
}

fn list(cpus: &[usize]) -> String {
    cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_can_do_what_is_needed() {
        check_uring().expect("io_uring of Linux 6.1 or newer");
    }

    #[test]
    fn open_files_bound_the_connections() {
        assert_eq!(connections_that_fit(20_000, 1_000_000, 1), 20_000 - 256);
        assert_eq!(connections_that_fit(20_000, 1_000_000, 64), 20_000 - 160 - 64 * 96, "each shard has its own");
        assert_eq!(connections_that_fit(20_000, 500, 1), 500);
        assert_eq!(connections_that_fit(100, 500, 1), 1);
        assert_eq!(connections_that_fit(u64::MAX, 500, 64), 500);
    }

    #[test]
    fn shards_share_cpus_when_there_are_more_of_them() {
        let all = choose_cpus(&[], 0).expect("some CPU is allowed");
        assert!(!all.is_empty());
        let one = all[0];
        assert_eq!(choose_cpus(&[one], 3).expect("allowed"), [one, one, one]);
    }

    #[test]
    fn a_cpu_that_is_not_there_is_refused_by_name_with_those_that_are() {
        let error = choose_cpus(&[100_000], 1).expect_err("no such CPU").to_string();
        assert!(error.contains("CPU 100000"), "{error}");
        let allowed = list(&choose_cpus(&[], 0).expect("some CPU is allowed"));
        assert!(error.ends_with(&allowed), "{error}");
    }

    #[test]
    fn refusals_of_the_kernel_are_told_apart() {
        let explained = |number| explain(io::Error::from_raw_os_error(number));
        assert!(matches!(explained(libc::ENOSYS), RuntimeError::UringMissing { .. }));
        assert!(matches!(explained(libc::EINVAL), RuntimeError::KernelTooOld { .. }));
        assert!(matches!(explained(libc::ENOMEM), RuntimeError::LockedMemory { .. }));
        assert!(matches!(explained(libc::EPERM), RuntimeError::UringForbidden | RuntimeError::UringDisabled { .. }));
        assert!(matches!(explained(libc::EIO), RuntimeError::Uring { .. }));
    }
}
