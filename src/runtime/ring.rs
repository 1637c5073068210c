//! One core's io_uring: completions out, operations in, one system call a turn.
//!
//! Everything the kernel may touch while an operation is in flight (receive buffers, the bytes of a send) is owned by
//! the ring until the kernel has let go of it, so that its callers need no `unsafe`. Knows nothing of connections
//! beyond a [`Tag`] that comes back with each completion.
#![allow(unsafe_code)]

mod buffers;
mod sends;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::thread;
use std::time::Duration;

use ahash::RandomState;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{cqueue, opcode, EnterFlags, IoUring};

use self::buffers::BufferRing;
use self::sends::Sends;
use crate::connection::Chunk;
use crate::message::Landing;

pub(super) use self::sends::{SendKey, Sent};

/// Bytes of a [`Operation::ReceiveHead`]: the fixed header of a packet, and its topic if that is not very long.
const HEAD_BYTES: u32 = 512;
/// Bytes of one receive into a landing: while the kernel copies more, nobody else is served.
const LANDING_BYTES_MAX: usize = 256 * 1024;
/// The one group of provided buffers.
const BUFFER_GROUP: u16 = 0;
/// How long the kernel may take to let go of cancelled operations before their memory is leaked instead.
const QUIESCE_ROUNDS: u32 = 50;
const QUIESCE_ROUND: Duration = Duration::from_millis(10);

/// What a completion is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A listener took a connection; the index is the listener's.
    Accept,
    /// A receive that ends with its first completion.
    ReceiveOnce,
    /// A receive that goes on while completions say so.
    ReceiveMany,
    /// A receive that ends with its first completion and brings few bytes.
    ReceiveHead,
    /// A receive into a landing that ends with its first completion.
    ReceiveInto,
    /// A send.
    Send,
    /// A cancellation for a connection has been looked at.
    Cancel,
    /// A cancellation of an accept has been looked at.
    CancelAccept,
    /// Another ring says that there is mail.
    MailHere,
    /// A wake-up could not be delivered; the index is the peer's.
    WakeFailed,
    /// The control pipe is readable.
    Control,
}

const OPERATIONS: [Operation; 11] = [
    Operation::Accept,
    Operation::ReceiveOnce,
    Operation::ReceiveMany,
    Operation::ReceiveHead,
    Operation::ReceiveInto,
    Operation::Send,
    Operation::Cancel,
    Operation::CancelAccept,
    Operation::MailHere,
    Operation::WakeFailed,
    Operation::Control,
];

/// Indexes a tag can carry: 28 bits of the 64.
pub(super) const TAG_INDEX_MAX: u32 = (1 << 28) - 1;

/// Travels through the kernel with an operation: what, whose slot, and which of the users the slot has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) operation: Operation,
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Tag {
    fn pack(self) -> u64 {
        debug_assert!(self.index <= TAG_INDEX_MAX);
        ((self.operation as u64) << 60) | (u64::from(self.index) << 32) | u64::from(self.generation)
    }

    fn unpack(word: u64) -> Tag {
        Tag {
            operation: OPERATIONS[(word >> 60) as usize],
            index: (word >> 32) as u32 & TAG_INDEX_MAX,
            generation: word as u32,
        }
    }
}

/// What has become of an operation. Owns a receive buffer or a landing, if there is one, until [`Ring::recycle`].
#[derive(Debug)]
#[must_use]
pub(super) struct Completion {
    tag: Tag,
    result: i32,
    flags: u32,
}

impl Completion {
    pub(super) fn tag(&self) -> Tag {
        self.tag
    }

    /// Whether the operation goes on.
    pub(super) fn is_going_on(&self) -> bool {
        cqueue::more(self.flags)
    }

    /// The operation's count, or the number of its error.
    pub(super) fn result(&self) -> Result<usize, i32> {
        usize::try_from(self.result).map_err(|_| -self.result)
    }

    /// The socket an accept has brought, or the number of its error.
    pub(super) fn into_accepted(self) -> Result<OwnedFd, i32> {
        debug_assert_eq!(self.tag.operation, Operation::Accept);
        if self.result < 0 {
            return Err(-self.result);
        }
        // SAFETY: a successful accept's result is a new descriptor that nobody else owns; consuming the completion
        // makes sure that it is wrapped once.
        Ok(unsafe { OwnedFd::from_raw_fd(self.result) })
    }

    fn buffer(&self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }
}

