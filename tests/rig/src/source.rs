//! The sending side.

use crate::load::{Load, percentiles};
use crate::noise::{PERIOD, noise};
use crate::{Failure, Stream};
use bci_driver_lsl::{EegOutlet, OutletOptions};
use bci_types::{ChannelKind, ChannelSpec, Hz, Rate, SampleFormat, StreamSpec, Unit};
use std::time::Duration;

/// How long a receiver is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// From the receiver's coming to the first chunk.
const LEAD_S: f64 = 0.5;

/// Sends the stream to the first who listens, then tells in one line what it took.
///
/// A sample's stamp is the instant at which it would have been taken: sample `n` at `n / rate` after the beginning. A
/// chunk goes out when its newest sample is due; how late the system wakes the source is therefore part of every
/// latency that is measured from the stamps, unless they are to be taken when it is pushed.
pub(crate) fn send(stream: &Stream, name: &str) -> Result<String, Failure> {
    if !(1..=PERIOD).contains(&stream.chunk_frames) || !PERIOD.is_multiple_of(stream.chunk_frames) {
        return Err(format!("--chunk-frames must divide {PERIOD}").into());
    }
    let lsl = stream.lsl()?;
    let (kind, channel_kind) =
        if stream.shaft_contacts.is_some() { ("EEG", "SEEG") } else { ("Spikes", "MEA") };
    let channel = |label| ChannelSpec {
        label: Some(label),
        unit: Unit::Microvolts,
        kind: ChannelKind::Other(channel_kind.into()),
    };
    let rate_hz = f64::from(stream.rate_hz);
    let spec = StreamSpec {
        name: name.into(),
        kind: kind.into(),
        source_id: name.into(),
        hostname: String::new(),
        instance: String::new(),
        format: SampleFormat::Float32,
        rate: Rate::Regular(Hz::new(rate_hz)?),
        channels: stream.labels().into_iter().map(channel).collect(),
    };
    let mut outlet = EegOutlet::new(lsl, &spec, &OutletOptions { buffer_s: 5, ..OutletOptions::default() })?;
    let noise = noise(stream.channels);
    let blocks: Vec<&[f32]> = noise.chunks_exact(stream.chunk_frames * stream.channels).collect();
    if !outlet.wait_for_consumers(PATIENCE) {
        return Err("nobody listens".into());
    }

    let load = Load::begin();
    let begun = lsl.local_clock() + LEAD_S;
    let mut late_ms = Vec::with_capacity(stream.chunks());
    for (i, block) in blocks.iter().cycle().take(stream.chunks()).enumerate() {
        let first = i * stream.chunk_frames;
        let due = begun + (first + stream.chunk_frames - 1) as f64 / rate_hz;
        // Each deadline is computed from the beginning: being late once does not move the next.
        let wait = due - lsl.local_clock();
        if wait > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(wait));
        }
        let newest = if stream.stamp_at_push { lsl.local_clock() } else { due };
        outlet.push_f32_from(block, newest - (stream.chunk_frames - 1) as f64 / rate_hz)?;
        late_ms.push(1e3 * (lsl.local_clock() - due));
    }
    let used = load.end();
    outlet.close(Duration::from_secs(2));
    Ok(format!(
        "{} frames sent; due to pushed {}; {used}",
        stream.chunks() * stream.chunk_frames,
        percentiles(&mut late_ms, "ms")
    ))
}
