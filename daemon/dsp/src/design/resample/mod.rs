//! Filters between two sampling rates.

mod ratio;
mod sinc_table;
mod taps;

pub use ratio::{MOST_PHASES, Ratio};
pub use taps::resample_taps;

pub(crate) use sinc_table::SincTable;
