//! What a stretch of a process's life took.

use crate::stolen::stolen_s;
use bci_rt::clock::{Clock, HostClock, process_cpu_seconds};
use bci_types::HostNs;
use std::collections::BTreeMap;
use std::fmt;

/// The beginning of a measurement.
pub(crate) struct Load {
    at: HostNs,
    cpu_s: f64,
    threads: BTreeMap<u32, (String, f64)>,
    stolen_s: f64,
}

impl Load {
    pub(crate) fn begin() -> Self {
        Self { at: HostClock.now(), cpu_s: process_cpu_seconds(), threads: threads(), stolen_s: stolen_s() }
    }

    /// What was used since then.
    pub(crate) fn end(&self) -> Used {
        let seconds = (HostClock.now() - self.at) as f64 * 1e-9;
        let percent = |s: f64| 100.0 * s / seconds;
        let mut threads: Vec<(String, f64)> = threads()
            .into_iter()
            .map(|(id, (name, s))| (name, s - self.threads.get(&id).map_or(0.0, |(_, before)| *before)))
            .map(|(name, s)| (name, percent(s)))
            .collect();
        threads.sort_by(|a, b| b.1.total_cmp(&a.1));
        Used {
            percent: percent(process_cpu_seconds() - self.cpu_s),
            threads,
            stolen_percent: percent(stolen_s() - self.stolen_s),
        }
    }
}

/// Processor time, in percent of one core.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    /// Of the process.
    pub(crate) percent: f64,
    /// Of each of its threads that is still there, by name, the busiest first.
    threads: Vec<(String, f64)>,
    /// What a hypervisor withheld from the machine: nobody on it can make up for that.
    stolen_percent: f64,
}

impl Used {
    /// Of the threads of this name.
    pub(crate) fn of(&self, thread: &str) -> f64 {
        self.threads.iter().filter(|(name, _)| name == thread).map(|(_, percent)| percent).sum()
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} % of a core (", self.percent)?;
        for (i, (name, percent)) in self.threads.iter().filter(|(_, percent)| *percent >= 0.05).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {percent:.2}")?;
        }
        write!(f, "); stolen from the machine {:.2} %", self.stolen_percent)
    }
}

/// Name and processor time, seconds, of each thread of this process.
fn threads() -> BTreeMap<u32, (String, f64)> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks
        .filter_map(|task| {
            let id = task.file_name().to_str()?.parse().ok()?;
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let ran = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            let ns: f64 = ran.split_whitespace().next()?.parse().ok()?;
            Some((id, (name.trim().to_owned(), ns * 1e-9)))
        })
        .collect()
}

/// Percentiles of numbers in words; sorts them.
pub(crate) fn percentiles(all: &mut [f64], unit: &str) -> String {
    all.sort_by(f64::total_cmp);
    let Some(last) = all.len().checked_sub(1) else { return "of nothing".into() };
    let at = |q: f64| all[(q * last as f64).round() as usize];
    format!(
        "p50 {:.3}, p90 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.3} {unit}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    )
}
