//! A configuration, a decoder and a stream are held against each other before anything runs: all mistakes at once.

use crate::policy::PolicySpec;
use crate::signal::{Cost, Layout, SignalPath};
use crate::spec::PipelineSpec;
use bci_config::{Located, Mistake};
use bci_dsp::{CleanSpec, Signal, StepSpec};
use bci_models::Bundle;
use bci_models::steps::{Step, check_apart, check_settings, check_steps, without_named};
use bci_types::{ChannelKind, ChannelSpec, Hz, Rate, SampleFormat, StreamSpec, Unit};

/// A configuration and a decoder that fit each other.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Samples between windows.
    pub hop_samples: usize,
    /// The same in ms.
    pub hop_ms: f64,
    /// From posteriors to intents: as configured, else as the decoder states it.
    pub policy: PolicySpec,
}

/// Holds a configuration against its decoder, without a stream; the rig's own steps are left to [`bind`], or to
/// [`check_unseen`] while there is none.
///
/// # Errors
/// Every mistake found.
pub fn check(spec: &PipelineSpec, bundle: &Bundle) -> Result<Binding, Vec<Mistake>> {
    let mut found = Vec::new();
    let rate = bundle.windowed.rate;
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
            let needed = bundle.input.hop_samples.value;
            hop_samples = samples.round() as usize;
            if bundle.has_memory() && hop_samples != needed {
                found.push(hop.mistake(format!(
                    "must be {} ms, or left out: the decoder {} remembers, and steps by {needed} samples",
                    needed as f64 * 1e3 / rate.get(),
                    bundle.identity.name
                )));
            }
        } else {
            let period = 1e3 / rate.get();
            found.push(hop.mistake(format!(
                "must be a whole number of samples at {rate}: a multiple of {period} ms, up to 60000 ms"
            )));
        }
    }
    let hop_ms = hop_samples as f64 * 1e3 / rate.get();
    let policy = spec.intent.policy(bundle, hop_ms).map_err(|wrong| found.extend(wrong)).ok();
    match policy {
        Some(policy) if found.is_empty() => Ok(Binding { hop_samples, hop_ms, policy }),
        _ => Err(found),
    }
}

/// Holds the rig's own steps against what can be known of the stream before it is there: labels where the configuration
/// tells them, and that it comes at the decoder's rate where no step changes that.
#[must_use]
pub fn check_unseen(spec: &PipelineSpec, bundle: Option<&Bundle>) -> Vec<Mistake> {
    let keeps = spec.conditioning.iter().all(|s| s.spec.keeps_signal());
    let Some(bundle) = bundle.filter(|_| keeps) else {
        return check_apart(&spec.conditioning);
    };
    let rate = bundle.input.rate.value;
    let named = spec.channels.as_ref().map(|c| c.value.as_slice());
    let labelled = named.or(learned_on(spec)).or(spec.labels.as_ref().map(|l| l.value.as_slice()));
    let checked = match labelled {
        Some(labels) => check_steps(&spec.conditioning, &Signal::new(rate, labels)),
        None => {
            let unlabelled = Signal::unlabelled(rate, bundle.input.channels.len());
            check_steps(&without_named(&spec.conditioning), &unlabelled)
        }
    };
    checked.err().unwrap_or_default()
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
    let stream = &relabelled(spec, stream, &mut found);
    let Rate::Regular(rate) = stream.rate else {
        found.push(bundle.input.rate.mistake(format!(
            "the stream {} has no regular rate, the decoder {} needs {}",
            stream.name, bundle.identity.name, bundle.input.rate.value
        )));
        return Err(found);
    };
    let needed = &bundle.input.channels;
    let why = format!("which the decoder {} needs", bundle.identity.name);
    let conditions = !spec.conditioning.is_empty();
    // What the rig's own steps make of the stream decides what the decoder's channels are picked from.
    let (taken, wide, made) = if conditions {
        let keeps = spec.conditioning.iter().all(|s| s.spec.keeps_channels());
        // Steps that keep every channel leave the decoder's where they are: their absence can be told at once.
        let wanted = if keeps { pick(stream, needed, &why, &mut found) } else { Vec::new() };
        let taken = conditioned_channels(spec, stream, &wanted, keeps, &mut found);
        let wide = signal_of(stream, &taken, rate);
        let made =
            check_steps(&spec.conditioning, &wide).map_err(|mistakes| extend(&mut found, mistakes)).ok();
        (taken, wide, made)
    } else {
        if spec.channels.is_some() {
            let wanted = pick(stream, needed, &why, &mut Vec::new());
            conditioned_channels(spec, stream, &wanted, true, &mut found);
        }
        let taken = pick(stream, needed, &why, &mut found);
        let wide = signal_of(stream, &taken, rate);
        (taken, wide.clone(), Some(wide))
    };
    if let Some(made) = &made {
        found.extend(rate_mistake(stream, made.rate, bundle));
    }
    let factors = unit_factors(spec, stream, &taken, &mut found);
    let picked = match &made {
        Some(made) if conditions => {
            let made = derived(stream, made);
            let mut told = Vec::new();
            let picked = pick(&made, needed, &why, &mut told);
            extend(&mut found, told);
            picked
        }
        _ => (0..taken.len()).collect(),
    };
    let (Some(binding), true) = (binding, found.is_empty()) else {
        return Err(found);
    };
    SignalPath::design(&Layout {
        inputs: stream.channels.len(),
        taken: &taken.iter().map(|&i| (i, factors[i])).collect::<Vec<_>>(),
        wide,
        conditioning: &specs(&spec.conditioning),
        picked: &picked,
        decoder_labels: &needed.value,
        to_decoder_unit: 1.0 / bundle.input.unit.to_microvolts().unwrap_or(1.0),
        preprocessing: &own_steps(spec, bundle),
        window_samples: bundle.input.fed_samples(),
        decision_samples: bundle.input.window_samples.value,
        hop_samples: binding.hop_samples,
        gap_ms: spec.gap_ms,
        teaching: spec.teaching.clone(),
        dejitter: spec.dejitter,
        faults: spec.faults,
        max_chunk,
    })
    .map_err(|e| vec![Mistake::elsewhere(format!("pipeline {}: {e}", spec.name))])
}

