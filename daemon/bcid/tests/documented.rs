//! `docs/CONFIG.md` names exactly the keys that the configuration reader permits.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// A key that no table has: the reader answers with those that it has.
const PROBE: &str = "zzzzzzzz_no_such_key";

type Keys = BTreeSet<String>;

/// What the reader permits, by table, as it says when asked with an unknown key in every table and every step.
fn permitted() -> BTreeMap<String, Keys> {
    let probe = format!("{PROBE} = 1\n");
    let mut text = probe.clone();
    for table in [
        "[server]",
        "[server.tls]",
        "[arbitration]",
        "[outlet]",
        "[lsl]",
        "[recording]",
        "[realtime]",
        "[[pipeline]]",
        "[pipeline.stream]",
        "[pipeline.signal]",
        "[pipeline.intent]",
        "[pipeline.intent.accumulate]",
        "[pipeline.velocity]",
        "[pipeline.adapt]",
        "[pipeline.validity]",
    ] {
        text.push_str(&format!("{table}\n{probe}"));
    }
    text.push_str(&format!("[[pipeline.signal.steps]]\n{probe}"));
    text.push_str(&format!("[[markers]]\n{probe}"));
    text.push_str(&format!("[[server.token]]\n{probe}"));
    text.push_str(&format!("[[pipeline.velocity.axis]]\n{probe}"));
    let mut tables = answers(&text);
    assert_eq!(tables.len(), 20, "every probe is answered: {tables:?}");
    for step in &tables["pipeline.signal.steps"].clone() {
        let probe = format!("[[pipeline]]\n[[pipeline.signal.steps]]\n{step} = {{ {PROBE} = 1 }}\n");
        tables.extend(answers(&probe).into_iter().filter(|(table, _)| table.ends_with(step)));
    }
    tables
}

/// The keys permitted in each table of a configuration that has an unknown one in it.
fn answers(text: &str) -> BTreeMap<String, Keys> {
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
    assert_eq!(
        permitted.remove("").unwrap(),
        keys(&["arbitration", "lsl", "markers", "outlet", "pipeline", "realtime", "recording", "server"])
    );
    for (table, heading) in [
        ("server", "## `[server]`"),
        ("server.tls", "### `[server.tls]`"),
        ("server.token", "### `[[server.token]]`"),
        ("arbitration", "## `[arbitration]`"),
        ("outlet", "## `[outlet]`"),
        ("realtime", "## `[realtime]`"),
        ("recording", "## `[recording]`"),
        ("lsl", "## `[lsl]`"),
        ("pipeline", "## `[[pipeline]]`"),
        ("pipeline.stream", "### `[pipeline.stream]`"),
        ("pipeline.intent", "### `[pipeline.intent]`"),
        ("pipeline.intent.accumulate", "### `[pipeline.intent.accumulate]`"),
        ("pipeline.velocity", "### `[pipeline.velocity]`"),
        ("pipeline.velocity.axis", "#### `[[pipeline.velocity.axis]]`"),
        ("pipeline.adapt", "### `[pipeline.adapt]`"),
        ("pipeline.validity", "### `[pipeline.validity]`"),
    ] {
        assert_eq!(documented(&page, heading), permitted.remove(table).unwrap(), "{table}");
    }
    assert_eq!(documented(&page, "### `[pipeline.signal]`"), permitted.remove("pipeline.signal").unwrap());
    let steps = permitted.remove("pipeline.signal.steps").unwrap();
    let described: Keys = page.split("## Steps").nth(1).map(rows).unwrap().into_keys().collect();
    assert_eq!(described.intersection(&steps).count(), steps.len(), "every step is documented: {steps:?}");
    assert_eq!(permitted.remove("markers").unwrap(), keys(&["name", "predicate", "source_id", "type"]));
    let rows = page.split("## Steps").nth(1).map(rows).unwrap();
    for (table, found) in permitted {
        let step = table.rsplit('.').next().unwrap();
        assert_eq!(rows[step], found, "{table}");
    }
}

/// The keys in the second column of each table row, by the word in backticks in its first.
fn rows(text: &str) -> BTreeMap<String, Keys> {
    let rows = text.lines().filter(|l| l.starts_with("| `"));
    let row = |line: &str| {
        let mut columns = line.split(" | ");
        let name = columns.next().unwrap().trim_matches(['|', ' ', '`']).to_owned();
        let keys = columns.next().unwrap_or_default();
        (name, keys.split('`').skip(1).step_by(2).map(str::to_owned).collect())
    };
    rows.map(row).collect()
}
