use super::{Designed, Stage};
use crate::design::DesignError;
use crate::run::{RmsSettings, SpikeFeatures, SpikeSettings, Threshold};
use crate::signal::Signal;
use bci_types::Hz;
use std::fmt;

/// The longest bin.
const MAX_BIN_MS: f64 = 10_000.0;
/// The longest refractory time.
const MAX_REFRACTORY_MS: f64 = 1000.0;
/// The longest start of the RMS and the longest time constant.
const MAX_RMS_S: f64 = 86_400.0;

/// What microelectrodes at high rates are reduced to.
#[derive(Clone, Debug, PartialEq)]
pub enum SpikeSpec {
    /// Threshold crossings and spike-band power of every channel in bins, as [`SpikeFeatures`] defines them. Its input
    /// is the spike band in uV.
    Features {
        /// The length of a bin, a whole number of samples; the output's rate is 1000 over it.
        bin_ms: f64,
        /// Where a spike begins.
        threshold: Threshold,
        /// How soon after a crossing that counts another may; `None`: at once.
        refractory_ms: Option<f64>,
        /// What is given out, named once each. Crossings come first, whatever the order here.
        outputs: Vec<SpikeOutput>,
    },
}

/// One kind of feature: as many numbers a frame as there are channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpikeOutput {
    /// Crossings of the threshold in the bin, a count.
    Crossings,
    /// The mean of squares over the bin, uV^2.
    Power,
}

impl SpikeOutput {
    /// Both, in the order in which they are given out.
    pub const ALL: [Self; 2] = [Self::Crossings, Self::Power];

    /// Its name in a configuration and in the labels of the output (`C3 power`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crossings => "crossings",
            Self::Power => "power",
        }
    }
}

impl SpikeSpec {
    pub(super) fn design(&self, input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        let Self::Features { bin_ms, threshold, refractory_ms, outputs } = self;
        let rate = input.rate.get();
        let mut mistakes = Vec::new();
        let bin_frames = whole_samples(*bin_ms, rate);
        if bin_frames.is_none() {
            mistakes.push(DesignError::setting(
                "bin_ms",
                bin_ms,
                format!("must be a whole number of samples at {rate} Hz, at most {MAX_BIN_MS} ms"),
            ));
        }
        match *threshold {
            Threshold::Fixed { uv } => non_zero("threshold_uv", uv, &mut mistakes),
            Threshold::Rms(RmsSettings { multiple, time_constant_s, start_s }) => {
                non_zero("threshold_rms", multiple, &mut mistakes);
                within("rms_time_constant_s", time_constant_s, MAX_RMS_S, "s", &mut mistakes);
                within("rms_start_s", start_s, MAX_RMS_S, "s", &mut mistakes);
            }
        }
        if let Some(ms) = *refractory_ms {
            within("refractory_ms", ms, MAX_REFRACTORY_MS, "ms", &mut mistakes);
        }
        let has = |output| outputs.contains(&output);
        let kinds = SpikeOutput::ALL.into_iter().filter(|&o| has(o)).count();
        if kinds == 0 || kinds != outputs.len() {
            let named: Vec<&str> = outputs.iter().map(|o| o.name()).collect();
            let must = "must name crossings, power or both, each once";
            mistakes.push(DesignError::setting("outputs", format!("{named:?}"), must));
        }
        let bins = bin_frames.and_then(|n| Some((n, Hz::new(rate / n as f64).ok()?)));
        let Some((bin_frames, bins_hz)) = bins.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
        let settings = SpikeSettings {
            bin_frames,
            bins_hz: bins_hz.get(),
            threshold: *threshold,
            // Sooner than the time itself does not count; a whole number of samples is one, rounding aside.
            refractory_frames: refractory_ms.map_or(0, |ms| (ms * 1e-3 * rate - 1e-6).ceil() as usize),
            crossings: has(SpikeOutput::Crossings),
            power: has(SpikeOutput::Power),
        };
        let element = SpikeFeatures::design(input.channels(), &settings).map_err(|e| vec![e])?;
        let labels = SpikeOutput::ALL.into_iter().filter(|&o| has(o)).flat_map(|output| {
            input.labels.iter().map(move |label| match label.as_str() {
                "" => String::new(),
                label => format!("{label} {}", output.name()),
            })
        });
        let output = Signal { labels: labels.collect(), ..input.at(bins_hz) };
        Ok(Designed { stage: Stage::Reframe(Box::new(element)), output })
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        false
    }
}

/// So many milliseconds in samples, when that is a whole number of them from 1, rounding aside.
fn whole_samples(ms: f64, rate: f64) -> Option<usize> {
    let samples = ms * 1e-3 * rate;
    let whole = samples.round();
    (ms <= MAX_BIN_MS && whole >= 1.0 && (samples - whole).abs() <= 1e-9 * whole).then_some(whole as usize)
}

fn non_zero(key: &'static str, value: f64, mistakes: &mut Vec<DesignError>) {
    if !(value.is_finite() && value != 0.0) {
        mistakes.push(DesignError::setting(key, value, "must be finite and not 0"));
    }
}

fn within(key: &'static str, value: f64, most: f64, unit: &str, mistakes: &mut Vec<DesignError>) {
    if !(value > 0.0 && value <= most) {
        mistakes.push(DesignError::setting(key, value, format!("must be above 0 and at most {most} {unit}")));
    }
}

impl fmt::Display for SpikeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Features { bin_ms, threshold, refractory_ms, outputs } = self;
        for (i, output) in outputs.iter().enumerate() {
            let and = if i == 0 { "" } else { " and " };
            match (output, threshold) {
                (SpikeOutput::Power, _) => write!(f, "{and}spike-band power")?,
                (SpikeOutput::Crossings, Threshold::Fixed { uv }) => write!(f, "{and}crossings of {uv} uV")?,
                (SpikeOutput::Crossings, Threshold::Rms(rms)) => {
                    write!(f, "{and}crossings of {} RMS", rms.multiple)?;
                }
            }
        }
        write!(f, " in {bin_ms} ms bins")?;
        match refractory_ms {
            Some(ms) => write!(f, ", refractory {ms} ms"),
            None => Ok(()),
        }
    }
}
