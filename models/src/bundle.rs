//! The bundle contract: a folder whose `decoder.toml` says everything that inference needs, and a reviewer asks, of the
//! model beside it. `bcid decoder inspect|verify|pack` shows, checks and makes one.
//!
//! Schema 2 (`models/decoder.schema.json` is the same as JSON Schema); every key is required unless it has a default here:
//!
//! | key | meaning |
//! |---|---|
//! | `schema` | 2 |
//! | `name`, `version`, `description`, `licence` | who the decoder is, and its terms |
//! | `model.file`, `model.sha256` | the ONNX file, within the folder, 512 MiB at most, all weights in it, and its hash |
//! | `input.tensor` | name of the input: `float32`, batch 1, after the preprocessing |
//! | `input.channels` | labels of the stream's channels, in the order in which the preprocessing takes them |
//! | `input.unit` | unit of its numbers: a voltage; uV where a step of the preprocessing works in uV or squares |
//! | `input.rate_hz` | sampling rate of the stream, before the preprocessing |
//! | `input.window_samples`, `input.hop_samples` | what a decision rests on and the hop it was made for, in frames after the preprocessing |
//! | `input.feed` | `"window"` (default): the tensor holds the window; `"hop"`: the newest hop alone, the rest is in states |
//! | `input.layout` | `"channels_samples"` (default): `[1, channels, samples]`; `"samples_channels"`: `[1, samples, channels]` |
//! | `[[preprocessing]]` (default: none) | steps of the signal engine, run causally on those channels, in order; what they yield goes into the tensor; files that they name lie in the folder |
//! | `[[state]]` (default: none) | memory from one run to the next: `input` and `output` tensors of one `shape`, `float32`; `initial` (0) is in every element at the start and after a reset; `reset` is `"invalid"` (default: at every hole and after every window that cannot be trusted) or `"attachment"` (only when a source is attached anew) |
//! | `output.tensor`, `output.kind` | name of the output, `float32`, batch 1; what its numbers are |
//! | `output.settle_samples` | how many frames after a reset of its states the output means nothing (default: `window_samples` where `feed` is `"hop"`, else 0) |
//! | `output.classes`, `.temperature`, `.reject_below`, `.prior_windows` | `"class_posteriors"` or `"class_logits"`, `[1, classes]`: their labels; what logits (of posteriors, their logarithms) are divided by before the softmax (1); the least that the largest posterior of a window must be to count as evidence (0); where trials teach (`[pipeline.adapt]`), as how many windows it counts at first that no class is more frequent than another, against which posteriors are then levelled: for classes that are cued equally often (not levelled) |
//! | `output.axes`, `.unit` | `"velocity"`, `[1, axes]`: the names of 1 to 3 axes; the unit (`"1/s"`: widths of the workspace a second) |
//! | `output.size` | `"embedding"`, `[1, size]` |
//! | `output.tokens`, `.steps` | `"token_logits"`, `[1, steps, tokens]`: the tokens, the blank included; how many steps a run yields (1) |
//! | `intent.threshold`, `.smoothing_ms` (default: no such table; where it is, both) | of classes: the smoothed probability from which one is an intent, above chance, up to 1, and the time constant of the smoothing, 0 to 60000 ms, that was chosen with it; for whoever does not say otherwise |
//! | `provenance.trained_by`, `.code_version`, `.subjects`, `.split` | how it came to be |
//! | `[[provenance.recordings]]` | `file`, `sha256`, `use` = `train`, `validate` or `test` |
//! | `[[provenance.metrics]]` | `name`, `on`, `value`, `ci95`, `trials`, `chance` |
//! | `golden.segment`, `.segment_sha256` | a raw stretch of the stream: `.npy`, `float32 [frames, channels]` in `input.unit` at `input.rate_hz`, within the folder, and its hash |
//! | `golden.expected`, `.expected_sha256` | what the decoder yields for each window of it from the first on: `.npy`, `float32 [windows, numbers]`, as computed where it was trained. Compared at every start for 20 s at most ([`crate::golden`]) |
//! | `golden.origin`, `.atol` | where the segment is from; by how much each number may be off (1e-4) |
//!
//! The ONNX file may hold the same in its metadata, under `bcid.contract`: this file as JSON, without `model.sha256` and
//! `[golden]`. Where it does, the two must be equal.

