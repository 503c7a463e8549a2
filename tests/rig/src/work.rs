//! What is done with each chunk.

use crate::{Failure, Stream};
use bci_dsp::design::{Band, Family};
use bci_dsp::run::{RmsSettings, Threshold};
use bci_dsp::{Chain, IirSpec, Signal, SpikeOutput, SpikeSpec, StepSpec};
use bci_models::steps::rig_steps;
use bci_pipeline::{
    Continuity, Counters, PipelineSpec, PolicySpec, SignalPath, Surroundings, WindowQueue, feature_path,
};
use bci_rt::clock::HostClock;
use bci_rt::edge::Header;
use bci_types::{Hz, StreamSpec};
use clap::Args;
use std::sync::atomic::Ordering;

/// The windows of a rig's steps.
const RIG_WINDOW_S: f64 = 0.05;

/// The steps.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// The order of the band-pass as SciPy counts: 4 has 8 poles.
    #[arg(long, default_value_t = 4)]
    pub(crate) order: u32,
    #[arg(long, default_value_t = 300.0)]
    pub(crate) low_hz: f64,
    #[arg(long, default_value_t = 6000.0)]
    pub(crate) high_hz: f64,
    #[arg(long, default_value_t = 20.0)]
    pub(crate) bin_ms: f64,
    /// Ends a crossing's refractory time; none without.
    #[arg(long)]
    pub(crate) refractory_ms: Option<f64>,
    /// A configuration of the daemon, whose first pipeline's own steps are run instead, in windows of 50 ms.
    #[arg(long)]
    pub(crate) rig: Option<std::path::PathBuf>,
    /// Does nothing with the samples: what receiving alone takes.
    #[arg(long)]
    pub(crate) idle: bool,
}

impl Settings {
    pub(crate) fn band_pass(&self) -> StepSpec {
        let band = Band::BandPass { low_hz: self.low_hz, high_hz: self.high_hz };
        StepSpec::Iir(IirSpec::Band { family: Family::Butterworth, band, order: self.order })
    }

    pub(crate) fn spikes(&self) -> StepSpec {
        StepSpec::Spike(SpikeSpec::Features {
            bin_ms: self.bin_ms,
            threshold: Threshold::Rms(RmsSettings { multiple: -4.5, time_constant_s: 60.0, start_s: 1.0 }),
            refractory_ms: self.refractory_ms,
            outputs: SpikeOutput::ALL.to_vec(),
        })
    }

    pub(crate) fn chain(&self, steps: &[StepSpec], stream: &Stream) -> Result<Chain, Failure> {
        let signal = Signal::new(Hz::new(f64::from(stream.rate_hz))?, &stream.labels());
        Chain::design(steps, &signal, stream.pull_frames()).map_err(|mistakes| {
            let words: Vec<String> = mistakes.iter().map(|(step, e)| format!("step {step}: {e}")).collect();
            words.join("; ").into()
        })
    }
}

/// Samples in, features out: the daemon's own signal path, with its alignment, its search for faults and its windows: of
/// one bin each, or of 50 ms where the steps are a rig's.
pub(crate) struct Path {
    signal: Option<SignalPath>,
    queue: WindowQueue,
    counters: Counters,
    at: Continuity,
    /// Whether the first half of a window are crossings.
    spikes: bool,
    features: usize,
    windows: usize,
    untrusted: usize,
    /// Sums over trusted windows' means: of crossings where there are some, and of everything else.
    crossings: f64,
    others: f64,
}

impl Path {
    pub(crate) fn new(stream: &Stream, spec: &StreamSpec, settings: &Settings) -> Result<Self, Failure> {
        let (steps, frames) = match &settings.rig {
            None => (vec![settings.band_pass(), settings.spikes()], 1),
            Some(file) => {
                let steps = rig_steps(&file.display().to_string(), &std::fs::read_to_string(file)?)?;
                let chain = settings.chain(&steps, stream)?;
                (steps, ((chain.output().rate.get() * RIG_WINDOW_S).round() as usize).max(1))
            }
        };
        let plain = PipelineSpec::plain("rig", PolicySpec::NOTHING);
        let path = || feature_path(spec, &steps, &plain, frames, stream.pull_frames());
        let signal = if settings.idle { None } else { Some(path()?) };
        let length = signal.as_ref().map_or(1, SignalPath::window_len);
        Ok(Self {
            signal,
            queue: WindowQueue::new(length, 8),
            counters: Counters::default(),
            at: Continuity::default(),
            spikes: settings.rig.is_none(),
            features: length / frames,
            windows: 0,
            untrusted: 0,
            crossings: 0.0,
            others: 0.0,
        })
    }

    /// Works on a chunk: `[frames x channels]` and a stamp a frame.
    pub(crate) fn process(&mut self, header: Header, samples: &[f64], stamps: &[f64]) {
        let Some(signal) = &mut self.signal else { return };
        let around = Surroundings { clock: &HostClock, queues: &[&self.queue], counters: &self.counters };
        signal.process(header, samples, stamps, &mut self.at, &around);
        while let Some(slot) = self.queue.receive() {
            self.windows += 1;
            if slot.validity.is_valid() {
                let half = if self.spikes { slot.window.len() / 2 } else { 0 };
                let (crossings, others) = slot.window.split_at(half);
                let mean =
                    |all: &[f32]| all.iter().map(|&x| f64::from(x)).sum::<f64>() / all.len().max(1) as f64;
                self.crossings += mean(crossings);
                self.others += mean(others);
            } else {
                self.untrusted += 1;
            }
            self.queue.recycle(slot);
        }
    }

    /// What came out, so that one can see that it is what the noise must give.
    pub(crate) fn summary(&self) -> String {
        if self.signal.is_none() {
            return "no features".into();
        }
        let n = (self.windows - self.untrusted).max(1) as f64;
        let (what, mean) = if self.spikes {
            let crossings = self.crossings / n;
            ("bins", format!("power {:.2} uV^2, {crossings:.4} crossings a bin and channel", self.others / n))
        } else {
            ("windows", format!("{:.3} uV", self.others / n))
        };
        format!(
            "{} {what} of {} features, {} not trusted (settling); mean {mean}; gaps {}",
            self.windows,
            self.features,
            self.untrusted,
            self.counters.gaps.load(Ordering::Relaxed),
        )
    }
}
