use super::reference::Reference;
use super::spec::AlignSpec;
use crate::design::DesignError;
use crate::element::{Element, InPlace};
use crate::run::beat::pass_over;
use crate::run::{Learned, RetuneError, all_finite, same, same_channels};
use std::any::Any;

/// Aligns a stream frame by frame: covariances are recentred on a reference, so that they have the unit matrix for their
/// mean on whatever day and in whatever person.
///
/// As soon as there is a window that may be learned from, and every hop from then on, the covariance of the last window
/// counts towards the reference, and the frames after it are multiplied by
/// the reference's inverse root. Only a window all of whose frames may be learned from counts. Frames before the first
/// such window pass as they are. One frame that is not finite spoils that frame alone. An offset is scaled with the rest,
/// anew at each hop: remove it beforehand, as by a band-pass.
#[derive(Clone, Debug)]
pub struct AlignFrames {
    /// One a group of channels; they learn together.
    references: Box<[Reference]>,
    /// What they are, one after the other.
    means: Box<[f64]>,
    channels: usize,
    /// Frames of a window.
    frames: usize,
    /// `[frames x channels]`: the last window's frames, a ring.
    ring: Box<[f64]>,
    /// `[frames x channels of a group]`: a group's part of a window, where there are several.
    own: Box<[f64]>,
    /// The ring's next place.
    next: usize,
    hop: usize,
    /// Frames until a window is due; never 0.
    until_due: usize,
    /// Frames in a row, up to a window's, that may be learned from.
    trusted: usize,
    /// All frames that might be learned from.
    learnable: u64,
}

impl AlignFrames {
    /// Windows of `frames` frames, one every `hop` frames. Allocates.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn design(
        channels: usize,
        frames: usize,
        hop: usize,
        spec: &AlignSpec,
    ) -> Result<Self, Vec<DesignError>> {
        let mut mistakes = spec.mistakes(channels, frames);
        if hop == 0 {
            mistakes.push(DesignError::NoHop);
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let of_group = channels / spec.groups;
        let references = (0..spec.groups).map(|group| Reference::design(of_group, frames, spec, group));
        let references: Box<[Reference]> = references.collect::<Result<_, _>>()?;
        let zeros = |n: usize| vec![0.0; n].into_boxed_slice();
        let mut own = Self {
            means: zeros(of_group * of_group * spec.groups),
            references,
            channels,
            frames,
            ring: zeros(frames * channels),
            own: zeros(if spec.groups > 1 { frames * of_group } else { 0 }),
            next: 0,
            hop,
            until_due: frames,
            trusted: 0,
            learnable: 0,
        };
        own.tell();
        Ok(own)
    }

    /// The reference, `[channels x channels]` of each group, one after the other; the unit matrix until there is one.
    #[must_use]
    pub fn reference(&self) -> &[f64] {
        &self.means
    }

    /// Windows learned from since the last reset.
    #[must_use]
    pub fn windows_learned(&self) -> u32 {
        self.learned_windows()
    }

    /// Whether every group has a reference: one without power has none.
    fn is_there(&self) -> bool {
        self.references.iter().all(Reference::is_there)
    }

    /// Windows that every group has learned from.
    fn learned_windows(&self) -> u32 {
        self.references.iter().map(Reference::learned).min().unwrap_or(0)
    }

    /// Multiplies the frames by the inverse roots of the references.
    fn apply(&mut self, frames: &mut [f64]) {
        let Self { references, channels, own, .. } = self;
        if let [only] = &mut **references {
            only.apply(frames);
            return;
        }
        let width = *channels / references.len();
        for part in frames.chunks_mut(own.len() / width * *channels) {
            for (g, reference) in references.iter_mut().enumerate() {
                let own = &mut own[..part.len() / *channels * width];
                for (own, frame) in own.chunks_exact_mut(width).zip(part.chunks_exact(*channels)) {
                    own.copy_from_slice(&frame[g * width..(g + 1) * width]);
                }
                reference.apply(own);
                for (own, frame) in own.chunks_exact(width).zip(part.chunks_exact_mut(*channels)) {
                    frame[g * width..(g + 1) * width].copy_from_slice(own);
                }
            }
        }
    }

    /// The references have changed.
    fn tell(&mut self) {
        let size = self.means.len() / self.references.len();
        for (mean, reference) in self.means.chunks_exact_mut(size.max(1)).zip(&self.references) {
            mean.copy_from_slice(reference.mean());
        }
    }

    /// The window in the ring counts towards the references.
    fn learn(&mut self) {
        self.learn_apart();
        self.tell();
    }

    fn learn_apart(&mut self) {
        let Self { references, channels, own, ring, .. } = self;
        if let [only] = &mut **references {
            only.learn(ring);
            return;
        }
        let width = *channels / references.len();
        for (g, reference) in references.iter_mut().enumerate() {
            for (own, frame) in own.chunks_exact_mut(width).zip(ring.chunks_exact(*channels)) {
                own.copy_from_slice(&frame[g * width..(g + 1) * width]);
            }
            reference.learn(own);
        }
    }

    /// The window so far teaches nothing. The first that does is due as soon as it may be.
    fn distrust(&mut self) {
        self.trusted = 0;
        if !self.is_there() {
            self.until_due = self.frames;
        }
    }

    fn remember(&mut self, frames: &[f64]) {
        // With a hop longer than the window, the frames that would be overwritten at once are passed over.
        let skipped = frames.len().saturating_sub(self.ring.len());
        self.next = (self.next + skipped) % self.ring.len();
        let frames = &frames[skipped..];
        let before_wrap = frames.len().min(self.ring.len() - self.next);
        let (first, second) = frames.split_at(before_wrap);
        self.ring[self.next..self.next + first.len()].copy_from_slice(first);
        self.ring[..second.len()].copy_from_slice(second);
        self.next = (self.next + frames.len()) % self.ring.len();
    }
}

