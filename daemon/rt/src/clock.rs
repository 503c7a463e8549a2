//! The one clock. It is passed in, so that a replay can pass in another.

use bci_types::HostNs;

/// A source of the time on the host's monotonic clock.
pub trait Clock: Send + Sync {
    /// Now. Never runs backwards.
    fn now(&self) -> HostNs;
}

/// The host's `CLOCK_MONOTONIC`, which is also what LSL's `local_clock()` reads on Linux.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostClock;

impl Clock for HostClock {
    #[allow(
        unsafe_code,
        reason = "clock_gettime: std's Instant hides the absolute value that LSL stamps refer to"
    )]
    fn now(&self) -> HostNs {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `t` is a valid place for a timespec, and CLOCK_MONOTONIC exists on every supported system.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t) };
        HostNs(t.tv_sec * 1_000_000_000 + t.tv_nsec)
    }
}

/// Processor time used by this process since its start, user and system, in seconds; without what keeps processors awake,
/// which [`crate::wakeful::polled_seconds`] tells.
#[must_use]
pub fn process_cpu_seconds() -> f64 {
    let all = cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID) as f64 * 1e-9;
    (all - crate::wakeful::polled_seconds()).max(0.0)
}

/// Processor time used by the calling thread, ns.
pub(crate) fn thread_cpu_ns() -> u64 {
    cpu_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

#[allow(unsafe_code, reason = "clock_gettime")]
fn cpu_ns(clock: libc::clockid_t) -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid place for a timespec.
    unsafe { libc::clock_gettime(clock, &raw mut t) };
    t.tv_sec.unsigned_abs() * 1_000_000_000 + t.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_clock_moves_forward() {
        let a = HostClock.now();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(HostClock.now() - a >= 2_000_000);
    }

    #[test]
    fn work_costs_processor_time() {
        let before = process_cpu_seconds();
        let mut x = 0u64;
        while process_cpu_seconds() - before < 0.01 {
            x = std::hint::black_box(x.wrapping_add(1));
        }
        assert!(x > 0);
    }
}
