//! Project chores: set-up, demo, tests, benches, lints.
//!
//! This crate depends on no other crate of the workspace, because those may need what set-up installs first, and on
//! little else, so that it compiles in seconds. Whatever is fetched is pinned by version and SHA-256: native
//! libraries in `pins.rs`, Python packages in `tests/requirements.txt`, `tests/bench/requirements.txt` and
//! `tests/gpu/requirements.txt`, crates in `Cargo.lock`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on the terminal")]

mod args;
mod bench;
mod checks;
mod cuda;
mod demo;
mod fail;
mod fuzz;
mod models;
mod pins;
mod proc;
mod setup;
mod workspace;

use args::Command;
use fail::Result;
use std::process::ExitCode;
use workspace::Workspace;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(fail) => {
            eprintln!("xtask: {fail}");
            fail.code()
        }
    }
}

fn run() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = args::parse(&words)?;
    let ws = Workspace::locate()?;
    match command {
        Command::Help => println!("{}", args::USAGE),
        Command::Setup { demo_only } => {
            setup::run(&ws, if demo_only { setup::Extent::Demo } else { setup::Extent::Tests })?;
        }
        Command::Demo(options) => return demo::run(&ws, &options),
        Command::Test { filter } => return checks::test(&ws, &filter),
        Command::Bench(options) => return bench::run(&ws, &options),
        Command::CheckCuda(options) => return cuda::check(&ws, &options),
        Command::Fuzz(options) => return fuzz::run(&ws, &options),
        Command::Models { words } => return models::run(&ws, &words),
        Command::Lint => return checks::lint(&ws),
        Command::Ci => {
            let lint = checks::lint(&ws)?;
            let test = checks::test(&ws, &[])?;
            return Ok(if lint == ExitCode::SUCCESS { test } else { lint });
        }
        Command::Bcid { args } => return demo::bcid(&ws, &args),
    }
    Ok(ExitCode::SUCCESS)
}
