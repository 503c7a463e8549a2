//! The receiving side.

use crate::load::Load;
use crate::measure::{Account, Core, Figures};
use crate::stolen::Watch;
use crate::work::{Path, Settings};
use crate::{Failure, Stream};
use bci_driver_api::{Source, SourceFactory};
use bci_driver_lsl::{InletOptions, LslSourceFactory, Query};
use bci_rt::clock::{Clock, HostClock};
use bci_rt::doorbell::{self, Doorbell};
use bci_rt::edge::{Reader, Writer, edge};
use bci_rt::guard;
use bci_rt::thread::{ThreadSpec, spawn};
use bci_types::Chunk;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The thread that works on what has been received.
const SIGNAL: &str = "rig-signal";
/// How long the source is looked for.
const LOOK: Duration = Duration::from_secs(20);
/// How long one wait for samples may take.
const PULL: Duration = Duration::from_millis(50);
/// Waits without samples, once some had come, after which none will.
const SILENT_PULLS: usize = 20;

/// Opens the stream; pulls it on this thread as the daemon's acquisition does, into a ring; and on another thread, as the
/// daemon's signal thread does, works on every chunk as soon as it is there. Tells what was measured.
pub(crate) fn receive(
    stream: &Stream,
    settings: &Settings,
    name: &str,
) -> Result<(String, Figures), Failure> {
    let lsl = stream.lsl()?;
    let options = InletOptions { buffer_s: 5, settle: Duration::from_millis(300), ..InletOptions::default() };
    let mut source = LslSourceFactory::new(lsl, Query::source_id(name), options).open(LOOK)?;
    let expected = stream.chunks() * stream.chunk_frames;
    let (writer, reader) = edge(stream.channels, stream.rate_hz as usize / 20);
    let ended = Arc::new(AtomicBool::new(false));
    let path = Path::new(stream, source.spec(), settings)?;
    // Made before the time is taken: what a start costs is paid once.
    let account = Account::new(stream);
    let (load, watch) = (Load::begin(), Watch::begin());
    let worker = {
        let (stream, ended) = (stream.clone(), Arc::clone(&ended));
        let priority = stream.priority.map(|p| p.saturating_sub(1).max(1));
        let spec = ThreadSpec { name: SIGNAL.into(), priority, cpu: None };
        spawn(spec, move |_| work_all(&stream, reader, path, account, &ended))?
    };
    let bell = Doorbell::for_thread(worker.thread());
    let mut chunk = Chunk::with_capacity(stream.channels, stream.pull_frames());
    let pulled = pull_all(source.as_mut(), &mut chunk, writer, &bell, expected);
    // While the threads are still there, so that the time of each is known.
    let used = load.end();
    ended.store(true, Ordering::Release);
    bell.ring();
    let (account, path, heap) = worker.join().map_err(|_| "the signal thread died")?;
    let undisturbed = watch.end();
    pulled?;
    let core = Core { total_percent: used.percent, signal_percent: used.of(SIGNAL) };
    let (told, figures) = account.tell(expected, core, &undisturbed)?;
    if heap > 0 {
        return Err(format!("{heap} heap operations in the loops of the receiver").into());
    }
    let text = format!(
        "receiver: {used}\n\
         \x20         acquisition with liblsl {:.2} %, signal thread {:.2} %\n\
         {told}features: {}\nheap:     0 operations in the loops of the receiver\n",
        core.acquisition_percent(),
        core.signal_percent,
        path.summary()
    );
    Ok((text, figures))
}

fn pull_all(
    source: &mut dyn Source,
    chunk: &mut Chunk,
    mut writer: Writer,
    bell: &Doorbell,
    expected: usize,
) -> Result<(), Failure> {
    let (mut silent, mut frames) = (0, 0);
    while frames < expected {
        let pulled = guard::watched(|| {
            let pulled = source.pull(chunk, PULL);
            if matches!(pulled, Ok(n) if n > 0) {
                writer.push(chunk);
                bell.ring();
            }
            pulled
        })?;
        frames += pulled;
        if pulled == 0 {
            silent += 1;
            if silent > SILENT_PULLS && frames > 0 || silent > 20 * SILENT_PULLS {
                break;
            }
        } else {
            silent = 0;
        }
    }
    Ok(())
}

/// Works on what comes until the source has ended and the ring is empty.
fn work_all(
    stream: &Stream,
    mut reader: Reader,
    mut path: Path,
    mut account: Account,
    ended: &AtomicBool,
) -> (Account, Path, u64) {
    let mut samples = vec![0.0; stream.channels * stream.pull_frames()];
    let mut stamps = vec![0.0; stream.pull_frames()];
    loop {
        let ending = ended.load(Ordering::Acquire);
        while let Some(header) = reader.pop(&mut samples, &mut stamps) {
            let begun = HostClock.now();
            guard::watched(|| path.process(header, &samples, &stamps));
            let done = HostClock.now();
            let frames = header.frames;
            account.note(&samples[..frames * stream.channels], &stamps[..frames], begun, done);
        }
        if ending {
            return (account, path, guard::operations());
        }
        doorbell::wait(Duration::from_millis(100));
    }
}
