//! What each element takes alone.

use crate::noise::noise;
use crate::work::Settings;
use crate::{Failure, Stream};
use bci_dsp::{RateSpec, StepSpec};
use bci_rt::clock::{Clock, HostClock};
use std::fmt::Write;

const BLOCKS: usize = 4000;

/// Nanoseconds a sample of each step over blocks as they are sent, on one core.
pub(crate) fn measure(stream: &Stream, settings: &Settings) -> Result<String, Failure> {
    let noise: Vec<f64> = noise(stream.channels).into_iter().map(f64::from).collect();
    let refractory = Settings { refractory_ms: Some(1.0), ..settings.clone() };
    let decimate = RateSpec::Resample { rate_hz: 1000.0, input_hz: None, half_width: None, beta: None };
    let cases: [(&str, Vec<StepSpec>); 6] = [
        ("copying alone", vec![]),
        ("band-pass", vec![settings.band_pass()]),
        ("spike features", vec![settings.spikes()]),
        ("spike features, refractory 1 ms", vec![refractory.spikes()]),
        ("band-pass and spike features", vec![settings.band_pass(), settings.spikes()]),
        ("resample to 1 kHz", vec![StepSpec::Rate(decimate)]),
    ];
    let mut text = String::new();
    for (name, steps) in cases {
        let mut chain = settings.chain(&steps, stream)?;
        let samples = stream.channels * stream.pull_frames();
        let mut block = vec![0.0; samples];
        let mut ns = Vec::with_capacity(BLOCKS);
        for input in noise.chunks_exact(samples).cycle().take(BLOCKS) {
            block.copy_from_slice(input);
            let begun = HostClock.now();
            if !chain.process(&mut block, true).finite {
                return Err("not finite".into());
            }
            ns.push((HostClock.now() - begun) as f64 / samples as f64);
        }
        // What yields a frame now and then works unevenly: only the mean says whether it keeps up.
        let mean = ns.iter().sum::<f64>() / BLOCKS as f64;
        let times = 1e9 / (mean * stream.channels as f64 * f64::from(stream.rate_hz));
        ns.sort_by(f64::total_cmp);
        let at = |q: f64| ns[(q * (BLOCKS - 1) as f64) as usize];
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name:32} mean {mean:.3}, median {:.3}, p10 {:.3}, p99 {:.3} ns a sample; {times:.1} times real time",
            at(0.5),
            at(0.1),
            at(0.99)
        );
    }
    Ok(text)
}
