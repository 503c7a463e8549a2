//! What the features of microelectrodes are made of.

/// Where a spike begins. A negative threshold is crossed downwards, a positive one upwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// At so many microvolts.
    Fixed {
        /// Not 0.
        uv: f64,
    },
    /// At a multiple of each channel's own RMS.
    Rms(RmsSettings),
}

/// A threshold at a multiple of the RMS, which is learned from the signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsSettings {
    /// The multiple: -4.5 is customary. Not 0.
    pub multiple: f64,
    /// The time constant of the exponential average.
    pub time_constant_s: f64,
    /// The trusted time of which the first estimate is the plain mean, rounded up to whole bins. Until then nothing
    /// crosses.
    pub start_s: f64,
}

/// What [`super::SpikeFeatures`] is made of, validated by [`super::SpikeFeatures::design`] only as far as it must be to run: the
/// step [`crate::SpikeSpec`] says what is permitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpikeSettings {
    /// Frames a bin.
    pub bin_frames: usize,
    /// Bins a second.
    pub bins_hz: f64,
    /// Where a spike begins.
    pub threshold: Threshold,
    /// Frames from a crossing that counts to the next that may; 0 or 1: every crossing counts.
    pub refractory_frames: usize,
    /// Whether crossings are given out.
    pub crossings: bool,
    /// Whether powers are given out.
    pub power: bool,
}
