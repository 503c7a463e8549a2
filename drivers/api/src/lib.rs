//! What a source of samples or markers is, and the suite that each driver must pass.
//!
//! A driver opens sources through a factory, on the thread that will read them; a source then only fills
//! preallocated chunks. A caller may rely on [`Source::pull`] not allocating, not locking and coming back within
//! its timeout; on frames arriving in order with their layout unchanged for the life of the source; and on a lost
//! device being an error, not silence. What happens next (waiting, re-opening, gaps) is the caller's decision.

pub mod conformance;

use bci_types::{Chunk, Marker, StreamSpec};

pub use bci_types::ClockOffset;
use std::time::Duration;

/// Why a source could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing that fits is there (yet).
    #[error("no stream matches {query}")]
    NotFound {
        /// What was looked for.
        query: String,
    },
    /// More than one fits; reading either would be a guess.
    #[error("{} streams match {query}: {}", found.len(), found.join("; "))]
    Ambiguous {
        /// What was looked for.
        query: String,
        /// Each candidate in words.
        found: Vec<String>,
    },
    /// It is announced but does not answer (yet).
    #[error("the stream {stream} is announced but cannot be reached: {reason}")]
    Unreachable {
        /// Its name.
        stream: String,
        /// What did not answer, and what may be in the way.
        reason: String,
    },
    /// It was there and is gone.
    #[error("the stream {stream} was lost")]
    Lost {
        /// Its name.
        stream: String,
    },
    /// It is there but cannot be used.
    #[error("the stream {stream} cannot be used: {reason}")]
    Unusable {
        /// Its name.
        stream: String,
        /// Why, in words an operator can act on.
        reason: String,
    },
    /// A library or device below failed.
    #[error("{operation} failed")]
    Backend {
        /// What was tried.
        operation: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SourceError {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Unreachable { .. } | Self::Lost { .. })
    }
}

/// A source of samples, owned by one thread.
pub trait Source {
    /// What it delivers.
    fn spec(&self) -> &StreamSpec;

    /// What the source says of itself, as XML in LSL's form (`<info>…</info>`), where it does: for recordings.
    fn description(&self) -> Option<&str> {
        None
    }

    /// What the operator should know about this source since it was opened, in words; empty when all is well.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// The clock correction that the stamps now carry; `None` when it has not been measured (they are then the
    /// source's own) or when the source has no clock of its own.
    fn clock_offset(&self) -> Option<ClockOffset> {
        None
    }

    /// Clears `chunk` and fills it with the frames at hand, waiting up to `timeout` for the first. Returns the
    /// number of frames, 0 after a timeout without data, and sets `chunk.acquired`.
    ///
    /// # Errors
    /// [`SourceError::Lost`] once the source is gone; it will not come back by itself.
    fn pull(&mut self, chunk: &mut Chunk, timeout: Duration) -> Result<usize, SourceError>;

    /// Whether a newer instance of the same stream has taken this one's place, so that this one should be
    /// abandoned. Asked only while the source is silent. Never waits, since samples may come again at any time: the
    /// first question begins a look of up to `within`, `None` is the answer while it lasts, and its result after that.
    fn superseded(&mut self, within: Duration) -> Option<bool> {
        let _ = within;
        Some(false)
    }
}

/// Opens a source, again after each loss.
pub trait SourceFactory: Send {
    /// What it looks for, for messages.
    fn describe(&self) -> String;

    /// Looks for at most `timeout` and opens what it finds. Called on the thread that will read the source.
    ///
    /// # Errors
    /// See [`SourceError`]; [`SourceError::is_transient`] tells whether to try again.
    fn open(&mut self, timeout: Duration) -> Result<Box<dyn Source>, SourceError>;
}

/// A source of markers, owned by one thread.
pub trait MarkerSource {
    /// What it delivers.
    fn spec(&self) -> &StreamSpec;

    /// As for [`Source::notes`].
    fn notes(&self) -> &[String] {
        &[]
    }

    /// As for [`Source::clock_offset`].
    fn clock_offset(&self) -> Option<ClockOffset> {
        None
    }

    /// The next marker, `None` after a timeout without one.
    ///
    /// # Errors
    /// [`SourceError::Lost`] once the source is gone.
    fn pull(&mut self, timeout: Duration) -> Result<Option<Marker>, SourceError>;

    /// As for [`Source::superseded`].
    fn superseded(&mut self, within: Duration) -> Option<bool> {
        let _ = within;
        Some(false)
    }
}

/// Opens a marker source, again after each loss.
pub trait MarkerSourceFactory: Send {
    /// What it looks for, for messages.
    fn describe(&self) -> String;

    /// As for [`SourceFactory::open`].
    ///
    /// # Errors
    /// As for [`SourceFactory::open`].
    fn open(&mut self, timeout: Duration) -> Result<Box<dyn MarkerSource>, SourceError>;
}

/// An error's message with those of its causes, for a log line or a status.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
