//! One file a command.

pub(crate) mod check;
pub(crate) mod control;
pub(crate) mod decoder;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod fit;
pub(crate) mod latency;
pub(crate) mod learn;
pub(crate) mod listen;
pub(crate) mod play;
pub(crate) mod policies;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod streams;
pub(crate) mod tape;
pub(crate) mod token;
pub(crate) mod trials;
pub(crate) mod watch;
pub(crate) mod windows;

use crate::exit::{Exit, Failure};
use bci_driver_lsl::Liblsl;
use std::path::Path;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How much liblsl says on stderr by itself.
#[derive(Clone, Copy, Debug)]
enum LslLog {
    /// Its errors.
    Errors,
    /// Nothing: stderr belongs to JSON lines.
    Silent,
}

/// liblsl, or how to get it. It reads the configuration it would read anyway; where that does not say how much to log,
/// `log` does.
fn load_lsl(log: LslLog) -> Result<Liblsl, Failure> {
    let lsl = Liblsl::load().map_err(|e| Failure::new(Exit::Internal, crate::exit::chain(&e)))?;
    let own = bci_driver_lsl::configuration_file().map(std::fs::read_to_string).transpose();
    let Ok(own) = own.map(Option::unwrap_or_default) else { return Ok(lsl) };
    if !own.lines().any(|line| line.trim() == "[log]") {
        let level = match log {
            LslLog::Errors => -2,
            LslLog::Silent => -3,
        };
        // An older liblsl takes its configuration from files only: it is then as talkative as it likes.
        let _ = lsl.configure(&format!("{own}\n[log]\nlevel = {level}\n"));
    }
    Ok(lsl)
}

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
fn print_lines(lines: &[String]) {
    for line in lines {
        println!("{line}");
    }
}

/// A tokio runtime with a thread of its own.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("net")
        .enable_all()
        .build()
        .map_err(|e| Failure::caused(Exit::Internal, "starting the network threads", &e))
}

/// A tokio runtime on the thread of whoever waits, for clients: another thread would have to wake that one for each event.
fn client_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|e| Failure::caused(Exit::Internal, "starting the network", &e))
}

/// Ctrl-C and requests to end, listened for from the moment this is made: before that, they end the process at once.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Call inside a tokio runtime, before anything that would have to be ended in order.
    fn listen() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|e| Failure::caused(Exit::Internal, "listening for signals", &e));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns at the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Fails now rather than after the work when `file` cannot be written.
fn writable(file: &Path) -> Result<(), Failure> {
    let there_already = file.exists();
    let tried = std::fs::OpenOptions::new().append(true).create(true).open(file);
    if tried.is_ok() && !there_already {
        let _ = std::fs::remove_file(file);
    }
    tried
        .map(drop)
        .map_err(|e| Failure::caused(Exit::Usage, &format!("{} cannot be written", file.display()), &e))
}

/// Writes `value` to `file`, whole or not at all.
fn write_json(file: &Path, value: &serde_json::Value) -> Result<(), Failure> {
    write_whole(file, &format!("{value:#}\n"))
}

/// Writes `text` to `file`, whole or not at all.
fn write_whole(file: &Path, text: &str) -> Result<(), Failure> {
    let failed =
        |e: std::io::Error| Failure::caused(Exit::Internal, &format!("writing {}", file.display()), &e);
    let mut part = file.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    std::fs::write(&part, text).map_err(failed)?;
    std::fs::rename(&part, file).map_err(failed)
}
