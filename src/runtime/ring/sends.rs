//! Sends in flight: the bytes stay here, where nobody can move or free them, until the kernel has taken them.
#![allow(unsafe_code)]

use std::fmt;
use std::mem;
use std::os::fd::RawFd;
use std::ptr;

use io_uring::opcode;
use io_uring::squeue::Entry;
use io_uring::types::Fd;
use slab::Slab;

use crate::connection::Chunk;

/// Slices of one vectored send; a chunk of more takes several. The kernel copies up to eight without allocating and
/// walks 1,024 at most.
const SLICES_MAX: usize = 64;
/// Slice tables kept for the next vectored send.
const SPARE_TABLES_MAX: usize = 64;

/// Names a send in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendKey(u32);

/// What became of a send.
#[derive(Debug)]
pub(crate) enum Sent {
    /// A part has left; the rest is on its way under the same key and tag.
    InPart,
    /// All has left.
    Wholly(Chunk),
    /// The connection is broken, with the number of the error; the bytes are dropped.
    Failed(i32),
}

#[derive(Debug)]
struct Sending {
    chunk: Chunk,
    sent_bytes: usize,
    table: Option<Box<Table>>,
}

/// What a vectored send points to.
struct Table {
    header: libc::msghdr,
    slices: [libc::iovec; SLICES_MAX],
}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Table").field("slices", &self.header.msg_iovlen).finish()
    }
}

/// All sends in flight of one ring.
#[derive(Debug, Default)]
pub(super) struct Sends {
    sending: Slab<Sending>,
    #[expect(clippy::vec_box, reason = "a table is a kilobyte and the kernel holds its address: only the box moves")]
    spare_tables: Vec<Box<Table>>,
}

impl Sends {
    pub(super) fn put(&mut self, chunk: Chunk) -> SendKey {
        debug_assert!(!chunk.is_empty(), "an empty send would look like a closed connection");
        let key = self.sending.insert(Sending { chunk, sent_bytes: 0, table: None });
        SendKey(u32::try_from(key).expect("fewer sends than sockets"))
    }

    /// The submission that sends what has not left yet.
    pub(super) fn entry(&mut self, key: SendKey, socket: RawFd) -> Entry {
        let sending = &mut self.sending[key.0 as usize];
        if let Some(bytes) = sending.chunk.as_single() {
            let rest = &bytes[sending.sent_bytes..];
            let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            return opcode::Send::new(Fd(socket), rest.as_ptr(), length).flags(libc::MSG_NOSIGNAL).build();
        }
        let mut table = sending.table.take().or_else(|| self.spare_tables.pop()).unwrap_or_else(Table::boxed);
        table.point_at(&sending.chunk, sending.sent_bytes);
        let header = ptr::from_ref(&table.header);
        sending.table = Some(table);
        opcode::SendMsg::new(Fd(socket), header).flags(libc::MSG_NOSIGNAL as u32).build()
    }

    /// Notes what the kernel says about a send.
    pub(super) fn advance(&mut self, key: SendKey, result: Result<usize, i32>) -> Sent {
        let sending = &mut self.sending[key.0 as usize];
        let error = match result {
            Ok(count) => {
                sending.sent_bytes += count;
                debug_assert!(sending.sent_bytes <= sending.chunk.len());
                if sending.sent_bytes < sending.chunk.len() {
                    // Nothing sent and no error would go on for ever; the kernel does not answer that to a send of
                    // something.
                    return if count == 0 { self.fail(key, libc::EPIPE) } else { Sent::InPart };
                }
                return Sent::Wholly(self.take(key));
            }
            Err(error) => error,
        };
        match error {
            libc::EINTR | libc::EAGAIN => Sent::InPart,
            _ => self.fail(key, error),
        }
    }

    /// Frees the places and tables that no send needs.
    pub(super) fn give_back(&mut self) {
        self.sending.shrink_to_fit();
        self.spare_tables = Vec::new();
    }

    fn fail(&mut self, key: SendKey, error: i32) -> Sent {
        drop(self.take(key));
        Sent::Failed(error)
    }

    fn take(&mut self, key: SendKey) -> Chunk {
        let sending = self.sending.remove(key.0 as usize);
        if let Some(table) = sending.table {
            if self.spare_tables.len() < SPARE_TABLES_MAX {
                self.spare_tables.push(table);
            }
        }
        sending.chunk
    }
}

impl Table {
    fn boxed() -> Box<Table> {
        // SAFETY: both are plain C structures of integers and pointers, for which all zeroes is a valid value.
        let (header, slice) = unsafe { (mem::zeroed(), mem::zeroed()) };
        Box::new(Table { header, slices: [slice; SLICES_MAX] })
    }

    /// Points at the first slices of `chunk` behind its first `skipped` bytes.
    fn point_at(&mut self, chunk: &Chunk, mut skipped: usize) {
        let mut count = 0;
        for slice in chunk.slices() {
            if skipped >= slice.len() {
                skipped -= slice.len();
                continue;
            }
            if count == SLICES_MAX {
                break;
            }
            let rest = &slice[skipped..];
            skipped = 0;
            self.slices[count] = libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() };
            count += 1;
        }
        self.header.msg_iov = self.slices.as_mut_ptr();
        self.header.msg_iovlen = count as _;
    }
}
