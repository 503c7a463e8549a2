use super::reference::Reference;
use super::spec::AlignSpec;
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::linalg::SymmetricEigen;
use crate::run::features::frames::{every, whole};
use crate::run::features::latest::Latest;
use crate::run::features::triangle;
use crate::run::{Learned, RetuneError, all_finite, same, same_channels};
use crate::signal::Signal;
use std::any::Any;

/// Recentres covariances on a reference: every hop the covariance of the last window, `M^(-1/2) C M^(-1/2)`, so that they have
/// the unit matrix for their mean on whatever day and in whatever person; the upper triangle as in
/// [`Covariances`](crate::run::Covariances).
///
/// Estimated and shrunk first and recentred then, as pyRiemann's `TangentSpace` behind its `Covariances` does with the mean that it is
/// given; of an aligned signal, which [`AlignFrames`](super::AlignFrames) yields, the covariance would be shrunk towards the reference, and
/// windows that have little to say, towards which any covariance estimated from few frames tends, the more.
///
/// A window counts towards the reference before it is recentred, where all of its frames may be learned from. What comes before
/// there is a reference is the covariance as it is.
#[derive(Debug)]
pub struct AlignCovariances {
    /// One a group of channels; they learn together.
    references: Box<[Reference]>,
    /// What they are, one after the other.
    means: Box<[f64]>,
    /// Channels of a group.
    width: usize,
    latest: Latest,
    /// `[width x width]`.
    matrix: Box<[f64]>,
    log: Option<SymmetricEigen>,
    /// Frames in a row, up to a window's, that may be learned from.
    trusted: usize,
    /// All frames that might be learned from.
    learnable: u64,
}

impl AlignCovariances {
    /// Windows of `window_ms`, one every `hop_ms`, both whole numbers of samples; their covariances or, with `log`, the
    /// logarithms of those. Allocates. Also gives what comes out.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn design(
        input: &Signal,
        (window_ms, hop_ms): (f64, f64),
        spec: &AlignSpec,
        log: bool,
    ) -> Result<(Self, Signal), Vec<DesignError>> {
        let channels = input.channels();
        let mut mistakes = Vec::new();
        let mut frames = |key, ms| whole(key, ms, input.rate).map_err(|e| mistakes.push(e)).ok();
        let (window, hop) = (frames("window_ms", window_ms), frames("hop_ms", hop_ms));
        // With frames enough, whatever else is wrong can be told.
        mistakes.extend(spec.mistakes(channels, window.unwrap_or(usize::MAX)));
        let (Some(window), Some(hop), true) = (window, hop, mistakes.is_empty()) else {
            return Err(mistakes);
        };
        let width = channels / spec.groups;
        if log && spec.shrinkage.is_none() && window <= width {
            // Such a matrix has no full rank, and the logarithm of what is not there is infinite.
            let must = format!(
                "must be \"ledoit_wolf\", \"oas\" or a share above 0 where a logarithm is asked for and a window has no \
                 more frames ({window}) than channels ({width})"
            );
            return Err(vec![DesignError::setting("shrinkage", spec.shrinkage, must)]);
        }
        let references = (0..spec.groups).map(|group| Reference::design(width, 1, spec, group));
        let mut element = Self {
            references: references.collect::<Result<_, _>>()?,
            means: vec![0.0; width * width * spec.groups].into_boxed_slice(),
            width,
            latest: Latest::design(channels, window, hop, spec.groups),
            matrix: vec![0.0; width * width].into_boxed_slice(),
            log: log.then(|| SymmetricEigen::design(width)),
            trusted: 0,
            learnable: 0,
        };
        element.tell();
        let labels = triangle::labels(&input.labels, width);
        Ok((element, Signal { rate: every(hop, input.rate), labels }))
    }

    /// Whether every group has a reference: one without power has none.
    fn is_there(&self) -> bool {
        self.references.iter().all(Reference::is_there)
    }

    /// Windows that every group has learned from.
    fn learned_windows(&self) -> u32 {
        self.references.iter().map(Reference::learned).min().unwrap_or(0)
    }

    /// The references may have changed.
    fn tell(&mut self) {
        let size = self.width * self.width;
        for (mean, reference) in self.means.chunks_exact_mut(size).zip(&self.references) {
            mean.copy_from_slice(reference.mean());
        }
    }

    /// What is known of the last window, group by group.
    fn compute(&mut self, out: &mut [f64]) {
        let learns = self.trusted == self.latest.window();
        let Self { references, latest, width, matrix, log, .. } = self;
        let parts = out.chunks_exact_mut(triangle::size(*width));
        for (group, (out, reference)) in parts.zip(references.iter_mut()).enumerate() {
            reference.estimate(latest.group(group, *width));
            if learns {
                reference.learn_estimated();
            }
            reference.recentred(matrix);
            triangle::write(matrix, log.as_mut(), out);
        }
        if learns {
            self.tell();
        }
    }

    fn is_like(&self, ready: &Self) -> Result<(), RetuneError> {
        same_channels(self.latest.channels(), ready.latest.channels())?;
        let shape = |of: &Self| (of.latest.window(), of.latest.hop(), of.width, of.log.is_some());
        if shape(self) == shape(ready) { Ok(()) } else { Err(RetuneError::Kind) }
    }
}

