//! Resampling equals SciPy's and keeps what it says of bands, delays and blocks.

#[path = "support/counting.rs"]
mod counting;
mod support;

use bci_dsp::design::{Ratio, resample_taps};
use bci_dsp::run::{PolyphaseResampler, RetuneError, SincResampler};
use bci_dsp::{Chain, Element, Emit, RateSpec, Reframe, Signal, StepSpec};
use counting::calls;
use proptest::prelude::*;
use serde_json::Value;
use std::f64::consts::TAU;
use support::{chain, eeg, hz, json, low_pass, number, numbers, run, synthetic_noise};

fn resample(rate_hz: f64) -> StepSpec {
    StepSpec::Rate(RateSpec::Resample { rate_hz, input_hz: None, half_width: None, beta: None })
}

fn measured(rate_hz: f64, input_hz: f64) -> StepSpec {
    StepSpec::Rate(RateSpec::Resample { rate_hz, input_hz: Some(input_hz), half_width: None, beta: None })
}

fn ratio(up: u32, down: u32) -> Ratio {
    let found = Ratio::between(hz(f64::from(down)), hz(f64::from(up))).expect("a small fraction");
    assert_eq!((found.up(), found.down()), (up, down));
    found
}

fn polyphase(up: u32, down: u32, channels: usize) -> PolyphaseResampler {
    PolyphaseResampler::design(hz(160.0), ratio(up, down), 10, 5.0, channels).expect("channels")
}

fn sinc(ratio: f64, channels: usize) -> SincResampler {
    SincResampler::design(1000.0, ratio, 14, 8.5, channels).expect("a ratio")
}

/// All of `input` in blocks of `frames`; the output and where each of its frames came from, counted over all blocks.
fn through(
    element: &mut dyn Reframe,
    channels: usize,
    input: &[f64],
    frames: usize,
) -> (Vec<f64>, Vec<usize>) {
    let most = element.most_frames(frames);
    let (mut samples, mut origins) = (vec![0.0; most * channels], vec![0; most]);
    let (mut out, mut from) = (Vec::new(), Vec::new());
    for (i, block) in input.chunks(frames * channels).enumerate() {
        let mut emit = Emit::new(channels, &mut samples, &mut origins);
        element.process(block, true, &mut emit);
        let n = emit.frames();
        out.extend_from_slice(&samples[..n * channels]);
        from.extend(origins[..n].iter().map(|&o| i * frames + o as usize));
    }
    (out, from)
}

fn rows(text: &str) -> Vec<Value> {
    json(text).as_array().expect("rows").clone()
}

