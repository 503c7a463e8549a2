use crate::fail::{Context, Exit, Fail, Result};
use crate::proc;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// A process that never outlives its owner: dropped, it is stopped.
pub(super) struct Child {
    name: &'static str,
    child: std::process::Child,
    /// What it wrote, unless it has the terminal.
    log: Option<PathBuf>,
    ended: Option<ExitStatus>,
}

impl Child {
    /// Writes into a log in `dir`. It has a process group of its own, so that Ctrl-C in the terminal reaches only this
    /// tool, which then ends its children in order.
    pub(super) fn spawn(name: &'static str, mut command: Command, dir: &Path) -> Result<Self> {
        let path = dir.join(format!("{name}.log"));
        let log = File::create(&path).context(path.display())?;
        let copy = log.try_clone().context(path.display())?;
        command.stdout(log).stderr(copy).process_group(0);
        let child = command.spawn().context(name)?;
        Ok(Self { name, child, log: Some(path), ended: None })
    }

    /// Shares terminal and process group with this tool.
    pub(super) fn spawn_in_terminal(name: &'static str, mut command: Command) -> Result<Self> {
        let child = command.spawn().context(name)?;
        Ok(Self { name, child, log: None, ended: None })
    }

    /// Its exit code once it has ended; 128 + n after signal n.
    pub(super) fn ended(&mut self) -> Result<Option<i32>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().context(self.name)?;
        }
        Ok(self.ended.map(|status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))))
    }

    /// Interrupts it as Ctrl-C does, and kills it if it has not ended in time. Returns its exit code.
    pub(super) fn stop(&mut self, patience: Duration) -> Option<i32> {
        let deadline = Instant::now() + patience;
        if let Ok(None) = self.ended() {
            // The shell's own `kill`: a program of that name is not on every machine.
            let kill = format!("kill -INT {}", self.child.id());
            let _ = proc::output(Command::new("sh").args(["-c", &kill]));
        }
        while let Ok(None) = self.ended() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                self.ended = self.child.wait().ok();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.ended().ok().flatten()
    }

    /// Bytes written so far.
    pub(super) fn log_len(&self) -> u64 {
        self.log.as_ref().and_then(|log| log.metadata().ok()).map_or(0, |m| m.len())
    }

    /// What it has written since `from`, bytes.
    pub(super) fn log_from(&self, from: u64) -> String {
        let mut text = Vec::new();
        if let Some(mut file) = self.log.as_ref().and_then(|log| File::open(log).ok()) {
            let _ = file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut text));
        }
        String::from_utf8_lossy(&text).trim_end().to_owned()
    }

    /// An error about this process, with the end of its log.
    pub(super) fn fail(&self, what: &str) -> Fail {
        let mut message = format!("the {} {what}", self.name);
        if let Some(status) = self.ended {
            message.push_str(&format!(" ({status})"));
        }
        if let Some(log) = &self.log {
            message.push_str(&format!("; the end of {}:\n{}", log.display(), proc::tail(log, 20)));
        }
        Fail::new(Exit::Internal, message)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test")]
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary folder");
        dir
    }

    fn wait_for_log(child: &Child, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !child.log_from(0).contains(text) {
            assert!(Instant::now() < deadline, "the child never wrote `{text}`");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_stopped_child_drains_and_its_last_words_are_kept() {
        let dir = dir("drains");
        let script = "trap 'echo drained; exit 3' INT; echo up; while :; do sleep 0.01; done";
        let mut child = Child::spawn("child", shell(script), &dir).expect("spawned");
        wait_for_log(&child, "up");
        let before = child.log_len();
        assert_eq!(child.stop(Duration::from_secs(10)), Some(3));
        assert_eq!(child.log_from(before), "drained");
        std::fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn a_deaf_child_is_killed() {
        let dir = dir("deaf");
        let script = "trap '' INT; echo up; while :; do sleep 0.01; done";
        let mut child = Child::spawn("child", shell(script), &dir).expect("spawned");
        wait_for_log(&child, "up");
        assert_eq!(child.stop(Duration::from_millis(100)), Some(128 + 9));
        std::fs::remove_dir_all(dir).expect("removed");
    }
}
