use super::Shrinkage;
use super::products::{add_products, mirror, pending, shrink};
use crate::design::DesignError;
use crate::linalg::dot;
use crate::run::{LANES, simd::vectorised};

/// Frames that are multiplied out together.
const SLAB: usize = 32;

/// The covariance of channels over any number of frames: of one window, or accumulated frame by frame over as long as one
/// likes. Divided by the number of frames (not by one less), as pyRiemann's estimators are.
///
/// With `centre`, the channels' means over the same frames are taken away first, pyRiemann's default for `scm`, `lwf` and
/// `oas`; without, the signal is taken to have a mean of 0 (their `assume_centered=True`). A NaN or infinity spoils the
/// result until the next [`Covariance::reset`] or [`Covariance::of_window`].
///
/// Needs memory of `channels * channels`, whatever the number of frames. Only `design` allocates.
#[derive(Clone, Debug)]
pub struct Covariance {
    channels: usize,
    /// `channels` rounded up to whole tiles; what is added stays 0.
    padded: usize,
    shrinkage: Shrinkage,
    centre: bool,
    /// Taken away from every frame before it is multiplied out, so that a large offset costs no precision.
    pivot: Box<[f64]>,
    /// `[SLAB x padded]`: frames less the pivot, not yet multiplied out.
    slab: Box<[f64]>,
    /// Frames in the slab.
    held: usize,
    /// Frames in all.
    frames: usize,
    /// `[padded x padded]`, upper triangle: the sum of `y y'` over frames `y` less the pivot.
    products: Box<[f64]>,
    /// The sum of `y`.
    sum: Box<[f64]>,
    /// For Ledoit and Wolf, with `a = y' y`: the sum of `a y`,
    energy_by_y: Box<[f64]>,
    /// of `a`,
    energy: f64,
    /// and of `a a`.
    energy_squared: f64,
}

impl Covariance {
    /// One that has seen no frames. Allocates.
    ///
    /// # Errors
    /// Everything wrong at once: no channels, a fixed share that is not 0 to 1.
    pub fn design(channels: usize, shrinkage: Shrinkage, centre: bool) -> Result<Self, Vec<DesignError>> {
        let mut mistakes = Vec::new();
        if channels == 0 {
            mistakes.push(DesignError::NoChannels);
        }
        mistakes.extend(shrinkage.mistake());
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let padded = channels.next_multiple_of(LANES);
        let zeros = |n: usize| vec![0.0; n].into_boxed_slice();
        Ok(Self {
            channels,
            padded,
            shrinkage,
            centre,
            pivot: zeros(padded),
            slab: zeros(SLAB * padded),
            held: 0,
            frames: 0,
            products: zeros(padded * padded),
            sum: zeros(padded),
            energy_by_y: zeros(padded),
            energy: 0.0,
            energy_squared: 0.0,
        })
    }

    /// Forgets every frame.
    pub fn reset(&mut self) {
        for all in [&mut self.pivot, &mut self.products, &mut self.sum, &mut self.energy_by_y] {
            all.fill(0.0);
        }
        self.held = 0;
        self.frames = 0;
        self.energy = 0.0;
        self.energy_squared = 0.0;
    }

    /// Adds `[frames x channels]`, frame-major, to what has been added since the last reset. How the frames are cut into
    /// calls changes no bit.
    pub fn accumulate(&mut self, frames: &[f64]) {
        debug_assert_eq!(frames.len() % self.channels, 0, "whole frames");
        if self.frames == 0
            && self.centre
            && let Some(first) = frames.get(..self.channels)
        {
            self.pivot[..self.channels].copy_from_slice(first);
        }
        self.add(frames);
    }

    /// The covariance of one window `[frames x channels]`, frame-major, into `out`, `[channels x channels]`; returns the
    /// share of shrinkage. What was accumulated before is forgotten. Zeros without frames.
    ///
    /// # Panics
    /// When `out` has another length.
    pub fn of_window(&mut self, window: &[f64], out: &mut [f64]) -> f64 {
        self.reset();
        if self.centre {
            let frames = (window.len() / self.channels).max(1) as f64;
            vectorised(
                #[inline(always)]
                || {
                    for frame in window.chunks_exact(self.channels) {
                        self.pivot.iter_mut().zip(frame).for_each(|(sum, x)| *sum += x);
                    }
                    self.pivot.iter_mut().for_each(|sum| *sum /= frames);
                },
            );
        }
        self.add(window);
        self.finish(out)
    }

