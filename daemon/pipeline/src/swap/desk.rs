use super::exchange::{Exchange, LaneId, SwapError};
use super::lane::Lane;
use super::thread::LaneThread;
use crate::bind::{Binding, check};
use crate::lanes::{Built, Change, Handover, LANES, LaneSpec, NoPlace, Paths, Place, Plan, Registry, Route};
use crate::run::{RealTime, attachment};
use crate::spec::PipelineSpec;
use crate::status::Counters;
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
    /// The pipeline is ending: nothing more is started.
    ending: bool,
}

impl Kept {
    /// Takes away what decodes no more; its threads are to be joined, by who does not hold the lock.
    fn sweep(&mut self, alive: [bool; LANES]) -> Vec<LaneThread> {
        let dead = (0..LANES).filter(|id| !alive[*id]);
        dead.filter_map(|id| {
            if self.registry.bundle(id).is_some() {
                self.registry.forget(id);
            }
            self.threads[id].take()
        })
        .collect()
    }
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
    /// Every signal path is in use.
    #[error("there is no signal path left for it")]
    NoPath,
    /// Its thread could not be started.
    #[error("starting the candidate's thread")]
    Thread(#[source] io::Error),
    /// The pipeline is ending.
    #[error("the pipeline is stopping")]
    Stopping,
}

impl Desk {
    pub(crate) fn new(parts: DeskParts, registry: Registry, first: LaneThread, bell: Doorbell) -> Self {
        let kept = Kept { registry, threads: [Some(first), None], ending: false };
        Self { parts, bell, kept: Mutex::new(kept) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How everything is now, with what decodes no more taken away.
    fn plan(&self) -> Plan {
        let exchange = &self.parts.exchange;
        let mut kept = self.kept();
        let dead = kept.sweep(exchange.alive());
        let plan = kept.registry.plan(exchange.active());
        drop(kept);
        for thread in dead {
            thread.end();
        }
        plan
    }

    /// Whether a candidate may be loaded.
    ///
    /// # Errors
    /// [`SwapError::Occupied`].
    pub fn has_room(&self) -> Result<(), SwapError> {
        self.parts.exchange.has_room()
    }

    /// Loads a candidate beside the decoder that publishes: from the next chunk on it decodes the same stream, unheard.
    /// `decoder` was made of `bundle`. Takes as long as designing its filters takes, and trying how long they take. What is not
    /// configured of how posteriors become intents is as the candidate states it, and goes with it when it is swapped in.
    ///
    /// # Errors
    /// [`LoadError`]; nothing has then changed.
    pub fn load(&self, bundle: Bundle, decoder: Box<dyn Decoder>) -> Result<Binding, LoadError> {
        let exchange = &self.parts.exchange;
        let binding = check(&self.parts.spec, &bundle).map_err(LoadError::Mistakes)?;
        let bundle = Arc::new(bundle);
        // Built anew when a source or another candidate came meanwhile.
        loop {
            exchange.has_room()?;
            let plan = self.plan();
            let place = plan.place(&self.parts.spec, &bundle).map_err(|why| match why {
                NoPlace::Mistakes(found) => LoadError::Mistakes(found),
                NoPlace::None => LoadError::NoPath,
            })?;
            let mut kept = self.kept();
            if kept.ending {
                return Err(LoadError::Stopping);
            }
            if !kept.registry.is_as(&plan) || exchange.active() != plan.active {
                continue;
            }
            let id = 1 - plan.active;
            self.enter(&mut kept, id, place, &bundle, decoder, &binding)?;
            drop(kept);
            self.wait_until_taken();
            return Ok(binding);
        }
    }

    /// The candidate takes lane `id`.
    fn enter(
        &self,
        kept: &mut Kept,
        id: LaneId,
        place: Place,
        bundle: &Arc<Bundle>,
        decoder: Box<dyn Decoder>,
        binding: &Binding,
    ) -> Result<(), LoadError> {
        let exchange = &self.parts.exchange;
        exchange.has_room()?;
        // What it counts is its own.
        let (queue, counted) = (LaneThread::queue(bundle), Arc::new(Counters::default()));
        let lane = Lane::of(bundle, binding.hop_ms, &counted, &queue);
        let thread = LaneThread::start(&self.parts, id, bundle, decoder, binding, (&queue, counted))
            .map_err(LoadError::Thread)?;
        exchange.load(id, lane)?;
        if let Some(period) = place.period {
            exchange.set_period(id, period);
        }
        let route = Route { queue, bell: thread.bell(), path: 0 };
        let spec = Arc::clone(&self.parts.spec);
        let change = kept.registry.add(id, LaneSpec { spec, bundle: Arc::clone(bundle), route }, place);
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
        let thread = {
            let mut kept = self.kept();
            let id = self.parts.exchange.discard()?;
            let change = kept.registry.remove(id);
            let _ = self.hand_over(change);
            kept.threads[id].take()
        };
        // A run may hang: nobody else waits for that.
        if let Some(thread) = thread {
            thread.abandon();
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
        let (paths, number) = self.design(stream, frames)?;
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

    /// The signal paths for a source, and the number of its attachment.
    fn design(&self, stream: &StreamSpec, frames: usize) -> Result<(Paths, u64), String> {
        let exchange = &self.parts.exchange;
        // Built anew when a candidate came or went meanwhile, or decoders were swapped.
        loop {
            let plan = self.plan();
            let Built { paths, periods, unfit } = plan.design(stream, frames)?;
            let mut kept = self.kept();
            if !kept.registry.is_as(&plan) {
                continue;
            }
            for (id, (period, why)) in periods.into_iter().zip(unfit).enumerate() {
                if let Some(period) = period {
                    exchange.set_period(id, period);
                }
                if let Some(why) = &why {
                    let reasons = why.replace('\n', "; ");
                    tracing::error!(pipeline = %self.parts.spec.name, "the decoder in the shadow does not fit the stream: {reasons}");
                }
                exchange.set_unfit(id, why);
            }
            // One that is unfit is not swapped in from here on.
            if exchange.active() == plan.active {
                return Ok((paths, kept.registry.attached(stream, frames)));
            }
        }
    }

    /// Lets the decoders decode what waits, and ends them; false when one had panicked and no other took over.
    pub(crate) fn drain(&self) -> bool {
        let threads = {
            let mut kept = self.kept();
            kept.ending = true;
            std::mem::take(&mut kept.threads)
        };
        // Every one is ended, whatever became of the others.
        let ended: Vec<bool> = threads.into_iter().flatten().map(LaneThread::end).collect();
        ended.into_iter().all(|well| well)
    }

    /// Whether nobody decodes any more although somebody should. Never waits.
    pub(crate) fn is_broken(&self) -> bool {
        self.parts.exchange.is_broken()
    }

    /// Waits until the signal thread has taken every change, unless that hangs: the next chunk goes the new way.
    fn wait_until_taken(&self) {
        for _ in 0..1000 {
            if self.parts.handover.changes.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
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
