//! `pack`: from a draft to a bundle that loads.

use super::made::{Made, load, matrix};
use super::onnx::external;
use super::{identity, shipped};
use bci_models::bundle::{parse_npy, write_npy};
use bci_models::onnx::{CONTRACT_KEY, about};
use bci_models::pack::{Pack, pack};
use bci_models::{Device, contract};
use std::path::Path;

fn request<'a>(folder: &'a Path, out: &'a Path) -> Pack<'a> {
    Pack { folder, out, segment: None, expected: None, device: Device::Cpu }
}

#[test]
fn a_draft_becomes_a_bundle_that_says_the_same_in_its_model() {
    // No hash, no golden segment.
    let draft = shipped().with("sha256 = \"MODEL\"\n", "");
    let (toml, _) = draft.text.split_once("[golden]").unwrap();
    let folder = draft.write();
    std::fs::write(folder.path().join("decoder.toml"), toml).unwrap();
    std::fs::write(folder.path().join("LICENSE"), "MIT").unwrap();
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("made");
    let segment = folder.path().join("segment.npy");
    let segment = Some((segment.as_path(), "synthetic"));
    let (bundle, decoder) = pack(&Pack { segment, ..request(folder.path(), &out) }).unwrap();
    assert_eq!(decoder.agreement().map(|a| (a.windows, a.largest)), Some((1, 0.0)), "computed here");
    assert_eq!(bundle.golden.as_ref().unwrap().origin, "synthetic");
    assert_eq!(std::fs::read_to_string(out.join("LICENSE")).unwrap(), "MIT");
    let rows = parse_npy(&std::fs::read(out.join("golden/expected.npy")).unwrap()).unwrap();
    assert!((rows.values[0] - 0.657_663_8).abs() < 1e-5, "as in Python: {rows:?}");
    let held = about(&std::fs::read(out.join("model.onnx")).unwrap()).unwrap().metadata;
    let held: Vec<_> = held.into_iter().filter(|(key, _)| key == CONTRACT_KEY).collect();
    let own = contract::contract(&std::fs::read_to_string(out.join("decoder.toml")).unwrap()).unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&held[0].1).unwrap(), own);
    assert!(load(&out, Device::Cpu).is_ok());
    // Packed again from itself, it is the same to the last byte.
    let again = place.path().join("again");
    pack(&request(&out, &again)).unwrap();
    for file in ["decoder.toml", "model.onnx", "golden/segment.npy", "golden/expected.npy", "LICENSE"] {
        assert_eq!(
            std::fs::read(again.join(file)).unwrap(),
            std::fs::read(out.join(file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn what_cannot_be_packed_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("made");
    let refusal = |made: &Made, expected: Option<&Path>| {
        let folder = made.write();
        let found = pack(&Pack { expected, ..request(folder.path(), &out) }).unwrap_err();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "{found:?}");
        found
            .iter()
            .map(|m| m.to_string().replace(&folder.path().display().to_string(), "F"))
            .collect::<Vec<_>>()
    };
    let told = refusal(&Made::new(b"not a model"), None);
    assert!(told.len() == 1 && told[0].starts_with("F/model.onnx: is no ONNX model"), "{told:?}");
    let told = refusal(&Made::new(&external("weights.bin")), None);
    assert!(told.len() == 1 && told[0].contains("keeps tensors in weights.bin"), "{told:?}");
    assert!(told[0].contains(&format!("{}/decoder.toml:7", out.display())), "{told:?}");
    let told = refusal(&Made::new(&identity()).with("licence = \"MIT\"", "license = \"MIT\""), None);
    assert_eq!(told.len(), 2, "missing, and unknown: {told:?}");
    let told = refusal(&Made::new(&identity()).with("origin = \"made up\"\n", ""), None);
    assert!(told[0].contains("names no segment with its origin"), "{told:?}");

    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), write_npy(&matrix(2, &[0.25, 0.75, 0.4, 0.6]))).unwrap();
    let folder = Made::new(&identity()).write();
    let told = pack(&Pack { expected: Some(other.path()), ..request(folder.path(), &out) }).unwrap_err();
    assert!(told[0].to_string().contains("1.000e-1 apart"), "{told:?}");
    assert!(!out.exists());
    std::fs::create_dir(&out).unwrap();
    let told = pack(&request(folder.path(), &out)).unwrap_err();
    assert!(told[0].to_string().ends_with("is there already"), "{told:?}");
}
