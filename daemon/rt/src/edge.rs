//! The way from one thread to another: a lock-free single-producer single-consumer ring of frames.
//!
//! One edge a reader, so that no reader can delay another. When a reader is so slow that its ring is full, the chunk
//! is dropped and counted, and the next chunk says how many frames are missing before it: a reader always knows.

use bci_types::{Chunk, ClockOffset, HostNs, Rate};
use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};
use ringbuf::{HeapCons, HeapProd, HeapRb};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is known of a chunk besides its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Header {
    /// Frames in the chunk.
    pub frames: usize,
    /// When the chunk's newest frame reached this process.
    pub acquired: HostNs,
    /// Frames dropped right before this chunk because the ring was full.
    pub dropped_before: u64,
    /// The source was attached anew right before this chunk: nothing connects it to what came earlier.
    pub discontinuity: bool,
    /// The clock correction that the stamps carry, where it was measured.
    pub clock_offset: Option<ClockOffset>,
    /// How many markers that teach had come before it: what comes while it waits must not change what is made of it.
    pub taught: Option<u64>,
    /// The reader that decodes did not get it: its ring was full.
    pub undecoded: bool,
}

/// Counters of an edge, readable from any thread.
#[derive(Debug, Default)]
pub struct EdgeStats {
    frames_in: AtomicU64,
    frames_dropped: AtomicU64,
}

impl EdgeStats {
    /// Frames accepted.
    #[must_use]
    pub fn frames_in(&self) -> u64 {
        self.frames_in.load(Ordering::Relaxed)
    }

    /// Frames dropped because the ring was full.
    #[must_use]
    pub fn frames_dropped(&self) -> u64 {
        self.frames_dropped.load(Ordering::Relaxed)
    }
}

/// How much a ring holds, in seconds of the stream: as much as an LSL inlet, so that what a stalled source delivers at
/// once finds room.
const RING_SECONDS: f64 = 10.0;
/// What a ring may take of memory, in numbers (256 MiB), where that is still a second of the stream.
const RING_NUMBERS: f64 = 32.0 * 1024.0 * 1024.0;

/// How many frames of a stream of `channels` channels, which comes in chunks of up to `chunk` frames, a ring should hold.
#[must_use]
pub fn capacity(channels: usize, rate: Rate, chunk: usize) -> usize {
    let frames = match rate {
        Rate::Regular(hz) => {
            let affordable = (RING_NUMBERS / channels as f64).max(hz.get());
            (hz.get() * RING_SECONDS).min(affordable) as usize
        }
        Rate::Irregular => 0,
    };
    frames.max(4 * chunk)
}

/// Makes an edge that holds up to `capacity_frames` frames of `channels` channels.
#[must_use]
pub fn edge(channels: usize, capacity_frames: usize) -> (Writer, Reader) {
    let (samples_in, samples_out) = HeapRb::new(channels * capacity_frames).split();
    let (stamps_in, stamps_out) = HeapRb::new(capacity_frames).split();
    let (headers_in, headers_out) = HeapRb::new(capacity_frames).split();
    let stats = Arc::new(EdgeStats::default());
    (
        Writer {
            samples: samples_in,
            stamps: stamps_in,
            headers: headers_in,
            dropped: 0,
            discontinuity: false,
            stats: Arc::clone(&stats),
        },
        Reader { samples: samples_out, stamps: stamps_out, headers: headers_out, channels, stats },
    )
}

/// The producer's end; owned by the acquisition thread.
pub struct Writer {
    samples: HeapProd<f64>,
    stamps: HeapProd<f64>,
    headers: HeapProd<Header>,
    dropped: u64,
    discontinuity: bool,
    stats: Arc<EdgeStats>,
}

impl Writer {
    /// Puts a chunk into the ring, whole or not at all. Returns whether it fitted.
    pub fn push(&mut self, chunk: &Chunk) -> bool {
        let fits = self.samples.vacant_len() >= chunk.samples().len()
            && self.stamps.vacant_len() >= chunk.frames()
            && self.headers.vacant_len() > 0;
        if !fits {
            self.dropped += chunk.frames() as u64;
            self.stats.frames_dropped.fetch_add(chunk.frames() as u64, Ordering::Relaxed);
            return false;
        }
        self.samples.push_slice(chunk.samples());
        self.stamps.push_slice(chunk.stamps());
        let header = Header {
            frames: chunk.frames(),
            acquired: chunk.acquired,
            dropped_before: self.dropped,
            discontinuity: self.discontinuity,
            clock_offset: chunk.clock_offset,
            taught: chunk.taught,
            undecoded: chunk.undecoded,
        };
        // The header goes last: a reader that sees it sees the frames too.
        let pushed = self.headers.try_push(header).is_ok();
        debug_assert!(pushed, "room was checked and there is one producer");
        self.dropped = 0;
        self.discontinuity = false;
        self.stats.frames_in.fetch_add(chunk.frames() as u64, Ordering::Relaxed);
        true
    }

