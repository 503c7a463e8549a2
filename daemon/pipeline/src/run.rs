//! Starts a pipeline's threads and joins them again.

use crate::acquire::{Acquisition, Outlet};
use crate::bind::bind;
use crate::decode::{DecodeStage, decode_loop};
use crate::markers::read_markers;
use crate::signal::{Continuity, SignalPath, Surroundings};
use crate::slots::WindowQueue;
use crate::spec::PipelineSpec;
use crate::status::{Sink, Status};
use bci_driver_api::{MarkerSourceFactory, SourceFactory};
use bci_models::Bundle;
use bci_rt::clock::Clock;
use bci_rt::doorbell::{self, Doorbell};
use bci_rt::edge::{Reader, edge};
use bci_rt::guard;
use bci_rt::thread::{Granted, ThreadSpec, spawn};
use bci_types::{Rate, StreamSpec};
use crossbeam_queue::ArrayQueue;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Windows that may wait for the decoder before the oldest is given up.
const WAITING_WINDOWS: usize = 8;
/// Attachments that may wait for the signal thread: a source that comes and goes faster than that is made to wait.
const WAITING_ATTACHMENTS: usize = 4;
/// How much a ring holds, in seconds of the stream: as much as an LSL inlet, so that what a stalled source delivers at
/// once finds room.
const RING_SECONDS: f64 = 10.0;
/// What a ring may take of memory, in numbers (256 MiB), where that is still a second of the stream.
const RING_NUMBERS: f64 = 32.0 * 1024.0 * 1024.0;

/// What the real-time threads ask of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTime {
    /// `SCHED_FIFO` priority of acquisition; the signal and decoding threads get one and two less. `None` for
    /// ordinary threads.
    pub priority: Option<u8>,
}

/// One attachment of a source: its ring, its filters, and room for one chunk.
struct Attachment {
    reader: Reader,
    path: SignalPath,
    samples: Box<[f64]>,
    stamps: Box<[f64]>,
}

/// A running pipeline.
pub struct Running {
    /// Its status.
    pub status: Arc<Status>,
    stop_source: Arc<AtomicBool>,
    stop_signal: Arc<AtomicBool>,
    stop_decode: Arc<AtomicBool>,
    source: JoinHandle<()>,
    signal: JoinHandle<()>,
    decode: JoinHandle<()>,
}

/// Starts a pipeline: it waits for its stream, validates it, and decodes until stopped.
///
/// # Errors
/// When the system cannot start a thread.
pub fn start(
    spec: PipelineSpec,
    bundle: Bundle,
    stage: DecodeStage,
    factory: Box<dyn SourceFactory>,
    clock: Arc<dyn Clock>,
    sink: Arc<dyn Sink>,
    rt: RealTime,
) -> io::Result<Running> {
    let name = Arc::clone(&spec.name);
    let status = Arc::new(Status::new(Arc::clone(&name), clock.now()));
    let window = bundle.windowed.channels() * bundle.input.fed_samples();
    let queue = WindowQueue::new(window, WAITING_WINDOWS);
    let flags: [Arc<AtomicBool>; 3] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
    let [stop_source, stop_signal, stop_decode] = flags.clone();
    let priority = |below: u8| rt.priority.map(|p| p.saturating_sub(below).max(1));

    let decode = {
        let (queue, clock, status, sink) =
            (queue.clone(), Arc::clone(&clock), Arc::clone(&status), Arc::clone(&sink));
        let stop = Arc::clone(&stop_decode);
        spawn(thread_spec("dec", &name, priority(2)), move |granted| {
            tell_refusal("dec", &granted);
            decode_loop(stage, &queue, clock.as_ref(), &status, sink.as_ref(), &stop);
        })?
    };

    // Attachments on their way in, and those before on their way out to be dropped. The source empties the way out
    // before it puts one more in. Meanwhile no more can be retired than wait, the one that comes, and one that the
    // signal thread had taken but not yet put in its place.
    let incoming: Arc<ArrayQueue<Box<Attachment>>> = Arc::new(ArrayQueue::new(WAITING_ATTACHMENTS));
    let outgoing: Arc<ArrayQueue<Box<Attachment>>> = Arc::new(ArrayQueue::new(WAITING_ATTACHMENTS + 2));
    let signal = {
        let (incoming, outgoing) = (Arc::clone(&incoming), Arc::clone(&outgoing));
        let (clock, status, stop) = (Arc::clone(&clock), Arc::clone(&status), Arc::clone(&stop_signal));
        let bell = Doorbell::for_thread(decode.thread());
        spawn(thread_spec("dsp", &name, priority(1)), move |granted| {
            tell_refusal("dsp", &granted);
            let around = Surroundings { clock: clock.as_ref(), queue: &queue, counters: &status.counters };
            signal_loop(&incoming, &outgoing, &around, &bell, &stop);
        })?
    };

    let source = {
        let (status, stop) = (Arc::clone(&status), Arc::clone(&stop_source));
        let bell = Doorbell::for_thread(signal.thread());
        spawn(thread_spec("src", &name, priority(0)), move |granted| {
            tell_refusal("src", &granted);
            let mut attach = |stream: &StreamSpec, frames: usize| {
                while outgoing.pop().is_some() {}
                attachment(&spec, &bundle, stream, frames).map(|(writer, attachment)| {
                    let mut attachment = Box::new(attachment);
                    // None that waits may be given up: samples are in its ring.
                    while let Err(back) = incoming.push(attachment) {
                        if stop.load(Ordering::Acquire) {
                            break;
                        }
                        attachment = back;
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    bell.ring();
                    vec![Outlet { writer, bell: bell.clone() }]
                })
            };
            Acquisition {
                factory,
                attach: &mut attach,
                clock: clock.as_ref(),
                status: &status,
                sink: sink.as_ref(),
                stop: &stop,
            }
            .run();
        })?
    };
    Ok(Running { status, stop_source, stop_signal, stop_decode, source, signal, decode })
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
        for (name, flag, handle) in [
            ("src", self.stop_source, self.source),
            ("dsp", self.stop_signal, self.signal),
            ("dec", self.stop_decode, self.decode),
        ] {
            flag.store(true, Ordering::Release);
            handle.thread().unpark();
            if handle.join().is_err() {
                panicked.push(name);
            }
        }
        panicked
    }

    /// Whether a thread ended that should run: it panicked.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.source.is_finished() || self.signal.is_finished() || self.decode.is_finished()
    }
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

