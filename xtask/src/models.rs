//! Training and judging decoders: `models/python` with PyTorch in an environment of its own, beside a release build of the daemon.

use crate::fail::Result;
use crate::proc::{self, Stages};
use crate::setup;
use crate::workspace::Workspace;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// The tests that PyTorch is needed for; `cargo xtask test` runs the others.
const TESTS: [&str; 6] = ["networks", "csbrain", "mvcnet", "augment", "training", "convert"];

/// What `models` does, by its first word; everything but `test` is a command of `bcid-models`.
const COMMANDS: [(&str, &str); 8] = [
    (
        "train --model NAME --task NAME|FILE --recordings FILE... --out BUNDLE",
        "a decoder of the benchmark, of your own recordings",
    ),
    (
        "bench [--models NAME...] [--protocols NAME...] [--recordings FOLDER...] [--seeds N...] [--anew]",
        "every model over every shared task",
    ),
    ("audit --recordings FOLDER... [--models NAME...] [--protocol NAME]", "shuffled trials, permuted labels"),
    (
        "zoo --recordings FOLDER... [--span FROM TO]",
        "the bundles of models/zoo, windows moved against the cue",
    ),
    ("stream [--models NAME...]", "networks fed by the hop"),
    ("ship [--models NAME...]", "networks of the benchmark into models/zoo"),
    ("table", "tables and plots of what was found"),
    ("test", "the networks' tests"),
];

/// Answers what needs no set-up: nothing asked, help, or a command that there is not.
fn answered(words: &[String]) -> Option<ExitCode> {
    let first = words.first().map_or("", String::as_str);
    let known = COMMANDS.iter().any(|(usage, _)| usage.split(' ').next() == Some(first)) || first == "time";
    if known {
        return None;
    }
    let lines = COMMANDS.iter().map(|(usage, what)| format!("  {usage}\n      {what}"));
    let text = format!(
        "Usage: cargo xtask models COMMAND\n\n{}\n\nThe first one fetches PyTorch (3 GB, 7 installed); COMMAND --help says more.",
        lines.collect::<Vec<_>>().join("\n")
    );
    if matches!(first, "" | "-h" | "--help" | "help") {
        println!("{text}");
        return Some(ExitCode::SUCCESS);
    }
    eprintln!("xtask: no command models {first}\n\n{text}");
    Some(ExitCode::from(64))
}

/// `test` tries the networks, trains a small one twice and tries it through the daemon; anything else is a command of
/// `bcid-models`.
///
/// # Errors
/// As set-up, or the build fails. What fails afterwards is no error here but an exit code.
pub(crate) fn run(ws: &Workspace, words: &[String]) -> Result<ExitCode> {
    if let Some(answer) = answered(words) {
        return Ok(answer);
    }
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
