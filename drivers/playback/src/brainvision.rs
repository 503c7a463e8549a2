//! BrainVision files: a header (`.vhdr`), the samples and the markers that it names.
//!
//! Source: Brain Products, BrainVision Core Data Format 1.0. A sample is what is stored times the channel's resolution, in
//! its unit; where the header gives none, 1 and microvolts. Annotations are called `Type/Description`, as MNE calls them.

mod error;
mod ini;
mod markers;

pub use error::BrainVisionError;

use crate::recording::{FrameTimes, Recording, Samples, Segment, SignalGroup};
use bci_types::{ChannelKind, ChannelSpec, Hz, Unit};
use ini::Ini;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// What header and marker files begin with, after a mark of byte order.
const BEGINNINGS: [&str; 2] = ["Brain Vision Data Exchange", "BrainVision Data Exchange"];

/// The section that describes channels.
const DESCRIBED: &str = "Channel Infos";

/// More than any device has.
const MOST_CHANNELS: usize = 1_000_000;

/// Whether the bytes start as a header does.
pub(crate) fn is_brainvision(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    BEGINNINGS.iter().any(|start| {
        let rest = bytes.strip_prefix(start.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b" Header"))
    })
}

/// Reads the header in `bytes`, of the file at `path`, and what it names, by `open`.
pub(crate) fn read<E>(
    bytes: &[u8],
    path: &Path,
    open: impl Fn(&Path) -> Result<Vec<u8>, E>,
) -> Result<Recording, Failed<E>> {
    let header = Ini::parse(bytes);
    let mut warnings = Vec::new();
    let layout = Layout::of(&header).map_err(Failed::Header)?;
    let named = header.required("Common Infos", "DataFile").map_err(Failed::Header)?;
    let data = beside(path, named).ok_or_else(|| {
        let expected = "a file beside the header";
        Failed::Header(BrainVisionError::Field { key: "DataFile", value: named.to_owned(), expected })
    })?;
    let samples = open(&data).map_err(Failed::File)?;
    let frame_bytes = layout.channels.len() * layout.format.size();
    let frames = samples.len() / frame_bytes;
    if frames == 0 {
        let problem = format!("holds {} bytes, a frame takes {frame_bytes}", samples.len());
        return Err(Failed::Header(BrainVisionError::Data { file: data, problem }));
    }
    if samples.len() % frame_bytes != 0 {
        warnings.push(format!("{} ends within a frame: it was cut off", data.display()));
    }
    let (mut annotations, mut start) = (Vec::new(), None);
    if let Some(named) = header.get("Common Infos", "MarkerFile").filter(|named| !named.is_empty()) {
        match beside(path, named).map(|file| open(&file)) {
            Some(Ok(bytes)) => {
                (annotations, start) = markers::read(&Ini::parse(&bytes), layout.rate, &mut warnings);
            }
            _ => warnings.push(format!("{named} is not there: no markers")),
        }
    }
    let times = FrameTimes::even(layout.rate, [Segment { first_frame: 0, start_s: 0.0 }].into());
    let labels = layout.channels.iter().map(|c| c.spec.label.clone().unwrap_or_default()).collect();
    let channels = layout.channels.iter().map(|c| c.spec.clone()).collect();
    let stored = Stored {
        resolutions: layout.channels.iter().map(|c| c.resolution).collect(),
        frames: frames as u64,
        multiplexed: layout.multiplexed,
        format: layout.format,
        big_endian: layout.big_endian,
        bytes: samples,
    };
    Ok(Recording {
        source: path.display().to_string(),
        format: "BrainVision",
        start,
        groups: vec![SignalGroup::new(times, channels, labels, frames as u64, Box::new(stored))],
        annotations,
        marker_streams: Vec::new(),
        warnings,
    })
}

/// Why a recording could not be read.
pub(crate) enum Failed<E> {
    /// The header, or the data that it describes.
    Header(BrainVisionError),
    /// A file that it names.
    File(E),
}

/// A file that a header names, which is beside it; `$b` stands for the header's own name. `None` where none is named, or a folder.
fn beside(header: &Path, named: &str) -> Option<PathBuf> {
    let stem = header.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    // Other systems' paths: only the name counts.
    let named = named.replace("$b", &stem);
    let name = named.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_file = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    (is_file && !name.is_empty()).then(|| header.with_file_name(name))
}

struct Layout {
    rate: Hz,
    channels: Vec<Channel>,
    multiplexed: bool,
    format: Format,
    big_endian: bool,
}

struct Channel {
    spec: ChannelSpec,
    resolution: f64,
}

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Int16,
    Int32,
    Float32,
}

impl Format {
    fn size(self) -> usize {
        if self == Self::Int16 { 2 } else { 4 }
    }
}

