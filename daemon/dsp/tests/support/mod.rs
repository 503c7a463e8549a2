//! The committed vectors and what several tests need to read them.

#![allow(dead_code, reason = "each test file uses its part")]

use bci_dsp::design::{Band, BesselNorm, CombWidth, Family};
use bci_dsp::{Chain, IirSpec, Over, Signal, SpaceSpec, StepSpec};
use bci_types::Hz;
use serde_json::Value;

pub(crate) fn hz(rate: f64) -> Hz {
    Hz::new(rate).expect("a rate")
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a committed vector is JSON")
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(number).collect()
}

/// Real EEG in uV, `[frames x channels]`, and its channels and rate. Source and licence: `vectors/README.md`.
pub(crate) struct Eeg {
    pub(crate) channels: usize,
    pub(crate) rate: Hz,
    pub(crate) frames: Vec<f64>,
}

pub(crate) fn eeg() -> Eeg {
    let file = json(include_str!("../vectors/eeg/eeg.json"));
    let scale = numbers(&file["microvolts_per_digit"]);
    let rows = file["frames"].as_array().expect("frames");
    let frames: Vec<f64> = rows
        .iter()
        .flat_map(|r| numbers(r).into_iter().zip(&scale).map(|(d, s)| d * s).collect::<Vec<_>>())
        .collect();
    assert_eq!(frames.len(), 640 * 8, "4 s of 8 channels at 160 Hz");
    Eeg { channels: scale.len(), rate: hz(number(&file["rate_hz"])), frames }
}

/// A step as `make.py` writes it.
pub(crate) fn step(row: &Value) -> StepSpec {
    let edges = row["edges_hz"].as_array().map(|_| numbers(&row["edges_hz"])).unwrap_or_default();
    let band = match row["kind"].as_str().expect("a kind") {
        "lowpass" => Band::LowPass { cutoff_hz: edges[0] },
        "highpass" => Band::HighPass { cutoff_hz: edges[0] },
        "bandpass" => Band::BandPass { low_hz: edges[0], high_hz: edges[1] },
        "bandstop" => Band::BandStop { low_hz: edges[0], high_hz: edges[1] },
        "notch" => return notch(number(&row["freq_hz"]), number(&row["q"])),
        "comb" => {
            let freq_hz = number(&row["freq_hz"]);
            let harmonics = row["harmonics"].as_u64().map(|n| n as u32);
            let width =
                row["q"].as_f64().map_or_else(|| CombWidth::Hz(number(&row["width_hz"])), CombWidth::Q);
            return StepSpec::Iir(IirSpec::NotchComb { freq_hz, harmonics, width });
        }
        "dc_block" => return StepSpec::Iir(IirSpec::DcBlock { cutoff_hz: number(&row["cutoff_hz"]) }),
        "average" => return StepSpec::Space(SpaceSpec::CommonAverage { over: Over::default() }),
        other => panic!("no such kind: {other}"),
    };
    let order = row["order"].as_u64().expect("an order") as u32;
    StepSpec::Iir(IirSpec::Band { family: family(row), band, order })
}

fn family(row: &Value) -> Family {
    let ripple_db = || number(&row["ripple_db"]);
    let attenuation_db = || number(&row["attenuation_db"]);
    match row["family"].as_str().unwrap_or("butterworth") {
        "butterworth" => Family::Butterworth,
        "chebyshev1" => Family::Chebyshev1 { ripple_db: ripple_db() },
        "chebyshev2" => Family::Chebyshev2 { attenuation_db: attenuation_db() },
        "elliptic" => Family::Elliptic { ripple_db: ripple_db(), attenuation_db: attenuation_db() },
        "bessel" => Family::Bessel {
            norm: match row["norm"].as_str().expect("a norm") {
                "phase" => BesselNorm::Phase,
                "mag" => BesselNorm::Mag,
                "delay" => BesselNorm::Delay,
                other => panic!("no such norm: {other}"),
            },
        },
        other => panic!("no such family: {other}"),
    }
}

fn butterworth(band: Band, order: u32) -> StepSpec {
    StepSpec::Iir(IirSpec::Band { family: Family::Butterworth, band, order })
}

pub(crate) fn low_pass(cutoff_hz: f64, order: u32) -> StepSpec {
    butterworth(Band::LowPass { cutoff_hz }, order)
}

pub(crate) fn high_pass(cutoff_hz: f64, order: u32) -> StepSpec {
    butterworth(Band::HighPass { cutoff_hz }, order)
}

pub(crate) fn band_pass(low_hz: f64, high_hz: f64, order: u32) -> StepSpec {
    butterworth(Band::BandPass { low_hz, high_hz }, order)
}

pub(crate) fn band_stop(low_hz: f64, high_hz: f64, order: u32) -> StepSpec {
    butterworth(Band::BandStop { low_hz, high_hz }, order)
}

pub(crate) fn notch(freq_hz: f64, q: f64) -> StepSpec {
    StepSpec::Iir(IirSpec::Notch { freq_hz, q })
}

/// A chain for unlabelled channels and blocks of any length that tests use.
pub(crate) fn chain(steps: &[StepSpec], rate: Hz, channels: usize) -> Chain {
    Chain::design(steps, &Signal::unlabelled(rate, channels), 1 << 16).expect("a valid chain")
}

/// All of `frames` (`[frames x channels]`) through `chain` in one block.
pub(crate) fn run(chain: &mut Chain, frames: &[f64]) -> Vec<f64> {
    let mut block = frames.to_vec();
    let out = chain.process(&mut block, true);
    assert!(out.finite, "finite");
    out.samples.to_vec()
}

/// A chain with every kind of step, valid at the rate of [`eeg`].
pub(crate) fn every_step() -> Vec<StepSpec> {
    vec![
        notch(60.0, 30.0),
        high_pass(0.5, 2),
        StepSpec::Space(SpaceSpec::CommonAverage { over: Over::default() }),
        band_stop(48.0, 52.0, 2),
        low_pass(70.0, 3),
        band_pass(8.0, 30.0, 4),
    ]
}

/// Synthetic white noise in -1 to 1, the same for the same seed (xorshift64*).
pub(crate) fn synthetic_noise(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed.max(1);
    let next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bits = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1u64 << 52) as f64 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}
