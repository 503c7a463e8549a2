use crate::Hz;
use std::fmt;

/// The physical unit of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// 1e-9 V.
    Nanovolts,
    /// 1e-6 V, the unit of the signal path.
    Microvolts,
    /// 1e-3 V.
    Millivolts,
    /// 1 V.
    Volts,
    /// A unit that is no voltage, as the stream writes it.
    Other(String),
    /// The stream does not say.
    Unstated,
}

impl Unit {
    /// Reads the spellings met in streams and files: `uV`, `µV` (either mu), `microvolts`, `mV`, `V`, `nV` and
    /// their long forms, in any case where that is unambiguous.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let t = text.trim();
        match t {
            "" => return Unit::Unstated,
            "V" | "v" => return Unit::Volts,
            "mV" | "mv" => return Unit::Millivolts,
            _ => {}
        }
        match t.to_lowercase().replace(['\u{b5}', '\u{3bc}'], "u").as_str() {
            "uv" | "microvolt" | "microvolts" | "mcv" => Unit::Microvolts,
            "nv" | "nanovolt" | "nanovolts" => Unit::Nanovolts,
            "millivolt" | "millivolts" => Unit::Millivolts,
            "volt" | "volts" => Unit::Volts,
            _ => Unit::Other(t.to_owned()),
        }
    }

    /// The unit that a channel's description states: in words, or as mne-lsl writes it, as FIFF does: a power of ten of the SI unit
    /// of the channel's type, and the type as FIFF's code in `kind` beside it. Without that code 0 may also mean that no unit is
    /// known.
    #[must_use]
    pub fn described(unit: &str, kind: &str, channel_type: &str) -> Self {
        const IN_VOLTS: [&str; 8] = ["eeg", "seeg", "ecog", "dbs", "eog", "emg", "ecg", "bio"];
        let stated = Self::parse(unit);
        let Self::Other(power) = &stated else { return stated };
        if !IN_VOLTS.contains(&channel_type.trim().to_lowercase().as_str()) {
            return stated;
        }
        match power.parse() {
            Ok(0) if kind.trim().parse::<u32>().is_ok() => Self::Volts,
            Ok(-3) => Self::Millivolts,
            Ok(-6) => Self::Microvolts,
            Ok(-9) => Self::Nanovolts,
            _ => stated,
        }
    }

    /// The factor to microvolts; `None` where the unit is no voltage or is not stated.
    #[must_use]
    pub fn to_microvolts(&self) -> Option<f64> {
        match self {
            Unit::Nanovolts => Some(1e-3),
            Unit::Microvolts => Some(1.0),
            Unit::Millivolts => Some(1e3),
            Unit::Volts => Some(1e6),
            Unit::Other(_) | Unit::Unstated => None,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Nanovolts => "nV",
            Unit::Microvolts => "uV",
            Unit::Millivolts => "mV",
            Unit::Volts => "V",
            Unit::Other(text) => text,
            Unit::Unstated => "not stated",
        })
    }
}

/// What a channel records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// Scalp EEG.
    Eeg,
    /// Anything else, as the stream writes it (`EOG`, `AUX`, `SEEG`, `TRIGGER`, …); empty when not stated.
    Other(String),
}

impl ChannelKind {
    /// Reads LSL's channel type.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.trim().eq_ignore_ascii_case("eeg") { Self::Eeg } else { Self::Other(text.trim().to_owned()) }
    }

    /// Whether it is said to be something else than the brain's signal: eyes, muscles, the heart, a sensor, a trigger.
    #[must_use]
    pub fn is_beside_the_brain(&self) -> bool {
        const BESIDE: [&str; 22] = [
            "acc", "aux", "audio", "bio", "count", "counter", "ecg", "ekg", "emg", "eog", "event", "gsr",
            "gyro", "marker", "markers", "misc", "ppg", "resp", "status", "stim", "temp", "trigger",
        ];
        match self {
            Self::Eeg => false,
            Self::Other(text) => BESIDE.iter().any(|beside| text.eq_ignore_ascii_case(beside)),
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eeg => f.write_str("EEG"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// One channel of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// The label as the stream writes it (`C3`); `None` when the stream has no labels.
    pub label: Option<String>,
    /// The unit of its numbers.
    pub unit: Unit,
    /// What it records.
    pub kind: ChannelKind,
}

/// How samples are spaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Nominally this many samples a second.
    Regular(Hz),
    /// No nominal rate (LSL's `IRREGULAR_RATE`).
    Irregular,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Regular(hz) => hz.fmt(f),
            Rate::Irregular => f.write_str("irregular rate"),
        }
    }
}

