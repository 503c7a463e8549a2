use super::Examples;
use bci_dsp::linalg::{EigenError, SymmetricEigen, multiply, symmetrise};

/// Common spatial patterns: directions in which the signal is strong in one class and weak in the others. Ramoser,
/// Müller-Gerking, Pfurtscheller, Optimal spatial filtering of single trial EEG during imagined hand movement, IEEE Trans.
/// Rehabil. Eng. 8(4), 2000; of more than two classes, each against all others.
#[derive(Clone, Debug, PartialEq)]
pub struct Csp {
    channels: usize,
    /// `[components x (channels (channels + 1) / 2)]`: the power along each, linear in the upper triangle of a covariance.
    powers: Vec<f64>,
}

/// Why there are no patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CspError {
    /// A class has no example.
    #[error("class {0} has no window to learn from")]
    NoExample(usize),
    /// Covariances are not numbers.
    #[error("the covariances cannot be decomposed: {0}")]
    Covariance(EigenError),
}

impl Csp {
    /// Learns from covariances of `channels` channels, of which examples hold the upper triangle row by row, `pairs` strongest
    /// and weakest directions between two classes, or as many strongest of each of more classes.
    ///
    /// # Errors
    /// [`CspError`].
    pub fn fit(examples: &Examples, channels: usize, classes: usize, pairs: usize) -> Result<Self, CspError> {
        let square = channels * channels;
        let weights = examples.weights();
        let (mut means, mut totals) = (vec![0.0; classes * square], vec![0.0; classes]);
        let mut matrix = vec![0.0; square];
        for (i, weight) in weights.iter().enumerate() {
            let class = examples.class(i);
            unfold(examples.features(i), channels, &mut matrix);
            let trace: f64 = matrix.iter().step_by(channels + 1).sum();
            // By its power: a loud window says no more than another.
            let weight = if trace > 0.0 { weight / trace } else { 0.0 };
            totals[class] += weights[i];
            let mean = &mut means[class * square..(class + 1) * square];
            mean.iter_mut().zip(&matrix).for_each(|(mean, x)| *mean += weight * x);
        }
        if let Some(empty) = totals.iter().position(|total| *total == 0.0) {
            return Err(CspError::NoExample(empty));
        }
        for (mean, total) in means.chunks_exact_mut(square).zip(&totals) {
            mean.iter_mut().for_each(|x| *x /= total);
        }
        let mut csp = Self { channels, powers: Vec::new() };
        let of_class = |class: usize| &means[class * square..(class + 1) * square];
        let contrasts = if classes == 2 { 1 } else { classes };
        for class in 0..contrasts {
            let mut all = vec![0.0; square];
            for other in 0..classes {
                let share = if classes == 2 || other == class { 1.0 } else { 1.0 / (classes - 1) as f64 };
                all.iter_mut().zip(of_class(other)).for_each(|(all, x)| *all += share * x);
            }
            let filters = contrast(of_class(class), &all, channels).map_err(CspError::Covariance)?;
            let strongest = filters.chunks_exact(channels).rev().take(pairs);
            strongest.for_each(|filter| csp.add(filter));
            if classes == 2 {
                filters
                    .chunks_exact(channels)
                    .take(pairs.min(channels - pairs.min(channels)))
                    .for_each(|f| csp.add(f));
            }
        }
        Ok(csp)
    }

    fn add(&mut self, filter: &[f64]) {
        for i in 0..self.channels {
            let twice = |j: usize| if i == j { 1.0 } else { 2.0 };
            self.powers.extend((i..self.channels).map(|j| twice(j) * filter[i] * filter[j]));
        }
    }

    /// Directions.
    #[must_use]
    pub fn components(&self) -> usize {
        self.powers.len() / (self.channels * (self.channels + 1) / 2)
    }

    /// `[components x (channels (channels + 1) / 2)]`: what a covariance's upper triangle is multiplied with for the power
    /// along each direction.
    #[must_use]
    pub fn powers(&self) -> &[f64] {
        &self.powers
    }
}

/// The filters that make `all` the unit matrix and `one` diagonal, one a row, the weakest in `one` first.
fn contrast(one: &[f64], all: &[f64], n: usize) -> Result<Vec<f64>, EigenError> {
    let mut eigen = SymmetricEigen::design(n);
    let [mut whitening, mut between, mut product] = [0; 3].map(|_| vec![0.0; n * n]);
    eigen.decompose(all)?;
    eigen.inverse_sqrt(&mut whitening);
    multiply(one, &whitening, n, n, &mut product);
    multiply(&whitening, &product, n, n, &mut between);
    symmetrise(n, &mut between);
    eigen.decompose(&between)?;
    multiply(eigen.vectors(), &whitening, n, n, &mut product);
    Ok(product)
}

/// A symmetric matrix of its upper triangle.
fn unfold(triangle: &[f64], n: usize, out: &mut [f64]) {
    let pairs = (0..n).flat_map(|i| (i..n).map(move |j| (i, j)));
    for ((i, j), x) in pairs.zip(triangle) {
        out[i * n + j] = *x;
        out[j * n + i] = *x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::linear::dot;

    fn log_powers(csp: &Csp, triangle: &[f64]) -> Vec<f64> {
        csp.powers().chunks_exact(triangle.len()).map(|row| dot(row, triangle).ln()).collect()
    }

    /// Two sources, each loud in one class, mixed onto three channels with a third one that is always there.
    #[test]
    fn sources_are_unmixed() {
        let mixing = [[1.0, 0.4, 0.2], [0.3, 1.0, -0.5], [0.1, 0.2, 1.0]];
        let mut examples = Examples::new(6);
        for trial in 0..40usize {
            let class = trial % 2;
            let noise = 1.0 + 0.2 * (trial as f64 * 0.9).sin();
            let power = [if class == 0 { 9.0 } else { 1.0 } * noise, if class == 1 { 9.0 } else { 1.0 }, 4.0];
            let c = |i: usize, j: usize| (0..3).map(|s| mixing[i][s] * power[s] * mixing[j][s]).sum::<f64>();
            examples.push(
                trial,
                class,
                (0..3).flat_map(|i| (i..3).map(move |j| (i, j))).map(|(i, j)| c(i, j)),
            );
        }
        let csp = Csp::fit(&examples, 3, 2, 1).expect("learned");
        assert_eq!(csp.components(), 2);
        let mean = |class: usize| {
            let own = examples.of_trials(|trial| trial % 2 == class);
            let all: Vec<Vec<f64>> = (0..own.len()).map(|i| log_powers(&csp, own.features(i))).collect();
            [0, 1].map(|k| all.iter().map(|p| p[k]).sum::<f64>() / all.len() as f64)
        };
        let (first, second) = (mean(0), mean(1));
        // Each alone: nine times as strong in its class.
        assert!((first[0] - second[0] - 9f64.ln()).abs() < 0.05, "{first:?} {second:?}");
        assert!((second[1] - first[1] - 9f64.ln()).abs() < 0.05, "{first:?} {second:?}");
        assert_eq!(Csp::fit(&examples, 3, 3, 1), Err(CspError::NoExample(2)));
    }
}
