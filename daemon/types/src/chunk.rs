use crate::{ClockOffset, HostNs};

/// A preallocated block of frames as a source delivers them.
///
/// `samples` is `[frames x channels]`, frame-major, in the stream's own units; `stamps` has one time a frame, in
/// seconds on the LSL clock of this host (the source's clock correction applied). One thread owns it.
#[derive(Debug)]
pub struct Chunk {
    channels: usize,
    frames: usize,
    samples: Box<[f64]>,
    stamps: Box<[f64]>,
    /// When the newest frame reached this process.
    pub acquired: HostNs,
    /// The clock correction that the stamps carry, where it was measured.
    pub clock_offset: Option<ClockOffset>,
    /// Frames that had come before and were left out of it.
    pub repeated: u64,
    /// How many markers that teach had come by then, where any do.
    pub taught: Option<u64>,
    /// It did not reach who decodes: there was no room.
    pub undecoded: bool,
}

impl Chunk {
    /// Room for `capacity` frames of `channels` channels.
    #[must_use]
    pub fn with_capacity(channels: usize, capacity: usize) -> Self {
        Self {
            channels,
            frames: 0,
            samples: vec![0.0; channels * capacity].into_boxed_slice(),
            stamps: vec![0.0; capacity].into_boxed_slice(),
            acquired: HostNs::default(),
            clock_offset: None,
            repeated: 0,
            taught: None,
            undecoded: false,
        }
    }

    /// Forgets the frames; keeps the room.
    pub fn clear(&mut self) {
        self.frames = 0;
        self.repeated = 0;
    }

    /// Appends a frame. Returns false, and changes nothing, when the chunk is full or `frame` has another number
    /// of channels.
    pub fn push(&mut self, stamp: f64, frame: &[f64]) -> bool {
        if self.is_full() || frame.len() != self.channels {
            return false;
        }
        let at = self.frames * self.channels;
        self.samples[at..at + self.channels].copy_from_slice(frame);
        self.stamps[self.frames] = stamp;
        self.frames += 1;
        true
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames held.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Frames it can hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.stamps.len()
    }

    /// No room for another frame.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.frames == self.stamps.len()
    }

    /// `[frames x channels]`, frame-major.
    #[must_use]
    pub fn samples(&self) -> &[f64] {
        &self.samples[..self.frames * self.channels]
    }

    /// One LSL time a frame, seconds.
    #[must_use]
    pub fn stamps(&self) -> &[f64] {
        &self.stamps[..self.frames]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_chunk_refuses_and_keeps_what_it_has() {
        let mut c = Chunk::with_capacity(2, 2);
        assert!(c.push(1.0, &[1.0, 2.0]));
        assert!(!c.push(2.0, &[1.0]));
        assert!(c.push(2.0, &[3.0, 4.0]));
        assert!(!c.push(3.0, &[5.0, 6.0]));
        assert_eq!(c.samples(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(c.stamps(), [1.0, 2.0]);
        c.clear();
        assert_eq!((c.frames(), c.capacity()), (0, 2));
    }
}
