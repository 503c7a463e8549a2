use super::{Designed, Stage};
use crate::design::DesignError;
use crate::run::CommonAverage;
use crate::signal::Signal;
use std::fmt;

/// A step across the channels of one instant; without memory.
#[derive(Clone, Debug, PartialEq)]
pub enum SpaceSpec {
    /// Subtracts the mean of all channels from each.
    CommonAverage,
}

impl SpaceSpec {
    pub(super) fn design(&self, input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        match self {
            Self::CommonAverage => {
                let average = CommonAverage::design(input.channels(), None).map_err(|e| vec![e])?;
                Ok(Designed { stage: Stage::InPlace(Box::new(average)), output: input.clone() })
            }
        }
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        match self {
            Self::CommonAverage => true,
        }
    }
}

impl fmt::Display for SpaceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommonAverage => f.write_str("common average reference"),
        }
    }
}
