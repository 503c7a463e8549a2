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

/// How frequent classes seem: the running mean of posteriors over windows of trials.
///
/// On another day a decoder may favour a class. Where classes are cued equally often, as in a calibration or a trained task, the
/// mean of its posteriors tells how much; divided by it, and made a posterior again, they favour none. That is the correction
/// for other frequencies of Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori
/// probabilities, Neural Computation 14(1), 2002, with a running mean in the place of their iteration. Where one class is meant
/// far more often it is wrong, which is why nothing is learned outside of trials, and no class is held to be rarer than a quarter of
/// its share.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    mean: Vec<f64>,
    /// As how many windows the mean counts.
    windows: f64,
    at_first: f64,
}

impl Prior {
    /// Of `classes` classes, of which none seems more frequent, which counts as `windows` windows.
    #[must_use]
    pub fn new(classes: usize, windows: u32) -> Self {
        let at_first = f64::from(windows);
        Self { mean: vec![1.0 / classes.max(1) as f64; classes], windows: at_first, at_first }
    }

    /// Nothing is known any more.
    pub fn reset(&mut self) {
        let alike = 1.0 / self.mean.len().max(1) as f64;
        self.mean.fill(alike);
        self.windows = self.at_first;
    }

    /// A window of a trial.
    pub fn learn(&mut self, posterior: &[f32]) {
        self.windows += 1.0;
        for (mean, p) in self.mean.iter_mut().zip(posterior) {
            *mean += (f64::from(*p) - *mean) / self.windows;
        }
    }

    /// Levels a posterior; one that is nothing stays so.
    pub fn level(&self, posterior: &mut [f32]) {
        if self.windows <= self.at_first {
            return;
        }
        let least = 0.25 / self.mean.len().max(1) as f64;
        let levelled = |(p, mean): (&f32, &f64)| f64::from(*p) / mean.max(least);
        let sum: f64 = posterior.iter().zip(&self.mean).map(levelled).sum();
        if sum > 0.0 && sum.is_finite() {
            for (p, mean) in posterior.iter_mut().zip(&self.mean) {
                *p = (levelled((p, mean)) / sum) as f32;
            }
        }
    }
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

    #[test]
    fn a_class_that_seems_too_frequent_is_held_back_and_one_that_does_not_is_not() {
        let mut prior = Prior::new(2, 10);
        let level = |prior: &Prior, p: f32| {
            let mut posterior = [p, 1.0 - p];
            prior.level(&mut posterior);
            assert!((posterior[0] + posterior[1] - 1.0).abs() < 1e-6);
            posterior[0]
        };
        assert_eq!(level(&prior, 0.7), 0.7);
        // Synthetic: odds of three to one in favour of the first, over what is meant.
        for _ in 0..1000 {
            prior.learn(&[0.9, 0.1]);
            prior.learn(&[0.5, 0.5]);
        }
        assert!((level(&prior, 0.7) - 0.5).abs() < 0.01, "{prior:?}");
        assert!(level(&prior, 0.5) < 0.31 && level(&prior, 0.9) > 0.75);
        assert_eq!((level(&prior, 1.0), level(&prior, 0.0)), (1.0, 0.0));
        // One that is never meant does not come to win by noise.
        for _ in 0..100_000 {
            prior.learn(&[1.0, 0.0]);
        }
        assert!(level(&prior, 0.9) > 0.5, "{prior:?}");
        prior.reset();
        assert_eq!(prior, Prior::new(2, 10));
        let mut nothing = [0.0, 0.0];
        prior.level(&mut nothing);
        assert_eq!(nothing, [0.0, 0.0]);
    }
}
