//! What an operator says by signals: SIGTERM and SIGINT to end, SIGUSR1 to report.
//!
//! The signals are blocked for the process and taken by one thread that waits for nothing else: no handler runs at a
//! surprising moment, and no shard is interrupted.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::ptr;
use std::thread;

use crossbeam_channel::Sender;

use super::control::{Notice, Wish};

/// Blocks our signals for this thread and all it starts from now on, ignores SIGPIPE, and starts the thread that takes
/// them. To be called before any other thread is started.
pub(super) fn listen(notices: Sender<Notice>) -> io::Result<()> {
    let set = block()?;
    // SAFETY: sets a disposition that runs no code.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while let Some(signal) = wait(&set) {
            if notices.send(Notice::Signal(wish(signal))).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn wish(signal: i32) -> Wish {
    if signal == libc::SIGUSR1 {
        Wish::Report
    } else {
        Wish::End
    }
}

fn block() -> io::Result<libc::sigset_t> {
    // SAFETY: a set of bits, for which all zeroes is a valid value; the calls fill and read it.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1] {
            libc::sigaddset(&mut set, signal);
        }
        match libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()) {
            0 => Ok(set),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// The next signal of the set; nothing if the set is refused.
fn wait(set: &libc::sigset_t) -> Option<i32> {
    let mut signal = 0;
    // SAFETY: reads a valid set, fills in an integer.
    (unsafe { libc::sigwait(set, &mut signal) } == 0).then_some(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sigusr1_does_not_end_the_broker() {
        assert_eq!(wish(libc::SIGTERM), Wish::End);
        assert_eq!(wish(libc::SIGINT), Wish::End);
        assert_eq!(wish(libc::SIGUSR1), Wish::Report);
    }
}
