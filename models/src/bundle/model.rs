use super::file::read_file;
use super::{sha256_hex, within};
use crate::contract;
use crate::onnx::{self, About};
use bci_config::{Located, Mistakes, Table};
use std::path::{Path, PathBuf};

/// The largest model that is loaded (512 MiB).
pub const MOST_MODEL_BYTES: u64 = 1 << 29;

/// The model's file and the hash found, empty where it cannot be read. `text` is the whole of `decoder.toml`.
pub(super) fn read_model(mut t: Table<'_>, folder: &Path, text: &str) -> Option<(Located<PathBuf>, String)> {
    let file = t.required::<String>("file");
    let stated = t.required::<String>("sha256");
    let mistakes = t.mistakes();
    t.finish();
    let (file, stated) = (file?, stated?);
    let Some(path) = within(folder, &file, mistakes) else {
        return Some((file.map(PathBuf::from), String::new()));
    };
    let file = file.map(|_| path);
    match load(&file) {
        Err(why) => {
            mistakes.add(file.mistake(format!("{} {why}", file.display())));
            Some((file, String::new()))
        }
        Ok(bytes) => {
            let found = sha256_hex(&bytes);
            let changed = !found.eq_ignore_ascii_case(&stated.value);
            if changed {
                mistakes.add(stated.mistake(format!(
                    "the file {} has SHA-256 {found}: it was changed since the bundle was made",
                    file.display()
                )));
            }
            match onnx::about(&bytes) {
                Ok(about) => hold_against(&about, text, &file, mistakes),
                // What cannot be looked through is refused: ONNX Runtime may read it otherwise, and open files that no
                // hash covers. Of a file that was changed, that has been told.
                Err(e) if !changed => mistakes.add(file.mistake(format!("{} {e}", file.display()))),
                Err(_) => {}
            }
            Some((file, found))
        }
    }
}

/// The bytes of a model, or why they are not to be had, in words.
pub(crate) fn load(file: &Path) -> Result<Vec<u8>, String> {
    read_file(file, MOST_MODEL_BYTES)
}

/// What the model says of itself against what `decoder.toml` says.
fn hold_against(about: &About, text: &str, file: &Located<PathBuf>, mistakes: &Mistakes) {
    if !about.external.is_empty() {
        mistakes.add(file.mistake(format!(
            "keeps tensors in {}: all of a model must be in its own file, whose hash then covers it",
            about.external.join(", ")
        )));
    }
    let mut contracts = about.metadata.iter().filter(|(key, _)| key == onnx::CONTRACT_KEY);
    let Some((_, held)) = contracts.next() else { return };
    let others = contracts.count();
    if others > 0 {
        // Which of them counts, each reader would decide for itself.
        mistakes.add(file.mistake(format!("holds {} {}; one is permitted", others + 1, onnx::CONTRACT_KEY)));
        return;
    }
    match (serde_json::from_str(held), contract::contract(text)) {
        (Ok(held), Ok(own)) => {
            mistakes.extend(contract::differences(&held, &own).into_iter().map(|d| file.mistake(d)));
        }
        (Err(e), _) => {
            mistakes.add(file.mistake(format!("holds a {} that is no JSON: {e}", onnx::CONTRACT_KEY)));
        }
        // What is no TOML has been told.
        (_, Err(_)) => {}
    }
}
