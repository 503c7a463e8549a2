//! Publishing streams.

use crate::{Liblsl, description};
use bci_types::{ChannelKind, ChannelSpec, Rate, SampleFormat, StreamSpec, Unit};
use lsl::{ExPushable, StreamInfo, StreamOutlet};
use std::time::Duration;

/// Why a stream cannot be published or pushed to.
#[derive(Debug, thiserror::Error)]
pub enum OutletError {
    /// A text that LSL cannot carry.
    #[error("the stream's {field} cannot be published: {reason}")]
    Field {
        /// Which part of the declaration.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Numbers and stamps that do not make whole frames.
    #[error("{values} values are not {frames} frames of {channels} channels")]
    Shape {
        /// Values given.
        values: usize,
        /// Stamps given.
        frames: usize,
        /// Channels of the stream.
        channels: usize,
    },
    /// Frames of float32 for a stream of another format.
    #[error("the stream's format is {0}, not float32")]
    Format(
        /// The format of the stream.
        SampleFormat,
    ),
    /// A time that LSL cannot carry (0 and -1 have meanings of their own there).
    #[error("the time stamp {0} cannot be sent: it must be finite and neither 0 nor -1")]
    Stamp(
        /// The stamp.
        f64,
    ),
    /// A value outside of an integer format.
    #[error("the value {value} of channel {channel} does not fit the stream's format {format}")]
    Value {
        /// The value.
        value: f64,
        /// Its channel, counted from 0.
        channel: usize,
        /// The format of the stream.
        format: SampleFormat,
    },
    /// liblsl failed.
    #[error("{operation} failed")]
    Backend {
        /// What was tried.
        operation: &'static str,
        /// What liblsl says.
        #[source]
        source: lsl::Error,
    },
}

/// How a stream is published.
#[derive(Clone, Debug, Default)]
pub struct OutletOptions {
    /// Frames a network packet, unless the reader asks for another number; 0: as they are pushed.
    pub chunk: u32,
    /// How much is kept for a reader that falls behind, seconds; 0: 60 s.
    pub buffer_s: u32,
    /// Entries of `desc/acquisition` (`manufacturer`, `model`, `serial_number`, …). Keys are XML element names.
    pub acquisition: Vec<(String, String)>,
}

/// Publishes a numeric stream with its channels' labels, units and types.
pub struct EegOutlet {
    outlet: Outlet,
    format: SampleFormat,
    channels: usize,
    rate: Rate,
    room: Room,
}

// SAFETY: the only thing within that is not Send by itself is the handle of liblsl's outlet, which liblsl lets any
// thread use; the handle's owner moves with it.
unsafe impl Send for EegOutlet {}

impl EegOutlet {
    /// Announces the stream. `spec.hostname` and `spec.instance` are liblsl's to fill in; where `spec.source_id` is
    /// empty, readers cannot find it again after a restart.
    ///
    /// # Errors
    /// [`OutletError::Field`] for what cannot be declared, [`OutletError::Backend`] when liblsl refuses.
    pub fn new(lsl: Liblsl, spec: &StreamSpec, options: &OutletOptions) -> Result<Self, OutletError> {
        let channels = spec.channels.len();
        let room = match spec.format {
            SampleFormat::Int8 => Room::Int8(vec![0; channels]),
            SampleFormat::Int16 => Room::Int16(vec![0; channels]),
            SampleFormat::Int32 => Room::Int32(vec![0; channels]),
            SampleFormat::Int64 => Room::Int64(vec![0; channels]),
            SampleFormat::Float32 => Room::Float32(vec![0.0; channels]),
            SampleFormat::Double64 => Room::Double64(vec![0.0; channels]),
            SampleFormat::Text => {
                return Err(OutletError::Field { field: "format", reason: "a signal is no text".into() });
            }
        };
        let outlet = Outlet::new(lsl, spec, options)?;
        Ok(Self { outlet, format: spec.format, channels, rate: spec.rate, room })
    }

    /// Sends frames: `values` is `[frames x channels]`, frame-major, in the stream's units; one stamp a frame, seconds
    /// on the LSL clock, sent as they are. Integer formats take the nearest integer. The frames go out together.
    ///
    /// # Errors
    /// [`OutletError::Shape`], [`OutletError::Stamp`], [`OutletError::Value`]: nothing of this call was sent.
    /// [`OutletError::Backend`] when liblsl refuses.
    pub fn push(&mut self, values: &[f64], stamps: &[f64]) -> Result<(), OutletError> {
        self.push_at(values, stamps.len(), |frame| stamps[frame])
    }

    /// As [`EegOutlet::push`], with the first frame at `first` and the others at the nominal rate after it, each
    /// computed from the first: stamps do not drift. At an irregular rate all are at `first`.
    ///
    /// # Errors
    /// As [`EegOutlet::push`].
    pub fn push_from(&mut self, values: &[f64], first: f64) -> Result<(), OutletError> {
        let frames = values.len() / self.channels;
        match self.rate {
            Rate::Regular(hz) => self.push_at(values, frames, |frame| first + frame as f64 / hz.get()),
            Rate::Irregular => self.push_at(values, frames, |_| first),
        }
    }