fn integer(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

fn up_down(row: &Value) -> (u32, u32) {
    (integer(&row["up"]) as u32, integer(&row["down"]) as u32)
}

fn frames(row: &Value) -> Vec<Vec<f64>> {
    row["frames"].as_array().expect("frames").iter().map(numbers).collect()
}

fn largest(frames: &[Vec<f64>]) -> f64 {
    frames.iter().flatten().fold(0.0, |m: f64, y| m.max(y.abs()))
}

#[test]
fn taps_equal_firwin_to_1e_10() {
    for row in rows(include_str!("vectors/rates/designs.json")) {
        let (up, down) = up_down(&row);
        let got = resample_taps(ratio(up, down), integer(&row["half_width"]) as u32, number(&row["beta"]));
        assert_eq!(got.len(), integer(&row["len"]), "{up}/{down}");
        let want = numbers(&row["taps"]);
        let top = want.iter().fold(0.0, |m: f64, h| m.max(h.abs()));
        for (got, want) in got.iter().step_by(integer(&row["every"])).zip(&want) {
            assert!((got - want).abs() < 1e-10 * top, "{up}/{down}: {got}, SciPy {want}");
        }
    }
}

#[test]
fn outputs_on_real_eeg_equal_upfirdn_to_1e_9() {
    let eeg = eeg();
    for row in rows(include_str!("vectors/rates/outputs.json")) {
        let mut chain = chain(&[resample(number(&row["rate_hz"]))], eeg.rate, eeg.channels);
        assert_eq!(chain.output().rate.get(), number(&row["rate_hz"]), "exact");
        let got = run(&mut chain, &eeg.frames);
        assert_eq!(got.len(), integer(&row["len"]) * eeg.channels);
        let want = frames(&row);
        let top = largest(&want);
        assert!(top > 1.0, "uV of real EEG");
        let got = got.chunks_exact(eeg.channels).step_by(integer(&row["every"]));
        for (i, (got, want)) in got.zip(&want).enumerate() {
            for (column, want) in numbers(&row["columns"]).into_iter().zip(want) {
                let off = (got[column as usize] - want).abs() / top;
                assert!(off < 1e-9, "{} Hz, row {i}: {} for {want}", row["rate_hz"], got[column as usize]);
            }
        }
    }
}

#[test]
fn the_delay_apart_it_is_resample_poly() {
    let eeg = eeg();
    for row in rows(include_str!("vectors/rates/resample_poly.json")) {
        let (up, down) = up_down(&row);
        // SciPy's frame 0 is centred. Going down, it is ten output frames late here. Going up, ten input frames: a
        // whole number of output frames once the input itself is `late` frames late.
        let late = if up > down { (down - 10 % down) % down } else { 0 };
        let ahead = if up > down { ((10 + late) * up / down) as usize } else { 10 };
        let mut input = vec![0.0; late as usize * eeg.channels];
        input.extend_from_slice(&eeg.frames);
        input.resize(input.len() + 20 * down as usize * eeg.channels, 0.0);
        let mut element = polyphase(up, down, eeg.channels);
        let (got, _) = through(&mut element, eeg.channels, &input, 64);
        let want = frames(&row);
        let top = largest(&want);
        let got = got.chunks_exact(eeg.channels).skip(ahead).take(integer(&row["len"]));
        for (got, want) in got.step_by(integer(&row["every"])).zip(&want) {
            for (column, want) in numbers(&row["columns"]).into_iter().zip(want) {
                assert!((got[column as usize] - want).abs() < 1e-9 * top, "{up}/{down}");
            }
        }
        let delay = element.delay_samples(10.0);
        let want = if up > down { 10.0 } else { 10.0 * f64::from(down) / f64::from(up) };
        assert!((delay - want).abs() < 1e-12, "{up}/{down}: {delay}");
    }
}

#[test]
fn any_ratio_equals_fourier_resampling_of_real_signals_away_from_the_edges() {
    for row in rows(include_str!("vectors/rates/fourier.json")) {
        let input: Vec<f64> = row["input"].as_array().expect("frames").iter().flat_map(numbers).collect();
        let (len, every) = (integer(&row["len"]), integer(&row["every"]));
        let ratio = len as f64 / (input.len() / 2) as f64;
        let mut element = sinc(ratio, 2);
        let (got, _) = through(&mut element, 2, &input, 50);
        let want = frames(&row);
        let top = largest(&want);
        assert!(top > 10.0, "uV of {}", row["signal"]);
        assert!((element.delay_samples(0.0) - 14.0 / ratio.min(1.0)).abs() < 1e-9);
        // Fourier resampling takes the signal for periodic: the first outputs are made of frames before the first.
        let memory = (28.0 * ratio.max(1.0)).ceil() as usize;
        let mut compared = 0;
        for (i, want) in want.iter().enumerate().skip_while(|(i, _)| i * every <= memory) {
            let got = &got[i * every * 2..][..2];
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 3e-5 * top, "{}, {len}: {got} for {want}", row["signal"]);
            }
            compared += 1;
        }
        assert!(compared > 300, "{compared} of {len} frames compared");
    }
}

/// The gains of the designed chain at `part` of the lower Nyquist frequency.
fn worst_db(element: &dyn Element, lower_hz: f64, parts: (f64, f64)) -> (f64, f64) {
    let (from, to) = parts;
    let gains =
        (0..=400).map(|i| element.gain_db((from + (to - from) * f64::from(i) / 400.0) * lower_hz / 2.0));
    gains.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), g| (low.min(g), high.max(g)))
}

#[test]
fn any_ratio_is_flat_to_0_8_of_the_lower_nyquist_and_80_db_down_from_1_2() {
    for to in [250.0, 99.7, 999.9, 1000.1, 1731.0] {
        let element = sinc(to / 1000.0, 1);
        let lower = to.min(1000.0);
        let (low, high) = worst_db(&element, lower, (0.0, 0.8));
        assert!(low > -0.01 && high < 0.01, "{to}: {low} to {high} dB");
        let (_, high) = worst_db(&element, lower, (1.2, 6.0));
        assert!(high < -80.0, "{to}: {high} dB");
        let (edge, _) = worst_db(&element, lower, (1.0, 1.0));
        assert!((edge + 6.02).abs() < 0.1, "{edge} dB at half of the lower rate");
    }
}

