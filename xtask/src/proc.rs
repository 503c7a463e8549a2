//! Starting programs, timing stages, and finding what cargo built.

use crate::fail::{Context, Fail, Result};
use crate::workspace::Workspace;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs to its end with the terminal as output.
///
/// # Errors
/// It could not be started, or it returned another status than 0; the message is the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command.stdin(Stdio::null()).status().context(&line)?;
    if status.success() { Ok(()) } else { Err(Fail::failed(format!("`{line}`: {status}"))) }
}

/// Like [`run`], but what it wrote is only shown when it fails.
///
/// # Errors
/// As [`run`], with what it wrote.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let out = command.stdin(Stdio::null()).output().context(&line)?;
    if out.status.success() {
        return Ok(());
    }
    let (words, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    Err(Fail::failed(format!("`{line}`: {}\n{words}{errors}", out.status)))
}

/// Runs to its end and keeps what it wrote. `None` when there is no such program.
pub(crate) fn output(command: &mut Command) -> Option<Output> {
    command.stdin(Stdio::null()).output().ok()
}

/// Whether it runs and returns 0; its words are dropped.
pub(crate) fn succeeds(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> bool {
    output(Command::new(program).args(args)).is_some_and(|o| o.status.success())
}

/// Standard output of a program that returned 0, trimmed.
pub(crate) fn text(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Option<String> {
    let out = output(Command::new(program).args(args))?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// A command line as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a cargo build command and returns the executable of the binary target `name`.
///
/// Cargo is asked, because the target folder may be anywhere (`CARGO_TARGET_DIR`, `build.target-dir`).
///
/// # Errors
/// The build fails, or it builds no such binary.
pub(crate) fn build_binary(cargo: &mut Command, name: &str) -> Result<PathBuf> {
    let line = shown(cargo);
    let mut child = cargo
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context(&line)?;
    let mut found = None;
    if let Some(stdout) = child.stdout.take() {
        for message in BufReader::new(stdout).lines() {
            let message = message.context(&line)?;
            found = executable(&message, name).or(found);
        }
    }
    let status = child.wait().context(&line)?;
    if !status.success() {
        return Err(Fail::failed(format!("`{line}`: {status}")));
    }
    found.ok_or_else(|| Fail::failed(format!("`{line}` built no program `{name}`")))
}

fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let target = message.get("target")?;
    let is_bin = target.get("kind")?.as_array()?.iter().any(|k| k == "bin");
    let is_test = message.get("profile")?.get("test")?.as_bool()?;
    if !is_bin || is_test || target.get("name")? != name {
        return None;
    }
    message.get("executable")?.as_str().map(PathBuf::from)
}

/// A pinned tool of cargo, by name and version: the one on the path where it is of that version, else compiled into `.tools`
/// the first time, without optimisation.
///
/// # Errors
/// It could not be compiled: a network is needed.
pub(crate) fn cargo_tool(
    ws: &Workspace,
    (name, version): (&str, &str),
    why: &str,
    features: &[&str],
) -> Result<PathBuf> {
    let tools = ws.root().join(".tools");
    let program = tools.join("bin").join(name);
    for found in [program.as_os_str(), name.as_ref()] {
        if text(found, &["--version"]).is_some_and(|words| words.ends_with(version)) {
            return Ok(found.into());
        }
    }
    println!("compiling {name} {version} into .tools, once: {why}");
    let mut install = ws.cargo();
    install
        .args(["install", "--quiet", name, "--locked", "--version", version, "--debug"])
        .args(features)
        .arg("--root")
        .arg(&tools)
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    run(&mut install).map_err(|e| {
        Fail::unavailable(format!("{e}\n{name} could not be compiled; is the network there?"))
    })?;
    Ok(program)
}

/// Named steps with their durations. A failed step does not stop the following ones: one run shows all failures.
#[derive(Debug)]
pub(crate) struct Stages {
    done: Vec<(String, Duration, bool)>,
}

impl Stages {
    pub(crate) fn new() -> Self {
        Self { done: Vec::new() }
    }

    /// Runs a step; true when it succeeded.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        if let Err(fail) = &result {
            println!("xtask: {fail}");
        }
        self.done.push((name.to_owned(), start.elapsed(), result.is_ok()));
        result.is_ok()
    }

    /// Prints the table of steps.
    pub(crate) fn finish(&self) -> ExitCode {
        println!();
        for (name, took, ok) in &self.done {
            println!("{:<28} {:>7.1} s  {}", name, took.as_secs_f64(), if *ok { "ok" } else { "FAILED" });
        }
        let total: Duration = self.done.iter().map(|(_, took, _)| *took).sum();
        let failed = self.done.iter().filter(|(_, _, ok)| !ok).count();
        println!("{:<28} {:>7.1} s  {failed} failed", "total", total.as_secs_f64());
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The last `lines` lines of a file, for an error message.
pub(crate) fn tail(file: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_told_from_its_tests_and_from_other_targets() {
        let line = |kind: &str, name: &str, test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"{name}"}},
                "profile":{{"test":{test}}},"executable":"/t/{name}"}}"#
            )
        };
        assert_eq!(executable(&line("bin", "bcid", false), "bcid"), Some("/t/bcid".into()));
        assert_eq!(executable(&line("bin", "bcid", true), "bcid"), None);
        assert_eq!(executable(&line("lib", "bcid", false), "bcid"), None);
        assert_eq!(executable(&line("bin", "xtask", false), "bcid"), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#, "bcid"), None);
    }

    #[test]
    fn one_failed_step_fails_the_whole() {
        let mut stages = Stages::new();
        assert!(stages.step("good", || Ok(())));
        assert_eq!(stages.finish(), ExitCode::SUCCESS);
        assert!(!stages.step("bad", || Err(Fail::failed("no"))));
        assert!(stages.step("good again", || Ok(())));
        assert_eq!(stages.finish(), ExitCode::FAILURE);
    }
}
