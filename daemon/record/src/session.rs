//! A recording being written.

use crate::RecordError;
use crate::calendar::utc;
use crate::intake::Note;
use crate::journal::Journal;
use crate::latency::Latencies;
use crate::line::IntentLine;
use crate::pieces::Pieces;
use crate::state::RecordedStream;
use crate::streams::{Feed, Part, Stream, format_of, header};
use bci_types::{HostNs, StreamSpec};
use bci_xdf::{Encoder, Format};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What the folder beside a recording ends in.
pub const SIDE: &str = "bcid";
/// The stream of a pipeline's intents is called so, with the pipeline's name after it.
pub const INTENTS: &str = "bcid-intents-";
/// The stream that tells in which chunks a pipeline got its frames.
pub const CHUNKS: &str = "bcid-chunks-";
/// Its columns.
pub const CHUNK_COLUMNS: [&str; 10] = [
    "stream_id",
    "number",
    "frames",
    "acquired_s",
    "dropped_before",
    "attached_anew",
    "clock_offset_s",
    "clock_uncertainty_s",
    "undecoded",
    "markers_taught",
];
/// The event that says that filters began from nothing for a recording.
pub const AFRESH: &str = "begun_afresh";
/// The stream of all that happened besides.
pub const EVENTS: &str = "bcid-events";

/// How long what was encoded may wait to be written: what a `kill -9` can cost.
const EVERY: Duration = Duration::from_millis(200);
/// Or how much, bytes.
const AT_MOST: usize = 8 << 20;
/// How often such a disk is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How often clocks are noted and a mark is set.
const MARK: Duration = Duration::from_secs(5);

/// What the daemon says of itself: written beside the recording.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// The configuration file as it was read.
    pub configuration: String,
    /// Versions, decoders, settings.
    pub facts: Value,
}

/// What a stream is of.
#[derive(Debug, PartialEq)]
enum Of {
    /// The raw frames that a pipeline got.
    Raw(Arc<str>, Box<StreamSpec>),
    Chunks(Arc<str>),
    Intents(Arc<str>),
    Markers(Arc<str>),
    Events,
}

/// A file being written, with the folder beside it.
pub(crate) struct Session {
    pub(crate) path: PathBuf,
    pub(crate) begun: SystemTime,
    started: Instant,
    journal: Journal,
    encoder: Encoder,
    /// What the disk did not take yet.
    pieces: Pieces<Vec<Part>>,
    streams: Vec<(Of, Stream)>,
    latencies: Latencies,
    facts: Value,
    /// How many lines each pipeline's intents have.
    lines: BTreeMap<Arc<str>, u64>,
    last_write: Instant,
    last_mark: Instant,
    /// Since when the disk takes nothing, when it was tried last, and what it said.
    trouble: Option<(Instant, Instant, String)>,
}

impl Session {
    /// Makes the file, which must not be there, and its folder.
    pub(crate) fn begin(path: &Path, manifest: &Manifest, now: HostNs) -> Result<Self, RecordError> {
        let side = path.with_extension(SIDE);
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| RecordError::Create { path, source }
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        let begun = SystemTime::now();
        let mut encoder = Encoder::default();
        encoder.begin(&utc(begun));
        // Who makes the file has the name, and everything that goes with it.
        let mut journal = Journal::create(path).map_err(failed(path))?;
        let made = journal.append(encoder.bytes()).and_then(|()| std::fs::create_dir(&side));
        if let Err(source) = made {
            // Nothing is begun; a folder that was there is not ours.
            let _ = std::fs::remove_file(path);
            return Err(failed(&side)(source));
        }
        if let Err(source) = std::fs::write(side.join("config.toml"), &manifest.configuration) {
            let _ = std::fs::remove_dir_all(&side);
            let _ = std::fs::remove_file(path);
            return Err(failed(path)(source));
        }
        encoder.clear();
        let started = Instant::now();
        let mut session = Self {
            path: path.to_owned(),
            begun,
            started,
            journal,
            encoder,
            pieces: Pieces::default(),
            streams: Vec::new(),
            latencies: Latencies::default(),
            facts: manifest.facts.clone(),
            lines: BTreeMap::new(),
            last_write: started,
            last_mark: started,
            trouble: None,
        };
        if let Err(source) = session.manifest(None) {
            let _ = std::fs::remove_dir_all(&side);
            let _ = std::fs::remove_file(path);
            return Err(failed(path)(source));
        }
        // With what is needed to read the rest by itself.
        session.event(now, &json!({ "event": "begun", "utc": utc(begun), "about": manifest.facts }));
        Ok(session)
    }