/// The signal path of `steps` on all channels of `stream` with no decoder behind it: windows of `frames` frames, every
/// `frames`, in uV. Of `spec` only what it says of gaps, faults and teaching counts.
///
/// # Errors
/// In words: what is wrong with the stream or a step.
pub fn feature_path(
    stream: &StreamSpec,
    steps: &[StepSpec],
    spec: &PipelineSpec,
    frames: usize,
    max_chunk: usize,
) -> Result<SignalPath, String> {
    let Rate::Regular(rate) = stream.rate else {
        return Err(format!("the stream {} has no regular rate", stream.name));
    };
    let taken = stream.channels.iter().enumerate().map(|(i, channel)| {
        let factor = channel.unit.to_microvolts();
        factor.map(|f| (i, f)).ok_or_else(|| format!("channel {} states no voltage unit", i + 1))
    });
    let taken = taken.collect::<Result<Vec<_>, String>>()?;
    let wide = signal_of(stream, &(0..taken.len()).collect::<Vec<_>>(), rate);
    let labels = wide.labels.clone();
    SignalPath::design(&Layout {
        inputs: taken.len(),
        taken: &taken,
        wide,
        conditioning: &[],
        picked: &(0..taken.len()).collect::<Vec<_>>(),
        decoder_labels: &labels,
        to_decoder_unit: 1.0,
        preprocessing: steps,
        window_samples: frames,
        decision_samples: frames,
        hop_samples: frames,
        gap_ms: spec.gap_ms,
        teaching: spec.teaching.clone(),
        dejitter: false,
        faults: spec.faults,
        max_chunk,
    })
}

/// What the signal path of this pipeline will cost in time: for `stream`, else for one that has the decoder's channels at
/// its rate. `None` when that cannot be told.
#[must_use]
pub fn cost(spec: &PipelineSpec, bundle: &Bundle, stream: Option<&StreamSpec>) -> Option<Cost> {
    let stated = spec.labels.as_ref().or(spec.channels.as_ref()).map(|l| l.value.as_slice());
    let labels = stated.or(learned_on(spec)).unwrap_or(&bundle.input.channels);
    let signal = Signal::new(bundle.input.rate.value, labels);
    let assumed = || {
        let nothing = StreamSpec {
            name: String::new(),
            kind: String::new(),
            source_id: String::new(),
            hostname: String::new(),
            instance: String::new(),
            format: SampleFormat::Float32,
            rate: Rate::Irregular,
            channels: Vec::new(),
        };
        derived(&nothing, &signal)
    };
    let stream = stream.cloned().unwrap_or_else(assumed);
    bind(spec, bundle, &stream, 1).ok().map(|path| path.cost())
}

/// Holds a configuration against a stream while there is no decoder to hold either against: for the mistakes that can
/// be told all the same.
#[must_use]
pub fn check_stream(spec: &PipelineSpec, stream: &StreamSpec) -> Vec<Mistake> {
    let mut found = Vec::new();
    let stream = &relabelled(spec, stream, &mut found);
    if spec.channels.is_some() {
        conditioned_channels(spec, stream, &[], true, &mut found);
    }
    if let Rate::Regular(rate) = stream.rate {
        let all: Vec<usize> = (0..stream.channels.len()).collect();
        found.extend(
            check_settings(&spec.conditioning, &signal_of(stream, &all, rate)).err().into_iter().flatten(),
        );
    }
    found
}

