//! What belongs to a data set and to no recording: made where it is missing, and otherwise left as it is.

use super::{About, BidsError, Entities, VERSION};
use serde_json::json;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file of a recording of the same name, in whatever format.
pub(super) fn in_the_way(dataset: &Path, entities: &Entities) -> Option<PathBuf> {
    let stem = format!("{}_", entities.stem());
    let suffixes = ["eeg", "events", "channels"];
    let is_its = |name: &str| {
        let rest = name.strip_prefix(&stem).and_then(|rest| rest.split_once('.'));
        rest.is_some_and(|(suffix, _)| suffixes.contains(&suffix))
    };
    // A folder that is not there holds nothing.
    let files = fs::read_dir(dataset.join(entities.folder())).ok()?.filter_map(Result::ok);
    files
        .map(|file| file.path())
        .filter(|file| file.file_name().is_some_and(|n| is_its(&n.to_string_lossy())))
        .min()
}

/// `participants.tsv` with the participant in it; `None` where it needs no change.
pub(super) fn participants(dataset: &Path, entities: &Entities) -> Result<Option<String>, BidsError> {
    let path = dataset.join("participants.tsv");
    let mut text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => "participant_id\n".to_owned(),
        Err(source) => return Err(BidsError::File { path, doing: "read", source }),
    };
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    if columns[0] != "participant_id" {
        let problem = format!("begins with the column {:?}, must with \"participant_id\"", columns[0]);
        return Err(BidsError::Dataset { path, problem });
    }
    let participant = entities.participant();
    if lines.any(|line| line.split('\t').next() == Some(&participant)) {
        return Ok(None);
    }
    let others = "\tn/a".repeat(columns.len() - 1);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(Some(format!("{text}{participant}{others}\n")))
}

/// Makes what is missing.
pub(super) fn complete(dataset: &Path, entities: &Entities, about: &About) -> Result<(), BidsError> {
    let folder = dataset.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = about.dataset_name.clone().or(folder).unwrap_or_else(|| "EEG".to_owned());
    let mut description = json!({
        "Name": name,
        "BIDSVersion": VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [{ "Name": "bcid", "Version": env!("CARGO_PKG_VERSION") }],
    });
    if !about.authors.is_empty() {
        description["Authors"] = json!(about.authors);
    }
    if let Some(licence) = &about.licence {
        description["License"] = json!(licence);
    }
    missing(&dataset.join("dataset_description.json"), &format!("{description:#}\n"))?;
    if !["README", "README.md", "README.rst", "README.txt"].iter().any(|name| dataset.join(name).exists()) {
        missing(&dataset.join("README"), &readme(&name))?;
    }
    let columns = json!({ "participant_id": { "Description": "Who was recorded." } });
    missing(&dataset.join("participants.json"), &format!("{columns:#}\n"))?;
    match participants(dataset, entities)? {
        Some(text) => replace(&dataset.join("participants.tsv"), &text),
        None => Ok(()),
    }
}

fn readme(name: &str) -> String {
    format!(
        "{name}\n\
         \n\
         EEG in BIDS {VERSION}, exported by bcid {}.\n\
         \n\
         Samples are as they were recorded, in microvolts where they are voltages, as 32-bit floats: neither filtered, re-referenced\n\
         nor resampled. Frames stand in recorded order at the nominal rate. Where frames are missing a new segment begins (\"New\n\
         Segment\" in the .vmrk, \"boundary\" in _events.tsv), and the file's time leaves out what is missing. What the stamps say\n\
         of the real rate, of jitter and of holes is under SampleTiming in _eeg.json. \"n/a\" is what nobody has said.\n\
         \n\
         To be completed by whoever shares this: who was recorded and how, with which consent, and how to cite it.\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// Writes a file that is not there.
fn missing(path: &Path, text: &str) -> Result<(), BidsError> {
    match fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(BidsError::write(path)(e)),
        _ => Ok(()),
    }
}

/// Writes a file, whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), BidsError> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    fs::write(&part, text).and_then(|()| fs::rename(&part, path)).map_err(BidsError::write(path))
}
