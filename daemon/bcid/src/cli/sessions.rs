//! What is done with sessions: record, replay, export.

use super::ServerArg;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum RecordCommand {
    /// Begin a recording; what is not given is as the daemon's configuration says.
    Start(RecordStartArgs),
    /// End it.
    Stop(ServerArg),
    /// Say how it is.
    Status(RecordStatusArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// A data set of the Brain Imaging Data Structure (BIDS): begun where there is none, else added to.
    Bids(Box<ExportBidsArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct ExportBidsArgs {
    /// The recordings: XDF, EDF, BDF, GDF or BrainVision (.vhdr).
    #[arg(required = true)]
    pub(crate) recordings: Vec<PathBuf>,
    /// The data set's folder.
    #[arg(long, value_name = "DATASET")]
    pub(crate) out: PathBuf,
    /// Who was recorded (sub-); by default as the recording's file name says (sub-1_ses-2_task-rest_run-1_eeg.xdf).
    #[arg(long, value_name = "LABEL")]
    pub(crate) participant: Option<String>,
    /// The session (ses-); by default as the file name says, or none.
    #[arg(long, value_name = "LABEL")]
    pub(crate) session: Option<String>,
    /// The task (task-); by default as the file name says.
    #[arg(long, value_name = "LABEL")]
    pub(crate) task: Option<String>,
    /// The acquisition (acq-); by default as the file name says, or none.
    #[arg(long, value_name = "LABEL")]
    pub(crate) acquisition: Option<String>,
    /// The run (run-); by default as the file name says, or none.
    #[arg(long, value_name = "N")]
    pub(crate) run: Option<String>,
    /// Which group of channels to take when a recording has several sampling rates or streams, from 1; by default the first
    /// that says it is EEG, else the first.
    #[arg(long)]
    pub(crate) group: Option<usize>,
    /// The frequency of the power line, Hz: 50 or 60.
    #[arg(long, value_name = "HZ")]
    pub(crate) line_hz: Option<f64>,
    /// Where the reference was ("Cz", "linked mastoids").
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: Option<String>,
    /// Where the ground was.
    #[arg(long, value_name = "TEXT")]
    pub(crate) ground: Option<String>,
    /// How electrodes were placed ("10-10").
    #[arg(long, value_name = "TEXT")]
    pub(crate) placement: Option<String>,
    /// Who made the amplifier.
    #[arg(long, value_name = "TEXT")]
    pub(crate) manufacturer: Option<String>,
    /// The amplifier's model.
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Option<String>,
    /// What the task is, in words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) task_description: Option<String>,
    /// The unit of EEG channels that state none: uV, mV, V or nV.
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    /// What channels are that do not say what they record.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) untyped: UntypedArg,
    /// The real rate of a source that states a wrong one.
    #[arg(long, value_name = "HZ")]
    pub(crate) rate_hz: Option<f64>,
    /// The name of a data set that is begun; by default its folder's.
    #[arg(long, value_name = "TEXT")]
    pub(crate) dataset_name: Option<String>,
    /// An author of a data set that is begun; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Vec<String>,
    /// The licence of a data set that is begun ("CC0").
    #[arg(long, value_name = "TEXT")]
    pub(crate) licence: Option<String>,
}

/// What channels are that do not say what they record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum UntypedArg {
    /// EEG where the stream says that it is, else something else.
    #[default]
    Misc,
    /// EEG.
    Eeg,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording: the .xdf file that a daemon wrote.
    pub(crate) recording: PathBuf,
    /// The pipeline; by default all of them.
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// The decoder: a bundle's folder; by default the one that the session's configuration names.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) decoder: Option<PathBuf>,
    /// The configuration; by default the session's own.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// As fast as it was, instead of as fast as it can be computed.
    #[arg(long)]
    pub(crate) real_time: bool,
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordStatusArgs {
    #[command(flatten)]
    pub(crate) server: ServerArg,
    /// Write it here as JSON, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordStartArgs {
    #[command(flatten)]
    pub(crate) server: ServerArg,
    /// Who is recorded: %p of the file-name template.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) participant: Option<String>,
    /// The session, %s.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) session: Option<String>,
    /// The task, %b.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) task: Option<String>,
    /// The acquisition, %a.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) acquisition: Option<String>,
    /// The modality, %m.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) modality: Option<String>,
    /// The run, %r or %n; by default the first that is free.
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
    pub(crate) run: u32,
    /// Begin filters and adaptive steps from nothing with it, so that it can be replayed: nothing is decided until they have
    /// settled, and what was adapted is forgotten.
    #[arg(long)]
    pub(crate) afresh: bool,
}
