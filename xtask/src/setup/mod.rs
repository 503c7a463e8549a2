//! Everything that the project needs beside a Rust toolchain. Each part looks first, says what it is about to fetch
//! and why, and does nothing, without any network, once its part is in place.

mod lock;
mod native;
mod python;
mod stamp;
mod system;

use crate::fail::{Context, Result};
use crate::pins::{LIBLSL, Library, ONNXRUNTIME};
use crate::proc;
use crate::workspace::Workspace;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// How much is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// To build and run the daemon.
    Demo,
    /// The Python environment of the tests too.
    Tests,
}

/// Prints one line of progress; `what` is a word or two. Standard output belongs to the command itself.
fn say(what: &str, text: &str) {
    eprintln!("set-up: {what:<22} {text}");
}

/// # Errors
/// What is missing and could not be supplied, with the command that mends it.
pub(crate) fn run(ws: &Workspace, extent: Extent) -> Result<()> {
    std::fs::create_dir_all(ws.native()).context(ws.native().display())?;
    let _alone = lock::take(ws)?;
    let fetch_libraries = native::missing(ws)?;
    let wants_python = match extent {
        Extent::Tests => Some(python::Wanted::Tests),
        Extent::Demo if !fetch_libraries.is_empty() => Some(python::Wanted::Pip),
        Extent::Demo => None,
    };
    system::packages(wants_python)?;
    crates(ws, extent)?;
    if let Some(wanted) = wants_python {
        python::environment(&ws.venv(), wanted)?;
    }
    native::fetch(ws, &fetch_libraries)?;
    if extent == Extent::Tests {
        let what = "tests/requirements.txt (170 MB, 600 MB installed): foreign LSL and gRPC programs that drive the \
                    daemon in tests, SciPy and ONNX as references, Node";
        python::packages(&ws.venv(), &ws.root().join("tests/requirements.txt"), what)?;
    }
    lsl_config(ws)
}

/// What the benches need: the means to compile, and the peers in an environment of their own. Returns its Python.
///
/// # Errors
/// As [`run`].
pub(crate) fn to_bench(ws: &Workspace) -> Result<PathBuf> {
    std::fs::create_dir_all(ws.native()).context(ws.native().display())?;
    let _alone = lock::take(ws)?;
    system::packages(Some(python::Wanted::Tests))?;
    crates(ws, Extent::Demo)?;
    let venv = ws.native().join("bench-venv");
    python::environment(&venv, python::Wanted::Tests)?;
    let what =
        "tests/bench/requirements.txt (85 MB, 330 MB installed): SciPy and BrainFlow, to measure against";
    python::packages(&venv, &ws.root().join("tests/bench/requirements.txt"), what)?;
    Ok(python::interpreter(&venv))
}

/// What training takes, in an environment of its own. Returns its Python.
///
/// # Errors
/// As [`run`].
pub(crate) fn to_train(ws: &Workspace) -> Result<PathBuf> {
    let _alone = lock::take(ws)?;
    system::packages(Some(python::Wanted::Tests))?;
    let venv = ws.native().join("training-venv");
    python::environment(&venv, python::Wanted::Tests)?;
    let what = "models/python/requirements-training.txt (3 GB, 7 GB installed): PyTorch with NVIDIA's libraries, and braindecode, to train \
                networks";
    python::packages(&venv, &ws.root().join("models/python/requirements-training.txt"), what)?;
    Ok(python::interpreter(&venv))
}

/// ONNX Runtime for NVIDIA GPUs in an environment of its own. Returns its Python.
///
/// # Errors
/// As [`run`].
pub(crate) fn to_check_cuda(ws: &Workspace) -> Result<PathBuf> {
    std::fs::create_dir_all(ws.native()).context(ws.native().display())?;
    let _alone = lock::take(ws)?;
    system::packages(Some(python::Wanted::Tests))?;
    let venv = ws.native().join("gpu-venv");
    python::environment(&venv, python::Wanted::Tests)?;
    let what =
        "tests/gpu/requirements.txt (2.5 GB installed): ONNX Runtime for NVIDIA GPUs, and NVIDIA's libraries";
    python::packages(&venv, &ws.root().join("tests/gpu/requirements.txt"), what)?;
    Ok(python::interpreter(&venv))
}

/// What the workspace needs to compile, for tools that only look at sources.
///
/// # Errors
/// As [`run`].
pub(crate) fn to_compile(ws: &Workspace) -> Result<()> {
    std::fs::create_dir_all(ws.native()).context(ws.native().display())?;
    let _alone = lock::take(ws)?;
    system::packages(None)?;
    crates(ws, Extent::Tests)
}

/// Environment of every program that opens the libraries, for programs that may run in another folder than this one.
/// What the caller has set stays.
pub(crate) fn environment(ws: &Workspace) -> Vec<(&'static str, OsString)> {
    let library = |l: &Library| overridden(l).unwrap_or_else(|| ws.lib().join(l.file));
    let mut all = vec![(LIBLSL.variable, library(&LIBLSL)), (ONNXRUNTIME.variable, library(&ONNXRUNTIME))];
    // pylsl brings its own liblsl only where its wheel does, and that is not everywhere.
    if native::build(&LIBLSL).is_ok_and(|build| build.package.0 != "pylsl") {
        all.push(("PYLSL_LIB", library(&LIBLSL)));
    }
    for (name, path) in [("LSLAPICFG", ws.lsl_api_cfg()), ("BCID_TEST_PYTHON", ws.venv_python())] {
        if std::env::var_os(name).is_none_or(|v| v.is_empty()) {
            all.push((name, path));
        }
    }
    all.into_iter().map(|(name, path)| (name, path.into_os_string())).collect()
}

/// The system copy of a library that the environment names, as an absolute path.
fn overridden(library: &Library) -> Option<PathBuf> {
    let copy = std::env::var_os(library.variable).filter(|v| !v.is_empty())?;
    std::path::absolute(copy).ok()
}

/// Has cargo fetch the crates of the lock file, so that later builds need no network.
fn crates(ws: &Workspace, extent: Extent) -> Result<()> {
    let fetch = || -> Command {
        let mut fetch = ws.cargo();
        fetch.args(["fetch", "--locked"]);
        // Lints and layer tests read the whole graph of crates; a build needs this machine's only.
        if let (Extent::Demo, Some(host)) = (extent, host()) {
            fetch.args(["--target", &host]);
        }
        fetch
    };
    if proc::output(fetch().arg("--offline")).is_some_and(|o| o.status.success()) {
        say("crates", "in place");
        return Ok(());
    }
    say("crates", "fetching what Cargo.lock names (up to 50 MB), to compile it");
    proc::run(fetch().arg("--quiet"))
}

/// This machine as the compiler calls it.
fn host() -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = proc::text(rustc, &["-vV"])?;
    text.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
}

/// Demo and tests find streams on this machine only: they reach no other rig and need no multicast route.
fn lsl_config(ws: &Workspace) -> Result<()> {
    // More than liblsl's 32 ports: an outlet beyond them cannot be found this way, and whoever looks takes some, too.
    let text = "[ports]\nPortRange = 128\nIPv6 = disable\n[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n";
    let file = ws.lsl_api_cfg();
    if std::fs::read_to_string(&file).is_ok_and(|found| found == text) {
        return Ok(());
    }
    say("lsl_api.cfg", "writing: demo and tests look for streams on this machine only");
    std::fs::write(&file, text).context(file.display())
}
