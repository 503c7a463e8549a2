//! Benches: how fast the daemon's parts are, beside the libraries of its field. `cargo xtask bench` builds this in release
//! mode, prepares the libraries and runs it on one core.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on the terminal")]

mod clock;
mod dsp;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: bci-bench dsp --python PYTHON --peers FILE [--json FILE] [--quick]

  --python PYTHON   a Python with the packages of tests/bench/requirements.txt
  --peers FILE      tests/bench/peers.py
  --json FILE       where the rows go
  --quick           shorter, and less exact";

/// What to measure with, and how long.
#[derive(Debug, Default)]
struct Options {
    python: PathBuf,
    peers: PathBuf,
    json: Option<PathBuf>,
    quick: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.split_first() {
        Some((what, rest)) if what == "dsp" => options(rest).and_then(|options| dsp::run(&options)),
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
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut path = || words.next().map(PathBuf::from).ok_or(format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--python" => options.python = path()?,
            "--peers" => options.peers = path()?,
            "--json" => options.json = Some(path()?),
            "--quick" => options.quick = true,
            _ => return Err(format!("no option {word}\n\n{USAGE}")),
        }
    }
    Ok(options)
}
