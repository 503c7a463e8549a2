use super::on_stream::OnStream;
use super::reconstruct::Reconstructor;
use super::shaper::Shaper;
use super::spec::{AsrCalibration, AsrReport, AsrSpec, Sizes};
use super::state::AsrState;
use crate::design::DesignError;
use crate::element::{Element, InPlace};
use crate::linalg::{dot, multiply, scatter, symmetrise};
use crate::run::beat::pass_over;
use crate::run::{Learned, RetuneError, all_finite, same};
use crate::signal::Signal;
use std::any::Any;
use std::f64::consts::PI;

/// Artefact subspace reconstruction of a stream: components of the last window's covariance that are far larger than
/// they were in a clean recording are replaced by what the other components tell of them.
///
/// Wants a signal without offset, as after a high-pass from 0.5 Hz, in uV. With the same state the output is that of
/// asrpy's `asr_process` on the whole recording in one piece. A frame comes out later by the lookahead and by a step less
/// one frame: what is blended over a step begins when its end is known. The statistics are of a copy of the signal that
/// has passed a shaping filter; the output has not.
///
/// Calibrating on the stream begins when its frames are in and is spread over the frames that follow, a slice of bounded
/// work each and no allocation; until it is done, which takes up to about a tenth of the time that was learned from, the
/// signal is only delayed. Owned by one thread.
#[derive(Clone, Debug)]
pub struct Asr {
    channels: usize,
    spec: Settings,
    sizes: Sizes,
    shaper: Shaper,
    /// `[window x channels]`, a ring of shaped frames.
    recent: Box<[f64]>,
    recent_at: usize,
    /// `[delay x channels]`, a ring of frames that have not come out.
    delayed: Box<[f64]>,
    delayed_at: usize,
    /// Which frame of its step comes out next, from 1; a decision is made before the first.
    phase: usize,
    /// How much of the new matrix each frame of a step gets.
    blend: Box<[f64]>,
    /// Where there is no given state.
    on_stream: Option<OnStream>,
    /// A state given in the specification; empty otherwise.
    given: Option<AsrState>,
    state: AsrState,
    calibrated: bool,
    reconstructor: Reconstructor,
    covariance: Box<[f64]>,
    /// Transposed matrices of the last decision and of the one before; where no component was taken out they are not
    /// used.
    now: Matrix,
    before: Matrix,
    shaped: Box<[f64]>,
    scratch: [Box<[f64]>; 2],
    report: AsrReport,
    power_in: f64,
    power_removed: f64,
}

/// What retuning may change.
#[derive(Clone, Copy, Debug)]
struct Settings {
    cutoff: f64,
    max_dims: f64,
}

#[derive(Clone, Debug)]
struct Matrix {
    removed: usize,
    transposed: Box<[f64]>,
}