/// The largest distance of the steady part of `got` from `amplitude * sin` at `hz` as it was `delay` frames ago.
fn off_sine(got: &[f64], per_output: f64, delay: f64, cycles: f64, amplitude: f64) -> f64 {
    let off = |(m, y): (usize, &f64)| {
        (y - amplitude * (TAU * cycles * (m as f64 * per_output - delay)).sin()).abs()
    };
    let settled = (3.0 * delay / per_output) as usize;
    got.iter().enumerate().skip(settled).map(off).fold(0.0, f64::max)
}

/// Synthetic: a sine of `cycles` periods a frame.
fn sine(cycles: f64, frames: usize) -> Vec<f64> {
    (0..frames).map(|n| (TAU * cycles * n as f64).sin()).collect()
}

#[test]
fn synthetic_sines_come_out_as_themselves_and_those_beyond_do_not() {
    // Outputs and not responses: images and aliases show too.
    for ratio in [0.250_147_6, 0.9973, 1.0, 1.0031, std::f64::consts::E] {
        let lower = ratio.min(1.0) / 2.0;
        for part in [0.01, 0.3, 0.8] {
            let mut element = sinc(ratio, 1);
            let (got, _) = through(&mut element, 1, &sine(part * lower, 6000), 100);
            let off = off_sine(&got, 1.0 / ratio, element.delay_samples(0.0), part * lower, 1.0);
            assert!(off < 2e-4, "{ratio}, {part} of the lower Nyquist: {off}");
        }
        for part in [1.2, 1.9, 3.1] {
            if part * lower < 0.5 {
                let (got, _) = through(&mut sinc(ratio, 1), 1, &sine(part * lower, 6000), 100);
                let settled = (60.0 / ratio.min(1.0)) as usize;
                let left = got[settled.min(got.len() / 2)..].iter().fold(0.0, |m: f64, y| m.max(y.abs()));
                assert!(left < 1e-4, "{ratio}, {part} of the lower Nyquist: {left} is above -80 dB");
            }
        }
    }
}

#[test]
fn fractions_pass_0_8_of_the_lower_nyquist_and_are_half_at_it() {
    for (up, down) in [(1, 4), (25, 16), (5, 8)] {
        let element = polyphase(up, down, 1);
        let lower = 160.0 * (f64::from(up) / f64::from(down)).min(1.0);
        let (low, high) = worst_db(&element, lower, (0.0, 0.8));
        assert!(low > -0.15 && high < 0.15, "{up}/{down}: {low} to {high} dB");
        assert!((element.gain_db(lower / 2.0) + 6.02).abs() < 0.1);
        assert!(worst_db(&element, lower, (1.25, 2.0)).1 < -50.0, "{up}/{down}");
        // What it says of itself is what it does.
        let part = 0.6;
        let cycles = part * lower / 2.0 / 160.0;
        let per_output = f64::from(down) / f64::from(up);
        let mut element = polyphase(up, down, 1);
        let (got, _) = through(&mut element, 1, &sine(cycles, 3000), 100);
        let gain = 10f64.powf(element.gain_db(cycles * 160.0) / 20.0);
        let off = off_sine(&got, per_output, element.delay_samples(0.0), cycles, gain);
        assert!(off < 4e-3, "{up}/{down}: {off}, which is the images' -48 dB");
    }
}

#[test]
fn a_ratio_that_changes_makes_no_click() {
    // Synthetic: a clock that swings by 2000 ppm. Where each output stands is known exactly.
    let cycles = 0.03;
    let input = sine(cycles, 40_000);
    let mut element = sinc(0.25, 1);
    let delay = element.delay_samples(0.0);
    let (mut samples, mut origins) = ([0.0; 64], [0; 64]);
    let (mut at, mut worst, mut last) = (0.0, 0.0f64, 0.0);
    let mut outputs = 0;
    for (i, block) in input.chunks(100).enumerate() {
        let ratio = 0.25 * (1.0 + 2e-3 * (i as f64 / 10.0).sin());
        element.set_ratio(ratio).expect("a small change");
        assert!((element.ratio() - ratio).abs() < 1e-15);
        let mut emit = Emit::new(1, &mut samples, &mut origins);
        element.process(block, true, &mut emit);
        let n = emit.frames();
        for y in &samples[..n] {
            if outputs > 60 {
                worst = worst.max((y - (TAU * cycles * (at - delay)).sin()).abs());
                assert!((y - last).abs() < TAU * cycles * 4.1, "no step beyond the sine's own slope");
            }
            (last, outputs) = (*y, outputs + 1);
            at += 1.0 / ratio;
        }
    }
    assert!(outputs > 9900 && worst < 2e-4, "{outputs} outputs, {worst} off");
    assert_eq!(element.set_ratio(0.3), Err(RetuneError::Kind), "too far for its filter");
    assert_eq!(element.set_ratio(f64::NAN), Err(RetuneError::Kind));
}

