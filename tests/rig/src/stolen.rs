//! When a hypervisor gave this machine's processors to others.

use bci_rt::clock::{Clock, HostClock};
use bci_types::HostNs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const WINDOW: Duration = Duration::from_millis(50);

/// Processor time that was wanted and withheld since the machine started, seconds, all processors together.
pub(crate) fn stolen_s() -> f64 {
    /// Ticks a second in `/proc/stat`.
    const USER_HZ: f64 = 100.0;
    let all = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = all.lines().next().and_then(|cpu| cpu.split_whitespace().nth(8)?.parse::<f64>().ok());
    ticks.unwrap_or(0.0) / USER_HZ
}

/// Notes 20 times a second, on a thread of its own, how much was stolen.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(HostNs, f64)>>,
}

/// Spans of time in which nothing was stolen, to the 10 ms that the system tells.
#[derive(Debug, Default)]
pub(crate) struct Undisturbed(Vec<(HostNs, HostNs)>);

impl Watch {
    pub(crate) fn begin() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut notes = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                notes.push((HostClock.now(), stolen_s()));
                std::thread::sleep(WINDOW);
            }
            notes
        });
        Self { stop, thread }
    }

    pub(crate) fn end(self) -> Undisturbed {
        self.stop.store(true, Ordering::Relaxed);
        Undisturbed::from(&self.thread.join().unwrap_or_default())
    }
}

impl Undisturbed {
    /// A window counts when neither it nor the one before or after it saw a theft: one may be told a little late.
    fn from(notes: &[(HostNs, f64)]) -> Self {
        let spans = notes.windows(4).filter(|w| w[3].1 <= w[0].1).map(|w| (w[1].0, w[2].0));
        Self(spans.collect())
    }

    pub(crate) fn contains(&self, at: HostNs) -> bool {
        let after = self.0.partition_point(|(begin, _)| *begin <= at);
        after.checked_sub(1).is_some_and(|i| at < self.0[i].1)
    }

    /// All of it together.
    pub(crate) fn seconds(&self) -> f64 {
        self.0.iter().map(|(begin, end)| (*end - *begin) as f64 * 1e-9).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theft_disturbs_its_window_and_both_neighbours() {
        let stolen = [0.5, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6];
        let notes: Vec<_> = stolen.iter().enumerate().map(|(i, s)| (HostNs(i as i64 * 10), *s)).collect();
        let spans = Undisturbed::from(&notes);
        // The theft lies in 30..40: 20..50 is disturbed, and so are the ends, whose neighbours are not known.
        let seen: Vec<i64> = (0..80).filter(|&t| spans.contains(HostNs(t))).collect();
        assert_eq!(seen, (10..20).chain(50..60).collect::<Vec<_>>());
        assert!((spans.seconds() - 20e-9).abs() < 1e-15);
    }
}