impl Asr {
    /// For frames of `input`. Allocates, with a calibration on the stream also for all frames of it.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn design(spec: &AsrSpec, input: &Signal) -> Result<Self, Vec<DesignError>> {
        let sizes = spec.sizes(input)?;
        let n = input.channels();
        let zeros = |len: usize| vec![0.0; len].into_boxed_slice();
        let given = match &spec.calibration {
            AsrCalibration::Stream { .. } => None,
            AsrCalibration::Given(state) => Some(state.clone()),
        };
        let matrix = || Matrix { removed: 0, transposed: zeros(n * n) };
        let step = sizes.step;
        let mut own = Self {
            channels: n,
            spec: Settings { cutoff: spec.cutoff, max_dims: spec.max_dims },
            sizes,
            shaper: Shaper::design(sizes.shaping, n),
            recent: zeros(sizes.window * n),
            recent_at: 0,
            delayed: zeros((sizes.lookahead + step - 1) * n),
            delayed_at: 0,
            phase: 0,
            blend: (1..=step).map(|k| (1.0 - (PI * k as f64 / step as f64).cos()) / 2.0).collect(),
            on_stream: given.is_none().then(|| OnStream::design(n, sizes.calibration, sizes.window)),
            given,
            state: AsrState::empty(n, input.rate),
            calibrated: false,
            reconstructor: Reconstructor::design(n),
            covariance: zeros(n * n),
            now: matrix(),
            before: matrix(),
            shaped: zeros(step * n),
            scratch: [zeros(step * n), zeros(step * n)],
            report: AsrReport::default(),
            power_in: 0.0,
            power_removed: 0.0,
        };
        own.reset();
        Ok(own)
    }

    /// Whether there is a calibration; without one the signal is only delayed.
    #[must_use]
    pub fn is_calibrated(&self) -> bool {
        self.calibrated
    }

    /// The calibration, once there is one: to be kept and given to another.
    #[must_use]
    pub fn state(&self) -> Option<&AsrState> {
        self.calibrated.then_some(&self.state)
    }

    /// What it has done since the last reset.
    #[must_use]
    pub fn report(&self) -> AsrReport {
        let share = if self.power_in > 0.0 { self.power_removed / self.power_in } else { 0.0 };
        AsrReport { share_of_power_removed: share, ..self.report }
    }

    /// Shapes frames of one step and remembers them, for the window and for a calibration.
    fn take_in(&mut self, frames: &[f64], learn: bool) {
        let n = self.channels;
        let shaped = &mut self.shaped[..frames.len()];
        shaped.copy_from_slice(frames);
        self.shaper.process(shaped);
        for (shaped, frame) in self.shaped[..frames.len()].chunks_exact(n).zip(frames.chunks_exact(n)) {
            self.recent[self.recent_at * n..(self.recent_at + 1) * n].copy_from_slice(shaped);
            self.recent_at = (self.recent_at + 1) % self.sizes.window;
            if !self.calibrated
                && let Some(on_stream) = &mut self.on_stream
                && on_stream.meet(frame, shaped, learn, &mut self.state)
            {
                self.calibrated = true;
                self.reconstructor.configure(&self.state, self.spec.cutoff, self.spec.max_dims);
            }
        }
    }

    fn decide(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.removed = 0;
        if !self.calibrated {
            return;
        }
        self.covariance.fill(0.0);
        scatter(&self.recent, self.channels, 1.0 / self.sizes.window as f64, &mut self.covariance);
        symmetrise(self.channels, &mut self.covariance);
        self.now.removed = self.reconstructor.reconstruct(&self.covariance, &mut self.now.transposed);
        self.report.windows += 1;
        self.report.reconstructed_windows += u64::from(self.now.removed > 0);
        self.report.components_removed += self.now.removed as u64;
    }

    /// Each frame changes places with the one that comes out in its stead.
    fn delay(&mut self, frames: &mut [f64]) {
        if self.delayed.is_empty() {
            return;
        }
        for frame in frames.chunks_exact_mut(self.channels) {
            let at = self.delayed_at;
            frame.swap_with_slice(&mut self.delayed[at..at + self.channels]);
            self.delayed_at = (at + self.channels) % self.delayed.len();
        }
    }

    /// Frames of one step, from its `phase` on, as they come out.
    fn clean(&mut self, frames: &mut [f64]) {
        let n = self.channels;
        // Decisions begin steps: what is counted does not depend on how the signal is cut.
        if self.report.windows > 0 {
            self.power_in = frames.chunks_exact(n).fold(self.power_in, |sum, frame| sum + dot(frame, frame));
        }
        if self.now.removed == 0 && self.before.removed == 0 {
            return;
        }
        let [now, before] = &mut self.scratch;
        let (now, before) = (&mut now[..frames.len()], &mut before[..frames.len()]);
        for (matrix, out) in [(&self.now, &mut *now), (&self.before, &mut *before)] {
            if matrix.removed > 0 {
                multiply(frames, &matrix.transposed, n, n, out);
            } else {
                out.copy_from_slice(frames);
            }
        }
        let blend = &self.blend[self.phase - 1..];
        let mixed = now.chunks_exact(n).zip(before.chunks_exact(n)).zip(blend);
        for (frame, ((now, before), &new)) in frames.chunks_exact_mut(n).zip(mixed) {
            let mut removed = 0.0;
            for ((x, now), before) in frame.iter_mut().zip(now).zip(before) {
                let y = new * now + (1.0 - new) * before;
                removed += (*x - y) * (*x - y);
                *x = y;
            }
            self.power_removed += removed;
        }
    }
}

impl InPlace for Asr {
    fn process(&mut self, frames: &mut [f64], learn: bool) {
        let n = self.channels;
        debug_assert_eq!(frames.len() % n, 0, "whole frames");
        let whole = frames.len() / n * n;
        let mut rest = &mut frames[..whole];
        while !rest.is_empty() {
            let taken = (rest.len() / n).min(self.sizes.step + 1 - self.phase);
            let (part, after) = rest.split_at_mut(taken * n);
            if self.phase == 1 {
                // The decision is on the window that ends with this very frame.
                self.take_in(&part[..n], learn);
                self.decide();
                self.take_in(&part[n..], learn);
            } else {
                self.take_in(part, learn);
            }
            self.delay(part);
            self.clean(part);
            self.phase += taken;
            if self.phase > self.sizes.step {
                self.phase = 1;
            }
            rest = after;
        }
    }
}

