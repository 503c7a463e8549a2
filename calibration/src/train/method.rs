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
            Self::TangentLr { c } => Ok(Fitted { powers: None, linear: logistic(examples, classes, c) }),
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

fn log_powers(powers: &[f64], features: &[f64]) -> Vec<f64> {
    let rows = powers.chunks_exact(features.len().max(1));
    rows.map(|row| super::linear::dot(row, features).max(1e-30).ln()).collect()
}
