//! Across the channels of one instant.

mod common_average;

pub use common_average::CommonAverage;
