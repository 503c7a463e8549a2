use crate::design::DesignError;
use crate::run::{Shrinkage, is_definite};
use std::fmt;

/// How an alignment finds the reference that windows are recentred on.
#[derive(Clone, Debug, PartialEq)]
pub struct AlignSpec {
    /// Which mean of covariances.
    pub metric: Metric,
    /// Over which windows.
    pub mode: AlignMode,
    /// How a window's covariance is estimated; each channel's mean over the window is taken away first.
    pub shrinkage: Shrinkage,
    /// Of how many groups of as many channels one after the other, each with a reference of its own; 1 for all channels
    /// together. Behind a filter bank, as many as it has bands.
    pub groups: usize,
}

/// What comes out of an alignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlignYields {
    /// The signal, frame by frame: [`AlignFrames`](super::AlignFrames).
    #[default]
    Signal,
    /// Covariances, window by window: [`AlignCovariances`](super::AlignCovariances).
    Covariance,
    /// Their logarithms, what is beside the diagonal times the root of 2: pyRiemann's tangent space at the reference.
    LogCovariance,
}

/// Which mean of covariances is the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The arithmetic mean: Euclidean alignment, He and Wu, Transfer Learning for Brain-Computer Interfaces: A Euclidean
    /// Space Data Alignment Approach, IEEE Trans. Biomedical Engineering 67(2), 2020. Over the same windows it equals
    /// pyRiemann's `mean_euclid`. A few loud windows outweigh many others in it: the geometric mean bears them better.
    Euclid,
    /// An estimate of the geometric mean under the affine-invariant metric: Zanini et al., Transfer Learning: A
    /// Riemannian Geometry Framework with Applications to Brain-Computer Interfaces, IEEE Trans. Biomedical Engineering
    /// 65(5), 2018.
    ///
    /// It is the recursive estimator `M_i = M_(i-1) #_w C_i`, a step of weight `w = 1/i` along the geodesic towards each
    /// new covariance (pyRiemann's `geodesic_riemann`), as in Ho et al., Recursive Karcher Expectation Estimators and
    /// Geometric Law of Large Numbers, AISTATS 2013. It tends to pyRiemann's `mean_riemann` of the same windows and
    /// differs from it by what depends on their order.
    Riemann,
}

/// Over which windows the reference is a mean. Only windows that may be learned from count.
#[derive(Clone, Debug, PartialEq)]
pub enum AlignMode {
    /// None: the reference is given and stays.
    Fixed {
        /// `[channels x channels]`, symmetric and positive definite, in the squared unit of the signal; one group after the
        /// other.
        reference: Vec<f64>,
    },
    /// The first `windows`; until then the mean of those so far.
    FirstWindows {
        /// At least 1.
        windows: u32,
    },
    /// All so far, the present one included: causal and without labels.
    Running {
        /// A new window never weighs less than `1 / horizon`, so that the reference follows a drift. At least 1; without
        /// it every window weighs the same.
        horizon: Option<u32>,
    },
    /// The same, begun with a reference that is given, such as that of another day: it is there at once, and what comes
    /// outweighs it soon.
    Onwards {
        /// As in [`AlignMode::Fixed`].
        reference: Vec<f64>,
        /// As how many windows it counts; at least 1.
        windows: u32,
        /// As in [`AlignMode::Running`].
        horizon: Option<u32>,
    },
}

impl AlignMode {
    /// The reference that is given.
    #[must_use]
    pub fn given(&self) -> Option<&[f64]> {
        match self {
            Self::Fixed { reference } | Self::Onwards { reference, .. } => Some(reference),
            Self::FirstWindows { .. } | Self::Running { .. } => None,
        }
    }

    /// The same from nothing: in the place of a reference that is given, a running mean of what comes.
    #[must_use]
    pub fn anew(&self) -> Self {
        match self {
            Self::Fixed { .. } => Self::Running { horizon: None },
            Self::Onwards { horizon, .. } => Self::Running { horizon: *horizon },
            Self::FirstWindows { .. } | Self::Running { .. } => self.clone(),
        }
    }
}

impl AlignSpec {
    /// Everything wrong with it for windows of `frames` frames of `channels` channels.
    pub(crate) fn mistakes(&self, channels: usize, frames: usize) -> Vec<DesignError> {
        let mut found = Vec::new();
        if channels == 0 {
            found.push(DesignError::NoChannels);
        }
        let mut channels = channels;
        if self.groups == 0 || !channels.is_multiple_of(self.groups) {
            let must = format!("must divide the {channels} channels");
            found.push(DesignError::setting("groups", self.groups, must));
        } else {
            channels /= self.groups;
        }
        if frames < 2 {
            found.push(DesignError::setting(
                "window_ms",
                format!("{frames} frames"),
                "must be at least two frames",
            ));
        } else if self.metric == Metric::Riemann && self.shrinkage.is_none() && frames <= channels {
            // Such a covariance has no full rank, and its distance from any other is infinite.
            let must = format!(
                "must be \"ledoit_wolf\", \"oas\" or a share above 0 where a window has no more frames \
                 ({frames}) than channels ({channels})"
            );
            found.push(DesignError::setting("shrinkage", self.shrinkage, must));
        }
        found.extend(self.shrinkage.mistake());
        if let Some(reference) = self.mode.given() {
            let square = channels * channels;
            let definite = |part: &[f64]| is_definite(part, channels, f64::MIN_POSITIVE);
            let fits = square > 0 && reference.len() == square * self.groups;
            if !fits || !reference.chunks_exact(square).all(definite) {
                let each = if self.groups > 1 {
                    format!(", for each of {} groups", self.groups)
                } else {
                    String::new()
                };
                let must = format!(
                    "must be a symmetric positive definite matrix of {channels} x {channels} numbers{each}"
                );
                found.push(DesignError::setting("reference", format!("[{} numbers]", reference.len()), must));
            }
        }
        match &self.mode {
            AlignMode::FirstWindows { windows: 0 } | AlignMode::Onwards { windows: 0, .. } => {
                found.push(DesignError::setting("windows", 0, "must be at least 1"));
            }
            AlignMode::Running { horizon: Some(0) } | AlignMode::Onwards { horizon: Some(0), .. } => {
                found.push(DesignError::setting("horizon", 0, "must be at least 1"));
            }
            _ => {}
        }
        found
    }
}

impl fmt::Display for AlignSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.metric {
            Metric::Euclid => f.write_str("Euclidean alignment")?,
            Metric::Riemann => f.write_str("Riemannian recentring")?,
        }
        match &self.mode {
            AlignMode::Fixed { .. } => f.write_str(" on a given reference")?,
            AlignMode::FirstWindows { windows } => write!(f, " on the first {windows} windows")?,
            AlignMode::Onwards { windows, horizon, .. } => {
                write!(
                    f,
                    " on a running mean, begun with a given reference that counts as {windows} windows"
                )?;
                if let Some(horizon) = horizon {
                    write!(f, " and weighs no window below 1/{horizon}")?;
                }
            }
            AlignMode::Running { horizon: None } => f.write_str(" on a running mean")?,
            AlignMode::Running { horizon: Some(horizon) } => {
                write!(f, " on a running mean that weighs no window below 1/{horizon}")?;
            }
        }
        if self.shrinkage != Shrinkage::None {
            write!(f, ", {}", self.shrinkage)?;
        }
        if self.groups > 1 { write!(f, ", {} groups of channels", self.groups) } else { Ok(()) }
    }
}
