//! The command line.

mod making;
mod sessions;

pub(crate) use self::making::{Adapt, EvaluateArgs, FitArgs, FitMethod, Recentre, WindowsArgs};
pub(crate) use self::sessions::{ExportBidsArgs, ExportCommand, RecordCommand, ReplayArgs, UntypedArg};
use crate::logging::LogFormat;
use bci_models::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The brain-computer-interface daemon: from Lab Streaming Layer to decoded intents over gRPC.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon: wait for the configured streams, decode them, serve intents.
    Run(RunArgs),
    /// Check a configuration, its decoders and the streams that are there; start nothing.
    Check(CheckArgs),
    /// Learn from recordings what a pipeline's adaptive steps (align, asr) would learn, for its configuration to give them.
    Learn(LearnArgs),
    /// Make a decoder from recordings of a cued task: a bundle like any other, with an honest figure of how good it is.
    Fit(FitArgs),
    /// How good a decoder is on recordings, by the daemon's own path: accuracy with its interval, chance and more.
    Evaluate(EvaluateArgs),
    /// Write down what a decoder is fed while recordings play, by the daemon's own path: to learn from, or to look at.
    Windows(WindowsArgs),
    /// Play a recording as LSL streams.
    Play(PlayArgs),
    /// Show a daemon's intents in the terminal as they come.
    Watch(WatchArgs),
    /// Score a daemon's intents against the cues of a marker stream.
    Trials(TrialsArgs),
    /// Measure the way from the newest sample's stamp to a client in another process.
    Latency(LatencyArgs),
    /// List the LSL streams that can be seen.
    Streams(StreamsArgs),
    /// Say what this machine offers and how to mend what is missing.
    Doctor(DoctorArgs),
    /// Make a token: itself, to be given to somebody, and its hash, for the configuration.
    Token(TokenArgs),
    /// Withhold a running daemon's intents, until `resume`.
    Pause(PauseArgs),
    /// Let a running daemon's intents pass again.
    Resume(LiveArgs),
    /// Put a marker among those of a running daemon's marker streams.
    Mark(MarkArgs),
    /// Run what was recorded of a session again, through the same pipelines, and hold what they decide against what they decided.
    Replay(ReplayArgs),
    /// Begin or end a recording of a running daemon, or say how it is.
    #[command(subcommand)]
    Record(RecordCommand),
    /// Make recordings into what other programs read.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Show, check or make a decoder bundle; load, compare and swap decoders of a running daemon.
    #[command(subcommand)]
    Decoder(DecoderCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DecoderCommand {
    /// Say what a bundle, or a lone model, is: whose, made of what, for which signal.
    Inspect(InspectArgs),
    /// Check a bundle as the daemon would, its golden segment included, and time it.
    Verify(VerifyArgs),
    /// Make a bundle of a folder with a model and a decoder.toml.
    Pack(PackArgs),
    /// Say which decoders a running daemon has.
    List(LiveArgs),
    /// Load a bundle beside the decoder that publishes, to run in its shadow.
    Load(LoadArgs),
    /// Say how the decoder in the shadow does beside the one that publishes.
    Report(LiveArgs),
    /// Swap the decoder in the shadow in, between two windows.
    Swap(SwapArgs),
    /// Undo a swap.
    Rollback(LiveArgs),
    /// End the decoder in the shadow.
    Discard(LiveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    #[command(flatten)]
    pub(crate) server: ServerArg,
    /// The pipeline; by default the daemon's only one.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// Why, for those who look at the status.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct MarkArgs {
    /// What it says.
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) server: ServerArg,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Whose it is to be.
    pub(crate) name: String,
    /// What it permits: intents:read, streams:read, decoders:write, calibrate, admin.
    #[arg(long = "scope", required = true, value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// The day at whose end it expires, such as 2027-03-31.
    #[arg(long, value_name = "DAY")]
    pub(crate) expires: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The bundle's folder, on the daemon's machine.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SwapArgs {
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// Swap in only the candidate whose model has this SHA-256.
    #[arg(long, value_name = "SHA256", default_value = "", hide_default_value = true)]
    pub(crate) model: String,
    /// How long to wait until the candidate is ready.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    pub(crate) patience: f64,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A bundle's folder, or an ONNX file.
    pub(crate) path: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The bundle's folder.
    pub(crate) folder: PathBuf,
    /// Where to run it.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) device: DeviceArg,
    /// Time so many of it at once, a thread each.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) decoders: u8,
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// The folder with decoder.toml and the model; hashes and [golden] may be missing.
    pub(crate) folder: PathBuf,
    /// The bundle's folder, which must not be there yet.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// The golden segment; by default the one that [golden] names.
    #[arg(long, value_name = "FILE.npy", requires = "origin")]
    pub(crate) segment: Option<PathBuf>,
    /// Where the segment is from.
    #[arg(long, value_name = "TEXT", requires = "segment")]
    pub(crate) origin: Option<String>,
    /// What is expected of the segment, as computed where the decoder was trained; by default what [golden] names for its
    /// own segment, else what this machine computes.
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) expected: Option<PathBuf>,
    /// Where to run it.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) device: DeviceArg,
}

/// Where a decoder is to run.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum DeviceArg {
    #[default]
    Cpu,
    /// An NVIDIA GPU, or refused.
    Cuda,
    /// An NVIDIA GPU, or the processor with a warning.
    PreferCuda,
}

