//! The nouns of the system: samples, streams, channels, intents, times, units.
//!
//! A caller may rely on these types being plain data: no I/O, no threads, no clock is read here. Every time is a
//! [`HostNs`], every rate a [`Hz`], every amplitude says its [`Unit`]; what a number means never has to be guessed.

mod chunk;
mod decoders;
mod intent;
pub mod label;
mod stream;
mod time;
mod validity;

pub use chunk::Chunk;
pub use decoders::{Decoders, Latency, ShadowReport, Swapped};
pub use intent::{
    Action, DecoderIdentity, Intent, Ledger, Marker, NoIntentReason, Numbers, Outcome, Seq, Velocity,
    Withheld, is_same_marker,
};
pub use stream::{ChannelKind, ChannelSpec, Rate, SampleFormat, StreamSpec, Unit};
pub use time::{ClockOffset, HostNs, Hz, HzError, civil_from_days, days_from_civil};
pub use validity::Validity;
