/// Scores that are linear in features; their softmax is a posterior.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Features.
    pub width: usize,
    /// `[classes x width]`.
    pub weights: Vec<f64>,
    /// One a class.
    pub bias: Vec<f64>,
}

impl Linear {
    /// Classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.bias.len()
    }

    /// The posterior of a window.
    #[must_use]
    pub fn posterior(&self, features: &[f64]) -> Vec<f64> {
        let rows = self.weights.chunks_exact(self.width);
        let scores = rows.zip(&self.bias).map(|(row, bias)| dot(row, features) + bias);
        softmax(scores.collect())
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn softmax(mut scores: Vec<f64>) -> Vec<f64> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = (*score - most).exp());
    let total: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= total);
    scores
}
