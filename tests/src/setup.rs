//! Where things are, and what to do when they are not.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
///
/// # Panics
/// Never in a checkout.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace")
}

/// The daemon: `BCID_BIN`, else `bcid` of the build that this test belongs to.
///
/// # Panics
/// When it is missing.
#[must_use]
pub fn bcid() -> PathBuf {
    let named = std::env::var_os("BCID_BIN").filter(|v| !v.is_empty()).map(PathBuf::from);
    let found = named.unwrap_or_else(|| {
        let test = std::env::current_exe().expect("a running test knows its file");
        // .../debug/deps/e2e-0123: the daemon lies in .../debug.
        test.ancestors().nth(2).expect("cargo puts tests into deps").join("bcid")
    });
    assert!(
        found.is_file(),
        "{} is missing: run `cargo xtask test`, or `cargo build -p bcid` before `cargo test`, or set BCID_BIN",
        found.display()
    );
    found
}

/// The program that moves pointers: beside the daemon.
///
/// # Panics
/// When it is missing.
pub(crate) fn cursor() -> PathBuf {
    let found = bcid().with_file_name("bcid-cursor");
    assert!(found.is_file(), "{} is missing: run `cargo xtask test`", found.display());
    found
}

/// A peer, ready to get its arguments.
///
/// # Panics
/// When the Python environment of the tests is missing.
pub(crate) fn peer(script: &str) -> Command {
    let named = std::env::var_os("BCID_TEST_PYTHON").filter(|v| !v.is_empty()).map(PathBuf::from);
    let python = named.unwrap_or_else(|| root().join(".native/venv/bin/python"));
    assert!(
        python.is_file(),
        "{} is missing: run `cargo xtask setup`, or set BCID_TEST_PYTHON to a Python with tests/requirements.txt",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg(root().join("tests/peers").join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The recording that no training saw: 64 channels, 160 Hz, 125 s.
#[must_use]
pub fn recording() -> PathBuf {
    root().join("models/data/eegmmidb/S001R10.edf")
}

/// The decoder for it.
#[must_use]
pub fn bundle() -> PathBuf {
    root().join("models/zoo/eegmmidb-s001-fists-feet")
}
