use super::session::CuedTrial;
use crate::cli::{FitArgs, FitMethod, Recentre};
use crate::commands::tape::Tape;
use crate::exit::{Exit, Failure};
use bci_calibration::Task;
use bci_calibration::train::{Examples, Fitted, Method};
use bci_config::{Mistakes, read};
use bci_models::steps::{Step, read_steps};
use bci_types::{ChannelKind, Hz, Rate};
use std::fmt::Write as _;

/// The bands of the filter-bank forms, Hz: both halves of mu, and beta. After Ang et al., Filter bank common spatial pattern
/// algorithm, IJCNN 2008, with fewer of them: a few minutes are to teach it.
const BANK_HZ: [[f64; 2]; 3] = [[7.0, 11.0], [11.0, 16.0], [16.0, 28.0]];

/// As how long it counts, at first, that no class is more frequent than another, s.
const PRIOR_S: f64 = 20.0;

/// As how long the reference that was learned counts where it is gone on with, s.
const REFERENCE_S: f64 = 3.0;

/// Where a bundle keeps the reference that its alignment begins with.
pub(crate) const ALIGN_FILE: &str = "align.toml";

/// How many windows come in so many seconds.
fn windows_in(seconds: f64, hop_ms: f64) -> u32 {
    (seconds * 1e3 / hop_ms).ceil().max(1.0) as u32
}

/// How a decoder is to be learned.
pub(crate) struct Plan {
    pub(crate) method: Method,
    bank: bool,
    pub(crate) classes: Vec<String>,
    pub(crate) channels: Vec<String>,
    pub(crate) rate: Hz,
    /// The decoder's own steps, as they learn, and as its bundle states them.
    toml: String,
    pub(crate) bundle_toml: String,
    /// The windows of alignment, ms, where there is one.
    pub(crate) align_ms: Option<f64>,
    pub(crate) window_s: f64,
    pub(crate) hop_ms: f64,
    band_hz: [f64; 2],
    /// Adaptive steps learn in trials alone.
    pub(crate) learns_in_trials: bool,
    /// The same in windows, where posteriors are levelled by how frequent classes seem.
    pub(crate) prior_windows: Option<u32>,
}

impl Plan {
    pub(crate) fn new(args: &FitArgs, task: &Task, tapes: &[Tape]) -> Result<Self, Failure> {
        let config = |problem: String| Failure::new(Exit::Config, problem);
        let first = tapes.first().ok_or_else(|| config("no recording".to_owned()))?;
        let Rate::Regular(rate) = first.stream.rate else {
            return Err(config(format!("{} has no regular rate", first.file.display())));
        };
        let (method, bank) = match args.method {
            FitMethod::CspLda => (Method::CspLda { pairs: args.pairs }, false),
            FitMethod::TsLr => (Method::TangentLr { c: args.c, power: args.power.given() }, false),
            FitMethod::FbCspLda => (Method::CspLda { pairs: args.pairs }, true),
            FitMethod::FbTsLr => (Method::TangentLr { c: args.c, power: args.power.given() }, true),
        };
        let eeg = first.stream.channels.iter().filter(|c| c.kind == ChannelKind::Eeg);
        let channels: Vec<String> = match task.channels.as_slice() {
            [] => eeg.filter_map(|channel| channel.label.clone()).collect(),
            named => named.to_vec(),
        };
        if channels.len() < 2 {
            return Err(config(format!(
                "{} has no two channels that are labelled EEG: name them in the task, under [decoder] channels",
                first.file.display()
            )));
        }
        let band_hz = match args.band.as_slice() {
            [low, high] => [*low, *high],
            _ => [8.0, 30.0],
        };
        // In whole samples.
        let whole = |ms: f64| (ms * rate.get() / 1e3).round().max(1.0) * 1e3 / rate.get();
        let (window_ms, hop_ms) = (whole(args.window_ms), whole(args.hop_ms));
        let mut plan = Self {
            method,
            bank,
            classes: task.classes(),
            channels,
            rate,
            toml: String::new(),
            bundle_toml: String::new(),
            align_ms: (args.recentre != Recentre::None).then_some(window_ms),
            window_s: window_ms / 1e3,
            hop_ms,
            band_hz,
            learns_in_trials: args.recentre == Recentre::Trials,
            prior_windows: (args.recentre == Recentre::Trials).then(|| windows_in(PRIOR_S, hop_ms)),
        };
        let steps = |given: bool| plan.steps_toml((window_ms, hop_ms), given);
        (plan.toml, plan.bundle_toml) = (steps(false), steps(true));
        Ok(plan)
    }

