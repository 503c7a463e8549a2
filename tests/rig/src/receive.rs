//! The receiving side.

use crate::load::Load;
use crate::measure::Account;
use crate::stolen::Watch;
use crate::work::Path;
use crate::{Failure, Stream};
use bci_driver_api::{Source, SourceFactory};
use bci_driver_lsl::{InletOptions, LslSourceFactory, Query};
use bci_rt::clock::{Clock, HostClock};
use bci_types::Chunk;
use std::time::Duration;

/// How long the source is looked for.
const LOOK: Duration = Duration::from_secs(20);
/// How long one wait for samples may take.
const PULL: Duration = Duration::from_millis(50);
/// Waits without samples, once some had come, after which none will.
const SILENT_PULLS: usize = 20;

/// Opens the stream, works on every chunk as soon as it is there, and tells what was measured.
pub(crate) fn receive(stream: &Stream, name: &str, path: &mut Path) -> Result<String, Failure> {
    let lsl = stream.lsl()?;
    let options = InletOptions { buffer_s: 5, settle: Duration::from_millis(300), ..InletOptions::default() };
    let mut account = Account::new(stream);
    let mut chunk = Chunk::with_capacity(stream.channels, stream.pull_frames());
    let mut source = LslSourceFactory::new(lsl, Query::source_id(name), options).open(LOOK)?;
    let expected = stream.chunks() * stream.chunk_frames;
    let (load, watch) = (Load::begin(), Watch::begin());
    pull_all(source.as_mut(), &mut chunk, path, &mut account, expected)?;
    let (used, undisturbed) = (load.end(), watch.end());
    Ok(format!("receiver: {used}\n{}features: {}\n", account.tell(expected, &undisturbed)?, path.summary()))
}

fn pull_all(
    source: &mut dyn Source,
    chunk: &mut Chunk,
    path: &mut Path,
    account: &mut Account,
    expected: usize,
) -> Result<(), Failure> {
    let mut silent = 0;
    while account.frames() < expected {
        if source.pull(chunk, PULL)? == 0 {
            silent += 1;
            if silent > SILENT_PULLS && account.frames() > 0 || silent > 20 * SILENT_PULLS {
                break;
            }
            continue;
        }
        silent = 0;
        let begun = HostClock.now();
        path.process(chunk.samples());
        account.note(chunk, begun, HostClock.now());
    }
    Ok(())
}
