//! The brain-computer-interface daemon and its command line.
//!
//! This crate knows every other and is thin: it reads the configuration, builds the parts, starts them and lets them
//! drain. Exit codes: 0 clean, 1 a check or measurement fell short, 64 usage, 70 internal, 75 device or server lost,
//! 78 bad configuration.

mod assemble;
mod cli;
mod client;
mod commands;
mod config;
mod engine;
mod exit;
mod gate;
mod logging;
mod network;
mod outlet;
mod recordings;
mod socket;

use clap::Parser as _;
use cli::{Cli, Command, DecoderCommand, ExportCommand};
use commands::decoder::{Action, live};
use exit::{Exit, Failure};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: bci_rt::guard::GuardedAllocator = bci_rt::guard::GuardedAllocator;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let asked_for = !e.use_stderr();
            let _ = e.print();
            return if asked_for { Exit::Clean } else { Exit::Usage }.into();
        }
    };
    if !matches!(cli.command, Command::Run(_) | Command::Play(_)) {
        bci_rt::thread::end_quietly_on_closed_pipe();
    }
    let done = match cli.command {
        Command::Run(args) => commands::run::run(&args),
        Command::Check(args) => commands::check::check(&args),
        Command::Learn(args) => commands::learn::learn(&args),
        Command::Fit(args) => commands::fit::fit(&args),
        Command::Evaluate(args) => commands::evaluate::evaluate(&args),
        Command::Windows(args) => commands::windows::windows(&args),
        Command::Play(args) => commands::play::play(&args),
        Command::Watch(args) => commands::watch::watch(&args),
        Command::Trials(args) => commands::trials::trials(&args),
        Command::Latency(args) => commands::latency::latency(&args),
        Command::Replay(args) => commands::replay::replay(&args),
        Command::Record(command) => commands::record::record(&command),
        Command::Export(ExportCommand::Bids(args)) => commands::export::bids(&args),
        Command::Streams(args) => commands::streams::streams(&args),
        Command::Doctor(args) => commands::doctor::doctor(&args),
        Command::Token(args) => commands::token::token(&args),
        Command::Pause(args) => commands::control::pause(&args),
        Command::Resume(args) => commands::control::resume(&args),
        Command::Mark(args) => commands::control::mark(&args),
        Command::Decoder(DecoderCommand::Inspect(args)) => commands::decoder::inspect(&args),
        Command::Decoder(DecoderCommand::Verify(args)) => commands::decoder::verify(&args),
        Command::Decoder(DecoderCommand::Pack(args)) => commands::decoder::pack(&args),
        Command::Decoder(DecoderCommand::List(args)) => live(&args, Action::List),
        Command::Decoder(DecoderCommand::Load(args)) => live(&args.live, Action::Load(args.folder)),
        Command::Decoder(DecoderCommand::Report(args)) => live(&args, Action::Report),
        Command::Decoder(DecoderCommand::Swap(args)) => {
            live(&args.live, Action::Swap { model: args.model, patience_s: args.patience })
        }
        Command::Decoder(DecoderCommand::Rollback(args)) => live(&args, Action::Rollback),
        Command::Decoder(DecoderCommand::Discard(args)) => live(&args, Action::Discard),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            report(&failure);
            failure.exit.into()
        }
    }
}

#[allow(clippy::print_stderr, reason = "the one place where failures are told")]
fn report(failure: &Failure) {
    if failure.exit == Exit::Config && failure.lines.len() > 1 {
        eprintln!("bcid: {} mistakes, nothing was started:", failure.lines.len());
        for line in &failure.lines {
            eprintln!("  {line}");
        }
        return;
    }
    for line in &failure.lines {
        eprintln!("bcid: {line}");
    }
}
