//! From what a model yields for classes to posteriors.

use crate::bundle::Classes;
use crate::decoder::{DecodeError, is_distribution};

/// Turns finite `numbers`, one a class, into posteriors in place: softmax of logits, of posteriors their logarithms, over
/// the temperature (Guo et al., On Calibration of Modern Neural Networks, 2017). Posteriors at temperature 1 are left as
/// they are.
///
/// # Errors
/// [`DecodeError::NotProbabilities`] where posteriors are none.
pub(crate) fn to_posteriors(classes: &Classes, numbers: &mut [f32]) -> Result<(), DecodeError> {
    if !classes.logits {
        if !is_distribution(numbers) {
            return Err(DecodeError::NotProbabilities(numbers.to_vec()));
        }
        if classes.temperature == 1.0 {
            return Ok(());
        }
    }
    // Of a probability of nothing, or a hair below, nothing is left.
    let logit = |x: f32| if classes.logits { f64::from(x) } else { f64::from(x.max(0.0)).ln() };
    let most = numbers.iter().map(|x| logit(*x)).fold(f64::NEG_INFINITY, f64::max);
    let weight = |x: f32| ((logit(x) - most) / classes.temperature).exp();
    let sum: f64 = numbers.iter().map(|x| weight(*x)).sum();
    for x in numbers {
        *x = (weight(*x) / sum) as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Output, OutputKind};

    fn posteriors(logits: bool, temperature: f64, numbers: &[f32]) -> Result<Vec<f32>, DecodeError> {
        let OutputKind::Classes(classes) = Output::posteriors(&["a", "b"]).kind else { panic!("classes") };
        let classes = Classes { logits, temperature, ..classes };
        let mut numbers = numbers.to_vec();
        to_posteriors(&classes, &mut numbers).map(|()| numbers)
    }

    fn close(found: Result<Vec<f32>, DecodeError>, wanted: &[f64]) {
        let found = found.expect("posteriors");
        assert!(found.iter().zip(wanted).all(|(f, w)| (f64::from(*f) - w).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn logits_are_divided_by_the_temperature_before_the_softmax() {
        // ln 3 apart: three to one; at temperature 2, the square root of that.
        let apart = 3.0f32.ln();
        close(posteriors(true, 1.0, &[apart, 0.0]), &[0.75, 0.25]);
        let root = 3.0f64.sqrt();
        close(posteriors(true, 2.0, &[apart, 0.0]), &[root / (1.0 + root), 1.0 / (1.0 + root)]);
        // No overflow, whatever the size.
        close(posteriors(true, 0.01, &[3e38, -3e38]), &[1.0, 0.0]);
    }

    #[test]
    fn posteriors_are_kept_or_tempered_by_their_logarithms() {
        assert_eq!(posteriors(false, 1.0, &[0.3, 0.7]).expect("kept"), [0.3, 0.7]);
        let root = 3.0f64.sqrt();
        close(posteriors(false, 2.0, &[0.75, 0.25]), &[root / (1.0 + root), 1.0 / (1.0 + root)]);
        close(posteriors(false, 2.0, &[1.0, 0.0]), &[1.0, 0.0]);
        assert!(matches!(posteriors(false, 2.0, &[0.5, 0.6]), Err(DecodeError::NotProbabilities(_))));
    }
}
