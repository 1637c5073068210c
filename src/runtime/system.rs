//! The calls of the C library that the standard library has no words for, made safe.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// Room for the texts of a user or group; a group lists its members.
const ENTRY_BYTES: usize = 64 * 1024;

/// What the system bounds for a process.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resource {
    /// Descriptors.
    OpenFiles,
    /// Bytes that are never paged out.
    LockedMemory,
    /// Bytes of address space.
    Addresses,
}

/// A bound of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// What holds.
    pub(super) soft: u64,
    /// What everybody may raise it to.
    pub(super) hard: u64,
}

impl Resource {
    fn number(self) -> libc::__rlimit_resource_t {
        match self {
            Resource::OpenFiles => libc::RLIMIT_NOFILE,
            Resource::LockedMemory => libc::RLIMIT_MEMLOCK,
            Resource::Addresses => libc::RLIMIT_AS,
        }
    }
}

/// What a resource is limited to.
pub(super) fn limit(resource: Resource) -> io::Result<Limit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills in a valid structure.
    if unsafe { libc::getrlimit(resource.number(), &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Limit { soft: limit.rlim_cur, hard: limit.rlim_max })
}

/// Raises a soft limit to the hard one; answers what it is then.
pub(super) fn raise(resource: Resource) -> io::Result<u64> {
    let Limit { soft, hard } = limit(resource)?;
    if soft >= hard {
        return Ok(soft);
    }
    let raised = libc::rlimit { rlim_cur: hard, rlim_max: hard };
    // SAFETY: reads a valid structure.
    if unsafe { libc::setrlimit(resource.number(), &raised) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(hard)
}

/// Has the system make its table of this process's descriptors large enough for so many. It doubles by itself when it is full,
/// but then whoever needs the next descriptor waits until all CPUs have noticed (8 to 28 ms on Linux 6.18), once the
/// process has threads. Cost: eight bytes a descriptor, of the system's memory.
///
/// # Errors
/// So many are more than the limit, or memory is short.
pub(super) fn make_room_for_files(count: u64) -> io::Result<()> {
    let (any, _) = io::pipe()?;
    let last = libc::c_int::try_from(count.saturating_sub(1)).unwrap_or(libc::c_int::MAX);
    // SAFETY: takes numbers only.
    let descriptor = unsafe { libc::fcntl(any.as_raw_fd(), libc::F_DUPFD_CLOEXEC, last) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it has just been made, and nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
    Ok(())
}

/// Bytes of one page.
pub(super) fn page_bytes() -> u64 {
    // SAFETY: asks for a number.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Pages of memory the machine has; more than any has if it does not say.
pub(super) fn physical_pages() -> u64 {
    // SAFETY: asks for a number.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) }).unwrap_or(u64::MAX)
}

/// The CPUs this thread may run on, in order.
pub(super) fn allowed_cpus() -> io::Result<Vec<usize>> {
    // SAFETY: a set of bits, for which all zeroes is a valid value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the pointer and the size are those of `set`.
    if unsafe { libc::sched_getaffinity(0, mem::size_of_val(&set), &mut set) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let bits = 8 * mem::size_of_val(&set);
    // SAFETY: reads a bit within the set.
    Ok((0..bits).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect())
}

/// Tells the scheduler that this thread works in batches: when something comes for it, it waits for its turn instead of
/// stopping whoever has the CPU. Does nothing where an operator has chosen another policy than the usual one.
pub(super) fn work_in_batches() -> io::Result<()> {
    // SAFETY: takes numbers only; the parameters are a valid structure that is read.
    let answer = unsafe {
        if libc::sched_getscheduler(0) != libc::SCHED_OTHER {
            return Ok(());
        }
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &libc::sched_param { sched_priority: 0 })
    };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Ignores a signal in the whole process.
pub(super) fn ignore(signal: i32) {
    // SAFETY: sets a disposition that runs no code.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Signals that are waited for instead of handled.
#[derive(Clone, Copy)]
pub(super) struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    /// Blocks signals for this thread and all it starts from now on.
    pub(super) fn block(signals: &[i32]) -> io::Result<Signals> {
        // SAFETY: a set of bits, for which all zeroes is a valid value; the calls fill and read it.
        unsafe {
            let mut set: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&mut set);
            for &signal in signals {
                libc::sigaddset(&mut set, signal);
            }
            match libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()) {
                0 => Ok(Signals { set }),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        }
    }

    /// Waits for the next of them; nothing if the system refuses.
    pub(super) fn wait(&self) -> Option<i32> {
        let mut signal = 0;
        // SAFETY: reads a valid set, fills in an integer.
        (unsafe { libc::sigwait(&self.set, &mut signal) } == 0).then_some(signal)
    }
}

/// The number of a user by its name; nothing if there is no such user.
pub(super) fn user(name: &CStr) -> io::Result<Option<u32>> {
    // SAFETY: a plain C structure of integers and pointers, for which all zeroes is a valid value.
    let mut entry: libc::passwd = unsafe { mem::zeroed() };
    let mut texts = vec![0; ENTRY_BYTES];
    let mut found = ptr::null_mut();
    // SAFETY: the name ends with a zero; the entry, its texts with their size, and the answer are valid to be written to.
    let failed = unsafe { libc::getpwnam_r(name.as_ptr(), &mut entry, texts.as_mut_ptr(), texts.len(), &mut found) };
    match failed {
        0 => Ok((!found.is_null()).then_some(entry.pw_uid)),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The number of a group by its name; nothing if there is no such group.
pub(super) fn group(name: &CStr) -> io::Result<Option<u32>> {
    // SAFETY: a plain C structure of integers and pointers, for which all zeroes is a valid value.
    let mut entry: libc::group = unsafe { mem::zeroed() };
    let mut texts = vec![0; ENTRY_BYTES];
    let mut found = ptr::null_mut();
    // SAFETY: the name ends with a zero; the entry, its texts with their size, and the answer are valid to be written to.
    let failed = unsafe { libc::getgrnam_r(name.as_ptr(), &mut entry, texts.as_mut_ptr(), texts.len(), &mut found) };
    match failed {
        0 => Ok((!found.is_null()).then_some(entry.gr_gid)),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Asks the allocator to give back to the system what the calling thread has freed. Tens of microseconds; after hundreds of
/// megabytes have been freed, a millisecond. `at_once`: also what was freed so lately that it would rather keep it.
pub(super) fn give_memory_back(at_once: bool) {
    // SAFETY: it takes a flag and works on what belongs to the calling thread. In a program with another allocator it finds
    // nothing to do.
    unsafe { libmimalloc_sys::mi_collect(at_once) }
}

/// Has the system back this process's memory with small pages only, from now on. A huge page is resident as a whole while
/// any of it is used, and the system makes huge pages again of what the allocator has given back in parts. A system that
/// cannot be told so goes on as it is used to.
pub fn refuse_huge_pages() {
    let (yes, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: sets a flag of the process; it takes no pointer.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, yes, unused, unused, unused) };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    #[test]
    fn a_raised_limit_is_the_hard_one() {
        let raised = raise(Resource::OpenFiles).expect("allowed to everybody");
        let limit = limit(Resource::OpenFiles).expect("readable");
        assert_eq!((raised, limit.soft), (limit.hard, limit.hard));
    }

    #[test]
    fn room_for_files_is_made_at_once_and_not_beyond_the_limit() {
        let hard = raise(Resource::OpenFiles).expect("allowed to everybody");
        let wanted = hard.min(3000);
        make_room_for_files(wanted).expect("within the limit");
        let status = fs::read_to_string("/proc/self/status").expect("readable");
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).expect("it is told");
        assert!(size.trim().parse::<u64>().expect("a number") >= wanted, "{size}");
        assert!(make_room_for_files(hard + 1).is_err());
    }

    #[test]
    fn root_is_known_and_nobody_else_by_a_name_that_is_none() {
        assert_eq!((user(c"root").expect("asked"), group(c"root").expect("asked")), (Some(0), Some(0)));
        assert_eq!((user(c"no such user").ok(), group(c"no such group").ok()), (Some(None), Some(None)));
    }

    #[test]
    fn huge_pages_are_refused() {
        refuse_huge_pages();
        let unused: libc::c_ulong = 0;
        // SAFETY: reads a flag of the process; it takes no pointer.
        let is_set = unsafe { libc::prctl(libc::PR_GET_THP_DISABLE, unused, unused, unused, unused) };
        assert_eq!(is_set, 1);
    }

    #[test]
    fn some_cpu_is_allowed() {
        assert!(!allowed_cpus().expect("readable").is_empty());
    }

    #[test]
    fn a_thread_that_works_in_batches_leaves_others_as_they_are() {
        let policy = || {
            // SAFETY: takes and answers a number.
            unsafe { libc::sched_getscheduler(0) }
        };
        let before = policy();
        let thread = thread::spawn(move || {
            work_in_batches().expect("everybody may");
            policy()
        });
        let expected = if before == libc::SCHED_OTHER { libc::SCHED_BATCH } else { before };
        assert_eq!((thread.join().expect("no panic"), policy()), (expected, before));
    }

    #[test]
    fn a_blocked_signal_is_waited_for_instead_of_killing() {
        let thread = thread::spawn(|| {
            let signals = Signals::block(&[libc::SIGWINCH]).expect("blocked");
            // SAFETY: sends a signal to this very thread, which has blocked it.
            assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGWINCH) }, 0);
            signals.wait()
        });
        assert_eq!(thread.join().expect("no panic"), Some(libc::SIGWINCH));
    }
}
