//! The streams of a recording: what waits to be encoded, and what is in the file.

use bci_rt::edge::{Header, Reader};
use bci_types::{Rate, SampleFormat, StreamSpec, Unit};
use bci_xdf::{Batch, Encoder, Format, StreamInfo, escaped};
use std::fmt::Write as _;
use std::sync::Arc;

/// A ring with raw frames, and whose they are.
pub(crate) struct Feed {
    pub(crate) about: About,
    pub(crate) ring: Ring,
}

/// Whose the frames are.
pub(crate) struct About {
    pub(crate) pipeline: Arc<str>,
    pub(crate) stream: StreamSpec,
    /// The header that its stream gets.
    pub(crate) xml: String,
    /// Which of a recording's streams it is, once it is one.
    pub(crate) place: Option<usize>,
}

/// Raw frames.
pub(crate) struct Ring {
    reader: Reader,
    samples: Box<[f64]>,
    stamps: Box<[f64]>,
    /// Chunks so far.
    taken: u64,
    /// Frames that were dropped on the way, as far as chunks told of them.
    announced: u64,
}

impl Feed {
    pub(crate) fn new(
        pipeline: Arc<str>,
        stream: &StreamSpec,
        description: Option<&str>,
        reader: Reader,
        frames: usize,
    ) -> Self {
        let about =
            About { pipeline, stream: stream.clone(), xml: stream_header(stream, description), place: None };
        let ring = Ring {
            samples: vec![0.0; stream.channels.len() * frames].into_boxed_slice(),
            stamps: vec![0.0; frames].into_boxed_slice(),
            reader,
            taken: 0,
            announced: 0,
        };
        Self { about, ring }
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("pipeline", &self.about.pipeline)
            .field("stream", &self.about.stream.name)
            .finish_non_exhaustive()
    }
}

impl Ring {
    /// Frames that were dropped and that no chunk has told of.
    pub(crate) fn unannounced(&self) -> u64 {
        self.reader.stats().frames_dropped().saturating_sub(self.announced)
    }

    /// The next chunk: its number since the source was attached, its header, `[frames x channels]` and stamps.
    pub(crate) fn next(&mut self) -> Option<(u64, Header, &[f64], &[f64])> {
        let header = self.reader.pop(&mut self.samples, &mut self.stamps)?;
        let number = self.taken;
        self.taken += 1;
        self.announced += header.dropped_before;
        let numbers = header.frames * self.reader.channels();
        Some((number, header, &self.samples[..numbers], &self.stamps[..header.frames]))
    }
}

/// The format in a file.
pub(crate) fn format_of(format: SampleFormat) -> Format {
    match format {
        SampleFormat::Int8 => Format::Int8,
        SampleFormat::Int16 => Format::Int16,
        SampleFormat::Int32 => Format::Int32,
        SampleFormat::Int64 => Format::Int64,
        SampleFormat::Float32 => Format::Float32,
        SampleFormat::Double64 => Format::Double64,
        SampleFormat::Text => Format::Text,
    }
}

/// The header under which a stream is recorded: what its source says of it (`description`, LSL's XML), where that will do and is
/// of this stream, else made of what is known.
#[must_use]
pub fn stream_header(stream: &StreamSpec, description: Option<&str>) -> String {
    let of_it = |xml: &String| {
        StreamInfo::parse(xml).is_ok_and(|info| {
            info.channel_count == stream.channels.len() && info.format == format_of(stream.format)
        })
    };
    description.and_then(sound).filter(of_it).unwrap_or_else(|| described(stream))
}

/// A source's own description, without characters that XML does not know, which some write all the same; `None` where a
/// character is none.
fn sound(description: &str) -> Option<String> {
    let is_known = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || (!c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    let mut text = String::new();
    let mut rest = description;
    // `&#1;` stands for a character that may not be written either.
    while let Some((before, after)) = rest.split_once("&#") {
        let (number, behind) = after.split_once(';')?;
        let code = match number.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        };
        text += before;
        text.push(
            code.and_then(char::from_u32)
                .filter(|c| is_known(*c) && !matches!(c, '<' | '&'))
                .unwrap_or('\u{fffd}'),
        );
        rest = behind;
    }
    text += rest;
    Some(text.chars().map(|c| if is_known(c) { c } else { '\u{fffd}' }).collect())
}

