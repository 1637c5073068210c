//! The buffers the kernel receives into: it takes one when bytes are there, so an idle socket owns none.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use io_uring::IoUring;

/// Buffers that circulate from the start.
const CIRCULATING_MIN: u16 = 16;

/// A registered ring of equally large buffers.
#[derive(Debug)]
pub(super) struct BufferRing {
    /// The table shared with the kernel: which buffers it may use, in order.
    table: Pages,
    memory: Pages,
    count: u16,
    /// Buffers in use, by the kernel or by completions: the first ones. The kernel takes them in turn, so every one that
    /// circulates is memory and cache; more are added only when they have not been enough.
    circulating: u16,
    buffer_bytes: usize,
    /// Where the next entry of the table goes; wraps.
    tail: u16,
    /// Buffers that completions own.
    lent: usize,
    /// There have not been enough since [`BufferRing::narrow`] was last called.
    was_short: bool,
}

impl BufferRing {
    /// Registers `count` buffers (a power of two, at most 32,768) with the ring.
    pub(super) fn new(uring: &IoUring, group: u16, count: u16, buffer_bytes: usize) -> io::Result<BufferRing> {
        if !count.is_power_of_two() || buffer_bytes == 0 || u32::try_from(buffer_bytes).is_err() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let table = Pages::map(usize::from(count) * size_of::<BufRingEntry>())?;
        let memory = Pages::map(usize::from(count) * buffer_bytes)?;
        // SAFETY: the table is page aligned, zeroed, large enough for `count` entries and lives until the ring is
        // quiet (or is leaked).
        unsafe {
            let address = table.start.as_ptr() as u64;
            uring.submitter().register_buf_ring_with_flags(address, count, group, 0)?;
        }
        let mut buffers =
            BufferRing { table, memory, count, circulating: 0, buffer_bytes, tail: 0, lent: 0, was_short: false };
        buffers.circulate(CIRCULATING_MIN);
        Ok(buffers)
    }

    /// The kernel has found no buffer: twice as many circulate from now on, as far as there are so many.
    pub(super) fn widen(&mut self) {
        self.was_short = true;
        self.circulate(self.circulating.saturating_mul(2));
    }

    #[cfg(test)]
    pub(super) fn circulating(&self) -> u16 {
        self.circulating
    }

    /// Gives the memory of the buffers back to the system if more circulate than at the start, and lets half of them go if
    /// there have been enough. Does nothing while completions own some.
    ///
    /// To be called only while the kernel is at none of them, and no completion waits that owns one.
    pub(super) fn narrow(&mut self) {
        let was_short = mem::take(&mut self.was_short);
        if self.lent > 0 || self.circulating <= CIRCULATING_MIN {
            return;
        }
        let wanted = if was_short { self.circulating } else { (self.circulating / 2).max(CIRCULATING_MIN) };
        self.memory.empty();
        // All are in the table, the oldest entry where the kernel takes the next: they are written anew from there on.
        self.tail = self.tail.wrapping_sub(self.circulating);
        self.circulating = 0;
        self.circulate(wanted);
    }

    fn circulate(&mut self, wanted: u16) {
        let wanted = wanted.min(self.count);
        for buffer in self.circulating..wanted {
            self.lent += 1;
            self.circulating += 1;
            self.give_back(buffer);
        }
    }

    /// Completions have been collected that own this many more buffers.
    pub(super) fn lent(&mut self, count: usize) {
        self.lent += count;
        debug_assert!(self.lent <= usize::from(self.circulating));
    }

    pub(super) fn has_free(&self) -> bool {
        self.lent < usize::from(self.circulating)
    }

    /// The first `count` bytes of a lent buffer.
    pub(super) fn bytes(&self, buffer: u16, count: usize) -> &[u8] {
        assert!(count <= self.buffer_bytes, "the kernel names bytes of a buffer");
        // SAFETY: within the mapping, initialised (the mapping is zeroed), and the kernel does not write to a buffer
        // between its completion and `give_back`, which needs the exclusive borrow.
        unsafe { slice::from_raw_parts(self.start(buffer), count) }
    }

    /// The same, to be changed.
    pub(super) fn bytes_mut(&mut self, buffer: u16, count: usize) -> &mut [u8] {
        assert!(count <= self.buffer_bytes, "the kernel names bytes of a buffer");
        // SAFETY: as above; no other reference to it lives, since all borrow the ring.
        unsafe { slice::from_raw_parts_mut(self.start(buffer), count) }
    }

    /// Where a buffer begins.
    fn start(&self, buffer: u16) -> *mut u8 {
        assert!(buffer < self.count, "the kernel names a buffer of this ring");
        // SAFETY: the mapping holds `count` buffers, one after the other.
        unsafe { self.memory.start.as_ptr().add(usize::from(buffer) * self.buffer_bytes) }
    }

    /// Lets the kernel use a buffer (again).
    pub(super) fn give_back(&mut self, buffer: u16) {
        assert!(buffer < self.count && self.lent > 0, "only lent buffers come back");
        self.lent -= 1;
        let place = usize::from(self.tail & (self.count - 1));
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `place` is within the table, `buffer` within the memory; entries between the kernel's head and our
        // tail are not written by us, since at most `count` buffers are ever in the table. The tail overlays a
        // reserved field of the first entry that none of the setters touches.
        unsafe {
            let first = self.table.start.as_ptr().cast::<BufRingEntry>();
            let entry = &mut *first.add(place);
            entry.set_addr(self.start(buffer) as u64);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(buffer);
            let tail = &*BufRingEntry::tail(first).cast::<AtomicU16>();
            tail.store(self.tail, Ordering::Release);
        }
    }
}

/// Zeroed pages of our own; the system fills them in when they are first touched.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    bytes: usize,
}

impl Pages {
    fn map(bytes: usize) -> io::Result<Pages> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Pages { start, bytes })
    }

    /// Gives the memory back to the system; it is zeroes from then on. Should the system refuse, nothing has changed.
    fn empty(&mut self) {
        // SAFETY: exactly the mapping made by `map`, which nobody reads or writes meanwhile: zeroes are as good as what was
        // there.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.bytes, libc::MADV_DONTNEED) };
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made by `map`; the borrows handed out by `BufferRing` have ended.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
