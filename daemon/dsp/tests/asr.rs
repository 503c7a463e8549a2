//! Artefact subspace reconstruction equals asrpy's on real EEG, takes out blinks and little else.

#[path = "support/counting.rs"]
mod counting;
#[path = "support/edf.rs"]
mod edf;
mod support;

use bci_dsp::run::{Asr, AsrCalibration, AsrReport, AsrSpec, AsrState};
use bci_dsp::{Chain, CleanSpec, Element, InPlace, Signal, StepSpec};
use bci_types::Hz;
use counting::calls;
use proptest::prelude::*;
use serde_json::Value;
use support::{chain, eeg, high_pass, hz, json, number, numbers, run, synthetic_noise};

const LABELS: [&str; 8] = ["Fp1", "Fpz", "Fp2", "C3", "Cz", "C4", "O1", "O2"];
const N: usize = LABELS.len();

fn rate() -> Hz {
    hz(160.0)
}

/// The first `seconds` of a run, from 1 Hz, `[frames x channels]`.
fn recording(name: &str, seconds: usize) -> Vec<f64> {
    let frames = edf::eegmmidb(name, &LABELS, 0, seconds * 160);
    run(&mut chain(&[high_pass(1.0, 2)], rate(), N), &frames)
}

fn spec(cutoff: f64, calibration: AsrCalibration) -> AsrSpec {
    AsrSpec { cutoff, calibration, window_ms: 500.0, lookahead_ms: 250.0, step_ms: 100.0, max_dims: 0.66 }
}

fn designed(spec: &AsrSpec, channels: usize) -> Asr {
    Asr::design(spec, &Signal::unlabelled(rate(), channels)).expect("a valid specification")
}

fn calibrated(frames: &[f64]) -> AsrState {
    AsrState::calibrate(frames, N, rate(), 500.0).expect("a clean recording")
}

/// Relative to the largest that is wanted.
fn off(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    got.iter().zip(want).fold(0.0, |m: f64, (x, y)| m.max((x - y).abs())) / largest
}

fn reference() -> Value {
    json(include_str!("vectors/asr/cleaned.json"))
}

#[test]
fn calibration_equals_asrpy() {
    let file = reference();
    let state = calibrated(&recording("S001R06", 60));
    for row in file["cutoffs"].as_array().expect("cutoffs") {
        let cutoff = number(&row["cutoff"]);
        let off_mixing = off(state.mixing(), &numbers(&row["mixing"]));
        assert!(off_mixing < 1e-9, "mixing matrix off by {off_mixing:e}");
        let want = numbers(&row["thresholds"]);
        let largest = want.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        for (i, (component, (mean, deviation))) in
            state.components().chunks_exact(N).zip(state.amplitudes()).enumerate()
        {
            let want = &want[i * N..(i + 1) * N];
            let got: Vec<f64> = component.iter().map(|x| x * (mean + cutoff * deviation)).collect();
            // Eigenvectors have either sign.
            let sign = got.iter().zip(want).map(|(g, w)| g * w).sum::<f64>().signum();
            let off = got.iter().zip(want).fold(0.0, |m: f64, (g, w)| m.max((sign * g - w).abs())) / largest;
            assert!(off < 1e-9, "cutoff {cutoff}, threshold {i} off by {off:e}");
        }
    }
}

#[test]
fn cleaned_eeg_equals_asrpy() {
    let file = reference();
    let size = |key: &str| file[key].as_u64().expect("a size") as usize;
    let (step, every) = (size("step"), size("every"));
    let columns: Vec<usize> = numbers(&file["columns"]).iter().map(|&c| c as usize).collect();
    let state = calibrated(&recording("S001R06", size("seconds")));
    let input = recording("S001R05", size("seconds"));
    for row in file["cutoffs"].as_array().expect("cutoffs") {
        let mut asr = designed(&spec(number(&row["cutoff"]), AsrCalibration::Given(state.clone())), N);
        let mut out = input.clone();
        asr.process(&mut out, true);
        let want: Vec<Vec<f64>> = row["output"].as_array().expect("frames").iter().map(numbers).collect();
        let largest = want.iter().flatten().fold(0.0, |m: f64, x| m.max(x.abs()));
        let mut compared = 0;
        // asrpy has no delay of a step, and leaves its last step as it was.
        for (i, want) in want.iter().enumerate().filter(|(i, _)| i * every + step - 1 < out.len() / N) {
            let frame = &out[(i * every + step - 1) * N..][..N];
            for (&column, want) in columns.iter().zip(want) {
                let off = (frame[column] - want).abs() / largest;
                assert!(off < 1e-9, "cutoff {}, frame {i}: {} for {want}", row["cutoff"], frame[column]);
            }
            compared += 1;
        }
        assert!(compared > 950, "{compared} frames");
        assert!(asr.report().reconstructed_windows > 0 && number(&row["share_of_frames_changed"]) > 0.0);
    }
}

