use super::desk::DeskParts;
use super::exchange::LaneId;
use crate::bind::Binding;
use crate::decode::{DecodeStage, Fed, decode_loop};
use crate::policy::Policy;
use crate::run::{tell_refusal, thread_spec};
use crate::slots::WindowQueue;
use crate::status::Counters;
use bci_models::{Bundle, Decoder};
use bci_rt::doorbell::Doorbell;
use bci_rt::thread::spawn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Windows that may wait for a decoder before the oldest is given up.
const WAITING_WINDOWS: usize = 8;

/// The thread on which the decoder of a lane runs. A panic in it ends it and is told to the exchange.
pub(crate) struct LaneThread {
    stop: Arc<AtomicBool>,
    handle: JoinHandle<bool>,
    queue: WindowQueue,
}

impl LaneThread {
    /// The way of the windows of `bundle` to its decoder.
    pub(crate) fn queue(bundle: &Bundle) -> WindowQueue {
        WindowQueue::new(bundle.windowed.channels() * bundle.input.fed_samples(), WAITING_WINDOWS)
    }

    /// Starts lane `id` on windows of `bundle` out of `queue`; what it counts goes to `counted`.
    pub(crate) fn start(
        parts: &DeskParts,
        id: LaneId,
        bundle: &Bundle,
        decoder: Box<dyn Decoder>,
        binding: &Binding,
        (queue, counted): (&WindowQueue, Arc<Counters>),
    ) -> io::Result<Self> {
        let spec = &parts.spec;
        let classes = bundle.output.classes().map_or(0, |classes| classes.labels.len());
        let policy = Policy::new(binding.policy.clone(), classes, binding.hop_ms);
        let deadline = Duration::from_secs_f64(spec.deadline_ms.unwrap_or(binding.hop_ms) / 1e3);
        let mut stage =
            DecodeStage::new(Arc::clone(&spec.name), decoder, Fed::of(&bundle.input), policy, deadline);
        if spec.anticipate {
            stage = stage.anticipating(binding.hop_ms);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (exchange, clock) = (Arc::clone(&parts.exchange), Arc::clone(&parts.clock));
        let (queue, own_queue, own_stop) = (queue.clone(), queue.clone(), Arc::clone(&stop));
        let role = if id == 0 { "dec" } else { "shd" };
        let handle = spawn(thread_spec(role, &spec.name, parts.rt.below(2)), move |granted| {
            tell_refusal(role, &granted);
            let mut told = |decoded| exchange.offer(id, &counted, decoded);
            let ran = catch_unwind(AssertUnwindSafe(|| {
                decode_loop(&mut stage, &own_queue, clock.as_ref(), &counted, &mut told, &own_stop);
            }));
            ran.is_ok() || exchange.died(id, &counted)
        })?;
        Ok(Self { stop, handle, queue })
    }

    /// Rings when windows come.
    pub(crate) fn bell(&self) -> Doorbell {
        Doorbell::for_thread(self.handle.thread())
    }

    /// Lets it decode what waits, and ends it; false when it had panicked and nobody took over.
    pub(crate) fn end(self) -> bool {
        self.stop.store(true, Ordering::Release);
        self.handle.thread().unpark();
        self.handle.join().unwrap_or(false)
    }

    /// Ends it as soon as the run that is under way has ended: what waits is nobody's.
    pub(crate) fn abandon(self) {
        self.stop.store(true, Ordering::Release);
        while let Some(slot) = self.queue.receive() {
            self.queue.recycle(slot);
        }
        self.end();
    }
}