/// The number format a stream carries on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleFormat {
    /// 8-bit signed integers.
    Int8,
    /// 16-bit signed integers.
    Int16,
    /// 32-bit signed integers.
    Int32,
    /// 64-bit signed integers; beyond 2^53 they are rounded to the nearest double.
    Int64,
    /// IEEE single.
    Float32,
    /// IEEE double.
    Double64,
    /// Text: markers, never samples.
    Text,
}

impl fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Double64 => "double64",
            Self::Text => "string",
        })
    }
}

/// A stream as its source describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamSpec {
    /// Its name (`obci_eeg1`).
    pub name: String,
    /// Its content type (`EEG`, `Markers`).
    pub kind: String,
    /// The source's own identity, stable over restarts; empty when the source gives none.
    pub source_id: String,
    /// The machine it comes from.
    pub hostname: String,
    /// This instance of the stream; a restart changes it.
    pub instance: String,
    /// The wire format.
    pub format: SampleFormat,
    /// The nominal rate.
    pub rate: Rate,
    /// The channels, in the order of the samples.
    pub channels: Vec<ChannelSpec>,
}

impl StreamSpec {
    /// EEG in uV, float32, of channels called so, of which nothing else is known.
    #[must_use]
    pub fn eeg(name: &str, rate: Hz, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let channel = |label: String| ChannelSpec {
            label: Some(label),
            unit: Unit::Microvolts,
            kind: ChannelKind::Eeg,
        };
        Self {
            name: name.to_owned(),
            kind: "EEG".to_owned(),
            source_id: String::new(),
            hostname: String::new(),
            instance: String::new(),
            format: SampleFormat::Float32,
            rate: Rate::Regular(rate),
            channels: labels.into_iter().map(|label| channel(label.into())).collect(),
        }
    }

    /// Whether `other` carries the same data in the same order: rate, labels, units and kinds, whatever the
    /// instance, host or wire format.
    #[must_use]
    pub fn same_layout(&self, other: &StreamSpec) -> bool {
        self.rate == other.rate && self.channels == other.channels
    }

    /// The index of the channel that a label means: as written, else folded, never ambiguously; see [`crate::label`].
    #[must_use]
    pub fn channel_index(&self, label: &str) -> Option<usize> {
        crate::label::index_of(self.channels.iter().map(|c| c.label.as_deref()), label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_mne_lsl_are_powers_of_ten_of_a_volt() {
        let unit = Unit::described;
        assert_eq!(unit("0", "2", "eeg"), Unit::Volts);
        assert_eq!(unit("-6", "2", "eeg"), Unit::Microvolts);
        assert_eq!(unit("-6", "", "EEG"), Unit::Microvolts);
        assert_eq!(unit("0", "", "eeg"), Unit::Other("0".into()), "perhaps it says that there is none");
        assert_eq!(unit("0", "3", "stim"), Unit::Other("0".into()), "no voltage");
        assert_eq!(unit("-7", "2", "eeg"), Unit::Other("-7".into()));
        assert_eq!(unit("degC", "2", "eeg"), Unit::Other("degC".into()));
        assert_eq!(unit("uV", "2", "eeg"), Unit::Microvolts);
    }

    fn stream(labels: &[&str]) -> StreamSpec {
        StreamSpec {
            name: "n".into(),
            kind: "EEG".into(),
            source_id: String::new(),
            hostname: String::new(),
            instance: String::new(),
            format: SampleFormat::Float32,
            rate: Rate::Irregular,
            channels: labels
                .iter()
                .map(|l| ChannelSpec {
                    label: Some((*l).to_owned()),
                    unit: Unit::Microvolts,
                    kind: ChannelKind::Eeg,
                })
                .collect(),
        }
    }

    #[test]
    fn labels_match_as_written_then_folded_but_never_ambiguously() {
        let s = stream(&["Fc5.", "C3..", "Cz", "cz", "PZ"]);
        assert_eq!(s.channel_index("FC5"), Some(0));
        assert_eq!(s.channel_index("c3"), Some(1));
        assert_eq!(s.channel_index("cz"), Some(3), "as written wins");
        assert_eq!(s.channel_index("CZ"), None, "two channels fold to it");
        assert_eq!(s.channel_index("Pz"), Some(4));
        assert_eq!(s.channel_index("O1"), None);
    }

    #[test]
    fn units_are_read_as_streams_spell_them() {
        for (text, factor) in [
            ("uV", Some(1.0)),
            ("\u{b5}V", Some(1.0)),
            ("\u{3bc}V", Some(1.0)),
            ("microvolts", Some(1.0)),
            ("mV", Some(1e3)),
            ("V", Some(1e6)),
            ("", None),
            ("degC", None),
            ("MV", None),
        ] {
            assert_eq!(Unit::parse(text).to_microvolts(), factor, "{text}");
        }
    }
}