    /// The covariance of all frames since the last reset into `out`, `[channels x channels]`, symmetric; returns the
    /// share of shrinkage. More frames may follow. Zeros without frames.
    ///
    /// # Panics
    /// When `out` has another length.
    pub fn finish(&mut self, out: &mut [f64]) -> f64 {
        assert_eq!(out.len(), self.channels * self.channels, "a square of as many channels");
        let (held, frames) = (self.held, self.frames);
        if frames == 0 {
            out.fill(0.0);
            return 0.0;
        }
        let n = frames as f64;
        let centre = self.centre;
        vectorised(
            #[inline(always)]
            || {
                // The slab's products join on the way out, so that later frames still fill the same slab.
                pending(&self.slab[..held * self.padded], &self.products, self.padded, self.channels, out);
                for (i, row) in out.chunks_exact_mut(self.channels).enumerate() {
                    let own = if centre { self.sum[i] / n } else { 0.0 };
                    for (c, sum) in row.iter_mut().zip(&self.sum) {
                        *c = *c / n - own * (sum / n);
                    }
                }
            },
        );
        mirror(out, self.channels);
        let share = self.share(out);
        shrink(out, self.channels, share);
        share
    }

    /// Frames since the last reset.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// How it shrinks.
    #[must_use]
    pub fn shrinkage(&self) -> Shrinkage {
        self.shrinkage
    }

    /// Whether means are taken away.
    #[must_use]
    pub fn is_centred(&self) -> bool {
        self.centre
    }

    /// Takes over how `ready` shrinks and centres, and forgets every frame.
    pub(in crate::run) fn retune(&mut self, ready: &Covariance) {
        self.shrinkage = ready.shrinkage;
        self.centre = ready.centre;
        self.reset();
    }

    fn add(&mut self, frames: &[f64]) {
        let energies = self.shrinkage == Shrinkage::LedoitWolf;
        vectorised(
            #[inline(always)]
            || {
                for frame in frames.chunks_exact(self.channels) {
                    let y = &mut self.slab[self.held * self.padded..(self.held + 1) * self.padded];
                    for ((y, x), pivot) in y.iter_mut().zip(frame).zip(&self.pivot) {
                        *y = x - pivot;
                    }
                    self.sum.iter_mut().zip(&*y).for_each(|(sum, y)| *sum += y);
                    if energies {
                        let a = dot(y, y);
                        self.energy += a;
                        self.energy_squared += a * a;
                        self.energy_by_y.iter_mut().zip(&*y).for_each(|(sum, y)| *sum += a * y);
                    }
                    self.held += 1;
                    self.frames += 1;
                    if self.held == SLAB {
                        self.held = 0;
                        add_products(&self.slab, &mut self.products, self.padded);
                    }
                }
            },
        );
    }

    /// The share of shrinkage for the sample covariance `c`.
    fn share(&self, c: &[f64]) -> f64 {
        let (p, n) = (self.channels as f64, self.frames as f64);
        let trace: f64 = c.iter().step_by(self.channels + 1).sum();
        let mean_variance = trace / p;
        match self.shrinkage {
            Shrinkage::None => 0.0,
            Shrinkage::Fixed(share) => share,
            // Of a single channel there is nothing to draw it towards but itself.
            _ if self.channels == 1 => 0.0,
            Shrinkage::Oas => {
                let mean_square = dot(c, c) / (p * p);
                let above = mean_square + mean_variance * mean_variance;
                let below = (n + 1.0) * (mean_square - mean_variance * mean_variance / p);
                if below > 0.0 { (above / below).min(1.0) } else { 1.0 }
            }
            Shrinkage::LedoitWolf => {
                let squares = dot(c, c);
                let spread = (self.energy_squared_about_mean(c) / n - squares) / (p * n);
                let distance = squares / p - mean_variance * mean_variance;
                if spread > 0.0 && distance > 0.0 { (spread / distance).min(1.0) } else { 0.0 }
            }
        }
    }

    /// The sum over frames of the squared squared length, about the mean that `c` is about.
    fn energy_squared_about_mean(&self, c: &[f64]) -> f64 {
        if !self.centre {
            return self.energy_squared;
        }
        // (y - d)'(y - d) squared and multiplied out; d is the mean less the pivot, and sum y y' = n (c + d d').
        let n = self.frames as f64;
        let (mut length, mut cross, mut curved) = (0.0, 0.0, 0.0);
        for (i, row) in c.chunks_exact(self.channels).enumerate() {
            let d = self.sum[i] / n;
            length += d * d;
            cross += d * self.energy_by_y[i];
            curved += d * row.iter().zip(&self.sum).map(|(c, sum)| c * (sum / n)).sum::<f64>();
        }
        let curved = n * (curved + length * length);
        self.energy_squared + 4.0 * curved - 4.0 * cross + 2.0 * length * self.energy
            - 3.0 * n * length * length
    }
}