    /// With the reference that was learned, where it is `given`.
    fn steps_toml(&self, (window_ms, hop_ms): (f64, f64), given: bool) -> String {
        let mut toml = String::new();
        let [low, high] = self.band_hz;
        if self.bank {
            let bands: Vec<String> =
                BANK_HZ.iter().map(|[low, high]| format!("[{low:?}, {high:?}]")).collect();
            let _ = writeln!(
                toml,
                "[[preprocessing]]\nfilter_bank = {{ bands_hz = [{}], order = 4 }}",
                bands.join(", ")
            );
        } else {
            let _ = writeln!(
                toml,
                "[[preprocessing]]\nband_pass = {{ low_hz = {low:?}, high_hz = {high:?}, order = 4 }}"
            );
        }
        let groups = if self.bank { format!(", groups = {}", BANK_HZ.len()) } else { String::new() };
        let log = self.method.takes_log();
        let step = if self.align_ms.is_some() {
            let counts = windows_in(REFERENCE_S, hop_ms);
            let reference = if given {
                format!(", reference = \"{ALIGN_FILE}\", reference_windows = {counts}")
            } else {
                String::new()
            };
            let yields = if log { "log_covariance" } else { "covariance" };
            format!("align = {{ metric = \"riemann\", mode = \"running\", yields = \"{yields}\"{reference}")
        } else {
            format!("covariance = {{ log = {log}")
        };
        let _ = writeln!(
            toml,
            "[[preprocessing]]\n{step}, window_ms = {window_ms:?}, hop_ms = {hop_ms:?}, shrinkage = \"oas\"{groups} }}"
        );
        toml
    }

    /// Posteriors are levelled only where classes are cued about equally often.
    pub(super) fn level_where_alike(&mut self, trials: &[CuedTrial]) {
        let counts =
            || (0..self.classes.len()).map(|class| trials.iter().filter(|t| t.class == class).count());
        let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        if 2 * most > 3 * least {
            self.prior_windows = None;
        }
    }

    /// The steps on a stream of more channels than the decoder takes.
    pub(crate) fn steps(&self) -> Result<Vec<Step>, Failure> {
        let select = format!("[[preprocessing]]\nselect = {{ channels = {:?} }}\n", self.channels);
        let mistakes = Mistakes::new();
        let steps = read("the decoder's steps", &format!("{select}{}", self.toml), &mistakes, |t| {
            read_steps(t, "preprocessing")
        });
        match steps {
            Some(steps) if mistakes.is_empty() => Ok(steps),
            _ => Err(Failure::mistakes(mistakes.into_sorted())),
        }
    }

    /// Groups of channels with a covariance each.
    pub(crate) fn groups(&self) -> usize {
        if self.bank { BANK_HZ.len() } else { 1 }
    }

    pub(crate) fn fit(&self, method: Method, examples: &Examples) -> Result<Fitted, Failure> {
        let groups = self.groups();
        method
            .fit(examples, (groups, self.channels.len()), self.classes.len())
            .map_err(|e| Failure::new(Exit::Failed, format!("{e}: {}", self.classes.join(", "))))
    }

    pub(crate) fn method_words(&self) -> String {
        let what = match self.method {
            Method::CspLda { .. } => "common spatial patterns, log-power, LDA",
            Method::TangentLr { power: Some(false), .. } => {
                "tangent space without overall power, logistic regression"
            }
            Method::TangentLr { .. } => "tangent space, logistic regression",
        };
        if self.bank {
            let [[low, _], .., [_, high]] = BANK_HZ;
            format!("filter bank {low} to {high} Hz, {what}")
        } else {
            format!("{} to {} Hz, {what}", self.band_hz[0], self.band_hz[1])
        }
    }
}