    /// The next chunk will say that nothing connects it to the earlier ones.
    pub fn mark_discontinuity(&mut self) {
        self.discontinuity = true;
    }

    /// Frames dropped since the last chunk that fitted: no chunk has told the reader of them yet.
    #[must_use]
    pub fn unannounced(&self) -> u64 {
        self.dropped
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Arc<EdgeStats> {
        Arc::clone(&self.stats)
    }
}

/// The consumer's end; owned by the thread that works on the frames.
pub struct Reader {
    samples: HeapCons<f64>,
    stamps: HeapCons<f64>,
    headers: HeapCons<Header>,
    channels: usize,
    stats: Arc<EdgeStats>,
}

impl Reader {
    /// Takes the oldest chunk: its frames into `samples` (`[frames x channels]`, frame-major) and `stamps` (seconds
    /// on the LSL clock), both large enough for the writer's largest chunk. `None` when the ring is empty.
    ///
    /// # Panics
    /// When the buffers are too small for the chunk.
    pub fn pop(&mut self, samples: &mut [f64], stamps: &mut [f64]) -> Option<Header> {
        let header = self.headers.try_pop()?;
        self.samples.pop_slice(&mut samples[..header.frames * self.channels]);
        self.stamps.pop_slice(&mut stamps[..header.frames]);
        Some(header)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Arc<EdgeStats> {
        Arc::clone(&self.stats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn chunk(first: u64, frames: usize) -> Chunk {
        let mut c = Chunk::with_capacity(2, frames.max(1));
        for i in 0..frames as u64 {
            let n = (first + i) as f64;
            assert!(c.push(n, &[n, -n]));
        }
        c.acquired = HostNs(first as i64);
        c
    }

    proptest! {
        /// Against the obvious model: whatever the order of pushes and pops, frames come out once, in order, and
        /// every dropped frame is announced by the next chunk that fits.
        #[test]
        fn nothing_is_lost_unannounced(ops in prop::collection::vec((any::<bool>(), 1usize..7), 1..200)) {
            let (mut w, mut r) = edge(2, 16);
            let mut model: VecDeque<(u64, usize, u64)> = VecDeque::new();
            let (mut next, mut held, mut owed, mut dropped) = (0u64, 0usize, 0u64, 0u64);
            let (mut samples, mut stamps) = ([0.0; 32], [0.0; 16]);
            for (push, n) in ops {
                if push {
                    let fits = held + n <= 16;
                    prop_assert_eq!(w.push(&chunk(next, n)), fits);
                    if fits {
                        model.push_back((next, n, owed));
                        held += n;
                        owed = 0;
                    } else {
                        owed += n as u64;
                        dropped += n as u64;
                    }
                    next += n as u64;
                } else {
                    let got = r.pop(&mut samples, &mut stamps);
                    prop_assert_eq!(got.is_some(), !model.is_empty());
                    if let (Some(h), Some((first, n, missing))) = (got, model.pop_front()) {
                        prop_assert_eq!((h.frames, h.dropped_before), (n, missing));
                        for (i, &stamp) in stamps[..n].iter().enumerate() {
                            let want = first as f64 + i as f64;
                            prop_assert_eq!(stamp, want);
                            prop_assert_eq!(&samples[2 * i..2 * i + 2], &[want, -want]);
                        }
                        held -= n;
                    }
                }
            }
            prop_assert_eq!(w.unannounced(), owed);
            prop_assert_eq!(w.stats().frames_dropped(), dropped);
            prop_assert_eq!(w.stats().frames_in() + dropped, next);
        }
    }

    #[test]
    fn two_threads_see_every_frame_in_order() {
        let (mut w, mut r) = edge(2, 64);
        let total = 200_000u64;
        let producer = std::thread::spawn(move || {
            let mut next = 0;
            while next < total {
                let n = (1 + next % 7).min(total - next);
                while !w.push(&chunk(next, n as usize)) {
                    std::thread::yield_now();
                }
                next += n;
            }
        });
        let (mut samples, mut stamps) = ([0.0; 128], [0.0; 64]);
        let mut expected = 0u64;
        while expected < total {
            let Some(h) = r.pop(&mut samples, &mut stamps) else {
                std::thread::yield_now();
                continue;
            };
            for i in 0..h.frames {
                assert_eq!(samples[2 * i], expected as f64);
                assert_eq!(stamps[i], expected as f64);
                expected += 1;
            }
        }
        producer.join().expect("producer");
        assert!(r.is_empty());
    }

    #[test]
    fn a_discontinuity_is_told_once() {
        let (mut w, mut r) = edge(2, 8);
        let (mut samples, mut stamps) = ([0.0; 16], [0.0; 8]);
        w.mark_discontinuity();
        assert!(w.push(&chunk(0, 1)) && w.push(&chunk(1, 1)));
        assert!(r.pop(&mut samples, &mut stamps).is_some_and(|h| h.discontinuity));
        assert!(r.pop(&mut samples, &mut stamps).is_some_and(|h| !h.discontinuity));
    }
}