/// The header of a stream of which its source has none.
fn described(stream: &StreamSpec) -> String {
    let rate = match stream.rate {
        Rate::Regular(hz) => hz.get(),
        Rate::Irregular => 0.0,
    };
    let channels: Vec<(String, String, String)> = stream
        .channels
        .iter()
        .map(|c| {
            let unit = if c.unit == Unit::Unstated { String::new() } else { c.unit.to_string() };
            (c.label.clone().unwrap_or_default(), unit, c.kind.to_string())
        })
        .collect();
    header(&stream.name, &stream.kind, rate, format_of(stream.format), &stream.source_id, &channels)
}

/// A stream's header: XML as LSL writes it. A channel is its label, unit and type.
pub(crate) fn header(
    name: &str,
    kind: &str,
    rate_hz: f64,
    format: Format,
    source_id: &str,
    channels: &[(String, String, String)],
) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\"?>\n<info>\n\t<name>{}</name>\n\t<type>{}</type>\n\t<channel_count>{}</channel_count>\n\
         \t<nominal_srate>{rate_hz}</nominal_srate>\n\t<channel_format>{}</channel_format>\n\
         \t<source_id>{}</source_id>\n\t<desc>\n\t\t<channels>\n",
        escaped(name),
        escaped(kind),
        channels.len(),
        format.word(),
        escaped(source_id),
    );
    for (label, unit, kind) in channels {
        let _ = writeln!(
            xml,
            "\t\t\t<channel><label>{}</label><unit>{}</unit><type>{}</type></channel>",
            escaped(label),
            escaped(unit),
            escaped(kind)
        );
    }
    xml + "\t\t</channels>\n\t</desc>\n</info>\n"
}

/// Values that wait.
#[derive(Debug)]
enum Waiting {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

/// What a piece of the file holds of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    samples: u64,
    /// Their first and last stamp.
    ends: Option<(f64, f64)>,
    /// Its header is in it.
    header: bool,
}

/// A stream of a file.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u32,
    pub(crate) name: String,
    xml: String,
    format: Format,
    channels: usize,
    stamps: Vec<f64>,
    waiting: Waiting,
    /// Its header was encoded.
    encoded: bool,
    /// What the piece holds of it that is being encoded.
    part: Part,
    /// Samples in the file, and the ends of theirs.
    pub(crate) written: u64,
    pub(crate) ends: Option<(f64, f64)>,
    /// Samples that are missing.
    pub(crate) lost: u64,
    /// When its clock was looked at, s, and what is to be added; in the file.
    pub(crate) offsets: Vec<(f64, f64)>,
}

impl Stream {
    pub(crate) fn new(id: u32, name: &str, xml: String, format: Format, channels: usize) -> Self {
        let waiting = match format {
            Format::Text => Waiting::Texts(Vec::new()),
            _ => Waiting::Numbers(Vec::new()),
        };
        Self {
            id,
            name: name.to_owned(),
            xml,
            format,
            channels,
            stamps: Vec::new(),
            waiting,
            encoded: false,
            part: Part::default(),
            written: 0,
            ends: None,
            lost: 0,
            offsets: Vec::new(),
        }
    }

