use bci_models::{Bundle, OrtDecoder};
use bci_pipeline::{Lived, Offline, PipelineSpec};
use bci_record::{Heard, IntentLine};
use bci_rt::edge::Header;
use bci_types::{HostNs, Marker, StreamSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What a pipeline decided again, beside what it had decided.
pub(super) struct Compared {
    pub(super) pipeline: String,
    pub(super) stream: String,
    /// The decoder that replayed.
    pub(super) decoder: String,
    /// How much of the stream, and how long it took, s.
    pub(super) stream_s: f64,
    pub(super) took_s: f64,
    /// Windows in the recording.
    pub(super) recorded: u64,
    /// Of those the same, bit for bit.
    pub(super) equal: u64,
    /// Windows that were late.
    pub(super) skipped: u64,
    /// Windows by another decoder.
    pub(super) others: u64,
    /// Why it ended before the recording.
    pub(super) stopped: Option<String>,
    pub(super) different: Option<Different>,
}

/// The first window that is not the same.
pub(super) struct Different {
    pub(super) seq: u64,
    pub(super) newest_s: f64,
    pub(super) what: String,
    pub(super) recorded: String,
    pub(super) replayed: String,
}

impl Compared {
    /// Every recorded window was decided again, all the same.
    pub(super) fn is_equal(&self) -> bool {
        self.different.is_none() && self.stopped.is_none() && self.equal > 0 && self.equal == self.recorded
    }

    /// Recorded windows that were neither compared nor made by another decoder.
    pub(super) fn missed(&self) -> u64 {
        self.recorded - self.equal - self.others - u64::from(self.different.is_some())
    }
}

/// Runs again what the pipeline heard.
///
/// # Errors
/// In words, where it cannot be run at all.
pub(super) fn compare(
    heard: &Heard,
    markers: &[Marker],
    spec: &PipelineSpec,
    bundle: &Bundle,
    decoder: OrtDecoder,
    real_time: bool,
) -> Result<Compared, Vec<String>> {
    let Some(first) = heard.chunks.first() else {
        return Err(vec![format!("{}: the recording holds no chunk of its stream", heard.pipeline)]);
    };
    if first.number > 0 {
        return Err(vec![format!(
            "{}: was recorded while its stream ran already: filters had a history that is not in the recording. A session that \
             is to be replayed is recorded from the start of the daemon (at_start = true in [recording])",
            heard.pipeline
        )]);
    }
    let Some(raw) = heard.streams.get(&first.stream) else {
        return Err(vec![format!("{}: its stream is not in the recording", heard.pipeline)]);
    };
    let lines = |found: Vec<bci_config::Mistake>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut offline = Offline::new(spec, bundle, Box::new(decoder), &raw.spec).map_err(lines)?;
    let mut run = Run {
        own: &bundle.identity.model_sha256,
        intents: &heard.intents,
        last: heard.intents.keys().next_back().copied(),
        skipped: BTreeSet::new(),
        found: Compared {
            pipeline: heard.pipeline.to_string(),
            stream: raw.spec.name.clone(),
            decoder: format!("{} {}", bundle.identity.name, bundle.identity.version),
            stream_s: 0.0,
            took_s: 0.0,
            recorded: heard.intents.len() as u64,
            equal: 0,
            skipped: 0,
            others: 0,
            stopped: None,
            different: None,
        },
    };
    if let Some(seq) = first_lost(&heard.intents) {
        run.found.stopped = Some(format!(
            "a line of the intents is missing before window {seq}: what became of it is not known"
        ));
        run.last = heard.intents.range(..seq).next_back().map(|(seq, _)| *seq);
    }
    let begun = Instant::now();
    let mut next: BTreeMap<u32, usize> = BTreeMap::new();
    let mut expected = 0;
    let mut coming = markers.iter().peekable();
    let mut samples = Vec::new();
    let mut stream: &StreamSpec = &raw.spec;
    for chunk in &heard.chunks {
        let missing = chunk.dropped_before > 0
            || (chunk.number != expected && !(chunk.attached_anew && chunk.number == 0));
        if missing {
            run.found.stopped = Some(format!(
                "the recorder missed frames before {:.3} s: what follows depends on them",
                chunk.acquired.as_lsl_seconds()
            ));
            break;
        }
        expected = chunk.number + 1;
        let at = next.entry(chunk.stream).or_insert(0);
        let there = heard.streams.get(&chunk.stream).filter(|raw| raw.read(*at, chunk.frames, &mut samples));
        let Some(raw) = there else {
            run.found
                .stopped
                .get_or_insert("the recording ends within a chunk, or frames of it are missing".to_owned());
            break;
        };
        let stamps = &raw.stamps[*at..*at + chunk.frames];
        *at += chunk.frames;
        if chunk.attached_anew {
            offline.reattach(spec, bundle, &raw.spec).map_err(lines)?;
            stream = &raw.spec;
        }
        // What learns from trials hears of them as it did.
        while let (Some(teaching), Some(marker)) =
            (&spec.teaching, coming.next_if(|marker| marker.received <= chunk.acquired))
        {
            teaching.marker(&marker.text, marker.time.as_lsl_seconds());
        }
        if real_time {
            keep_pace(begun, heard.chunks[0].acquired, chunk.acquired);
        }
        let header = Header {
            frames: chunk.frames,
            acquired: chunk.acquired,
            discontinuity: chunk.attached_anew,
            ..Header::default()
        };
        let run = std::cell::RefCell::new(&mut run);
        offline.repeat(
            header,
            &samples,
            stamps,
            |seq| run.borrow_mut().lived(seq),
            |decoded| run.borrow_mut().decided(&IntentLine::of(&decoded.intent)),
        );
        let different = run.borrow().found.different.is_some();
        if different {
            break;
        }
        run.into_inner().found.stream_s += chunk.frames as f64 / rate(stream);
    }
    run.found.took_s = begun.elapsed().as_secs_f64();
    run.found.skipped = run.skipped.len() as u64;
    Ok(run.found)
}

/// The first window before which a line was lost.
fn first_lost(intents: &BTreeMap<u64, IntentLine>) -> Option<u64> {
    let mut lines = intents.values().enumerate();
    lines.find(|(i, line)| line.line != *i as u64).map(|(_, line)| line.seq)
}

struct Run<'a> {
    own: &'a str,
    intents: &'a BTreeMap<u64, IntentLine>,
    /// The last window in the recording.
    last: Option<u64>,
    skipped: BTreeSet<u64>,
    found: Compared,
}