impl Layout {
    fn of(header: &Ini) -> Result<Self, BrainVisionError> {
        const COMMON: &str = "Common Infos";
        let one_of = |section: &str, key: &'static str, words: &'static str| {
            let value = header.required(section, key)?.to_ascii_uppercase();
            let permitted = words.split(", ").any(|word| word == value);
            if permitted { Ok(value) } else { Err(BrainVisionError::Field { key, value, expected: words }) }
        };
        let field =
            |key, value: &str, expected| BrainVisionError::Field { key, value: value.to_owned(), expected };
        one_of(COMMON, "DataFormat", "BINARY")?;
        let multiplexed = one_of(COMMON, "DataOrientation", "MULTIPLEXED, VECTORIZED")? == "MULTIPLEXED";
        let format = match one_of("Binary Infos", "BinaryFormat", "INT_16, INT_32, IEEE_FLOAT_32")?.as_str() {
            "INT_16" => Format::Int16,
            "INT_32" => Format::Int32,
            _ => Format::Float32,
        };
        let big_endian = header.get("Binary Infos", "UseBigEndianOrder");
        let big_endian = big_endian.is_some_and(|word| word.eq_ignore_ascii_case("YES"));
        let interval = header.required(COMMON, "SamplingInterval")?;
        let rate = interval.parse().ok().filter(|us: &f64| *us > 0.0).and_then(|us| Hz::new(1e6 / us).ok());
        let rate = rate.ok_or_else(|| field("SamplingInterval", interval, "microseconds above 0"))?;
        let count = header.required(COMMON, "NumberOfChannels")?;
        let channels = count.parse().ok().filter(|n| (1..=MOST_CHANNELS).contains(n));
        let channels: usize = channels.ok_or_else(|| field("NumberOfChannels", count, "1 to 1000000"))?;
        // None that is not described is made room for.
        if header.entries(DESCRIBED).count() < channels {
            return Err(field(
                "NumberOfChannels",
                count,
                "no more than there are described under [Channel Infos]",
            ));
        }
        let mut described: HashMap<String, &str> = HashMap::new();
        for (key, written) in header.entries(DESCRIBED) {
            described.entry(key.to_ascii_lowercase()).or_insert(written);
        }
        let written = |n: usize| {
            let missing = || BrainVisionError::Missing { section: DESCRIBED.into(), key: format!("Ch{n}") };
            described.get(&format!("ch{n}")).copied().ok_or_else(missing)
        };
        let channels = (1..=channels).map(|n| channel(written(n)?)).collect::<Result<_, _>>()?;
        Ok(Self { rate, channels, multiplexed, format, big_endian })
    }
}

fn channel(written: &str) -> Result<Channel, BrainVisionError> {
    let mut parts = written.split(',').map(|part| part.trim().replace("\\1", ","));
    let (label, _reference) = (parts.next().unwrap_or_default(), parts.next());
    let resolution = match parts.next().unwrap_or_default().as_str() {
        "" => 1.0,
        text => text.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| BrainVisionError::Field {
            key: DESCRIBED,
            value: written.to_owned(),
            expected: "name, reference, resolution (a number), unit",
        })?,
    };
    let unit = match parts.next().unwrap_or_default() {
        unit if unit.is_empty() => Unit::Microvolts,
        unit => Unit::parse(&unit),
    };
    let kind =
        if unit.to_microvolts().is_some() { ChannelKind::Eeg } else { ChannelKind::Other("misc".to_owned()) };
    let label = Some(label).filter(|label| !label.is_empty());
    Ok(Channel { spec: ChannelSpec { label, unit, kind }, resolution })
}

#[derive(Debug)]
struct Stored {
    bytes: Vec<u8>,
    resolutions: Vec<f64>,
    frames: u64,
    multiplexed: bool,
    format: Format,
    big_endian: bool,
}

impl Stored {
    fn number(&self, at: usize) -> f64 {
        let size = self.format.size();
        let Some(bytes) = self.bytes.get(at * size..(at + 1) * size) else { return f64::NAN };
        let mut own = [0; 4];
        own[..size].copy_from_slice(bytes);
        if self.big_endian {
            own[..size].reverse();
        }
        match self.format {
            Format::Int16 => i16::from_le_bytes([own[0], own[1]]).into(),
            Format::Int32 => i32::from_le_bytes(own).into(),
            Format::Float32 => f32::from_le_bytes(own).into(),
        }
    }
}

impl Samples for Stored {
    fn read(&self, start: u64, out: &mut [f64]) {
        let channels = self.resolutions.len();
        let (start, frames) = (start as usize, self.frames as usize);
        for (i, frame) in out.chunks_exact_mut(channels).enumerate() {
            for (c, (out, resolution)) in frame.iter_mut().zip(&self.resolutions).enumerate() {
                let at = if self.multiplexed { (start + i) * channels + c } else { c * frames + start + i };
                *out = self.number(at) * resolution;
            }
        }
    }
}
