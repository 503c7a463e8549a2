//! Processors that wake at once: the system's bound on how long an idle one may take, and threads in its place where the
//! system minds none.

mod pollers;
mod quota;

use self::pollers::{MOST, Pollers};
use crate::thread::permitted_processors;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

pub use self::pollers::polled_seconds;

/// Where Linux takes the bound ("PM QoS", CPU latency).
const INTERFACE: &str = "/dev/cpu_dma_latency";
/// Where it says what puts idle processors to sleep. Without such a driver, as in most small virtual machines, an idle
/// processor halts whatever the bound.
const DRIVER: &str = "/sys/devices/system/cpu/cpuidle/current_driver";

/// Holds the bound for as long as it lives; the system forgets it when the process ends, however it does.
#[derive(Debug)]
pub struct Wakeful {
    /// The bound stands while this is open.
    _held: File,
    pollers: Option<Pollers>,
    effect: Effect,
}

/// What keeps processors awake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The system's idle driver, which minds the bound.
    Driver,
    /// A thread on each of so many processors.
    Polled(usize),
    /// Nothing, and why.
    None(String),
}

impl Wakeful {
    /// Lets no processor of the machine sleep so deeply that waking takes longer than `latency_us`; with 0 idle ones poll
    /// and never halt, which costs power, and no other process time. Where the system minds no bound, as in most small virtual
    /// machines, 0 is brought about by threads called `wake-N` on the processors that this process may use: below every
    /// ordinary thread of their control group, but beside those of others. They are not started where they would do harm.
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
        let (pollers, effect) = match (minded, latency_us) {
            (true, _) => (None, Effect::Driver),
            (false, 0) => match in_place_of_a_driver() {
                Ok(pollers) => {
                    let polled = pollers.len();
                    (Some(pollers), Effect::Polled(polled))
                }
                Err(why) => (None, Effect::None(why)),
            },
            (false, _) => (
                None,
                Effect::None("the system has no idle driver that minds a bound other than 0".to_owned()),
            ),
        };
        Ok(Self { _held: held, pollers, effect })
    }

    /// Whether the system would permit it.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn probe() -> io::Result<()> {
        OpenOptions::new().write(true).open(INTERFACE).map(drop)
    }

    /// What keeps processors awake now.
    #[must_use]
    pub fn effect(&self) -> &Effect {
        debug_assert_eq!(self.pollers.is_some(), matches!(self.effect, Effect::Polled(_)));
        &self.effect
    }
}

/// Whether the system minds a bound: whether it has a driver that chooses how deeply idle processors sleep.
#[must_use]
pub fn minds_bounds() -> bool {
    std::fs::read_to_string(DRIVER).is_ok_and(|driver| !matches!(driver.trim(), "" | "none"))
}

/// Why threads should not stand in for a driver here; `None` where they may.
#[must_use]
pub fn against_polling() -> Option<String> {
    let processors = match permitted_processors() {
        Ok(processors) => processors.len(),
        Err(e) => return Some(format!("which processors may be used is not known: {e}")),
    };
    if processors > MOST {
        return Some(format!(
            "{processors} processors are too many to keep awake by threads, {MOST} the most"
        ));
    }
    // What threads use counts against it, and the whole daemon would be held up.
    quota::found().map(|file| format!("processor time is limited by {file}, and threads would use it up"))
}

fn in_place_of_a_driver() -> Result<Pollers, String> {
    if let Some(why) = against_polling() {
        return Err(why);
    }
    permitted_processors()
        .and_then(|processors| Pollers::start(&processors))
        .map_err(|e| format!("threads that would keep processors awake were refused: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Those that count a process's threads go one at a time.
    pub(super) fn alone() -> MutexGuard<'static, ()> {
        static ONE: Mutex<()> = Mutex::new(());
        ONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn the_bound_is_written_as_the_system_reads_it() {
        let file = std::env::temp_dir().join(format!("bcid-wakeful-{}", std::process::id()));
        std::fs::write(&file, []).expect("write");
        let held = Wakeful::hold_at(&file, 7, true);
        let written = std::fs::read(&file).expect("read");
        std::fs::remove_file(&file).expect("remove");
        assert_eq!(*held.expect("held").effect(), Effect::Driver);
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
        let _alone = alone();
        let polling = || {
            let tasks = std::fs::read_dir("/proc/self/task").expect("tasks").flatten();
            let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
            names.filter(|name| name.starts_with("wake-")).count()
        };
        let hold = |latency_us, minded| {
            Wakeful::hold_at(Path::new("/dev/null"), latency_us, minded).expect("permitted")
        };
        assert_eq!(*hold(0, true).effect(), Effect::Driver);
        assert!(matches!(hold(5, false).effect(), Effect::None(_)));
        let held = hold(0, false);
        match (held.effect().clone(), against_polling()) {
            (Effect::Polled(threads), None) => {
                assert_eq!((polling(), threads), (threads, permitted_processors().expect("known").len()));
            }
            (Effect::None(told), Some(why)) => assert_eq!(told, why),
            other => panic!("{other:?}"),
        }
        drop(held);
        assert_eq!(polling(), 0);
    }
}
