//! The walls of the house, as `docs/ARCHITECTURE.md` states them, held against `cargo metadata` and the sources.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "layers/lexer.rs"]
mod lexer;

use lexer::{Word, roots, std_modules, words};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package of the workspace.
struct Package {
    name: String,
    /// Its folder, relative to the root.
    folder: String,
    /// What it needs to be built, whether of the workspace or not; what only its tests need is beside the point.
    needs: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let workspace = PathBuf::from(metadata["workspace_root"].as_str().unwrap());
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|p| {
            let manifest = PathBuf::from(text(&p["manifest_path"]));
            let folder = manifest.parent().unwrap().strip_prefix(&workspace).unwrap();
            Package {
                name: text(&p["name"]),
                folder: folder.to_str().unwrap().to_owned(),
                needs: p["dependencies"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|d| d["kind"].as_str() != Some("dev"))
                    .map(|d| text(&d["name"]))
                    .collect(),
            }
        })
        .collect()
}

/// What a folder may know: `None` is everybody.
type Table = BTreeMap<String, Option<BTreeSet<String>>>;

/// The code map of the page: its rows are `| folder | what it is | knows |`.
fn code_map(page: &str) -> Table {
    let section = page.split("\n## Code map\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<[&str; 2]> = section
        .lines()
        .filter(|l| l.starts_with("| `"))
        .map(|l| {
            let cells: Vec<&str> = l.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 3, "{l}");
            [cells[0].trim_matches('`'), cells[2]]
        })
        .collect();
    let folder = |name: &str| {
        let inside = format!("daemon/{name}");
        let found = rows.iter().map(|r| r[0]).find(|f| *f == name || *f == inside);
        found.unwrap_or_else(|| panic!("the code map knows no {name:?}")).to_owned()
    };
    rows.iter()
        .map(|[name, knows]| {
            let knows = match *knows {
                "everybody" => None,
                "nobody" | "none of the daemon's crates" => Some(BTreeSet::new()),
                some => Some(some.split(", ").map(folder).collect()),
            };
            ((*name).to_owned(), knows)
        })
        .collect()
}

/// The row that speaks for a folder: its own, or that of the folder around it.
fn row<'t>(table: &'t Table, folder: &str) -> Option<&'t str> {
    let around = Path::new(folder).ancestors().filter_map(Path::to_str);
    around.into_iter().find_map(|f| table.get_key_value(f)).map(|(f, _)| f.as_str())
}

/// Who knows whom, by rows of the table.
fn edges(table: &Table, packages: &[Package]) -> BTreeSet<(String, String)> {
    let place: BTreeMap<&str, &str> = packages
        .iter()
        .map(|p| {
            let row = row(table, &p.folder).unwrap_or_else(|| panic!("{} is not in the code map", p.folder));
            (p.name.as_str(), row)
        })
        .collect();
    let mut edges = BTreeSet::new();
    for package in packages {
        let from = place[package.name.as_str()];
        for to in package.needs.iter().filter_map(|n| place.get(n.as_str())).filter(|to| **to != from) {
            edges.insert((from.to_owned(), (*to).to_owned()));
        }
    }
    edges
}

/// Edges that the table does not permit.
fn beyond(table: &Table, edges: &BTreeSet<(String, String)>) -> Vec<String> {
    edges
        .iter()
        .filter(|(from, to)| table[from].as_ref().is_some_and(|knows| !knows.contains(to)))
        .map(|(from, to)| format!("{from} knows {to}"))
        .collect()
}

/// Whoever can be reached from itself.
fn circles(edges: &BTreeSet<(String, String)>) -> Vec<&str> {
    let reached = |from: &str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next = vec![from];
        while let Some(at) = next.pop() {
            let further = edges.iter().filter(|(f, _)| f == at).map(|(_, t)| t.as_str());
            next.extend(further.filter(|t| seen.insert(*t)));
        }
        seen.contains(from)
    };
    let all: BTreeSet<&str> = edges.iter().map(|(f, _)| f.as_str()).collect();
    all.into_iter().filter(|f| reached(f)).collect()
}

