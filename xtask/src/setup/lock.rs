use super::say;
use crate::fail::{Context, Result};
use crate::workspace::Workspace;
use std::fs::{File, TryLockError};

/// Keeps two set-ups of one checkout from working at once; released on drop.
pub(super) fn take(ws: &Workspace) -> Result<File> {
    let path = ws.native().join("lock");
    let file = File::create(&path).context(path.display())?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        say("waiting", "another set-up of this checkout is at work");
        file.lock().context(path.display())?;
    }
    Ok(file)
}
