//! A configuration, a decoder and a stream are held against each other before anything runs: all mistakes at once.

use crate::signal::{Layout, SignalPath};
use crate::spec::PipelineSpec;
use bci_config::{Located, Mistake};
use bci_dsp::StepSpec;
use bci_models::Bundle;
use bci_models::steps::Step;
use bci_types::{ChannelKind, Hz, Rate, SampleFormat, StreamSpec, Unit};

/// A configuration and a decoder that fit each other.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Samples between windows.
    pub hop_samples: usize,
    /// The same in ms.
    pub hop_ms: f64,
}

/// Holds a configuration against its decoder, without a stream.
///
/// # Errors
/// Every mistake found.
pub fn check(spec: &PipelineSpec, bundle: &Bundle) -> Result<Binding, Vec<Mistake>> {
    let mut found = Vec::new();
    let rate = bundle.input.rate.value;
    let window_samples = bundle.input.window_samples.value;
    if let Some(window) = &spec.window_ms {
        let needed = window_samples as f64 * 1e3 / rate.get();
        if (window.value - needed).abs() > 1e-6 || window.value.is_nan() {
            found.push(window.mistake(format!(
                "must be {needed} ms: the decoder {} needs {window_samples} samples at {rate} (or leave the key out)",
                bundle.identity.name
            )));
        }
    }
    let mut hop_samples = bundle.input.hop_samples.value;
    if let Some(hop) = &spec.hop_ms {
        let samples = hop.value * rate.get() / 1e3;
        if samples >= 1.0 - 1e-9 && (samples - samples.round()).abs() < 1e-6 && hop.value <= 60_000.0 {
            hop_samples = samples.round() as usize;
        } else {
            let period = 1e3 / rate.get();
            found.push(hop.mistake(format!(
                "must be a whole number of samples at {rate}: a multiple of {period} ms, up to 60000 ms"
            )));
        }
    }
    found.extend(spec.conditioning.iter().flat_map(|s| s.check(rate, "the decoder's")));
    let chance = 1.0 / bundle.output.classes.len().max(1) as f64;
    if let Some(at) = &spec.threshold_at
        // As it will be compared, in single precision.
        && spec.policy.threshold as f32 <= chance as f32
    {
        found.push(at.mistake(format!(
            "must be above {chance:.3}: between {} classes, one always reaches that",
            bundle.output.classes.len()
        )));
    }
    if found.is_empty() {
        Ok(Binding { hop_samples, hop_ms: hop_samples as f64 * 1e3 / rate.get() })
    } else {
        Err(found)
    }
}

/// Holds a configuration and its decoder against a stream and builds the signal path for it, for chunks of up to
/// `max_chunk` frames.
///
/// # Errors
/// Every mistake found, those of [`check`] included.
pub fn bind(
    spec: &PipelineSpec,
    bundle: &Bundle,
    stream: &StreamSpec,
    max_chunk: usize,
) -> Result<SignalPath, Vec<Mistake>> {
    let (binding, mut found) = match check(spec, bundle) {
        Ok(binding) => (Some(binding), Vec::new()),
        Err(found) => (None, found),
    };
    if stream.format == SampleFormat::Text {
        found.push(Mistake::elsewhere(format!("the stream {} carries text, not samples", stream.name)));
        return Err(found);
    }
    let rate = stream_rate(stream, bundle, &mut found);
    let stream = &relabelled(spec, stream, &mut found);
    let needed = &bundle.input.channels;
    let picked =
        pick(stream, needed, &format!("which the decoder {} needs", bundle.identity.name), &mut found);
    // Named channels are checked even where no step works on them.
    let conditioned = (!spec.conditioning.is_empty() || spec.channels.is_some())
        .then(|| conditioned_channels(spec, stream, &picked, &mut found))
        .filter(|_| !spec.conditioning.is_empty());
    let mut used = conditioned.clone().unwrap_or_default();
    used.extend(&picked);
    let factors = unit_factors(spec, stream, &used, &mut found);
    if let Some(rate) = rate.filter(|r| *r != bundle.input.rate.value) {
        found.extend(spec.conditioning.iter().flat_map(|s| s.check(rate, "the stream's")));
    }
    let (Some(rate), Some(binding), true) = (rate, binding, found.is_empty()) else {
        return Err(found);
    };
    let to_unit = 1.0 / bundle.input.unit.to_microvolts().unwrap_or(1.0);
    SignalPath::design(&Layout {
        rate,
        inputs: stream.channels.len(),
        factors: &factors,
        conditioned: conditioned.as_deref(),
        conditioning: &specs(&spec.conditioning),
        picked: &picked,
        to_decoder_unit: to_unit,
        preprocessing: &specs(&bundle.preprocessing),
        window_samples: bundle.input.window_samples.value,
        hop_samples: binding.hop_samples,
        gap_ms: spec.gap_ms,
        max_chunk,
    })
    .map_err(|e| vec![Mistake::elsewhere(format!("pipeline {}: {e}", spec.name))])
}

