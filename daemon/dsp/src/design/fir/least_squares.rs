use super::{Fir, taps_mistake};
use crate::design::DesignError;
use crate::design::kaiser::sinc;
use bci_types::Hz;
use nalgebra::{DMatrix, DVector};
use std::f64::consts::PI;

/// The most taps that are solved for: the work grows with their cube.
const MOST_TAPS: usize = 1023;

/// The filter of linear phase whose gain has the least weighted squared error: SciPy's `firls(taps, bands, gains,
/// weight=..., fs=rate)`.
///
/// `bands_hz` are the edges of the bands in pairs; what lies between bands is free. `gains` are wanted at these edges and
/// on the straight line between the two of a band. `weights` has one a band; `None` is 1 each.
///
/// Where much is free for many taps, the equations leave some combinations of taps undecided; of all solutions the
/// smallest is then taken. Its gain over the bands is SciPy's, single taps may differ.
///
/// # Errors
/// The first of: `taps` even or outside 1 to 1023; `bands_hz` not in pairs, outside of 0 to half of `rate`, or not
/// rising; `gains` or `weights` of another number, below 0 or not finite; no weight above 0.
pub fn fir_least_squares(
    taps: usize,
    bands_hz: &[f64],
    gains: &[f64],
    weights: Option<&[f64]>,
    rate: Hz,
) -> Result<Fir, DesignError> {
    if let Some(first) = mistakes(taps, bands_hz, gains, weights, rate).into_iter().next() {
        return Err(first);
    }
    let bands: Vec<Segment> = bands_hz
        .chunks_exact(2)
        .zip(gains.chunks_exact(2))
        .enumerate()
        .map(|(i, (edges, gains))| {
            let (from, to) = (edges[0] / rate.nyquist(), edges[1] / rate.nyquist());
            let slope = (gains[1] - gains[0]) / (to - from);
            Segment {
                from,
                to,
                slope,
                at_zero: gains[0] - from * slope,
                weight: weights.map_or(1.0, |w| w[i]),
            }
        })
        .collect();
    // The amplitude is a sum of cosines, cos(pi n f) for n = 0 to `half`. The normal equations hold the integrals of their
    // products, which are sums of a Toeplitz and a Hankel matrix, and of their products with the wanted gain.
    let half = (taps - 1) / 2;
    let q: Vec<f64> = (0..taps).map(|n| bands.iter().map(|b| b.weight * b.cosine(n)).sum()).collect();
    let matrix = DMatrix::from_fn(half + 1, half + 1, |i, j| q[i.abs_diff(j)] + q[i + j]);
    let wanted = DVector::from_fn(half + 1, |n, _| bands.iter().map(|b| b.weight * b.wanted(n)).sum());
    let a = solve(matrix, &wanted);
    let h = (0..taps).map(|n| if n == half { 2.0 * a[0] } else { a[n.abs_diff(half)] }).collect();
    Fir::new(h, rate)
}

/// Everything wrong with a specification that can be seen without designing it.
pub(crate) fn mistakes(
    taps: usize,
    bands_hz: &[f64],
    gains: &[f64],
    weights: Option<&[f64]>,
    rate: Hz,
) -> Vec<DesignError> {
    let mut found: Vec<DesignError> = taps_mistake(taps, MOST_TAPS).into_iter().collect();
    if taps > 0 && taps.is_multiple_of(2) {
        found.push(DesignError::setting("taps", taps, "must be odd"));
    }
    let mut must = |key, values: &[f64], right: bool, must: String| {
        if !right {
            found.push(DesignError::setting(key, format!("{values:?}"), must));
        }
    };
    let paired = !bands_hz.is_empty() && bands_hz.len().is_multiple_of(2);
    must("bands_hz", bands_hz, paired, "must be pairs of edges, one pair a band".to_owned());
    let nyquist = rate.nyquist();
    let inside = bands_hz.iter().all(|f| (0.0..=nyquist).contains(f));
    // An edge may be that of two bands: between one band and the next the gain may jump.
    let rising =
        bands_hz.windows(2).enumerate().all(|(i, w)| if i % 2 == 0 { w[0] < w[1] } else { w[0] <= w[1] });
    must(
        "bands_hz",
        bands_hz,
        inside && rising,
        format!("must rise from edge to edge and lie between 0 and {nyquist} Hz, half of the rate"),
    );
    let sound = |values: &[f64]| values.iter().all(|v| *v >= 0.0 && v.is_finite());
    let one_each = gains.len() == bands_hz.len();
    must("gains", gains, one_each, format!("must have {} numbers, one for each edge", bands_hz.len()));
    must("gains", gains, sound(gains), "must be finite and 0 or above".to_owned());
    if let Some(weights) = weights {
        let bands = bands_hz.len() / 2;
        must(
            "weights",
            weights,
            weights.len() == bands,
            format!("must have {bands} numbers, one for each band"),
        );
        let some = weights.iter().any(|w| *w > 0.0);
        must(
            "weights",
            weights,
            sound(weights) && some,
            "must be finite and 0 or above, one above 0".to_owned(),
        );
    }
    found
}

/// A band in fractions of half of the rate, and the gain wanted in it: `at_zero + slope f`.
struct Segment {
    from: f64,
    to: f64,
    slope: f64,
    at_zero: f64,
    weight: f64,
}

impl Segment {
    /// The integral of `cos(pi n f)` over the band.
    fn cosine(&self, n: usize) -> f64 {
        let n = n as f64;
        self.to * sinc(self.to * n) - self.from * sinc(self.from * n)
    }

    /// The integral of the wanted gain times `cos(pi n f)`.
    fn wanted(&self, n: usize) -> f64 {
        let upto = |f: f64| {
            let line = f * (self.slope * f + self.at_zero) * sinc(f * n as f64);
            // By parts: what the slope adds.
            let w = PI * n as f64;
            if n == 0 { line - self.slope * f * f / 2.0 } else { line + self.slope * (w * f).cos() / (w * w) }
        };
        upto(self.to) - upto(self.from)
    }
}

/// The solution of a symmetric system without negative eigenvalues; the smallest where it leaves something undecided.
fn solve(matrix: DMatrix<f64>, wanted: &DVector<f64>) -> DVector<f64> {
    // Gains or weights near the largest number there is; `Fir::new` refuses what comes of it.
    if !(crate::run::all_finite(matrix.as_slice()) && crate::run::all_finite(wanted.as_slice())) {
        return DVector::from_element(wanted.len(), f64::NAN);
    }
    if let Some(roots) = matrix.clone().cholesky() {
        let pivots = roots.l_dirty().diagonal();
        // Their ratio, squared, is about that of the eigenvalues.
        if (pivots.min() / pivots.max()).powi(2) > 100.0 * f64::EPSILON {
            return roots.solve(wanted);
        }
    }
    let eigen = matrix.symmetric_eigen();
    let undecided = eigen.eigenvalues.amax() * f64::EPSILON * eigen.eigenvalues.len() as f64;
    let mut parts = eigen.eigenvectors.tr_mul(wanted);
    for (part, value) in parts.iter_mut().zip(&eigen.eigenvalues) {
        *part = if *value > undecided { *part / value } else { 0.0 };
    }
    eigen.eigenvectors * parts
}
