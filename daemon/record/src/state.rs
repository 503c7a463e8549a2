use std::path::PathBuf;
use std::time::SystemTime;

/// A stream of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedStream {
    /// Its name.
    pub name: String,
    /// Samples in the file.
    pub samples: u64,
    /// Samples that are missing from it: the disk did not take them, or the recorder was late.
    pub lost: u64,
}

/// How a recording is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordingState {
    /// The file being written, or the last.
    pub path: Option<PathBuf>,
    /// Whether one is being written.
    pub running: bool,
    /// When it was begun.
    pub begun: Option<SystemTime>,
    /// How long it has lasted, s.
    pub seconds: f64,
    /// Bytes in the file.
    pub bytes: u64,
    /// Each stream.
    pub streams: Vec<RecordedStream>,
    /// Intents, markers and events for which there was no room.
    pub notes_lost: u64,
    /// What is wrong with the disk now, in words.
    pub trouble: Option<String>,
}
