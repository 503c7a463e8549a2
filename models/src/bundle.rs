//! The bundle contract: a folder whose `decoder.toml` says what the model beside it needs and yields.
//!
//! Schema 1, every key required unless marked:
//!
//! | key | meaning |
//! |---|---|
//! | `schema` | 1 |
//! | `name`, `version`, `description`, `licence` | who the decoder is |
//! | `model.file`, `model.sha256` | the ONNX file and its hash |
//! | `input.tensor` | name of the input, `float32 [1, channels, window_samples]`, after the preprocessing |
//! | `input.channels` | labels of the stream's channels, in the order in which the preprocessing takes them |
//! | `input.unit` | unit of its numbers: a voltage; uV where a step of the preprocessing works in uV or squares |
//! | `input.rate_hz` | sampling rate of the stream, before the preprocessing |
//! | `input.window_samples`, `input.hop_samples` | window and the hop it was made for, in frames after the preprocessing |
//! | `[[preprocessing]]` (optional) | steps run causally on those channels, in order; what they yield goes into the tensor; files they name lie in the folder |
//! | `output.tensor`, `output.kind`, `output.classes` | `float32 [1, classes]`; kind `class_posteriors` |
//! | `provenance.trained_by`, `.subjects`, `.split` | how it came to be |
//! | `[[provenance.recordings]]` | `file`, `sha256`, `use` = `train` or `test` |
//! | `[[provenance.metrics]]` | `name`, `on`, `value`, `ci95`, `trials`, `chance` |

use crate::steps::{Files, Step, check_steps, read_steps_with};
use bci_config::{Located, Mistake, Mistakes, Place, Table, read};
use bci_dsp::Signal;
use bci_types::{DecoderIdentity, Hz, Unit};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A read and checked `decoder.toml`.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The folder.
    pub folder: PathBuf,
    /// Name, version and model hash.
    pub identity: Arc<DecoderIdentity>,
    /// What it is, for people.
    pub description: String,
    /// The licence of the model.
    pub licence: String,
    /// The model file.
    pub model: Located<PathBuf>,
    /// What it needs.
    pub input: Input,
    /// Steps run causally on its channels before the window.
    pub preprocessing: Vec<Step>,
    /// What those steps yield, and the window holds.
    pub windowed: Signal,
    /// What it yields.
    pub output: Output,
    /// Figures as stated by its maker.
    pub metrics: Vec<Metric>,
}

/// What a decoder needs.
#[derive(Clone, Debug)]
pub struct Input {
    /// Name of the input tensor.
    pub tensor: Located<String>,
    /// Labels of the stream's channels, in the order in which the preprocessing takes them.
    pub channels: Located<Vec<String>>,
    /// Unit of the numbers: a voltage.
    pub unit: Unit,
    /// Sampling rate of the stream, before the preprocessing.
    pub rate: Located<Hz>,
    /// Frames a window, after the preprocessing.
    pub window_samples: Located<usize>,
    /// Frames between windows, after the preprocessing, as it was made for.
    pub hop_samples: Located<usize>,
}

/// What a decoder yields.
#[derive(Clone, Debug)]
pub struct Output {
    /// Name of the output tensor.
    pub tensor: Located<String>,
    /// Class labels, in the order of the tensor.
    pub classes: Located<Vec<String>>,
}

/// A figure stated by the decoder's maker.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What was measured (`trial_accuracy`).
    pub name: String,
    /// On which data.
    pub on: String,
    /// The figure.
    pub value: f64,
    /// Its 95 % interval.
    pub ci95: [f64; 2],
    /// Trials it rests on.
    pub trials: usize,
    /// What guessing yields.
    pub chance: f64,
}

/// What a bundle asks and yields, as far as it can be read, although something else in it may be wrong: enough to hold
/// a configuration and a stream against it, so that their mistakes are told together with its own.
#[derive(Clone, Debug)]
pub struct Draft {
    contract: Bundle,
    sound: bool,
}

impl Draft {
    /// What it asks and yields. Texts that are missing are empty; the model is not to be touched.
    #[must_use]
    pub fn contract(&self) -> &Bundle {
        &self.contract
    }

    /// The bundle; `None` when anything is wrong with it.
    #[must_use]
    pub fn into_sound(self) -> Option<Bundle> {
        self.sound.then_some(self.contract)
    }
}