impl Element for Asr {
    fn reset(&mut self) {
        self.shaper.reset();
        self.recent.fill(0.0);
        self.recent_at = 0;
        self.delayed.fill(0.0);
        self.delayed_at = 0;
        // The first decision is made when a step is in.
        self.phase = if self.sizes.step == 1 { 1 } else { 2 };
        if let Some(on_stream) = &mut self.on_stream {
            on_stream.reset();
        }
        self.now.removed = 0;
        self.before.removed = 0;
        self.report = AsrReport::default();
        self.power_in = 0.0;
        self.power_removed = 0.0;
        self.calibrated = self.given.is_some();
        if let Some(given) = &self.given {
            self.state.copy_from(given);
            self.reconstructor.configure(given, self.spec.cutoff, self.spec.max_dims);
        }
    }

    /// Keeps the calibration, what has been collected for it, and what has been done of it.
    fn restart(&mut self) {
        self.shaper.reset();
        self.recent.fill(0.0);
        self.recent_at = 0;
        self.delayed.fill(0.0);
        self.delayed_at = 0;
        self.now.removed = 0;
        self.before.removed = 0;
    }

    /// The frames it is calibrated on, as many as the calibration may take, and until its first decision is in force.
    fn warm_up_samples(&self) -> usize {
        self.on_stream.as_ref().map_or(0, |on_stream| on_stream.most_frames() + 2 * self.sizes.step)
    }

    fn learned(&self) -> Option<Learned<'_>> {
        let collected = self.on_stream.as_ref().map_or(0, OnStream::frames);
        let frames = if self.calibrated { self.sizes.calibration } else { collected };
        Some(Learned::Asr { state: self.state(), frames: frames as u64 })
    }

    fn finish_learning(&mut self) {
        if !self.calibrated
            && let Some(on_stream) = &mut self.on_stream
            && on_stream.finish(&mut self.state)
        {
            self.calibrated = true;
            self.reconstructor.configure(&self.state, self.spec.cutoff, self.spec.max_dims);
        }
    }

    fn skip(&mut self, frames: u64) -> u64 {
        let mut until_due = self.sizes.step + 1 - self.phase;
        pass_over(&mut until_due, self.sizes.step, frames);
        self.phase = self.sizes.step + 1 - until_due;
        frames
    }

    fn frames_to_learn(&self) -> usize {
        let Some(on_stream) = &self.on_stream else { return 0 };
        if !self.calibrated {
            return on_stream.frames_to_learn();
        }
        // Until a decision has taken the place of none, over a step.
        let step = self.sizes.step;
        let to_decision = if self.phase == 1 { 1 } else { step + 2 - self.phase };
        match self.report.windows {
            0 => to_decision + step,
            1 => to_decision,
            _ => 0,
        }
    }

    fn removed(&self) -> Option<AsrReport> {
        Some(self.report())
    }

    fn prime(&mut self, first: &[f64]) {
        self.shaper.prime(first);
        self.delayed.chunks_exact_mut(self.channels).for_each(|frame| frame.copy_from_slice(first));
    }

    /// The window and the delay.
    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.sizes.window + self.delayed.len() / self.channels
    }

    fn delay_samples(&self, _at_hz: f64) -> f64 {
        (self.delayed.len() / self.channels) as f64
    }

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        vec![outputs.contains(&true); outputs.len()]
    }

    fn is_finite_state(&self) -> bool {
        self.shaper.is_finite_state() && all_finite(&self.delayed)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        if ready.channels != self.channels {
            return Err(RetuneError::Channels { have: self.channels, got: ready.channels });
        }
        let alike = ready.sizes == self.sizes && ready.given.is_some() == self.given.is_some();
        if alike { Ok(()) } else { Err(RetuneError::Kind) }
    }

    /// Takes over cutoff, most components and, where one is given, the state; a calibration on the stream stays.
    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        let ready = same::<Self>(ready)?;
        self.spec = ready.spec;
        if let (Some(own), Some(new)) = (&mut self.given, &ready.given) {
            own.copy_from(new);
            self.state.copy_from(new);
        }
        if self.calibrated {
            self.reconstructor.configure(&self.state, self.spec.cutoff, self.spec.max_dims);
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