/// Root of the mean square of a channel over some frames.
fn rms(frames: &[f64], channels: usize, channel: usize, at: &[usize]) -> f64 {
    (at.iter().map(|&i| frames[i * channels + channel].powi(2)).sum::<f64>() / at.len() as f64).sqrt()
}

/// Six channels of someone who blinks rarely, from 1 Hz: `[frames x 6]`.
fn excerpt(text: &str) -> Vec<f64> {
    let file = json(text);
    let channels = file["labels"].as_array().expect("labels").len();
    assert_eq!((channels, number(&file["rate_hz"])), (6, 160.0));
    let mut frames = numbers(&file["differences"]);
    for i in channels..frames.len() {
        frames[i] += frames[i - channels];
    }
    run(&mut chain(&[high_pass(1.0, 2)], rate(), channels), &frames)
}

#[test]
fn blinks_are_taken_out_and_the_rest_stays() {
    let calm = excerpt(include_str!("vectors/asr/calm.json"));
    let input = excerpt(include_str!("vectors/asr/blinks.json"));
    let n = 6;
    let state = AsrState::calibrate(&calm, n, rate(), 500.0).expect("a clean recording");
    let mut asr = designed(&spec(20.0, AsrCalibration::Given(state)), n);
    let mut out = input.clone();
    asr.process(&mut out, true);
    let delay = asr.delay_samples(10.0) as usize;
    assert_eq!(delay, 40 + 15, "the lookahead and a step less one frame");
    let total = input.len() / n - delay;
    let (before, after) = (&input[..total * n], &out[delay * n..]);
    // A blink: Fp1 and Fp2 together swing beyond 100 uV. Quiet: a second away from any swing beyond 60 uV.
    let (fp1, fp2) = (|i: usize| before[i * n], |i: usize| before[i * n + 1]);
    let blinks: Vec<usize> = (0..total).filter(|&i| fp1(i).min(fp2(i)) > 100.0).collect();
    let loud: Vec<bool> = (0..total).map(|i| fp1(i).abs().max(fp2(i).abs()) > 60.0).collect();
    let quiet: Vec<usize> = (160..total - 160).filter(|&i| !loud[i - 160..i + 160].contains(&true)).collect();
    assert!(blinks.len() > 100 && quiet.len() > 400, "{} and {} frames", blinks.len(), quiet.len());
    for (channel, most) in [(0, 0.25), (1, 0.25), (2, 0.5), (3, 0.6), (4, 0.85), (5, 0.9)] {
        let (was, is) = (rms(before, n, channel, &blinks), rms(after, n, channel, &blinks));
        // The blink spreads less and less towards the back of the head, and less and less is there to be removed.
        assert!(is < most * was, "channel {channel}: {was} to {is} uV in blinks");
        assert!(is > 10.0, "channel {channel}: {is} uV of EEG left in blinks");
    }
    for &i in &quiet {
        assert_eq!(
            after[i * n..(i + 1) * n],
            before[i * n..(i + 1) * n],
            "frame {i}: no bit changed between blinks"
        );
    }
    let AsrReport { windows, reconstructed_windows, components_removed, share_of_power_removed } =
        asr.report();
    assert_eq!(windows, 300, "one every 100 ms of 30 s");
    assert!((30..100).contains(&reconstructed_windows), "{reconstructed_windows}");
    assert!(components_removed >= reconstructed_windows && components_removed < 2 * reconstructed_windows);
    let power = |frames: &[f64]| frames.iter().map(|x| x * x).sum::<f64>();
    let removed: f64 = after.iter().zip(before).map(|(a, b)| (a - b).powi(2)).sum();
    let share = removed / power(before);
    assert!((share_of_power_removed - share).abs() < 0.01, "{share_of_power_removed}, from outside {share}");
}