mod file;
mod golden;
mod input;
mod intent;
mod model;
mod output;
mod provenance;
mod state;

use golden::read_golden;
use input::read_input;
use intent::read_intent;
use model::read_model;
use output::read_output;
use provenance::read_provenance;
use state::read_states;

pub use file::{MOST_TOML_BYTES, read_file, read_text};
pub(crate) use golden::MOST_BYTES as MOST_GOLDEN_BYTES;
pub use golden::{Golden, Matrix, parse as parse_npy, write as write_npy};
pub use input::{Feed, Input, Layout};
pub use intent::OperatingPoint;
pub use model::MOST_MODEL_BYTES;
pub(crate) use model::load as load_model;
pub use output::{Classes, Output, OutputKind};
pub use provenance::{Metric, Provenance, Recording, Use};
pub use state::{Reset, State};

use crate::steps::{Files, Step, check_steps, read_steps_with};
use bci_config::{Located, Mistake, Mistakes, Place, Table, read};
use bci_dsp::Signal;
use bci_types::{DecoderIdentity, Unit};
use sha2::{Digest as _, Sha256};
use std::path::{Component, Path, PathBuf};
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
    /// Memory from one run to the next.
    pub states: Vec<State>,
    /// What it yields.
    pub output: Output,
    /// From where on a class is an intent, where its maker says it.
    pub intent: Option<OperatingPoint>,
    /// How it came to be.
    pub provenance: Provenance,
    /// What it must yield for a known stretch of signal; `None` only in a draft.
    pub golden: Option<Golden>,
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

    /// Whether it remembers anything from one run to the next.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        !self.states.is_empty()
    }

    /// As [`Bundle::read`], but a bundle with mistakes is returned too where its input and output can be read.
    #[must_use]
    pub fn draft(folder: &Path, mistakes: &Mistakes) -> Option<Draft> {
        Self::draft_of(folder, Wanted::Finished, mistakes)
    }

    /// Reads a bundle that has no `[golden]` yet.
    pub(crate) fn unfinished(folder: &Path, mistakes: &Mistakes) -> Option<Self> {
        Self::draft_of(folder, Wanted::Unfinished, mistakes)?.into_sound()
    }

    /// Reads what a bundle does to the signal and what it yields, of a folder that may have no `[model]` and no `[golden]` yet:
    /// what it is to learn from is made of that. `None` when anything is wrong.
    #[must_use]
    pub fn without_model(folder: &Path, mistakes: &Mistakes) -> Option<Self> {
        Self::draft_of(folder, Wanted::Signal, mistakes)?.into_sound()
    }

    fn draft_of(folder: &Path, wanted: Wanted, mistakes: &Mistakes) -> Option<Draft> {
        let file = folder.join("decoder.toml");
        let shown = file.display().to_string();
        let text = match read_text(&file, MOST_TOML_BYTES) {
            Ok(text) => text,
            Err(why) => {
                mistakes.add(Mistake::elsewhere(format!("{shown}: {why}{}", file::bundles_beneath(folder))));
                return None;
            }
        };
        Self::draft_from(&text, folder, wanted, mistakes)
    }

    /// As [`Bundle::draft`], of a `decoder.toml` that is in memory and belongs in `folder`, where the files that it names are
    /// looked for.
    #[must_use]
    pub fn draft_of_text(text: &str, folder: &Path, mistakes: &Mistakes) -> Option<Draft> {
        Self::draft_from(text, folder, Wanted::Finished, mistakes)
    }

    fn draft_from(text: &str, folder: &Path, wanted: Wanted, mistakes: &Mistakes) -> Option<Draft> {
        let shown = folder.join("decoder.toml").display().to_string();
        let own = Mistakes::new();
        let contract = read(&shown, text, &own, |t| walk(t, folder, text, wanted)).flatten();
        let sound = own.is_empty();
        mistakes.extend(own.into_sorted());
        contract.map(|contract| Draft { contract, sound })
    }
}

