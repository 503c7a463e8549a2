use super::Examples;
use super::linear::{Linear, dot};
use bci_dsp::linalg::{EigenError, SymmetricEigen};
use bci_dsp::run::{Covariance, Shrinkage};

/// Why nothing can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LdaError {
    /// A class has no example.
    #[error("class {0} has no window to learn from")]
    NoExample(usize),
    /// The features do not vary within classes, or are not numbers.
    #[error("the features cannot be decorrelated: {0}")]
    Covariance(EigenError),
}

/// Linear discriminant analysis: classes of one covariance within, drawn to its mean variance as Ledoit and Wolf have it, and as
/// often as trials were cued. scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")`, but for its scaling
/// of features before shrinkage.
///
/// # Errors
/// [`LdaError`].
pub fn lda(examples: &Examples, classes: usize) -> Result<Linear, LdaError> {
    let (width, weights) = (examples.width(), examples.weights());
    let (mut means, mut totals) = (vec![0.0; classes * width], vec![0.0; classes]);
    for (i, weight) in weights.iter().enumerate() {
        let class = examples.class(i);
        totals[class] += weight;
        let mean = &mut means[class * width..(class + 1) * width];
        mean.iter_mut().zip(examples.features(i)).for_each(|(mean, x)| *mean += weight * x);
    }
    if let Some(empty) = totals.iter().position(|total| *total == 0.0) {
        return Err(LdaError::NoExample(empty));
    }
    for (mean, total) in means.chunks_exact_mut(width).zip(&totals) {
        mean.iter_mut().for_each(|x| *x /= total);
    }
    let covariance = Covariance::design(width, Shrinkage::LedoitWolf, false);
    let mut within = covariance.unwrap_or_else(|_| unreachable!("an example has features"));
    let mut apart = vec![0.0; width];
    for i in 0..examples.len() {
        let mean = &means[examples.class(i) * width..];
        for ((apart, x), mean) in apart.iter_mut().zip(examples.features(i)).zip(mean) {
            *apart = x - mean;
        }
        within.accumulate(&apart);
    }
    let mut matrix = vec![0.0; width * width];
    within.finish(&mut matrix);
    let mut eigen = SymmetricEigen::design(width);
    eigen.decompose(&matrix).map_err(LdaError::Covariance)?;
    eigen.spd_function(|x| 1.0 / x, &mut matrix);
    let mut linear = Linear { width, weights: Vec::with_capacity(classes * width), bias: Vec::new() };
    let all: f64 = totals.iter().sum();
    for (mean, total) in means.chunks_exact(width).zip(&totals) {
        let row: Vec<f64> = matrix.chunks_exact(width).map(|row| dot(row, mean)).collect();
        linear.bias.push((total / all).ln() - 0.5 * dot(&row, mean));
        linear.weights.extend(row);
    }
    Ok(linear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_one_shape_are_told_apart_by_their_means() {
        let mut examples = Examples::new(2);
        for i in 0..400u32 {
            let (t, class) = (f64::from(i), (i % 2) as usize);
            // Long along the diagonal; the classes lie across it.
            let (along, across) = (4.0 * (t * 0.61).sin(), 0.3 * (t * 1.7).cos() + class as f64);
            examples.push(i as usize, class, [along + across, along - across]);
        }
        let model = lda(&examples, 2).expect("learned");
        let right = (0..400).filter(|i| {
            let p = model.posterior(examples.features(*i));
            usize::from(p[1] > p[0]) == examples.class(*i)
        });
        assert!(right.count() >= 396);
        assert_eq!(lda(&examples, 3), Err(LdaError::NoExample(2)));
    }
}
