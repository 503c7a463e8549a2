//! Filters without recursion: designs, responses and outputs equal SciPy's (`vectors/fir/make.py`); physics; the rules that
//! every element keeps.

#[path = "support/counting.rs"]
mod counting;
mod support;

use bci_dsp::design::{Band, Fir, FirWindow, MAX_TAPS, fir_least_squares, fir_windowed};
use bci_dsp::run::{FirFilter, RetuneError};
use bci_dsp::{DesignError, Element, FirSpec, StepSpec};
use counting::calls;
use proptest::prelude::*;
use serde_json::Value;
use support::{chain, eeg, hz, json, number, numbers, run, synthetic_noise};

const BAND: Band = Band::BandPass { low_hz: 8.0, high_hz: 30.0 };

fn spec(row: &Value) -> FirSpec {
    let taps = row["taps"].as_u64().unwrap_or(0) as usize;
    let kind = row["kind"].as_str().expect("a kind");
    let list = |key: &str| numbers(&row[key]);
    let band = match kind {
        "taps" => return FirSpec::Taps(list("h")),
        "least_squares" => {
            let weights = row.get("weights").map(numbers);
            return FirSpec::LeastSquares { taps, bands_hz: list("bands_hz"), gains: list("gains"), weights };
        }
        "lowpass" => Band::LowPass { cutoff_hz: list("edges_hz")[0] },
        "highpass" => Band::HighPass { cutoff_hz: list("edges_hz")[0] },
        "bandpass" => Band::BandPass { low_hz: list("edges_hz")[0], high_hz: list("edges_hz")[1] },
        "bandstop" => Band::BandStop { low_hz: list("edges_hz")[0], high_hz: list("edges_hz")[1] },
        other => panic!("no such kind: {other}"),
    };
    let window = match row["window"].as_str().expect("a window") {
        "hamming" => FirWindow::Hamming,
        "hann" => FirWindow::Hann,
        "blackman" => FirWindow::Blackman,
        "kaiser" => FirWindow::Kaiser { beta: number(&row["beta"]) },
        other => panic!("no such window: {other}"),
    };
    FirSpec::Windowed { band, taps, window }
}

fn band_pass(taps: usize) -> Fir {
    fir_windowed(BAND, taps, FirWindow::Hamming, hz(160.0)).expect("valid")
}

fn step(spec: FirSpec) -> StepSpec {
    StepSpec::Fir(spec)
}

