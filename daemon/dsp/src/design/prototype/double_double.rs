//! Sums and products with twice the digits of f64, for what cancels.

use std::ops::Add;

/// A number as the sum of two f64, the second less than half a digit of the first (Dekker 1971).
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    high: f64,
    low: f64,
}

impl Wide {
    pub(super) const ZERO: Wide = Wide { high: 0.0, low: 0.0 };

    /// Exact for whole numbers below 2^106.
    pub(super) fn whole(n: u128) -> Self {
        let high = n as f64;
        let rest = if high as u128 > n { -((high as u128 - n) as f64) } else { (n - high as u128) as f64 };
        Self { high, low: rest }
    }

    /// This times an f64.
    pub(super) fn times(self, factor: f64) -> Self {
        let product = product(self.high, factor);
        sum(product.high, product.low + self.low * factor)
    }

    /// The nearest f64.
    pub(super) fn rounded(self) -> f64 {
        self.high + self.low
    }
}

impl Add for Wide {
    type Output = Wide;
    fn add(self, o: Wide) -> Wide {
        let s = sum(self.high, o.high);
        let t = sum(self.low, o.low);
        let s = sum(s.high, s.low + t.high);
        sum(s.high, s.low + t.low)
    }
}

/// The rounded sum and what rounding left out (Knuth).
fn sum(a: f64, b: f64) -> Wide {
    let high = a + b;
    let part = high - a;
    Wide { high, low: (a - (high - part)) + (b - part) }
}

/// The rounded product and what rounding left out (Veltkamp and Dekker).
fn product(a: f64, b: f64) -> Wide {
    let high = a * b;
    let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
    Wide { high, low: ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2 }
}

/// `x` as two numbers of 26 bits each, whose products are exact.
fn halves(x: f64) -> (f64, f64) {
    let scaled = x * 134_217_729.0;
    let upper = scaled - (scaled - x);
    (upper, x - upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_f64_would_round_away_is_kept() {
        let n = (1u128 << 90) + 12_345;
        let difference = Wide::whole(n) + Wide::whole(1 << 90).times(-1.0);
        assert_eq!(difference.rounded(), 12_345.0);
        let a = 1.0 + f64::EPSILON;
        // (1 + e)^2 - 1 - 2e = e^2.
        let square = product(a, a) + sum(-1.0, -2.0 * f64::EPSILON);
        assert_eq!(square.rounded(), f64::EPSILON * f64::EPSILON);
    }
}
