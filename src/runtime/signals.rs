//! What an operator says by signals: SIGTERM and SIGINT to end, SIGUSR1 to report, SIGHUP to read files again.
//!
//! The signals are blocked for the process and taken by one thread that waits for nothing else: no handler runs at a
//! surprising moment, and no shard is interrupted.

use std::io;
use std::thread;

use crossbeam_channel::Sender;

use super::control::{Notice, Wish};
use super::system::{ignore, Signals};

/// Blocks our signals for this thread and all it starts from now on, ignores SIGPIPE, and starts the thread that takes
/// them. To be called before any other thread is started.
pub(super) fn listen(notices: Sender<Notice>) -> io::Result<()> {
    let signals = Signals::block(&[libc::SIGTERM, libc::SIGINT, libc::SIGUSR1, libc::SIGHUP])?;
    ignore(libc::SIGPIPE);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while let Some(signal) = signals.wait() {
            if notices.send(Notice::Signal(wish(signal))).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn wish(signal: i32) -> Wish {
    match signal {
        libc::SIGUSR1 => Wish::Report,
        libc::SIGHUP => Wish::Reload,
        _ => Wish::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sigusr1_and_sighup_do_not_end_the_broker() {
        assert_eq!(wish(libc::SIGTERM), Wish::End);
        assert_eq!(wish(libc::SIGINT), Wish::End);
        assert_eq!((wish(libc::SIGUSR1), wish(libc::SIGHUP)), (Wish::Report, Wish::Reload));
    }
}
