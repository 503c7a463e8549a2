//! What microelectrodes are reduced to.

mod features;
mod level;
mod settings;
mod tile;

pub use features::SpikeFeatures;
pub use settings::{RmsSettings, SpikeSettings, Threshold};
