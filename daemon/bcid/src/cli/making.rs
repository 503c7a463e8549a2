//! What makes decoders of recordings, and tries them on recordings.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    /// The task: a file, or the name of one that comes along.
    #[arg(long, value_name = "TASK")]
    pub(crate) task: PathBuf,
    /// The recordings, in order, as one session: EDF, BDF, XDF, GDF or BrainVision (.vhdr).
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) recordings: Vec<PathBuf>,
    /// The bundle's folder, which must not be there yet.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// The decoder's name; by default the folder's.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How it is learned.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) method: FitMethod,
    /// Whether covariances are recentred on their own running mean, so that another day fits.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) recentre: Recentre,
    /// The window of a decision.
    #[arg(long, default_value_t = 500.0, value_name = "MS")]
    pub(crate) window_ms: f64,
    /// From one decision to the next.
    #[arg(long, default_value_t = 100.0, value_name = "MS")]
    pub(crate) hop_ms: f64,
    /// The edges of the band; not of the filter-bank forms, which have bands of their own.
    #[arg(long, num_args = 2, value_names = ["LOW_HZ", "HIGH_HZ"], default_values_t = [8.0, 30.0])]
    pub(crate) band: Vec<f64>,
    /// Of common spatial patterns: pairs between two classes, or patterns of each of more classes.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) pairs: usize,
    /// Of logistic regression: what the loss weighs against the squares of the weights.
    #[arg(long, default_value_t = 0.3, value_name = "C")]
    pub(crate) c: f64,
    /// Of tangent spaces: whether how strong the signal is altogether counts, or only how it is spread over channels.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) power: FitPower,
    /// The most false activations a minute of rest with which the decoder may detect trials without cues, on recordings that it has
    /// not seen: the threshold and the smoothing that the bundle states are chosen by that. More come on another day, so that it is
    /// stricter than what is wanted then.
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = rate)]
    pub(crate) false_per_min: f64,
    /// Which group of channels to take when a recording has several sampling rates or streams, from 1; by default the first
    /// that says it is EEG, else the first.
    #[arg(long)]
    pub(crate) group: Option<usize>,
    /// Whose recordings they are, as the bundle is to state it.
    #[arg(long, default_value = "not stated", value_name = "TEXT")]
    pub(crate) subjects: String,
    /// The licence that the bundle is to state.
    #[arg(long, default_value = "not stated: ask whoever made it", value_name = "TEXT")]
    pub(crate) licence: String,
}

/// How a decoder is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FitMethod {
    /// Common spatial patterns, log-power, linear discriminant analysis.
    CspLda,
    /// Tangent space of covariances, logistic regression.
    #[default]
    TsLr,
    /// Common spatial patterns in a bank of bands.
    FbCspLda,
    /// Tangent space in a bank of bands.
    FbTsLr,
}

/// Whether overall power is learned from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FitPower {
    /// Only where it makes decoders clearly better that are tried on what they have not seen.
    #[default]
    Auto,
    /// Always.
    Kept,
    /// Never.
    Removed,
}

impl FitPower {
    /// `None` where it is to be found out.
    pub(crate) fn given(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::Kept => Some(true),
            Self::Removed => Some(false),
        }
    }
}

/// What covariances are recentred on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Recentre {
    /// Their own mean over the trials so far, whichever class they are of.
    #[default]
    Trials,
    /// Their own mean so far, in trials and between.
    Running,
    /// Nothing.
    None,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// The decoder: a bundle's folder.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) decoder: PathBuf,
    /// The recordings, in order, as one session: EDF, BDF, XDF, GDF or BrainVision (.vhdr).
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) recordings: Vec<PathBuf>,
    /// The task: a file, or the name of one that comes along; by default the one that the decoder was made for.
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<PathBuf>,
    /// Which group of channels to take when a recording has several sampling rates or streams, from 1; by default the first
    /// that says it is EEG, else the first.
    #[arg(long)]
    pub(crate) group: Option<usize>,
    /// What the decoder's alignment learns from, without labels, as the session goes on; by default from the trials where the
    /// decoder says that it learns at all.
    #[arg(long, value_enum)]
    pub(crate) adapt: Option<Adapt>,
    /// The smoothed probability from which a class is an intent; by default what the decoder states, else 0.7.
    #[arg(long, value_name = "P", value_parser = probability)]
    pub(crate) threshold: Option<f64>,
    /// The time constant of that smoothing, ms; by default what the decoder states, else 500.
    #[arg(long, value_name = "MS", value_parser = smoothing)]
    pub(crate) smoothing_ms: Option<f64>,
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write them here as a page with plots that stands alone.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WindowsArgs {
    /// The decoder: a bundle's folder, which need not have a model yet.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) decoder: PathBuf,
    /// The recordings, in order, as one session: EDF, BDF, XDF, GDF or BrainVision (.vhdr).
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) recordings: Vec<PathBuf>,
    /// The task: a file, or the name of one that comes along.
    #[arg(long, value_name = "TASK")]
    pub(crate) task: PathBuf,
    /// Which group of channels to take when a recording has several sampling rates or streams, from 1; by default the first
    /// that says it is EEG, else the first.
    #[arg(long)]
    pub(crate) group: Option<usize>,
    /// What the decoder's alignment learns from, as `bcid evaluate` has it.
    #[arg(long, value_enum)]
    pub(crate) adapt: Option<Adapt>,
    /// Channels, by their labels, that are to be as they were half a recording away: what they are like stays, what they tell of
    /// the cue is gone.
    #[arg(long, num_args = 1.., value_name = "LABEL")]
    pub(crate) displace: Vec<String>,
    /// The folder to write, which must not be there yet: windows.npy, [windows x (channels x samples)] in the decoder's unit, and
    /// windows.json, which says of each when it was and whether it could be trusted, and of each cue what it asked for. Where an
    /// alignment learned, align.toml besides, for a decoder to begin with.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

fn rate(text: &str) -> Result<f64, String> {
    let n: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.0..=600.0).contains(&n) { Ok(n) } else { Err("must be between 0 and 600 a minute".to_owned()) }
}

fn probability(text: &str) -> Result<f64, String> {
    let p: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    // Written so that NaN fails.
    if p > 0.0 && p <= 1.0 { Ok(p) } else { Err("must be above 0, up to 1".to_owned()) }
}

fn smoothing(text: &str) -> Result<f64, String> {
    let ms: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.0..=60_000.0).contains(&ms) { Ok(ms) } else { Err("must be between 0 and 60000 ms".to_owned()) }
}

/// Whether an alignment learns on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Adapt {
    /// From the trials so far of these recordings, whichever class they are of, all alike: as on another day.
    Running,
    /// The same, begun with the reference in the bundle: as later on the same day.
    Onwards,
    /// From everything so far in these recordings, in trials and between.
    Always,
}
