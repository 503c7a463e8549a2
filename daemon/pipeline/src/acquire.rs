//! The acquisition thread: opens the source, watches it, opens it again, and never lets anybody delay it.

use crate::status::{Sink, State, Status, count};
use crate::teaching::Teaching;
use bci_driver_api::{Source, SourceError, SourceFactory, error_chain};
use bci_rt::clock::Clock;
use bci_rt::doorbell::Doorbell;
use bci_rt::edge::Writer;
use bci_rt::guard;
use bci_types::{Chunk, Rate, StreamSpec};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long one look for a stream may take; also how long a stop may go unnoticed while looking.
const LOOK: Duration = Duration::from_millis(1000);
/// How long to leave a source alone that failed at once: looking again without a pause would keep a processor busy, at
/// real-time priority.
const BREATHER: Duration = Duration::from_millis(50);
/// How long one wait for samples may take.
const PULL: Duration = Duration::from_millis(50);
/// How often a silent source is asked whether another has taken its place.
const SUPERSEDED_EVERY_NS: i64 = 3_000_000_000;
/// How long that question may take: an LSL look-up without multicast needs more than half a second.
const SUPERSEDED_WITHIN: Duration = Duration::from_millis(1500);

/// A reader's end of an attachment, as the acquisition thread sees it.
pub struct Outlet {
    /// The ring to that reader.
    pub writer: Writer,
    /// Its bell, rung once a chunk; none where the reader looks by itself now and then.
    pub bell: Option<Doorbell>,
}

/// Prepares the readers for a stream and chunks of up to so many frames, or refuses it in words.
pub type Attach<'a> = dyn FnMut(&dyn Source, usize) -> Result<Vec<Outlet>, String> + 'a;

/// What the acquisition thread works with.
pub struct Acquisition<'a> {
    /// Opens the source.
    pub factory: Box<dyn SourceFactory>,
    /// Prepares the readers for a stream, or refuses it in words.
    pub attach: &'a mut Attach<'a>,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Markers that teach.
    pub teaching: Option<&'a Teaching>,
    /// The pipeline's status.
    pub status: &'a Status,
    /// Where changes of state are told.
    pub sink: &'a dyn Sink,
    /// Ends the thread.
    pub stop: &'a AtomicBool,
}

/// The largest chunk for a stream of this rate: 50 ms, at least 64 frames, at most 4096.
#[must_use]
pub fn chunk_frames(rate: Rate) -> usize {
    match rate {
        Rate::Regular(hz) => ((hz.get() * 0.05).ceil() as usize).clamp(64, 4096),
        Rate::Irregular => 64,
    }
}

/// How long a stream may be without samples before it counts as silent: 0.5 s or five chunks' time.
fn silence_ns(rate: Rate) -> i64 {
    match rate {
        Rate::Regular(hz) => (5.0 * hz.period_ns()).max(5e8) as i64,
        Rate::Irregular => i64::MAX,
    }
}

/// How streaming ended.
enum Ended {
    /// The source is gone, superseded, or it is time to stop; whether any sample came.
    Source { heard: bool },
    /// The readers are to begin anew.
    Anew,
}

