//! The way of happenings out of real-time threads, which must not log: a bounded lock-free queue to a reporting
//! thread.

use crossbeam_queue::ArrayQueue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bounded queue of happenings; clones share it.
#[derive(Debug)]
pub struct Reports<T> {
    queue: Arc<ArrayQueue<T>>,
    overflowed: Arc<AtomicU64>,
}

impl<T> Clone for Reports<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), overflowed: Arc::clone(&self.overflowed) }
    }
}

impl<T: Copy> Reports<T> {
    /// Room for `capacity` happenings that nobody has read yet.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { queue: Arc::new(ArrayQueue::new(capacity.max(1))), overflowed: Arc::default() }
    }

    /// Reports from a real-time thread. When the queue is full the happening is only counted.
    pub fn send(&self, happening: T) {
        if self.queue.push(happening).is_err() {
            self.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The oldest happening.
    #[must_use]
    pub fn receive(&self) -> Option<T> {
        self.queue.pop()
    }

    /// Happenings that found no room.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_is_counted() {
        let r = Reports::new(2);
        for i in 0..5 {
            r.send(i);
        }
        assert_eq!((r.receive(), r.receive(), r.receive(), r.overflowed()), (Some(0), Some(1), None, 3));
    }
}
