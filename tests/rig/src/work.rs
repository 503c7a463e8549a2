//! What is done with each chunk.

use crate::{Failure, Stream};
use bci_dsp::design::Band;
use bci_dsp::run::{RmsSettings, Threshold};
use bci_dsp::{Chain, IirSpec, Signal, SpikeOutput, SpikeSpec, StepSpec};
use bci_types::Hz;
use clap::Args;

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
    /// Does nothing with the samples: what receiving alone takes.
    #[arg(long)]
    pub(crate) idle: bool,
}

impl Settings {
    pub(crate) fn band_pass(&self) -> StepSpec {
        let band = Band::BandPass { low_hz: self.low_hz, high_hz: self.high_hz };
        StepSpec::Iir(IirSpec::Butterworth { band, order: self.order })
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
        let signal = Signal::unlabelled(Hz::new(f64::from(stream.rate_hz))?, stream.channels);
        Chain::design(steps, &signal, stream.pull_frames()).map_err(|mistakes| {
            let words: Vec<String> = mistakes.iter().map(|(step, e)| format!("step {step}: {e}")).collect();
            words.join("; ").into()
        })
    }
}

/// Samples in, features out: the place for any path through the daemon.
pub(crate) struct Path {
    chain: Option<Chain>,
    block: Vec<f64>,
    bins: usize,
    crossings: f64,
    power: f64,
}

impl Path {
    pub(crate) fn new(stream: &Stream, settings: &Settings) -> Result<Self, Failure> {
        let steps = [settings.band_pass(), settings.spikes()];
        let chain = if settings.idle { None } else { Some(settings.chain(&steps, stream)?) };
        let block = Vec::with_capacity(stream.channels * stream.pull_frames());
        Ok(Self { chain, block, bins: 0, crossings: 0.0, power: 0.0 })
    }

    /// Works on `[frames x channels]`.
    pub(crate) fn process(&mut self, samples: &[f64]) {
        let Some(chain) = &mut self.chain else { return };
        self.block.clear();
        self.block.extend_from_slice(samples);
        let width = chain.output().channels();
        let out = chain.process(&mut self.block, true);
        for bin in out.samples.chunks_exact(width) {
            let (crossings, power) = bin.split_at(width / 2);
            self.bins += 1;
            self.crossings += crossings.iter().sum::<f64>();
            self.power += power.iter().sum::<f64>();
        }
    }

    /// What came out, so that one can see that it is what the noise must give.
    pub(crate) fn summary(&self) -> String {
        let Some(chain) = &self.chain else { return "no features".into() };
        let n = (self.bins * chain.input().channels()).max(1) as f64;
        format!(
            "{} bins of {} features; mean power {:.2} uV^2, {:.4} crossings a bin and channel",
            self.bins,
            chain.output().channels(),
            self.power / n,
            self.crossings / n
        )
    }
}
