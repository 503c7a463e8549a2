use super::{sha256_hex, within};
use crate::{contract, onnx};
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
            if !found.eq_ignore_ascii_case(&stated.value) {
                mistakes.add(stated.mistake(format!(
                    "the file {} has SHA-256 {found}: it was changed since the bundle was made",
                    file.display()
                )));
            }
            hold_against(&bytes, text, &file, mistakes);
            Some((file, found))
        }
    }
}

/// The bytes of a model, or why they are not to be had, in words.
pub(crate) fn load(file: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(file).map_err(|e| format!("cannot be read: {e}"))?;
    // Reading what is no file, such as a pipe, may never end.
    if !about.is_file() {
        return Err("is no file".to_owned());
    }
    if about.len() > MOST_MODEL_BYTES {
        return Err(format!("has {} bytes; {MOST_MODEL_BYTES} are permitted", about.len()));
    }
    std::fs::read(file).map_err(|e| format!("cannot be read: {e}"))
}

/// What the model says of itself against what `decoder.toml` says. What is no model at all says nothing here: it is told
/// when it is loaded.
fn hold_against(model: &[u8], text: &str, file: &Located<PathBuf>, mistakes: &Mistakes) {
    let Ok(about) = onnx::about(model) else { return };
    if !about.external.is_empty() {
        mistakes.add(file.mistake(format!(
            "keeps tensors in {}: all of a model must be in its own file, whose hash then covers it",
            about.external.join(", ")
        )));
    }
    let Some((_, held)) = about.metadata.iter().find(|(key, _)| key == onnx::CONTRACT_KEY) else { return };
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
