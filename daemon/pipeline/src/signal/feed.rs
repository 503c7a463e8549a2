use bci_types::Validity;
use std::ops::Range;

/// Frames on their way into the filters, with what is known of each.
#[derive(Debug)]
pub(super) struct Feed {
    channels: usize,
    samples: Box<[f64]>,
    notes: Box<[Note]>,
    frames: usize,
}

/// What is known of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note {
    /// Its time as told, seconds on the LSL clock: as stamped, or smoothed.
    pub(super) stamp: f64,
    /// Its time as stamped.
    pub(super) raw: f64,
    /// Its position in the stream, lost frames included.
    pub(super) position: u64,
    /// What is wrong with it.
    pub(super) causes: Validity,
    /// It stands for one that is missing: nothing is decided on it.
    pub(super) stand_in: bool,
}

impl Feed {
    pub(super) fn new(channels: usize, room: usize) -> Self {
        Self {
            channels,
            samples: vec![0.0; channels * room].into_boxed_slice(),
            notes: vec![Note::default(); room].into_boxed_slice(),
            frames: 0,
        }
    }

    /// Room for frames that may be taken in as they are: see [`Feed::admit`].
    pub(super) fn room(&mut self) -> &mut [f64] {
        &mut self.samples[self.frames * self.channels..]
    }

    /// The next frame in the room, not yet taken in.
    pub(super) fn next(&self) -> &[f64] {
        &self.samples[self.frames * self.channels..(self.frames + 1) * self.channels]
    }

    /// Takes in the next frame in the room as it is.
    pub(super) fn admit(&mut self, note: Note) {
        self.notes[self.frames] = note;
        self.frames += 1;
    }

    /// The newest frame taken in.
    pub(super) fn newest(&self) -> Option<&[f64]> {
        let at = self.frames.checked_sub(1)? * self.channels;
        Some(&self.samples[at..at + self.channels])
    }

    pub(super) fn is_full(&self) -> bool {
        self.frames == self.notes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Puts a frame in, which must have room; returns its samples to be written.
    pub(super) fn push(&mut self, note: Note) -> &mut [f64] {
        let at = self.frames;
        self.frames += 1;
        self.notes[at] = note;
        &mut self.samples[at * self.channels..(at + 1) * self.channels]
    }

    /// Frames `span` of those held and what is known of them.
    pub(super) fn part(&mut self, span: Range<usize>) -> (&mut [f64], &[Note]) {
        let (from, to) = (span.start * self.channels, span.end * self.channels);
        (&mut self.samples[from..to], &self.notes[span])
    }

    /// What is known of the frames held.
    pub(super) fn notes(&self) -> &[Note] {
        &self.notes[..self.frames]
    }

    pub(super) fn clear(&mut self) {
        self.frames = 0;
    }
}
