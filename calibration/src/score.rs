//! How good decisions were.

mod agreement;
mod reliability;
mod session;

pub use agreement::Agreement;
pub use reliability::{Bin, Reliability};
pub use session::{Cue, SeenWindow, Session, Trial, agreement};
