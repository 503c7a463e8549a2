use super::Designed;
use crate::design::DesignError;
use crate::signal::Signal;
use std::fmt;

/// A change of the sampling rate.
#[derive(Clone, Debug, PartialEq)]
pub enum RateSpec {}

impl RateSpec {
    pub(super) fn design(&self, _input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        match *self {}
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        match *self {}
    }
}

impl fmt::Display for RateSpec {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
