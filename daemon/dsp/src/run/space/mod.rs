//! Across the channels of one instant.

mod common_average;
mod common_median;
mod dense;
mod matrix;
mod members;
mod reference;
mod sparse;

pub use common_average::CommonAverage;
pub use common_median::CommonMedian;
pub use matrix::{Matrix, Row};
pub use reference::Reference;
