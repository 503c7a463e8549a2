use crate::{in_proportion, text::told};
use bci_config::Mistakes;
use bci_models::bundle::{Bundle, parse_npy, write_npy};
use bci_models::onnx::{self, CONTRACT_KEY};
use bci_models::{contract, learned};
use std::path::Path;

/// An ONNX file as it is looked through before it is loaded: metadata that is written is read again, in place of what was
/// there, and changes nothing else.
pub fn onnx(bytes: &[u8]) {
    let Ok(about) = onnx::about(bytes) else { return };
    let names = about.inputs.iter().chain(&about.outputs).chain(&about.metadata);
    in_proportion(names.flat_map(|(a, b)| [a.as_str(), b.as_str()]), bytes.len());
    in_proportion(about.operators.keys().chain(&about.external).map(String::as_str), bytes.len());
    let marked = onnx::with_metadata(bytes, CONTRACT_KEY, "{}");
    let marked = marked.unwrap_or_else(|e| panic!("can be read, and not be written: {e}"));
    let again = onnx::about(&marked).unwrap_or_else(|e| panic!("what was written {e}"));
    let mut wanted = about;
    wanted.metadata.retain(|(key, _)| key != CONTRACT_KEY);
    wanted.metadata.push((CONTRACT_KEY.to_owned(), "{}".to_owned()));
    assert_eq!(again, wanted);
    assert_eq!(onnx::with_metadata(&marked, CONTRACT_KEY, "{}"), Ok(marked), "the same again");
}

/// A matrix in NumPy's format: as many numbers as it says, and to the bit again when it is written.
pub fn npy(bytes: &[u8]) {
    let Ok(matrix) = parse_npy(bytes) else { return };
    assert_eq!(Some(matrix.values.len()), matrix.rows.checked_mul(matrix.columns));
    let written = write_npy(&matrix);
    let again = parse_npy(&written).unwrap_or_else(|e| panic!("what was written {e}"));
    let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|x| x.to_bits()).collect() };
    assert_eq!((again.rows, again.columns), (matrix.rows, matrix.columns));
    assert_eq!(bits(&again.values), bits(&matrix.values));
}

/// A `decoder.toml`, without the files that it names: every mistake is at a line of it, and the contract that a model would
/// hold equals it after its way through JSON.
pub fn bundle(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mistakes = Mistakes::new();
    let draft = Bundle::draft_of_text(text, Path::new("/no/such/bundle"), &mistakes);
    if let Some(draft) = draft {
        let contract = draft.contract();
        assert!(contract.input.channels.len() <= text.len() && contract.windowed.channels() > 0);
        assert!(!contract.output.shape().contains(&0) || !mistakes.is_empty());
        assert!(draft.into_sound().is_none(), "sound without a model");
    }
    told(mistakes, text);
    let Ok(own) = contract::contract(text) else { return };
    let held = serde_json::from_str(&own.to_string());
    let held = held.unwrap_or_else(|e| panic!("a contract that is no JSON: {e}"));
    assert_eq!(contract::differences(&held, &own), [""; 0]);
}

/// A file of what steps learned: what is sound is the same to the bit when it is written and read again.
pub fn learned(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mistakes = Mistakes::new();
    let entries = learned::parse("l.toml", text, &mistakes);
    let sound = mistakes.is_empty();
    told(mistakes, text);
    let Some(entries) = entries.filter(|_| sound) else { return };
    let (mistakes, written) = (Mistakes::new(), learned::to_toml(&entries));
    let again = learned::parse("l.toml", &written, &mistakes);
    let told: Vec<String> = mistakes.into_sorted().iter().map(ToString::to_string).collect();
    assert_eq!(told, [""; 0], "{written}");
    assert_eq!(again.as_ref(), Some(&entries));
    // What is equal may differ in the sign of a zero; what is written does not.
    assert_eq!(again.map(|again| learned::to_toml(&again)), Some(written));
}
