use crate::recorder::Command;
use crate::streams::Feed;
use bci_rt::edge::{Writer, capacity, edge};
use bci_types::{HostNs, Intent, Marker, StreamSpec};
use crossbeam_channel::{Sender, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many notes may wait: some minutes of a pipeline's.
pub(crate) const NOTES: usize = 16 * 1024;

/// Something other than raw frames.
#[derive(Clone, Debug)]
pub enum Note {
    /// A window was decoded.
    Intent(Arc<Intent>),
    /// A marker came.
    Marker {
        /// Which.
        marker: Arc<Marker>,
        /// Pipelines that learn from it, and which of their markers it is.
        taught: Vec<(Arc<str>, u64)>,
    },
    /// Something happened.
    Event {
        /// When.
        at: HostNs,
        /// What, as JSON.
        what: serde_json::Value,
    },
}

/// The recorder as those see it who have something to record. Clones are the same; nobody ever waits.
#[derive(Clone, Debug)]
pub struct Intake {
    pub(crate) commands: Sender<Command>,
    pub(crate) notes: Sender<Note>,
    /// Whether anything is being recorded.
    pub(crate) open: Arc<AtomicBool>,
    pub(crate) dropped: Arc<AtomicU64>,
}

impl Intake {
    /// Takes a note, where anything is being recorded. One for which there is no room is counted.
    pub fn note(&self, note: impl FnOnce() -> Note) {
        if !self.open.load(Ordering::Acquire) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.notes.try_send(note()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A ring for the raw frames of `stream`, which `pipeline` was attached to in chunks of up to `frames`. `description` is the
    /// source's own, XML. An earlier ring of the pipeline's is emptied first.
    #[must_use]
    pub fn attach(
        &self,
        pipeline: &Arc<str>,
        stream: &StreamSpec,
        description: Option<&str>,
        frames: usize,
    ) -> Writer {
        let channels = stream.channels.len();
        let (writer, reader) = edge(channels, capacity(channels, stream.rate, frames));
        let feed = Feed::new(Arc::clone(pipeline), stream, description, reader, frames);
        // Where the recorder has ended, or does not come to it, nobody empties the ring, and what goes into it is dropped.
        if let Err(TrySendError::Full(_)) = self.commands.try_send(Command::Attach(Box::new(feed))) {
            tracing::error!(%pipeline, stream = %stream.name, "the recorder hangs: this stream is not recorded");
        }
        writer
    }
}
