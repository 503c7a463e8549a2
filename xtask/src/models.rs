//! Training and judging decoders: `models/python` with PyTorch in an environment of its own, beside a release build of the daemon.

use crate::fail::Result;
use crate::proc::{self, Stages};
use crate::setup;
use crate::workspace::Workspace;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// The tests that PyTorch is needed for; `cargo xtask test` runs the others.
const TESTS: [&str; 6] = ["networks", "csbrain", "mvcnet", "augment", "training", "convert"];

/// `test` tries the networks, trains a small one twice and tries it through the daemon; anything else is a command of
/// `bcid-models`.
///
/// # Errors
/// As set-up, or the build fails. What fails afterwards is no error here but an exit code.
pub(crate) fn run(ws: &Workspace, words: &[String]) -> Result<ExitCode> {
    setup::run(ws, setup::Extent::Demo)?;
    let python = setup::to_train(ws)?;
    let tests = words.first().is_some_and(|word| word == "test");
    let mut cargo = ws.cargo();
    cargo.args(["build", "--package", "bcid"]);
    // Tests take the daemon that `cargo xtask test` built.
    if !tests {
        cargo.arg("--release");
    }
    let bcid = proc::build_binary(&mut cargo, "bcid")?;
    let mut environment = setup::environment(ws);
    environment.push(("BCID_BIN", bcid.into_os_string()));
    environment.push(("PYTHONPATH", OsString::from(ws.root().join("models/python"))));
    let mut command = Command::new(python);
    command.envs(environment);
    if tests {
        let mut stages = Stages::new();
        stages.step("networks and training", || {
            let files = TESTS.map(|name| format!("models/python/tests/test_{name}.py"));
            command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).args(files).args(&words[1..]);
            proc::run(command.current_dir(ws.root()))
        });
        return Ok(stages.finish());
    }
    let status = command.args(["-m", "bcid_models.cli"]).args(words).status();
    let status = crate::fail::Context::context(status, "bcid-models")?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
