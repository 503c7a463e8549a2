use ::ort::session::RunOptions;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a run may take before it is stopped.
pub(super) const STUCK: Duration = Duration::from_secs(2);

/// How long the first run may take, in which memory is laid out.
pub(super) const STUCK_AT_FIRST: Duration = Duration::from_secs(5);

/// The same on a GPU, which is started with it.
pub(super) const STUCK_AT_FIRST_ON_GPU: Duration = Duration::from_secs(60);

/// How often it is looked whether a run is stuck.
const LOOK: Duration = Duration::from_millis(200);

/// Stops runs that do not end: a loop in a model may have no end, and would stall its stream for good. A thread of its own
/// looks now and then; a run costs a look at the clock, two stores and a lock that nobody else holds but to stop a run.
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    options: RunOptions,
    origin: Instant,
    /// When the run that is going on must have ended, in ns after `origin`; 0 while none is.
    deadline_ns: AtomicU64,
    /// Whether the run that is going on was told to stop. Set and taken back under `turn`.
    stopped: AtomicBool,
    /// Held for looking at the deadline and stopping by it, and for ending a run: so that no stop comes after it was taken
    /// back, which would stop every later run, and none is meant for a run that has ended.
    turn: Mutex<()>,
    end: AtomicBool,
}

impl Shared {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        // It guards no value that a panic could leave half written.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_late(&self) -> bool {
        let deadline_ns = self.deadline_ns.load(Ordering::Acquire);
        deadline_ns != 0 && self.now_ns() > deadline_ns
    }

    /// Stops the run that is going on if its time is up.
    fn stop_if_late(&self) {
        // Looked at first without the lock, so that it is only ever contended where a run is stuck.
        if !self.is_late() {
            return;
        }
        let _turn = self.turn();
        // By now it may have ended, and another have begun.
        if self.is_late() {
            self.stopped.store(true, Ordering::Release);
            let _ = self.options.terminate();
        }
    }

    /// Ends the run; whether it was told to stop.
    fn end_run(&self) -> bool {
        let _turn = self.turn();
        self.deadline_ns.store(0, Ordering::Release);
        let stopped = self.stopped.swap(false, Ordering::AcqRel);
        if stopped {
            let _ = self.options.unterminate();
        }
        stopped
    }
}

impl Watch {
    /// # Errors
    /// In words: ONNX Runtime or the system refused.
    pub(super) fn new() -> Result<Self, String> {
        let shared = Arc::new(Shared {
            options: RunOptions::new().map_err(|e| e.to_string())?,
            origin: Instant::now(),
            deadline_ns: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            turn: Mutex::new(()),
            end: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("model-watch".to_owned())
            .spawn(move || look(&own))
            .map_err(|e| format!("no thread to watch it: {e}"))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Does `run` with options by which it can be stopped, and stops it after `limit`.
    ///
    /// # Errors
    /// In words: why the run failed, or that it was stopped.
    pub(super) fn run(
        &self,
        limit: Duration,
        run: impl FnOnce(&RunOptions) -> ::ort::Result<()>,
    ) -> Result<(), String> {
        let shared = &*self.shared;
        let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        shared.deadline_ns.store(shared.now_ns().saturating_add(limit_ns).max(1), Ordering::Release);
        let done = run(&shared.options);
        if shared.end_run() {
            return Err(format!(
                "a run was stopped after {} s, in which it did not end",
                limit.as_secs_f64()
            ));
        }
        done.map_err(|e| e.to_string())
    }
}

fn look(shared: &Shared) {
    while !shared.end.load(Ordering::Acquire) {
        std::thread::park_timeout(LOOK);
        shared.stop_if_late();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
