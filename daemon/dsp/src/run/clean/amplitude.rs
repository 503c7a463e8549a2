use super::shapes::{QUANTILES, SHAPES};

/// The least part of the windows that must be clean.
const MIN_CLEAN: f64 = 0.25;
/// The largest part of the windows that may be too low (a loose electrode).
const MAX_DROPOUT: f64 = 0.1;
/// Steps of the search, in parts of the windows.
const STEP: f64 = 0.01;

/// Finds the mean and the deviation of clean EEG among amplitudes that artefacts have gone into: a generalised Gaussian,
/// cut to its lower part, is held against the amplitudes for every start, width and shape of a grid, and the one with
/// the smallest Kullback-Leibler divergence is taken. `fit_eeg_distribution` of clean_rawdata and asrpy with its defaults;
/// asrpy counts the largest amplitude of a part in its last bin or in none, as rounding has it, and may so find another
/// place in the grid.
#[derive(Clone, Debug)]
pub(super) struct AmplitudeFit {
    /// The logarithms of the counts in each bin.
    log_counts: Box<[f64]>,
    /// `[shapes x bins]`: what a shape leads one to expect in each bin, in parts of 1.
    expected: Box<[f64]>,
    /// Of each shape, the sum of `p ln p`.
    negentropies: [f64; SHAPES.len()],
    /// For how many bins the two are; 0 before any.
    expected_bins: usize,
    counts: Box<[u32]>,
    /// The next width of the search.
    next_width: usize,
    best: Option<Best>,
}

/// The best so far.
#[derive(Clone, Copy, Debug)]
struct Best {
    divergence: f64,
    from: f64,
    to: f64,
    shape: usize,
}

impl AmplitudeFit {
    /// For `windows` amplitudes. Allocates.
    pub(super) fn design(windows: usize) -> Self {
        let bins = bins(windows);
        Self {
            log_counts: vec![0.0; bins].into_boxed_slice(),
            expected: vec![0.0; SHAPES.len() * bins].into_boxed_slice(),
            negentropies: [0.0; SHAPES.len()],
            expected_bins: 0,
            counts: vec![0; bins].into_boxed_slice(),
            next_width: 0,
            best: None,
        }
    }

    /// Begins anew: sorts `amplitudes` and returns the cost, in the measure of [`AmplitudeFit::advance`].
    pub(super) fn begin(&mut self, amplitudes: &mut [f64]) -> u64 {
        amplitudes.sort_unstable_by(f64::total_cmp);
        self.next_width = 0;
        self.best = None;
        sort_cost(amplitudes.len())
    }

    /// Tries the next width on the sorted amplitudes and returns its cost, about in multiplications; `None` when all have
    /// been tried.
    pub(super) fn advance(&mut self, amplitudes: &[f64]) -> Option<u64> {
        let n = amplitudes.len() as f64;
        let w = self.next_width;
        if w >= widths() {
            return None;
        }
        let width_step = (WIDEST - STEP) - WIDEST;
        let width = (n * (WIDEST + w as f64 * width_step)).round_ties_even() as usize;
        if width < 2 {
            return None;
        }
        self.next_width += 1;
        let start_step = (QUANTILES[0] + STEP) - QUANTILES[0];
        let bins = bins(width);
        let mut cost = width_cost(width, bins);
        if bins != self.expected_bins {
            self.expect(bins);
            cost += expect_cost(bins);
        }
        for s in 0..starts() {
            let start = (n * (QUANTILES[0] + s as f64 * start_step)).round_ties_even() as usize;
            let Some(part) = amplitudes.get(start..start + width) else { continue };
            if self.count(part, bins) {
                self.compare(part, bins);
            }
        }
        Some(cost)
    }

