//! Starts a pipeline's threads and joins them again.

use crate::acquire::{Acquisition, Outlet};
use crate::lanes::{Attachment, Handover, LaneSpec, Paths, Registry, Route, Signal};
use crate::markers::read_markers;
use crate::spec::PipelineSpec;
use crate::status::{Counters, Sink, Status};
use crate::swap::{Desk, DeskParts, Exchange, Lane, LaneThread, Outside};
use bci_driver_api::{MarkerSourceFactory, Source, SourceFactory};
use bci_models::{Bundle, Decoder};
use bci_rt::clock::Clock;
use bci_rt::doorbell::{self, Doorbell};
use bci_rt::edge::{Writer, capacity, edge};
use bci_rt::guard;
use bci_rt::thread::{Granted, ThreadSpec, spawn};
use bci_types::StreamSpec;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the real-time threads ask of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTime {
    /// `SCHED_FIFO` priority of acquisition; the signal and decoding threads get one and two less. `None` for
    /// ordinary threads.
    pub priority: Option<u8>,
}

impl RealTime {
    /// The priority of a thread so far below acquisition.
    pub(crate) fn below(self, below: u8) -> Option<u8> {
        self.priority.map(|p| p.saturating_sub(below).max(1))
    }
}

/// A running pipeline.
pub struct Running {
    /// Its status.
    pub status: Arc<Status>,
    /// Where its decoders are loaded, compared and swapped.
    pub desk: Arc<Desk>,
    stop_source: Arc<AtomicBool>,
    stop_signal: Arc<AtomicBool>,
    source: JoinHandle<()>,
    signal: JoinHandle<()>,
}

