//! Where samples are missing, told from their stamps.

use bci_types::Hz;

/// Finds gaps in a regularly sampled stream.
///
/// Sources that stamp a whole chunk alike are understood: after `k` frames of one stamp, a step of `k` periods is
/// what the rate explains. Owned by the signal thread; allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GapDetector {
    rate: Hz,
    slack_s: f64,
    last: Option<f64>,
    alike: u32,
    /// The most frames that came with one stamp.
    widest: u32,
}

impl GapDetector {
    /// For a stream of `rate`, tolerating `slack_ms` of jitter beyond half a period.
    pub(crate) fn new(rate: Hz, slack_ms: f64) -> Self {
        Self { rate, slack_s: slack_ms / 1e3, last: None, alike: 1, widest: 1 }
    }

    /// How many frames are missing before the frame stamped `stamp` (seconds).
    pub(crate) fn missing_before(&mut self, stamp: f64) -> u64 {
        if !stamp.is_finite() {
            // Says nothing about time: the frame counts as one more of the last stamp.
            self.alike = self.alike.saturating_add(1);
            return 0;
        }
        let Some(last) = self.last.replace(stamp) else { return 0 };
        let step = stamp - last;
        if step <= 0.0 {
            // Same stamp, or one that runs backwards: no frame can be missing in between.
            self.alike = self.alike.saturating_add(1);
            return 0;
        }
        self.widest = self.widest.max(self.alike);
        let explained = f64::from(std::mem::replace(&mut self.alike, 1));
        let periods = step * self.rate.get();
        if periods > explained + 0.5 + self.slack_s * self.rate.get() {
            (periods - explained).round().max(1.0) as u64
        } else {
            0
        }
    }

    /// Whether `frames` frames from `oldest` to `newest` (seconds) span more time than the rate explains: losses too
    /// small to be told from jitter one by one, or a rate that is not the stated one.
    pub(crate) fn is_stretched(&self, frames: usize, oldest: f64, newest: f64) -> bool {
        let span = newest - oldest;
        let periods = frames.saturating_sub(1) as f64;
        // Half a period, the jitter, a chunk stamped alike, and a thousandth for the clock of the source.
        let slack = 0.5 + f64::from(self.widest) - 1.0 + self.slack_s * self.rate.get() + periods * 1e-3;
        span.is_finite() && span * self.rate.get() > periods + slack
    }

    /// The last stamp seen.
    pub(crate) fn last(&self) -> Option<f64> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(rate: f64, stamps: impl IntoIterator<Item = f64>) -> Vec<u64> {
        let mut d = GapDetector::new(Hz::new(rate).expect("rate"), 20.0);
        stamps.into_iter().map(|t| d.missing_before(t)).collect()
    }

    #[test]
    fn an_even_stream_has_no_gaps_and_a_hole_is_measured() {
        let even = (0..100).map(|i| f64::from(i) / 160.0);
        assert_eq!(missing(160.0, even).iter().sum::<u64>(), 0);
        let holed = (0..100).filter(|i| !(40..60).contains(i)).map(|i| f64::from(i) / 160.0);
        let found = missing(160.0, holed);
        assert_eq!((found[40], found.iter().sum::<u64>()), (20, 20));
    }

    #[test]
    fn jitter_within_the_slack_is_no_gap() {
        let jittered = (0..1000).map(|i| f64::from(i) / 250.0 + if i % 3 == 0 { 0.015 } else { 0.0 });
        assert_eq!(missing(250.0, jittered).iter().sum::<u64>(), 0);
    }

    #[test]
    fn many_small_losses_stretch_a_window_though_none_is_a_gap() {
        // Every fourth frame comes, the shipped slack: three lost at a time are within jitter.
        let stamps: Vec<f64> = (0..640).step_by(4).map(|i| f64::from(i) / 160.0).collect();
        assert_eq!(missing(160.0, stamps.iter().copied()).iter().sum::<u64>(), 0);
        let d = GapDetector::new(Hz::new(160.0).expect("rate"), 20.0);
        assert!(d.is_stretched(160, stamps[0], stamps[159]));
        let even: Vec<f64> = (0..160).map(|i| f64::from(i) / 160.0).collect();
        assert!(!d.is_stretched(160, even[0], even[159] + 0.019), "jitter within the slack");
        assert!(d.is_stretched(160, even[0], even[159] + 0.025), "four frames lost");
    }

    #[test]
    fn chunks_stamped_alike_are_no_gaps_but_a_missing_chunk_is() {
        let alike = (0..20).filter(|c| *c != 7).flat_map(|c| std::iter::repeat_n(f64::from(c) * 0.128, 32));
        let found = missing(250.0, alike);
        assert_eq!(found.iter().filter(|m| **m > 0).collect::<Vec<_>>(), [&32]);
    }
}
