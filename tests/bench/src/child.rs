//! Processes that are measured, and end with what started them.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A running process, killed when dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        command.spawn().map(Self).map_err(|e| format!("{}: {e}", command.get_program().display()))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }

    /// Asks it to end in order.
    pub(crate) fn interrupt(&self) -> Result<(), String> {
        let id = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        let id = id.ok_or("no process")?;
        rustix::process::kill_process(id, rustix::process::Signal::INT).map_err(|e| e.to_string())
    }

    /// Waits for its end; whether it ended well.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Result<bool, String> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().map_err(|e| e.to_string())? {
                return Ok(status.success());
            }
            if begun.elapsed() > at_most {
                return Err(format!("it does not end within {at_most:?}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of a process, user and system, in seconds; without that of threads that do nothing but keep processors
/// awake (`wake-N`), as the system's own idle polling is in no process.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64, String> {
    let ticks = |file: &str| {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
        // The name, in parentheses, may hold anything.
        let (name, after) = text.rsplit_once(')').unwrap_or_default();
        let ticks: Vec<u64> =
            after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
        let [user, system] = ticks[..] else { return Err(format!("{file} tells {text}")) };
        let keeps_awake = name.split_once('(').is_some_and(|(_, name)| name.starts_with("wake-"));
        Ok((user + system, keeps_awake))
    };
    let (all, _) = ticks(&format!("/proc/{id}/stat"))?;
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).map_err(|e| e.to_string())?;
    let threads =
        tasks.flatten().filter_map(|task| ticks(&task.path().join("stat").display().to_string()).ok());
    let awake: u64 = threads.filter(|(_, keeps_awake)| *keeps_awake).map(|(ticks, _)| ticks).sum();
    Ok(all.saturating_sub(awake) as f64 / rustix::param::clock_ticks_per_second() as f64)
}