/// Holds a configuration against a stream while there is no decoder to hold either against: for the mistakes that can
/// be told all the same.
#[must_use]
pub fn check_stream(spec: &PipelineSpec, stream: &StreamSpec) -> Vec<Mistake> {
    let mut found = Vec::new();
    let stream = &relabelled(spec, stream, &mut found);
    if spec.channels.is_some() {
        conditioned_channels(spec, stream, &[], &mut found);
    }
    if let Rate::Regular(rate) = stream.rate {
        found.extend(spec.conditioning.iter().flat_map(|s| s.check(rate, "the stream's")));
    }
    found
}

fn specs(steps: &[Step]) -> Vec<StepSpec> {
    steps.iter().map(|s| s.spec.clone()).collect()
}

fn stream_rate(stream: &StreamSpec, bundle: &Bundle, found: &mut Vec<Mistake>) -> Option<Hz> {
    let needed = &bundle.input.rate;
    let name = &bundle.identity.name;
    match stream.rate {
        Rate::Irregular => {
            found.push(needed.mistake(format!(
                "the stream {} has no regular rate, the decoder {name} needs {}",
                stream.name, needed.value
            )));
            None
        }
        // A thousandth: devices state 999.41 where they mean 1000.
        Rate::Regular(hz) if ((hz.get() - needed.get()) / needed.get()).abs() > 1e-3 => {
            found.push(needed.mistake(format!(
                "the stream {} runs at {hz}, the decoder {name} needs {}: choose a decoder made for {hz}, or set the amplifier to {}",
                stream.name, needed.value, needed.value
            )));
            None
        }
        Rate::Regular(hz) => Some(hz),
    }
}

/// The stream with the labels and the unit that the configuration gives where the stream gives none.
fn relabelled(spec: &PipelineSpec, stream: &StreamSpec, found: &mut Vec<Mistake>) -> StreamSpec {
    let mut stream = stream.clone();
    if let Some(labels) = &spec.labels {
        if labels.len() == stream.channels.len() {
            let moved: Vec<String> = labels
                .iter()
                .enumerate()
                .filter_map(|(i, label)| Some((i, label, stream.channel_index(label).filter(|at| *at != i)?)))
                .map(|(i, label, at)| {
                    format!("{label} as channel {}, which the stream has as {}", i + 1, at + 1)
                })
                .collect();
            if !moved.is_empty() {
                found.push(labels.mistake(format!(
                    "contradicts the stream {}: {}; leave the key out, or give its order",
                    stream.name,
                    moved.join(", ")
                )));
            }
            for (channel, label) in stream.channels.iter_mut().zip(&labels.value) {
                channel.label = Some(label.clone());
            }
        } else {
            found.push(labels.mistake(format!(
                "names {} channels, the stream {} has {}",
                labels.len(),
                stream.name,
                stream.channels.len()
            )));
        }
    }
    if let Some(unit) = &spec.unit {
        for channel in stream.channels.iter_mut().filter(|c| c.unit == Unit::Unstated) {
            channel.unit = unit.value.clone();
        }
    }
    stream
}

