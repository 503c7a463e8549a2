//! Processors that wake at once: the system's bound on how long an idle one may take.

use crate::thread::{ThreadSpec, spawn};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Where Linux takes the bound ("PM QoS", CPU latency).
const INTERFACE: &str = "/dev/cpu_dma_latency";
/// Where it says what puts idle processors to sleep. Without such a driver, as in most small virtual machines, an idle
/// processor halts whatever the bound.
const DRIVER: &str = "/sys/devices/system/cpu/cpuidle/current_driver";
/// Of so many processors at most each is kept awake by a thread; of more, none.
const MOST_POLLED: usize = 16;

/// Holds the bound for as long as it lives; the system forgets it when the process ends, however it does.
#[derive(Debug)]
pub struct Wakeful {
    /// The bound stands while this is open.
    _held: File,
    pollers: Option<Pollers>,
}

/// A thread on each processor that has nothing to do, and gives way to everybody: what the system's own idle polling does.
#[derive(Debug)]
struct Pollers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Wakeful {
    /// Lets no processor of the machine sleep so deeply that waking takes longer than `latency_us`; with 0 idle ones poll
    /// and never halt, which costs power, and no other process time. Where the system minds no bound, 0 is brought about
    /// by threads called `wake-N`, at the lowest priority.
    ///
    /// # Errors
    /// Where the system has no such interface or does not permit it.
    pub fn hold(latency_us: u32) -> io::Result<Self> {
        Self::hold_at(Path::new(INTERFACE), latency_us, minds_bounds())
    }

    fn hold_at(interface: &Path, latency_us: u32, minded: bool) -> io::Result<Self> {
        let bound = i32::try_from(latency_us).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut held = OpenOptions::new().write(true).open(interface)?;
        // Binary, in the machine's order: text would be taken for hexadecimal digits.
        held.write_all(&bound.to_ne_bytes())?;
        let pollers = (latency_us == 0 && !minded).then(Pollers::start).transpose()?;
        Ok(Self { _held: held, pollers })
    }

    /// Whether the system would permit it.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn probe() -> io::Result<()> {
        OpenOptions::new().write(true).open(INTERFACE).map(drop)
    }

    /// Processors that are kept awake by a thread each.
    #[must_use]
    pub fn polled(&self) -> usize {
        self.pollers.as_ref().map_or(0, |pollers| pollers.threads.len())
    }
}

/// Whether the system minds a bound: whether it has a driver that chooses how deeply idle processors sleep.
#[must_use]
pub fn minds_bounds() -> bool {
    std::fs::read_to_string(DRIVER).is_ok_and(|driver| !matches!(driver.trim(), "" | "none"))
}

impl Pollers {
    fn start() -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism()?.get();
        let polled = if processors > MOST_POLLED { 0 } else { processors };
        let mut pollers = Self { stop, threads: Vec::new() };
        for cpu in 0..polled {
            let stop = Arc::clone(&pollers.stop);
            let spec = ThreadSpec { name: format!("wake-{cpu}"), priority: None, cpu: Some(cpu) };
            pollers.threads.push(spawn(spec, move |_| {
                lowest_priority();
                while !stop.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            })?);
        }
        Ok(pollers)
    }
}

impl Drop for Pollers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Of the calling thread, as Linux has it: whoever wakes takes the processor from it at once, and the scheduler takes a
/// processor on which nothing else runs for an idle one.
#[allow(unsafe_code, reason = "the scheduler's interface")]
fn lowest_priority() {
    // SAFETY: the structure is valid for all zeros, which is the only priority of this policy; a refusal changes nothing.
    unsafe {
        let none: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &none);
        libc::setpriority(libc::PRIO_PROCESS, libc::gettid() as libc::id_t, 19);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_written_as_the_system_reads_it() {
        let file = std::env::temp_dir().join(format!("bcid-wakeful-{}", std::process::id()));
        std::fs::write(&file, []).expect("write");
        let held = Wakeful::hold_at(&file, 7, false);
        let written = std::fs::read(&file).expect("read");
        std::fs::remove_file(&file).expect("remove");
        held.expect("held");
        assert_eq!(written, 7_i32.to_ne_bytes());
    }

    #[test]
    fn where_there_is_no_such_interface_that_is_told() {
        let none = Wakeful::hold_at(Path::new("/nonexistent/cpu_dma_latency"), 0, true).expect_err("refused");
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
        assert!(
            Wakeful::hold_at(Path::new("/dev/null"), u32::MAX, true).is_err(),
            "beyond what the system reads"
        );
    }

    #[test]
    fn where_no_bound_is_minded_threads_keep_processors_awake_until_they_are_let_go() {
        let polling = || {
            let tasks = std::fs::read_dir("/proc/self/task").expect("tasks").flatten();
            let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
            names.filter(|name| name.starts_with("wake-")).count()
        };
        let hold = |latency_us, minded| {
            Wakeful::hold_at(Path::new("/dev/null"), latency_us, minded).expect("permitted")
        };
        assert_eq!((hold(0, true).polled(), hold(5, false).polled()), (0, 0));
        let held = hold(0, false);
        let begun = std::time::Instant::now();
        // A thread takes its name when it begins.
        while polling() < held.polled() && begun.elapsed().as_secs() < 10 {
            std::thread::yield_now();
        }
        assert_eq!(polling(), held.polled());
        assert!(
            held.polled() > 0 || std::thread::available_parallelism().expect("known").get() > MOST_POLLED
        );
        drop(held);
        assert_eq!(polling(), 0);
    }
}
