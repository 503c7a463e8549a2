use super::place::{Place, place};
use bci_models::{Bundle, OrtDecoder};
use bci_pipeline::{Lived, Offline, PipelineSpec};
use bci_record::{Heard, IntentLine, RecordedMarker};
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
    /// That was meant: filters began from nothing for the recording.
    pub(super) afresh: bool,
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
        let before = if self.afresh { self.before } else { 0 };
        let all = self.equal > 0 && self.equal + before == self.recorded;
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
    (markers, afresh): (&[RecordedMarker], bool),
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
            afresh,
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
    let by_number = |m: &'_ RecordedMarker| Some((*m.taught.get(&*heard.pipeline)?, m.marker.clone()));
    let coming: BTreeMap<u64, Marker> = markers.iter().filter_map(by_number).collect();
    let mut undecoded = Undecoded::default();
    let mut unknown = None;
    let mut samples = Vec::new();
    let mut stream: &StreamSpec = &raw.spec;
    for chunk in &heard.chunks[..begins] {
        *next.entry(chunk.stream).or_insert(0) += chunk.frames;
    }
    if first.attached_anew {
        let at = next.get(&first.stream).copied().unwrap_or(0);
        offline.follows(raw.stamps.get(at).copied().unwrap_or_default() - 1.0 / rate(stream));
        let Some(place) = place(heard, begins, spec, bundle).map_err(lines)? else {
            return Err(vec![format!("{}: none of its windows is in the recording", heard.pipeline)]);
        };
        run.found.before = heard.intents.range(..place.windows).count() as u64;
        run.place = place;
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
            let unknown = *unknown.get_or_insert(taught);
            while unknown + teaching.begun() < taught
                && let Some(marker) = coming.get(&(unknown + teaching.begun()))
            {
                let _ = teaching.marker(&marker.text, marker.time.as_lsl_seconds());
            }
            if unknown + teaching.begun() < taught {
                run.found.stopped = Some("a marker that taught is not in the recording".to_owned());
                break;
            }
            known = Some(taught.saturating_sub(unknown));
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

impl Run<'_> {
    /// What became of a window.
    fn lived(&mut self, seq: u64) -> Lived {
        let seq = seq + self.place.windows;
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
        again.seq += self.place.windows;
        again.newest_frame += self.place.frames;
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

pub(super) fn rate(stream: &StreamSpec) -> f64 {
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
