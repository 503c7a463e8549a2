use super::amplitude::AmplitudeFit;
use super::median::BlockMedian;
use super::state::AsrState;
use crate::linalg::{SymmetricEigen, dot};

/// By how much windows overlap, as a part of them.
const OVERLAP: f64 = 0.66;

/// Room to calibrate without allocating.
#[derive(Clone, Debug)]
pub(super) struct Calibrator {
    channels: usize,
    window: usize,
    median: BlockMedian,
    eigen: SymmetricEigen,
    /// One component's course, squared.
    course: Box<[f64]>,
    amplitudes: Box<[f64]>,
    fit: AmplitudeFit,
}

impl Calibrator {
    /// For `frames` frames and windows of `window`. Allocates.
    pub(super) fn design(channels: usize, frames: usize, window: usize) -> Self {
        let windows = Self::windows(frames, window);
        Self {
            channels,
            window,
            median: BlockMedian::design(channels, frames),
            eigen: SymmetricEigen::design(channels),
            course: vec![0.0; frames].into_boxed_slice(),
            amplitudes: vec![0.0; windows].into_boxed_slice(),
            fit: AmplitudeFit::design(windows),
        }
    }

    /// How many windows the statistics are over.
    pub(super) fn windows(frames: usize, window: usize) -> usize {
        frames.saturating_sub(window).div_ceil(hop(window))
    }

    /// Calibrates on `[frames x channels]` of the shaped signal; false when nothing can be told from it, and `state` is
    /// then as it was.
    pub(super) fn calibrate(&mut self, shaped: &[f64], state: &mut AsrState) -> bool {
        let n = self.channels;
        if self.eigen.decompose(self.median.of(shaped)).is_err() || self.eigen.spd_floor() == 0.0 {
            return false;
        }
        let floor = self.eigen.spd_floor();
        // A direction without power has no part in the mixture.
        self.eigen.function(|x| if x > floor { x.sqrt() } else { 0.0 }, &mut state.mixing);
        state.components.copy_from_slice(self.eigen.vectors());
        for (component, amplitude) in state.components.chunks_exact(n).zip(&mut state.amplitudes) {
            for (y, frame) in self.course.iter_mut().zip(shaped.chunks_exact(n)) {
                let along = dot(frame, component);
                *y = along * along;
            }
            for (i, amplitude) in self.amplitudes.iter_mut().enumerate() {
                let part = &self.course[i * hop(self.window)..][..self.window];
                *amplitude = (part.iter().sum::<f64>() / self.window as f64).sqrt();
            }
            *amplitude = self.fit.fit(&mut self.amplitudes);
        }
        true
    }
}

fn hop(window: usize) -> usize {
    ((window as f64 * (1.0 - OVERLAP)).round_ties_even() as usize).max(1)
}