    /// Mean and standard deviation of the sorted amplitudes, once all widths have been tried.
    pub(super) fn fitted(&self, amplitudes: &[f64]) -> (f64, f64) {
        let Some(Best { from, to, shape, .. }) = self.best else {
            // All alike: there is no spread.
            return (amplitudes[amplitudes.len() / 2], 0.0);
        };
        let shape = &SHAPES[shape];
        let scale = (to - from) / (shape.bounds[1] - shape.bounds[0]);
        (from - shape.bounds[0] * scale, scale * shape.deviation)
    }

    /// What one fit to `windows` amplitudes costs at most.
    pub(super) fn most_cost(windows: usize) -> u64 {
        let most = bins(windows);
        // As many numbers of bins as lie between those of the widest and the narrowest.
        let fewest = bins((windows as f64 * MIN_CLEAN * WIDEST) as usize);
        let expected = (most - fewest + 1) as u64 * expect_cost(most);
        sort_cost(windows) + widths() as u64 * width_cost(windows, most) + expected
    }

    /// The histogram of a part; false when it has no width.
    fn count(&mut self, part: &[f64], bins: usize) -> bool {
        let first = part[0];
        let scale = bins as f64 / (part[part.len() - 1] - first);
        if !scale.is_finite() {
            return false;
        }
        let counts = &mut self.counts[..bins];
        counts.fill(0);
        for x in part {
            let place = (x - first) * scale;
            // The largest lies on the last bin's upper edge, rounding aside, and counts in that bin.
            counts[(place as usize).min(bins - 1)] += 1;
        }
        for (log, &count) in self.log_counts.iter_mut().zip(&*counts) {
            *log = (f64::from(count) + 0.01).ln();
        }
        true
    }

    fn expect(&mut self, bins: usize) {
        let rows = self.expected.chunks_exact_mut(bins);
        for ((shape, expected), negentropy) in SHAPES.iter().zip(rows).zip(&mut self.negentropies) {
            let width = shape.bounds[1] - shape.bounds[0];
            for (k, p) in expected.iter_mut().enumerate() {
                let z = shape.bounds[0] + (k as f64 + 0.5) / bins as f64 * width;
                *p = (-z.abs().powf(shape.shape)).exp();
            }
            let total: f64 = expected.iter().sum();
            expected.iter_mut().for_each(|p| *p /= total);
            *negentropy = expected.iter().map(|p| p * p.ln()).sum();
        }
        self.expected_bins = bins;
    }

    fn compare(&mut self, part: &[f64], bins: usize) {
        let size = (part.len() as f64).ln();
        let rows = self.expected.chunks_exact(bins);
        for (shape, (expected, negentropy)) in rows.zip(&self.negentropies).enumerate() {
            let told: f64 = expected.iter().zip(&self.log_counts).map(|(p, log)| p * log).sum();
            let divergence = negentropy - told + size;
            if self.best.is_none_or(|b| divergence < b.divergence) {
                self.best = Some(Best { divergence, from: part[0], to: part[part.len() - 1], shape });
            }
        }
    }
}

const WIDEST: f64 = QUANTILES[1] - QUANTILES[0];

/// Widths that are tried, counted as NumPy's `arange` counts.
fn widths() -> usize {
    ((MIN_CLEAN * WIDEST - WIDEST) / -STEP).ceil() as usize
}

/// Starts that are tried for each.
fn starts() -> usize {
    let last_start = QUANTILES[0] + MAX_DROPOUT + STEP * 1e-9;
    ((last_start - QUANTILES[0]) / STEP).ceil() as usize
}

fn sort_cost(windows: usize) -> u64 {
    8 * windows as u64 * u64::from(windows.max(1).ilog2() + 1)
}

/// A count takes as long as a few multiplications, a logarithm as long as some twenty.
fn width_cost(width: usize, bins: usize) -> u64 {
    (starts() * (4 * width + (20 + SHAPES.len()) * bins)) as u64
}

fn expect_cost(bins: usize) -> u64 {
    (100 * SHAPES.len() * bins) as u64
}

/// Bins of a histogram of `width` amplitudes.
fn bins(width: usize) -> usize {
    (3.0 * (1.0 + width as f64 / 2.0).log2()).round_ties_even() as usize
}