    /// As [`EegOutlet::push_from`] for a stream of float32, whose frames go out as they are: nothing is converted, so
    /// that thousands of channels at tens of kilohertz cost no more than copying them.
    ///
    /// # Errors
    /// As [`EegOutlet::push`]; [`OutletError::Format`] for a stream of another format.
    pub fn push_f32_from(&mut self, values: &[f32], first: f64) -> Result<(), OutletError> {
        let Room::Float32(room) = &mut self.room else { return Err(OutletError::Format(self.format)) };
        let frames = values.len() / self.channels;
        if values.len() != frames * self.channels {
            return Err(OutletError::Shape { values: values.len(), frames, channels: self.channels });
        }
        let hz = match self.rate {
            Rate::Regular(hz) => hz.get(),
            Rate::Irregular => f64::INFINITY,
        };
        let stamp = |frame: usize| first + frame as f64 / hz;
        for frame in 0..frames {
            check_stamp(stamp(frame))?;
        }
        for (frame, row) in values.chunks_exact(self.channels).enumerate() {
            room.copy_from_slice(row);
            self.outlet
                .0
                .push_sample_ex(room, stamp(frame), frame + 1 == frames)
                .map_err(|source| OutletError::Backend { operation: "pushing a frame", source })?;
        }
        Ok(())
    }

    /// Whether anyone reads the stream.
    #[must_use]
    pub fn has_consumers(&self) -> bool {
        self.outlet.0.have_consumers()
    }

    /// Waits up to `timeout` for a reader; whether there is one.
    #[must_use]
    pub fn wait_for_consumers(&self, timeout: Duration) -> bool {
        self.outlet.0.wait_for_consumers(timeout.as_secs_f64())
    }

    /// Takes the stream down after `linger`: dropping an outlet discards what is still on its way to the readers, and
    /// liblsl cannot tell when all has arrived.
    pub fn close(self, linger: Duration) {
        std::thread::sleep(linger);
    }

    fn push_at(
        &mut self,
        values: &[f64],
        frames: usize,
        stamp: impl Fn(usize) -> f64,
    ) -> Result<(), OutletError> {
        if values.len() != frames * self.channels {
            return Err(OutletError::Shape { values: values.len(), frames, channels: self.channels });
        }
        for frame in 0..frames {
            check_stamp(stamp(frame))?;
        }
        check_values(values, self.format, self.channels)?;
        for (frame, row) in values.chunks_exact(self.channels).enumerate() {
            let last = frame + 1 == frames;
            self.room
                .push(&self.outlet.0, row, stamp(frame), last)
                .map_err(|source| OutletError::Backend { operation: "pushing a frame", source })?;
        }
        Ok(())
    }
}

/// Publishes a stream of text markers (one channel, irregular rate).
pub struct MarkerOutlet {
    outlet: Outlet,
}

// SAFETY: as for `EegOutlet`.
unsafe impl Send for MarkerOutlet {}

impl MarkerOutlet {
    /// Announces the stream, of content type `Markers`.
    ///
    /// # Errors
    /// As [`EegOutlet::new`].
    pub fn new(lsl: Liblsl, name: &str, source_id: &str) -> Result<Self, OutletError> {
        let channel =
            ChannelSpec { label: None, unit: Unit::Unstated, kind: ChannelKind::Other("Markers".into()) };
        let spec = StreamSpec {
            name: name.to_owned(),
            kind: "Markers".into(),
            source_id: source_id.to_owned(),
            hostname: String::new(),
            instance: String::new(),
            format: SampleFormat::Text,
            rate: Rate::Irregular,
            channels: vec![channel],
        };
        Ok(Self { outlet: Outlet::new(lsl, &spec, &OutletOptions::default())? })
    }

    /// Sends a marker, `stamp` in seconds on the LSL clock, sent as it is.
    ///
    /// # Errors
    /// [`OutletError::Stamp`]; [`OutletError::Backend`] when liblsl refuses.
    pub fn push(&mut self, text: &str, stamp: f64) -> Result<(), OutletError> {
        check_stamp(stamp)?;
        self.outlet
            .0
            .push_sample_ex(&vec![text], stamp, true)
            .map_err(|source| OutletError::Backend { operation: "pushing a marker", source })
    }

    /// Whether anyone reads the stream.
    #[must_use]
    pub fn has_consumers(&self) -> bool {
        self.outlet.0.have_consumers()
    }

    /// Waits up to `timeout` for a reader; whether there is one.
    #[must_use]
    pub fn wait_for_consumers(&self, timeout: Duration) -> bool {
        self.outlet.0.wait_for_consumers(timeout.as_secs_f64())
    }