/// Whether a bundle must be whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Finished,
    /// The golden segment is still to come.
    Unfinished,
    /// The model is still to come, too.
    Signal,
}

fn walk(t: &mut Table<'_>, folder: &Path, text: &str, wanted: Wanted) -> Option<Bundle> {
    if let Some(schema) = t.required::<usize>("schema")
        && schema.value != 2
    {
        t.mistakes().add(schema.mistake("this daemon reads schema 2"));
    }
    let name = t.required::<String>("name");
    let version = t.required::<String>("version");
    let description = t.required::<String>("description");
    let licence = t.required::<String>("licence");
    let model = match wanted {
        Wanted::Signal => t.optional_table("model"),
        Wanted::Finished | Wanted::Unfinished => t.required_table("model"),
    };
    let model = model.and_then(|t| read_model(t, folder, text));
    let input = t.required_table("input").and_then(read_input);
    let preprocessing = read_steps_with(t, "preprocessing", Files::inside(folder));
    let states = read_states(t);
    let output = t.required_table("output").and_then(|t| read_output(t, input.as_ref()));
    let intent = t.optional_table("intent").and_then(|t| read_intent(t, output.as_ref()));
    let provenance = t.required_table("provenance").map(read_provenance).unwrap_or_default();
    let golden = match wanted {
        Wanted::Finished => t.required_table("golden"),
        Wanted::Unfinished | Wanted::Signal => t.optional_table("golden"),
    };
    let golden = golden.and_then(|t| read_golden(t, folder));
    let windowed = input.as_ref().map(|input| {
        let signal = Signal::new(input.rate.value, &input.channels.value);
        check_steps(&preprocessing, &signal).unwrap_or_else(|found| {
            t.mistakes().extend(found);
            signal
        })
    });
    if let Some(input) = input.as_ref().filter(|input| input.feed == Feed::Hop) {
        let (window, hop) = (&input.window_samples, input.hop_samples.value);
        if !window.value.is_multiple_of(hop) {
            t.mistakes().add(
                window.mistake(format!("must be a multiple of hop_samples, {hop}, where feed = \"hop\"")),
            );
        }
        if states.is_empty() && window.value > hop {
            let what = "needs [[state]] tables where feed = \"hop\": nothing would be known of all but the newest hop";
            t.mistakes().add(window.mistake(what));
        }
    }
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
    let words = |found: Option<Located<String>>| found.map(|f| f.value).unwrap_or_default();
    let no_model = || (Located { value: PathBuf::new(), at: t.place().clone() }, String::new());
    let (model, model_sha256) = model.unwrap_or_else(no_model);
    Some(Bundle {
        folder: folder.to_owned(),
        identity: Arc::new(DecoderIdentity { name: words(name), version: words(version), model_sha256 }),
        description: words(description),
        licence: words(licence),
        model,
        input: input?,
        preprocessing,
        windowed: windowed?,
        states,
        output: output?,
        intent,
        provenance,
        golden,
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

/// A file within the folder, and nowhere else: a bundle is moved as a whole.
fn within(folder: &Path, file: &Located<String>, mistakes: &Mistakes) -> Option<PathBuf> {
    let relative = Path::new(&file.value);
    let inside = !file.value.is_empty() && relative.components().all(|c| matches!(c, Component::Normal(_)));
    if !inside {
        mistakes.add(file.mistake("must be a file within the bundle's folder"));
    }
    inside.then(|| folder.join(relative))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
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