#[test]
fn positions_do_not_drift() {
    // Synthetic: 10^6 frames at a ratio that is no binary fraction.
    let mut element = sinc(0.3, 1);
    let (got, _) = through(&mut element, 1, &vec![1.0; 999_999], 1000);
    assert_eq!(got.len(), 300_000);
    let mut element = sinc(250.0 / 999.41, 1);
    let (got, _) = through(&mut element, 1, &vec![1.0; 999_409], 1000);
    assert_eq!(got.len(), 250_000, "1000 s");
}

#[test]
fn measured_rates_are_swapped_in_while_running() {
    let design = |input_hz| {
        Chain::design(&[measured(250.0, input_hz)], &Signal::unlabelled(hz(1000.0), 3), 64).expect("valid")
    };
    let mut chain = design(999.41);
    assert_eq!(chain.output().rate, hz(250.0));
    let mut frames = synthetic_noise(1, 64 * 3);
    let before = chain.process(&mut frames, true).samples.len();
    assert_eq!(chain.retune(&design(999.52)), Ok(()));
    assert_eq!(chain.retune(&design(700.0)), Err(RetuneError::Kind));
    let after = chain.process(&mut frames[..48 * 3], true).samples.len();
    assert_eq!((before, after), (17 * 3, 12 * 3), "0, 3.998, ... and on without a break");
    let fraction = Chain::design(&[resample(250.0)], &Signal::unlabelled(hz(1000.0), 3), 64).expect("valid");
    assert_eq!(chain.retune(&fraction), Err(RetuneError::Kind));
}

#[test]
fn fractions_take_other_windows_of_the_same_length() {
    let design = |half_width, beta| {
        PolyphaseResampler::design(hz(160.0), ratio(1, 2), half_width, beta, 2).expect("channels")
    };
    let mut element = design(10, 5.0);
    assert_eq!(element.retune(&design(10, 8.0)), Ok(()));
    assert_eq!(element.gain_db(70.0), design(10, 8.0).gain_db(70.0));
    assert_eq!(element.retune(&design(12, 8.0)), Err(RetuneError::Kind));
    assert_eq!(element.retune(&polyphase(1, 2, 3)), Err(RetuneError::Channels { have: 2, got: 3 }));
    assert_eq!(element.retune(&polyphase(1, 4, 2)), Err(RetuneError::Kind));
}

#[test]
fn new_taps_disturb_no_constant() {
    // An offset of 100 mV, in uV, on which a few of the old taps with the rest of the new would leave a step of 100 uV.
    let design = |beta| PolyphaseResampler::design(hz(160.0), ratio(1, 4), 10, beta, 20).expect("channels");
    let mut element = design(5.0);
    element.prime(&[1e5; 20]);
    for beta in [8.0, 3.0] {
        element.retune(&design(beta)).expect("of the same length");
        let (got, _) = through(&mut element, 20, &[1e5; 20 * 200], 33);
        assert_eq!(got.len(), 20 * 50);
        assert!(got.iter().all(|y| (y / 1e5 - 1.0).abs() < 1e-12), "{beta}");
    }
}

#[test]
fn far_lower_rates_are_the_sums_that_they_are_by_definition() {
    // Synthetic noise: a wide tile of channels and some more, 30 kHz to 1 kHz, to the last bit.
    let (channels, frames) = (19, 2000);
    let input = synthetic_noise(7, frames * channels);
    let taps = resample_taps(ratio(1, 30), 10, 5.0);
    let (got, from) = through(&mut polyphase(1, 30, channels), channels, &input, 47);
    assert_eq!(from, (0..frames).step_by(30).collect::<Vec<_>>());
    for (frame, from) in got.chunks_exact(channels).zip(from) {
        for (channel, got) in frame.iter().enumerate() {
            let want = (from.saturating_sub(taps.len() - 1)..=from)
                .fold(0.0, |sum, n| sum + taps[from - n] * input[n * channels + channel]);
            assert_eq!(got.to_bits(), want.to_bits(), "channel {channel} at frame {from}");
        }
    }
}