    /// The place of the stream of this kind, made where there is none.
    fn place(&mut self, is: impl Fn(&Of) -> bool, make: impl FnOnce(u32) -> (Of, Stream)) -> usize {
        self.streams.iter().position(|(of, _)| is(of)).unwrap_or_else(|| {
            let id = self.streams.len() as u32 + 1;
            self.streams.push(make(id));
            self.streams.len() - 1
        })
    }

    fn stream(&mut self, is: impl Fn(&Of) -> bool, make: impl FnOnce(u32) -> (Of, Stream)) -> &mut Stream {
        let place = self.place(is, make);
        &mut self.streams[place].1
    }

    /// Takes what is in a ring.
    pub(crate) fn drain(&mut self, Feed { about, ring }: &mut Feed) {
        while let Some((number, header, samples, stamps)) = ring.next() {
            let place =
                *about.place.get_or_insert_with(|| self.raw(&about.pipeline, &about.stream, &about.xml));
            let raw = &mut self.streams[place].1;
            raw.frames(samples, stamps);
            raw.lost += header.dropped_before;
            let (offset, uncertainty) =
                header.clock_offset.map_or((f64::NAN, f64::NAN), |o| (o.offset_s, o.uncertainty_s));
            let acquired = header.acquired.as_lsl_seconds();
            let row = [
                f64::from(raw.id),
                number as f64,
                header.frames as f64,
                acquired,
                header.dropped_before as f64,
                f64::from(u8::from(header.discontinuity)),
                offset,
                uncertainty,
                f64::from(u8::from(header.undecoded)),
                header.taught.map_or(f64::NAN, |taught| taught as f64),
            ];
            self.chunks(&about.pipeline).frames(&row, &[acquired]);
        }
    }

    /// The place of the stream of raw frames: a source that came back as it was goes on in its own.
    fn raw(&mut self, pipeline: &Arc<str>, spec: &StreamSpec, xml: &str) -> usize {
        let same = |of: &Of| match of {
            Of::Raw(p, s) => {
                p == pipeline && s.same_layout(spec) && s.name == spec.name && s.format == spec.format
            }
            _ => false,
        };
        self.place(same, |id| {
            let (format, channels) = (format_of(spec.format), spec.channels.len());
            let stream = Stream::new(id, &spec.name, xml.to_owned(), format, channels);
            (Of::Raw(Arc::clone(pipeline), Box::new(spec.clone())), stream)
        })
    }

    fn chunks(&mut self, pipeline: &Arc<str>) -> &mut Stream {
        let is = |of: &Of| matches!(of, Of::Chunks(p) if p == pipeline);
        self.stream(is, |id| {
            let name = format!("{CHUNKS}{pipeline}");
            let columns = CHUNK_COLUMNS.map(|column| (column.to_owned(), String::new(), "Chunks".to_owned()));
            let xml = header(&name, "Chunks", 0.0, Format::Double64, &name, &columns);
            (Of::Chunks(Arc::clone(pipeline)), Stream::new(id, &name, xml, Format::Double64, columns.len()))
        })
    }

