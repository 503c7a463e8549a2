//! Where the windows of a recording that was begun in a running session stand among those of the session.

use super::run::rate;
use bci_config::Mistake;
use bci_models::bundle::Output;
use bci_models::{Bundle, DecodeError, Decoder};
use bci_pipeline::{Lived, Offline, PipelineSpec};
use bci_record::{Heard, IntentLine};
use bci_rt::edge::Header;
use bci_types::DecoderIdentity;
use std::sync::Arc;

/// What was before the first window and the first frame that are decided again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) windows: u64,
    pub(super) frames: u64,
}

/// Counts windows, and says nothing of them.
struct Silent {
    output: Output,
    identity: Arc<DecoderIdentity>,
}

impl Decoder for Silent {
    fn identity(&self) -> Arc<DecoderIdentity> {
        Arc::clone(&self.identity)
    }

    fn output(&self) -> &Output {
        &self.output
    }

    fn decode(&mut self, _: &[f32], numbers: &mut [f32]) -> Result<(), DecodeError> {
        numbers.fill(0.0);
        Ok(())
    }
}

/// Cuts the recording's chunks from number `begins` on into windows until all that end with one chunk are in the recording:
/// then it is known which they are. `None` where there is no such chunk.
///
/// # Errors
/// Every mistake found, as when the daemon attaches the stream.
pub(super) fn place(
    heard: &Heard,
    begins: usize,
    spec: &PipelineSpec,
    bundle: &Bundle,
) -> Result<Option<Place>, Vec<Mistake>> {
    let (before, chunks) = heard.chunks.split_at(begins);
    let Some(raw) = chunks.first().and_then(|first| heard.streams.get(&first.stream)) else {
        return Ok(None);
    };
    let own = chunks[0].stream;
    let mut at: usize = before.iter().filter(|chunk| chunk.stream == own).map(|chunk| chunk.frames).sum();
    let identity = DecoderIdentity {
        name: bundle.identity.name.clone(),
        version: String::new(),
        model_sha256: String::new(),
    };
    let silent = Silent { output: bundle.output.clone(), identity: Arc::new(identity) };
    let mut offline = Offline::new(spec, bundle, Box::new(silent), &raw.spec)?;
    offline.follows(raw.stamps.get(at).copied().unwrap_or_default() - 1.0 / rate(&raw.spec));
    let mut lines: Vec<&IntentLine> = heard.intents.values().collect();
    lines.sort_by_key(|line| line.acquired_ns);
    let (mut undecoded, mut samples) = (0, Vec::new());
    for (n, chunk) in chunks.iter().enumerate() {
        // Another attachment begins anew.
        if n > 0 && chunk.attached_anew || chunk.stream != own || !raw.read(at, chunk.frames, &mut samples) {
            return Ok(None);
        }
        let stamps = &raw.stamps[at..at + chunk.frames];
        at += chunk.frames;
        if chunk.undecoded {
            undecoded += chunk.frames as u64;
            continue;
        }
        let header = Header {
            frames: chunk.frames,
            acquired: chunk.acquired,
            dropped_before: std::mem::take(&mut undecoded),
            discontinuity: n == 0,
            ..Header::default()
        };
        let mut again = Vec::new();
        let decoded = |_| Lived::Decoded { stale: false };
        offline
            .repeat(header, &samples, stamps, decoded, |d| again.push((d.intent.seq, d.intent.newest_frame)));
        // Times of chunks are kept to a fraction of a microsecond.
        let from = lines.partition_point(|line| line.acquired_ns < chunk.acquired.0 - 1_000);
        let recorded = lines[from..].iter().take_while(|line| line.acquired_ns <= chunk.acquired.0 + 1_000);
        let first = recorded.clone().min_by_key(|line| line.seq);
        if let (Some((seq, frame)), Some(line)) = (again.first(), first)
            && again.len() == recorded.count()
            && line.seq >= *seq
            && line.newest_frame >= *frame
        {
            return Ok(Some(Place { windows: line.seq - seq, frames: line.newest_frame - frame }));
        }
    }
    Ok(None)
}
