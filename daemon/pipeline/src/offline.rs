//! A pipeline's whole way without threads or a clock: for recordings, as fast as they can be computed.

use crate::acquire::chunk_frames;
use crate::activations::Activations;
use crate::bind::{bind, check};
use crate::decode::{DecodeStage, Decoded, Fed};
use crate::policy::Policy;
use crate::signal::{Continuity, SignalPath, Surroundings};
use crate::slots::WindowQueue;
use crate::spec::PipelineSpec;
use crate::status::Counters;
use bci_config::Mistake;
use bci_models::{Bundle, Decoder};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Seq, StreamSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Filters, decoder and policy as the daemon runs them, on the thread of whoever feeds it. Time is that of the samples:
/// nothing is late, nothing is skipped, and the same samples in the same chunks yield the same intents.
pub struct Offline {
    path: SignalPath,
    queue: WindowQueue,
    stage: DecodeStage,
    at: Continuity,
    clock: SampleTime,
    activations: Activations,
    /// What was counted.
    pub counters: Counters,
    discontinuity: bool,
}

/// What became of a window in a run that is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lived {
    /// It was decoded.
    Decoded {
        /// Its newest sample was too old by then.
        stale: bool,
    },
    /// It was late, and skipped.
    Skipped,
}

/// The time of the newest sample.
#[derive(Default)]
struct SampleTime(AtomicI64);

impl Clock for SampleTime {
    fn now(&self) -> HostNs {
        HostNs(self.0.load(Ordering::Relaxed))
    }
}

impl Offline {
    /// For samples of `stream`. `decoder` was made of `bundle`.
    ///
    /// # Errors
    /// Every mistake found, as when the daemon attaches the stream.
    pub fn new(
        spec: &PipelineSpec,
        bundle: &Bundle,
        decoder: Box<dyn Decoder>,
        stream: &StreamSpec,
    ) -> Result<Self, Vec<Mistake>> {
        let binding = check(spec, bundle)?;
        let path = bind(spec, bundle, stream, chunk_frames(stream.rate))?;
        let classes = bundle.output.classes().map_or(0, |classes| classes.labels.len());
        let policy = Policy::new(binding.policy.clone(), classes, binding.hop_ms);
        let name = Arc::clone(&spec.name);
        let stage = DecodeStage::new(name, decoder, Fed::of(&bundle.input), policy, Duration::MAX);
        // A window is taken before the next chunk comes, and no chunk is longer than the largest.
        let queue = WindowQueue::new(path.window_len(), path.max_chunk());
        Ok(Self {
            path,
            queue,
            stage,
            at: Continuity::default(),
            clock: SampleTime::default(),
            activations: Activations::default(),
            counters: Counters::default(),
            discontinuity: false,
        })
    }

    /// The most frames that [`Offline::take`] takes at once.
    #[must_use]
    pub fn max_chunk(&self) -> usize {
        self.path.max_chunk()
    }

    /// What comes next does not follow what came: as if the source had been attached anew. Adaptive steps keep what they
    /// learned.
    pub fn attach_anew(&mut self) {
        self.discontinuity = true;
    }

    /// The source was attached anew, as `stream`, in a run that is repeated: filters begin from nothing, as the daemon's do;
    /// windows and frames are counted on.
    ///
    /// # Errors
    /// Every mistake found, as when the daemon attaches the stream.
    pub fn reattach(
        &mut self,
        spec: &PipelineSpec,
        bundle: &Bundle,
        stream: &StreamSpec,
    ) -> Result<(), Vec<Mistake>> {
        self.path = bind(spec, bundle, stream, chunk_frames(stream.rate))?;
        Ok(())
    }

    /// What comes first follows what was taken until then, s on the LSL clock: a run is repeated from a later attachment on.
    /// Windows and frames are counted from there.
    pub fn follows(&mut self, stamp_s: f64) {
        self.at = Continuity::after(stamp_s);
    }

    /// Takes a chunk as a run got it that is repeated. What depended on how fast that was is as it was then: `lived` says of
    /// each window what became of it.
    pub fn repeat(
        &mut self,
        header: Header,
        samples: &[f64],
        stamps: &[f64],
        mut lived: impl FnMut(Seq) -> Lived,
        mut told: impl FnMut(Decoded),
    ) {
        let around = Surroundings { clock: &self.clock, queues: &[&self.queue], counters: &self.counters };
        self.path.process(header, samples, stamps, &mut self.at, &around);
        while let Some(slot) = self.queue.receive() {
            match lived(slot.seq) {
                Lived::Skipped => self.stage.pass_over(&slot, &self.counters),
                Lived::Decoded { stale } => {
                    let mut decoded = self.stage.decode_as(&slot, &self.clock, &self.counters, Some(stale));
                    self.activations.number(&mut decoded.intent);
                    told(decoded);
                }
            }
            self.queue.recycle(slot);
        }
    }

    /// Takes a chunk of `[frames x channels]` with a stamp a frame, in seconds; what is decoded of it goes to `told`.
    pub fn take(&mut self, samples: &[f64], stamps: &[f64], mut told: impl FnMut(Decoded)) {
        let Some(newest) = stamps.iter().copied().reduce(f64::max) else { return };
        let acquired = HostNs::from_lsl_seconds(newest);
        self.clock.0.fetch_max(acquired.0, Ordering::Relaxed);
        let discontinuity = std::mem::take(&mut self.discontinuity);
        let header =
            Header { frames: stamps.len(), acquired, dropped_before: 0, discontinuity, ..Header::default() };
        let around = Surroundings { clock: &self.clock, queues: &[&self.queue], counters: &self.counters };
        self.path.process(header, samples, stamps, &mut self.at, &around);
        while let Some(slot) = self.queue.receive() {
            let mut decoded = self.stage.decode(&slot, &self.clock, &self.counters);
            self.activations.number(&mut decoded.intent);
            told(decoded);
            self.queue.recycle(slot);
        }
    }
}
