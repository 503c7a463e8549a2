use crate::bytes::Bytes;
use crate::chunk::{Broken, Chunk, Chunks, MAGIC, Tag};
use crate::info::{FileInfo, StreamInfo, text_of};
use crate::samples;
use crate::values::Values;
use roxmltree::Document;
use std::collections::BTreeMap;

/// A whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// What its header says.
    pub info: FileInfo,
    /// In the order of their headers.
    pub streams: Vec<Stream>,
    /// What is wrong with it and was lived with, in words.
    pub warnings: Vec<String>,
}

/// A stream as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its number in the file.
    pub id: u32,
    /// What its header says.
    pub info: StreamInfo,
    /// When each sample was taken, in seconds on the clock of the machine that it was taken on. One that is not written is a
    /// period of the nominal rate after the one before.
    pub stamps: Vec<f64>,
    /// `[samples x channels]`, sample by sample.
    pub values: Values,
    /// When its clock was looked at, on that clock, and what is to be added to it for the recorder's; in seconds.
    pub clock_offsets: Vec<(f64, f64)>,
    /// `None` where the recording was not ended.
    pub footer: Option<Footer>,
}

/// What a stream came to, as its recorder says. What is not said is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Footer {
    /// Of the first sample, s.
    pub first_timestamp: Option<f64>,
    /// Of the last sample, s.
    pub last_timestamp: Option<f64>,
    /// Samples.
    pub sample_count: Option<u64>,
}

/// Why a file is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XdfError {
    /// It does not start as one.
    #[error("it does not start with \"XDF:\"")]
    Magic,
    /// It describes no stream.
    #[error("no stream is described in it")]
    NoStream,
}

/// Whether the bytes start as an XDF file does.
#[must_use]
pub fn is_xdf(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Damages that are told one by one; of more, how many.
const TOLD: usize = 20;

/// Reads a whole file.
///
/// # Errors
/// [`XdfError`]; everything else is read as far as it can be, and told in [`File::warnings`].
pub fn read(bytes: &[u8]) -> Result<File, XdfError> {
    if !is_xdf(bytes) {
        return Err(XdfError::Magic);
    }
    let mut reading = Reading::default();
    let mut chunks = Chunks::of(bytes);
    while let Some(chunk) = chunks.next() {
        match chunk {
            Ok(chunk) => {
                let mut body = Bytes(chunk.body);
                if reading.take(&chunk, &mut body).is_none() {
                    reading.damaged(format!(
                        "the {} chunk at byte {} is damaged: what follows up to the next boundary is left out",
                        name(chunk.tag),
                        chunk.at
                    ));
                    // What was read of it is not read again: chunks that lie within each other would be read once for each.
                    chunks.resume_after(chunks.at() - body.0.len() as u64);
                }
            }
            Err(Broken::Cut { at, .. }) if chunks.clone().next().is_none() => {
                reading.damaged(format!("it ends within the chunk at byte {at}: the recording was cut off"));
            }
            Err(broken) => {
                reading.damaged(format!("{broken}: what follows up to the next boundary is left out"));
            }
        }
    }
    reading.end()
}

fn name(tag: Tag) -> &'static str {
    match tag {
        Tag::FileHeader => "file header",
        Tag::StreamHeader => "stream header",
        Tag::Samples => "samples",
        Tag::ClockOffset => "clock offset",
        Tag::Boundary => "boundary",
        Tag::StreamFooter => "stream footer",
        Tag::Other(_) => "unknown",
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    info: FileInfo,
    /// With the last stamp of each, from which those not written go on.
    streams: Vec<(Stream, f64)>,
    /// Where each is in them; `None` for one that cannot be read.
    known: BTreeMap<u32, Option<usize>>,
    warnings: Vec<String>,
    damages: usize,
}

impl Reading {
    fn damaged(&mut self, what: String) {
        self.damages += 1;
        if self.damages <= TOLD {
            self.warnings.push(what);
        }
    }

    /// Takes a chunk, from the front of `body`, which is its own; `None` where it is damaged.
    fn take(&mut self, chunk: &Chunk<'_>, body: &mut Bytes<'_>) -> Option<()> {
        match chunk.tag {
            Tag::FileHeader => self.info = FileInfo::read(chunk.body),
            Tag::StreamHeader => {
                let id = body.u32()?;
                self.header(id, body.0);
            }
            Tag::Samples | Tag::ClockOffset | Tag::StreamFooter => {
                let id = body.u32()?;
                let known = *self.known.entry(id).or_insert_with(|| {
                    self.warnings.push(format!("stream {id} has no header: it is left out"));
                    None
                });
                let Some((stream, last)) = known.and_then(|at| self.streams.get_mut(at)) else {
                    return Some(());
                };
                match chunk.tag {
                    Tag::Samples => {
                        let rate = stream.info.nominal_srate;
                        let period = if rate > 0.0 { 1.0 / rate } else { 0.0 };
                        let as_written = (stream.info.channel_count, period);
                        samples::extend(body, as_written, last, &mut stream.stamps, &mut stream.values)?;
                    }
                    Tag::ClockOffset => stream.clock_offsets.push((body.f64()?, body.f64()?)),
                    _ => stream.footer = Some(Footer::read(body.0)),
                }
            }
            Tag::Boundary | Tag::Other(_) => {}
        }
        Some(())
    }

    fn header(&mut self, id: u32, xml: &[u8]) {
        if self.known.get(&id).is_some_and(Option::is_some) {
            self.warnings.push(format!("stream {id} has a second header, which is left out"));
            return;
        }
        match StreamInfo::read(xml) {
            Ok(info) => {
                let stream = Stream {
                    id,
                    values: Values::of(info.format),
                    info,
                    stamps: Vec::new(),
                    clock_offsets: Vec::new(),
                    footer: None,
                };
                self.known.insert(id, Some(self.streams.len()));
                self.streams.push((stream, 0.0));
            }
            Err(why) => {
                self.known.insert(id, None);
                self.warnings.push(format!("stream {id} is left out: {why}"));
            }
        }
    }

    fn end(self) -> Result<File, XdfError> {
        let Self { info, streams, mut warnings, damages, .. } = self;
        if damages > TOLD {
            warnings.push(format!("and {} more damaged places", damages - TOLD));
        }
        if streams.is_empty() {
            return Err(XdfError::NoStream);
        }
        let streams: Vec<Stream> = streams.into_iter().map(|(stream, _)| stream).collect();
        for stream in &streams {
            let (name, found) = (&stream.info.name, stream.stamps.len() as u64);
            match stream.footer.map(|footer| footer.sample_count) {
                None => warnings.push(format!("stream {name} has no footer: the recording was not ended")),
                // LabRecorder does not count the first.
                Some(Some(said)) if said != found && said + 1 != found => {
                    warnings.push(format!("stream {name} says it has {said} samples, {found} are there"));
                }
                Some(_) => {}
            }
        }
        Ok(File { info, streams, warnings })
    }
}

impl Footer {
    fn read(xml: &[u8]) -> Self {
        let text = String::from_utf8_lossy(xml);
        let Ok(document) = Document::parse(&text) else { return Self::default() };
        let root = document.root_element();
        let number = |field| text_of(root, field).parse::<f64>().ok().filter(|x| x.is_finite());
        Self {
            first_timestamp: number("first_timestamp"),
            last_timestamp: number("last_timestamp"),
            sample_count: text_of(root, "sample_count").parse().ok(),
        }
    }
}