impl Bundle {
    /// Reads the bundle in `folder` and checks it in itself, the model's hash included; every mistake is noted.
    /// `None` when anything is wrong. The model is not run: see [`crate::OrtDecoder::load`].
    #[must_use]
    pub fn read(folder: &Path, mistakes: &Mistakes) -> Option<Self> {
        Self::draft(folder, mistakes)?.into_sound()
    }

    /// As [`Bundle::read`], but a bundle with mistakes is returned too where its input and output can be read.
    #[must_use]
    pub fn draft(folder: &Path, mistakes: &Mistakes) -> Option<Draft> {
        let file = folder.join("decoder.toml");
        let shown = file.display().to_string();
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) => {
                mistakes.add(Mistake::elsewhere(format!("{shown}: cannot be read: {e}")));
                return None;
            }
        };
        let own = Mistakes::new();
        let contract = read(&shown, &text, &own, |t| walk(t, folder)).flatten();
        let sound = own.is_empty();
        mistakes.extend(own.into_sorted());
        contract.map(|contract| Draft { contract, sound })
    }
}

fn walk(t: &mut Table<'_>, folder: &Path) -> Option<Bundle> {
    if let Some(schema) = t.required::<usize>("schema")
        && schema.value != 1
    {
        t.mistakes().add(schema.mistake("this daemon reads schema 1"));
    }
    let name = t.required::<String>("name");
    let version = t.required::<String>("version");
    let description = t.required::<String>("description");
    let licence = t.required::<String>("licence");
    let model = t.required_table("model").and_then(|t| read_model(t, folder));
    let input = t.required_table("input").and_then(read_input);
    let preprocessing = read_steps_with(t, "preprocessing", Files::inside(folder));
    let output = t.required_table("output").and_then(read_output);
    let metrics = t.required_table("provenance").map(read_provenance).unwrap_or_default();
    let windowed = input.as_ref().map(|input| {
        let signal = Signal::new(input.rate.value, &input.channels.value);
        check_steps(&preprocessing, &signal).unwrap_or_else(|found| {
            t.mistakes().extend(found);
            signal
        })
    });
    if let Some(input) = input.as_ref().filter(|input| input.unit != Unit::Microvolts) {
        for (i, step) in preprocessing.iter().enumerate().filter(|(_, step)| !step.spec.is_in_any_unit()) {
            t.mistakes().add(Mistake::elsewhere(format!(
                "{}: input.unit = {} must be uV: preprocessing[{i}], {}, works in uV",
                folder.join("decoder.toml").display(),
                input.unit,
                step.spec
            )));
        }
    }
    // What is missing has been noted: the rest may still be held against a stream.
    let text = |found: Option<Located<String>>| found.map(|f| f.value).unwrap_or_default();
    let no_model = || (Located { value: PathBuf::new(), at: t.place().clone() }, String::new());
    let (model, model_sha256) = model.unwrap_or_else(no_model);
    Some(Bundle {
        folder: folder.to_owned(),
        identity: Arc::new(DecoderIdentity { name: text(name), version: text(version), model_sha256 }),
        description: text(description),
        licence: text(licence),
        model,
        input: input?,
        preprocessing,
        windowed: windowed?,
        output: output?,
        metrics,
    })
}

fn read_model(mut t: Table<'_>, folder: &Path) -> Option<(Located<PathBuf>, String)> {
    let file = t.required::<String>("file");
    let stated = t.required::<String>("sha256");
    let mistakes = t.mistakes();
    t.finish();
    let (file, stated) = (file?, stated?);
    let path = folder.join(&file.value);
    match std::fs::read(&path) {
        Err(e) => {
            mistakes.add(file.mistake(format!("{} cannot be read: {e}", path.display())));
            Some((file.map(|_| path), String::new()))
        }
        Ok(bytes) => {
            let found = sha256_hex(&bytes);
            if !found.eq_ignore_ascii_case(&stated.value) {
                mistakes.add(stated.mistake(format!(
                    "the file {} has SHA-256 {found}: it was changed since the bundle was made",
                    path.display()
                )));
            }
            Some((file.map(|_| path), found))
        }
    }
}

