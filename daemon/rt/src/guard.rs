//! The no-allocation guard: a global allocator that counts what real-time code must not do.
//!
//! The binary installs [`GuardedAllocator`]; every pass of a real-time loop runs inside [`watched`]. A heap
//! operation there is counted, not forbidden: a late sample is better than an aborted daemon, and the count is
//! exported and asserted to be zero by the tests.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

static OPERATIONS: AtomicU64 = AtomicU64::new(0);
static PASSES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, with a count of the operations made inside [`watched`].
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardedAllocator;

fn note() {
    // A thread that is being torn down has no watch any more.
    if WATCHED.try_with(Cell::get).unwrap_or(false) {
        OPERATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

#[allow(unsafe_code, reason = "a global allocator is unsafe by its trait")]
// SAFETY: every call is handed to the system's allocator unchanged; `note` touches only a thread-local flag without
// a destructor and an atomic, and allocates nothing.
unsafe impl GlobalAlloc for GuardedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// Runs one pass of a real-time loop and counts the heap operations in it.
pub fn watched<R>(pass: impl FnOnce() -> R) -> R {
    PASSES.fetch_add(1, Ordering::Relaxed);
    let before = WATCHED.replace(true);
    let restore = Restore(before);
    let result = pass();
    drop(restore);
    result
}

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        WATCHED.set(self.0);
    }
}

/// Heap operations counted inside [`watched`] since start.
#[must_use]
pub fn operations() -> u64 {
    OPERATIONS.load(Ordering::Relaxed)
}

/// Passes that were watched since start: a count of operations means nothing without it.
#[must_use]
pub fn passes() -> u64 {
    PASSES.load(Ordering::Relaxed)
}
