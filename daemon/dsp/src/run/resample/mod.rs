//! Other sampling rates.
//!
//! The crate `rubato` does the like for audio, but consumes or yields blocks of a fixed size, channel by channel, from
//! buffers of its own: how a stream happens to be cut could not be left open, nor frames go out as soon as they are
//! due.
//!
//! Fractions cost some 20 products for each sample of the higher rate and hold some 20 frames of output, whatever the
//! ratio. Any other ratio, which may change, needs the input itself: some 28 frames of the lower rate. From a rate that
//! is many times higher, and of many channels, that is more than caches hold: there a fraction first, to near the rate
//! that is wanted, takes far less time.

mod history;
mod polyphase;
mod schedule;
mod sinc;
mod sums;

pub use polyphase::PolyphaseResampler;
pub use sinc::{MOST_CHANGE, SincResampler};
