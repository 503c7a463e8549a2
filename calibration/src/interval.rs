/// A count out of a total, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// How many.
    pub hits: usize,
    /// Out of how many.
    pub total: usize,
    /// Their ratio; NaN of nothing.
    pub value: f64,
    /// Lower and upper end of the interval.
    pub ci95: [f64; 2],
}

/// The 95 % score interval of a proportion (Wilson, J. Am. Stat. Assoc. 22, 1927), which stays honest for few trials
/// and at 0 and 1. Of no trials nothing is known: the interval is 0 to 1.
#[must_use]
pub fn wilson95(hits: usize, total: usize) -> Proportion {
    // The 97.5 % point of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    if total == 0 {
        return Proportion { hits, total, value: f64::NAN, ci95: [0.0, 1.0] };
    }
    let n = total as f64;
    let p = hits as f64 / n;
    let denominator = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / denominator;
    let half = Z / denominator * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Proportion { hits, total, value: p, ci95: [(centre - half).max(0.0), (centre + half).min(1.0)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against SciPy 1.17 `binomtest(k, n).proportion_ci(method="wilson")`.
    #[test]
    fn known_intervals() {
        for (hits, total, low, high) in [
            (14, 15, 0.701_834_701_262_199_7, 0.988_133_104_506_731_4),
            (0, 10, 0.0, 0.277_532_799_862_889_26),
            (10, 10, 0.722_467_200_137_110_9, 1.0),
            (50, 100, 0.403_831_530_365_995_6, 0.596_168_469_634_004_4),
        ] {
            let p = wilson95(hits, total);
            assert!((p.ci95[0] - low).abs() < 1e-9 && (p.ci95[1] - high).abs() < 1e-9, "{p:?}");
        }
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        let p = wilson95(0, 0);
        assert!(p.value.is_nan());
        assert_eq!(p.ci95, [0.0, 1.0]);
    }
}
