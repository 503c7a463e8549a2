//! What a stretch of a process's life took.

use crate::stolen::stolen_s;
use bci_rt::clock::{Clock, HostClock, process_cpu_seconds};
use bci_types::HostNs;
use std::collections::BTreeMap;
use std::fmt::Write;

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

    /// Processor time since then as a share of one core, of the process and of each of its threads that matters.
    pub(crate) fn end(&self) -> String {
        let seconds = (HostClock.now() - self.at) as f64 * 1e-9;
        let share = |s: f64| 100.0 * s / seconds;
        let mut text = format!("{:.1} % of a core (", share(process_cpu_seconds() - self.cpu_s));
        let mut used: Vec<(f64, String)> = threads()
            .into_iter()
            .map(|(id, (name, s))| (s - self.threads.get(&id).map_or(0.0, |(_, before)| *before), name))
            .collect();
        used.sort_by(|a, b| b.0.total_cmp(&a.0));
        let busy = used.iter().filter(|(s, _)| share(*s) >= 0.1);
        for (i, (s, name)) in busy.enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{name} {:.1}", share(*s));
        }
        // What a hypervisor withholds nobody on this machine can make up for.
        let _ = write!(text, "); stolen from the machine {:.2} %", share(stolen_s() - self.stolen_s));
        text
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
