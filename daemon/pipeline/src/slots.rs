//! The way of windows from the signal thread to the decoding thread: preallocated, lock-free, the oldest given up first.

use bci_types::{HostNs, Ledger, Seq, Validity};
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A window on its way.
#[derive(Debug)]
pub struct Slot {
    /// `[channels x samples]`, channel-major, oldest first, in the decoder's unit.
    pub window: Box<[f32]>,
    /// Its number.
    pub seq: Seq,
    /// Whether it may be trusted.
    pub validity: Validity,
    /// Changes with every hole in the stream, whether or not this window is touched: evidence does not outlive it.
    pub epoch: u64,
    /// Changes with every attachment of the source.
    pub attachment: u32,
    /// Its first frame's time.
    pub oldest_sample: HostNs,
    /// Its last frame's time.
    pub newest_sample: HostNs,
    /// Its last frame's position in the stream.
    pub newest_frame: u64,
    /// It lies within a trial, as markers tell, and can be trusted: what adapts to the day may learn from it.
    pub teaches: bool,
    /// Another one than before says that filters, and what adapts, began from nothing.
    pub generation: u64,
    /// Stamps so far.
    pub ledger: Ledger,
}

/// A fixed number of slots that go round between two threads.
#[derive(Clone, Debug)]
pub struct WindowQueue {
    length: usize,
    ready: Arc<ArrayQueue<Box<Slot>>>,
    free: Arc<ArrayQueue<Box<Slot>>>,
    /// The one that was given back last: its memory is in a cache, that of the others hardly.
    recent: Arc<ArrayQueue<Box<Slot>>>,
    given_up: Arc<AtomicU64>,
}

impl WindowQueue {
    /// `waiting` windows of `length` numbers may wait; one more is being filled and one more decoded.
    #[must_use]
    pub fn new(length: usize, waiting: usize) -> Self {
        let slots = waiting.max(1) + 2;
        let free = ArrayQueue::new(slots);
        for _ in 0..slots {
            let slot = Slot {
                window: vec![0.0; length].into_boxed_slice(),
                seq: 0,
                validity: Validity::VALID,
                epoch: 0,
                attachment: 0,
                oldest_sample: HostNs::default(),
                newest_sample: HostNs::default(),
                newest_frame: 0,
                teaches: false,
                generation: 0,
                ledger: Ledger::default(),
            };
            // As many places as slots: this cannot fail.
            let _ = free.push(Box::new(slot));
        }
        let ready = Arc::new(ArrayQueue::new(slots));
        let recent = Arc::new(ArrayQueue::new(1));
        Self { length, ready, free: Arc::new(free), recent, given_up: Arc::default() }
    }

    /// Numbers in a window.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// A slot to fill: a free one, else the oldest waiting one, whose window is then skipped (the second value).
    /// `None` only when every slot is in other hands.
    pub(crate) fn take(&self) -> Option<(Box<Slot>, bool)> {
        let free = || self.recent.pop().or_else(|| self.free.pop()).map(|slot| (slot, false));
        // Between the first two looks the decoder may take and give back everything that waited.
        free().or_else(|| self.ready.pop().map(|slot| (slot, true))).or_else(free)
    }

    /// Windows that were given up before they were decoded and are not yet accounted for.
    #[must_use]
    pub fn given_up(&self) -> &Arc<AtomicU64> {
        &self.given_up
    }

    /// Hands a filled slot over. There are as many places as slots, so it always fits.
    pub(crate) fn submit(&self, slot: Box<Slot>) {
        let fitted = self.ready.push(slot).is_ok();
        debug_assert!(fitted, "as many places as slots");
    }

    /// The oldest waiting window.
    #[must_use]
    pub fn receive(&self) -> Option<Box<Slot>> {
        self.ready.pop()
    }

    /// Whether another window waits.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Gives a slot back.
    pub fn recycle(&self, slot: Box<Slot>) {
        let Some(displaced) = self.recent.force_push(slot) else { return };
        let fitted = self.free.push(displaced).is_ok();
        debug_assert!(fitted, "as many places as slots");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_waiting_window_is_given_up_first() {
        let q = WindowQueue::new(1, 2);
        let held = q.take().expect("a slot").0;
        let mut skipped = 0;
        for seq in 0..10 {
            let (mut slot, replaced) = q.take().expect("never out of slots with one held");
            skipped += u64::from(replaced);
            slot.seq = seq;
            q.submit(slot);
        }
        let mut got = Vec::new();
        while let Some(slot) = q.receive() {
            got.push(slot.seq);
            q.recycle(slot);
        }
        q.recycle(held);
        assert_eq!(got, [7, 8, 9]);
        assert_eq!(skipped + got.len() as u64, 10);
    }

    /// However the decoder's thread comes in between, there is a slot for the newest window, none is lost, none comes
    /// twice, and none overtakes another.
    #[test]
    fn there_is_always_a_slot_for_the_newest_window() {
        const WINDOWS: u64 = 300_000;
        let q = WindowQueue::new(1, 1);
        let reader = q.clone();
        let decoder = std::thread::spawn(move || {
            let (mut received, mut last) = (0u64, None);
            while last != Some(WINDOWS - 1) {
                let Some(slot) = reader.receive() else {
                    std::hint::spin_loop();
                    continue;
                };
                assert!(last.is_none_or(|l| l < slot.seq), "{} after {last:?}", slot.seq);
                last = Some(slot.seq);
                received += 1;
                reader.recycle(slot);
            }
            received
        });
        let mut skipped = 0;
        for seq in 0..WINDOWS {
            let (mut slot, replaced) = q.take().expect("a slot");
            skipped += u64::from(replaced);
            slot.seq = seq;
            q.submit(slot);
        }
        assert_eq!(decoder.join().expect("no window overtakes another") + skipped, WINDOWS);
    }
}
