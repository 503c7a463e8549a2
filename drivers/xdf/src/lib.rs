//! XDF 1.0, the format in which streams of Lab Streaming Layer are recorded together.
//!
//! Source: <https://github.com/sccn/xdf/wiki/Specifications>. A file is the four bytes `XDF:` and then chunks, each with its
//! length: a header, a header a stream, samples, measurements of clock offsets, boundaries to find one's way back after
//! damage, and a footer a stream.
//!
//! [`read`] takes a whole file and gives every stream as it was written: values in their own type, stamps on the clock of the
//! machine they were taken on. [`clock`] brings them onto the recorder's, [`dejitter`] onto straight lines. A caller may
//! rely on a malformed file being read as far as it can be, with every damage told, never with a panic and never after an
//! allocation that its length does not justify.
//!
//! Nothing here opens a file or reads a clock.

mod bytes;
mod chunk;
pub mod clock;
pub mod dejitter;
mod info;
mod read;
mod samples;
mod values;
mod write;

pub use chunk::{Broken, Chunk, Chunks, Tag};
pub use info::{Channel, FileInfo, Format, InfoError, StreamInfo};
pub use read::{File, Footer, Stream, XdfError, is_xdf, read};
pub use values::Values;
pub use write::{Batch, Encoder, escaped};
