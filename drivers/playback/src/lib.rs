//! Recorded files as timed samples and markers.
//!
//! [`open`] reads a file into a [`Recording`], which is the same whatever the format was; a [`Player`] then says
//! which frames and markers are due when, and gives each its exact time. A caller may rely on a malformed file
//! being refused with the field and byte at fault, never with a panic and never after an allocation that its
//! length does not justify; on every frame and marker of the played span coming out once, in order; and on time
//! stamps that do not drift, however long the playing or the looping.
//!
//! Nothing here reads a clock, starts a thread or knows LSL: the caller asks with its own time and publishes.
//!
//! Formats: EDF, EDF+ (continuous and discontinuous), their 24-bit siblings BDF and BDF+, XDF 1.0,
//! GDF 1 and 2, and BrainVision.

pub mod brainvision;
pub mod edf;
pub mod gdf;
mod open;
mod player;
mod recording;
mod xdf;

pub use open::{MAX_FILE_BYTES, ReadError, open, parse};
pub use player::{Due, Options, PlayError, Player};
pub use recording::{Annotation, RecordedStream, Recording, Segment, SignalGroup, Span, SpanError};
pub use xdf::{xdf_channels, xdf_format};