    /// Takes a note.
    pub(crate) fn note(&mut self, note: Note) {
        match note {
            Note::Intent(intent) => {
                self.latencies.took(&intent);
                let pipeline = &intent.pipeline;
                let stamp = intent.newest_sample.as_lsl_seconds();
                let line = self.lines.entry(Arc::clone(pipeline)).or_insert(0);
                let text = IntentLine { line: *line, ..IntentLine::of(&intent) }.text();
                *line += 1;
                let is = |of: &Of| matches!(of, Of::Intents(p) if p == pipeline);
                let make = |id| {
                    texts(Of::Intents(Arc::clone(pipeline)), id, &format!("{INTENTS}{pipeline}"), "Intents")
                };
                self.stream(is, make).text(stamp, text);
            }
            Note::Marker { marker, taught } => {
                let name = &marker.stream;
                let is = |of: &Of| matches!(of, Of::Markers(n) if n == name);
                let make = |id| texts(Of::Markers(Arc::clone(name)), id, name, "Markers");
                self.stream(is, make).text(marker.time.as_lsl_seconds(), marker.text.clone());
                // When it came, which is when what learns by it could begin.
                let event = json!({ "event": "marker", "stream": &**name, "text": marker.text,
                    "time_ns": marker.time.0, "received_ns": marker.received.0,
                    "taught": taught.iter().map(|(pipeline, n)| (pipeline.to_string(), json!(n))).collect::<Map<_, _>>() });
                self.event(marker.received, &event);
            }
            Note::Event { at, what } => self.event(at, &what),
        }
    }

    /// Notes were lost: in every pipeline a line may be missing.
    pub(crate) fn notes_lost(&mut self, at: HostNs, notes: u64) {
        self.lines.values_mut().for_each(|line| *line += 1);
        self.event(at, &json!({ "event": "notes_lost", "notes": notes }));
    }

    /// Notes that something happened.
    pub(crate) fn event(&mut self, at: HostNs, what: &Value) {
        self.stream(|of| *of == Of::Events, |id| texts(Of::Events, id, EVENTS, "Events"))
            .text(at.as_lsl_seconds(), what.to_string());
    }

    /// Writes what is due, or `everything`.
    pub(crate) fn write(&mut self, now: HostNs, everything: bool) {
        let waiting: usize = self.streams.iter().map(|(_, s)| s.waiting()).sum();
        let due = self.last_write.elapsed() >= EVERY || waiting >= AT_MOST;
        if !due && !everything {
            return;
        }
        self.last_write = Instant::now();
        let mark = self.last_mark.elapsed() >= MARK;
        if mark {
            self.last_mark = Instant::now();
        }
        for (_, stream) in &mut self.streams {
            stream.encode(&mut self.encoder);
            if mark {
                stream.clock(now.as_lsl_seconds(), &mut self.encoder);
            }
        }
        if mark {
            self.encoder.boundary();
        }
        self.append(now, everything);
        if mark && self.trouble.is_none() {
            // What it says is in the recording too; nothing is lost where this fails.
            let _ = self.tell_latency();
        }
    }

    /// Appends what was encoded behind what waits, and all of that which the disk takes.
    fn append(&mut self, now: HostNs, everything: bool) {
        // What waits goes first: it may make room.
        self.drain_pieces(now, everything);
        let parts = self.streams.iter_mut().map(|(_, stream)| stream.part()).collect();
        if !self.encoder.bytes().is_empty()
            && let Err(parts) = self.pieces.push(self.encoder.bytes(), parts)
        {
            self.given_up(&parts);
        }
        self.encoder.clear();
        self.drain_pieces(now, everything);
    }

