//! What a decoder is to the pipeline.

use bci_types::DecoderIdentity;
use std::sync::Arc;

/// Why a window was not decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The runtime refused to run.
    #[error("the model failed on a window")]
    Run(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is handed in does not fit the model.
    #[error(
        "a window of {window} numbers for a posterior of {posterior} does not fit: the model takes {needed}"
    )]
    Size {
        /// Numbers in the window.
        window: usize,
        /// Numbers that the model takes.
        needed: usize,
        /// Room for the posterior.
        posterior: usize,
    },
    /// What came out is no posterior.
    #[error("the model yielded {0:?}, which are no probabilities")]
    NotProbabilities(Vec<f32>),
}

/// Turns windows into class posteriors; owned by the decoding thread.
pub trait Decoder: Send {
    /// Who it is.
    fn identity(&self) -> Arc<DecoderIdentity>;

    /// Class labels, in the order of the posterior.
    fn classes(&self) -> Arc<[String]>;

    /// Decodes `window` (`[channels x samples]`, channel-major, oldest sample first, in the bundle's unit) into
    /// `posterior`, one probability a class.
    ///
    /// # Errors
    /// [`DecodeError`]; `posterior` is then not to be used.
    fn decode(&mut self, window: &[f32], posterior: &mut [f32]) -> Result<(), DecodeError>;
}

/// Whether `p` is a distribution: finite, within 0 to 1, summing to 1 within a thousandth.
#[must_use]
pub fn is_distribution(p: &[f32]) -> bool {
    let sum: f32 = p.iter().sum();
    p.iter().all(|x| (-1e-6..=1.0 + 1e-3).contains(x)) && (sum - 1.0).abs() <= 1e-3
}

#[cfg(test)]
mod tests {
    use super::is_distribution;

    #[test]
    fn only_probabilities_are_probabilities() {
        assert!(is_distribution(&[0.25, 0.75]));
        for bad in [&[f32::NAN, 1.0][..], &[0.5, 0.6], &[-0.5, 1.5], &[f32::INFINITY, 0.0], &[]] {
            assert!(!is_distribution(bad), "{bad:?}");
        }
    }
}