    /// As [`EegOutlet::close`].
    pub fn close(self, linger: Duration) {
        std::thread::sleep(linger);
    }
}

struct Outlet(StreamOutlet);

impl Outlet {
    fn new(lsl: Liblsl, spec: &StreamSpec, options: &OutletOptions) -> Result<Self, OutletError> {
        check_spec(spec, options)?;
        lsl.used();
        let refused = |operation| move |source| OutletError::Backend { operation, source };
        let channels = u32::try_from(spec.channels.len()).unwrap_or(u32::MAX);
        let mut info = StreamInfo::new(
            &spec.name,
            &spec.kind,
            channels,
            description::to_nominal(spec.rate),
            description::to_lsl(spec.format),
            &spec.source_id,
        )
        .map_err(refused("declaring the stream"))?;
        description::write(&mut info, spec, &options.acquisition);
        let buffer_s = if options.buffer_s == 0 { 60 } else { options.buffer_s };
        let whole = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        StreamOutlet::new(&info, whole(options.chunk), whole(buffer_s))
            .map(Self)
            .map_err(refused("opening the outlet"))
    }
}

fn check_spec(spec: &StreamSpec, options: &OutletOptions) -> Result<(), OutletError> {
    let refuse = |field, reason: &str| Err(OutletError::Field { field, reason: reason.into() });
    if spec.name.is_empty() {
        return refuse("name", "it is empty");
    }
    if spec.channels.is_empty() {
        return refuse("channels", "there are none");
    }
    let mut texts = vec![("name", &spec.name), ("type", &spec.kind), ("source_id", &spec.source_id)];
    for channel in &spec.channels {
        texts.extend(channel.label.iter().map(|l| ("channel label", l)));
        if let Unit::Other(unit) = &channel.unit {
            texts.push(("channel unit", unit));
        }
        if let ChannelKind::Other(kind) = &channel.kind {
            texts.push(("channel type", kind));
        }
    }
    for (key, value) in &options.acquisition {
        texts.push(("acquisition", value));
        let mut letters = key.chars();
        let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !first || letters.any(|c| !c.is_ascii_alphanumeric() && c != '_') {
            return refuse("acquisition", &format!("{key:?} is no XML element name"));
        }
    }
    for (field, text) in texts {
        if text.chars().any(char::is_control) {
            return refuse(field, &format!("{text:?} holds a control character"));
        }
    }
    Ok(())
}

fn check_stamp(stamp: f64) -> Result<(), OutletError> {
    if stamp.is_finite() && stamp != 0.0 && stamp != lsl::DEDUCED_TIMESTAMP {
        Ok(())
    } else {
        Err(OutletError::Stamp(stamp))
    }
}

/// Whether each value has a nearest integer in the format; any double fits the floating formats.
fn check_values(values: &[f64], format: SampleFormat, channels: usize) -> Result<(), OutletError> {
    // 2^63 itself is the first double beyond int64.
    let (least, beyond) = match format {
        SampleFormat::Int8 => (-128.0, 128.0),
        SampleFormat::Int16 => (-32_768.0, 32_768.0),
        SampleFormat::Int32 => (-2_147_483_648.0, 2_147_483_648.0),
        SampleFormat::Int64 => (-9_223_372_036_854_775_808.0, 9_223_372_036_854_775_808.0),
        SampleFormat::Float32 | SampleFormat::Double64 | SampleFormat::Text => return Ok(()),
    };
    // Written so that NaN fails.
    match values.iter().position(|v| !(v.round() >= least && v.round() < beyond)) {
        Some(at) => Err(OutletError::Value { value: values[at], channel: at % channels, format }),
        None => Ok(()),
    }
}

/// One frame in the stream's own format: liblsl would truncate doubles, not round them.
enum Room {
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Double64(Vec<f64>),
}

impl Room {
    fn push(&mut self, outlet: &StreamOutlet, row: &[f64], stamp: f64, last: bool) -> Result<(), lsl::Error> {
        match self {
            Self::Int8(room) => send(outlet, room, row, |v| v.round() as i8, stamp, last),
            Self::Int16(room) => send(outlet, room, row, |v| v.round() as i16, stamp, last),
            Self::Int32(room) => send(outlet, room, row, |v| v.round() as i32, stamp, last),
            Self::Int64(room) => send(outlet, room, row, |v| v.round() as i64, stamp, last),
            Self::Float32(room) => send(outlet, room, row, |v| v as f32, stamp, last),
            Self::Double64(room) => send(outlet, room, row, |v| v, stamp, last),
        }
    }
}

fn send<T>(
    outlet: &StreamOutlet,
    room: &mut Vec<T>,
    row: &[f64],
    convert: impl Fn(f64) -> T,
    stamp: f64,
    last: bool,
) -> Result<(), lsl::Error>
where
    StreamOutlet: ExPushable<Vec<T>>,
{
    for (to, from) in room.iter_mut().zip(row) {
        *to = convert(*from);
    }
    outlet.push_sample_ex(room, stamp, last)
}