/// 30 s to calibrate on and 10 s to clean, of which a stretch may not be learned from.
fn on_the_stream() -> (AsrSpec, Vec<f64>, Vec<bool>) {
    let frames = recording("S001R06", 42);
    let learn = (0..frames.len() / N).map(|i| !(500..820).contains(&i)).collect();
    (spec(5.0, AsrCalibration::Stream { seconds: 30.0 }), frames, learn)
}

/// Runs frames one by one.
fn singly(asr: &mut Asr, frames: &[f64], learn: &[bool]) -> Vec<f64> {
    let mut out = frames.to_vec();
    out.chunks_exact_mut(N).zip(learn).for_each(|(frame, &learn)| asr.process(frame, learn));
    out
}

/// Runs frames one by one until there is a calibration; how many that took.
fn until_calibrated(asr: &mut Asr, frames: &[f64], channels: usize, learn: &[bool]) -> Option<usize> {
    let mut frames = frames.to_vec();
    let mut each = frames.chunks_exact_mut(channels).zip(learn);
    each.position(|(frame, &learn)| {
        asr.process(frame, learn);
        asr.is_calibrated()
    })
    .map(|at| at + 1)
}

#[test]
fn the_stream_calibrates_on_its_first_trusted_frames() {
    let (spec, frames, learn) = on_the_stream();
    let mut asr = designed(&spec, N);
    let learned_at = 30 * 160 + 320;
    let calibrated_at = until_calibrated(&mut asr, &frames, N, &learn).expect("long enough");
    let most = asr.warm_up_samples() - 30 * 160;
    let took = calibrated_at - learned_at;
    assert!(took > 10 && took <= most && most < 30 * 16, "spread over {took} frames, at most {most}");
    asr.reset();
    let out = singly(&mut asr, &frames, &learn);
    assert!(asr.is_calibrated() && asr.report().reconstructed_windows > 0, "{:?}", asr.report());
    assert_eq!(out[55 * N..calibrated_at * N], frames[..(calibrated_at - 55) * N], "only delayed until then");
    // Frames 16, 32, ... end steps and are decided on.
    let decisions = (frames.len() / N / 16) - (calibrated_at - 1) / 16;
    assert_eq!(asr.report().windows as usize, decisions);

    // Without a stretch that may not be learned from it is what a recording gives.
    let mut asr = designed(&spec, N);
    let mut pieces = frames.clone();
    asr.process(&mut pieces[..(30 * 160 - 1) * N], true);
    assert!(!asr.is_calibrated() && asr.state().is_none());
    asr.process(&mut pieces[(30 * 160 - 1) * N..30 * 160 * N], true);
    assert!(!asr.is_calibrated(), "the frames are in, the work is yet to be done");
    // Frames that may not be learned from do no harm meanwhile, and a restart does not lose what has been done.
    asr.process(&mut pieces[30 * 160 * N..(30 * 160 + 5) * N], false);
    asr.restart();
    asr.process(&mut pieces[(30 * 160 + 5) * N..], false);
    let state = calibrated(&frames[..30 * 160 * N]);
    assert_eq!(asr.state(), Some(&state));

    // A minute of nothing is no calibration.
    let mut asr = designed(&spec, N);
    asr.process(&mut vec![0.0; 60 * 160 * N], true);
    assert!(!asr.is_calibrated());
    asr.process(&mut frames.clone(), true);
    assert!(asr.is_calibrated(), "but what comes after it is");
    asr.reset();
    assert!(!asr.is_calibrated());
    assert_eq!(asr.report(), AsrReport::default());

    // A reset in the middle of the work begins from nothing.
    asr.process(&mut frames[..(30 * 160 + 5) * N].to_vec(), true);
    assert!(!asr.is_calibrated());
    asr.reset();
    asr.process(&mut frames[..(30 * 160 - 1) * N].to_vec(), true);
    asr.process(&mut frames[..160 * N].to_vec(), false);
    assert!(!asr.is_calibrated(), "a frame is still missing");
}