impl Acquisition<'_> {
    /// Runs until told to stop.
    pub fn run(&mut self) {
        let mut attached_before = false;
        while !self.stopping() {
            let Some(mut source) = self.open(attached_before) else { continue };
            let mut anew = false;
            while self.serve(source.as_mut(), &mut attached_before, anew) {
                anew = true;
            }
        }
        self.tell(State::Stopped, "stopped");
    }

    /// Prepares the readers, for the same source `anew` or for another, and streams; whether they are to begin anew.
    fn serve(&mut self, source: &mut dyn Source, attached_before: &mut bool, anew: bool) -> bool {
        let spec = source.spec().clone();
        let frames = chunk_frames(spec.rate);
        // Asked before, it is done by that.
        let _ = self.status.is_to_begin_anew();
        let mut outlets = match (self.attach)(source, frames) {
            Ok(outlets) => outlets,
            Err(reason) => {
                self.tell(State::Refused, &reason);
                self.pause(LOOK);
                return false;
            }
        };
        self.status.attached(&spec);
        if *attached_before {
            count(&self.status.counters.reattached, u64::from(!anew));
            outlets.iter_mut().for_each(|o| o.writer.mark_discontinuity());
        }
        *attached_before = true;
        for note in source.notes() {
            tracing::warn!(stream = %spec.name, "{note}");
        }
        self.tell(
            State::Streaming,
            &format!("attached to {} ({} channels, {})", spec.name, spec.channels.len(), spec.rate),
        );
        let ended = self.stream(source, &spec, frames, &mut outlets);
        // Of the first, which decodes: no chunk follows that could tell it.
        if let Some(outlet) = outlets.first() {
            count(&self.status.counters.samples_lost, outlet.writer.unannounced());
        }
        match ended {
            Ended::Anew => true,
            Ended::Source { heard } => {
                if !heard {
                    self.pause(BREATHER);
                }
                false
            }
        }
    }

    fn open(&mut self, attached_before: bool) -> Option<Box<dyn Source>> {
        match self.factory.open(LOOK) {
            Ok(source) => return Some(source),
            Err(e) if e.is_transient() => {
                let state = if attached_before { State::Lost } else { State::Waiting };
                let message = match e {
                    SourceError::NotFound { query } => format!("looking for {query}"),
                    other => error_chain(&other),
                };
                self.tell(state, &message);
                self.pause(BREATHER);
            }
            Err(e) => {
                self.tell(State::Refused, &error_chain(&e));
                self.pause(LOOK);
            }
        }
        None
    }

    /// Streams until the source is lost, superseded, it is time to stop, or the readers are to begin anew.
    fn stream(
        &mut self,
        source: &mut dyn Source,
        spec: &StreamSpec,
        frames: usize,
        outlets: &mut [Outlet],
    ) -> Ended {
        let mut chunk = Chunk::with_capacity(spec.channels.len(), frames);
        let silence = silence_ns(spec.rate);
        let mut heard = self.clock.now();
        let mut asked = heard;
        let mut silent = false;
        let mut any = false;
        while !self.stopping() {
            if self.status.is_to_begin_anew() {
                return Ended::Anew;
            }
            let pulled = guard::watched(|| {
                let pulled = source.pull(&mut chunk, PULL);
                if matches!(pulled, Ok(n) if n > 0) {
                    chunk.clock_offset = source.clock_offset();
                    chunk.taught = self.teaching.map(Teaching::begun);
                    chunk.undecoded = false;
                    for outlet in outlets.iter_mut() {
                        // The first one decodes.
                        chunk.undecoded |= !outlet.writer.push(&chunk) && outlet.bell.is_some();
                        if let Some(bell) = &outlet.bell {
                            bell.ring();
                        }
                    }
                }
                pulled
            });
            if chunk.repeated > 0 {
                count(&self.status.counters.samples_repeated, chunk.repeated);
            }
            match pulled {
                Ok(0) => {
                    let now = self.clock.now();
                    if now - heard > silence {
                        silent = true;
                        // The same words for as long as it lasts: a state is told once.
                        let message = format!(
                            "no samples from {} for more than {:.1} s",
                            spec.name,
                            silence as f64 / 1e9
                        );
                        self.tell(State::Silent, &message);
                        if now - asked > SUPERSEDED_EVERY_NS {
                            match source.superseded(SUPERSEDED_WITHIN) {
                                Some(true) => {
                                    self.tell(State::Lost, &format!("{} was started anew", spec.name));
                                    return Ended::Source { heard: any };
                                }
                                Some(false) => asked = now,
                                None => {}
                            }
                        }
                    }
                }
                Ok(n) => {
                    count(&self.status.counters.samples_in, n as u64);
                    any = true;
                    heard = chunk.acquired;
                    asked = heard;
                    if silent {
                        silent = false;
                        self.tell(State::Streaming, &format!("samples from {} again", spec.name));
                    }
                }
                Err(e) => {
                    self.tell(State::Lost, &error_chain(&e));
                    return Ended::Source { heard: any };
                }
            }
        }
        Ended::Source { heard: any }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn pause(&self, at_most: Duration) {
        std::thread::park_timeout(at_most);
    }

    fn tell(&self, state: State, message: &str) {
        if let Some(change) = self.status.change(state, message, self.clock.now()) {
            self.sink.status(change);
        }
    }
}
