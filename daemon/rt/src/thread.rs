//! Named real-time threads: priority, processor, flush-to-zero.

use std::io;
use std::thread::JoinHandle;

/// What a thread asks of the system.
#[derive(Clone, Debug, Default)]
pub struct ThreadSpec {
    /// Its name (at most 15 bytes are shown by the system).
    pub name: String,
    /// `SCHED_FIFO` priority, 1 to 99; `None` for an ordinary thread.
    pub priority: Option<u8>,
    /// The one processor it may run on.
    pub cpu: Option<usize>,
}

/// What it got.
#[derive(Debug, Default)]
pub struct Granted {
    /// The real-time priority was asked for and refused, with the system's reason.
    pub priority_refused: Option<io::Error>,
    /// The processor was asked for and refused, with the system's reason.
    pub cpu_refused: Option<io::Error>,
}

/// Starts a thread with denormals flushed to zero and the asked priority and processor. `body` is told what was
/// granted and runs in any case: a refusal is for the caller to report loudly.
///
/// # Errors
/// When the system cannot start another thread.
pub fn spawn<R: Send + 'static>(
    spec: ThreadSpec,
    body: impl FnOnce(Granted) -> R + Send + 'static,
) -> io::Result<JoinHandle<R>> {
    std::thread::Builder::new().name(spec.name.clone()).spawn(move || {
        crate::ftz::flush_denormals_to_zero();
        precise_timers();
        let granted = Granted {
            priority_refused: spec.priority.and_then(|p| set_fifo(p).err()),
            cpu_refused: spec.cpu.and_then(|c| pin_to(c).err()),
        };
        body(granted)
    })
}

/// Gives the calling thread a `SCHED_FIFO` priority.
///
/// # Errors
/// The system refuses it.
pub fn take_priority(priority: u8) -> io::Result<()> {
    set_fifo(priority)
}

/// Whether the system would grant a real-time priority now, tried on a thread of its own.
///
/// # Errors
/// The system's refusal.
pub fn probe_priority(priority: u8) -> io::Result<()> {
    std::thread::spawn(move || set_fifo(priority))
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the probing thread died")))
}

/// Lets a closed pipe end this process quietly, as other command-line tools do: for programs that print, never for the
/// daemon, which a closed log must not end.
#[allow(unsafe_code, reason = "the disposition of a signal")]
pub fn end_quietly_on_closed_pipe() {
    // SAFETY: SIG_DFL is a valid disposition, and no handler of ours is replaced.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Waits of this thread end when they are to end, not up to 50 us later, as ordinary threads' do.
#[allow(unsafe_code, reason = "the scheduler's interface")]
fn precise_timers() {
    // SAFETY: PR_SET_TIMERSLACK takes a number of nanoseconds and concerns the calling thread alone.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}

#[allow(unsafe_code, reason = "the scheduler's interface")]
fn set_fifo(priority: u8) -> io::Result<()> {
    let param = libc::sched_param { sched_priority: i32::from(priority) };
    // SAFETY: `param` is valid for the call; pid 0 is the calling thread.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[allow(unsafe_code, reason = "the scheduler's interface")]
fn pin_to(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: a zeroed cpu_set_t is the empty set, `cpu` was checked to be inside it, and pid 0 is the calling
    // thread.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The processors that this process may run on.
///
/// # Errors
/// When the system does not say.
#[allow(unsafe_code, reason = "the scheduler's interface")]
pub fn permitted_processors() -> io::Result<Vec<usize>> {
    // SAFETY: a zeroed cpu_set_t is the empty set, valid to be written to; pid 0 is the calling thread. Every number asked
    // for is inside the set.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &set)).collect())
    }
}

/// Puts the calling thread below every ordinary one of its control group: whoever wakes takes the processor from it at once,
/// and the scheduler takes a processor on which nothing else runs for an idle one.
#[allow(unsafe_code, reason = "the scheduler's interface")]
pub(crate) fn become_idle() -> io::Result<()> {
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: `none` is valid for the call; pid 0 is the calling thread.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const none) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_and_the_thread_runs_all_the_same() {
        let spec = ThreadSpec { name: "t".into(), priority: Some(0), cpu: Some(100_000) };
        let granted = spawn(spec, |g| g).expect("spawn").join().expect("join");
        assert!(granted.priority_refused.is_some(), "0 is no SCHED_FIFO priority");
        assert!(granted.cpu_refused.is_some());
    }

    #[test]
    fn what_is_granted_is_in_force() {
        let spec = ThreadSpec { name: "bci-named".into(), priority: None, cpu: Some(0) };
        let name =
            spawn(spec, |g| (g.cpu_refused.is_none(), std::thread::current().name().map(str::to_owned)))
                .expect("spawn")
                .join()
                .expect("join");
        assert_eq!(name, (true, Some("bci-named".to_owned())));
    }
}