/// The stated warm-up is enough even where the median does not converge. Synthetic: one course on all channels makes all
/// covariances multiples of one, and the median of an even number on a line is approached ever more slowly.
#[test]
fn the_calibration_is_done_within_the_stated_time() {
    let took = |n: usize, slow: bool, window_ms: f64| {
        let spec = AsrSpec { window_ms, ..spec(20.0, AsrCalibration::Stream { seconds: 30.0 }) };
        let mut asr = designed(&AsrSpec { lookahead_ms: 50.0, ..spec }, n);
        let stated = asr.warm_up_samples();
        let mut frames = synthetic_noise(5, stated * n);
        for (i, frame) in frames.chunks_exact_mut(n).enumerate().filter(|_| slow) {
            let common = frame[0] * if i > 22 * 160 { 1e8 } else { 1e6 };
            frame.fill(common);
        }
        let took = until_calibrated(&mut asr, &frames, n, &vec![true; stated]);
        let took = took.unwrap_or_else(|| panic!("{n} channels: not within {stated} frames"));
        assert!(took > 30 * 160 && stated < 30 * 160 * 5 / 4, "{n} channels: {took} of {stated}");
        took
    };
    for (n, window_ms) in [(1, 500.0), (3, 700.0), (17, 100.0), (24, 500.0)] {
        let (quick, slow) = (took(n, false, window_ms), took(n, true, window_ms));
        assert!(n < 17 || slow > quick + 150, "{n} channels: {quick} and {slow}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_cut_gives_the_same_bits_and_the_same_report(cuts in prop::collection::vec(1usize..400, 1..40)) {
        let (spec, frames, learn) = on_the_stream();
        let mut asr = designed(&spec, N);
        let single = singly(&mut asr, &frames, &learn);
        let report = asr.report();
        asr.reset();
        let mut pieces = frames.clone();
        let mut at = 0;
        for n in cuts.into_iter().chain(std::iter::repeat(usize::MAX)) {
            if at == learn.len() {
                break;
            }
            // Whether frames may be learned from changes between blocks only.
            let alike = learn[at..].iter().take_while(|l| **l == learn[at]).count();
            let end = at + n.min(alike);
            asr.process(&mut pieces[at * N..end * N], learn[at]);
            at = end;
        }
        prop_assert!(single.iter().zip(&pieces).all(|(a, b)| a.to_bits() == b.to_bits()));
        prop_assert_eq!(asr.report(), report);
        prop_assert!(report.reconstructed_windows > 0);
    }
}

#[test]
fn nothing_is_allocated_not_even_by_calibrating() {
    let (spec, mut frames, learn) = on_the_stream();
    let mut asr = designed(&spec, N);
    let ready = designed(&AsrSpec { cutoff: 7.0, ..spec }, N);
    let counted = calls(|| {
        for (block, learn) in frames.chunks_mut(20 * N).zip(learn.chunks(20)) {
            asr.process(block, learn[0]);
        }
        assert!(asr.is_calibrated() && asr.report().reconstructed_windows > 0 && asr.is_finite_state());
        asr.retune(&ready).expect("fits");
        asr.process(&mut frames, true);
        asr.reset();
        asr.prime(&frames[..N]);
    });
    assert_eq!(counted, 0);
}

#[test]
fn without_lookahead_and_frame_by_frame_there_is_no_delay() {
    let state = calibrated(&recording("S001R06", 60));
    let given = AsrCalibration::Given(state);
    let fast = AsrSpec { lookahead_ms: 0.0, step_ms: 6.25, ..spec(5.0, given) };
    let mut asr = designed(&fast, N);
    assert_eq!(asr.delay_samples(10.0), 0.0);
    let input = recording("S001R05", 20);
    let mut out = input.clone();
    asr.process(&mut out, true);
    let same = out.chunks_exact(N).zip(input.chunks_exact(N)).filter(|(a, b)| a == b).count();
    assert!(same > 800 && same < 3100, "{same} of 3200 frames untouched");
    assert_eq!(asr.report().windows, 3200);
}

#[test]
fn what_is_no_number_is_gone_after_a_reset_and_moves_no_calibration() {
    let (spec, frames, _) = on_the_stream();
    let clean = singly(&mut designed(&spec, N), &frames, &vec![true; frames.len() / N]);
    let mut asr = designed(&spec, N);
    let mut spoilt = frames.clone();
    spoilt[1000 * N + 3] = f64::NAN;
    asr.process(&mut spoilt, true);
    assert!(
        !asr.is_finite_state() && !asr.is_calibrated(),
        "it is told, and nothing is learned from then on"
    );
    assert_eq!(spoilt[..1055 * N], clean[..1055 * N]);
    asr.reset();
    assert!(asr.is_finite_state());
    let mut again = frames.clone();
    asr.process(&mut again, true);
    assert_eq!(again, clean);
}

#[test]
fn edge_cases_of_channels_and_signals() {
    // Synthetic: one channel has nothing to be reconstructed from, and is silent where it is an artefact.
    let mut asr = designed(&spec(20.0, AsrCalibration::Stream { seconds: 30.0 }), 1);
    asr.process(&mut [], true);
    let mut noise = synthetic_noise(2, 8000);
    noise[6000..].iter_mut().for_each(|x| *x *= 100.0);
    let before = noise.clone();
    asr.process(&mut noise, true);
    assert!(asr.is_calibrated() && noise.iter().all(|x| x.is_finite()));
    assert_eq!(noise[55..5900], before[..5900 - 55]);
    assert!(noise[6200..].iter().all(|x| *x == 0.0));

    // Synthetic: average-referenced, with a dead channel, calibrated and cleaned without full rank, on an offset.
    let n = 6;
    let mut frames = synthetic_noise(8, 7000 * n);
    for (i, frame) in frames.chunks_exact_mut(n).enumerate() {
        if (6000..6100).contains(&i) {
            frame[1] += 200.0;
        }
        let mean = frame[1..].iter().sum::<f64>() / (n - 1) as f64;
        frame.iter_mut().for_each(|x| *x = 20.0 * (*x - mean));
        frame[0] = 0.0;
    }
    let mut asr = designed(&spec(10.0, AsrCalibration::Stream { seconds: 30.0 }), n);
    let before = frames.clone();
    asr.process(&mut frames, true);
    assert!(asr.report().reconstructed_windows > 0);
    let peak = |frames: &[f64]| frames.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    assert!(peak(&before) > 3000.0 && peak(&frames) < 1200.0, "{} to {}", peak(&before), peak(&frames));
    assert!(frames.chunks_exact(n).all(|f| f[0].abs() < 1e-6), "a dead channel stays dead");

    // Real EEG on an electrode offset of 100 mV: primed, nothing rings.
    let eeg = eeg();
    let mut raised: Vec<f64> = eeg.frames.iter().map(|x| x + 1e5).collect();
    let given = AsrCalibration::Stream { seconds: 30.0 };
    let step = StepSpec::Clean(CleanSpec::Asr(spec(20.0, given)));
    let mut chain = Chain::design(&[step], &Signal::unlabelled(eeg.rate, 8), 640).expect("valid");
    let first: Vec<f64> = raised[..8].to_vec();
    let out = chain.process(&mut raised, true).samples.to_vec();
    assert!(
        out[..55 * 8].chunks_exact(8).all(|f| f == first),
        "the delay begins as if it had always been there"
    );
    assert_eq!(chain.settle_samples(1e-3), 80 + 55);
}

#[test]
fn new_settings_keep_the_calibration() {
    let calm = recording("S001R06", 60);
    let input = recording("S001R05", 30);
    let run = |asr: &mut Asr| {
        let mut out = input.clone();
        asr.process(&mut out, true);
        out
    };
    let given = |cutoff| designed(&spec(cutoff, AsrCalibration::Given(calibrated(&calm))), N);
    let mut asr = given(20.0);
    let want = run(&mut given(5.0));
    asr.retune(&given(5.0)).expect("fits");
    assert_eq!(run(&mut asr), want);
    let streamed = |seconds| designed(&spec(5.0, AsrCalibration::Stream { seconds }), N);
    assert!(asr.retune(&streamed(30.0)).is_err(), "a state is given or it is not");
    assert!(streamed(30.0).retune(&streamed(40.0)).is_err());
    let longer = AsrSpec { window_ms: 600.0, ..spec(5.0, AsrCalibration::Given(calibrated(&calm))) };
    assert!(asr.fits(&designed(&longer, N)).is_err());
    let mut own = streamed(30.0);
    own.process(&mut calm.clone(), true);
    let state = own.state().cloned();
    own.retune(&streamed(30.0)).expect("fits");
    assert_eq!((own.state().cloned(), own.is_calibrated()), (state, true));
}

#[test]
fn every_mistake_is_told_at_once() {
    let told = |spec: &AsrSpec, rate: f64, channels: usize| -> Vec<String> {
        let found = Asr::design(spec, &Signal::unlabelled(hz(rate), channels)).expect_err("a mistake");
        found.iter().map(ToString::to_string).collect()
    };
    let wrong = AsrSpec {
        cutoff: f64::NAN,
        calibration: AsrCalibration::Stream { seconds: 5.0 },
        window_ms: 90.0,
        lookahead_ms: 46.0,
        step_ms: 91.0,
        max_dims: 0.0,
    };
    assert_eq!(
        told(&wrong, 80.0, 0),
        [
            "at least one channel is needed",
            "cutoff = NaN must be finite and above 0",
            "max_dims = 0 must be above 0 and up to 1",
            "window_ms = 90 must be 100 to 5000 ms",
            "lookahead_ms = 46 must be 0 to 45 ms, half of window_ms",
            "step_ms = 91 must be 12.5 to 90 ms, which is window_ms",
            "calibrate_s = 5 must be 30 to 600 s",
            "rate_hz = 80 must be above 82 and up to 512 Hz for asr, whose statistics need frequencies beyond 40 Hz and resolve 0.5 Hz",
        ]
    );
    let long = AsrSpec { window_ms: 5000.0, ..spec(20.0, AsrCalibration::Stream { seconds: 60.0 }) };
    assert_eq!(told(&long, 160.0, 8), ["calibrate_s = 60 must be long enough for 100 windows of 5000 ms"]);
    let state = calibrated(&recording("S001R06", 20));
    let other = told(&spec(20.0, AsrCalibration::Given(state)), 250.0, 4);
    assert_eq!(other, ["calibration = [8 channels at 160 Hz] must be for 4 channels at 250 Hz"]);
    for (frames, why) in [
        (vec![0.0; 4800], "must be of a recording"),
        (vec![f64::NAN; 4800], "must be of a recording"),
        (vec![1.0; 2000], "must be long enough"),
    ] {
        let found = AsrState::calibrate(&frames, 1, rate(), 500.0).expect_err("a mistake");
        assert!(found[0].to_string().contains(why), "{found:?}");
    }
}

/// From the first frame on that a chain calls learned from, and windows are trusted from, what comes out is cleaned as it is
/// with a given state.
#[test]
fn what_comes_once_it_is_calibrated_is_cleaned() {
    let frames = recording("S001R06", 60);
    let mut own = designed(&spec(5.0, AsrCalibration::Stream { seconds: 30.0 }), N);
    let mut each = frames.clone();
    let mut each = each.chunks_exact_mut(N);
    let done = each.position(|frame| {
        own.process(frame, true);
        own.frames_to_learn() == 0
    });
    let learned_at = done.expect("long enough") + 1;
    assert!(learned_at <= own.warm_up_samples());
    let delay = 40 + 15;
    // Synthetic: a blink of the first three channels in what comes out right after that.
    for shift in 0..16 {
        let mut spoilt = frames.clone();
        for i in learned_at - delay..learned_at - delay + 12 {
            let i = i + shift;
            (0..3).for_each(|c| spoilt[i * N + c] += 400.0);
        }
        let mut on_stream = designed(&spec(5.0, AsrCalibration::Stream { seconds: 30.0 }), N);
        let mut out = spoilt.clone();
        on_stream.process(&mut out, true);
        let state = on_stream.state().expect("calibrated").clone();
        let mut given = designed(&spec(5.0, AsrCalibration::Given(state)), N);
        let mut want = spoilt.clone();
        given.process(&mut want, true);
        let from = learned_at * N;
        let worst = out[from..].iter().zip(&want[from..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1.0, "shifted by {shift}, {worst} uV of an artefact are left in what is trusted");
    }
}
