//! LSL's stream declaration, read into and written from a [`StreamSpec`].
//!
//! The channels' description follows the layout that XDF's metadata specification asks for
//! (`desc/channels/channel/{label,unit,type}`, <https://github.com/sccn/xdf/wiki/EEG-Meta-Data>).

use bci_types::{ChannelKind, ChannelSpec, Hz, Rate, SampleFormat, StreamSpec, Unit};
use lsl::{ChannelFormat, StreamInfo};

/// More than any device has. A declaration of a few bytes can name two billion, and each costs memory.
const MOST_CHANNELS: usize = 1_000_000;

/// The format of a stream; `None` when it declares none.
pub(crate) fn format_of(info: &StreamInfo) -> Option<SampleFormat> {
    Some(match info.channel_format() {
        ChannelFormat::Int8 => SampleFormat::Int8,
        ChannelFormat::Int16 => SampleFormat::Int16,
        ChannelFormat::Int32 => SampleFormat::Int32,
        ChannelFormat::Int64 => SampleFormat::Int64,
        ChannelFormat::Float32 => SampleFormat::Float32,
        ChannelFormat::Double64 => SampleFormat::Double64,
        ChannelFormat::String => SampleFormat::Text,
        ChannelFormat::Undefined => return None,
    })
}

/// liblsl's name for a format.
pub(crate) fn to_lsl(format: SampleFormat) -> ChannelFormat {
    match format {
        SampleFormat::Int8 => ChannelFormat::Int8,
        SampleFormat::Int16 => ChannelFormat::Int16,
        SampleFormat::Int32 => ChannelFormat::Int32,
        SampleFormat::Int64 => ChannelFormat::Int64,
        SampleFormat::Float32 => ChannelFormat::Float32,
        SampleFormat::Double64 => ChannelFormat::Double64,
        SampleFormat::Text => ChannelFormat::String,
    }
}

/// The nominal rate of a stream; `None` when what it declares is neither a frequency nor irregular.
pub(crate) fn rate_of(info: &StreamInfo) -> Option<Rate> {
    let hz = info.nominal_srate();
    if hz == lsl::IRREGULAR_RATE { Some(Rate::Irregular) } else { Hz::new(hz).ok().map(Rate::Regular) }
}

/// The rate as liblsl wants it.
pub(crate) fn to_nominal(rate: Rate) -> f64 {
    match rate {
        Rate::Regular(hz) => hz.get(),
        Rate::Irregular => lsl::IRREGULAR_RATE,
    }
}

/// How many channels a stream has.
///
/// # Errors
/// In words: it has none, or more than there is memory to be risked for.
pub(crate) fn channels_of(info: &StreamInfo) -> Result<usize, String> {
    match usize::try_from(info.channel_count()).unwrap_or(0) {
        0 => Err("it declares no channels".into()),
        count if count > MOST_CHANNELS => {
            Err(format!("it declares {count} channels, more than {MOST_CHANNELS}"))
        }
        count => Ok(count),
    }
}

/// Reads a full declaration (one that an inlet fetched, with its description). A list of channels that does not fit
/// the number of channels is not used, and `notes` says so.
///
/// # Errors
/// Why the stream cannot be used, in words.
pub(crate) fn read(info: &mut StreamInfo, notes: &mut Vec<String>) -> Result<StreamSpec, String> {
    let count = channels_of(info)?;
    let format = format_of(info).ok_or("it declares no sample format")?;
    let rate = rate_of(info)
        .ok_or_else(|| format!("its nominal rate {} is no sampling rate", info.nominal_srate()))?;
    let mut channels = described_channels(info);
    if channels.len() != count {
        if !channels.is_empty() {
            notes.push(format!(
                "its description lists {} channels but it carries {count}: labels and units are ignored",
                channels.len()
            ));
        }
        let unlabelled =
            ChannelSpec { label: None, unit: Unit::Unstated, kind: ChannelKind::Other(String::new()) };
        channels = vec![unlabelled; count];
    }
    Ok(StreamSpec {
        name: info.stream_name(),
        kind: info.stream_type(),
        source_id: info.source_id(),
        hostname: info.hostname(),
        instance: info.uid(),
        format,
        rate,
        channels,
    })
}

fn described_channels(info: &mut StreamInfo) -> Vec<ChannelSpec> {
    let mut channels = Vec::new();
    let mut node = info.desc().child("channels").child("channel");
    while node.is_valid() {
        let label = node.child_value_named("label").trim().to_owned();
        channels.push(ChannelSpec {
            label: (!label.is_empty()).then_some(label),
            unit: Unit::described(
                &node.child_value_named("unit"),
                &node.child_value_named("kind"),
                &node.child_value_named("type"),
            ),
            kind: ChannelKind::parse(&node.child_value_named("type")),
        });
        node = node.next_sibling_named("channel");
    }
    channels
}

/// Writes the channels of `spec`, and `acquisition` (`manufacturer`, `model`, …) where there is any, into a
/// declaration. The texts must hold no NUL.
pub(crate) fn write(info: &mut StreamInfo, spec: &StreamSpec, acquisition: &[(String, String)]) {
    let mut channels = info.desc().append_child("channels");
    for channel in &spec.channels {
        let mut node = channels.append_child("channel");
        if let Some(label) = &channel.label {
            node.append_child_value("label", label);
        }
        if let Some(unit) = unit_name(&channel.unit) {
            node.append_child_value("unit", unit);
        }
        let kind = channel.kind.to_string();
        if !kind.is_empty() {
            node.append_child_value("type", &kind);
        }
    }
    if !acquisition.is_empty() {
        let mut node = info.desc().append_child("acquisition");
        for (key, value) in acquisition {
            node.append_child_value(key, value);
        }
    }
}

/// The spelling that XDF's metadata specification gives.
fn unit_name(unit: &Unit) -> Option<&str> {
    match unit {
        Unit::Nanovolts => Some("nanovolts"),
        Unit::Microvolts => Some("microvolts"),
        Unit::Millivolts => Some("millivolts"),
        Unit::Volts => Some("volts"),
        Unit::Other(text) => Some(text),
        Unit::Unstated => None,
    }
}
