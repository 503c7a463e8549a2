//! Small dense linear algebra: what the hot path needs, without allocating.
//!
//! Matrices are square unless said otherwise, row after row, in slices of the caller; what is computed in between lies
//! in workspaces made beforehand. Every sum is taken in an order fixed by the sizes alone, so that the same numbers give
//! the same bits on every processor; only powers, logarithms and exponentials are those of the system's library.
//! A caller who hands over slices of the wrong length gets a panic, never wrong numbers.

mod covariance;
mod eigen;
mod kernels;
mod product;
mod ql;
mod tridiagonal;

pub use covariance::scatter;
pub use eigen::{EigenError, SPD_FLOOR, SymmetricEigen};
pub use product::{multiply, symmetrise};

pub(crate) use kernels::dot;
