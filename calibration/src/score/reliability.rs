/// Whether a decoder is right as often as it says: decisions by how sure they were.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    bins: Vec<Bin>,
}

/// Decisions that were about as sure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Decisions.
    pub count: usize,
    /// The part of them that was right; NaN of none.
    pub right: f64,
    /// The mean of what they were said to be right with; NaN of none.
    pub said: f64,
}

impl Reliability {
    /// Of decisions, each with the probability it was said to be right with, and whether it was; in `bins` bins of equal
    /// width, the last one with its upper end.
    #[must_use]
    pub fn new(decisions: impl IntoIterator<Item = (f64, bool)>, bins: usize) -> Self {
        let mut sums = vec![(0usize, 0usize, 0.0f64); bins];
        for (said, right) in decisions {
            let at = ((said * bins as f64) as usize).min(bins.saturating_sub(1));
            if let Some((count, hits, total)) = sums.get_mut(at) {
                *count += 1;
                *hits += usize::from(right);
                *total += said;
            }
        }
        let bin = |(count, hits, total): (usize, usize, f64)| {
            let n = count as f64;
            Bin { count, right: hits as f64 / n, said: total / n }
        };
        Self { bins: sums.into_iter().map(bin).collect() }
    }

    /// From the least sure to the surest.
    #[must_use]
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The expected calibration error: how far the two are apart, each bin weighed by its decisions (Naeini, Cooper,
    /// Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015). NaN of nothing.
    #[must_use]
    pub fn expected_error(&self) -> f64 {
        let total: usize = self.bins.iter().map(|bin| bin.count).sum();
        let apart = self.bins.iter().filter(|bin| bin.count > 0);
        apart.map(|bin| bin.count as f64 * (bin.right - bin.said).abs()).sum::<f64>() / total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_held_against_what_was() {
        let sure = (0..10).map(|i| (0.95, i < 9));
        let unsure = (0..10).map(|i| (0.55, i < 8));
        let r = Reliability::new(sure.chain(unsure).chain([(1.0, true)]), 10);
        assert_eq!((r.bins()[9].count, r.bins()[5].count, r.bins()[0].count), (11, 10, 0));
        assert!((r.bins()[5].right - 0.8).abs() < 1e-12 && r.bins()[0].right.is_nan());
        let last = (10.0f64 / 11.0 - 10.5 / 11.0).abs();
        assert!((r.expected_error() - (11.0 * last + 10.0 * 0.25) / 21.0).abs() < 1e-12);
        assert!(Reliability::new([], 10).expected_error().is_nan());
    }
}