/// The indices of `labels` in the stream; those that are missing are told together.
fn pick(
    stream: &StreamSpec,
    labels: &Located<Vec<String>>,
    why: &str,
    found: &mut Vec<Mistake>,
) -> Vec<usize> {
    if stream.channels.iter().all(|c| c.label.is_none()) {
        found.push(labels.mistake(format!(
            "the stream {} gives no channel labels: state them in the configuration, `labels = [...]` under [pipeline.stream], in the order of its {} channels",
            stream.name,
            stream.channels.len()
        )));
        return Vec::new();
    }
    let mut missing = Vec::new();
    let mut several = Vec::new();
    let mut picked = Vec::new();
    for label in &labels.value {
        let alike = stream.channels.iter().filter(|c| c.label.as_deref() == Some(label)).count();
        match stream.channel_index(label) {
            Some(_) if alike > 1 => several.push(label.as_str()),
            Some(index) => picked.push(index),
            None => missing.push(label.as_str()),
        }
    }
    if !several.is_empty() {
        found.push(labels.mistake(format!(
            "the stream {} has more than one channel called {}: which one is meant cannot be told",
            stream.name,
            several.join(", ")
        )));
    }
    if !missing.is_empty() {
        let there: Vec<_> = stream.channels.iter().filter_map(|c| c.label.as_deref()).collect();
        found.push(labels.mistake(format!(
            "the stream {} lacks {}, {why}; it has {}",
            stream.name,
            missing.join(", "),
            there.join(", ")
        )));
    }
    picked
}

/// The channels that the rig's own steps work on: those configured, which must contain the decoder's; else every
/// channel of a kind that the decoder uses, so that a trigger line does not enter an average of EEG.
fn conditioned_channels(
    spec: &PipelineSpec,
    stream: &StreamSpec,
    picked: &[usize],
    found: &mut Vec<Mistake>,
) -> Vec<usize> {
    let Some(labels) = &spec.channels else {
        let kinds: Vec<&ChannelKind> = picked.iter().map(|&i| &stream.channels[i].kind).collect();
        return (0..stream.channels.len()).filter(|&i| kinds.contains(&&stream.channels[i].kind)).collect();
    };
    let named = pick(stream, labels, "which the configuration names", found);
    let twice: Vec<_> = (0..stream.channels.len())
        .filter(|i| named.iter().filter(|n| *n == i).count() > 1)
        .filter_map(|i| stream.channels[i].label.as_deref())
        .collect();
    if !twice.is_empty() {
        found.push(labels.mistake(format!("names more than once: {}", twice.join(", "))));
    }
    let left_out: Vec<_> = picked
        .iter()
        .filter(|i| !named.contains(i))
        .filter_map(|&i| stream.channels[i].label.as_deref())
        .collect();
    if !left_out.is_empty() {
        found.push(labels.mistake(format!("leaves out {}, which the decoder needs", left_out.join(", "))));
    }
    named
}

/// The factor to microvolts of every channel of the stream; those in use must have one.
fn unit_factors(
    spec: &PipelineSpec,
    stream: &StreamSpec,
    used: &[usize],
    found: &mut Vec<Mistake>,
) -> Vec<f64> {
    let mut unknown = Vec::new();
    let factors = stream.channels.iter().enumerate().map(|(i, channel)| {
        channel.unit.to_microvolts().unwrap_or_else(|| {
            if used.contains(&i) {
                let name = channel.label.clone().unwrap_or_else(|| format!("number {}", i + 1));
                unknown.push(format!("{name} ({})", channel.unit));
            }
            1.0
        })
    });
    let factors = factors.collect();
    if !unknown.is_empty() {
        let problem = format!(
            "the stream {} states no voltage unit for {}: where it states none, give `unit = \"uV\"` (or mV, V, nV) under [pipeline.stream]",
            stream.name,
            unknown.join(", ")
        );
        found.push(match &spec.unit {
            Some(unit) => unit.mistake(problem),
            None => Mistake::elsewhere(problem),
        });
    }
    factors
}

#[cfg(test)]
mod tests;
