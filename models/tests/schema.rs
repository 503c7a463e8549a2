//! `models/decoder.schema.json` names exactly the keys that the reader of `decoder.toml` permits, and requires those that
//! it asks for.

#![allow(clippy::unwrap_used, reason = "a test")]

use bci_config::Mistakes;
use bci_models::Bundle;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// A key that no table has: the reader answers with those that it has.
const PROBE: &str = "zzzzzzzz_no_such_key";

fn schema() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("decoder.schema.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Everything wrong with a text, as told.
fn told(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("decoder.toml"), text).unwrap();
    let mistakes = Mistakes::new();
    let _ = Bundle::draft(folder.path(), &mistakes);
    mistakes.into_sorted().iter().map(ToString::to_string).collect()
}

/// The keys permitted and asked for in the table at `path`, into which `header` leads.
fn reader(path: &str, header: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let full = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let told = told(&format!("{header}\n{PROBE} = 1\n"));
    let probe = format!("{} at ", full(PROBE));
    let answer = told.iter().find(|m| m.starts_with(&probe)).unwrap_or_else(|| panic!("{header}: {told:#?}"));
    let keys = answer.split("permitted here: ").nth(1).unwrap_or_else(|| panic!("{answer}"));
    let keys: BTreeSet<String> = keys.split(", ").map(str::to_owned).collect();
    let missing = |key: &&String| {
        let (value, table) = (format!("`{}` is missing", full(key)), format!("[{}] is missing", full(key)));
        told.iter().any(|m| m.ends_with(&value) || m.ends_with(&table))
    };
    let asked = keys.iter().filter(missing).cloned().collect();
    (keys, asked)
}

/// The keys of an object in the schema, and those that it requires.
fn object(schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    assert_eq!(schema["additionalProperties"], false, "{schema}");
    let keys = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let required = schema["required"].as_array().unwrap();
    (keys, required.iter().map(|key| key.as_str().unwrap().to_owned()).collect())
}

#[test]
fn the_schema_and_the_reader_know_the_same_keys() {
    let schema = schema();
    let top = &schema["properties"];
    for (path, header, at) in [
        ("", "", &schema),
        ("model", "[model]", &top["model"]),
        ("input", "[input]", &top["input"]),
        ("state[0]", "[[state]]", &top["state"]["items"]),
        ("intent", "[intent]", &top["intent"]),
        ("provenance", "[provenance]", &top["provenance"]),
        ("golden", "[golden]", &top["golden"]),
        (
            "provenance.recordings[0]",
            "[[provenance.recordings]]",
            &top["provenance"]["properties"]["recordings"]["items"],
        ),
        (
            "provenance.metrics[0]",
            "[[provenance.metrics]]",
            &top["provenance"]["properties"]["metrics"]["items"],
        ),
    ] {
        assert_eq!(object(at), reader(path, header), "{header}");
    }
}

#[test]
fn every_kind_of_output_has_its_keys() {
    let schema = schema();
    let mut kinds = BTreeSet::new();
    for variant in schema["properties"]["output"]["oneOf"].as_array().unwrap() {
        let at = schema.pointer(variant["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
        let kind = &at["properties"]["kind"];
        let words = kind["enum"].as_array().cloned().unwrap_or_else(|| vec![kind["const"].clone()]);
        for word in words {
            let header = format!("[output]\nkind = {word}");
            let (keys, mut asked) = reader("output", &header);
            asked.insert("kind".to_owned());
            assert_eq!(object(at), (keys, asked), "{word}");
            kinds.insert(word.as_str().unwrap().to_owned());
        }
    }
    let told = told("[output]\nkind = \"x\"\n");
    let answer = told.iter().find(|m| m.starts_with("output.kind = ")).unwrap();
    let known: BTreeSet<String> =
        answer.split("must be ").nth(1).unwrap().split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(kinds, known);
}

#[test]
fn every_step_has_its_keys() {
    let schema = schema();
    let step = &schema["$defs"]["step"];
    let kinds: BTreeSet<String> = step["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(kinds, reader("preprocessing[0]", "[[preprocessing]]").0);
    for (kind, at) in step["properties"].as_object().unwrap() {
        let path = format!("preprocessing[0].{kind}");
        let (keys, asked) = reader(&path, &format!("[[preprocessing]]\n[preprocessing.{kind}]"));
        assert_eq!(object(at), (keys, asked), "{kind}");
    }
}

/// What follows are values, which no probe finds.
#[test]
fn words_and_bounds_are_those_of_the_reader() {
    let schema = schema();
    for (header, path, pointer) in [
        ("[input]", "input.feed", "/properties/input/properties/feed/enum"),
        ("[input]", "input.layout", "/properties/input/properties/layout/enum"),
        ("[[state]]", "state[0].reset", "/properties/state/items/properties/reset/enum"),
        (
            "[[provenance.recordings]]",
            "provenance.recordings[0].use",
            "/properties/provenance/properties/recordings/items/properties/use/enum",
        ),
    ] {
        let key = path.rsplit('.').next().unwrap();
        let told = told(&format!("{header}\n{key} = \"x\"\n"));
        let answer = told.iter().find(|m| m.starts_with(path)).unwrap();
        let known: BTreeSet<&str> =
            answer.split("must be ").nth(1).unwrap().split('"').skip(1).step_by(2).collect();
        let words = schema.pointer(pointer).unwrap().as_array().unwrap();
        assert_eq!(known, words.iter().map(|w| w.as_str().unwrap()).collect(), "{path}");
    }
    for (header, path, pointer) in [
        ("[golden]", "golden.atol", "/properties/golden/properties/atol"),
        ("[intent]", "intent.smoothing_ms", "/properties/intent/properties/smoothing_ms"),
        ("[output]\nkind = \"class_logits\"", "output.temperature", "/$defs/classes/properties/temperature"),
        (
            "[output]\nkind = \"class_logits\"",
            "output.reject_below",
            "/$defs/classes/properties/reject_below",
        ),
        (
            "[output]\nkind = \"class_logits\"",
            "output.prior_windows",
            "/$defs/classes/properties/prior_windows",
        ),
    ] {
        let key = path.rsplit('.').next().unwrap();
        let told = told(&format!("{header}\n{key} = -1.0\n"));
        let answer = told.iter().find(|m| m.starts_with(path)).unwrap();
        let bounds: Vec<f64> = answer
            .split("must be between ")
            .nth(1)
            .unwrap()
            .split(" and ")
            .map(|bound| bound.split(' ').next().unwrap().parse().unwrap())
            .collect();
        let at = schema.pointer(pointer).unwrap();
        assert_eq!(bounds, [at["minimum"].as_f64().unwrap(), at["maximum"].as_f64().unwrap()], "{path}");
    }
}