fn bits(samples: &[f64]) -> Vec<u64> {
    samples.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn designs_equal_scipy_to_1e_10() {
    let file = json(include_str!("vectors/fir/designs.json"));
    let rows = file.as_array().expect("designs");
    assert!(rows.len() > 70, "{} designs", rows.len());
    for row in rows {
        let spec = spec(row);
        let fir = spec.fir(hz(number(&row["rate_hz"]))).expect("a valid specification");
        let want = numbers(&row["half"]);
        assert_eq!(fir.taps().len(), row["taps"].as_u64().expect("taps") as usize);
        assert_eq!(want.len(), fir.taps().len().div_ceil(2));
        let largest = want.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
        let both = want.iter().zip(fir.taps()).chain(want.iter().zip(fir.taps().iter().rev()));
        for (want, got) in both {
            assert!((got - want).abs() <= 1e-10 * largest, "{spec}, {}: {got} for {want}", row["rate_hz"]);
        }
    }
}

#[test]
fn where_much_is_free_the_gain_over_the_bands_is_scipys() {
    let file = json(include_str!("vectors/fir/undecided.json"));
    for row in file.as_array().expect("designs") {
        let spec = spec(row);
        let fir = spec.fir(hz(number(&row["rate_hz"]))).expect("a valid specification");
        // A combination of taps is left at zero when the error that it could mend, a square, is below rounding: 2.2e-16 times
        // up to 101 equations. Its root is 1.5e-7, at single frequencies some times that.
        for (at, want) in numbers(&row["at_hz"]).into_iter().zip(numbers(&row["gain"])) {
            let got = fir.response(at).abs();
            assert!((got - want).abs() < 1e-6, "{spec} at {at} Hz: {got} for {want}");
        }
        let largest = (0..=125).map(|hz| fir.response(f64::from(hz)).abs()).fold(0.0, f64::max);
        assert!(largest < 1.1, "nothing grows where all is free: {largest}");
    }
}

#[test]
fn responses_and_group_delays_equal_scipy() {
    let file = json(include_str!("vectors/fir/responses.json"));
    let rows = file.as_array().expect("responses");
    assert_eq!(rows.len(), 5);
    for row in rows {
        let fir = Fir::new(numbers(&row["taps"]), hz(number(&row["rate_hz"]))).expect("taps");
        let (re, im, delay) = (numbers(&row["re"]), numbers(&row["im"]), numbers(&row["delay"]));
        for (i, at_hz) in numbers(&row["at_hz"]).into_iter().enumerate() {
            let h = fir.response(at_hz);
            assert!((h.re - re[i]).abs() < 1e-12 && (h.im - im[i]).abs() < 1e-12, "{at_hz} Hz");
            let got = fir.group_delay_samples(at_hz);
            assert!((got - delay[i]).abs() < 1e-7, "{at_hz} Hz: {got} for {}", delay[i]);
        }
    }
}

#[test]
fn outputs_on_real_eeg_equal_lfilter_to_1e_9() {
    let eeg = eeg();
    let file = json(include_str!("vectors/fir/outputs.json"));
    let columns: Vec<usize> = numbers(&file["columns"]).iter().map(|&c| c as usize).collect();
    let rows = file["filters"].as_array().expect("filters");
    assert_eq!(rows.len(), 5);
    for row in rows {
        let spec = spec(row);
        let mut rest = eeg.frames.clone();
        let fir = spec.fir(eeg.rate).expect("valid");
        FirFilter::design(&fir, eeg.channels).expect("channels").process(&mut rest);
        let primed = run(&mut chain(&[step(spec.clone())], eeg.rate, eeg.channels), &eeg.frames);
        for (key, got) in [("primed", primed), ("rest", rest)] {
            let want: Vec<_> = row[key].as_array().expect("frames").iter().map(numbers).collect();
            let largest = want.iter().flatten().fold(0.0, |m: f64, y| m.max(y.abs()));
            assert!(largest > 1.0, "uV of real EEG");
            for (at, want) in numbers(&row["at"]).into_iter().zip(&want) {
                for (&column, want) in columns.iter().zip(want) {
                    let got = got[at as usize * eeg.channels + column];
                    assert!((got - want).abs() < 1e-9 * largest, "{spec}, {key}, {at}: {got} for {want}");
                }
            }
        }
    }
}

#[test]
fn edges_are_half_the_amplitude_and_far_off_little_passes() {
    let rate = hz(1000.0);
    let half = 20.0 * 0.5f64.log10();
    for (window, depth) in [(FirWindow::Hamming, 50.0), (FirWindow::Hann, 43.0), (FirWindow::Blackman, 73.0)]
    {
        let low = fir_windowed(Band::LowPass { cutoff_hz: 100.0 }, 201, window, rate).expect("valid");
        let high = fir_windowed(Band::HighPass { cutoff_hz: 100.0 }, 201, window, rate).expect("valid");
        let stop = Band::BandStop { low_hz: 100.0, high_hz: 200.0 };
        let stop = fir_windowed(stop, 201, window, rate).expect("valid");
        for (fir, edge) in [(&low, 100.0), (&high, 100.0), (&stop, 100.0), (&stop, 200.0)] {
            assert!((fir.gain_db(edge) - half).abs() < 0.05, "{window}: {} dB at {edge}", fir.gain_db(edge));
        }
        for (fir, passes, stops) in [(&low, 50.0, 200.0), (&high, 200.0, 50.0), (&stop, 50.0, 150.0)] {
            assert!(fir.gain_db(passes).abs() < 0.05 && fir.gain_db(stops) < -depth, "{window}, {stops} Hz");
        }
        assert!(
            low.gain_db(0.0).abs() < 1e-9
                && stop.gain_db(0.0).abs() < 1e-9
                && high.gain_db(500.0).abs() < 1e-9
        );
    }
}

#[test]
fn symmetric_taps_delay_every_wave_by_half_their_length() {
    let (rate, taps) = (hz(160.0), 33);
    let mut filter = chain(
        &[step(FirSpec::Windowed {
            band: Band::LowPass { cutoff_hz: 40.0 },
            taps,
            window: FirWindow::Hamming,
        })],
        rate,
        1,
    );
    assert_eq!((filter.settle_samples(0.01), filter.delay_s(10.0)), (32, 16.0 / 160.0));
    let gain = 10f64.powf(filter.gain_db(10.0) / 20.0);
    // Synthetic: a sine of 10 Hz.
    let wave = |n: f64| (2.0 * std::f64::consts::PI * 10.0 * n / 160.0).sin();
    let input: Vec<f64> = (0..200).map(|n| wave(f64::from(n))).collect();
    let output = run(&mut filter, &input);
    for (n, got) in output.iter().enumerate().skip(40) {
        let want = gain * wave(n as f64 - 16.0);
        assert!((got - want).abs() < 1e-12, "{n}: {got} for {want}");
    }
}

#[test]
fn the_memory_is_one_less_than_the_taps() {
    let fir = band_pass(21);
    let mut filter = FirFilter::design(&fir, 1).expect("channels");
    assert_eq!(Element::settle_samples(&filter, 0.01), 20);
    // Synthetic: an impulse gives the taps.
    let mut impulse = vec![0.0; 60];
    impulse[3] = 1.0;
    filter.process(&mut impulse);
    assert_eq!(&impulse[3..24], fir.taps());
    assert!(impulse[..3].iter().chain(&impulse[24..]).all(|&y| y == 0.0));
}

#[test]
fn a_large_offset_does_not_ring_once_primed() {
    let high_pass =
        FirSpec::Windowed { band: Band::HighPass { cutoff_hz: 5.0 }, taps: 101, window: FirWindow::Blackman };
    let gain = 10f64.powf(chain(&[step(high_pass.clone())], hz(160.0), 1).gain_db(0.0) / 20.0);
    for channels in [1, 3, 8, 21] {
        let mut chain = chain(&[step(high_pass.clone())], hz(160.0), channels);
        let output = run(&mut chain, &vec![1e5; 300 * channels]);
        let worst = output.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        assert!((worst - 1e5 * gain).abs() < 1e-6, "{channels} channels: {worst} uV of 1e5, gain {gain}");
        let steady = output.chunks_exact(channels).all(|f| f == &output[..channels]);
        assert!(steady, "from the first frame to the last");
    }
}

proptest! {
    #[test]
    fn any_cut_of_real_eeg_gives_the_same_bits(
        taps in 1usize..130,
        cuts in prop::collection::vec(0usize..97, 0..200),
    ) {
        let eeg = eeg();
        let taps = synthetic_noise(taps as u64, taps);
        let mut chain = chain(&[step(FirSpec::Taps(taps))], eeg.rate, eeg.channels);
        let whole = run(&mut chain, &eeg.frames);
        chain.reset();
        let mut pieces = eeg.frames;
        let mut rest = &mut pieces[..];
        for frames in cuts {
            let (block, after) = rest.split_at_mut((frames * eeg.channels).min(rest.len()));
            prop_assert!(chain.process(block, true).finite);
            rest = after;
        }
        prop_assert!(chain.process(rest, true).finite);
        prop_assert_eq!(bits(&whole), bits(&pieces));
    }

    #[test]
    fn a_channel_is_filtered_the_same_among_any_number(channels in 1usize..70, seed in 1u64..1000) {
        let fir = band_pass(33);
        // Synthetic noise, different in each channel.
        let input = synthetic_noise(seed, 90 * channels);
        let mut together = input.clone();
        let mut all = FirFilter::design(&fir, channels).expect("channels");
        all.prime(&input[..channels]);
        all.process(&mut together);
        for channel in 0..channels {
            let of = |all: &[f64]| all.iter().skip(channel).step_by(channels).copied().collect::<Vec<_>>();
            let mut alone = of(&input);
            let mut one = FirFilter::design(&fir, 1).expect("one channel");
            one.prime(&alone[..1]);
            one.process(&mut alone);
            prop_assert_eq!(bits(&alone), bits(&of(&together)), "channel {}", channel);
        }
    }
}

#[test]
fn nothing_is_allocated() {
    let eeg = eeg();
    let (fir, other) = (band_pass(101), band_pass(101));
    let ready = FirFilter::design(&other, eeg.channels).expect("channels");
    let mut filter = FirFilter::design(&fir, eeg.channels).expect("channels");
    let mut frames = eeg.frames.clone();
    let counted = calls(|| {
        filter.prime(&eeg.frames[..eeg.channels]);
        for block in frames.chunks_mut(7 * eeg.channels) {
            filter.process(block);
            assert!(filter.is_finite_state());
        }
        filter.process(&mut []);
        assert_eq!(filter.retune(&other), Ok(()));
        assert_eq!(Element::retune(&mut filter, &ready), Ok(()));
        filter.reset();
    });
    assert_eq!(counted, 0);
}

#[test]
fn retuning_keeps_the_past_and_refuses_another_shape() {
    let eeg = eeg();
    let low = fir_windowed(Band::LowPass { cutoff_hz: 20.0 }, 33, FirWindow::Hann, eeg.rate).expect("valid");
    let mut filter = FirFilter::design(&band_pass(33), eeg.channels).expect("channels");
    assert_eq!(filter.retune(&band_pass(31)), Err(RetuneError::Kind));
    let elsewhere = fir_windowed(BAND, 33, FirWindow::Hann, hz(250.0)).expect("valid");
    let rates = RetuneError::Rate { have: eeg.rate, got: hz(250.0) };
    assert_eq!(filter.retune(&elsewhere), Err(rates));
    let narrower = FirFilter::design(&low, 3).expect("channels");
    assert_eq!(filter.fits(&narrower), Err(RetuneError::Channels { have: 8, got: 3 }));

    let half = eeg.frames.len() / 2;
    let mut retuned = eeg.frames.clone();
    filter.process(&mut retuned[..half]);
    filter.retune(&low).expect("the same shape");
    filter.process(&mut retuned[half..]);
    let mut always = eeg.frames.clone();
    FirFilter::design(&low, eeg.channels).expect("channels").process(&mut always);
    assert_eq!(retuned[half..], always[half..], "as if it had always run");

    filter.reset();
    let mut again = eeg.frames.clone();
    filter.process(&mut again);
    assert_eq!(again, always, "a reset forgets all frames");
}

#[test]
fn a_nan_is_gone_after_as_many_frames_as_there_are_taps() {
    for channels in [1, 5, 17] {
        let taps = 20;
        let mut filter = FirFilter::design(&band_pass(taps), channels).expect("channels");
        let mut frames = synthetic_noise(3, 60 * channels);
        frames[7 * channels + channels - 1] = f64::NAN;
        for (n, frame) in frames.chunks_exact_mut(channels).enumerate() {
            filter.process(frame);
            let spoilt = (7..7 + taps).contains(&n);
            assert_eq!(frame[channels - 1].is_nan(), spoilt, "frame {n}");
            assert!(frame[..channels - 1].iter().all(|y| y.is_finite()), "its own channel only");
            assert_eq!(filter.is_finite_state(), !(7..7 + taps - 1).contains(&n), "frame {n}");
        }
    }
    let mut filter = FirFilter::design(&band_pass(20), 2).expect("channels");
    filter.process(&mut [f64::INFINITY, 1.0]);
    assert!(!filter.is_finite_state());
    filter.reset();
    assert!(filter.is_finite_state());
}

fn keys(mistakes: &[DesignError]) -> Vec<&'static str> {
    mistakes.iter().filter_map(DesignError::key).collect()
}

