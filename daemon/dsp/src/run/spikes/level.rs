//! The size of the noise of one channel, learned bin by bin.

/// A bin counts as at most this many times the estimate, twice its root: what an artefact, or a unit that fires in
/// bursts, can do to the threshold is bounded.
const AT_MOST: f64 = 4.0;
/// Bins below this mean square (an RMS of a millionth of a microvolt) come from a channel without a signal: rounding
/// alone is larger on any live one.
const FLAT: f64 = 1e-12;

/// How a mean square is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Learning {
    /// The share of a new bin in the estimate.
    pub(super) alpha: f64,
    /// Bins whose plain mean is the first estimate.
    pub(super) start_bins: u32,
}

/// The mean square of one channel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MeanSquare {
    /// The sum over `bins` while it starts, then the estimate.
    value: f64,
    bins: u32,
    known: bool,
}

impl MeanSquare {
    /// The estimate once there is one.
    pub(super) fn get(&self) -> Option<f64> {
        self.known.then_some(self.value)
    }

    /// Learns from the mean square of one trusted bin.
    pub(super) fn learn(&mut self, bin: f64, how: Learning) {
        // Written so that NaN teaches nothing.
        if !(bin > FLAT && bin < f64::INFINITY) {
            return;
        }
        if self.known {
            self.value += how.alpha * (bin.min(AT_MOST * self.value) - self.value);
            return;
        }
        self.value += bin;
        self.bins += 1;
        if self.bins >= how.start_bins {
            self.value /= f64::from(self.bins);
            self.known = self.value.is_finite();
            if !self.known {
                *self = Self::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: Learning = Learning { alpha: 0.25, start_bins: 3 };

    fn learned(bins: &[f64]) -> Option<f64> {
        let mut ms = MeanSquare::default();
        bins.iter().for_each(|&b| ms.learn(b, HOW));
        ms.get()
    }

    #[test]
    fn the_first_estimate_is_the_plain_mean_and_later_bins_count_a_share() {
        assert_eq!(learned(&[1.0, 2.0]), None);
        assert_eq!(learned(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(learned(&[1.0, 2.0, 6.0, 7.0]), Some(3.0 + 0.25 * 4.0));
        assert_eq!(learned(&[1.0, 2.0, 6.0, 1.0]), Some(3.0 - 0.25 * 2.0));
    }

    #[test]
    fn an_artefact_counts_as_four_times_the_estimate() {
        assert_eq!(learned(&[1.0, 1.0, 1.0, 1e12]), Some(1.75));
    }

    #[test]
    fn what_is_no_signal_teaches_nothing() {
        let odd = [f64::NAN, f64::INFINITY, 0.0, 1e-14];
        let bins: Vec<f64> = [1.0, 2.0, 6.0].into_iter().flat_map(|b| [b].into_iter().chain(odd)).collect();
        assert_eq!(learned(&bins), Some(3.0));
        assert_eq!(learned(&[0.0; 100]), None);
        assert_eq!(
            learned(&[1e308, 1e308, 1e308, 2.0, 2.0, 2.0]),
            Some(2.0),
            "a sum without bound begins anew"
        );
    }
}
