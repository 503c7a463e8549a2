use bci_config::Table;

/// How a decoder came to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// The program that trained it.
    pub trained_by: String,
    /// The version of that program: a release, a commit, a hash.
    pub code_version: String,
    /// Whose recordings.
    pub subjects: String,
    /// What was trained on and what was not.
    pub split: String,
    /// The recordings.
    pub recordings: Vec<Recording>,
    /// Figures as stated by its maker.
    pub metrics: Vec<Metric>,
}

/// A recording that a decoder was trained or tested on.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its file name, or how else it is known.
    pub file: String,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// What it served for.
    pub used: Use,
}

/// What a recording served for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Training, and every choice made.
    Train,
    /// Choices made while training: when to stop, which settings.
    Validate,
    /// The figures alone.
    Test,
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

pub(super) fn read_provenance(mut t: Table<'_>) -> Provenance {
    let mut text = |key| t.required::<String>(key).map(|found| found.value).unwrap_or_default();
    let [trained_by, code_version, subjects, split] =
        ["trained_by", "code_version", "subjects", "split"].map(&mut text);
    let recordings = t.tables("recordings").into_iter().filter_map(read_recording).collect();
    let metrics = t.tables("metrics").into_iter().filter_map(read_metric).collect();
    t.finish();
    Provenance { trained_by, code_version, subjects, split, recordings, metrics }
}

fn read_recording(mut r: Table<'_>) -> Option<Recording> {
    let file = r.required::<String>("file");
    let sha256 = r.required::<String>("sha256");
    let used = r.required::<String>("use");
    let mistakes = r.mistakes();
    r.finish();
    if let Some(sha256) = sha256.as_ref().filter(|s| !super::is_sha256(s)) {
        mistakes.add(sha256.mistake("must be 64 hexadecimal digits"));
    }
    let used = used.and_then(|used| match used.value.as_str() {
        "train" => Some(Use::Train),
        "validate" => Some(Use::Validate),
        "test" => Some(Use::Test),
        _ => {
            mistakes.add(used.mistake("must be \"train\", \"validate\" or \"test\""));
            None
        }
    });
    Some(Recording { file: file?.value, sha256: sha256?.value, used: used? })
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
