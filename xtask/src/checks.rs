//! Tests and lints, as a developer and as CI run them.

use crate::fail::Result;
use crate::proc::{self, Stages};
use crate::setup::{self, Extent};
use crate::workspace::Workspace;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const CARGO_DENY: &str = "0.20.2";

/// Set-up, one build of everything, then each kind of test. With a filter: the Rust tests that it chooses.
///
/// # Errors
/// As set-up. A failing test is no error here but an exit code.
pub(crate) fn test(ws: &Workspace, filter: &[String]) -> Result<ExitCode> {
    let mut stages = Stages::new();
    if !stages.step("set-up", || setup::run(ws, Extent::Tests)) {
        return Ok(stages.finish());
    }
    let mut env = setup::environment(ws);
    // One build with one set of features: the daemon that the end-to-end tests start, and the tests. The profile is
    // `dev`, in which Cargo.toml has the signal path optimised.
    let built = stages.step("build", || {
        let mut cargo = ws.cargo();
        cargo.args(["build", "--workspace", "--lib", "--bins", "--tests", "--examples"]);
        let bcid = proc::build_binary(&mut cargo, "bcid")?;
        env.push(("BCID_BIN", bcid.into_os_string()));
        Ok(())
    });
    if !built {
        return Ok(stages.finish());
    }
    stages.step("Rust tests", || proc::run(rust_tests(ws, filter).envs(env.clone())));
    if filter.is_empty() {
        stages.step("doc tests", || {
            // A page of empty reports, one for every crate, unless something fails.
            proc::run_quietly(ws.cargo().args(["test", "--quiet", "--workspace", "--doc"]).envs(env.clone()))
        });
        stages.step("Python tests", || {
            let mut pytest = Command::new(ws.venv_python());
            pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "models/python/tests"]);
            proc::run(pytest.current_dir(ws.root()).envs(env.clone()))
        });
        stages.step("the Python client", || {
            let client = ws.root().join("proto/clients/python");
            // Its stubs are made of the .proto files as they are.
            proc::run(Command::new(ws.venv_python()).arg(client.join("generate.py")))?;
            let mut pytest = Command::new(ws.venv_python());
            pytest
                .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"])
                .env("PYTHONPATH", client.join("src"));
            proc::run(pytest.current_dir(&client))
        });
        stages.step("the TypeScript client", || typescript(ws));
    }
    Ok(stages.finish())
}

/// Builds and tests the client for browsers, with the Node that set-up brought.
fn typescript(ws: &Workspace) -> Result<()> {
    let client = ws.root().join("proto/clients/typescript");
    let bin = ws.venv_python().with_file_name("");
    let mut path = bin.clone().into_os_string();
    if let Some(others) = std::env::var_os("PATH") {
        path.push(":");
        path.push(others);
    }
    let npm = |words: &[&str]| {
        proc::run(Command::new(bin.join("npm")).args(words).env("PATH", &path).current_dir(&client))
    };
    let changed = |file: &str| std::fs::metadata(client.join(file)).and_then(|m| m.modified()).ok();
    let installed = changed("node_modules/.package-lock.json");
    // Fetched once: what is installed is as the lock says until that changes.
    if installed.is_none() || installed < changed("package-lock.json") {
        npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    npm(&["test", "--silent"])
}

fn rust_tests(ws: &Workspace, filter: &[String]) -> Command {
    let mut cargo = ws.cargo();
    if proc::succeeds("cargo-nextest", &["--version"]) {
        println!("by cargo-nextest");
        cargo.args(["nextest", "run", "--no-fail-fast"]);
    } else {
        println!(
            "by cargo test, one at a time so that none disturbs another's timing; cargo-nextest is faster"
        );
        cargo
            .args(["test", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"])
            .env("RUST_TEST_THREADS", "1");
    }
    if !filter.iter().any(|word| word == "-p" || word.starts_with("--package")) {
        cargo.arg("--workspace");
    }
    cargo.args(filter);
    cargo
}

/// rustfmt, clippy and cargo-deny.
///
/// # Errors
/// As set-up. A finding is no error here but an exit code.
pub(crate) fn lint(ws: &Workspace) -> Result<ExitCode> {
    let mut stages = Stages::new();
    if !stages.step("set-up", || setup::to_compile(ws)) {
        return Ok(stages.finish());
    }
    stages.step("rustfmt", || {
        proc::run(ws.cargo().args(["fmt", "--all", "--check"]))?;
        proc::run(ws.cargo().args(["fmt", "--check", "--manifest-path", "tests/fuzz/Cargo.toml"]))
    });
    stages.step("clippy", || {
        let args = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
        proc::run(ws.cargo().args(args))
    });
    stages.step("cargo-deny", || {
        let deny = cargo_deny(ws)?;
        let args = ["--workspace", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
        proc::run(Command::new(deny).args(args).current_dir(ws.root()))
    });
    Ok(stages.finish())
}

/// The pinned cargo-deny. Without its advisory database, which needs a network: that is a third of the time to compile it.
fn cargo_deny(ws: &Workspace) -> Result<PathBuf> {
    let why = "it checks licences and sources of all crates";
    proc::cargo_tool(ws, ("cargo-deny", CARGO_DENY), why, &["--no-default-features"])
}
