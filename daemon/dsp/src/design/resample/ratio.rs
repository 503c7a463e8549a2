use bci_types::Hz;
use std::fmt;

/// The largest `up` or `down` of a [`Ratio`]: a filter has a phase for each of `up`.
pub const MOST_PHASES: u32 = 4096;

/// Two sampling rates as a fraction in lowest terms: `up` output frames for `down` input frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    up: u32,
    down: u32,
}

impl Ratio {
    /// The fraction of two rates, by continued fractions: `None` when it needs a number above [`MOST_PHASES`]. It is
    /// exact: what differs by more than the rounding of the rates themselves is no such fraction.
    #[must_use]
    pub fn between(from: Hz, to: Hz) -> Option<Self> {
        let target = to.get() / from.get();
        let most = f64::from(MOST_PHASES);
        // Numerator and denominator of this convergent and of the one before.
        let (mut p, mut q) = (target.floor(), 1.0);
        let (mut p_before, mut q_before) = (1.0, 0.0);
        let mut rest = target - p;
        while p <= most && q <= most {
            if (p / q - target).abs() <= 4.0 * f64::EPSILON * target {
                return Some(Self { up: p as u32, down: q as u32 });
            }
            rest = rest.recip();
            let whole = rest.floor();
            rest -= whole;
            (p, p_before) = (whole * p + p_before, p);
            (q, q_before) = (whole * q + q_before, q);
        }
        None
    }

    /// Output frames for every [`Ratio::down`] input frames.
    #[must_use]
    pub fn up(self) -> u32 {
        self.up
    }

    /// Input frames for every [`Ratio::up`] output frames.
    #[must_use]
    pub fn down(self) -> u32 {
        self.down
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.up, self.down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(from: f64, to: f64) -> Option<(u32, u32)> {
        let hz = |rate| Hz::new(rate).expect("a rate");
        Ratio::between(hz(from), hz(to)).map(|r| (r.up, r.down))
    }

    #[test]
    fn whole_and_decimal_rates_give_their_fraction_in_lowest_terms() {
        for (from, to, want) in [
            (160.0, 250.0, (25, 16)),
            (250.0, 250.0, (1, 1)),
            (1000.0, 250.0, (1, 4)),
            (2048.0, 250.0, (125, 1024)),
            (30_000.0, 250.0, (1, 120)),
            (999.41, 99.941, (1, 10)),
            (999.41, 1998.82, (2, 1)),
            (24_414.062_5, 2000.0, (256, 3125)),
            (128.0, 512.0, (4, 1)),
            (4095.0, 4096.0, (4096, 4095)),
        ] {
            assert_eq!(between(from, to), Some(want), "{from} Hz to {to} Hz");
        }
    }

    #[test]
    fn what_is_no_small_fraction_is_none() {
        for (from, to) in [(999.41, 250.0), (4097.0, 4096.0), (250.0, 2f64.sqrt() * 250.0), (1e6, 1.0)] {
            assert_eq!(between(from, to), None, "{from} Hz to {to} Hz");
        }
    }
}
