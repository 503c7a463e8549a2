//! Other sampling rates.
//!
//! The crate `rubato` does the like for audio, but consumes or yields blocks of a fixed size, channel by channel, from
//! buffers of its own: how a stream happens to be cut could not be left open, nor frames go out as soon as they are due.

mod history;
mod polyphase;
mod sinc;

pub use polyphase::PolyphaseResampler;
pub use sinc::{MOST_CHANGE, SincResampler};
