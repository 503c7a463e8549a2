use bci_models::{Bundle, OrtDecoder};
use bci_pipeline::{Lived, Offline, PipelineSpec};
use bci_record::{Chunk, Heard, IntentLine};
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
    /// Windows that rest on samples from before the recording, or from before what of it can be replayed.
    pub(super) before: u64,
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
    /// Every recorded window that can be was decided again, all the same.
    pub(super) fn is_equal(&self) -> bool {
        let all = self.equal > 0 && self.equal + self.before == self.recorded;
        self.different.is_none() && self.stopped.is_none() && all
    }

    /// Recorded windows that were neither compared nor made by another decoder nor before what can be replayed.
    pub(super) fn missed(&self) -> u64 {
        let told = self.equal + self.others + self.before + u64::from(self.different.is_some());
        self.recorded.saturating_sub(told)
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
    if heard.chunks.is_empty() {
        return Err(vec![format!("{}: the recording holds no chunk of its stream", heard.pipeline)]);
    }
    // From where on filters knew nothing but what is in the recording.
    let Some(begins) = heard.chunks.iter().position(|chunk| chunk.number == 0) else {
        return Err(vec![format!(
            "{}: was recorded while its stream ran already: filters had a history that is not in the recording. A session that \
             is to be replayed is recorded from the start of the daemon (at_start = true in [recording]), or begun with \
             `bcid record start --afresh`",
            heard.pipeline
        )]);
    };
    let first = &heard.chunks[begins];
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
        place: Place::default(),
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
            before: 0,
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
    let mut undecoded = Undecoded::default();
    let mut taught_before = None;
    let mut samples = Vec::new();
    let mut stream: &StreamSpec = &raw.spec;
    for chunk in &heard.chunks[..begins] {
        *next.entry(chunk.stream).or_insert(0) += chunk.frames;
    }
    if first.attached_anew {
        let at = next.get(&first.stream).copied().unwrap_or(0);
        offline.follows(raw.stamps.get(at).copied().unwrap_or_default() - 1.0 / rate(stream));
        run.place = Place::Unknown(Vec::new());
    }
    for chunk in &heard.chunks[begins..] {
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
        if chunk.attached_anew && !std::ptr::eq(chunk, first) {
            offline.reattach(spec, bundle, &raw.spec).map_err(lines)?;
            stream = &raw.spec;
        }
        if chunk.attached_anew {
            undecoded = Undecoded { anew: true, frames: 0 };
        }
        if chunk.undecoded {
            undecoded.frames += chunk.frames as u64;
            continue;
        }
        let before = std::mem::take(&mut undecoded);
        let mut known = None;
        // What learns from trials knows as many of them as it did.
        if let (Some(teaching), Some(taught)) = (&spec.teaching, chunk.taught) {
            let teach = |marker: &Marker| teaching.marker(&marker.text, marker.time.as_lsl_seconds());
            let unknown = *taught_before.get_or_insert_with(|| {
                while let Some(marker) = coming.next_if(|marker| marker.received <= chunk.acquired) {
                    teach(marker);
                }
                taught.saturating_sub(teaching.begun())
            });
            while teaching.begun() + unknown < taught
                && let Some(marker) = coming.next()
            {
                teach(marker);
            }
            known = Some(taught - unknown);
            if teaching.begun() + unknown < taught {
                run.found.stopped = Some("a marker that taught is not in the recording".to_owned());
                break;
            }
        }
        if real_time {
            keep_pace(begun, heard.chunks[0].acquired, chunk.acquired);
        }
        let header = Header {
            frames: chunk.frames,
            acquired: chunk.acquired,
            dropped_before: before.frames,
            discontinuity: before.anew,
            taught: known,
            ..Header::default()
        };
        let run = std::cell::RefCell::new(&mut run);
        offline.repeat(
            header,
            &samples,
            stamps,
            |seq| run.borrow_mut().lived(seq),
            |decoded| run.borrow_mut().decided(IntentLine::of(&decoded.intent)),
        );
        let run = run.into_inner();
        run.find_place(chunk);
        if run.found.different.is_some() {
            break;
        }
        run.found.stream_s += chunk.frames as f64 / rate(stream);
    }
    run.found.took_s = begun.elapsed().as_secs_f64();
    run.found.skipped = run.skipped.len() as u64;
    Ok(run.found)
}

/// What came right before a chunk and was not decoded.
#[derive(Default)]
struct Undecoded {
    frames: u64,
    /// The source was attached anew before that, or before the chunk.
    anew: bool,
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
    place: Place,
    skipped: BTreeSet<u64>,
    found: Compared,
}

/// Where the windows that are decided again stand among those of the recording.
enum Place {
    /// So many windows and frames were before them.
    After { windows: u64, frames: u64 },
    /// Not known yet: these were decided again so far.
    Unknown(Vec<IntentLine>),
}

impl Default for Place {
    fn default() -> Self {
        Self::After { windows: 0, frames: 0 }
    }
}

impl Run<'_> {
    /// Once all windows of a chunk are in the recording, it is known which they are.
    fn find_place(&mut self, chunk: &Chunk) {
        let Place::Unknown(so_far) = &mut self.place else { return };
        let again: Vec<&IntentLine> = so_far.iter().filter(|line| is_of(line, chunk)).collect();
        let recorded: Vec<&IntentLine> = self.intents.values().filter(|line| is_of(line, chunk)).collect();
        let (Some(first), true) = (again.first(), again.len() == recorded.len()) else { return };
        let windows = recorded[0].seq.saturating_sub(first.seq);
        let frames = recorded[0].newest_frame.saturating_sub(first.newest_frame);
        let so_far = std::mem::take(so_far);
        self.place = Place::After { windows, frames };
        let begin = so_far.first().map_or(0, |line| line.seq + windows);
        self.found.before = self.intents.range(..begin).count() as u64;
        so_far.into_iter().for_each(|line| self.decided(line));
    }

    /// What became of a window.
    fn lived(&mut self, seq: u64) -> Lived {
        let Place::After { windows, .. } = self.place else { return Lived::Decoded { stale: false } };
        let seq = seq + windows;
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

    fn decided(&mut self, mut again: IntentLine) {
        match &mut self.place {
            Place::Unknown(so_far) => return so_far.push(again),
            Place::After { windows, frames } => {
                again.seq += *windows;
                again.newest_frame += *frames;
            }
        }
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
        match line.difference(&again) {
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

/// Whether the window's newest frame came with the chunk: times of chunks are kept to a fraction of a microsecond.
fn is_of(line: &IntentLine, chunk: &Chunk) -> bool {
    line.acquired_ns.abs_diff(chunk.acquired.0) < 1_000
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
