use ::ort::session::RunOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
/// looks now and then; a run costs two stores and two looks at the clock.
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    options: RunOptions,
    origin: Instant,
    /// When the run that is going on must have ended, in ns after `origin`; 0 while none is.
    deadline_ns: AtomicU64,
    stopped: AtomicBool,
    end: AtomicBool,
}

impl Shared {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
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
        shared.deadline_ns.store(0, Ordering::Release);
        if shared.stopped.swap(false, Ordering::AcqRel) {
            let _ = shared.options.unterminate();
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
        let deadline_ns = shared.deadline_ns.load(Ordering::Acquire);
        if deadline_ns != 0 && shared.now_ns() > deadline_ns {
            // Said first: a run that ends meanwhile then takes the stop back.
            shared.stopped.store(true, Ordering::Release);
            let _ = shared.options.terminate();
        }
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
