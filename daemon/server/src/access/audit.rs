//! Who changed what, or tried to: a line a call, in the log and, where the configuration asks for it, in a file that is only added to.

use super::caller::Caller;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Where it is written down; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Audit(Option<Arc<Mutex<File>>>);

impl Audit {
    /// In the log, and in the file at `path`, behind what is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn beside(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = File::options().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self(Some(Arc::new(Mutex::new(file)))))
    }

    /// `caller` asked for `call` with `what`, and this became of it.
    pub(crate) fn note(&self, caller: &Caller, call: &str, what: Value, outcome: Result<(), &str>) {
        let (who, peer) = (caller.who(), caller.peer.to_string());
        let (became, reason) = match outcome {
            Ok(()) => ("done", None),
            Err(reason) => ("refused", Some(reason)),
        };
        match reason {
            None => tracing::info!(target: "bcid::audit", %who, %peer, call, %what, "done"),
            Some(reason) => {
                tracing::warn!(target: "bcid::audit", %who, %peer, call, %what, reason, "refused")
            }
        }
        let Some(file) = &self.0 else { return };
        let unix_s =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let line = json!({ "unix_s": unix_s, "who": who, "peer": peer, "transport": caller.transport.word(), "call": call,
            "what": what, "outcome": became, "reason": reason });
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // In one piece: lines of two do not mix.
        if let Err(e) = file.write_all(format!("{line}\n").as_bytes()) {
            tracing::error!(target: "bcid::audit", error = %e, "the audit file cannot be written");
        }
    }
}