/// Starts a pipeline: it waits for its stream, validates it, and decodes until stopped. `decoder` was made of `bundle`,
/// and both fit `spec` (see [`crate::check`]).
///
/// # Errors
/// When the system cannot start a thread; or, in words, what of the decoder does not fit.
pub fn start(
    spec: PipelineSpec,
    bundle: Bundle,
    decoder: Box<dyn Decoder>,
    factory: Box<dyn SourceFactory>,
    clock: Arc<dyn Clock>,
    sink: Arc<dyn Sink>,
    rt: RealTime,
) -> io::Result<Running> {
    let name = Arc::clone(&spec.name);
    let (spec, bundle) = (Arc::new(spec), Arc::new(bundle));
    let status = Arc::new(Status::new(Arc::clone(&name), clock.now()));
    let binding = crate::bind::check(&spec, &bundle).map_err(|found| {
        io::Error::other(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let (queue, counted) = (LaneThread::queue(&bundle), Arc::new(Counters::default()));
    let outside = Outside {
        sink: Arc::clone(&sink),
        status: Arc::clone(&status),
        clock: Arc::clone(&clock),
        max_age_ms: spec.intent.max_age_ms,
    };
    let exchange = Arc::new(Exchange::new(Lane::of(&bundle, binding.hop_ms, &counted, &queue), outside));
    let shared = DeskParts {
        spec: Arc::clone(&spec),
        exchange: Arc::clone(&exchange),
        handover: Arc::new(Handover::new()),
        clock: Arc::clone(&clock),
        rt,
    };
    let thread = LaneThread::start(&shared, 0, &bundle, decoder, &binding, (&queue, counted))?;
    let route = Route { queue, bell: thread.bell(), path: 0 };
    let registry = Registry::new(LaneSpec { spec: Arc::clone(&spec), bundle, route });
    let first = registry.change(None);

    let stop_signal = Arc::new(AtomicBool::new(false));
    let signal = {
        let (handover, clock, status) =
            (Arc::clone(&shared.handover), Arc::clone(&clock), Arc::clone(&status));
        let (exchange, stop) = (Arc::clone(&exchange), Arc::clone(&stop_signal));
        spawn(thread_spec("dsp", &name, rt.below(1)), move |granted| {
            tell_refusal("dsp", &granted);
            let mut signal = Signal::new(&first);
            loop {
                // Read before the ring is emptied: what the source pushed before it ended is then decoded too.
                let stopping = stop.load(Ordering::Acquire);
                guard::watched(|| signal.tick(&handover, clock.as_ref(), &status, &exchange));
                if stopping && handover.attachments.is_empty() {
                    return;
                }
                doorbell::wait(Duration::from_millis(100));
            }
        })?
    };
    let bell = Doorbell::for_thread(signal.thread());
    let desk = Arc::new(Desk::new(shared, registry, thread, bell.clone()));

    let stop_source = Arc::new(AtomicBool::new(false));
    let source = {
        let (status, stop, desk) = (Arc::clone(&status), Arc::clone(&stop_source), Arc::clone(&desk));
        let teaching = spec.teaching.clone();
        spawn(thread_spec("src", &name, rt.below(0)), move |granted| {
            tell_refusal("src", &granted);
            let mut attach = |source: &dyn Source, frames: usize| {
                let stream = source.spec();
                let writer = desk.attach(stream, frames, &stop)?;
                let mut outlets = vec![Outlet { writer, bell: Some(bell.clone()) }];
                // Who records looks into its ring by itself.
                let recorded = sink.attached(&name, stream, source.description(), frames);
                outlets.extend(recorded.map(|writer| Outlet { writer, bell: None }));
                Ok(outlets)
            };
            Acquisition {
                factory,
                attach: &mut attach,
                clock: clock.as_ref(),
                teaching: teaching.as_deref(),
                status: &status,
                sink: sink.as_ref(),
                stop: &stop,
            }
            .run();
        })?
    };
    Ok(Running { status, desk, stop_source, stop_signal, source, signal })
}

impl Running {
    /// Tells acquisition to stop, without waiting: with several pipelines, all are told before the first is drained.
    pub fn stop_acquiring(&self) {
        self.stop_source.store(true, Ordering::Release);
        self.source.thread().unpark();
    }

    /// Stops acquisition, lets everything already acquired be decoded, and ends the threads. Returns the names of
    /// threads that had panicked.
    #[must_use]
    pub fn drain(self) -> Vec<&'static str> {
        let mut panicked = Vec::new();
        for (name, flag, handle) in
            [("src", self.stop_source, self.source), ("dsp", self.stop_signal, self.signal)]
        {
            flag.store(true, Ordering::Release);
            handle.thread().unpark();
            if handle.join().is_err() {
                panicked.push(name);
            }
        }
        if !self.desk.drain() {
            panicked.push("dec");
        }
        panicked
    }

    /// Whether a thread ended that should run: it panicked.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.source.is_finished() || self.signal.is_finished() || self.desk.is_broken()
    }
}

/// The ring of an attachment of `stream`, for chunks of up to `frames` frames, with its signal paths.
pub(crate) fn attachment(
    stream: &StreamSpec,
    frames: usize,
    paths: Paths,
    number: u64,
) -> (Writer, Box<Attachment>) {
    let channels = stream.channels.len();
    let (writer, reader) = edge(channels, capacity(channels, stream.rate, frames));
    let attachment = Attachment {
        number,
        reader,
        samples: vec![0.0; channels * frames].into_boxed_slice(),
        stamps: vec![0.0; frames].into_boxed_slice(),
        paths,
    };
    (writer, Box::new(attachment))
}

/// A running reader of a marker stream.
pub struct RunningMarkers {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Starts reading a marker stream.
///
/// # Errors
/// When the system cannot start a thread.
pub fn start_markers(
    factory: Box<dyn MarkerSourceFactory>,
    sink: Arc<dyn Sink>,
) -> io::Result<RunningMarkers> {
    let stop = Arc::new(AtomicBool::new(false));
    let thread = {
        let stop = Arc::clone(&stop);
        spawn(thread_spec("mrk", "markers", None), move |_| read_markers(factory, sink.as_ref(), &stop))?
    };
    Ok(RunningMarkers { stop, thread })
}

impl RunningMarkers {
    /// Tells it to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Ends the thread.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        let _ = self.thread.join();
    }
}

pub(crate) fn thread_spec(role: &str, name: &str, priority: Option<u8>) -> ThreadSpec {
    ThreadSpec { name: format!("{role}-{name}"), priority, cpu: None }
}

pub(crate) fn tell_refusal(role: &str, granted: &Granted) {
    if let Some(e) = &granted.priority_refused {
        tracing::warn!(
            thread = role,
            error = %e,
            "real-time priority was refused: latency will suffer under load; grant CAP_SYS_NICE or raise RLIMIT_RTPRIO"
        );
    }
}
