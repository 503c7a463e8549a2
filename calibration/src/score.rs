//! How good decisions were.

mod agreement;
mod asynchronous;
mod reliability;
mod session;

pub use agreement::Agreement;
pub use asynchronous::Asynchronous;
pub use reliability::{Bin, Reliability};
pub use session::{Cue, SeenWindow, Session, Trial, agreement};
