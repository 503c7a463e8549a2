//! What adaptive steps have learned, as a file: written by `bcid learn`, given to steps by their configuration.
//!
//! Schema 1, TOML, every key but `groups` required. One `[[step]]` for each step that learned:
//!
//! | key | meaning |
//! |---|---|
//! | `schema` | 1, at the top |
//! | `name` | by which a configuration means it; each once (`bcid learn` takes the step's place, `signal.steps[1].asr`) |
//! | `kind` | the step's key: `align` or `asr` |
//! | `channels` | labels of its input, in order |
//! | `rate_hz` | of its input |
//! | `learned_s` | seconds of trusted signal that it learned from |
//! | `recordings`, `sha256` | names and hashes of the files it learned from, in order |
//! | `window_ms` | the step's windows |
//! | `shape` | `[channels, channels]`; of one group where there are several |
//! | `metric`, `shrinkage`, `windows` | of `align`: as in its configuration, and how many windows count |
//! | `groups` | of `align`, where it is not 1: how many groups of channels one after the other have a reference each |
//! | `reference` | of `align`: the mean covariance, row by row; symmetric and positive definite, uV^2; one group after the other |
//! | `mixing`, `components`, `amplitudes` | of `asr`: see [`bci_dsp::run::AsrState`]; rows, rows, and pairs of mean and deviation, uV |
//!
//! Numbers are written so that reading gives back every bit.

mod read;

pub use read::{parse, read};

use crate::steps::written;
use bci_dsp::run::{AsrState, Metric, Shrinkage};
use bci_types::Hz;
use std::fmt::Write as _;

/// The words for a metric.
pub(crate) const METRICS: [(&str, Metric); 2] = [("euclid", Metric::Euclid), ("riemann", Metric::Riemann)];

/// What one step has learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name in the file.
    pub name: String,
    /// Labels of the step's input, in order.
    pub channels: Vec<String>,
    /// The rate of the step's input.
    pub rate: Hz,
    /// Seconds of trusted signal that it learned from.
    pub learned_s: f64,
    /// What it learned from, in order.
    pub recordings: Vec<Recorded>,
    /// The step's windows, ms.
    pub window_ms: f64,
    /// The numbers.
    pub what: What,
}

/// A recording that was learned from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its file's name, without folders.
    pub file: String,
    /// SHA-256 of its bytes in lower-case hex.
    pub sha256: String,
}

/// What was learned, by the kind of step.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The reference of an alignment.
    Align {
        /// Which mean.
        metric: Metric,
        /// How covariances were estimated.
        shrinkage: Shrinkage,
        /// Windows that count.
        windows: usize,
        /// Groups of channels with a reference each.
        groups: usize,
        /// `[channels x channels]` of each group, one after the other, uV^2.
        reference: Vec<f64>,
    },
    /// The calibration of artefact subspace reconstruction.
    Asr(AsrState),
}

impl What {
    /// The key of the step.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Align { .. } => "align",
            Self::Asr(_) => "asr",
        }
    }
}

/// The word for a value.
pub(crate) fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, v)| v == value).map_or("", |(word, _)| word)
}

/// The file's text.
#[must_use]
pub fn to_toml(entries: &[Entry]) -> String {
    let mut text = String::from(
        "# Written by `bcid learn`: what adaptive steps have learned. See docs/CONFIG.md.\nschema = 1\n",
    );
    for entry in entries {
        let n = entry.channels.len();
        let list = |items: &mut dyn Iterator<Item = &String>| {
            let items: Vec<String> = items.map(|item| quoted(item)).collect();
            format!("[{}]", items.join(", "))
        };
        let mut line = |key: &str, value: String| _ = writeln!(text, "{key} = {value}");
        line("\n[[step]]\nname", quoted(&entry.name));
        line("kind", quoted(entry.what.kind()));
        line("channels", list(&mut entry.channels.iter()));
        line("rate_hz", format!("{:?}", entry.rate.get()));
        line("learned_s", format!("{:?}", entry.learned_s));
        line("recordings", list(&mut entry.recordings.iter().map(|r| &r.file)));
        line("sha256", list(&mut entry.recordings.iter().map(|r| &r.sha256)));
        line("window_ms", format!("{:?}", entry.window_ms));
        let groups = if let What::Align { groups, .. } = entry.what { groups.max(1) } else { 1 };
        line("shape", format!("[{0}, {0}]", n / groups));
        match &entry.what {
            What::Align { metric, shrinkage, windows, groups, reference } => {
                line("metric", quoted(word(&METRICS, metric)));
                line("shrinkage", written(*shrinkage));
                line("windows", windows.to_string());
                if *groups != 1 {
                    line("groups", groups.to_string());
                }
                line("reference", rows(reference, n / (*groups).max(1)));
            }
            What::Asr(state) => {
                line("mixing", rows(state.mixing(), n));
                line("components", rows(state.components(), n));
                let amplitudes = state.amplitudes().iter().flat_map(|(mean, deviation)| [*mean, *deviation]);
                line("amplitudes", rows(&amplitudes.collect::<Vec<_>>(), 2));
            }
        }
    }
    text
}

/// Rows of `n` numbers, a line each; every number in the fewest digits that give back its bits.
fn rows(numbers: &[f64], n: usize) -> String {
    let mut text = String::from("[\n");
    for row in numbers.chunks(n.max(1)) {
        let row: Vec<String> = row.iter().map(|x| format!("{x:?}")).collect();
        let _ = writeln!(text, "  [{}],", row.join(", "));
    }
    text + "]"
}

/// As a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => _ = write!(quoted, "\\U{:08X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests;
