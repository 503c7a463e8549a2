//! Channels as BIDS describes them.

use super::{About, BidsError};
use bci_driver_playback::SignalGroup;
use bci_types::{ChannelKind, ChannelSpec, Unit};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// As BIDS and BrainVision write it: U+00B5.
const MICROVOLTS: &str = "\u{b5}V";

/// What channels are that do not say what they record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Untyped {
    /// Something else than EEG.
    #[default]
    Misc,
    /// EEG.
    Eeg,
}

/// A channel as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Channel {
    /// No other is called so.
    pub(super) name: String,
    /// BIDS's word for what it records.
    pub(super) kind: &'static str,
    /// BIDS's word for its unit.
    pub(super) unit: String,
    /// What its numbers are multiplied by.
    pub(super) factor: f64,
}

/// The channels of a group.
pub(super) fn of(
    signals: &SignalGroup,
    about: &About,
    notes: &mut Vec<String>,
) -> Result<Vec<Channel>, Vec<BidsError>> {
    let mut wrong = Vec::new();
    let given = about.unit.as_deref().map(Unit::parse);
    if given.as_ref().is_some_and(|unit| unit.to_microvolts().is_none()) {
        wrong.push(BidsError::NoVoltage(about.unit.clone().unwrap_or_default()));
    }
    let stream_is_eeg = signals.stream().is_some_and(|s| s.kind.eq_ignore_ascii_case("EEG"));
    let untyped = if stream_is_eeg || about.untyped == Untyped::Eeg { "EEG" } else { "MISC" };
    let (mut taken, mut renamed, mut unitless) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut channels = Vec::with_capacity(signals.channels().len());
    for (n, spec) in signals.channels().iter().enumerate() {
        let label =
            spec.label.clone().map(|label| plain(&label)).filter(|label| !label.is_empty() && label != "n/a");
        let wanted = label.unwrap_or_else(|| format!("ch{}", n + 1));
        let name = unused(&wanted, &taken);
        taken.insert(name.clone());
        if spec.label.as_ref() != Some(&name) {
            renamed.push(name.clone());
        }
        let kind = match kind(spec) {
            Kind::Known(kind) => kind,
            Kind::Unsaid => untyped,
            Kind::Intracranial => {
                wrong.push(BidsError::Intracranial(name));
                continue;
            }
        };
        let unit = match (&spec.unit, &given) {
            (Unit::Unstated, Some(given)) if kind == "EEG" => given,
            (unit, _) => unit,
        };
        let (factor, unit) = match (unit.to_microvolts(), unit) {
            (Some(factor), _) => (factor, MICROVOLTS.to_owned()),
            (None, Unit::Other(text)) => {
                (1.0, Some(plain(text)).filter(|u| !u.is_empty()).unwrap_or("n/a".into()))
            }
            (None, _) => (1.0, "n/a".to_owned()),
        };
        if kind == "EEG" && unit != MICROVOLTS {
            unitless.push(name.clone());
        }
        channels.push(Channel { name, kind, unit, factor });
    }
    if !unitless.is_empty() {
        wrong.push(BidsError::Unit { count: unitless.len(), channels: few(&unitless) });
    }
    if wrong.is_empty() && channels.iter().all(|c| c.kind != "EEG") {
        wrong.push(BidsError::NoEeg(channels.len()));
    }
    if !renamed.is_empty() {
        notes.push(format!(
            "{} channels have no label of their own, or one that is not permitted: {}",
            renamed.len(),
            few(&renamed)
        ));
    }
    if wrong.is_empty() { Ok(channels) } else { Err(wrong) }
}

/// `_channels.tsv`.
pub(super) fn table(channels: &[Channel], rate: f64) -> String {
    let mut text = "name\ttype\tunits\tsampling_frequency\n".to_owned();
    for Channel { name, kind, unit, .. } in channels {
        let _ = writeln!(text, "{name}\t{kind}\t{unit}\t{rate}");
    }
    text
}

/// Without what would end a field or a line.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ").trim().to_owned()
}

enum Kind {
    Known(&'static str),
    Unsaid,
    Intracranial,
}

fn kind(spec: &ChannelSpec) -> Kind {
    let said = match &spec.kind {
        ChannelKind::Eeg => return Kind::Known("EEG"),
        ChannelKind::Other(said) => said.to_ascii_uppercase(),
    };
    Kind::Known(match said.as_str() {
        "" => return Kind::Unsaid,
        "SEEG" | "ECOG" | "DBS" | "IEEG" => return Kind::Intracranial,
        "EOG" => "EOG",
        "HEOG" => "HEOG",
        "VEOG" => "VEOG",
        "ECG" | "EKG" => "ECG",
        "EMG" => "EMG",
        "TRIG" | "TRIGGER" | "STIM" | "STATUS" | "EVENT" | "MARKER" | "MARKERS" => "TRIG",
        "REF" => "REF",
        "RESP" | "RESPIRATION" => "RESP",
        "TEMP" | "TEMPERATURE" => "TEMP",
        "GSR" => "GSR",
        "PPG" => "PPG",
        "AUDIO" | "SOUND" => "AUDIO",
        _ => "MISC",
    })
}

fn unused(wanted: &str, taken: &BTreeSet<String>) -> String {
    let mut name = wanted.to_owned();
    let mut n = 1;
    while taken.contains(&name) {
        n += 1;
        name = format!("{wanted}-{n}");
    }
    name
}

fn few(names: &[String]) -> String {
    const FEW: usize = 5;
    let more = if names.len() > FEW { ", \u{2026}" } else { "" };
    format!("{}{more}", names[..names.len().min(FEW)].join(", "))
}