fn thread_spec(role: &str, name: &str, priority: Option<u8>) -> ThreadSpec {
    ThreadSpec { name: format!("{role}-{name}"), priority, cpu: None }
}

fn tell_refusal(role: &str, granted: &Granted) {
    if let Some(e) = &granted.priority_refused {
        tracing::warn!(
            thread = role,
            error = %e,
            "real-time priority was refused: latency will suffer under load; grant CAP_SYS_NICE or raise RLIMIT_RTPRIO"
        );
    }
}

fn attachment(
    spec: &PipelineSpec,
    bundle: &Bundle,
    stream: &StreamSpec,
    frames: usize,
) -> Result<(bci_rt::edge::Writer, Attachment), String> {
    let path = bind(spec, bundle, stream, frames)
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let channels = stream.channels.len();
    let capacity = match stream.rate {
        Rate::Regular(hz) => {
            let affordable = (RING_NUMBERS / channels as f64).max(hz.get());
            (hz.get() * RING_SECONDS).min(affordable) as usize
        }
        Rate::Irregular => 0,
    };
    let (writer, reader) = edge(channels, capacity.max(4 * frames));
    let attachment = Attachment {
        reader,
        path,
        samples: vec![0.0; channels * frames].into_boxed_slice(),
        stamps: vec![0.0; frames].into_boxed_slice(),
    };
    Ok((writer, attachment))
}

fn signal_loop(
    incoming: &ArrayQueue<Box<Attachment>>,
    outgoing: &ArrayQueue<Box<Attachment>>,
    around: &Surroundings<'_>,
    bell: &Doorbell,
    stop: &AtomicBool,
) {
    let mut current: Option<Box<Attachment>> = None;
    let mut at = Continuity::default();
    loop {
        // Read before the ring is emptied: what the source pushed before it ended is then decoded too.
        let stopping = stop.load(Ordering::Acquire);
        guard::watched(|| tick(&mut current, incoming, outgoing, &mut at, around, bell));
        if stopping && incoming.is_empty() {
            return;
        }
        doorbell::wait(Duration::from_millis(100));
    }
}

/// One pass of the signal thread: everything in the ring, then a change of attachment if one waits.
fn tick(
    current: &mut Option<Box<Attachment>>,
    incoming: &ArrayQueue<Box<Attachment>>,
    outgoing: &ArrayQueue<Box<Attachment>>,
    at: &mut Continuity,
    around: &Surroundings<'_>,
    bell: &Doorbell,
) {
    loop {
        // Looked at before the old ring is emptied: the source fills the new one only after it left the old.
        let next = incoming.pop();
        if let Some(a) = current {
            while let Some(header) = a.reader.pop(&mut a.samples, &mut a.stamps) {
                if a.path.process(header, &a.samples, &a.stamps, at, around) > 0 {
                    bell.ring();
                }
            }
        }
        let Some(next) = next else { return };
        if let Some(old) = current.replace(next) {
            // There is room: dropping it here would free memory on this thread.
            let _ = outgoing.force_push(old);
        }
    }
}