impl Run<'_> {
    /// What became of a window.
    fn lived(&mut self, seq: u64) -> Lived {
        match self.intents.get(&seq) {
            Some(line) => Lived::Decoded { stale: line.distrust.iter().any(|cause| cause == "stale") },
            // Beyond the last one nothing is known, nor asked.
            None if Some(seq) < self.last => {
                self.skipped.insert(seq);
                Lived::Skipped
            }
            None => Lived::Decoded { stale: false },
        }
    }

    fn decided(&mut self, again: &IntentLine) {
        let Some(line) = self.intents.get(&again.seq).filter(|line| Some(line.seq) <= self.last) else {
            return;
        };
        if self.found.different.is_some() {
            return;
        }
        if line.model_sha256 != self.own {
            self.found.others += 1;
            return;
        }
        match line.difference(again) {
            None => self.found.equal += 1,
            Some((what, recorded, replayed)) => {
                self.found.different = Some(Different {
                    seq: line.seq,
                    newest_s: HostNs(line.newest_sample_ns).as_lsl_seconds(),
                    what: what.to_owned(),
                    recorded,
                    replayed,
                });
            }
        }
    }
}

fn rate(stream: &StreamSpec) -> f64 {
    match stream.rate {
        bci_types::Rate::Regular(hz) => hz.get(),
        bci_types::Rate::Irregular => f64::INFINITY,
    }
}

/// Waits until as long after the beginning as it was.
fn keep_pace(begun: Instant, first: HostNs, now: HostNs) {
    let due = Duration::from_nanos(u64::try_from(now - first).unwrap_or(0));
    std::thread::sleep(due.saturating_sub(begun.elapsed()));
}
