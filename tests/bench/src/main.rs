//! Benches: how fast the daemon's parts are, beside the libraries of its field. `cargo xtask bench` builds this in release
//! mode, prepares the libraries and runs it on one core.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on the terminal")]

mod child;
mod clients;
mod clock;
mod decode;
mod dsp;
mod e2e;
mod many;
mod soak;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: bci-bench dsp|decode|e2e|many|soak|clients [OPTIONS]

  --python PYTHON   a Python: with the packages of tests/bench/requirements.txt (dsp), or of tests/requirements.txt and
                    models/python (decode, e2e)
  --peers FILE      tests/bench/peers.py (dsp) or tests/bench/e2e_python.py (e2e)
  --bundles FOLDER  what bcid_models.bench_models wrote (decode, e2e, many)
  --zoo FOLDER      models/zoo (decode, soak, clients)
  --bcid FILE       the daemon (e2e, many, soak, clients)
  --rig FILE        bci-rig (e2e, many)
  --recordings FILE...  what is played (soak, clients)
  --task TASK       the task that they are of, by which a decoder is made; without it, the shipped one (soak)
  --minutes N       how much of them is played (soak; 60, or 5 with --quick)
  --speed S         as many times as fast as they were (soak; 10)
  --json FILE       where the rows go
  --quick           shorter, and less exact";

/// What to measure with, and how long.
#[derive(Debug, Default)]
struct Options {
    python: PathBuf,
    peers: PathBuf,
    bundles: PathBuf,
    zoo: PathBuf,
    bcid: PathBuf,
    rig: PathBuf,
    recordings: Vec<PathBuf>,
    task: Option<PathBuf>,
    minutes: Option<f64>,
    speed: Option<f64>,
    json: Option<PathBuf>,
    quick: bool,
}

impl Options {
    /// Of recorded time.
    fn minutes(&self) -> f64 {
        self.minutes.unwrap_or(if self.quick { 5.0 } else { 60.0 })
    }

    /// Recorded time in as much time.
    fn speed(&self) -> f64 {
        self.speed.unwrap_or(10.0)
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.split_first() {
        Some((what, rest)) if what == "dsp" => options(rest).and_then(|options| dsp::run(&options)),
        Some((what, rest)) if what == "decode" => options(rest).and_then(|options| decode::run(&options)),
        Some((what, rest)) if what == "e2e" => options(rest).and_then(|options| e2e::run(&options)),
        Some((what, rest)) if what == "many" => options(rest).and_then(|options| many::run(&options)),
        Some((what, rest)) if what == "soak" => options(rest).and_then(|options| soak::run(&options)),
        Some((what, rest)) if what == "clients" => options(rest).and_then(|options| clients::run(&options)),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("bci-bench: {message}");
            ExitCode::from(70)
        }
    }
}

fn options(words: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if word == "--recordings" {
            while let Some(file) = words.next_if(|word| !word.starts_with("--")) {
                options.recordings.push(file.into());
            }
            continue;
        }
        let mut path = || words.next().map(PathBuf::from).ok_or(format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--python" => options.python = path()?,
            "--peers" => options.peers = path()?,
            "--bundles" => options.bundles = path()?,
            "--zoo" => options.zoo = path()?,
            "--bcid" => options.bcid = path()?,
            "--rig" => options.rig = path()?,
            "--task" => options.task = Some(path()?),
            "--minutes" => options.minutes = Some(number(word, &path()?)?),
            "--speed" => options.speed = Some(number(word, &path()?)?),
            "--json" => options.json = Some(path()?),
            "--quick" => options.quick = true,
            _ => return Err(format!("no option {word}\n\n{USAGE}")),
        }
    }
    Ok(options)
}

fn number(option: &str, text: &Path) -> Result<f64, String> {
    let found = text.to_str().and_then(|text| text.parse().ok()).filter(|n: &f64| *n > 0.0 && n.is_finite());
    found.ok_or_else(|| format!("{option} {}: must be a number above 0", text.display()))
}

/// Writes what was measured, where that is asked for.
fn write_rows(options: &Options, rows: &serde_json::Value) -> Result<(), String> {
    let Some(file) = &options.json else { return Ok(()) };
    std::fs::write(file, format!("{rows:#}\n")).map_err(|e| format!("{}: {e}", file.display()))
}

/// Says what does not hold, and whether everything does.
fn verdict(failed: &[String]) -> Result<bool, String> {
    for what in failed {
        println!("does not hold: {what}");
    }
    if failed.is_empty() {
        println!("all bounds hold");
    }
    Ok(failed.is_empty())
}