/// The channels that the rig's own steps were last seen on, where one of them was given what it learned and no step before
/// it changes the channels: the likeliest of those that a stream will have.
fn learned_on(spec: &PipelineSpec) -> Option<&[String]> {
    let changes = spec.conditioning.iter().position(|s| !s.spec.keeps_signal());
    // That step itself still gets the stream's.
    let unchanged = &spec.conditioning[..changes.map_or(spec.conditioning.len(), |at| at + 1)];
    unchanged.iter().find_map(Step::learned_on)
}

/// The decoder's own steps, as the pipeline has them begin.
#[must_use]
pub fn own_steps(spec: &PipelineSpec, bundle: &Bundle) -> Vec<StepSpec> {
    let mut steps = specs(&bundle.preprocessing);
    for step in &mut steps {
        if let StepSpec::Clean(CleanSpec::Align { align, .. }) = step
            && spec.anew
        {
            align.mode = align.mode.anew();
        }
    }
    steps
}

fn specs(steps: &[Step]) -> Vec<StepSpec> {
    steps.iter().map(|s| s.spec.clone()).collect()
}

/// Notes what has not been told already, without a stream or of one before the rig's own steps.
fn extend(found: &mut Vec<Mistake>, mistakes: Vec<Mistake>) {
    for mistake in mistakes {
        if !found.contains(&mistake) {
            found.push(mistake);
        }
    }
}

/// Channels `taken` of the stream as what the first step gets.
fn signal_of(stream: &StreamSpec, taken: &[usize], rate: Hz) -> Signal {
    let labels: Vec<&str> =
        taken.iter().map(|&i| stream.channels[i].label.as_deref().unwrap_or_default()).collect();
    Signal::new(rate, &labels)
}

/// What the rig's own steps make of the stream, as a stream.
fn derived(stream: &StreamSpec, made: &Signal) -> StreamSpec {
    let channels = made.labels.iter().map(|label| ChannelSpec {
        label: Some(label.clone()).filter(|l| !l.is_empty()),
        unit: Unit::Microvolts,
        kind: ChannelKind::Eeg,
    });
    StreamSpec { channels: channels.collect(), rate: Rate::Regular(made.rate), ..stream.clone() }
}

fn rate_mistake(stream: &StreamSpec, made: Hz, bundle: &Bundle) -> Option<Mistake> {
    let needed = &bundle.input.rate;
    // A thousandth: devices state 999.41 where they mean 1000.
    if ((made.get() - needed.get()) / needed.get()).abs() <= 1e-3 {
        return None;
    }
    let (name, rate) = (&bundle.identity.name, needed.value);
    let stream_name = &stream.name;
    Some(needed.mistake(if stream.rate == Rate::Regular(made) {
        format!(
            "the stream {stream_name} runs at {made}, the decoder {name} needs {rate}: choose a decoder made for {made}, set the amplifier to {rate}, or add a `resample` step"
        )
    } else {
        format!(
            "the stream {stream_name} comes out of the rig's steps at {made}, the decoder {name} needs {rate}: let them end at {rate}, or choose a decoder made for {made}"
        )
    }))
}

/// The stream with the labels and the unit that the configuration gives where the stream gives none.
fn relabelled(spec: &PipelineSpec, stream: &StreamSpec, found: &mut Vec<Mistake>) -> StreamSpec {
    let mut stream = stream.clone();
    if let Some(rate) = &spec.rate {
        stream.rate = Rate::Regular(rate.value);
    }
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
            _ if alike > 1 => several.push(label.as_str()),
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

/// The channels that the rig's own steps work on: those configured, which must contain the decoder's; else, where the
/// steps keep every channel, those of a kind that the decoder uses, so that a trigger line does not enter an average of
/// EEG; else all but what is said to be beside the brain. What steps name is always among them.
fn conditioned_channels(
    spec: &PipelineSpec,
    stream: &StreamSpec,
    picked: &[usize],
    keeps: bool,
    found: &mut Vec<Mistake>,
) -> Vec<usize> {
    let Some(labels) = &spec.channels else {
        let kinds: Vec<&ChannelKind> = picked.iter().map(|&i| &stream.channels[i].kind).collect();
        let named = spec.conditioning.iter().flat_map(|s| s.spec.named_channels());
        let named: Vec<usize> = named.filter_map(|label| stream.channel_index(label)).collect();
        let is_taken = |i: &usize| {
            let channel = &stream.channels[*i];
            // Where the decoder's channels are yet to be made, they have no kind yet.
            let alike = if keeps { kinds.contains(&&channel.kind) } else { is_electrode(channel) };
            alike || named.contains(i)
        };
        return (0..stream.channels.len()).filter(is_taken).collect();
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

/// Whether a channel may be an electrode: neither its kind nor its unit says otherwise.
fn is_electrode(channel: &ChannelSpec) -> bool {
    let may_be_voltage = channel.unit.to_microvolts().is_some() || channel.unit == Unit::Unstated;
    may_be_voltage && !channel.kind.is_beside_the_brain()
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
