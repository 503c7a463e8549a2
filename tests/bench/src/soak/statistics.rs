//! Medians, percentiles and a slope that single outliers do not move.

/// The middle one; NaN of none.
pub(super) fn median(all: Vec<f64>) -> f64 {
    quantile(&all, 0.5)
}

/// The value at a share of all, the nearest one; NaN of none.
pub(super) fn quantile(all: &[f64], share: f64) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((share * last).round() as usize).copied().unwrap_or(f64::NAN)
}

/// The median of the slopes between all pairs (Theil and Sen); 0 of fewer than two points.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(n, a)| points[n + 1..].iter().map(move |b| (a, b)));
    let slopes: Vec<f64> =
        pairs.filter(|(a, b)| a.0 != b.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    if slopes.is_empty() { 0.0 } else { median(slopes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_none() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.99), 2.0);
        assert!(quantile(&[], 0.99).is_nan());
    }

    #[test]
    fn a_slope_that_an_outlier_does_not_move() {
        let mut points: Vec<(f64, f64)> = (0..20).map(|n| (f64::from(n), 2.0 * f64::from(n))).collect();
        points[7].1 = 1e6;
        assert!((slope(&points) - 2.0).abs() < 1e-9);
        assert_eq!(slope(&points[..1]), 0.0);
    }
}
