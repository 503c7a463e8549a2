//! What microelectrodes are reduced to.

mod features;
mod level;
mod tile;

pub use features::{RmsSettings, SpikeFeatures, SpikeSettings, Threshold};
