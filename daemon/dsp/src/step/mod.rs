//! The steps of a chain as plain data, in groups of a kind.

mod clean;
mod features;
mod fir;
mod iir;
mod rates;
mod space;
mod spikes;

pub use clean::CleanSpec;
pub use features::FeatureSpec;
pub use fir::FirSpec;
pub use iir::IirSpec;
pub use rates::RateSpec;
pub use space::{Over, SpaceSpec};
pub use spikes::{SpikeOutput, SpikeSpec};

use crate::design::{DesignError, Sos};
use crate::element::{InPlace, Reframe};
use crate::signal::Signal;
use std::fmt;

/// One step of a [`crate::Chain`], as written in a configuration: plain data, not yet validated.
#[derive(Clone, Debug, PartialEq)]
pub enum StepSpec {
    /// A recursive filter.
    Iir(IirSpec),
    /// A filter without recursion.
    Fir(FirSpec),
    /// Across channels.
    Space(SpaceSpec),
    /// Another sampling rate.
    Rate(RateSpec),
    /// Features.
    Feature(FeatureSpec),
    /// Features of microelectrodes.
    Spike(SpikeSpec),
    /// Cleaning and alignment that adapt.
    Clean(CleanSpec),
}

/// A designed step and what it yields.
#[derive(Debug)]
pub struct Designed {
    /// The work.
    pub stage: Stage,
    /// What comes out of it.
    pub output: Signal,
}

/// A designed step.
#[derive(Debug)]
pub enum Stage {
    /// Second-order sections, which a chain runs together with their neighbours.
    Cascade(Sos),
    /// Keeps rate and channels.
    InPlace(Box<dyn InPlace>),
    /// Changes rate or channels.
    Reframe(Box<dyn Reframe>),
}

impl StepSpec {
    /// The step for blocks of up to `max_frames` frames of `input`. Allocates.
    ///
    /// # Errors
    /// Everything wrong with this step at once.
    pub fn design(&self, input: &Signal, max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        match self {
            Self::Iir(spec) => spec.design(input),
            Self::Fir(spec) => spec.design(input, max_frames),
            Self::Space(spec) => spec.design(input, max_frames),
            Self::Rate(spec) => spec.design(input, max_frames),
            Self::Feature(spec) => spec.design(input, max_frames),
            Self::Spike(spec) => spec.design(input, max_frames),
            Self::Clean(spec) => spec.design(input, max_frames),
        }
    }

    /// Whether the channels and the rate stay the same whatever the settings: what comes after it can then be checked
    /// although it is wrong itself.
    #[must_use]
    pub fn keeps_signal(&self) -> bool {
        match self {
            Self::Iir(_) => true,
            Self::Fir(spec) => spec.keeps_signal(),
            Self::Space(spec) => spec.keeps_signal(),
            Self::Rate(spec) => spec.keeps_signal(),
            Self::Feature(spec) => spec.keeps_signal(),
            Self::Spike(spec) => spec.keeps_signal(),
            Self::Clean(spec) => spec.keeps_signal(),
        }
    }
}

impl StepSpec {
    /// Whether the channels stay the same whatever the settings, and their labels; the rate need not.
    #[must_use]
    pub fn keeps_channels(&self) -> bool {
        match self {
            Self::Rate(RateSpec::Resample { .. }) => true,
            Self::Feature(FeatureSpec::Power(spec)) => spec.bands.is_none(),
            _ => self.keeps_signal(),
        }
    }

    /// Whether its output means the same whatever voltage unit its input is in, but for that unit: none of its settings is in
    /// uV, and nothing in it is squared or counted.
    #[must_use]
    pub fn is_in_any_unit(&self) -> bool {
        match self {
            Self::Iir(_) | Self::Fir(_) | Self::Space(_) | Self::Rate(_) => true,
            Self::Feature(feature) => match feature {
                FeatureSpec::FilterBank { .. } | FeatureSpec::Envelope(_) | FeatureSpec::ZScore(_) => true,
                FeatureSpec::Power(spec) => spec.root && !spec.log,
                _ => false,
            },
            Self::Clean(CleanSpec::Align { align, .. }) => align.mode.given().is_none(),
            Self::Clean(CleanSpec::Asr(_)) | Self::Spike(_) => false,
        }
    }

    /// The channels of its input that it names.
    #[must_use]
    pub fn named_channels(&self) -> Vec<&str> {
        match self {
            Self::Space(spec) => spec.named_channels(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for StepSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iir(spec) => spec.fmt(f),
            Self::Fir(spec) => spec.fmt(f),
            Self::Space(spec) => spec.fmt(f),
            Self::Rate(spec) => spec.fmt(f),
            Self::Feature(spec) => spec.fmt(f),
            Self::Spike(spec) => spec.fmt(f),
            Self::Clean(spec) => spec.fmt(f),
        }
    }
}
