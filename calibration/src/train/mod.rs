//! Decoders learned from features of cued trials, in the seconds between two blocks of a session.
//!
//! Everything here is deterministic: the same examples give the same decoder, bit by bit on one machine.

mod csp;
mod examples;
mod lbfgs;
mod lda;
mod linear;
mod logistic;
mod method;

pub use csp::{Csp, CspError};
pub use examples::Examples;
pub use lda::{LdaError, lda};
pub use linear::Linear;
pub use logistic::logistic;
pub use method::{FitError, Fitted, Method};
