use rustix::time::{ClockId, clock_gettime};

/// Processor time of this thread in nanoseconds: what else runs on the machine does not count.
pub(crate) fn thread_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