fn read_input(mut t: Table<'_>) -> Option<Input> {
    let tensor = t.required::<String>("tensor");
    let channels = t.required::<Vec<String>>("channels");
    let unit = t.required::<String>("unit");
    let rate = t.required::<f64>("rate_hz");
    let window_samples = at_least_one(&mut t, "window_samples");
    let hop_samples = at_least_one(&mut t, "hop_samples");
    let mistakes = t.mistakes();
    t.finish();
    let rate = rate.and_then(|r| match Hz::new(r.value) {
        Ok(hz) => Some(Located { value: hz, at: r.at }),
        Err(e) => {
            mistakes.add(r.mistake(e.to_string()));
            None
        }
    });
    let unit = unit.and_then(|u| {
        let parsed = Unit::parse(&u.value);
        if parsed.to_microvolts().is_none() {
            mistakes.add(u.mistake("must be a voltage: uV, mV, V or nV"));
            return None;
        }
        Some(parsed)
    });
    if let Some(channels) = &channels {
        no_repeats(channels, mistakes);
    }
    Some(Input {
        tensor: tensor?,
        channels: channels?,
        unit: unit?,
        rate: rate?,
        window_samples: window_samples?,
        hop_samples: hop_samples?,
    })
}

fn read_output(mut t: Table<'_>) -> Option<Output> {
    let tensor = t.required::<String>("tensor");
    let kind = t.required::<String>("kind");
    let classes = t.required::<Vec<String>>("classes");
    let mistakes = t.mistakes();
    t.finish();
    if let Some(kind) = &kind
        && kind.value != "class_posteriors"
    {
        mistakes.add(kind.mistake("must be \"class_posteriors\""));
    }
    if let Some(classes) = &classes {
        no_repeats(classes, mistakes);
        if classes.len() < 2 {
            mistakes.add(classes.mistake("must name at least 2 classes"));
        }
    }
    kind?;
    Some(Output { tensor: tensor?, classes: classes? })
}

fn read_provenance(mut t: Table<'_>) -> Vec<Metric> {
    for key in ["trained_by", "subjects", "split"] {
        let _ = t.required::<String>(key);
    }
    for mut r in t.tables("recordings") {
        let _ = r.required::<String>("file");
        let _ = r.required::<String>("sha256");
        if let Some(used) = r.required::<String>("use")
            && !["train", "test"].contains(&used.value.as_str())
        {
            r.mistakes().add(used.mistake("must be \"train\" or \"test\""));
        }
        r.finish();
    }
    let metrics = t.tables("metrics").into_iter().filter_map(read_metric).collect();
    t.finish();
    metrics
}

fn read_metric(mut m: Table<'_>) -> Option<Metric> {
    let name = m.required::<String>("name");
    let on = m.required::<String>("on");
    let value = m.required::<f64>("value");
    let ci95 = m.required::<Vec<f64>>("ci95");
    let trials = m.required::<usize>("trials");
    let chance = m.required::<f64>("chance");
    let mistakes = m.mistakes();
    m.finish();
    let ci95 = ci95.and_then(|ci| match ci.value.as_slice() {
        &[low, high] if low <= high => Some([low, high]),
        _ => {
            mistakes.add(ci.mistake("must be two numbers, the lower first"));
            None
        }
    });
    Some(Metric {
        name: name?.value,
        on: on?.value,
        value: value?.value,
        ci95: ci95?,
        trials: trials?.value,
        chance: chance?.value,
    })
}

fn at_least_one(t: &mut Table<'_>, key: &str) -> Option<Located<usize>> {
    let n = t.required::<usize>(key)?;
    if n.value == 0 {
        t.mistakes().add(n.mistake("must be 1 or above"));
        return None;
    }
    Some(n)
}

fn no_repeats(labels: &Located<Vec<String>>, mistakes: &Mistakes) {
    if labels.is_empty() {
        mistakes.add(labels.mistake("must not be empty"));
    }
    let repeated: Vec<&str> = labels
        .iter()
        .enumerate()
        .filter(|(i, l)| labels[..*i].iter().any(|e| e.eq_ignore_ascii_case(l)))
        .map(|(_, l)| l.as_str())
        .collect();
    if !repeated.is_empty() {
        mistakes.add(labels.mistake(format!("named more than once: {}", repeated.join(", "))));
    }
}

/// SHA-256 of `bytes` in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

impl Bundle {
    /// Where the model is named: the line for mistakes found when it is run.
    #[must_use]
    pub fn model_place(&self) -> &Place {
        &self.model.at
    }
}

#[cfg(test)]
mod tests;
