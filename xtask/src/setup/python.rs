//! Python environments: that in `.native/venv`, whose pip fetches the native libraries and in which the tests run, and that
//! of the benches.

use super::{say, stamp};
use crate::fail::{Context, Fail, Result};
use crate::proc;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What Python is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Fetching; any Python 3.9 or newer.
    Pip,
    /// The packages of tests and benches, which begin at 3.11.
    Tests,
}

impl Wanted {
    fn oldest(self) -> (u32, u32) {
        match self {
            Self::Pip => (3, 9),
            Self::Tests => (3, 11),
        }
    }
}

/// A Python on this machine.
#[derive(Debug)]
pub(super) struct Python {
    pub program: String,
    pub version: String,
    /// Can make environments that contain pip.
    pub has_venv: bool,
}

/// The Python that `BCID_PYTHON` names, else the first that is new enough.
pub(super) fn find(wanted: Wanted) -> Option<Python> {
    if let Some(program) = std::env::var("BCID_PYTHON").ok().filter(|p| !p.is_empty()) {
        return look(&program, wanted);
    }
    let mut second_best = None;
    for program in ["python3", "python3.13", "python3.12", "python3.11"] {
        match look(program, wanted) {
            Some(python) if python.has_venv => return Some(python),
            found => second_best = second_best.or(found),
        }
    }
    second_best
}

fn look(program: &str, wanted: Wanted) -> Option<Python> {
    let version = proc::text(program, &["-c", "import platform; print(platform.python_version())"])?;
    let mut parts = version.split('.').map(|p| p.parse().unwrap_or(0));
    let found = (parts.next()?, parts.next()?);
    if found < wanted.oldest() {
        return None;
    }
    let has_venv = proc::succeeds(program, &["-c", "import venv, ensurepip"]);
    Some(Python { program: program.to_owned(), version, has_venv })
}

/// Makes the environment in `venv`, with pip and nothing else.
pub(super) fn environment(venv: &Path, wanted: Wanted) -> Result<()> {
    let python = find(wanted).filter(|p| p.has_venv).ok_or_else(|| {
        let (major, minor) = wanted.oldest();
        Fail::unavailable(format!(
            "no Python {major}.{minor} or newer with `venv`; install one (Debian: python3-venv) or name one by BCID_PYTHON"
        ))
    })?;
    let works = proc::succeeds(interpreter(venv), &["-m", "pip", "--version"]);
    let noted = std::fs::read_to_string(venv.join("made-by")).unwrap_or_default();
    // The tests cannot use one that was made, for fetching only, by an older Python.
    if works && (wanted == Wanted::Pip || noted == python.version) {
        say("Python environment", &format!("in place (Python {noted})"));
        return Ok(());
    }
    let name = venv.file_name().unwrap_or_default().display();
    say("Python environment", &format!("making .native/{name} by {} {}", python.program, python.version));
    remove_dir(venv)?;
    proc::run(Command::new(&python.program).args(["-m", "venv"]).arg(venv))
        .map_err(|e| Fail::unavailable(format!("{e}; is python3-venv installed?")))?;
    std::fs::write(venv.join("made-by"), &python.version).context(venv.display())
}

/// The Python of an environment.
pub(super) fn interpreter(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

/// pip of the environment. Where it fetches from is its own configuration's affair.
pub(super) fn pip(venv: &Path) -> Command {
    let mut pip = Command::new(interpreter(venv));
    pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
    pip
}

/// Installs the packages of the lock file, each checked against its hashes; `what` says to a person what is fetched and
/// why.
pub(super) fn packages(venv: &Path, lock: &Path, what: &str) -> Result<()> {
    let wanted = stamp::sha256(&std::fs::read(lock).context(lock.display())?);
    let note = venv.join("installed-lock");
    if std::fs::read_to_string(&note).is_ok_and(|found| found == wanted) {
        say("Python packages", "in place");
        return Ok(());
    }
    say("Python packages", &format!("fetching {what}"));
    // Of two locks one after the other only the last counts.
    if note.exists() {
        let base = std::fs::read_to_string(venv.join("made-by")).context("Python environment")?;
        proc::run(Command::new(interpreter(venv)).args(["-m", "venv", "--clear"]).arg(venv))?;
        std::fs::write(venv.join("made-by"), base).context("Python environment")?;
    }
    // `--no-deps`: a lock is complete, and leaves out on purpose what the uv.toml beside it names.
    let args = ["install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r"];
    proc::run(pip(venv).args(args).arg(lock)).map_err(|e| {
        Fail::unavailable(format!("{e}\nthe Python packages could not be fetched; is the network there?"))
    })?;
    std::fs::write(&note, wanted).context(note.display())
}

fn remove_dir(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).context(dir.display()),
        _ => Ok(()),
    }
}
