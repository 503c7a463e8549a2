use super::Designed;
use crate::design::DesignError;
use crate::signal::Signal;
use std::fmt;

/// What microelectrodes at high rates are reduced to.
#[derive(Clone, Debug, PartialEq)]
pub enum SpikeSpec {}

impl SpikeSpec {
    pub(super) fn design(&self, _input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        match *self {}
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        match *self {}
    }
}

impl fmt::Display for SpikeSpec {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
