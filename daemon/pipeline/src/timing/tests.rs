//! On the stamps of a real stream whose clock was reset, and on synthetic series, named so.

use super::dejitter::Dejitter;
use super::rate::{RateEstimate, RateEstimator};
use super::{Event, Timing, TimingSpec};
use bci_types::Hz;

fn hz(rate: f64) -> Hz {
    Hz::new(rate).expect("rate")
}

fn timing(rate: f64) -> Timing {
    Timing::new(hz(rate), TimingSpec::new(20.0))
}

fn events(rate: f64, stamps: impl IntoIterator<Item = f64>) -> Vec<Event> {
    let mut t = timing(rate);
    stamps.into_iter().map(|s| t.frame(s, None)).collect()
}

fn missing(events: &[Event]) -> Vec<u64> {
    events.iter().map(|e| if let Event::Missing(n) = e { *n } else { 0 }).collect()
}

fn estimate(estimator: &RateEstimator) -> RateEstimate {
    estimator.estimate().expect("enough to estimate from")
}

/// Real stamps in seconds (`vectors/make.py`): 100 Hz by their own account, the clock reset before frame 6000.
fn clock_resets() -> Vec<f64> {
    let mut ticks = 0;
    let steps = include_str!("vectors/clock_resets.txt").split_ascii_whitespace();
    let stamps: Vec<f64> = steps
        .map(|step| {
            ticks += step.parse::<i64>().expect("a whole number");
            ticks as f64 * 1e-5
        })
        .collect();
    assert_eq!(stamps.len(), 12_000);
    stamps
}

/// Synthetic noise, uniform from -1 to 1, the same for the same seed.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// Synthetic: `frames` frames at `rate`, each up to `jitter_s` off.
fn jittered(rate: f64, jitter_s: f64, frames: u32) -> Vec<f64> {
    let mut noise = noise(7);
    (0..frames).map(|i| 1e5 + f64::from(i) / rate + jitter_s * noise()).collect()
}

#[test]
fn an_even_stream_has_no_gaps_and_a_hole_is_measured() {
    let even = (0..100).map(|i| f64::from(i) / 160.0);
    assert_eq!(events(160.0, even), vec![Event::Even; 100]);
    let holed = (0..100).filter(|i| !(40..60).contains(i)).map(|i| f64::from(i) / 160.0);
    let found = missing(&events(160.0, holed));
    assert_eq!((found[40], found.iter().sum::<u64>()), (20, 20));
}

#[test]
fn jitter_within_the_slack_is_no_gap() {
    let jittered = (0..1000).map(|i| f64::from(i) / 250.0 + if i % 3 == 0 { 0.015 } else { 0.0 });
    assert_eq!(events(250.0, jittered), vec![Event::Even; 1000]);
}

#[test]
fn many_small_losses_stretch_a_window_though_none_is_a_gap() {
    // Every fourth frame comes, the shipped slack: three lost at a time are within jitter.
    let stamps: Vec<f64> = (0..640).step_by(4).map(|i| f64::from(i) / 160.0).collect();
    let mut t = timing(160.0);
    assert!(stamps.iter().all(|&s| t.frame(s, None) == Event::Even));
    for t in [timing(160.0), t] {
        assert!(t.is_stretched(160, stamps[0], stamps[159]));
        let even: Vec<f64> = (0..160).map(|i| f64::from(i) / 160.0).collect();
        assert!(!t.is_stretched(160, even[0], even[159] + 0.019), "jitter within the slack");
        assert!(t.is_stretched(160, even[0], even[159] + 0.025), "four frames lost");
    }
}

#[test]
fn chunks_stamped_alike_are_no_gaps_but_a_missing_chunk_is() {
    for spread_s in [0.0, 1e-6] {
        // Alike, or all but alike as real drivers stamp them.
        let alike = (0..20)
            .filter(|c| *c != 7)
            .flat_map(|c| (0..32).map(move |i| f64::from(c) * 0.128 + f64::from(i) * spread_s));
        let found = missing(&events(250.0, alike));
        assert_eq!(found.iter().filter(|m| **m > 0).collect::<Vec<_>>(), [&32]);
    }
}