/// Every Rust file of the workspace, relative to the root, with its words.
fn sources() -> Vec<(String, Vec<Word>)> {
    let root = root();
    let mut files = Vec::new();
    for package in packages() {
        walk(&root.join(&package.folder), &mut files);
    }
    files.sort();
    files.dedup();
    assert!(files.len() > 100, "only {} files", files.len());
    files
        .into_iter()
        .map(|f| {
            let name = f.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            (name, words(&std::fs::read_to_string(f).unwrap()))
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let hidden = name.to_string_lossy().starts_with('.') || name == "target";
        if path.is_dir() && !hidden {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// A crate and those that come with it: `tokio`, `tokio-stream`, `tokio_stream`.
fn is_or_extends(name: &str, krate: &str) -> bool {
    name == krate || name.strip_prefix(krate).is_some_and(|rest| rest.starts_with(['-', '_']))
}

/// Which crates only these files may name, and only these packages may need.
const FENCED: [(&str, &[&str], &[&str]); 5] = [
    (
        "tokio",
        &["daemon/server/", "daemon/bcid/", "proto/clients/", "tests/bench/src/clients.rs"],
        &["bci-server", "bcid", "bcid-client", "bcid-cursor", "bci-bench"],
    ),
    // The generated code in `proto` is built on it.
    (
        "tonic",
        &["daemon/server/", "daemon/bcid/", "proto/"],
        &["bci-server", "bcid", "bci-proto", "bcid-client"],
    ),
    ("ort", &["models/src/ort.rs", "models/src/ort/"], &["bci-models"]),
    ("lsl", &["drivers/lsl/"], &["bci-driver-lsl", "lsl-sys"]),
    ("liblsl", &["drivers/lsl/"], &["bci-driver-lsl", "lsl-sys"]),
];

/// Crates fenced off from `file` that its `words` name.
fn climbs_a_fence(file: &str, words: &[Word]) -> Vec<String> {
    let named = roots(words);
    FENCED
        .iter()
        .filter(|(_, files, _)| !files.iter().any(|f| file.starts_with(f)))
        .filter(|(krate, _, _)| named.iter().any(|n| is_or_extends(n, krate)))
        .map(|(krate, _, _)| format!("{file} names {krate}"))
        .collect()
}

/// Whether `file` may hold unsafe code: the two rooms, and allocators of tests.
fn may_be_unsafe(file: &str) -> bool {
    file.starts_with("daemon/rt/src/") || file.starts_with("drivers/lsl/") || file.contains("/tests/")
}

/// What of the outside world the words reach for.
fn reaches_out(words: &[Word]) -> Vec<String> {
    const OUTSIDE: [&str; 8] = ["env", "fs", "io", "net", "os", "process", "thread", "time"];
    const PRINTS: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];
    let modules = std_modules(words).into_iter().filter(|m| OUTSIDE.contains(&m.as_str()));
    let prints = words.iter().filter(|w| PRINTS.contains(&w.text.as_str())).map(|w| w.text.clone());
    modules.chain(prints).collect()
}

#[test]
fn nobody_knows_more_than_the_code_map_says_and_there_are_no_circles() {
    let page = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (table, packages) = (code_map(&page), packages());
    let edges = edges(&table, &packages);
    assert_eq!(beyond(&table, &edges), [""; 0]);
    assert_eq!(circles(&edges), [""; 0]);
    let gone: Vec<_> = table.keys().filter(|f| !root().join(f).join("Cargo.toml").is_file()).collect();
    assert!(gone.is_empty(), "the code map tells of {gone:?}");
}

#[test]
fn fenced_crates_are_named_where_they_belong() {
    let climbed: Vec<String> =
        sources().iter().flat_map(|(file, words)| climbs_a_fence(file, words)).collect();
    assert_eq!(climbed, [""; 0]);
    for package in packages() {
        for (krate, _, permitted) in FENCED {
            let needs: Vec<_> = package.needs.iter().filter(|n| is_or_extends(n, krate)).collect();
            assert!(
                needs.is_empty() || permitted.contains(&&*package.name),
                "{} needs {needs:?}",
                package.name
            );
        }
    }
}

#[test]
fn unsafe_code_stands_in_its_two_rooms() {
    for (file, words) in sources() {
        let found = words.iter().find(|w| w.text == "unsafe");
        assert!(found.is_none() || may_be_unsafe(&file), "unsafe at {file}:{}", found.unwrap().line);
    }
}

#[test]
fn the_signal_engine_does_no_io_starts_no_thread_and_reads_no_clock() {
    let engine = sources().into_iter().filter(|(f, _)| f.starts_with("daemon/dsp/src/"));
    let found: Vec<_> =
        engine.flat_map(|(f, w)| reaches_out(&w).into_iter().map(move |r| format!("{f}: {r}"))).collect();
    assert_eq!(found, [""; 0]);
}

/// Each of the above can fail.
#[test]
fn offences_are_seen() {
    let package = |name: &str, folder: &str, needs: &[&str]| Package {
        name: name.into(),
        folder: folder.into(),
        needs: needs.iter().map(|n| (*n).to_owned()).collect(),
    };
    let page = "x\n## Code map\n\n| folder | what it is | knows |\n|---|---|---|\n| `daemon/a` | x | b |\n\
                | `b` | `c` in it | nobody |\n| `d` | x | everybody |\n\n## Next\n| `e` | x | nobody |\n";
    let table = code_map(page);
    assert_eq!(table.keys().collect::<Vec<_>>(), ["b", "d", "daemon/a"]);
    let mut packages = vec![
        package("pa", "daemon/a", &["pb", "serde"]),
        package("pb", "b", &["pb-sys"]),
        package("pb-sys", "b/sys", &[]),
        package("pd", "d", &["pa"]),
    ];
    assert_eq!(beyond(&table, &edges(&table, &packages)), [""; 0]);
    packages[2].needs.insert("pd".into());
    packages[0].needs.insert("pd".into());
    let wrong = edges(&table, &packages);
    assert_eq!(beyond(&table, &wrong), ["b knows d", "daemon/a knows d"]);
    assert_eq!(circles(&wrong), ["b", "d", "daemon/a"]);

    let named = |file: &str, source: &str| climbs_a_fence(file, &words(source));
    for source in [
        "use tokio::sync::mpsc;",
        "fn f() { let x = ::tokio::spawn(async {}); }",
        "use {std::fmt, tokio_stream::Stream};",
        "#[tokio::test] async fn f() {}",
        "extern crate tokio;",
        "use tokio;",
        "use tokio as t;",
    ] {
        assert_eq!(named("daemon/rt/src/x.rs", source), ["daemon/rt/src/x.rs names tokio"], "{source}");
        assert_eq!(named("daemon/server/src/x.rs", source), [""; 0], "{source}");
    }
    assert_eq!(named("models/src/bundle.rs", "use ort::Session;"), ["models/src/bundle.rs names ort"]);
    assert_eq!(named("daemon/bcid/src/x.rs", "lsl::local_clock()"), ["daemon/bcid/src/x.rs names lsl"]);
    assert_eq!(
        named("daemon/bcid/src/x.rs", "unsafe { lsl_sys::lsl_local_clock() }"),
        ["daemon/bcid/src/x.rs names lsl"]
    );
    for innocent in [
        "// tokio::spawn",
        "/* tokio::x /* nested */ tokio::y */",
        "let s = \"tokio::x \\\" tokio::y\";",
        "let s = r#\"tokio::x \" tokio::y\"#;",
        "let lsl = load(); lsl.version(); Some(lsl)",
        "mod ort; pub use crate::ort::OrtDecoder; use self::ort::X; use super::ort::Y;",
        "let c = '\"'; // tokio::x\nfn f<'a>(x: &'a str) {}",
    ] {
        assert_eq!(named("models/src/lib.rs", innocent), [""; 0], "{innocent}");
    }

    assert!(words("fn f() { unsafe { g() } }").iter().any(|w| w.text == "unsafe"));
    assert!(
        !words("#![deny(unsafe_code)] // unsafe\nlet s = \"unsafe\";").iter().any(|w| w.text == "unsafe")
    );
    assert!(may_be_unsafe("daemon/rt/src/clock.rs") && may_be_unsafe("daemon/dsp/tests/no_alloc.rs"));
    assert!(!may_be_unsafe("daemon/dsp/src/lib.rs") && !may_be_unsafe("daemon/bcid/src/main.rs"));

    for (source, found) in [
        ("use std::fs;", vec!["fs"]),
        ("use std::{fmt, io::{self, Write}, time::Instant};", vec!["io", "time"]),
        ("std::thread::sleep(d);", vec!["thread"]),
        ("use std::{fmt::{self, Display}, net};", vec!["net"]),
        ("println!(\"x\")", vec!["println"]),
        ("use std::f64::consts::PI; use std::fmt; // std::fs", vec![]),
    ] {
        assert_eq!(reaches_out(&words(source)), found, "{source}");
    }
}
