//! Samples that come again, as where a bridge or a relay sends what it has sent.

/// How many samples are remembered.
const REMEMBERED: usize = 1024;
/// After so many stamps of one sample each, a source is taken for one that stamps every sample by itself.
const SINGLE: u32 = 64;
/// Of so many channels at most, spread over all, the values are compared.
const COMPARED: usize = 16;

/// Knows a sample again by its stamp and its values.
///
/// One that was stamped before the newest, exactly as one among the last [`REMEMBERED`] was, with the same values, is that one.
/// One stamped as the newest is so only where the source stamps every sample by itself: devices that stamp whole packets alike
/// may rightly send the same values (a flat line) under the same stamp. A stamp that is no number says nothing.
pub(crate) struct Repeats {
    seen: Vec<(u64, u64)>,
    next: usize,
    newest: f64,
    /// Samples under the newest stamp, and how many stamps before it had one each.
    under_newest: u32,
    singles: u32,
}

impl Repeats {
    pub(crate) fn new() -> Self {
        Self {
            seen: vec![(0, 0); REMEMBERED],
            next: 0,
            newest: f64::NEG_INFINITY,
            under_newest: 0,
            singles: 0,
        }
    }

    /// Whether this sample, stamped by the source, came before. Does not allocate.
    pub(crate) fn is_repeated(&mut self, stamp: f64, frame: &[f64]) -> bool {
        if !stamp.is_finite() {
            return false;
        }
        let this = (stamp.to_bits(), digest(frame));
        if stamp > self.newest {
            self.singles = if self.under_newest == 1 { self.singles.saturating_add(1) } else { 0 };
            (self.newest, self.under_newest) = (stamp, 1);
        } else if stamp < self.newest {
            if self.seen.contains(&this) {
                return true;
            }
        } else {
            let last = self.seen[(self.next + REMEMBERED - 1) % REMEMBERED];
            if self.singles >= SINGLE && last == this {
                return true;
            }
            self.under_newest += 1;
        }
        self.seen[self.next] = this;
        self.next = (self.next + 1) % REMEMBERED;
        false
    }
}

/// Different samples differ in it, almost surely.
fn digest(frame: &[f64]) -> u64 {
    let every = frame.len().div_ceil(COMPARED).max(1);
    frame.iter().step_by(every).fold(0xcbf2_9ce4_8422_2325, |hash: u64, x| {
        (hash ^ x.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of `samples` are left out, after as many that each have a stamp of their own as it takes.
    fn repeated_after_singles(samples: &[(f64, f64)]) -> Vec<usize> {
        let mut repeats = Repeats::new();
        (0..=SINGLE).for_each(|n| assert!(!repeats.is_repeated(f64::from(n) - 1e6, &[f64::from(n)])));
        left_out(&mut repeats, samples)
    }

    fn left_out(repeats: &mut Repeats, samples: &[(f64, f64)]) -> Vec<usize> {
        let mut is = |(i, (stamp, value)): (usize, &(f64, f64))| {
            repeats.is_repeated(*stamp, &[*value, 1.0]).then_some(i)
        };
        samples.iter().enumerate().filter_map(&mut is).collect()
    }

    #[test]
    fn what_comes_again_is_known() {
        assert_eq!(repeated_after_singles(&[(1.0, 5.0), (1.0, 5.0), (2.0, 5.0), (2.0, 5.0)]), [1, 3]);
        let twice = [(1.0, 5.0), (2.0, 6.0), (1.0, 5.0), (2.0, 6.0), (3.0, 7.0)];
        assert_eq!(repeated_after_singles(&twice), [2, 3]);
        // Stamped by the packet, and one comes again: known but for what is under its last stamp.
        let packets = [(1.0, 5.0), (1.0, 6.0), (2.0, 7.0), (2.0, 8.0), (1.0, 5.0), (1.0, 6.0), (2.0, 7.0)];
        assert_eq!(left_out(&mut Repeats::new(), &packets), [4, 5]);
    }

    #[test]
    fn what_only_looks_alike_is_left() {
        let none = [0; 0];
        let mut flat = Vec::new();
        for packet in 0..50 {
            flat.extend([(f64::from(packet), 0.0); 16]);
        }
        let alternating: Vec<(f64, f64)> = (0..320).map(|n| (f64::from(n / 32), f64::from(n % 2))).collect();
        for samples in [
            &[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)][..],
            &[(1.0, 5.0), (3.0, 6.0), (2.0, 7.0)],
            &flat,
            &alternating,
            &[(f64::NAN, 0.0); 100],
        ] {
            assert_eq!(left_out(&mut Repeats::new(), samples), none);
        }
        // A source that begins to stamp by the packet is believed as soon as one of its packets differs within.
        let changed = repeated_after_singles(&[(1.0, 1.0), (1.0, 2.0), (2.0, 3.0), (2.0, 3.0)]);
        assert_eq!(changed, none);
    }
}
