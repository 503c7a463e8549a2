//! Filters without recursion.

mod convolve;
mod filter;

pub use filter::FirFilter;
