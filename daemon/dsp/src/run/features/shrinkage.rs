use crate::design::DesignError;
use std::fmt;

/// How far a covariance is drawn towards `mean variance * identity`: `(1 - s) C + s trace(C) / n I`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shrinkage {
    /// Not at all: the sample covariance, pyRiemann's `scm`. Singular with fewer frames than channels.
    None,
    /// Ledoit and Wolf, *J. Multivariate Analysis* 88(2):365-411, 2004: pyRiemann's `lwf`, scikit-learn's `ledoit_wolf`.
    LedoitWolf,
    /// Chen, Wiesel, Eldar and Hero, *IEEE Trans. Signal Processing* 58(10):5016-5029, 2010: pyRiemann's `oas`,
    /// scikit-learn's `oas`, which leaves out the terms of 2/n in the paper's equation 23.
    Oas,
    /// By this share, 0 to 1: scikit-learn's `shrunk_covariance`.
    Fixed(f64),
}

impl Shrinkage {
    /// What is wrong with it, whatever it is used for.
    pub(crate) fn mistake(self) -> Option<DesignError> {
        match self {
            Self::Fixed(share) if !(0.0..=1.0).contains(&share) => {
                let must = "must be 0 to 1, \"ledoit_wolf\", \"oas\" or \"none\"";
                Some(DesignError::setting("shrinkage", share, must))
            }
            _ => None,
        }
    }

    /// Whether a covariance stays as it is.
    pub(crate) fn is_none(self) -> bool {
        matches!(self, Self::None | Self::Fixed(0.0))
    }
}

impl fmt::Display for Shrinkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::LedoitWolf => f.write_str("Ledoit-Wolf"),
            Self::Oas => f.write_str("OAS"),
            Self::Fixed(share) => write!(f, "shrunk by {share}"),
        }
    }
}