#[test]
fn every_mistake_is_told_at_once() {
    let rate = hz(250.0);
    let windowed =
        |band, taps, window| FirSpec::Windowed { band, taps, window }.fir(rate).map_err(|e| keys(&e));
    let stop = |low_hz, high_hz| Band::BandStop { low_hz, high_hz };
    let kaiser = |beta| FirWindow::Kaiser { beta };
    assert_eq!(windowed(stop(40.0, 30.0), 0, kaiser(f64::NAN)), Err(vec!["low_hz", "taps", "beta"]));
    assert_eq!(
        windowed(stop(f64::NAN, 125.0), 10, kaiser(101.0)),
        Err(vec!["low_hz", "high_hz", "taps", "beta"])
    );
    assert_eq!(
        windowed(Band::HighPass { cutoff_hz: 0.0 }, 10, kaiser(-1.0)),
        Err(vec!["low_hz", "taps", "beta"])
    );
    assert_eq!(
        windowed(Band::LowPass { cutoff_hz: 125.0 }, MAX_TAPS + 1, FirWindow::Hann),
        Err(vec!["high_hz", "taps"])
    );
    assert_eq!(windowed(Band::LowPass { cutoff_hz: 20.0 }, 2, FirWindow::Blackman), Err(vec!["taps"]));
    assert!(windowed(Band::LowPass { cutoff_hz: 124.9 }, 10, kaiser(100.0)).is_ok());

    let least = |taps, bands: &[f64], gains: &[f64], weights: Option<&[f64]>| {
        let (bands_hz, gains, weights) = (bands.to_vec(), gains.to_vec(), weights.map(<[f64]>::to_vec));
        FirSpec::LeastSquares { taps, bands_hz, gains, weights }.fir(rate).map_err(|e| keys(&e))
    };
    let (bands, gains) = ([0.0, 10.0, 20.0, 125.0], [1.0, 1.0, 0.0, 0.0]);
    assert!(least(21, &bands, &gains, Some(&[0.0, 1.0])).is_ok());
    assert_eq!(least(20, &bands, &gains, Some(&[0.0, 0.0])), Err(vec!["taps", "weights"]));
    assert_eq!(least(1025, &bands[..3], &gains[..3], None), Err(vec!["taps", "bands_hz"]));
    assert_eq!(least(21, &[], &[], None), Err(vec!["bands_hz"]));
    assert_eq!(
        least(21, &[0.0, 10.0, 9.0, 126.0], &[1.0; 3], Some(&[1.0])),
        Err(vec!["bands_hz", "gains", "weights"])
    );
    assert_eq!(
        least(21, &[10.0, 10.0], &[1.0, -1.0], Some(&[f64::NAN])),
        Err(vec!["bands_hz", "gains", "weights"])
    );
    assert_eq!(least(21, &[f64::NAN, 10.0], &[1.0, f64::INFINITY], None), Err(vec!["bands_hz", "gains"]));
    assert!(fir_least_squares(21, &bands, &gains, None, rate).is_ok());
    let huge = [f64::MAX; 4];
    assert_eq!(
        least(21, &bands, &huge, Some(&huge[..2])),
        Err(vec!["taps"]),
        "beyond what can be computed with"
    );

    let taps = |taps: Vec<f64>| FirSpec::Taps(taps).fir(rate).map_err(|e| keys(&e));
    assert_eq!(taps(vec![]), Err(vec!["taps"]));
    assert_eq!(taps(vec![0.0; MAX_TAPS + 1]), Err(vec!["taps"]));
    assert_eq!(taps(vec![1.0, f64::NAN]), Err(vec!["taps"]));
    assert_eq!(FirFilter::design(&band_pass(3), 0).err(), Some(DesignError::NoChannels));
}

#[test]
fn steps_read_as_the_field_says_them() {
    let windowed = FirSpec::Windowed { band: BAND, taps: 101, window: FirWindow::Kaiser { beta: 5.5 } };
    assert_eq!(windowed.to_string(), "band-pass 8-30 Hz, FIR of 101 taps, Kaiser beta 5.5 window");
    let (bands_hz, gains) = (vec![0.0, 1.0], vec![1.0, 1.0]);
    let least = FirSpec::LeastSquares { taps: 21, bands_hz, gains, weights: None };
    assert_eq!(least.to_string(), "FIR of 21 taps, least squares");
    assert_eq!(FirSpec::Taps(vec![0.5, 0.5]).to_string(), "FIR of 2 given taps");
}
