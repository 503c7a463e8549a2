//! `models/README.md` lists every shipped bundle as it is.

#![allow(clippy::unwrap_used, reason = "a test")]

use bci_config::Mistakes;
use bci_models::Bundle;
use std::path::Path;

#[test]
fn every_shipped_bundle_is_listed_as_it_is() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(models.join("README.md")).unwrap();
    let mut bundles: Vec<_> = std::fs::read_dir(models.join("zoo"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("decoder.toml").is_file())
        .collect();
    bundles.sort();
    assert!(!bundles.is_empty());
    let mut listed = std::collections::BTreeSet::new();
    for folder in bundles {
        let mistakes = Mistakes::new();
        let bundle = Bundle::read(&folder, &mistakes);
        let bundle = bundle.unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()));
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        // One fed by the hop stands in the row of that which is fed by windows.
        let row_name = name.strip_suffix("-streaming").unwrap_or(&name).to_owned();
        let start = format!("| [`{row_name}`](zoo/{row_name}/README.md) | ");
        let row = page.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{name} is not listed"));
        let input = &bundle.input;
        let (window, hop) = (input.window_samples.value, input.hop_samples.value);
        for fact in [
            format!("| {} channels, {}, {} Hz |", input.channels.len(), input.unit, input.rate.value.get()),
            format!("| {window} frames, {hop} ("),
            format!("| {} |", bundle.licence),
            bundle.output.labels().join(", "),
        ] {
            assert!(row.contains(&fact), "{name}: {fact:?} in {row}");
        }
        listed.insert(row_name);
    }
    let rows = page.lines().filter(|line| line.starts_with("| [`")).count();
    assert_eq!(rows, listed.len(), "one row each, and none of what is not shipped");
}
