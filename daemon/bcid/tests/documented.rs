//! `docs/CONFIG.md` names exactly the keys that the configuration reader permits.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// A key that no table has: the reader answers with those that it has.
const PROBE: &str = "zzzzzzzz_no_such_key";

type Keys = BTreeSet<String>;

/// What the reader permits, by table, as it says when asked with an unknown key in every table.
fn permitted() -> BTreeMap<String, Keys> {
    let probe = format!("{PROBE} = 1\n");
    let mut text = probe.clone();
    for table in [
        "[server]",
        "[realtime]",
        "[[pipeline]]",
        "[pipeline.stream]",
        "[pipeline.signal]",
        "[pipeline.intent]",
        "[pipeline.validity]",
    ] {
        text.push_str(&format!("{table}\n{probe}"));
    }
    text.push_str(&format!("[[pipeline.signal.steps]]\n{probe}"));
    for step in ["band_pass", "band_stop", "low_pass", "high_pass", "notch"] {
        text.push_str(&format!("[[pipeline.signal.steps]]\n{step} = {{ {PROBE} = 1 }}\n"));
    }
    text.push_str(&format!("[[markers]]\n{probe}"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.toml");
    std::fs::write(&file, text).unwrap();
    let answer = Command::new(env!("CARGO_BIN_EXE_bcid")).arg("check").arg(&file).output().unwrap();
    assert_eq!(answer.status.code(), Some(78));
    let told = String::from_utf8(answer.stderr).unwrap();
    let mut tables = BTreeMap::new();
    for line in told.lines().filter(|l| l.contains(PROBE)) {
        let key = line.trim().split(" at ").next().unwrap();
        let table = key.trim_end_matches(PROBE).trim_end_matches('.').replace("[0]", "");
        let keys = line.split("permitted here: ").nth(1).unwrap_or_else(|| panic!("no keys in {line}"));
        tables.insert(table, keys.split(", ").map(str::to_owned).collect());
    }
    assert!(tables.len() >= 14, "every probe is answered: {told}");
    tables
}

/// The first words in backticks of a section's table rows.
fn documented(page: &str, heading: &str) -> Keys {
    let section = page.split(heading).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n#").next().unwrap();
    section
        .lines()
        .filter_map(|l| l.strip_prefix("| `"))
        .map(|l| l.split('`').next().unwrap().to_owned())
        .collect()
}

fn keys(names: &[&str]) -> Keys {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[test]
fn the_page_and_the_reader_agree() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIG.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut permitted = permitted();
    assert_eq!(permitted.remove("").unwrap(), keys(&["markers", "pipeline", "realtime", "server"]));
    for (table, heading) in [
        ("server", "## `[server]`"),
        ("realtime", "## `[realtime]`"),
        ("pipeline", "## `[[pipeline]]`"),
        ("pipeline.stream", "### `[pipeline.stream]`"),
        ("pipeline.intent", "### `[pipeline.intent]`"),
        ("pipeline.validity", "### `[pipeline.validity]`"),
    ] {
        assert_eq!(documented(&page, heading), permitted.remove(table).unwrap(), "{table}");
    }
    // One section documents the table and the steps in it.
    let mut signal = documented(&page, "### `[pipeline.signal]`");
    let steps = permitted.remove("pipeline.signal.steps").unwrap();
    assert!(steps.iter().all(|s| signal.remove(s)), "every step is documented: {steps:?}");
    assert_eq!(signal, permitted.remove("pipeline.signal").unwrap());
    assert_eq!(permitted.remove("markers").unwrap(), keys(&["name", "predicate", "source_id", "type"]));
    for (table, found) in permitted {
        let step = table.rsplit('.').next().unwrap().to_owned();
        let row = page.lines().find(|l| l.starts_with(&format!("| `{step}` |"))).unwrap_or_default();
        let told: Keys = row.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        assert_eq!(told, found, "{table}");
    }
}
