//! The allocator of the program, and how many bytes all threads together have of it.
//!
//! Each thread counts for itself and tells the process in pieces, so that counting costs an addition, a comparison and no
//! shared memory. The count is off by one such piece for each thread at most.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use mimalloc::MiMalloc;

/// Bytes that a thread takes or gives before it tells the process.
const TOLD_BYTES: i64 = 64 * 1024;

/// Blocks from this size on are rarely made of what was freed a moment before: a buffer that grows leaves all its earlier
/// selves behind, and the system hears of that late.
const LARGE_BYTES: usize = 64 * 1024;

static HELD: AtomicI64 = AtomicI64::new(0);
static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static UNTOLD: Cell<i64> = const { Cell::new(0) };
}

/// MiMalloc, counted. Messages are allocated on one core and often freed on another, which is what it is good at.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// Bytes that have been asked for and not been given back. Cost: one load.
pub(super) fn held_bytes() -> u64 {
    u64::try_from(HELD.load(Ordering::Relaxed)).unwrap_or(0)
}

/// Bytes of all large blocks there have ever been: what is resident cannot have grown by more. Cost: one load.
pub(super) fn taken_bytes() -> u64 {
    TAKEN.load(Ordering::Relaxed)
}

#[inline]
fn note_large(bytes: usize) {
    if bytes >= LARGE_BYTES {
        TAKEN.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[inline]
fn count(bytes: i64) {
    UNTOLD.with(|untold| {
        let sum = untold.get() + bytes;
        untold.set(sum);
        if sum.unsigned_abs() >= TOLD_BYTES as u64 {
            tell(untold);
        }
    });
}

#[cold]
fn tell(untold: &Cell<i64>) {
    HELD.fetch_add(untold.take(), Ordering::Relaxed);
}

// SAFETY: passes everything on to an allocator that keeps the contract; counting allocates nothing and cannot fail, since what
// it touches needs neither to be made nor to be dropped.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        note_large(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        note_large(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller keeps the contract.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes as i64 - layout.size() as i64);
        note_large(bytes);
        // SAFETY: the caller keeps the contract.
        unsafe { MiMalloc.realloc(pointer, layout, bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_hears_of_large_sums_and_of_what_is_given_back() {
        const BYTES: usize = 100 * TOLD_BYTES as usize;
        let layout = Layout::from_size_align(BYTES, 8).expect("a layout");
        let (before, taken_before) = (held_bytes(), taken_bytes());
        // SAFETY: the layout is not empty; what is freed is what was allocated, with the layout it has.
        unsafe {
            let block = CountingAllocator.alloc(layout);
            assert!(held_bytes() >= before + BYTES as u64);
            let block = CountingAllocator.realloc(block, layout, 2 * BYTES);
            assert!(held_bytes() >= before + 2 * BYTES as u64);
            CountingAllocator.dealloc(block, Layout::from_size_align(2 * BYTES, 8).expect("a layout"));
        }
        assert!(held_bytes() < before + TOLD_BYTES as u64);
        assert!(taken_bytes() >= taken_before + 3 * BYTES as u64);
    }
}
