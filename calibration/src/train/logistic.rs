use super::Examples;
use super::lbfgs::minimise;
use super::linear::{Linear, dot};

/// Multinomial logistic regression: minimises half the squares of the weights (not of the bias) plus `c` times the loss, every
/// trial counting as one example whatever its windows. With one window a trial that is scikit-learn's `LogisticRegression(C=c)`.
#[must_use]
pub fn logistic(examples: &Examples, classes: usize, c: f64) -> Linear {
    let width = examples.width();
    let weights = examples.weights();
    let mut x = vec![0.0; classes * (width + 1)];
    let mut scores = vec![0.0; classes];
    minimise(&mut x, 1e-7 * c.max(1.0), |x, gradient| {
        let (w, bias) = x.split_at(classes * width);
        let (gw, gb) = gradient.split_at_mut(classes * width);
        gw.copy_from_slice(w);
        gb.fill(0.0);
        let mut loss = 0.5 * dot(w, w);
        for (i, weight) in weights.iter().enumerate() {
            let features = examples.features(i);
            for ((score, row), b) in scores.iter_mut().zip(w.chunks_exact(width)).zip(bias) {
                *score = dot(row, features) + b;
            }
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|s| (s - most).exp()).sum();
            let own = examples.class(i);
            let weight = c * weight;
            loss += weight * (total.ln() + most - scores[own]);
            for (k, score) in scores.iter().enumerate() {
                let off = weight * ((score - most).exp() / total - f64::from(u8::from(k == own)));
                gb[k] += off;
                gw[k * width..(k + 1) * width].iter_mut().zip(features).for_each(|(g, x)| *g += off * x);
            }
        }
        loss
    });
    let bias = x.split_off(classes * width);
    Linear { width, weights: x, bias }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against scikit-learn 1.9 `LogisticRegression(C=2.0, tol=1e-10)` on the same numbers.
    #[test]
    fn it_equals_scikit_learns() {
        let mut examples = Examples::new(2);
        for i in 0..30u32 {
            let t = f64::from(i);
            examples.push(
                i as usize,
                (i % 3) as usize,
                [(t * 0.7).sin() + f64::from(i % 3), (t * 1.3).cos()],
            );
        }
        let model = logistic(&examples, 3, 2.0);
        let known = include!("../../tests/vectors/logistic.in");
        for (x, posterior) in known {
            for (p, wanted) in model.posterior(&x).iter().zip(posterior) {
                assert!((p - wanted).abs() < 1e-6, "{x:?}: {p} for {wanted}");
            }
        }
    }

    /// Ten windows of a trial count as one.
    #[test]
    fn a_long_trial_counts_no_more_than_a_short_one() {
        let (mut short, mut long) = (Examples::new(1), Examples::new(1));
        for (trial, x) in [-1.0, 0.4, -0.2, 1.0].into_iter().enumerate() {
            short.push(trial, trial % 2, [x]);
            for _ in 0..=9 * trial {
                long.push(trial, trial % 2, [x]);
            }
        }
        let (short, long) = (logistic(&short, 2, 1.0), logistic(&long, 2, 1.0));
        assert!((short.posterior(&[0.3])[0] - long.posterior(&[0.3])[0]).abs() < 1e-6);
    }
}