    fn drain_pieces(&mut self, now: HostNs, everything: bool) {
        let waits = self.trouble.as_ref().is_some_and(|(_, tried, _)| tried.elapsed() < RETRY);
        if self.pieces.first().is_none() || (waits && !everything) {
            return;
        }
        while let Some(piece) = self.pieces.first() {
            if let Err(e) = self.journal.append(piece) {
                if self.trouble.is_none() {
                    tracing::error!(path = %self.path.display(), error = %e, "the recording cannot be written; decoding goes on");
                }
                let at = Instant::now();
                let since = self.trouble.as_ref().map_or(at, |(since, ..)| *since);
                self.trouble = Some((since, at, e.to_string()));
                return;
            }
            for (part, (_, stream)) in self.pieces.taken().into_iter().flatten().zip(&mut self.streams) {
                stream.kept(part);
            }
        }
        if let Some((since, ..)) = self.trouble.take() {
            let lasted = since.elapsed().as_secs_f64();
            let lost: Vec<Value> = self
                .streams
                .iter()
                .filter(|(_, s)| s.lost > 0)
                .map(|(_, s)| json!({ "stream": s.name, "samples_lost_so_far": s.lost }))
                .collect();
            tracing::info!(path = %self.path.display(), lasted_s = lasted, "the recording goes on");
            self.event(now, &json!({ "event": "disk_again", "lasted_s": lasted, "lost": lost }));
        }
    }

    fn given_up(&mut self, parts: &[Part]) {
        for (part, (_, stream)) in parts.iter().zip(&mut self.streams) {
            stream.given_up(*part);
        }
    }

    /// Writes the rest, and how it ended; in words, what of that could not be written.
    pub(crate) fn end(&mut self, now: HostNs) -> Result<(), String> {
        self.event(now, &json!({ "event": "ended", "utc": utc(SystemTime::now()) }));
        self.write(now, true);
        if self.trouble.is_none() {
            // What was said when the disk took everything again.
            self.write(now, true);
        }
        if self.trouble.is_none() {
            for (_, stream) in &self.streams {
                stream.end(&mut self.encoder);
            }
            self.append(now, true);
        }
        let kept = match &self.trouble {
            None => self.journal.sync().map_err(|e| e.to_string()),
            Some((_, _, said)) => {
                let said = said.clone();
                while let Some(parts) = self.pieces.taken() {
                    self.given_up(&parts);
                }
                Err(said)
            }
        };
        let told = self.tell_latency().and_then(|()| self.manifest(Some(SystemTime::now())));
        kept.and(told.map_err(|e| e.to_string()))
    }

    /// Frames of a ring that is let go, dropped without a chunk after them.
    pub(crate) fn let_go(&mut self, Feed { about, ring }: &Feed) {
        if let Some(place) = about.place {
            self.streams[place].1.lost += ring.unannounced();
        }
    }

    fn manifest(&self, ended: Option<SystemTime>) -> std::io::Result<()> {
        let streams: Vec<Value> = self
            .told()
            .iter()
            .map(|s| json!({ "name": s.name, "samples": s.samples, "lost": s.lost }))
            .collect();
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let about = json!({
            "recording": file,
            "begun": utc(self.begun),
            "ended": ended.map(utc),
            "streams": ended.map(|_| streams),
            "about": self.facts,
        });
        self.beside("session.json", &about)
    }

    fn tell_latency(&self) -> std::io::Result<()> {
        self.beside("latency.json", &self.latencies.told())
    }

    /// Writes a file of the folder beside, whole or not at all.
    fn beside(&self, name: &str, what: &Value) -> std::io::Result<()> {
        let side = self.path.with_extension(SIDE);
        let unfinished = side.join(format!(".{name}"));
        std::fs::write(&unfinished, format!("{what:#}\n"))?;
        std::fs::rename(unfinished, side.join(name))
    }

    /// What each stream came to so far.
    pub(crate) fn told(&self) -> Vec<RecordedStream> {
        let told = |s: &Stream| RecordedStream { name: s.name.clone(), samples: s.written, lost: s.lost };
        self.streams.iter().map(|(_, stream)| told(stream)).collect()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.journal.len()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.as_ref().map(|(_, _, said)| said.clone())
    }
}

/// A stream of texts.
fn texts(of: Of, id: u32, name: &str, kind: &str) -> (Of, Stream) {
    let channel = [(name.to_owned(), String::new(), kind.to_owned())];
    let xml = header(name, kind, 0.0, Format::Text, name, &channel);
    (of, Stream::new(id, name, xml, Format::Text, 1))
}
