use super::amplitude::AmplitudeFit;
use super::median::BlockMedian;
use super::state::AsrState;
use crate::linalg::{SymmetricEigen, dot};

/// By how much windows overlap, as a part of them.
const OVERLAP: f64 = 0.66;

/// Frames of a component's course in one piece.
const COURSE: usize = 64;

/// Calibrates, in slices of bounded work and without allocating.
///
/// How the work is cut changes no bit of the result. A slice costs no more than [`Calibrator::slice_cost`] and its last
/// piece, of which the largest is the decomposition of one covariance: what a decision costs, too.
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
    stage: Stage,
}

/// What the next piece is of.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Idle,
    Median,
    Components,
    /// The course of a component from a frame on.
    Course(usize, usize),
    /// The amplitude of a component in a window.
    Amplitude(usize, usize),
    Sort(usize),
    Fit(usize),
}

/// How far a calibration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to do.
    Going,
    /// The state is complete.
    Done,
    /// Nothing can be told from the signal; the state means nothing.
    Failed,
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
            stage: Stage::Idle,
        }
    }

    /// How many windows the statistics are over.
    pub(super) fn windows(frames: usize, window: usize) -> usize {
        frames.saturating_sub(window).div_ceil(hop(window))
    }

    /// Begins to calibrate; what was being done is forgotten.
    pub(super) fn begin(&mut self) {
        self.median.begin();
        self.stage = Stage::Median;
    }

    /// Ends what is being done.
    pub(super) fn stop(&mut self) {
        self.stage = Stage::Idle;
    }

    /// Whether it has begun and is neither done nor failed.
    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    /// Does the next slice of calibrating on `[frames x channels]` of the shaped signal, as many frames as it was designed
    /// for and the same ones every time. `state` is incomplete until it is done.
    pub(super) fn advance(&mut self, shaped: &[f64], state: &mut AsrState) -> Progress {
        let mut spent = 0;
        while spent < self.slice_cost() {
            match self.piece(shaped, state) {
                Some(cost) => spent += cost,
                None if matches!(self.stage, Stage::Idle) => return Progress::Failed,
                None => {
                    self.stage = Stage::Idle;
                    return Progress::Done;
                }
            }
        }
        Progress::Going
    }

    /// As many slices as a calibration may take.
    pub(super) fn most_slices(&self) -> usize {
        let (n, frames, windows) = (self.channels as u64, self.course.len() as u64, self.amplitudes.len());
        let component = n * frames + windows as u64 * self.window_cost() + AmplitudeFit::most_cost(windows);
        let total = self.median.most_cost() + self.components_cost() + n * component;
        // Each slice but the last spends at least what it may.
        usize::try_from(total.div_ceil(self.slice_cost())).unwrap_or(usize::MAX)
    }

    /// What a slice may spend, about in multiplications: in proportion to the frames of a calibration, all of it then
    /// takes a tenth of the time they took, or less where the median is soon found. With few channels a little more, which
    /// costs microseconds.
    fn slice_cost(&self) -> u64 {
        (128 * self.channels * self.channels).max(1 << 16) as u64
    }

    /// Does one piece and returns its cost. `None` at the end, or when nothing can be told: it is idle then.
    fn piece(&mut self, shaped: &[f64], state: &mut AsrState) -> Option<u64> {
        let n = self.channels;
        match self.stage {
            Stage::Idle => None,
            Stage::Median => {
                let cost = self.median.advance(shaped);
                if cost.is_none() {
                    self.stage = Stage::Components;
                }
                Some(cost.unwrap_or(0))
            }
            Stage::Components => {
                self.stage = Stage::Idle;
                self.eigen.decompose(self.median.median()).ok()?;
                let floor = self.eigen.spd_floor();
                if floor == 0.0 {
                    return None;
                }
                // A direction without power has no part in the mixture.
                self.eigen.function(|x| if x > floor { x.sqrt() } else { 0.0 }, &mut state.mixing);
                state.components.copy_from_slice(self.eigen.vectors());
                self.stage = Stage::Course(0, 0);
                Some(self.components_cost())
            }
            Stage::Course(c, from) => {
                let component = &state.components.get(c * n..(c + 1) * n)?;
                let to = (from + COURSE).min(self.course.len());
                let frames = shaped[from * n..to * n].chunks_exact(n);
                for (y, frame) in self.course[from..to].iter_mut().zip(frames) {
                    let along = dot(frame, component);
                    *y = along * along;
                }
                let more = to < self.course.len();
                self.stage = if more { Stage::Course(c, to) } else { Stage::Amplitude(c, 0) };
                Some((n * (to - from)) as u64)
            }
            Stage::Amplitude(c, i) => {
                let part = &self.course[i * hop(self.window)..][..self.window];
                self.amplitudes[i] = (part.iter().sum::<f64>() / self.window as f64).sqrt();
                let more = i + 1 < self.amplitudes.len();
                self.stage = if more { Stage::Amplitude(c, i + 1) } else { Stage::Sort(c) };
                Some(self.window_cost())
            }
            Stage::Sort(c) => {
                self.stage = Stage::Fit(c);
                Some(self.fit.begin(&mut self.amplitudes))
            }
            Stage::Fit(c) => {
                let cost = self.fit.advance(&self.amplitudes);
                if cost.is_none() {
                    state.amplitudes[c] = self.fit.fitted(&self.amplitudes);
                    self.stage = Stage::Course(c + 1, 0);
                }
                Some(cost.unwrap_or(0))
            }
        }
    }

    /// A decomposition takes some nine multiplications for each number in a cube.
    fn components_cost(&self) -> u64 {
        9 * (self.channels as u64).pow(3)
    }

    /// Sums wait for each other: an addition counts as much as several multiplications.
    fn window_cost(&self) -> u64 {
        8 * self.window as u64
    }
}

fn hop(window: usize) -> usize {
    ((window as f64 * (1.0 - OVERLAP)).round_ties_even() as usize).max(1)
}
