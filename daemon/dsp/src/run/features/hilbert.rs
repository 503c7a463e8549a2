use super::CHUNK;
use crate::design::{DesignError, kaiser};
use crate::run::simd::vectorised;
use bci_types::Hz;
use std::f64::consts::PI;

/// By how much the transformer's gain may be off 1 between the edges it is designed for.
pub const HILBERT_RIPPLE: f64 = 1e-3;

/// The most taps; a band that needs more is too close to 0 Hz or to half of the rate.
pub(super) const MOST_TAPS: usize = 8191;

/// A causal Hilbert transformer without recursion, of odd length: the ideal's `2 / (pi n)` at odd `n` under a Kaiser
/// window, and zero at even `n` (Oppenheim and Schafer, *Discrete-Time Signal Processing*, 3rd ed., 12.4). From
/// `low_hz` to `high_hz` its gain is within [`HILBERT_RIPPLE`] of 1 and its phase is exactly -90 degrees after a delay
/// of half its length; towards 0 Hz and half of the rate the gain falls to 0.
///
/// Equals SciPy's `2 / (pi n) * (n odd) * kaiser(taps, beta)`, `n` counted from the middle.
pub(super) fn design(low_hz: f64, high_hz: f64, rate: Hz) -> Result<Vec<f64>, DesignError> {
    // The ideal steps from -1 to 1, which doubles a window's ripple, and does so at both ends, whose ripples add up.
    let attenuation_db = -20.0 * (HILBERT_RIPPLE / 4.0).log10();
    let margin_hz = low_hz.min(rate.nyquist() - high_hz);
    // Half of a transition lies on either side of a step. Kaiser's formula for the length.
    let transition = 2.0 * 2.0 * PI * margin_hz / rate.get();
    let order = (attenuation_db - 7.95) / (2.285 * transition);
    if !(order > 0.0 && order < MOST_TAPS as f64) {
        let must = format!(
            "must leave more room to 0 Hz and to half of the rate: {margin_hz} Hz needs a transformer of more than \
             {MOST_TAPS} taps"
        );
        return Err(DesignError::setting("low_hz", low_hz, must));
    }
    let half = (order / 2.0).ceil().max(1.0) as usize;
    // The outermost taps are to be odd ones: zeros there would only add delay.
    let mut half = half + (half + 1) % 2;
    let beta = 0.1102 * (attenuation_db - 8.7);
    let mut taps = windowed(half, beta);
    // The formula is an estimate, a little short for few taps.
    while worst_gain(&taps, low_hz, high_hz, rate) > HILBERT_RIPPLE && half < MOST_TAPS {
        half += 2;
        taps = windowed(half, beta);
    }
    Ok(taps)
}

/// The ideal under a Kaiser window of `2 half + 1` taps.
fn windowed(half: usize, beta: f64) -> Vec<f64> {
    let tap = |i: usize| {
        if (i + half).is_multiple_of(2) {
            return 0.0;
        }
        let n = i as f64 - half as f64;
        2.0 / (PI * n) * kaiser(beta, n / half as f64)
    };
    (0..=2 * half).map(tap).collect()
}

/// By how much the gain is off 1 at worst, at 101 frequencies from edge to edge.
fn worst_gain(taps: &[f64], low_hz: f64, high_hz: f64, rate: Hz) -> f64 {
    let off =
        |i: u32| (gain(taps, low_hz + (high_hz - low_hz) * f64::from(i) / 100.0, rate.get()) - 1.0).abs();
    (0..=100).map(off).fold(0.0, f64::max)
}

/// The gain at `at_hz`: taps opposite of each other only leave sines.
fn gain(taps: &[f64], at_hz: f64, rate_hz: f64) -> f64 {
    let half = taps.len() / 2;
    let sine = |d: usize| (2.0 * PI * at_hz / rate_hz * d as f64).sin();
    (1..=half).step_by(2).map(|d| 2.0 * taps[half + d] * sine(d)).sum()
}

/// The magnitude of the analytic signal: the transformer beside the signal delayed by as much.
#[derive(Debug)]
pub(super) struct Hilbert {
    channels: usize,
    /// Odd in number and antisymmetric about the middle.
    taps: Box<[f64]>,
    /// `[(2 taps + CHUNK) x channels]`: as many frames as there are taps, less one, then what has come behind them.
    past: Box<[f64]>,
    /// Where the first of these frames begins; they go back to the front when there is no more room.
    at: usize,
    /// `[channels]`: working space.
    turned: Box<[f64]>,
}

