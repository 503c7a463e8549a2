use super::exchange::{Exchange, Lane, SwapError};
use super::lane::LaneThread;
use crate::bind::check;
use crate::lanes::{Change, Handover, LANES, Registry};
use crate::run::{RealTime, attachment};
use crate::spec::PipelineSpec;
use crate::status::Status;
use bci_config::Mistake;
use bci_models::{Bundle, Decoder};
use bci_rt::clock::Clock;
use bci_rt::doorbell::Doorbell;
use bci_rt::edge::Writer;
use bci_types::{Decoders, ShadowReport, StreamSpec, Swapped};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the decoders of a pipeline are loaded, compared and swapped while it runs. From any thread; may wait.
pub struct Desk {
    parts: DeskParts,
    /// The signal thread's.
    bell: Doorbell,
    kept: Mutex<Kept>,
}

/// What a pipeline's parts share.
#[derive(Clone)]
pub(crate) struct DeskParts {
    pub(crate) spec: Arc<PipelineSpec>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rt: RealTime,
}

struct Kept {
    registry: Registry,
    threads: [Option<LaneThread>; LANES],
}

/// Why a candidate was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It does not fit the configuration or the stream: every mistake.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Mistakes(Vec<Mistake>),
    /// There is no room for it.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// Its thread could not be started.
    #[error("starting the candidate's thread")]
    Thread(#[source] io::Error),
    /// The pipeline is ending.
    #[error("the pipeline is stopping")]
    Stopping,
}

impl Desk {
    pub(crate) fn new(parts: DeskParts, registry: Registry, first: LaneThread, bell: Doorbell) -> Self {
        let kept = Kept { registry, threads: [Some(first), None] };
        Self { parts, bell, kept: Mutex::new(kept) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads a candidate beside the decoder that publishes: from the next chunk on it decodes the same stream, unheard.
    /// `decoder` was made of `bundle`. Takes as long as designing its filters takes.
    ///
    /// # Errors
    /// [`LoadError`]; nothing has then changed.
    pub fn load(&self, bundle: Bundle, decoder: Box<dyn Decoder>) -> Result<(), LoadError> {
        let mut kept = self.kept();
        let kept = &mut *kept;
        if let Some(there) = self.parts.exchange.decoders().other {
            return Err(SwapError::Occupied(there.name.clone()).into());
        }
        let id = 1 - self.parts.exchange.active();
        // A thread that had died is still to be joined.
        if let Some(dead) = kept.threads[id].take() {
            dead.end();
        }
        let binding = check(&self.parts.spec, &bundle).map_err(LoadError::Mistakes)?;
        let bundle = Arc::new(bundle);
        // What it counts is its own.
        let counted = Arc::new(Status::new(Arc::clone(&self.parts.spec.name), self.parts.clock.now()));
        let lane = Lane::of(&bundle, binding.hop_ms, &counted);
        let (thread, queue) = LaneThread::start(&self.parts, id, &bundle, decoder, &binding, counted)
            .map_err(LoadError::Thread)?;
        let spec = Arc::clone(&self.parts.spec);
        let change = match kept.registry.add(id, spec, bundle, queue, thread.bell()) {
            Ok(change) => change,
            Err(found) => {
                thread.end();
                return Err(LoadError::Mistakes(found));
            }
        };
        self.parts.exchange.load(lane)?;
        kept.registry.tell_periods(&self.parts.exchange);
        kept.threads[id] = Some(thread);
        self.hand_over(change)
    }

    /// Swaps the candidate in between two windows, as soon as it is level with the stream; what published before goes on in
    /// its shadow. `model_sha256` says which is meant; any when empty.
    ///
    /// # Errors
    /// [`SwapError`]; when it is not level within `patience`, too.
    pub fn swap(&self, model_sha256: &str, patience: Duration) -> Result<Swapped, SwapError> {
        self.parts.exchange.swap(model_sha256, false, patience)
    }

    /// Undoes a swap, in the same way.
    ///
    /// # Errors
    /// As [`Desk::swap`]; when there was none.
    pub fn roll_back(&self, patience: Duration) -> Result<Swapped, SwapError> {
        self.parts.exchange.swap("", true, patience)
    }

    /// Ends the decoder that does not publish.
    ///
    /// # Errors
    /// [`SwapError::NoCandidate`].
    pub fn discard(&self) -> Result<(), SwapError> {
        let mut kept = self.kept();
        let id = self.parts.exchange.discard()?;
        let change = kept.registry.remove(id);
        let thread = kept.threads[id].take();
        let _ = self.hand_over(change);
        if let Some(thread) = thread {
            thread.end();
        }
        Ok(())
    }

    /// How the decoder that does not publish has done beside the other; `None` without one.
    #[must_use]
    pub fn report(&self) -> Option<ShadowReport> {
        self.parts.exchange.report()
    }

    /// Who decodes.
    #[must_use]
    pub fn decoders(&self) -> Decoders {
        self.parts.exchange.decoders()
    }

    /// The bundle of the decoder that publishes, and of the other.
    #[must_use]
    pub fn bundles(&self) -> [Option<Arc<Bundle>>; LANES] {
        let kept = self.kept();
        let active = self.parts.exchange.active();
        [kept.registry.bundle(active), kept.registry.bundle(1 - active)]
    }

    /// A source was attached: the ring to the signal thread, once that has been told.
    pub(crate) fn attach(
        &self,
        stream: &StreamSpec,
        frames: usize,
        stop: &AtomicBool,
    ) -> Result<Writer, String> {
        let handover = &self.parts.handover;
        while handover.attachments_done.pop().is_some() {}
        let mut kept = self.kept();
        let (paths, number) = kept.registry.attach(stream, frames, &self.parts.exchange)?;
        let (writer, mut attachment) = attachment(stream, frames, paths, number);
        // None that waits may be given up: samples are in its ring.
        while let Err(back) = handover.attachments.push(attachment) {
            if stop.load(Ordering::Acquire) {
                break;
            }
            attachment = back;
            std::thread::sleep(Duration::from_millis(1));
        }
        self.bell.ring();
        Ok(writer)
    }

    /// Lets the decoders decode what waits, and ends them; false when one had panicked and no other took over.
    pub(crate) fn drain(&self) -> bool {
        let threads = std::mem::take(&mut self.kept().threads);
        // Every one is ended, whatever became of the others.
        let ended: Vec<bool> = threads.into_iter().flatten().map(LaneThread::end).collect();
        ended.into_iter().all(|well| well)
    }

    /// Whether nobody decodes any more although somebody should.
    pub(crate) fn is_broken(&self) -> bool {
        let active = self.parts.exchange.active();
        self.kept().threads[active].as_ref().is_some_and(LaneThread::is_finished)
    }

    fn hand_over(&self, mut change: Box<Change>) -> Result<(), LoadError> {
        let handover = &self.parts.handover;
        while handover.changes_done.pop().is_some() {}
        // The signal thread looks every tenth of a second at the latest.
        for _ in 0..2000 {
            match handover.changes.push(change) {
                Ok(()) => {
                    self.bell.ring();
                    return Ok(());
                }
                Err(back) => change = back,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(LoadError::Stopping)
    }
}
