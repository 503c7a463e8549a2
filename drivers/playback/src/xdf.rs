//! XDF files: every stream of samples a group, every other stream annotations.
//!
//! Stamps are as they were received, brought onto the recorder's clock, and not laid on lines: a receiver then had no others.
//! Recording time 0 is the earliest of them.

use crate::recording::{Annotation, FARTHEST_S, FrameTimes, RecordedStream, Recording, Samples, SignalGroup};
use bci_types::{ChannelKind, ChannelSpec, Hz, SampleFormat, Unit};
use bci_xdf::{Format, Stream, StreamInfo, Values, XdfError, clock};

/// What is longer without a frame, in seconds, begins a segment: devices send bursts, a tenth of a second apart.
const GAP_S: f64 = 0.5;

/// Reads a whole file from memory; `source` is what [`Recording::source`] will say.
pub(crate) fn read(bytes: &[u8], source: &str) -> Result<Recording, XdfError> {
    let file = bci_xdf::read(bytes)?;
    let mut found = Found { warnings: file.warnings, ..Found::default() };
    for stream in file.streams {
        found.take(stream);
    }
    let Found { mut groups, mut annotations, marker_streams, warnings } = found;
    // The earliest frame; of a recording of markers alone the earliest of those.
    let earliest = |times: &mut dyn Iterator<Item = f64>| times.reduce(f64::min);
    let origin = earliest(&mut groups.iter().flat_map(|g| g.stamps.iter().copied()))
        .or_else(|| earliest(&mut annotations.iter().map(|a| a.onset_s)))
        .unwrap_or(0.0);
    annotations.iter_mut().for_each(|a| a.onset_s -= origin);
    annotations.sort_by(|a, b| a.onset_s.total_cmp(&b.onset_s));
    groups.iter_mut().flat_map(|g| &mut g.stamps).for_each(|stamp| *stamp -= origin);
    Ok(Recording {
        source: source.to_owned(),
        format: "XDF",
        start: file.info.datetime,
        groups: groups.into_iter().map(Numbers::group).collect(),
        annotations,
        marker_streams,
        warnings,
    })
}

#[derive(Default)]
struct Found {
    groups: Vec<Numbers>,
    annotations: Vec<Annotation>,
    marker_streams: Vec<RecordedStream>,
    warnings: Vec<String>,
}

impl Found {
    fn take(&mut self, stream: Stream) {
        let names = RecordedStream {
            name: stream.info.name.clone(),
            kind: stream.info.kind.clone(),
            source_id: stream.info.source_id.clone(),
            format: xdf_format(stream.info.format),
        };
        let name = if names.name.is_empty() { format!("{}", stream.id) } else { names.name.clone() };
        if stream.stamps.is_empty() {
            self.warnings.push(format!("stream {name} is empty"));
            return;
        }
        let stamps = clock::corrected(&stream);
        if !stamps.iter().all(|stamp| stamp.abs() <= FARTHEST_S) {
            self.warnings.push(format!("stream {name} is left out: stamps of it are no times"));
            return;
        }
        if stream.clock_offsets.is_empty() {
            self.warnings.push(format!(
                "stream {name} has no measured clock offsets: its stamps are taken to be on the recorder's clock"
            ));
        }
        let resets = clock::stretches(&stream).len().saturating_sub(1);
        if resets > 0 {
            self.warnings.push(format!(
                "the clock of stream {name} was set {resets} times; each stretch is corrected by itself"
            ));
        }
        match (Hz::new(stream.info.nominal_srate), &stream.values) {
            (Ok(rate), values) if values.texts().is_none() => {
                self.groups.push(Numbers { names, rate, stamps, stream });
            }
            _ if stream.info.channel_count == 1 => {
                let number = self.marker_streams.len();
                let text = |i: usize| match stream.values.texts() {
                    Some(texts) => texts[i].clone(),
                    None => stream.values.number(i).unwrap_or_default().to_string(),
                };
                self.annotations.extend(stamps.iter().enumerate().map(|(i, &onset_s)| Annotation {
                    onset_s,
                    duration_s: None,
                    text: text(i),
                    stream: number,
                }));
                self.marker_streams.push(names);
            }
            _ => self.warnings.push(format!(
                "stream {name} is left out: it has {} channels of {} and no regular rate",
                stream.info.channel_count,
                stream.info.format.word()
            )),
        }
    }
}

/// The format of a stream's samples.
#[must_use]
pub fn xdf_format(format: Format) -> SampleFormat {
    match format {
        Format::Int8 => SampleFormat::Int8,
        Format::Int16 => SampleFormat::Int16,
        Format::Int32 => SampleFormat::Int32,
        Format::Int64 => SampleFormat::Int64,
        Format::Float32 => SampleFormat::Float32,
        Format::Double64 => SampleFormat::Double64,
        Format::Text => SampleFormat::Text,
    }
}

/// The channels that a stream's header describes; where it describes none, as many without a label.
#[must_use]
pub fn xdf_channels(info: &StreamInfo) -> Vec<ChannelSpec> {
    let described: Vec<ChannelSpec> = info
        .channels
        .iter()
        .map(|channel| ChannelSpec {
            label: Some(channel.label.clone()).filter(|label| !label.is_empty()),
            unit: Unit::described(&channel.unit, &channel.fiff_kind, &channel.kind),
            kind: ChannelKind::parse(&channel.kind),
        })
        .collect();
    let unlabelled =
        ChannelSpec { label: None, unit: Unit::Unstated, kind: ChannelKind::Other(String::new()) };
    if described.is_empty() { vec![unlabelled; info.channel_count] } else { described }
}

/// A stream of samples at a regular rate.
struct Numbers {
    names: RecordedStream,
    rate: Hz,
    stamps: Vec<f64>,
    stream: Stream,
}

impl Numbers {
    fn group(self) -> SignalGroup {
        let Self { names, rate, stamps, stream } = self;
        let info = &stream.info;
        let channels = xdf_channels(info);
        let labels = channels.iter().map(|channel| channel.label.clone().unwrap_or_default()).collect();
        let frames = stamps.len() as u64;
        let times = FrameTimes::stamped(rate, &stamps, GAP_S.max(16.0 / rate.get()));
        let stored = Stored { channels: info.channel_count, values: stream.values };
        let mut group = SignalGroup::new(times, channels, labels, frames, Box::new(stored));
        group.stream = Some(names);
        group
    }
}

#[derive(Debug)]
struct Stored {
    channels: usize,
    values: Values,
}

impl Samples for Stored {
    fn read(&self, start: u64, out: &mut [f64]) {
        let first = usize::try_from(start).unwrap_or(usize::MAX).saturating_mul(self.channels);
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.values.number(first.saturating_add(i)).unwrap_or(f64::NAN);
        }
    }
}
