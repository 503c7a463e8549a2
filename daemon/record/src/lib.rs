//! Sessions on disk: raw streams, markers, intents and events in XDF as they come.
//!
//! A [`Recorder`] owns one thread. Acquisition hands it raw frames through a ring of its own, decoding and marker threads
//! hand it what they made through a bounded queue; neither ever waits for a disk. What is written is appended in whole
//! chunks a few times a second, so that a file opens with all but the last fraction of a second however the process ended,
//! and a disk that is full or gone costs what could not be written, is told, and is tried again.
//!
//! ```text
//! FOLDER/sub-P1/ses-1/eeg/sub-P1_ses-1_task-imagery_run-001_eeg.xdf    streams, markers, intents, chunks, events
//! FOLDER/sub-P1/ses-1/eeg/sub-P1_ses-1_task-imagery_run-001_eeg.bcid/  session.json, the configuration, latency.json
//! ```
//!
//! [`bids`] makes data sets of recordings, these and others.

pub mod bids;
mod calendar;
mod intake;
mod journal;
mod latency;
mod line;
mod pieces;
mod read;
mod recorder;
mod session;
mod state;
mod streams;
mod template;

pub use self::intake::{Intake, Note};
pub use self::line::{IntentLine, LineError};
pub use self::read::{Chunk, Heard, Raw, ReadError, Recorded, RecordedMarker};
pub use self::recorder::{Recorder, Wish};
pub use self::session::{AFRESH, CHUNK_COLUMNS, CHUNKS, EVENTS, INTENTS, Manifest, SIDE};
pub use self::state::{RecordedStream, RecordingState};
pub use self::streams::stream_header;
pub use self::template::{Naming, NamingError, Template};

/// Recording is not possible as asked.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A name or a template will not do.
    #[error(transparent)]
    Naming(#[from] NamingError),
    /// One is being written.
    #[error("a recording runs already: {0}")]
    Running(String),
    /// There is none.
    #[error("nothing is being recorded")]
    NotRunning,
    /// The file or its folder could not be made.
    #[error("{path} cannot be made")]
    Create {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The disk did not take its end.
    #[error("{path}: what came last could not be written: {problem}")]
    Unwritten {
        /// Which.
        path: String,
        /// Why.
        problem: String,
    },
    /// It was tried until the end.
    #[error("the session was never recorded: no recording could be begun in {path}")]
    Never {
        /// The study's folder.
        path: String,
    },
    /// It takes long.
    #[error("the disk does not answer; it is tried on")]
    Slow,
    /// The recorder's thread ended.
    #[error("the recorder has ended")]
    Ended,
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", chain(cause)))
}