    /// Frames `[frames x channels]` with their stamps.
    pub(crate) fn frames(&mut self, samples: &[f64], stamps: &[f64]) {
        if let Waiting::Numbers(numbers) = &mut self.waiting {
            numbers.extend_from_slice(samples);
            self.stamps.extend_from_slice(stamps);
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, stamp: f64, text: String) {
        if let Waiting::Texts(texts) = &mut self.waiting {
            texts.push(text);
            self.stamps.push(stamp);
        }
    }

    /// Bytes that wait, about.
    pub(crate) fn waiting(&self) -> usize {
        match &self.waiting {
            Waiting::Numbers(numbers) => 8 * (numbers.len() + self.stamps.len()),
            Waiting::Texts(texts) => texts.iter().map(|t| t.len() + 9).sum(),
        }
    }

    /// Encodes what waits.
    pub(crate) fn encode(&mut self, into: &mut Encoder) {
        if self.stamps.is_empty() {
            return;
        }
        self.declare(into);
        match &mut self.waiting {
            Waiting::Numbers(numbers) => {
                into.samples(self.id, self.format, self.channels, &self.stamps, Batch::Numbers(numbers));
                numbers.clear();
            }
            Waiting::Texts(texts) => {
                let all: Vec<&str> = texts.iter().map(String::as_str).collect();
                into.samples(self.id, self.format, self.channels, &self.stamps, Batch::Texts(&all));
                texts.clear();
            }
        }
        self.part.samples += self.stamps.len() as u64;
        let ends = self.stamps.first().copied().zip(self.stamps.last().copied());
        self.part.ends = joined(self.part.ends, ends);
        self.stamps.clear();
    }

    /// Encodes that its clock is the file's.
    pub(crate) fn clock(&mut self, now_s: f64, into: &mut Encoder) {
        if self.encoded {
            into.clock_offset(self.id, now_s, 0.0);
            self.offsets.push((now_s, 0.0));
        }
    }

    fn declare(&mut self, into: &mut Encoder) {
        if !std::mem::replace(&mut self.encoded, true) {
            into.stream_header(self.id, &self.xml);
            self.part.header = true;
        }
    }

    /// What was encoded since the last time, which is a piece's.
    pub(crate) fn part(&mut self) -> Part {
        std::mem::take(&mut self.part)
    }

    /// A part is in the file.
    pub(crate) fn kept(&mut self, part: Part) {
        self.written += part.samples;
        self.ends = joined(self.ends, part.ends);
    }

    /// A part is not in the file, and will not be.
    pub(crate) fn given_up(&mut self, part: Part) {
        self.encoded &= !part.header;
        self.lost += part.samples;
    }

    /// Encodes its end, where it ever began.
    pub(crate) fn end(&self, into: &mut Encoder) {
        if self.encoded {
            into.footer(self.id, self.ends, self.written, &self.offsets);
        }
    }
}

fn joined(a: Option<(f64, f64)>, b: Option<(f64, f64)>) -> Option<(f64, f64)> {
    match (a, b) {
        (Some((first, _)), Some((_, last))) => Some((first, last)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bci_types::Hz;

    #[test]
    fn a_description_that_would_spoil_the_file_is_mended_or_made_anew() {
        let xml = |desc: &str| {
            format!(
                "<?xml version=\"1.0\"?><info><name>s</name><type>EEG</type><channel_count>1</channel_count>\
                 <nominal_srate>100</nominal_srate><channel_format>float32</channel_format><desc>{desc}</desc></info>"
            )
        };
        let stream = StreamSpec::eeg("s", Hz::new(100.0).expect("a rate"), ["C3"]);
        let made = |description: &str| stream_header(&stream, Some(description));
        let good = xml("<cap>a &#233; &#x41; &amp;</cap>");
        assert_eq!(made(&good), xml("<cap>a \u{e9} A &amp;</cap>"));
        for spoilt in ["<cap>&#1;</cap>", "<cap>\u{1}</cap>", "<cap>&#xFFFE;</cap>", "<cap>&#60;</cap>"] {
            assert_eq!(made(&xml(spoilt)), xml("<cap>\u{fffd}</cap>"), "{spoilt}");
        }
        for hopeless in ["<cap>", "<cap>&nosuch;</cap>", "&#9"] {
            assert_eq!(made(&xml(hopeless)), described(&stream), "{hopeless}");
        }
        for other in [(">1<", ">2<"), ("float32", "int16")] {
            let of_another = xml("").replace(other.0, other.1);
            assert_eq!(made(&of_another), described(&stream), "{other:?}: its samples could not be read");
        }
    }

    #[test]
    fn a_unit_that_is_not_stated_is_none_in_the_header_that_is_made() {
        let mut stream = StreamSpec::eeg("s", Hz::new(100.0).expect("a rate"), ["C3", "C4"]);
        stream.channels[0].unit = Unit::Unstated;
        let info = StreamInfo::parse(&described(&stream)).expect("a header");
        assert_eq!(info.channels.iter().map(|c| c.unit.as_str()).collect::<Vec<_>>(), ["", "uV"]);
    }
}