impl InPlace for AlignFrames {
    fn process(&mut self, frames: &mut [f64], learn: bool) {
        let channels = self.channels;
        debug_assert_eq!(frames.len() % channels, 0, "whole frames");
        let whole = frames.len() / channels * channels;
        let mut rest = &mut frames[..whole];
        while !rest.is_empty() {
            let taken = (rest.len() / channels).min(self.until_due);
            let (part, after) = rest.split_at_mut(taken * channels);
            self.remember(part);
            self.apply(part);
            self.learnable += if learn { taken as u64 } else { 0 };
            self.until_due -= taken;
            if learn {
                self.trusted = (self.trusted + taken).min(self.frames);
            } else {
                self.distrust();
            }
            if self.until_due == 0 {
                self.until_due = self.hop;
                if self.trusted == self.frames {
                    self.learn();
                }
            }
            rest = after;
        }
    }
}

impl Element for AlignFrames {
    fn reset(&mut self) {
        self.references.iter_mut().for_each(Reference::reset);
        self.tell();
        self.ring.fill(0.0);
        self.next = 0;
        self.until_due = self.frames;
        self.trusted = 0;
        self.learnable = 0;
    }

    /// Keeps the reference.
    fn restart(&mut self) {
        self.distrust();
    }

    /// Until the first window is in; a given reference is there at once.
    fn warm_up_samples(&self) -> usize {
        if self.references[0].is_given() { 0 } else { self.frames }
    }

    fn learned(&self) -> Option<Learned<'_>> {
        Some(Learned::Align {
            reference: self.is_there().then_some(&*self.means),
            windows: self.learned_windows(),
            frames: self.learnable,
        })
    }

    fn skip(&mut self, frames: u64) -> u64 {
        if frames > 0 {
            pass_over(&mut self.until_due, self.hop, frames);
            self.distrust();
        }
        frames
    }

    /// Until the next window is due, or the one after it.
    fn frames_to_learn(&self) -> usize {
        if self.is_there() { 0 } else { self.until_due }
    }

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let groups = outputs.chunks(outputs.len() / self.references.len());
        groups.flat_map(|group| vec![group.contains(&true); group.len()]).collect()
    }

    fn is_finite_state(&self) -> bool {
        // The ring may hold what is not finite: it teaches nothing and leaves with its window.
        self.references.iter().all(|reference| all_finite(reference.mean()))
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        same_channels(self.channels, ready.channels)?;
        self.references[0].fits(&ready.references[0])
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        self.fits(ready)?;
        for (own, new) in self.references.iter_mut().zip(&ready.references) {
            own.retune(new)?;
        }
        self.tell();
        self.hop = ready.hop;
        self.until_due = self.until_due.min(self.hop.max(self.frames));
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
