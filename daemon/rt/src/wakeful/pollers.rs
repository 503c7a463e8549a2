use crate::thread::{ThreadSpec, become_idle, spawn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

/// Of so many processors at most each is kept awake by a thread; of more, none.
pub(super) const MOST: usize = 16;

/// Pauses of a round: some microseconds.
const PAUSES: u32 = 64;
/// How often a thread says how much time it took, in rounds.
const TOLD_EVERY: u32 = 4096;

/// What each took so far, ns; those of threads that have ended go on counting.
static TAKEN: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];

/// Processor time of this process that went into keeping processors awake, in seconds: what nobody else wanted.
#[must_use]
pub fn polled_seconds() -> f64 {
    TAKEN.iter().map(|taken| taken.load(Ordering::Relaxed) as f64 * 1e-9).sum()
}

/// A thread on each processor, which does nothing and gives way to everybody: what the system's own idle polling does.
#[derive(Debug)]
pub(super) struct Pollers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pollers {
    /// One on each of `processors`, at most [`MOST`]; all, or none where one is refused its place or its policy.
    pub(super) fn start(processors: &[usize]) -> io::Result<Self> {
        let mut pollers = Self { stop: Arc::new(AtomicBool::new(false)), threads: Vec::new() };
        let (told, ready) = channel();
        for (&cpu, taken) in processors.iter().zip(&TAKEN) {
            let (stop, told) = (Arc::clone(&pollers.stop), told.clone());
            let spec = ThreadSpec { name: format!("wake-{cpu}"), priority: None, cpu: Some(cpu) };
            pollers.threads.push(spawn(spec, move |granted| {
                let granted = granted.cpu_refused.map_or_else(become_idle, Err);
                let mine = granted.is_ok();
                let _ = told.send(granted);
                // Who waits for all of them waits until nobody can tell any more.
                drop(told);
                if mine {
                    poll(&stop, taken);
                }
            })?);
        }
        drop(told);
        // Those that run are ended where one does not.
        ready.iter().collect::<io::Result<()>>()?;
        Ok(pollers)
    }

    pub(super) fn len(&self) -> usize {
        self.threads.len()
    }
}

fn poll(stop: &AtomicBool, taken: &AtomicU64) {
    let before = taken.load(Ordering::Relaxed);
    let mut round = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        // What wakes takes the processor by an interrupt. Until then a sibling on the same core is to have it.
        (0..PAUSES).for_each(|_| std::hint::spin_loop());
        std::thread::yield_now();
        round = round.wrapping_add(1);
        if round.is_multiple_of(TOLD_EVERY) {
            taken.store(before + crate::clock::thread_cpu_ns(), Ordering::Relaxed);
        }
    }
    taken.store(before + crate::clock::thread_cpu_ns(), Ordering::Relaxed);
}

impl Drop for Pollers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_refused_its_processor_stops_all() {
        let _alone = super::super::tests::alone();
        assert!(Pollers::start(&[0, 100_000]).is_err());
        let named = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("comm")).ok();
        let names = std::fs::read_dir("/proc/self/task").expect("tasks").flatten().filter_map(named);
        assert_eq!(names.filter(|name| name.starts_with("wake-100000")).count(), 0);
    }

    #[test]
    fn what_they_take_is_told_apart() {
        let _alone = super::super::tests::alone();
        let before = polled_seconds();
        let pollers = Pollers::start(&[0]).expect("permitted");
        let begun = std::time::Instant::now();
        while polled_seconds() <= before && begun.elapsed().as_secs() < 10 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(pollers);
        assert!(polled_seconds() > before);
    }
}