#[test]
fn windows_of_chunks_stamped_alike_are_not_stretched() {
    let mut t = timing(250.0);
    let stamps: Vec<f64> = (0..40).flat_map(|c| std::iter::repeat_n(f64::from(c) * 0.128, 32)).collect();
    for &s in &stamps {
        assert_eq!(t.frame(s, None), Event::Even);
    }
    // From the last of a chunk to the first of another: 31 periods more than frames.
    assert!(!t.is_stretched(2 + 32 * 9, stamps[31], stamps[32 * 10]));
    assert!(t.is_stretched(2 + 32 * 8, stamps[31], stamps[32 * 10]), "a chunk is missing");
}

#[test]
fn a_chunk_that_comes_late_and_catches_up_counts_once_at_most() {
    // Synthetic, after OpenBCI over LSL: chunks of 5 that lag further and further, then one is stamped 0.18 s later and
    // those behind it follow in half of their time.
    let stamps = (0..400u32).flat_map(|chunk| {
        let late = 0.022 * (9.0 - f64::from(chunk % 10));
        (0..5).map(move |i| f64::from(5 * chunk + i) / 125.0 + late)
    });
    let found = events(125.0, stamps);
    let told = missing(&found);
    assert!(told.iter().filter(|m| **m > 0).count() <= 1, "{told:?}");
    assert!(!found.iter().any(|e| matches!(e, Event::ClockStep(_))));
}

