//! Fuzzing: the programs of `tests/fuzz`, by cargo-fuzz and the pinned toolchain.

use crate::args::FuzzOptions;
use crate::fail::{Context, Fail, Result};
use crate::proc::{self, Stages};
use crate::workspace::Workspace;
use std::path::Path;
use std::process::{Command, ExitCode};

const CARGO_FUZZ: &str = "0.13.2";

/// What is made up is no longer than this, one input may take so long, and so much memory in one piece and altogether.
const BOUNDS: [&str; 4] = ["-max_len=65536", "-timeout=10", "-malloc_limit_mb=256", "-rss_limit_mb=512"];

/// Runs each target on what its corpus grows to in `tests/fuzz/target/found`; what fails lies in `tests/fuzz/artifacts`.
///
/// # Errors
/// A target that is none, or cargo-fuzz cannot be had. What was found is no error here but an exit code.
pub(crate) fn run(ws: &Workspace, options: &FuzzOptions) -> Result<ExitCode> {
    let folder = ws.root().join("tests/fuzz");
    let all = targets(&folder)?;
    if let Some(none) = options.targets.iter().find(|name| !all.contains(name)) {
        return Err(Fail::usage(format!("no target `{none}`: there are {}", all.join(", "))));
    }
    let why = "it builds and runs the programs of tests/fuzz";
    let cargo_fuzz = proc::cargo_tool(ws, ("cargo-fuzz", CARGO_FUZZ), why, &[])?;
    let chosen = if options.targets.is_empty() { &all } else { &options.targets };
    let mut stages = Stages::new();
    for name in chosen {
        stages.step(name, || {
            let found = folder.join("target/found").join(name);
            std::fs::create_dir_all(&found).context(found.display())?;
            let mut fuzz = Command::new(&cargo_fuzz);
            fuzz.args(["run", "--fuzz-dir"]).arg(&folder).arg(name);
            fuzz.arg(&found).arg(folder.join("corpus").join(name)).arg("--").args(BOUNDS);
            fuzz.arg(format!("-max_total_time={}", options.seconds)).arg("-print_final_stats=1");
            // Freed memory that the sanitizer keeps counts as memory.
            fuzz.env("ASAN_OPTIONS", "quarantine_size_mb=16");
            // Sanitizers and coverage are flags that only a nightly compiler takes without this.
            fuzz.current_dir(ws.root()).env("RUSTC_BOOTSTRAP", "1");
            proc::run(&mut fuzz)
        });
    }
    Ok(stages.finish())
}

/// The targets' names: each has a program.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let programs = folder.join("fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&programs).context(programs.display())? {
        let path = entry.context(programs.display())?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