impl Element for AlignCovariances {
    fn reset(&mut self) {
        self.references.iter_mut().for_each(Reference::reset);
        self.tell();
        self.latest.reset();
        self.trusted = 0;
        self.learnable = 0;
    }

    /// Keeps the reference; frames leave with their window.
    fn restart(&mut self) {
        self.trusted = 0;
    }

    fn skip(&mut self, frames: u64) -> u64 {
        if frames > 0 {
            self.trusted = 0;
        }
        self.latest.skip(frames)
    }

    fn settle_samples(&self, _tolerance: f64) -> usize {
        self.latest.window()
    }

    fn window_samples(&self) -> usize {
        self.latest.window()
    }

    fn delay_samples(&self, _at_hz: f64) -> f64 {
        (self.latest.window() - 1) as f64 / 2.0
    }

    /// Until the first window is in; a given reference is there at once.
    fn warm_up_samples(&self) -> usize {
        if self.references[0].is_given() { 0 } else { self.latest.window() }
    }

    /// Until the first window is due all frames of which may be learned from.
    fn frames_to_learn(&self) -> usize {
        if self.is_there() {
            return 0;
        }
        let (due, hop) = (self.latest.until_due(), self.latest.hop());
        let missing = self.latest.window() - self.trusted;
        due + missing.saturating_sub(due).div_ceil(hop) * hop
    }

    fn learned(&self) -> Option<Learned<'_>> {
        Some(Learned::Align {
            reference: self.is_there().then_some(&*self.means),
            windows: self.learned_windows(),
            frames: self.learnable,
        })
    }

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let groups = outputs.chunks(triangle::size(self.width));
        groups.flat_map(|group| vec![group.contains(&true); self.width]).collect()
    }

    fn is_finite_state(&self) -> bool {
        all_finite(self.latest.frames()) && all_finite(&self.means)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.is_like(same::<Self>(ready)?)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        self.is_like(ready)?;
        for (own, new) in self.references.iter_mut().zip(&ready.references) {
            own.retune(new)?;
        }
        self.tell();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for AlignCovariances {
    fn most_frames(&self, input: usize) -> usize {
        input.div_ceil(self.latest.hop())
    }

    fn process(&mut self, input: &[f64], learn: bool, out: &mut Emit<'_>) {
        let (channels, window) = (self.latest.channels(), self.latest.window());
        for (n, frame) in input.chunks_exact(channels).enumerate() {
            self.trusted = if learn { (self.trusted + 1).min(window) } else { 0 };
            self.learnable += u64::from(learn);
            if self.latest.push(frame) {
                self.compute(out.frame(n));
            }
        }
    }
}
