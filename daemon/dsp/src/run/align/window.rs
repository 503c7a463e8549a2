use super::reference::Reference;
use super::spec::AlignSpec;
use crate::design::DesignError;
use crate::run::RetuneError;

/// Aligns windows as they are handed to a decoder: each is multiplied by the inverse root of a reference covariance, so
/// that windows have the unit matrix for their mean covariance, on whatever day and in whatever person.
///
/// Until there is a reference, windows stay as they are. Owned by one thread; allocates in `design` only. A window costs
/// one eigendecomposition (two for the Riemannian mean) where it is learned from, and `frames * channels^2` products.
#[derive(Clone, Debug)]
pub struct Alignment {
    reference: Reference,
}

impl Alignment {
    /// For windows of `frames` frames of `channels` channels. Allocates.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn design(channels: usize, frames: usize, spec: &AlignSpec) -> Result<Self, Vec<DesignError>> {
        Ok(Self { reference: Reference::design(channels, frames, spec)? })
    }

    /// Forgets what it has learned.
    pub fn reset(&mut self) {
        self.reference.reset();
    }

    /// Aligns a window, `[frames x channels]`, frame-major, in place. With `learn` it counts towards the reference first,
    /// and is aligned with it; a window that is not finite, or is all zeros, never counts.
    ///
    /// # Panics
    /// When it is no window of the designed size.
    pub fn process(&mut self, window: &mut [f64], learn: bool) {
        assert_eq!(
            window.len(),
            self.reference.frames() * self.reference.channels(),
            "a window of the designed size"
        );
        if learn {
            self.reference.learn(window);
        }
        self.reference.apply(window);
    }

    /// Takes over the settings of `ready`. What was learned stays, unless the two differ in metric or shrinkage or one
    /// has a given reference.
    ///
    /// # Errors
    /// [`RetuneError`] when it was made for other windows; nothing is then changed.
    pub fn retune(&mut self, ready: &Alignment) -> Result<(), RetuneError> {
        self.reference.retune(&ready.reference)
    }

    /// The reference, `[channels x channels]`; the unit matrix until there is one.
    #[must_use]
    pub fn reference(&self) -> &[f64] {
        self.reference.mean()
    }

    /// Windows learned from since the last reset.
    #[must_use]
    pub fn windows_learned(&self) -> u32 {
        self.reference.learned()
    }
}
