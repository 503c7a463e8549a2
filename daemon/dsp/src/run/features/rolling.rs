use super::z_score::score;
use crate::run::all_finite;

/// Mean and variance of the last frames of each channel.
///
/// Time is cut into spans as long as the window. The window always is the end of the span before and the beginning of
/// this one: the sums of this span only grow, those of the span before only shrink, and at the end of a span what
/// has shrunk is thrown away whatever is left of it. So rounding never lives longer than two windows. Sums are of
/// differences to a pivot, the mean at the last change of spans, so that a large offset costs no precision.
#[derive(Debug)]
pub(super) struct Rolling {
    channels: usize,
    /// `[window x channels]`: this span's frames so far, then what is left of the span before.
    ring: Box<[f64]>,
    /// Frames of this span so far; the next one's place in the ring.
    at: usize,
    /// Whether there is a span before.
    full: bool,
    pivot: Box<[f64]>,
    /// Sums of differences and of their squares, of this span,
    new: Sums,
    /// and of what is left of the span before.
    old: Sums,
}

#[derive(Debug)]
struct Sums {
    first: Box<[f64]>,
    second: Box<[f64]>,
}

impl Sums {
    fn new(channels: usize) -> Self {
        let zeros = || vec![0.0; channels].into_boxed_slice();
        Self { first: zeros(), second: zeros() }
    }

    fn clear(&mut self) {
        self.first.fill(0.0);
        self.second.fill(0.0);
    }
}

impl Rolling {
    /// `window` is above 1.
    pub(super) fn new(channels: usize, window: usize) -> Self {
        Self {
            channels,
            ring: vec![0.0; window * channels].into_boxed_slice(),
            at: 0,
            full: false,
            pivot: vec![0.0; channels].into_boxed_slice(),
            new: Sums::new(channels),
            old: Sums::new(channels),
        }
    }

    pub(super) fn reset(&mut self) {
        self.ring.fill(0.0);
        self.pivot.fill(0.0);
        self.new.clear();
        self.old.clear();
        self.at = 0;
        self.full = false;
    }

    pub(super) fn window(&self) -> usize {
        self.ring.len() / self.channels
    }

    /// Until there is a full window.
    pub(super) fn frames_to_learn(&self) -> usize {
        if self.full { 0 } else { self.window() - self.at }
    }

    pub(super) fn is_finite(&self) -> bool {
        [&self.ring, &self.pivot, &self.new.first, &self.new.second, &self.old.first, &self.old.second]
            .into_iter()
            .all(|state| all_finite(state))
    }

    /// Learns from the frame if it may, and replaces it by its score.
    #[inline(always)]
    pub(super) fn frame(&mut self, frame: &mut [f64], learn: bool) {
        if learn {
            self.learn(frame);
        }
        if !self.full {
            frame.fill(0.0);
            return;
        }
        let n = self.window() as f64;
        let new = self.new.first.iter().zip(&self.new.second);
        let old = self.old.first.iter().zip(&self.old.second);
        for ((((x, pivot), (new1, new2)), old1), old2) in
            frame.iter_mut().zip(&self.pivot).zip(new).zip(old.clone().map(|o| o.0)).zip(old.map(|o| o.1))
        {
            let mean = (new1 + old1) / n;
            let variance = (new2 + old2) / n - mean * mean;
            // The pivot is part of the mean beside which rounding is judged.
            *x = score(*x, pivot + mean, variance);
        }
    }

    #[inline(always)]
    fn learn(&mut self, frame: &[f64]) {
        if self.at == 0 && !self.full {
            // Better than 0 for the first span: no more than a few deviations from the mean.
            for (pivot, x) in self.pivot.iter_mut().zip(frame) {
                *pivot = if x.is_finite() { *x } else { 0.0 };
            }
        }
        let place = &mut self.ring[self.at * self.channels..(self.at + 1) * self.channels];
        if self.full {
            let sums = self.old.first.iter_mut().zip(&mut self.old.second);
            for (((sum1, sum2), x), pivot) in sums.zip(&*place).zip(&self.pivot) {
                let d = x - pivot;
                *sum1 -= d;
                *sum2 -= d * d;
            }
        }
        let sums = self.new.first.iter_mut().zip(&mut self.new.second);
        for (((sum1, sum2), x), pivot) in sums.zip(frame).zip(&self.pivot) {
            let d = x - pivot;
            *sum1 += d;
            *sum2 += d * d;
        }
        place.copy_from_slice(frame);
        self.at += 1;
        if self.at == self.window() {
            self.turn();
        }
    }

    /// The span is complete: it becomes the span before, about its own mean.
    #[inline(always)]
    fn turn(&mut self) {
        self.at = 0;
        self.full = true;
        let n = self.window() as f64;
        for ((pivot, first), second) in
            self.pivot.iter_mut().zip(&mut self.new.first).zip(&mut self.new.second)
        {
            let off = *first / n;
            // A pivot is always finite, so that a NaN goes with its span. Kept as rounded: what is taken away later is
            // then what was put in.
            let moved = if off.is_finite() { *pivot + off } else { *pivot };
            let off = moved - *pivot;
            *second += n * off * off - 2.0 * off * *first;
            *first -= n * off;
            *pivot = moved;
        }
        std::mem::swap(&mut self.new, &mut self.old);
        self.new.clear();
    }
}