impl From<DeviceArg> for Device {
    fn from(device: DeviceArg) -> Self {
        match device {
            DeviceArg::Cpu => Self::Cpu,
            DeviceArg::Cuda => Self::Cuda,
            DeviceArg::PreferCuda => Self::PreferCuda,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration file.
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) overrides: OverrideArgs,
    /// Write {"grpc": "http://ADDRESS"} here once the daemon serves, and "socket": "unix:FILE" where it has one.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Write the closing summary here as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The form of log lines on stderr; the environment variable BCID_LOG sets the filter.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    /// Listen here instead of at server.listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Follow the stream of this name in every pipeline instead of the configured one.
    #[arg(long, value_name = "NAME")]
    pub(crate) stream_name: Option<String>,
    /// Read markers from the stream of this name instead of the configured ones.
    #[arg(long, value_name = "NAME")]
    pub(crate) marker_name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file.
    pub(crate) config: PathBuf,
    /// Fail (exit code 75) unless every pipeline's stream is there.
    #[arg(long)]
    pub(crate) require_stream: bool,
    #[command(flatten)]
    pub(crate) overrides: OverrideArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LearnArgs {
    /// The configuration file.
    pub(crate) config: PathBuf,
    /// Whose steps are to learn; by default the configuration's only pipeline.
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// The recordings to learn from, in order: EDF, BDF, XDF, GDF or BrainVision (.vhdr).
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) recording: Vec<PathBuf>,
    /// Which group of channels to take when a recording has several sampling rates or streams, from 1; by default the first
    /// that says it is EEG, else the first.
    #[arg(long)]
    pub(crate) group: Option<usize>,
    /// Write what was learned here.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlayArgs {
    /// The recording: EDF, BDF, XDF, GDF or BrainVision (.vhdr).
    pub(crate) file: PathBuf,
    /// Name of the EEG stream; by default that of the recorded stream, else the file's name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Name of the marker stream; by default that of the recorded one, else the EEG stream's with "-markers".
    #[arg(long)]
    pub(crate) marker_name: Option<String>,
    /// The EEG stream's source_id; by default that of the recorded stream, else its name.
    #[arg(long)]
    pub(crate) source_id: Option<String>,
    /// The EEG stream's type; by default that of the recorded stream, else EEG.
    #[arg(long, value_name = "TYPE")]
    pub(crate) stream_type: Option<String>,
    /// Play this many times as fast. The stream then states the rate at which samples really come.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) rate: f64,
    /// State the recording's own rate whatever --rate is: a decoder made for it then accepts the stream. For quick
    /// trials only, since the statement is wrong.
    #[arg(long)]
    pub(crate) keep_stated_rate: bool,
    /// Begin again at the end, without a seam in time, until stopped.
    #[arg(long = "loop")]
    pub(crate) looping: bool,
    /// Frames sent at once, when the last of them is due.
    #[arg(long, default_value_t = 1, value_name = "FRAMES")]
    pub(crate) chunk: usize,
    /// Begin here, in seconds of the recording.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) from: Option<f64>,
    /// End here, in seconds of the recording.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) to: Option<f64>,
    /// Wait until somebody reads the EEG stream and, unless it has none to play, the marker stream.
    #[arg(long)]
    pub(crate) wait_consumer: bool,
    /// Which group of channels to play when the file has several sampling rates or streams, from 1. By default the first;
    /// of a format that records streams, all of them.
    #[arg(long)]
    pub(crate) group: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) server: ServerArg,
    /// The pipeline to follow; by default all.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,
    /// Print one line an event instead of redrawing in place; the default where stdout is no terminal.
    #[arg(long)]
    pub(crate) plain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServerArg {
    /// The daemon's address: http://ADDRESS:PORT, https://ADDRESS:PORT, or unix:FILE for its local socket.
    #[arg(long, default_value = "http://127.0.0.1:50051", value_name = "URL")]
    pub(crate) server: String,
    /// A file with the token to show; by default the environment variable BCID_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Whose certificates are trusted, in PEM; by default those that the system trusts.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The certificate to show to the daemon, in PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TrialsArgs {
    #[command(flatten)]
    pub(crate) server: ServerArg,
    /// The task: which markers cue which class, and where in a trial the decoder is asked.
    #[arg(long, value_name = "FILE")]
    pub(crate) task: PathBuf,
    /// The pipeline to score; by default the daemon's only one.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,
    /// End after this many trials; by default when the stream ends.
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<usize>,
    /// Fail unless exactly this many trials were scored.
    #[arg(long, value_name = "N")]
    pub(crate) expect: Option<usize>,
    /// Give up when nothing comes for this long.
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    pub(crate) patience: f64,
    /// Write the summary here as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LatencyArgs {
    #[command(flatten)]
    pub(crate) server: ServerArg,
    /// The pipeline; by default all of them together.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,
    /// How long to measure.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    pub(crate) seconds: f64,
    /// How long after the first intent to begin.
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    pub(crate) settle: f64,
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write every intent's times here as CSV, ns on the LSL clock, once all is measured.
    #[arg(long, value_name = "FILE")]
    pub(crate) each: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StreamsArgs {
    /// How long to look.
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    pub(crate) wait: f64,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
