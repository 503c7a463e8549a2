//! What the server knows of the rest of the daemon.

use bci_types::{DecoderIdentity, Decoders, HostNs, Marker, ShadowReport, Swapped};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The engine as the server sees it.
pub trait Engine: Send + Sync + 'static {
    /// How everything is, now. Called from the server's threads; may take a lock, must not wait.
    fn status(&self) -> EngineStatus;
    /// The time on the host clock.
    fn now(&self) -> HostNs;
    /// The pipelines' names.
    fn pipelines(&self) -> Vec<Arc<str>>;
    /// Who decodes in a pipeline; `None` when there is no such pipeline. May take a lock, must not wait.
    fn decoders(&self, pipeline: &str) -> Option<PipelineDecoders>;
    /// Changes the decoders of a pipeline. Called from a thread that may wait for it.
    ///
    /// # Errors
    /// In words, every reason a line: why nothing was changed.
    fn change(&self, pipeline: &str, change: DecoderChange) -> Result<Changed, String>;
    /// How the recording is, the one that runs or the last.
    ///
    /// # Errors
    /// Where none can be.
    fn recording(&self) -> Result<Option<Recording>, RecordingRefusal>;
    /// Begins or ends a recording. Called from a thread that may wait for it.
    ///
    /// # Errors
    /// Why nothing was changed.
    fn record(&self, change: RecordingChange) -> Result<Recording, RecordingRefusal>;
    /// Withholds the intents of a pipeline from now on, or no longer. May take a lock, must not wait.
    fn pause(&self, pipeline: &str, pause: Option<Pause>);
    /// A client's marker, to go where those of streams go.
    fn mark(&self, marker: Marker);
}

/// Why intents are withheld; fields as in the `.proto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub since: HostNs,
    /// Why.
    pub reason: String,
    /// Who wanted it.
    pub by: String,
}

/// What can be done about a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingChange {
    /// Begin one of this name.
    Start(RecordingName),
    /// End it.
    Stop,
}

/// The parts of a recording's name; fields as in the `.proto`, and what is empty is as the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingName {
    /// Who.
    pub participant: String,
    /// Which session.
    pub session: String,
    /// The task.
    pub task: String,
    /// The acquisition.
    pub acquisition: String,
    /// The modality.
    pub modality: String,
    /// The run.
    pub run: Option<u32>,
    /// Whether pipelines begin from nothing with it.
    pub afresh: bool,
}

/// A recording; fields as in the `.proto`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Whether it is being written.
    pub running: bool,
    /// The file.
    pub path: PathBuf,
    /// When it was begun, seconds since 1970.
    pub begun_unix_s: f64,
    /// How long it has lasted, seconds.
    pub seconds: f64,
    /// Bytes in the file.
    pub bytes: u64,
    /// Each stream's name, samples in the file, samples missing.
    pub streams: Vec<(String, u64, u64)>,
    /// Notes that are missing.
    pub notes_lost: u64,
    /// What is wrong with the disk now.
    pub trouble: Option<String>,
}

/// Why a recording was not begun or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingRefusal {
    /// What was asked for will not do.
    Name(String),
    /// It cannot be now.
    State(String),
    /// It was ended, and what came last could not be written.
    Unwritten(String),
}

/// What became of a change of decoders.
#[derive(Clone, Debug)]
pub enum Changed {
    /// This candidate was loaded.
    Loaded(Box<DecoderInfo>),
    /// Decoders were swapped.
    Swapped(Swapped),
    /// The candidate was discarded.
    Discarded,
}

/// What can be done to the decoders of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum DecoderChange {
    /// Load the bundle in this folder as a candidate.
    Load(PathBuf),
    /// Swap the candidate in; the one whose model has this hash, or any.
    Swap {
        /// Lower-case hex; empty for any.
        model_sha256: String,
        /// How long to wait for it.
        patience: Duration,
    },
    /// Undo that.
    RollBack {
        /// How long to wait for it.
        patience: Duration,
    },
    /// End the one that does not publish.
    Discard,
}

/// Who decodes in a pipeline; fields as in the `.proto`.
#[derive(Clone, Debug)]
pub struct PipelineDecoders {
    /// Who they are.
    pub decoders: Decoders,
    /// More of the one that publishes.
    pub active: Option<DecoderInfo>,
    /// More of the one in its shadow.
    pub shadow: Option<DecoderInfo>,
    /// How that does.
    pub report: Option<ShadowReport>,
}

/// A decoder; fields as in the `.proto`.
#[derive(Clone, Debug)]
pub struct DecoderInfo {
    /// Name, version, hash.
    pub identity: Arc<DecoderIdentity>,
    /// What it is.
    pub description: String,
    /// Its licence.
    pub licence: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Which execution provider ran its nodes.
    pub proof: String,
    /// How well it agreed with its golden segment.
    pub agreement: String,
    /// One inference, us.
    pub run_us: f64,
    /// The smoothed probability that a class must reach.
    pub threshold: f64,
    /// Time constant of the smoothing, ms.
    pub smoothing_ms: f64,
}