#[test]
fn a_stamp_that_is_no_number_says_nothing() {
    let stamp = |i: u32| if i % 5 == 3 { f64::NAN } else { f64::from(i) / 100.0 };
    assert_eq!(events(100.0, (0..200).map(stamp)), vec![Event::Even; 200]);
    let holed = (0..200).filter(|i| !(52..90).contains(i)).map(stamp);
    assert_eq!(missing(&events(100.0, holed)).iter().sum::<u64>(), 38);
    let mut t = timing(100.0);
    assert_eq!(t.frame(f64::NAN, None), Event::Even);
    assert!(t.smoothed_s().is_nan() && t.last().is_none());
    t.frame(f64::INFINITY, Some(0));
    for i in 0..1000 {
        t.frame(stamp(i), None);
        assert!(
            i < 1 || (t.smoothed_s() - f64::from(i) / 100.0).abs() < 1e-9,
            "frame {i}: {}",
            t.smoothed_s()
        );
    }
    let found = estimate(t.sampling());
    assert!((found.hz - 100.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn what_was_dropped_is_told_with_what_the_stamps_tell() {
    let mut t = timing(100.0);
    assert_eq!(t.frame(0.0, None), Event::Even);
    t.dropped(10);
    assert_eq!(t.frame(0.11, None), Event::Missing(10));
    t.dropped(10);
    assert_eq!(t.frame(0.32, None), Event::Missing(20), "ten more are missing by the stamps");
    t.dropped(3);
    assert_eq!(t.frame(0.33, None), Event::Missing(3), "known, whatever the stamps say");
    assert_eq!(t.frame(0.34, None), Event::Even);
    t.restart();
    assert_eq!(t.last(), None);
    assert_eq!(t.frame(99.0, None), Event::Even, "nothing is known of what lies between");
}

/// Synthetic: 250 Hz in chunks of 8, received up to 8 ms later; `shift` is added to the stamps, `pause` passes in both,
/// from frame 2000 on.
fn received(shift: f64, pause: f64) -> Vec<(f64, Option<i64>)> {
    let mut noise = noise(3);
    (0..500u32)
        .flat_map(|chunk| {
            let after = if chunk >= 250 { 1.0 } else { 0.0 };
            let newest = f64::from(8 * chunk + 7) / 250.0 + pause * after;
            let received = 4e5 + newest + 4e-3 * (1.0 + noise());
            let acquired = Some((received * 1e9) as i64);
            (0..8).map(move |i| (1000.0 + newest - f64::from(7 - i) / 250.0 + shift * after, acquired))
        })
        .collect()
}

fn only_event(frames: &[(f64, Option<i64>)]) -> Event {
    let mut t = timing(250.0);
    let found: Vec<Event> = frames.iter().map(|(s, a)| t.frame(*s, *a)).collect();
    assert!(found.iter().enumerate().all(|(i, e)| i == 2000 || *e == Event::Even), "elsewhere");
    found[2000]
}

#[test]
fn receipt_tells_a_step_of_the_clock_from_a_gap() {
    for shift in [0.2, 3.0, 1e6, -0.2, -3.0, -900.0] {
        match only_event(&received(shift, 0.0)) {
            Event::ClockStep(seconds) => assert!((seconds - shift).abs() < 1e-6, "{seconds} for {shift}"),
            other => panic!("{other:?} for a step of {shift} s"),
        }
    }
    for pause in [0.04, 0.2, 3.0, 3600.0] {
        assert_eq!(only_event(&received(0.0, pause)), Event::Missing((pause * 250.0) as u64));
    }
    // Both: the nearer one, and a step backwards is never a gap.
    assert_eq!(only_event(&received(0.4, 2.0)), Event::Missing(600));
    assert!(matches!(only_event(&received(2.0, 0.4)), Event::ClockStep(s) if (s - 2.4).abs() < 1e-6));
    assert!(matches!(only_event(&received(-5.0, 1.0)), Event::ClockStep(s) if (s + 4.0).abs() < 1e-6));
    // Without receipt, a jump ahead is a gap and one back a step.
    let blind = |shift| only_event(&received(shift, 0.0).iter().map(|f| (f.0, None)).collect::<Vec<_>>());
    assert_eq!(blind(3.0), Event::Missing(750));
    assert!(matches!(blind(-3.0), Event::ClockStep(s) if (s + 3.0).abs() < 1e-6));
}

#[test]
fn a_real_clock_reset_is_told_and_the_rate_is_that_of_either_side() {
    // Least squares with weights that halve in 6000 frames, by numpy, over the last minute before and the first after.
    let numpy = [93.358_092_905, 92.158_479_794];
    let stamps = clock_resets();
    let mut t = timing(100.0);
    let mut found = Vec::new();
    for (i, &s) in stamps.iter().enumerate() {
        if let Event::ClockStep(seconds) = t.frame(s, None) {
            found.push((i, seconds));
        }
        if i == 5999 {
            let at_reset = estimate(t.delivered());
            assert!((at_reset.hz - numpy[0]).abs() < 0.02, "{at_reset:?}");
            assert!(at_reset.is_off(5.0) && !at_reset.is_off(8.0), "{at_reset:?}");
            assert!(
                (at_reset.deviation_percent() + 6.64).abs() < 0.05 && at_reset.deviation_ppm() < -66_000.0
            );
        }
    }
    let [(6000, seconds)] = found[..] else { panic!("{found:?}") };
    assert!((seconds - (stamps[6000] - stamps[5999] - 0.01)).abs() < 0.05, "{seconds}");
    // What comes after alone, as a stream that began there.
    let mut after = RateEstimator::new(hz(100.0), 60.0);
    stamps[6000..].iter().for_each(|&s| after.frame(s));
    assert!((estimate(&after).hz - numpy[1]).abs() < 0.02, "{:?}", estimate(&after));
    // The two minutes together: between the two, nothing smeared by 653187 s.
    let both = estimate(t.delivered());
    assert!(both.hz > numpy[1] && both.hz < numpy[0], "{both:?}");
    assert!(both.jitter_s < 0.2, "{both:?}");
}

#[test]
fn a_rate_a_little_off_is_found_within_its_standard_error() {
    // Synthetic: 999.41 Hz that states 1000, jitter of 2 ms either way.
    let mut estimator = RateEstimator::new(hz(1000.0), 60.0);
    let mut converged_at = None;
    for (i, s) in jittered(999.41, 2e-3, 120_000).into_iter().enumerate() {
        estimator.frame(s);
        if converged_at.is_none() && estimator.estimate().is_some_and(|e| e.converged) {
            converged_at = Some(i);
            let early = estimate(&estimator);
            assert!((early.hz - 999.41).abs() < 4.0 * early.standard_error_hz, "{early:?}");
        }
    }
    assert!(converged_at.is_some_and(|i| i < 5000), "{converged_at:?}");
    let found = estimate(&estimator);
    assert!((found.hz - 999.41).abs() < 4.0 * found.standard_error_hz.max(1e-9), "{found:?}");
    assert!(found.standard_error_hz < 1e-3 && (found.deviation_ppm() + 590.0).abs() < 1.0, "{found:?}");
    assert!((found.jitter_s - 2e-3 / 3f64.sqrt()).abs() < 5e-5, "{found:?}");
    assert!(found.is_off(0.05) && !found.is_off(0.1));
}

#[test]
fn an_evenly_slow_stream_and_one_with_dropouts_differ_in_jitter() {
    // Synthetic, after recordings that come at 96 of 125 Hz: evenly so, and by losing bursts at 125.
    let mut slow = timing(125.0);
    for i in 0..12_000 {
        assert_eq!(slow.frame(f64::from(i) / 96.0, None), Event::Even);
    }
    let evenly = estimate(slow.delivered());
    assert!((evenly.hz - 96.0).abs() < 1e-6 && evenly.converged && evenly.is_off(20.0), "{evenly:?}");
    assert!((estimate(slow.sampling()).hz - 96.0).abs() < 1e-6, "nothing was told to be missing");
    assert!(slow.is_stretched(125, 0.0, 124.0 / 96.0), "not what it states");

    let mut bursts = timing(125.0);
    let kept = (0..16_000).filter(|i| i % 1000 >= 232);
    let lost: u64 =
        missing(&kept.map(|i| bursts.frame(f64::from(i) / 125.0, None)).collect::<Vec<_>>()).iter().sum();
    assert_eq!(lost, 15 * 232);
    let (sampled, delivered) = (estimate(bursts.sampling()), estimate(bursts.delivered()));
    assert!((sampled.hz - 125.0).abs() < 1e-6 && sampled.converged, "{sampled:?}");
    assert!((delivered.hz - 96.0).abs() < 2.0 && delivered.jitter_s > 0.3, "{delivered:?}");
    assert!(delivered.standard_error_hz > 0.1 && !delivered.converged, "{delivered:?}");
}

#[test]
fn a_drifting_rate_is_followed_over_minutes() {
    // Synthetic: from 250 Hz to 250.25 (1000 ppm) half-way through, 2 ms of jitter. With a weight of exp(-t / tau),
    // what is left of the old rate after a time of u tau is (1 + u) exp(-u); a hundredth of the change is for the old
    // rate's own beginning.
    let mut estimator = RateEstimator::new(hz(250.0), 60.0);
    let mut noise = noise(11);
    let mut at = 0.0;
    for i in 0..250 * 1200 {
        at += if i < 250 * 600 { 1.0 / 250.0 } else { 1.0 / 250.25 };
        estimator.frame(at + 2e-3 * noise());
        if [0, 60, 120, 300, 599].contains(&(i / 250 - 600)) && i % 250 == 0 {
            let u = f64::from(i / 250 - 600) / 60.0 * std::f64::consts::LN_2;
            let want = 250.25 - 0.25 * (1.0 + u) * (-u).exp();
            let found = estimate(&estimator);
            assert!((found.hz - want).abs() < 2.5e-3, "{} s after: {found:?} for {want}", i / 250 - 600);
        }
    }
}

#[test]
fn alike_stamps_give_the_rate_all_the_same() {
    // Synthetic: chunks of varying length, each stamped once, at its end.
    let mut estimator = RateEstimator::new(hz(256.0), 60.0);
    let mut frames = 0;
    for chunk in 0..2000 {
        let length = 4 + chunk * 7 % 13;
        frames += length;
        (0..length).for_each(|_| estimator.frame(f64::from(frames) / 255.9));
    }
    assert!((estimate(&estimator).hz - 255.9).abs() < 1e-6, "{:?}", estimate(&estimator));
}

#[test]
fn days_cost_no_precision() {
    // Synthetic: ten days at 100 Hz, on a clock that counts since 1970.
    let mut estimator = RateEstimator::new(hz(100.0), 60.0);
    let mut dejitter = Dejitter::new(hz(100.0), 30.0);
    let mut off = 0.0f64;
    for i in 0..86_400_000u32 / 4 {
        let stamp = 1.7e9 + f64::from(4 * i) / 100.01 + f64::from(i % 2) * 1e-4;
        estimator.frame(stamp);
        let smooth = dejitter.frame(stamp);
        if i > 80_000_000 / 4 {
            off = off.max((smooth - stamp).abs());
        }
    }
    assert!((estimate(&estimator).hz - 25.0025).abs() < 1e-6, "{:?}", estimate(&estimator));
    assert!(off < 1.1e-4, "{off}");
}

#[test]
fn smoothed_stamps_are_on_the_line_within_seconds_and_never_fall() {
    // Synthetic: 250.05 Hz stated as 250, 5 ms of jitter either way.
    let stamps = jittered(250.05, 5e-3, 250 * 60);
    let mut dejitter = Dejitter::new(hz(250.0), 30.0);
    let mut last = f64::NEG_INFINITY;
    let (mut early, mut late) = (0.0f64, 0.0f64);
    for (i, &s) in stamps.iter().enumerate() {
        let smooth = dejitter.frame(s);
        assert!(smooth >= last, "frame {i}: {smooth} after {last}");
        last = smooth;
        let off = (smooth - 1e5 - i as f64 / 250.05).abs();
        match i {
            0..500 => {}
            500..2500 => early = early.max(off),
            _ => late = late.max(off),
        }
    }
    assert!(early < 1e-3, "after 2 s {early} s off");
    assert!(late < 3e-4, "after 10 s {late} s off");
    let want = 5e-3 / 3f64.sqrt();
    assert!((dejitter.corrected_rms_s() - want).abs() < 0.05 * want, "{} s", dejitter.corrected_rms_s());
}

#[test]
fn smoothing_begins_anew_after_a_gap_and_after_a_step() {
    let mut t = timing(250.0);
    let mut noise = noise(5);
    let mut check = |range: std::ops::Range<u32>, shift: f64, least: f64| {
        let mut last = least;
        for i in range.clone() {
            let true_s = f64::from(i) / 250.0 + shift;
            t.frame(true_s + 2e-3 * noise(), Some((f64::from(i) / 250.0 * 1e9) as i64));
            assert!(t.smoothed_s() >= last, "{i}");
            last = t.smoothed_s();
            let off = (last - true_s).abs();
            assert!(off < if i < range.start + 500 { 4e-3 } else { 5e-4 }, "frame {i}: {off}");
        }
        last
    };
    let last = check(0..2000, 0.0, f64::NEG_INFINITY);
    check(4000..6000, 0.0, last);
    check(6000..8000, -700.0, f64::NEG_INFINITY);
    check(8000..10_000, 50.0, f64::NEG_INFINITY);
}

#[test]
fn real_stamps_are_smoothed_without_falling() {
    let mut t = timing(100.0);
    let (mut last, mut most) = (f64::NEG_INFINITY, 0.0f64);
    for s in clock_resets() {
        if let Event::ClockStep(_) = t.frame(s, None) {
            last = f64::NEG_INFINITY;
        }
        assert!(t.smoothed_s() >= last);
        assert!((t.smoothed_s() - s).abs() < 0.3, "{} for {s}", t.smoothed_s());
        last = t.smoothed_s();
        most = most.max((last - s).abs());
    }
    let rms = t.corrected_rms_s();
    assert!(rms > 0.1 * most && rms < most, "{rms} s, at most {most} s");
}

#[test]
fn how_the_frames_were_cut_changes_nothing() {
    // Frame by frame there is nothing to cut; a copy taken anywhere goes on as the original does.
    let stamps = clock_resets();
    let mut whole = timing(100.0);
    let mut copies = vec![];
    for (i, &s) in stamps.iter().enumerate() {
        if i % 977 == 0 {
            copies.push((i, whole));
        }
        whole.frame(s, None);
    }
    for (from, mut copy) in copies {
        stamps[from..].iter().for_each(|&s| {
            copy.frame(s, None);
        });
        assert_eq!(copy.smoothed_s().to_bits(), whole.smoothed_s().to_bits());
        assert_eq!(copy.sampling().estimate(), whole.sampling().estimate());
    }
}
