//! One file a command.

pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod play;
pub(crate) mod run;
pub(crate) mod streams;
pub(crate) mod trials;
pub(crate) mod watch;

use crate::exit::{Exit, Failure};
use bci_driver_lsl::Liblsl;
use std::path::Path;

/// liblsl, or how to get it.
fn load_lsl() -> Result<Liblsl, Failure> {
    Liblsl::load().map_err(|e| Failure::new(Exit::Internal, crate::exit::chain(&e)))
}

/// A tokio runtime of this many threads.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("net")
        .enable_all()
        .build()
        .map_err(|e| Failure::caused(Exit::Internal, "starting the network threads", &e))
}

/// Ctrl-C or a request to end.
async fn interrupted() {
    let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(term) => term,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

/// Writes `value` to `file`, whole or not at all.
fn write_json(file: &Path, value: &serde_json::Value) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::caused(Exit::Internal, &format!("writing {}", file.display()), &e);
    let mut text = format!("{value:#}");
    text.push('\n');
    let part = file.with_extension("part");
    std::fs::write(&part, text).map_err(failed)?;
    std::fs::rename(&part, file).map_err(failed)
}