/// How the daemon is.
#[derive(Clone, Debug, Default)]
pub struct EngineStatus {
    /// Component and version.
    pub versions: Vec<(String, String)>,
    /// Seconds since it began to serve.
    pub uptime_seconds: f64,
    /// Processor time since start, seconds.
    pub cpu_seconds: f64,
    /// One a pipeline.
    pub pipelines: Vec<PipelineStatus>,
    /// Heap operations of real-time threads inside their loops.
    pub realtime_heap_operations: u64,
    /// Loop passes watched for them.
    pub realtime_loops_watched: u64,
    /// Whether real-time priority is in force.
    pub realtime_priority: bool,
}

/// The state of a pipeline's stream; see the `.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// Looking for the stream.
    Waiting,
    /// Samples flow.
    Streaming,
    /// Attached, but without samples.
    Silent,
    /// Gone; looking for its return.
    Lost,
    /// There, but unfit.
    Refused,
    /// Draining.
    Stopped,
}

impl StreamState {
    /// Every state with its name in metrics.
    pub const ALL: [(StreamState, &'static str); 6] = [
        (StreamState::Waiting, "waiting"),
        (StreamState::Streaming, "streaming"),
        (StreamState::Silent, "silent"),
        (StreamState::Lost, "lost"),
        (StreamState::Refused, "refused"),
        (StreamState::Stopped, "stopped"),
    ];
}

/// A stream's state, in words too, and since when.
#[derive(Clone, Debug)]
pub struct StreamStatus {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// Its state.
    pub state: StreamState,
    /// In words.
    pub message: String,
    /// Since when.
    pub since: HostNs,
}

/// How posteriors become intents; fields as in the `.proto`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineRules {
    /// The probability below which an intent ends.
    pub release: f64,
    /// How long a class must stay at the threshold, ms.
    pub dwell_ms: f64,
    /// How long after an intent none begins, ms.
    pub refractory_ms: f64,
    /// Classes that mean that nothing is wanted.
    pub rest: Vec<String>,
    /// For how long an intent may be acted upon, ms.
    pub valid_ms: f64,
    /// Whether evidence adds up to single decisions.
    pub accumulates: bool,
    /// The axes of velocities,
    pub axes: Vec<String>,
    /// and their unit.
    pub motion_unit: String,
}

/// What a pipeline runs with; fields as in the `.proto`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PipelineSettings {
    /// Length of a window, ms.
    pub window_ms: f64,
    /// Time between windows, ms.
    pub hop_ms: f64,
    /// The probability that a class must reach.
    pub threshold: f64,
    /// Time constant of the smoothing, ms.
    pub smoothing_ms: f64,
    /// The oldest that a window's newest sample may be, ms.
    pub max_age_ms: f64,
    /// The group delay of the filters in the middle of what they let through, ms.
    pub signal_delay_ms: f64,
    /// How long they take to settle, ms.
    pub settle_ms: f64,
}

/// How a pipeline is; fields as in the `.proto`.
#[derive(Clone, Debug)]
pub struct PipelineStatus {
    /// Its stream.
    pub stream: StreamStatus,
    /// The stream attached now, or last; empty before.
    pub stream_name: String,
    /// Nominal rate in Hz; 0 before.
    pub rate_hz: f64,
    /// Channels of that stream.
    pub channels: u32,
    /// Who decodes.
    pub decoder: Arc<DecoderIdentity>,
    /// Frames received.
    pub samples_in: u64,
    /// Frames lost.
    pub samples_lost: u64,
    /// Frames that came again, and were left out.
    pub samples_repeated: u64,
    /// Holes.
    pub gaps: u64,
    /// Attached again after a loss.
    pub reattached: u64,
    /// Windows completed.
    pub windows: u64,
    /// Windows skipped.
    pub windows_skipped: u64,
    /// Windows not to be trusted.
    pub windows_invalid: u64,
    /// Windows on which the decoder failed.
    pub decoder_faults: u64,
    /// How long the source was away in all, seconds.
    pub away_seconds: f64,
    /// What the pipeline runs with.
    pub settings: PipelineSettings,
    /// Frames that held a number that is none.
    pub frames_not_finite: u64,
    /// Frames that were interpolated.
    pub frames_bridged: u64,
    /// What a step that removes artefacts did, once it is calibrated.
    pub artefacts: Option<ArtefactsRemoved>,
    /// The real rate of the source's sampling, Hz; 0 until it is known.
    pub measured_rate_hz: f64,
    /// The real rate at which frames come, Hz; 0 until it is known.
    pub delivered_rate_hz: f64,
    /// How far the stamps lie from the line through them, ms.
    pub stamp_jitter_ms: f64,
    /// Times the source's clock was set.
    pub clock_steps: u64,
    /// Why its intents are withheld, where they are.
    pub pause: Option<Pause>,
    /// How posteriors become intents.
    pub rules: PipelineRules,
}

/// What a step that removes artefacts did; fields as in the `.proto`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArtefactsRemoved {
    /// Stretches judged.
    pub windows: u64,
    /// Those of which something was removed.
    pub reconstructed: u64,
    /// The power removed over the power that came in.
    pub power_share: f64,
}
