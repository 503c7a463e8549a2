//! Filters without recursion.

mod convolve;
mod filter;

pub use filter::FirFilter;

pub(super) use convolve::{GROUP, Lanes, TILE, put, row};
