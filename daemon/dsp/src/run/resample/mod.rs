//! Other sampling rates.
//!
//! The crate `rubato` does the like for audio, but consumes or yields blocks of a fixed size, channel by channel, from
//! buffers of its own: how a stream happens to be cut could not be left open, nor frames go out as soon as they are
//! due.
//!
//! The filter's length, and so the memory, is some 20 frames of the lower rate. From a rate that is many times higher,
//! and of many channels, two steps one after the other take far less of both than one.

mod history;
mod polyphase;
mod sinc;

pub use polyphase::PolyphaseResampler;
pub use sinc::{MOST_CHANGE, SincResampler};
