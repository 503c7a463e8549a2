//! A recording read back, as far as it takes to run it again.

use crate::line::IntentLine;
use crate::session::{CHUNK_COLUMNS, CHUNKS, EVENTS, INTENTS};
use bci_driver_playback::xdf_channels;
use bci_types::{HostNs, Hz, Marker, Rate, SampleFormat, StreamSpec};
use bci_xdf::{Stream, Values};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Why a recording cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{0} cannot be read")]
    File(String, #[source] std::io::Error),
    /// It is no XDF.
    #[error("{0} is no XDF file")]
    Xdf(String, #[source] bci_xdf::XdfError),
    /// It was not made here.
    #[error("{0} holds no {CHUNKS}... stream: it was not recorded by this daemon")]
    Foreign(String),
    /// It was, and is damaged beyond use.
    #[error("the stream {stream} is not as written here: {problem}")]
    Damaged {
        /// Which.
        stream: String,
        /// How.
        problem: String,
    },
}

/// A recording, as a pipeline heard it.
#[derive(Debug)]
pub struct Recorded {
    /// What each pipeline heard and decided.
    pub pipelines: Vec<Heard>,
    /// Markers in the order in which they came.
    pub markers: Vec<RecordedMarker>,
    /// What happened, with its time.
    pub events: Vec<(HostNs, Value)>,
    /// What is odd about the file.
    pub warnings: Vec<String>,
}

/// What a pipeline heard and decided.
#[derive(Debug)]
pub struct Heard {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// Its chunks, in order.
    pub chunks: Vec<Chunk>,
    /// Its streams, by the chunks' [`Chunk::stream`].
    pub streams: BTreeMap<u32, Raw>,
    /// What it decided, by the window's number.
    pub intents: BTreeMap<u64, IntentLine>,
}

/// A marker, and whom it taught.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedMarker {
    /// The marker.
    pub marker: Marker,
    /// Pipelines that learned from it, and which of their markers it was.
    pub taught: BTreeMap<String, u64>,
}

/// How frames came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chunk {
    /// Of which stream.
    pub stream: u32,
    /// Chunks before it, since the source was attached.
    pub number: u64,
    /// How many frames.
    pub frames: usize,
    /// When.
    pub acquired: HostNs,
    /// Frames that the recorder missed right before it.
    pub dropped_before: u64,
    /// The source was attached again right before it.
    pub attached_anew: bool,
    /// It was recorded and not decoded: there was no room for it.
    pub undecoded: bool,
    /// How many markers that teach had come before it, where any do.
    pub taught: Option<u64>,
}

/// Raw frames.
#[derive(Debug)]
pub struct Raw {
    /// The stream.
    pub spec: StreamSpec,
    /// A stamp a frame, s.
    pub stamps: Vec<f64>,
    values: Values,
}

impl Raw {
    /// `[frames x channels]` from frame `first` on; false where they are not all there.
    pub fn read(&self, first: usize, frames: usize, into: &mut Vec<f64>) -> bool {
        into.clear();
        let channels = self.spec.channels.len();
        let there = first.checked_add(frames).filter(|end| *end <= self.stamps.len());
        let Some(end) = there else { return false };
        into.extend((first * channels..end * channels).map_while(|i| self.values.number(i)));
        into.len() == frames * channels
    }
}