#[test]
fn origins_are_the_frames_that_outputs_came_with() {
    let element: &mut dyn Reframe = &mut polyphase(5, 8, 2);
    let (_, from) = through(element, 2, &[0.0; 80], 7);
    let want: Vec<usize> = (0..25).map(|m| m * 8 / 5).collect();
    assert_eq!(from, want);
    let (_, from) = through(&mut polyphase(25, 16, 1), 1, &[0.0; 32], 5);
    assert_eq!(from, (0..50).map(|m| m * 16 / 25).collect::<Vec<_>>());
    let (_, from) = through(&mut sinc(0.4, 1), 1, &[0.0; 50], 3);
    assert_eq!(from, (0..20).map(|m| m * 5 / 2).collect::<Vec<_>>());
}

#[test]
fn a_constant_is_there_from_the_first_frame() {
    // Electrode offsets of 0.1 V, in uV.
    for (step, images) in [(resample(40.0), 1e-12), (resample(250.0), 2e-3), (measured(250.0, 160.3), 1e-12)]
    {
        let mut chain = chain(std::slice::from_ref(&step), hz(160.0), 1);
        let got = run(&mut chain, &[1e5; 500]);
        for y in &got {
            assert!((y / 1e5 - 1.0).abs() < images, "{step}: {y}");
        }
        chain.reset();
        assert_eq!(run(&mut chain, &[0.0; 500]), vec![0.0; got.len()], "{step}");
    }
}

#[test]
fn the_same_rate_passes_as_it_is() {
    let eeg = eeg();
    let mut chain = chain(&[resample(160.0)], eeg.rate, eeg.channels);
    assert_eq!(run(&mut chain, &eeg.frames), eeg.frames);
    assert_eq!((chain.delay_s(10.0), chain.gain_db(10.0)), (0.0, 0.0));
}

#[test]
fn what_is_no_number_leaves_with_the_memory_or_a_reset() {
    for mut element in [Box::new(polyphase(5, 8, 3)) as Box<dyn Reframe>, Box::new(sinc(0.617, 3))] {
        let memory = element.settle_samples(1e-4);
        let mut input = synthetic_noise(5, (memory + 200) * 3);
        input[4] = f64::NAN;
        let (got, from) = through(element.as_mut(), 3, &input, 50);
        assert!(element.is_finite_state());
        for (frame, from) in got.chunks_exact(3).zip(from) {
            assert!(frame[0].is_finite() && frame[2].is_finite(), "channels do not touch");
            assert_eq!(frame[1].is_finite(), from < 1 || from > memory, "frame {from}");
        }
        let _ = through(element.as_mut(), 3, &[f64::INFINITY; 3], 1);
        assert!(!element.is_finite_state());
        element.reset();
        assert!(element.is_finite_state());
    }
}

#[test]
fn lags_and_memories_add_up_in_a_chain() {
    let eeg = eeg();
    let chain = chain(&[resample(40.0), low_pass(10.0, 2)], eeg.rate, 1);
    let filter = support::chain(&[low_pass(10.0, 2)], hz(40.0), 1);
    assert!((chain.delay_s(5.0) - filter.delay_s(5.0) - 10.0 / 40.0).abs() < 1e-12);
    let want = filter.gain_db(10.0) + polyphase(1, 4, 1).gain_db(10.0);
    assert!((chain.gain_db(10.0) - want).abs() < 1e-12 && (want + 3.01).abs() < 0.15, "{want} dB");
    assert_eq!(chain.settle_samples(1e-4), 81 + 4 * filter.settle_samples(1e-4));
}

