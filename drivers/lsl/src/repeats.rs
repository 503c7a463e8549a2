//! Samples that come again, as where a bridge or a relay sends what it has sent.

/// How many samples are remembered.
const REMEMBERED: usize = 1024;

/// Knows a sample again by its stamp and its values.
///
/// A sample whose stamp does not go on is looked for among the last [`REMEMBERED`]. Devices that stamp whole packets alike may
/// rightly send the same values under the same stamp (a flat line): once different values came under one stamp, a sample that
/// repeats the one before is taken for the signal.
pub(crate) struct Repeats {
    seen: Vec<(u64, u64)>,
    next: usize,
    newest: f64,
    stamps_alike: bool,
}

impl Repeats {
    pub(crate) fn new() -> Self {
        Self { seen: vec![(0, 0); REMEMBERED], next: 0, newest: f64::NEG_INFINITY, stamps_alike: false }
    }

    /// Whether this sample, stamped by the source, came before. Does not allocate.
    pub(crate) fn is_repeated(&mut self, stamp: f64, frame: &[f64]) -> bool {
        let this = (stamp.to_bits(), digest(frame));
        let last = self.seen[(self.next + REMEMBERED - 1) % REMEMBERED];
        if stamp == self.newest && last.0 == this.0 && last.1 != this.1 {
            self.stamps_alike = true;
        }
        let goes_on = stamp > self.newest || (self.stamps_alike && last == this);
        if !goes_on && self.seen.contains(&this) {
            return true;
        }
        self.seen[self.next] = this;
        self.next = (self.next + 1) % REMEMBERED;
        self.newest = self.newest.max(stamp);
        false
    }
}

/// Different samples differ in it, almost surely.
fn digest(frame: &[f64]) -> u64 {
    frame.iter().fold(0xcbf2_9ce4_8422_2325, |hash, x| {
        (hash ^ x.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(samples: &[(f64, f64)]) -> Vec<usize> {
        let mut repeats = Repeats::new();
        let is = |(i, (stamp, value)): (usize, &(f64, f64))| {
            repeats.is_repeated(*stamp, &[*value, 1.0]).then_some(i)
        };
        samples.iter().enumerate().filter_map(is).collect()
    }

    #[test]
    fn what_comes_again_is_known_and_what_only_looks_alike_is_not() {
        assert_eq!(repeated(&[(1.0, 5.0), (1.0, 5.0), (2.0, 5.0), (2.0, 5.0)]), [1, 3]);
        assert_eq!(repeated(&[(1.0, 5.0), (2.0, 6.0), (1.0, 5.0), (2.0, 6.0), (3.0, 7.0)]), [2, 3]);
        // A flat line, as it should be; stamped askew; stamped alike.
        assert_eq!(repeated(&[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)]), [0; 0]);
        assert_eq!(repeated(&[(1.0, 5.0), (3.0, 6.0), (2.0, 7.0)]), [0; 0]);
        assert_eq!(repeated(&[(1.0, 5.0), (1.0, 6.0), (1.0, 6.0), (2.0, 0.0), (2.0, 0.0)]), [0; 0]);
        // Stamped alike, and a packet comes again.
        assert_eq!(
            repeated(&[(1.0, 5.0), (1.0, 6.0), (2.0, 7.0), (2.0, 8.0), (1.0, 5.0), (1.0, 6.0)]),
            [4, 5]
        );
    }
}
