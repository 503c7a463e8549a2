//! Every file of every target's corpus, given to the target: seeds, and what was found by fuzzing and is mended.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "corpus/seeds.rs"]
mod seeds;

use bci_fuzz_targets::TARGETS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_was_found_once_is_never_found_again() {
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let folder = fuzz().join("corpus").join(name);
        let files = names(&folder);
        assert!(!files.is_empty(), "no seeds for {name}");
        for file in files {
            let bytes = std::fs::read(folder.join(&file)).unwrap();
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                failed.push(format!("{name}/{file}"));
            }
        }
    }
    assert_eq!(failed, [""; 0]);
}

#[test]
fn every_target_has_its_program_and_its_seeds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("corpus")), targets);
    let programs = names(&fuzz().join("fuzz_targets"));
    assert_eq!(programs, targets.iter().map(|name| format!("{name}.rs")).collect());
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        let program = std::fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("bci_fuzz_targets::{name}(bytes)")), "{name}");
    }
}

#[test]
fn seeds_are_as_their_writers_make_them() {
    for (target, name, bytes) in seeds::all() {
        let file = fuzz().join("corpus").join(target).join(&name);
        assert!(std::fs::read(&file).unwrap() == bytes, "{}: write the seeds anew", file.display());
    }
}

/// Seeds are as their writers make them: `cargo test -p bci-fuzz-targets -- --ignored` writes them anew.
#[test]
#[ignore = "writes into the checkout"]
fn write_the_seeds() {
    for (target, name, bytes) in seeds::all() {
        let folder = fuzz().join("corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
