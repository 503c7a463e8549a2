//! Two decoders side by side: one publishes, the other runs in its shadow on the same stream, and they can trade places
//! between two windows.

mod desk;
mod exchange;
mod lane;
mod report;
mod thread;

pub(crate) use desk::DeskParts;
pub use desk::{Desk, LoadError};
pub use exchange::SwapError;
pub(crate) use exchange::{Exchange, LaneId, Outside};
pub(crate) use lane::Lane;
pub(crate) use thread::LaneThread;
