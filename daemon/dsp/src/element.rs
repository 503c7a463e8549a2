//! What every element of a chain can do.

use crate::run::{AsrReport, Learned, RetuneError};
use std::any::Any;
use std::fmt;

/// What elements have in common. Only `design` (each type's own) may allocate; what follows may not, except where it
/// says so.
///
/// A block is `[frames x channels]`, frame-major. How a signal is cut into blocks changes no bit of any output.
pub trait Element: Any + fmt::Debug + Send {
    /// As designed: no frame has ever come.
    fn reset(&mut self);

    /// Forgets the signal, but keeps what was learned from it (a reference, a calibration, a threshold) and the beat of its
    /// outputs: they come when they would have come without it. What leaves an element's memory by itself may stay. For what
    /// learns nothing and yields a frame a frame, the same as [`Element::reset`].
    fn restart(&mut self) {
        self.reset();
    }

    /// Goes on as if `frames` frames of its input had come and gone unseen: the beat of its outputs moves on, what it
    /// remembers stays, and nothing is learned from what was under way. Before its first output there is no beat. Tells
    /// how many outputs came and went with them. Takes the same time however many they are.
    fn skip(&mut self, frames: u64) -> u64 {
        frames
    }

    /// Takes on the state it would have had `first` (one frame of input) always been there, so that a large constant
    /// offset does not ring. Called after a reset, before the first frame.
    fn prime(&mut self, _first: &[f64]) {}

    /// Frames of its input after which what came before matters by no more than `tolerance`, as defined for
    /// [`crate::design::Sos::settle_samples`]; exact for finite memories. May take time and allocate.
    fn settle_samples(&self, _tolerance: f64) -> usize {
        0
    }

    /// Frames of its input after `reset` until enough was learned for the output to mean anything, where all of them may be
    /// learned from. Not needed again after a fault, from which nothing is learned, nor after `restart`.
    fn warm_up_samples(&self) -> usize {
        0
    }

    /// Of how many more frames it has to learn at least until its output means anything; 0 from then on, until a `reset`.
    /// Never more than it takes: with as many, or more once fewer have been given, it is at 0.
    fn frames_to_learn(&self) -> usize {
        0
    }

    /// Frames of its input that one of its outputs is computed over, where that is a window that ends with its newest frame (a
    /// power, a covariance); 1 for what filters, the memory of which fades.
    fn window_samples(&self) -> usize {
        1
    }

    /// By how much its output lags at `at_hz`, in frames of its input.
    fn delay_samples(&self, _at_hz: f64) -> f64 {
        0.0
    }

    /// Its gain at `at_hz` in decibels; 0 for what is no filter.
    fn gain_db(&self, _at_hz: f64) -> f64 {
        0.0
    }

    /// Which input channels can change any of the outputs marked in `outputs`. May allocate. By default the element
    /// works on each channel alone and in order.
    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        outputs.to_vec()
    }

    /// What it has learned so far or was given, where that can be given to another; see [`Learned`].
    fn learned(&self) -> Option<Learned<'_>> {
        None
    }

    /// Does all that is left of learning from frames that are in. Takes time: not for the hot path.
    fn finish_learning(&mut self) {}

    /// What it removed from the signal, where removing artefacts is its work.
    fn removed(&self) -> Option<AsrReport> {
        None
    }

    /// Whether no NaN or infinity is held.
    fn is_finite_state(&self) -> bool {
        true
    }

    /// Whether [`Element::retune`] would take `ready`.
    ///
    /// # Errors
    /// [`RetuneError`] when it is of another kind or shape.
    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError>;

    /// Takes over the settings of `ready`, keeping its own state where that still means something.
    ///
    /// # Errors
    /// As [`Element::fits`]; nothing is then changed.
    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError>;

    /// For `fits` and `retune`, which need the other's type.
    fn as_any(&self) -> &dyn Any;
}

/// An element whose output has the rate and the channels of its input.
pub trait InPlace: Element {
    /// Processes a block in place, any number of frames. With `learn` false nothing may be learned from these frames
    /// (by what adapts to the signal): they cannot be trusted.
    fn process(&mut self, frames: &mut [f64], learn: bool);
}

/// An element whose output has another rate or other channels than its input.
pub trait Reframe: Element {
    /// The most frames that a block of `input` frames can yield.
    fn most_frames(&self, input: usize) -> usize;

    /// Processes a block, any number of frames; what it yields goes to `out`. `learn` as for [`InPlace::process`].
    fn process(&mut self, input: &[f64], learn: bool, out: &mut Emit<'_>);
}

/// Where a [`Reframe`] puts its frames.
#[derive(Debug)]
pub struct Emit<'a> {
    channels: usize,
    samples: &'a mut [f64],
    origins: &'a mut [u32],
    frames: usize,
    /// Where the part being processed begins in the block.
    base: usize,
}

impl<'a> Emit<'a> {
    /// Room for as many frames of `channels` channels as both slices hold.
    #[must_use]
    pub fn new(channels: usize, samples: &'a mut [f64], origins: &'a mut [u32]) -> Self {
        debug_assert_eq!(samples.len(), channels * origins.len(), "as many places as frames");
        Self { channels, samples, origins, frames: 0, base: 0 }
    }

    /// What is processed from here on is a part of the block that begins with its frame `base`.
    pub(crate) fn part(&mut self, base: usize) {
        self.base = base;
    }

    /// The next output frame, to be written in full. `origin` is the index, within the block being processed, of
    /// the newest input frame that went into it.
    ///
    /// # Panics
    /// When there is no room: an element that yields more than it said.
    pub fn frame(&mut self, origin: usize) -> &mut [f64] {
        let at = self.frames;
        self.frames += 1;
        self.origins[at] = (self.base + origin) as u32;
        &mut self.samples[at * self.channels..(at + 1) * self.channels]
    }

    /// The next `frames` output frames, `[frames x channels]`, to be written in full. The first comes from the input
    /// frame `origin` of the block being processed, the next from the one after it, and so on.
    ///
    /// # Panics
    /// As [`Emit::frame`].
    pub fn block(&mut self, origin: usize, frames: usize) -> &mut [f64] {
        self.several((origin..).take(frames))
    }

    /// As many output frames as there are `origins`, `[frames x channels]`, to be written in full.
    ///
    /// # Panics
    /// As [`Emit::frame`].
    pub fn several(&mut self, origins: impl Iterator<Item = usize>) -> &mut [f64] {
        let at = self.frames;
        for origin in origins {
            self.origins[self.frames] = (self.base + origin) as u32;
            self.frames += 1;
        }
        &mut self.samples[at * self.channels..self.frames * self.channels]
    }

    /// Frames so far.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }
}
