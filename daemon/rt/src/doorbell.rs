//! Waking a thread that waits for data: one futex wake-up, no lock, no allocation. Ring once per chunk.

use std::thread::{self, Thread};
use std::time::Duration;

/// Rings for one thread.
#[derive(Clone, Debug)]
pub struct Doorbell(Thread);

impl Doorbell {
    /// A bell for `thread`, which waits with [`wait`].
    #[must_use]
    pub fn for_thread(thread: &Thread) -> Self {
        Self(thread.clone())
    }

    /// Wakes the thread, or makes its next [`wait`] return at once.
    pub fn ring(&self) {
        self.0.unpark();
    }
}

/// Waits until this thread's bell rings, for at most `timeout`. May also return for no reason: look for data again.
pub fn wait(timeout: Duration) {
    thread::park_timeout(timeout);
}