impl Recorded {
    /// Reads a recording.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| ReadError::File(shown.clone(), e))?;
        Self::parse(&bytes, &shown)
    }

    /// As [`Recorded::open`], from memory; `shown` is what errors call the file.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn parse(bytes: &[u8], shown: &str) -> Result<Self, ReadError> {
        let file = bci_xdf::read(bytes).map_err(|e| ReadError::Xdf(shown.to_owned(), e))?;
        let mut read =
            Self { pipelines: Vec::new(), markers: Vec::new(), events: Vec::new(), warnings: file.warnings };
        let mut raw: BTreeMap<u32, Stream> = BTreeMap::new();
        let mut intents = Vec::new();
        for stream in file.streams {
            let name = stream.info.name.clone();
            if let Some(pipeline) = name.strip_prefix(CHUNKS) {
                let chunks = chunks(&stream)?;
                let heard = Heard {
                    pipeline: pipeline.into(),
                    chunks,
                    streams: BTreeMap::new(),
                    intents: BTreeMap::new(),
                };
                read.pipelines.push(heard);
            } else if name.starts_with(INTENTS) {
                intents.push(stream);
            } else if name == EVENTS {
                read.events(&stream)?;
            } else if stream.values.texts().is_none() && !is_empty(&stream) {
                raw.insert(stream.id, stream);
            }
        }
        if read.pipelines.is_empty() {
            return Err(ReadError::Foreign(shown.to_owned()));
        }
        for heard in &mut read.pipelines {
            let mut ids: Vec<u32> = heard.chunks.iter().map(|c| c.stream).collect();
            ids.sort_unstable();
            ids.dedup();
            for id in ids {
                // One that was not written before the end.
                if let Some(stream) = raw.remove(&id) {
                    heard.streams.insert(id, frames(stream));
                }
            }
        }
        for stream in &intents {
            let heard = read.pipelines.iter_mut().find(|h| stream.info.name[INTENTS.len()..] == *h.pipeline);
            if let Some(heard) = heard {
                heard.intents = lines(stream)?;
            }
        }
        Ok(read)
    }

    fn events(&mut self, stream: &Stream) -> Result<(), ReadError> {
        for (text, stamp) in stream.values.texts().into_iter().flatten().zip(&stream.stamps) {
            let event: Value = serde_json::from_str(text).map_err(|e| damaged(stream, e.to_string()))?;
            if event["event"] == "marker"
                && let (Some(name), Some(text)) = (event["stream"].as_str(), event["text"].as_str())
            {
                let ns = |key: &str| HostNs(event[key].as_i64().unwrap_or_default());
                let (time, received) = (ns("time_ns"), ns("received_ns"));
                let taught = event["taught"].as_object().into_iter().flatten();
                let taught = taught.filter_map(|(p, n)| Some((p.clone(), n.as_u64()?))).collect();
                let marker = Marker { stream: name.into(), text: text.to_owned(), time, received };
                self.markers.push(RecordedMarker { marker, taught });
            } else {
                self.events.push((HostNs::from_lsl_seconds(*stamp), event));
            }
        }
        Ok(())
    }
}

/// Whether nothing is there of a stream but a number of channels, for which no room is to be made.
fn is_empty(stream: &Stream) -> bool {
    stream.stamps.is_empty() && stream.info.channels.is_empty()
}

fn damaged(stream: &Stream, problem: String) -> ReadError {
    ReadError::Damaged { stream: stream.info.name.clone(), problem }
}

fn chunks(stream: &Stream) -> Result<Vec<Chunk>, ReadError> {
    let columns = CHUNK_COLUMNS.len();
    if stream.info.channel_count != columns || stream.values.texts().is_some() {
        return Err(damaged(
            stream,
            format!(
                "{} columns where {columns} are written now: it is by another version of this program",
                stream.info.channel_count
            ),
        ));
    }
    let row = |i: usize| {
        let at = |column: usize| stream.values.number(i * columns + column).unwrap_or(f64::NAN);
        Chunk {
            stream: at(0) as u32,
            number: at(1) as u64,
            frames: at(2) as usize,
            acquired: HostNs::from_lsl_seconds(at(3)),
            dropped_before: at(4) as u64,
            attached_anew: at(5) != 0.0,
            undecoded: at(8) == 1.0,
            taught: Some(at(9)).filter(|n| n.is_finite()).map(|n| n as u64),
        }
    };
    Ok((0..stream.stamps.len()).map(row).collect())
}

fn lines(stream: &Stream) -> Result<BTreeMap<u64, IntentLine>, ReadError> {
    let texts = stream.values.texts().ok_or_else(|| damaged(stream, "it holds no texts".to_owned()))?;
    let line = |text: &String| IntentLine::parse(text).map(|line| (line.seq, line));
    texts.iter().map(line).collect::<Result<_, _>>().map_err(|e| damaged(stream, e.to_string()))
}

fn frames(stream: Stream) -> Raw {
    let info = &stream.info;
    let spec = StreamSpec {
        name: info.name.clone(),
        kind: info.kind.clone(),
        source_id: info.source_id.clone(),
        hostname: info.hostname.clone(),
        instance: info.uid.clone(),
        format: SampleFormat::Double64,
        rate: Hz::new(info.nominal_srate).map_or(Rate::Irregular, Rate::Regular),
        channels: xdf_channels(info),
    };
    Raw { spec, stamps: stream.stamps, values: stream.values }
}
