//! Removal of artefacts.

mod amplitude;
mod asr;
mod calibrate;
mod median;
mod on_stream;
mod reconstruct;
mod shaper;
mod shapes;
mod spec;
mod state;
mod yulewalk;

pub use asr::Asr;
pub use spec::{AsrCalibration, AsrReport, AsrSpec};
pub use state::AsrState;