/// How to enter the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Come back at once.
    Not,
    /// Come back with the first completion, or after this long.
    AtMost(Duration),
    /// Come back with the first completion.
    ForEver,
}

/// Sizes of a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingSizes {
    /// Submissions between two enters; more cost an enter more. A power of two.
    pub(super) submissions: u32,
    /// Completions the kernel can keep without allocating. A power of two.
    pub(super) completions: u32,
    /// Receive buffers: a power of two, at most 32,768.
    pub(super) buffers: u16,
    /// Bytes of one receive buffer.
    pub(super) buffer_bytes: usize,
}

/// An io_uring used by the thread that made it.
pub(super) struct Ring {
    uring: IoUring,
    /// Submissions that did not fit; they go first.
    backlog: VecDeque<Entry>,
    /// Operations whose last completion is still to come.
    in_flight: usize,
    buffers: ManuallyDrop<BufferRing>,
    sends: ManuallyDrop<Sends>,
    /// What is being received into, by the tag of the receive.
    landings: ManuallyDrop<HashMap<u64, Landing, RandomState>>,
}

impl Ring {
    /// Makes a ring for the calling thread: only that one may use it.
    pub(super) fn new(sizes: RingSizes) -> io::Result<Ring> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(sizes.completions)
            .dontfork()
            .build(sizes.submissions)?;
        let buffers = BufferRing::new(&uring, BUFFER_GROUP, sizes.buffers, sizes.buffer_bytes)?;
        Ok(Ring {
            uring,
            backlog: VecDeque::new(),
            in_flight: 0,
            buffers: ManuallyDrop::new(buffers),
            sends: ManuallyDrop::new(Sends::default()),
            // Keyed by our own numbers, so nobody can make them collide.
            landings: ManuallyDrop::new(HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4))),
        })
    }

    /// The number other rings wake this one by.
    pub(super) fn descriptor(&self) -> RawFd {
        self.uring.as_raw_fd()
    }

    /// Hands in all that has been queued and waits as told. Coming back says nothing: completions may be there or not.
    pub(super) fn enter(&mut self, wait: Wait) -> io::Result<()> {
        self.drain_backlog();
        let queued = self.uring.submission().len() as u32;
        // With submissions left over the kernel has to be asked again before anybody may sleep.
        let wanted = u32::from(!matches!(wait, Wait::Not) && self.backlog.is_empty());
        let timespec = match wait {
            Wait::AtMost(duration) => Some(Timespec::from(duration)),
            Wait::Not | Wait::ForEver => None,
        };
        let arguments = match &timespec {
            Some(timespec) => SubmitArgs::new().timespec(timespec),
            None => SubmitArgs::new(),
        };
        // Deferred task work, and with it most completions, only happens in an enter that asks for events.
        let flags = EnterFlags::GETEVENTS | EnterFlags::EXT_ARG;
        // SAFETY: the arguments and the timespec they point to outlive the call; the memory of every queued entry is
        // owned by `buffers`, `sends` and `landings` until its completion.
        let entered = unsafe { self.uring.submitter().enter(queued, wanted, flags.bits(), Some(&arguments)) };
        settle(entered)
    }

    /// Whether something has come that the next [`Ring::enter`] makes completions of. Costs a look at shared memory.
    pub(super) fn has_come(&mut self) -> bool {
        self.uring.submission().taskrun()
    }

    /// Whether there is something to collect.
    pub(super) fn has_completions(&mut self) -> bool {
        !self.uring.completion().is_empty()
    }

    /// Moves at most `count_max` completions to the end of `into`, in order.
    pub(super) fn collect(&mut self, into: &mut Vec<Completion>, count_max: usize) {
        let mut finished = 0;
        let mut filled = 0;
        for entry in self.uring.completion().take(count_max) {
            let completion =
                Completion { tag: Tag::unpack(entry.user_data()), result: entry.result(), flags: entry.flags() };
            let is_own = !matches!(completion.tag.operation, Operation::MailHere | Operation::WakeFailed);
            finished += usize::from(is_own && !completion.is_going_on());
            filled += usize::from(completion.buffer().is_some());
            into.push(completion);
        }
        self.in_flight -= finished;
        self.buffers.lent(filled);
    }

    /// The bytes a receive has brought.
    pub(super) fn bytes(&self, completion: &Completion) -> &[u8] {
        match (completion.buffer(), completion.result()) {
            (Some(buffer), Ok(count)) => self.buffers.bytes(buffer, count),
            (Some(_), Err(_)) | (None, Ok(_) | Err(_)) => &[],
        }
    }

    /// The same, to be changed: nobody reads them after that.
    pub(super) fn bytes_mut(&mut self, completion: &Completion) -> &mut [u8] {
        match (completion.buffer(), completion.result()) {
            (Some(buffer), Ok(count)) => self.buffers.bytes_mut(buffer, count),
            (Some(_), Err(_)) | (None, Ok(_) | Err(_)) => &mut [],
        }
    }

    /// Gives the kernel a completion's buffer back, if it has one; gives up its landing, if it has one.
    pub(super) fn recycle(&mut self, completion: Completion) {
        if completion.tag.operation == Operation::ReceiveInto {
            drop(self.landings.remove(&completion.tag.pack()));
        }
        if let Some(buffer) = completion.buffer() {
            self.buffers.give_back(buffer);
        }
    }

    /// The kernel has found no buffer for a receive: lets it have more, if there are more.
    pub(super) fn add_buffers(&mut self) {
        self.buffers.widen();
    }

    /// Frees what only waits to be used again: places of sends, and the receive buffers, unless some are in use.
    pub(super) fn give_back(&mut self) {
        self.sends.give_back();
        self.backlog.shrink_to_fit();
        self.landings.shrink_to_fit();
        // Completions happen in `enter` alone (deferred task work); so if none waits, the kernel is at none of the buffers,
        // and those that completions do not own are all in its table.
        let is_all_collected = !self.uring.submission().cq_overflow() && self.uring.completion().is_empty();
        if is_all_collected {
            self.buffers.narrow();
        }
    }

    /// Whether the kernel may have a buffer left to receive into.
    pub(super) fn has_free_buffers(&self) -> bool {
        self.buffers.has_free()
    }

    /// Accepts connections until a completion says that it does not go on.
    pub(super) fn accept(&mut self, listener: RawFd, tag: Tag) {
        self.push_tagged(opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC).build(), tag);
    }

    /// Receives into a landing of which something is missing; it comes back from [`Ring::landed`]. One at a time with a tag.
    pub(super) fn receive_into(&mut self, socket: RawFd, tag: Tag, mut landing: Landing) {
        debug_assert_eq!(tag.operation, Operation::ReceiveInto);
        let rest = landing.rest();
        debug_assert!(!rest.is_empty(), "a receive of nothing would look like the end of the stream");
        let length = rest.len().min(LANDING_BYTES_MAX) as u32;
        let entry = opcode::Recv::new(Fd(socket), rest.as_mut_ptr().cast(), length).build();
        let before = self.landings.insert(tag.pack(), landing);
        assert!(before.is_none(), "a socket has one receive at a time");
        self.push_tagged(entry, tag);
    }

    /// The landing of a completed receive, with what has come into it.
    pub(super) fn landed(&mut self, completion: Completion) -> Landing {
        let mut landing =
            self.landings.remove(&completion.tag.pack()).expect("it is kept until its completion is seen to");
        if let Ok(count) = completion.result() {
            // SAFETY: the kernel has written so many bytes to the rest, which is where it was told to, and is done with it.
            unsafe { landing.advance(count) };
        }
        landing
    }

    /// Receives once or many times, as the tag says.
    pub(super) fn receive(&mut self, socket: RawFd, tag: Tag) {
        let entry = match tag.operation {
            Operation::ReceiveMany => opcode::RecvMulti::new(Fd(socket), BUFFER_GROUP).build(),
            operation => {
                let bytes_max = if operation == Operation::ReceiveHead { HEAD_BYTES } else { 0 };
                opcode::Recv::new(Fd(socket), ptr::null_mut(), bytes_max)
                    .buf_group(BUFFER_GROUP)
                    .build()
                    .flags(Flags::BUFFER_SELECT)
            }
        };
        self.push_tagged(entry, tag);
    }

    /// Sends a chunk that is not empty; the key is for [`Ring::sent`].
    pub(super) fn send(&mut self, socket: RawFd, tag: Tag, chunk: Chunk) -> SendKey {
        let key = self.sends.put(chunk);
        let entry = self.sends.entry(key, socket);
        self.push_tagged(entry, tag);
        key
    }

    /// Says what became of a send and goes on with it if only a part has left.
    pub(super) fn sent(&mut self, socket: RawFd, key: SendKey, completion: &Completion) -> Sent {
        debug_assert_eq!(completion.tag.operation, Operation::Send);
        let sent = self.sends.advance(key, completion.result());
        if matches!(sent, Sent::InPart) {
            let entry = self.sends.entry(key, socket);
            self.push_tagged(entry, completion.tag);
        }
        sent
    }

    /// Ends the operation with the tag `target` early. It still completes by itself.
    pub(super) fn cancel(&mut self, target: Tag, tag: Tag) {
        self.push_tagged(opcode::AsyncCancel2::new(CancelBuilder::user_data(target.pack())).build(), tag);
    }

    /// Ends all operations on a descriptor early. They still complete by themselves.
    pub(super) fn cancel_all(&mut self, socket: RawFd, tag: Tag) {
        self.push_tagged(opcode::AsyncCancel2::new(CancelBuilder::fd(Fd(socket)).all()).build(), tag);
    }

    /// Completes when `descriptor` is readable.
    pub(super) fn poll_readable(&mut self, descriptor: RawFd, tag: Tag) {
        self.push_tagged(opcode::PollAdd::new(Fd(descriptor), libc::POLLIN as u32).build(), tag);
    }

    /// Puts a [`Operation::MailHere`] completion into another ring; completes here only if that fails.
    pub(super) fn wake(&mut self, ring: RawFd, peer: u32) {
        let here = Tag { operation: Operation::MailHere, index: 0, generation: 0 };
        let failed = Tag { operation: Operation::WakeFailed, index: peer, generation: 0 };
        let entry = opcode::MsgRingData::new(Fd(ring), 0, here.pack(), None).build();
        self.push(entry.flags(Flags::SKIP_SUCCESS).user_data(failed.pack()));
    }

    fn push_tagged(&mut self, entry: Entry, tag: Tag) {
        self.in_flight += 1;
        self.push(entry.user_data(tag.pack()));
    }

    /// Queues an entry. A full queue is handed in at once; what the kernel does not take then waits its turn.
    fn push(&mut self, entry: Entry) {
        if self.backlog.is_empty() && self.try_push(&entry) {
            return;
        }
        self.backlog.push_back(entry);
        // An error shows again at the turn's enter, where it is handled.
        let _ = self.uring.submitter().submit();
        self.drain_backlog();
    }

    fn drain_backlog(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.try_push(&entry) {
                self.backlog.push_front(entry);
                return;
            }
        }
    }

    fn try_push(&mut self, entry: &Entry) -> bool {
        // SAFETY: what the entry points to is owned by `buffers`, `sends` or `landings` until its last completion is
        // collected, and leaked if that does not come.
        unsafe { self.uring.submission().push(entry) }.is_ok()
    }

    /// Cancels everything and waits until the kernel has let go; answers whether it has.
    fn quiesce(&mut self) -> bool {
        if self.in_flight == 0 {
            return true;
        }
        let tag = Tag { operation: Operation::Cancel, index: 0, generation: 0 };
        self.push_tagged(opcode::AsyncCancel2::new(CancelBuilder::any()).build(), tag);
        let mut completions = Vec::new();
        for _ in 0..QUIESCE_ROUNDS {
            if self.enter(Wait::AtMost(QUIESCE_ROUND)).is_err() {
                break;
            }
            self.collect(&mut completions, usize::MAX);
            for completion in completions.drain(..) {
                if completion.tag.operation == Operation::Accept {
                    drop(completion.into_accepted());
                }
            }
            if self.in_flight == 0 {
                return true;
            }
        }
        false
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.quiesce() {
            // SAFETY: dropped here and nowhere else, with nothing in flight that points into them.
            unsafe {
                ManuallyDrop::drop(&mut self.buffers);
                ManuallyDrop::drop(&mut self.sends);
                ManuallyDrop::drop(&mut self.landings);
            }
        }
    }
}

/// Sorts out the answers of an enter that mean "go on".
fn settle(entered: io::Result<usize>) -> io::Result<()> {
    let Err(error) = entered else { return Ok(()) };
    match error.raw_os_error() {
        // The timeout passed, or a signal came: the caller looks around and enters again.
        Some(libc::ETIME | libc::EINTR) => Ok(()),
        // Completions have to be taken first.
        Some(libc::EBUSY) => Ok(()),
        // The kernel is short of memory: nothing was taken, everything is still queued. Give it a moment.
        Some(libc::EAGAIN) => {
            thread::sleep(Duration::from_millis(1));
            Ok(())
        }
        Some(_) | None => Err(error),
    }
}

#[cfg(test)]
mod tests;