impl Hilbert {
    pub(super) fn new(taps: &[f64], channels: usize) -> Self {
        let past = vec![0.0; (2 * taps.len() + CHUNK) * channels].into_boxed_slice();
        Self { channels, taps: taps.into(), past, at: 0, turned: vec![0.0; channels].into_boxed_slice() }
    }

    pub(super) fn reset(&mut self) {
        self.past.fill(0.0);
        self.at = 0;
    }

    /// Frames by which the magnitude lags.
    pub(super) fn delay(&self) -> usize {
        self.taps.len() / 2
    }

    pub(super) fn taps(&self) -> &[f64] {
        &self.taps
    }

    /// Takes over as many taps.
    pub(super) fn retune(&mut self, ready: &Hilbert) {
        self.taps.copy_from_slice(&ready.taps);
    }

    pub(super) fn is_finite(&self) -> bool {
        crate::run::all_finite(&self.past[self.at..self.at + (self.taps.len() - 1) * self.channels])
    }

    /// Replaces up to [`CHUNK`] frames by their magnitude.
    pub(super) fn magnitude(&mut self, chunk: &mut [f64]) {
        let Self { channels, taps, past, at, turned } = self;
        let before = (taps.len() - 1) * *channels;
        if *at + before + chunk.len() > past.len() {
            past.copy_within(*at..*at + before, 0);
            *at = 0;
        }
        past[*at + before..*at + before + chunk.len()].copy_from_slice(chunk);
        vectorised(
            #[inline(always)]
            || {
                for (n, out) in chunk.chunks_exact_mut(*channels).enumerate() {
                    frame(taps, &past[*at + n * *channels..], turned, out);
                }
            },
        );
        *at += chunk.len();
    }
}

/// One frame of magnitudes from as many frames as there are taps, oldest first; `turned` is as long as a frame.
#[inline(always)]
fn frame(taps: &[f64], past: &[f64], turned: &mut [f64], out: &mut [f64]) {
    let channels = out.len();
    let half = taps.len() / 2;
    let row = |frame: usize| &past[frame * channels..(frame + 1) * channels];
    turned.fill(0.0);
    // Every other tap is zero, and opposite ones are each other's negative.
    for d in (1..=half).step_by(2) {
        let tap = taps[half + d];
        for ((sum, older), newer) in turned.iter_mut().zip(row(half - d)).zip(row(half + d)) {
            *sum += tap * (older - newer);
        }
    }
    for ((y, real), imaginary) in out.iter_mut().zip(row(half)).zip(&*turned) {
        *y = (real * real + imaginary * imaginary).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_is_one_within_the_ripple_between_the_edges() {
        for (low, high, rate) in [
            (70.0, 170.0, 1000.0),
            (8.0, 12.0, 160.0),
            (70.0, 170.0, 512.0),
            (70.0, 170.0, 2048.0),
            (1.0, 110.0, 250.0),
            (40.0, 120.0, 250.0),
            (62.0, 63.0, 250.0),
            (300.0, 6000.0, 30_000.0),
            (20.0, 60.0, 160.0),
        ] {
            let taps = design(low, high, Hz::new(rate).expect("a rate")).expect("a transformer");
            let half = taps.len() / 2;
            assert!(half % 2 == 1 && taps[half] == 0.0, "odd half: {half}");
            for (a, b) in taps.iter().zip(taps.iter().rev()) {
                assert_eq!(a.to_bits() << 1, b.to_bits() << 1);
                assert!(a + b == 0.0, "antisymmetric");
            }
            let worst = (0..=1000)
                .map(|i| low + (high - low) * f64::from(i) / 1000.0)
                .map(|at| (gain(&taps, at, rate) - 1.0).abs())
                .fold(0.0, f64::max);
            assert!(worst <= HILBERT_RIPPLE, "{low}-{high} Hz at {rate} Hz, {} taps: {worst}", taps.len());
            assert!(gain(&taps, 0.0, rate).abs() < 1e-12 && gain(&taps, rate / 2.0, rate).abs() < 1e-9);
        }
    }

    #[test]
    fn a_band_without_room_is_refused() {
        let rate = Hz::new(1000.0).expect("a rate");
        for (low, high) in [(0.01, 100.0), (70.0, 499.99)] {
            let told = design(low, high, rate).expect_err("too close").to_string();
            assert!(told.contains("must leave more room"), "{told}");
        }
    }
}