fn bits(samples: &[f64]) -> Vec<u64> {
    samples.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(
        cuts in prop::collection::vec(0usize..60, 0..100),
        which in 0usize..5,
    ) {
        let eeg = eeg();
        let step = [resample(100.0), resample(250.0), resample(8.0), measured(250.0, 159.9), resample(99.41)][which]
            .clone();
        let mut chain = chain(&[step], eeg.rate, eeg.channels);
        let whole = run(&mut chain, &eeg.frames);
        chain.reset();
        let mut input = eeg.frames;
        let (mut rest, mut got) = (&mut input[..], Vec::new());
        for frames in cuts {
            let at = (frames * eeg.channels).min(rest.len());
            let (block, after) = rest.split_at_mut(at);
            got.extend_from_slice(chain.process(block, true).samples);
            rest = after;
        }
        got.extend_from_slice(chain.process(rest, true).samples);
        prop_assert_eq!(bits(&whole), bits(&got));
    }

    #[test]
    fn a_channel_is_the_same_among_any_number(channels in 1usize..70, seed in 1u64..1000) {
        // Synthetic noise, different in each channel.
        let input = synthetic_noise(seed, 60 * channels);
        let (together, _) = through(&mut polyphase(5, 8, channels), channels, &input, 60);
        let (any, _) = through(&mut sinc(0.617, channels), channels, &input, 60);
        for channel in 0..channels {
            let of = |all: &[f64]| all.iter().skip(channel).step_by(channels).copied().collect::<Vec<_>>();
            let (alone, _) = through(&mut polyphase(5, 8, 1), 1, &of(&input), 60);
            prop_assert_eq!(bits(&alone), bits(&of(&together)), "channel {}", channel);
            let (alone, _) = through(&mut sinc(0.617, 1), 1, &of(&input), 60);
            prop_assert_eq!(bits(&alone), bits(&of(&any)), "channel {}", channel);
        }
    }

    #[test]
    fn no_block_yields_more_than_was_said(
        up in 1u32..40,
        down in 1u32..40,
        blocks in prop::collection::vec(0usize..30, 1..30),
    ) {
        let found = Ratio::between(hz(f64::from(down)), hz(f64::from(up))).expect("a small fraction");
        let mut elements: [Box<dyn Reframe>; 2] = [
            Box::new(PolyphaseResampler::design(hz(160.0), found, 4, 5.0, 1).expect("channels")),
            Box::new(sinc(f64::from(up) / f64::from(down), 1)),
        ];
        for (i, element) in elements.iter_mut().enumerate() {
            let mut total = 0;
            for &frames in &blocks {
                let most = element.most_frames(frames);
                let (mut samples, mut origins) = (vec![0.0; most], vec![0; most]);
                let mut emit = Emit::new(1, &mut samples, &mut origins);
                element.process(&vec![1.0; frames], true, &mut emit);
                total += emit.frames();
            }
            let frames: usize = blocks.iter().sum();
            let want = (frames * found.up() as usize).div_ceil(found.down() as usize);
            // An output due at a frame may, by rounding of the ratio, fall just before or after it.
            prop_assert!(total.abs_diff(want) <= i, "{total} frames, {want} due");
        }
    }
}

#[test]
fn the_hot_path_allocates_nothing() {
    let eeg = eeg();
    let input = Signal::unlabelled(eeg.rate, eeg.channels);
    let steps = [resample(250.0), measured(100.0, 250.2)];
    let design = || Chain::design(&steps, &input, 32).expect("valid");
    let (mut chain, ready) = (design(), design());
    let mut sinc = sinc(0.6, eeg.channels);
    let mut frames = eeg.frames.clone();
    let mut yielded = 0;
    let counted = calls(|| {
        for block in frames.chunks_mut(32 * eeg.channels) {
            let out = chain.process(block, true);
            assert!(out.finite);
            yielded += out.samples.len();
        }
        assert!(chain.is_finite_state());
        assert_eq!(chain.retune(&ready), Ok(()));
        assert_eq!(sinc.set_ratio(0.61), Ok(()));
        chain.reset();
        sinc.reset();
    });
    assert!(yielded > 390 * eeg.channels, "the path was walked: {yielded}");
    assert_eq!(counted, 0);
}

#[test]
fn impossible_rates_are_refused_all_at_once() {
    let wrong = RateSpec::Resample {
        rate_hz: f64::NAN,
        input_hz: Some(0.0),
        half_width: Some(3),
        beta: Some(f64::INFINITY),
    };
    let input = Signal::unlabelled(hz(160.0), 2);
    let found = StepSpec::Rate(wrong).design(&input, 8).expect_err("all is wrong");
    let keys: Vec<_> = found.iter().filter_map(bci_dsp::DesignError::key).collect();
    assert_eq!(keys, ["rate_hz", "input_hz", "half_width", "beta"]);
    for rate in [0.6, 2561.0, 0.0, -5.0] {
        assert!(resample(rate).design(&input, 8).is_err(), "{rate}");
    }
    for rate in [0.625, 2560.0] {
        assert!(resample(rate).design(&input, 8).is_ok(), "{rate}");
    }
    assert!(SincResampler::design(160.0, 0.0, 14, 8.5, 1).is_err());
    assert!(SincResampler::design(160.0, 1.0, 14, 8.5, 0).is_err());
    assert_eq!(measured(250.0, 999.41).to_string(), "resample to 250 Hz from a measured 999.41 Hz");
}
