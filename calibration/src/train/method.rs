use super::{Csp, CspError, Examples, LdaError, Linear, lda, logistic};

/// How a decoder is learned from covariances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Common spatial patterns, the logarithms of the power along each, and a linear discriminant analysis.
    CspLda {
        /// Strongest and weakest directions between two classes, or as many strongest of each of more classes.
        pairs: usize,
    },
    /// Logistic regression on the logarithm of the covariance.
    TangentLr {
        /// What the loss weighs against the squares of the weights.
        c: f64,
        /// Whether it learns from overall power, the mean of a group's logarithm along the diagonal: of the covariance the
        /// logarithm of its determinant. Without it how strong the signal is means nothing, only how it is spread. `None`
        /// is with it, where nobody has chosen.
        power: Option<bool>,
    },
}

/// Why nothing could be learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// By common spatial patterns.
    #[error(transparent)]
    Csp(#[from] CspError),
    /// By discriminant analysis.
    #[error(transparent)]
    Lda(#[from] LdaError),
    /// A class has no example.
    #[error("class {0} has no window to learn from")]
    NoExample(usize),
}

/// What was learned: scores linear in features, or in the logarithms of powers that are linear in features.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// `[powers x features]`.
    pub powers: Option<Vec<f64>>,
    /// Of the features, or of the logarithms of the powers.
    pub linear: Linear,
}

impl Method {
    /// Whether it takes the logarithm of the covariance, rather than the covariance.
    #[must_use]
    pub fn takes_log(self) -> bool {
        matches!(self, Self::TangentLr { .. })
    }

    /// Learns from the upper triangles of covariances, or of their logarithms, of `groups` groups of `channels` channels.
    ///
    /// # Errors
    /// [`FitError`].
    pub fn fit(
        self,
        examples: &Examples,
        (groups, channels): (usize, usize),
        classes: usize,
    ) -> Result<Fitted, FitError> {
        let has = |class: usize| (0..examples.len()).any(|i| examples.class(i) == class);
        if let Some(empty) = (0..classes).find(|class| !has(*class)) {
            return Err(FitError::NoExample(empty));
        }
        match self {
            Self::TangentLr { c, power } => {
                // The weights then have no part along it: the features need not be changed where they are decoded.
                let without = || examples.map(examples.width(), |f| without_power(f, channels));
                let linear = match power {
                    Some(false) => logistic(&without(), classes, c),
                    _ => logistic(examples, classes, c),
                };
                Ok(Fitted { powers: None, linear })
            }
            Self::CspLda { pairs } => {
                let triangle = channels * (channels + 1) / 2;
                let mut powers = Vec::new();
                for group in 0..groups {
                    let own = group * triangle..(group + 1) * triangle;
                    let of_group = examples.map(triangle, |features| features[own.clone()].to_vec());
                    let csp = Csp::fit(&of_group, channels, classes, pairs)?;
                    for row in csp.powers().chunks_exact(triangle) {
                        let at = powers.len();
                        powers.resize(at + examples.width(), 0.0);
                        powers[at + own.start..at + own.end].copy_from_slice(row);
                    }
                }
                let rows = powers.len() / examples.width();
                let logs = examples.map(rows, |features| log_powers(&powers, features));
                let linear = lda(&logs, classes)?;
                Ok(Fitted { powers: Some(powers), linear })
            }
        }
    }
}

impl Fitted {
    /// The posterior of a window.
    #[must_use]
    pub fn posterior(&self, features: &[f64]) -> Vec<f64> {
        match &self.powers {
            Some(powers) => self.linear.posterior(&log_powers(powers, features)),
            None => self.linear.posterior(features),
        }
    }
}

/// Upper triangles, row by row, each less the mean of its diagonal.
fn without_power(triangles: &[f64], channels: usize) -> Vec<f64> {
    let mut all = triangles.to_vec();
    for triangle in all.chunks_exact_mut(channels * (channels + 1) / 2) {
        let diagonal = || (0..channels).scan(0, |at, row| Some(std::mem::replace(at, *at + channels - row)));
        let mean = diagonal().map(|at| triangle[at]).sum::<f64>() / channels as f64;
        diagonal().for_each(|at| triangle[at] -= mean);
    }
    all
}

fn log_powers(powers: &[f64], features: &[f64]) -> Vec<f64> {
    let rows = powers.chunks_exact(features.len().max(1));
    rows.map(|row| super::linear::dot(row, features).max(1e-30).ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagonal_of_each_triangle_loses_its_mean() {
        // [1 2 3; . 4 5; . . 7] and the same ten times.
        let one = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
        let both: Vec<f64> = one.iter().copied().chain(one.map(|x| 10.0 * x)).collect();
        let wanted = [-3.0, 2.0, 3.0, 0.0, 5.0, 3.0];
        let wanted: Vec<f64> = wanted.iter().copied().chain(wanted.map(|x| 10.0 * x)).collect();
        assert_eq!(without_power(&both, 3), wanted);
    }

    /// Examples (synthetic) of two classes that differ in overall power and, less, in what is beside the diagonal.
    fn examples() -> Examples {
        let mut examples = Examples::new(3);
        for i in 0..40usize {
            let (class, t) = (i % 2, i as f64);
            let power = class as f64 * 2.0 + (t * 1.7).sin();
            examples.push(
                i,
                class,
                [power, class as f64 * 0.3 + (t * 0.9).cos() * 0.5, power + (t * 2.3).sin() * 0.3],
            );
        }
        examples
    }

    #[test]
    fn without_overall_power_a_louder_signal_is_decoded_alike() {
        let examples = examples();
        let fit = |power| Method::TangentLr { c: 1.0, power }.fit(&examples, (1, 2), 2).expect("two classes");
        let (with, without) = (fit(Some(true)), fit(Some(false)));
        assert_eq!(fit(None), with);
        let (quiet, loud) = ([0.2, 0.4, 0.1], [5.2, 0.4, 5.1]);
        let change = |fitted: &Fitted| (fitted.posterior(&quiet)[0] - fitted.posterior(&loud)[0]).abs();
        assert!(change(&without) < 1e-6, "{}", change(&without));
        assert!(change(&with) > 0.1, "{}", change(&with));
        // What is left still counts.
        let beside = |x: f64| without.posterior(&[0.0, x, 0.0])[1];
        assert!(beside(1.0) > beside(-1.0) + 0.1);
    }
}
