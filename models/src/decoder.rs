//! What a decoder is to the pipeline.

use crate::bundle::{Output, Reset};
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
    /// What came out, or is to be remembered, holds NaN or infinity.
    #[error("the model yielded NaN or infinity in `{tensor}`")]
    NotFinite {
        /// The tensor.
        tensor: String,
    },
}

/// Turns windows into posteriors, velocities or other numbers; owned by the decoding thread.
pub trait Decoder: Send {
    /// Who it is.
    fn identity(&self) -> Arc<DecoderIdentity>;

    /// What its numbers are. Of classes they are posteriors, whatever the model yields.
    fn output(&self) -> &Output;

    /// Decodes `window` (`[channels x samples]`, channel-major, oldest sample first, in the bundle's unit; the newest hop
    /// alone where the bundle says so) into `numbers`, [`Output::numbers`] of them.
    ///
    /// # Errors
    /// [`DecodeError`]; `numbers` is then not to be used, and what is remembered is as it was before.
    fn decode(&mut self, window: &[f32], numbers: &mut [f32]) -> Result<(), DecodeError>;

    /// Whether it remembers anything from one window to the next: it is then given every window in its order, or reset.
    fn has_memory(&self) -> bool {
        false
    }

    /// Forgets what a hole in the stream makes worthless ([`Reset::Invalid`]), or everything ([`Reset::Attachment`]).
    fn reset(&mut self, _how: Reset) {}

    /// Does something like decoding and forgets it: so that nothing it needs grows cold while no window comes.
    fn keep_warm(&mut self) {}
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
