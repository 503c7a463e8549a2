//! The signal path against a model that has the whole recording before it and does everything in one go.

#![allow(clippy::unwrap_used, reason = "tests")]

mod model;

use self::model::{RATE, Rig, average, band_pass, butterworth, clean, feed, hole, model, plain, run};
use super::*;
use bci_dsp::SETTLED;
use bci_dsp::design::Band;
use bci_dsp::{Chain, IirSpec};
use proptest::prelude::*;
use std::sync::atomic::Ordering::Relaxed;

fn rigs() -> impl Strategy<Value = Rig> {
    let steps = prop_oneof![
        Just(vec![]),
        Just(vec![band_pass()]),
        Just(vec![StepSpec::Iir(IirSpec::Notch { freq_hz: 50.0, q: 5.0 }), band_pass()]),
        Just(vec![butterworth(Band::LowPass { cutoff_hz: 40.0 }, 3)]),
    ];
    let conditioned = prop_oneof![Just(None), Just(Some(vec![3, 0, 1])), Just(Some(vec![0, 1, 2, 3]))];
    (steps, conditioned, any::<bool>(), 1usize..40, 1usize..60, prop::sample::select(vec![1.0, 1e3, 1e6]))
        .prop_map(|(preprocessing, conditioned, mean, window, hop, factor)| Rig {
            inputs: 4,
            conditioning: if mean { vec![average()] } else { vec![band_pass()] },
            conditioned,
            picked: vec![1, 3],
            factor,
            preprocessing,
            window,
            hop,
            ..plain(1, 1)
        })
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Hole { lost: u64, dropped: u64 },
    Number(f64),
}

fn faults() -> impl Strategy<Value = Vec<(usize, usize, Fault)>> {
    let numbers = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e308, 1e40];
    let fault = prop_oneof![
        (0u64..50, 0u64..50)
            .prop_filter("a hole", |(l, d)| l + d > 0)
            .prop_map(|(lost, dropped)| Fault::Hole { lost, dropped }),
        prop::sample::select(numbers).prop_map(Fault::Number),
    ];
    prop::collection::vec((any::<usize>(), 0usize..4, fault), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever the rig, the faults and the cuts: windows, numbers, stamps, positions and causes are the model's, bit
    /// for bit, and every lost frame is counted once.
    #[test]
    fn the_path_does_what_the_model_says(
        rig in rigs(),
        n in 1usize..400,
        faults in faults(),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let mut frames = clean(n, rig.inputs);
        for (at, channel, fault) in faults {
            // The first frame has nothing before it that could be missed by its stamp.
            let i = at % n;
            match fault {
                Fault::Hole { lost, dropped } if i > 0 => hole(&mut frames, i, lost, dropped),
                Fault::Hole { .. } => {}
                Fault::Number(x) => frames[i].values[channel] = x,
            }
        }
        let counters = Counters::default();
        let seen = run(&rig, &frames, &cuts, &counters);
        let expected = model(&rig, &frames);
        prop_assert_eq!(seen.len(), expected.len());
        for (s, e) in seen.iter().zip(&expected) {
            prop_assert_eq!(s, e);
        }
        let holes: Vec<u64> = frames.iter().map(|f| f.lost + f.dropped).filter(|h| *h > 0).collect();
        prop_assert_eq!(counters.samples_lost.load(Relaxed), holes.iter().sum::<u64>());
        prop_assert_eq!(counters.gaps.load(Relaxed), holes.len() as u64);
        prop_assert_eq!(counters.windows.load(Relaxed), expected.len() as u64);
        let invalid = expected.iter().filter(|w| !w.validity.is_valid()).count() as u64;
        prop_assert_eq!(counters.windows_invalid.load(Relaxed), invalid);
        prop_assert_eq!(counters.windows_skipped.load(Relaxed), 0);
    }
}

/// The one case of the property that a reader should see spelt out: which windows a hole and a NaN mark.
#[test]
fn only_windows_that_hold_a_fault_or_its_aftermath_are_marked() {
    let rig = Rig { preprocessing: vec![], ..plain(10, 5) };
    let mut frames = clean(60, 3);
    hole(&mut frames, 22, 3, 0);
    frames[41].values[0] = f64::NAN;
    let counters = Counters::default();
    let seen = run(&rig, &frames, &[], &counters);
    let marks: Vec<_> =
        seen.iter().map(|w| (w.newest_frame, w.validity.causes().collect::<Vec<_>>())).collect();
    let ok = Vec::new;
    assert_eq!(
        marks,
        [
            (9, ok()),
            (14, ok()),
            (19, ok()),
            // The window up to 24 would end on a frame that is not there.
            (29, vec!["gap"]),
            (34, ok()),
            (39, ok()),
            (44, vec!["not_finite"]),
            (49, vec!["not_finite"]),
            (54, ok()),
            (59, ok()),
        ]
    );
    assert_eq!(counters.frames_not_finite.load(Relaxed), 1);
}

#[test]
fn windows_land_where_an_index_says() {
    let rig = plain(160, 10);
    let seen = run(&rig, &clean(200, 3), &[], &Counters::default());
    let newest: Vec<u64> = seen.iter().map(|w| w.newest_frame).collect();
    assert_eq!(newest, [159, 169, 179, 189, 199]);
    assert_eq!(seen[1].oldest, HostNs::from_lsl_seconds(100.0 + 10.0 / RATE));
}

#[test]
fn the_first_windows_settle_and_no_others() {
    let rig = plain(16, 1);
    let settle = rig.path(1).settle_samples();
    assert!(settle > 16, "{settle}");
    let seen = run(&rig, &clean(600, 3), &[], &Counters::default());
    for w in seen {
        let first = w.newest_frame - 15;
        let expected = if first < settle { Validity::SETTLING } else { Validity::VALID };
        assert_eq!(w.validity, expected, "window from frame {first}, settled at {settle}");
    }
}

/// Once a fault is no longer marked, what is left of it is within the stated tolerance of the largest difference that
/// it made at the input.
#[test]
fn what_follows_a_fault_is_the_clean_run_within_the_tolerance() {
    for (number, conditioned) in [(f64::NAN, false), (f64::INFINITY, true), (1e300, true), (-1e300, false)] {
        let rig = Rig {
            conditioned: conditioned.then(|| vec![0, 1, 2]),
            conditioning: vec![average()],
            ..plain(16, 4)
        };
        let frames = clean(900, 3);
        let mut faulty = frames.clone();
        for f in &mut faulty[100..140] {
            f.values[2] = number;
        }
        let good = run(&rig, &frames, &[], &Counters::default());
        let seen = run(&rig, &faulty, &[], &Counters::default());
        let mut compared = 0;
        for (s, g) in seen.iter().zip(&good).filter(|(s, _)| s.newest_frame >= 140 && s.validity.is_valid()) {
            for (a, b) in s.bits.iter().zip(&g.bits) {
                let (a, b) = (f32::from_bits(*a), f32::from_bits(*b));
                // The input differed by at most 40 uV, and no frequency is amplified; 1e-4 of it, and rounding.
                assert!((a - b).abs() < 40.0 * 2.0 * SETTLED as f32 + 1e-5, "{number}: {a} for {b}");
            }
            compared += 1;
        }
        assert!(compared > 100, "{compared}");
        let marked = seen.iter().filter(|w| w.validity.has(Validity::NOT_FINITE)).count();
        assert!((10..90).contains(&marked), "{marked} of {}", seen.len());
    }
}

/// The stated settling time is long enough for the chain as a whole, by its own impulse response.
#[test]
fn the_settling_time_covers_both_chains_in_a_row() {
    let rig = Rig {
        conditioned: Some(vec![0, 1, 2]),
        conditioning: vec![butterworth(Band::HighPass { cutoff_hz: 0.5 }, 2)],
        ..plain(16, 4)
    };
    let settle = rig.path(1).settle_samples() as usize;
    let steps: Vec<_> = rig.conditioning.iter().chain(&rig.preprocessing).cloned().collect();
    // A frame before it, for the first is taken to have been there always.
    let mut impulse = vec![0.0; 20_001];
    impulse[1] = 1.0;
    let signal = Signal::unlabelled(Hz::new(RATE).unwrap(), 1);
    let mut chain = Chain::design(&steps, &signal, impulse.len()).unwrap();
    let impulse = chain.process(&mut impulse, true).samples[1..].to_vec();
    let total: f64 = impulse.iter().map(|x| x.abs()).sum();
    let rest: f64 = impulse[settle..].iter().map(|x| x.abs()).sum();
    assert!(rest <= SETTLED * total, "{rest} of {total} is left after {settle} samples");
}

/// A reattached source: new numbers begin, the positions go on with the time that passed, nothing is called lost.
#[test]
fn positions_go_on_over_a_reattachment() {
    let rig = Rig { preprocessing: vec![], ..plain(4, 4) };
    let counters = Counters::default();
    let mut at = Continuity::default();
    let first = clean(10, 3);
    let mut later = clean(8, 3);
    // 25 frames' time between the last frame of one and the first of the other: 24 could have been there.
    for f in &mut later {
        f.stamp += 9.0 / RATE + 25.0 / RATE;
    }
    let a = feed(&mut rig.path(16), &mut at, &first, &[], false, &counters);
    let b = feed(&mut rig.path(16), &mut at, &later, &[3], true, &counters);
    assert_eq!(a.iter().map(|w| (w.seq, w.newest_frame)).collect::<Vec<_>>(), [(0, 3), (1, 7)]);
    assert_eq!(b.iter().map(|w| (w.seq, w.newest_frame)).collect::<Vec<_>>(), [(2, 37), (3, 41)]);
    assert_eq!(counters.samples_lost.load(Relaxed), 0);

    // The same, and the ring had dropped 6 of them besides: counted as lost, and within the same 24.
    let mut at = Continuity::default();
    feed(&mut rig.path(16), &mut at, &first, &[], false, &counters);
    later[0].dropped = 6;
    let b = feed(&mut rig.path(16), &mut at, &later, &[], true, &counters);
    assert_eq!(b[0].newest_frame, 37, "one hole is not counted twice");
    assert_eq!(counters.samples_lost.load(Relaxed), 6);
}

#[test]
fn a_reattachment_marks_what_the_filters_remember() {
    let rig = plain(16, 4);
    let settle = rig.path(1).settle_samples();
    let mut at = Continuity::default();
    feed(&mut rig.path(64), &mut at, &clean(64, 3), &[], false, &Counters::default());
    let mut later = clean(600, 3);
    for f in &mut later {
        f.stamp += 10.0;
    }
    let base = at.frame + 1600 - 64;
    let seen = feed(&mut rig.path(600), &mut at, &later, &[50, 51, 300], true, &Counters::default());
    for w in &seen {
        let both = Validity::GAP.with(Validity::SETTLING);
        let first = w.newest_frame - 15 - base;
        assert_eq!(w.validity, if first < settle { both } else { Validity::VALID }, "{first}");
    }
    assert!(seen.last().unwrap().validity.is_valid());
}

/// What is not there costs nothing: a ring that overflows, or stamps that tell of holes at every frame, make no work; and
/// where holes are bridged, no more than twice what came.
#[test]
fn holes_make_no_work() {
    for (bridge_ms, most) in [(0.0, 400), (500.0, 800)] {
        let mut rig = plain(16, 4);
        rig.faults.gap.bridge_ms = bridge_ms;
        for dropped in [false, true] {
            let mut frames = clean(400, 3);
            for i in 1..400 {
                let (lost, dropped) = if dropped { (0, 40) } else { (40, 0) };
                hole(&mut frames, i, lost, dropped);
            }
            let (mut path, mut at, counters) = (rig.path(400), Continuity::default(), Counters::default());
            feed(&mut path, &mut at, &frames, &(0..400).collect::<Vec<_>>(), false, &counters);
            assert_eq!(counters.samples_lost.load(Relaxed), 399 * 40);
            assert_eq!(at.frame, 400 + 399 * 40);
            assert!(path.fed <= if dropped { 400 } else { most }, "{}", path.fed);
        }
        // Holes no longer than what comes between them are bridged, all of them.
        let mut frames = clean(400, 3);
        (4..400).step_by(4).for_each(|i| hole(&mut frames, i, 4, 0));
        let (mut path, mut at, counters) = (rig.path(400), Continuity::default(), Counters::default());
        feed(&mut path, &mut at, &frames, &[7, 100], false, &counters);
        assert_eq!(path.fed, if bridge_ms > 0.0 { 400 + 99 * 4 } else { 400 });
    }
}

/// A stamp gone mad moves positions by no more than a source can have been away, and they go on from there.
#[test]
fn a_mad_stamp_does_not_stop_positions() {
    let rig = plain(4, 4);
    let mut frames = clean(80, 3);
    frames[13].stamp = 1e300;
    let mut at = Continuity::default();
    let seen = feed(&mut rig.path(80), &mut at, &frames, &[], false, &Counters::default());
    let ten_years = (10.0 * 366.0 * 86_400.0 * RATE) as u64;
    let positions: Vec<u64> = seen.iter().map(|w| w.newest_frame).collect();
    assert!(
        positions.windows(2).all(|w| w[0] < w[1]) && positions.last() < Some(&ten_years),
        "{positions:?}"
    );
}

/// Stamps from a device gone mad may be any number: counts saturate, nothing panics.
#[test]
fn mad_stamps_harm_nothing() {
    let rig = plain(4, 4);
    for mad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0] {
        let mut frames = clean(40, 3);
        frames[13].stamp = mad;
        let counters = Counters::default();
        let mut at = Continuity::default();
        let a = feed(&mut rig.path(64), &mut at, &frames, &[20], false, &counters);
        let b = feed(&mut rig.path(64), &mut at, &frames, &[13], true, &counters);
        // A window that ends within what is missing is not handed over.
        assert!((9..=10).contains(&a.len()) && (9..=10).contains(&b.len()), "{mad}");
        if !mad.is_finite() {
            assert_eq!(counters.samples_lost.load(Relaxed), 0, "{mad} says nothing of what is missing");
        }
    }
}

/// What waits for a good frame when a recording ends (`bcid learn` plays several through one path) is not bridged
/// to the next recording.
#[test]
fn nothing_is_bridged_from_one_attachment_to_the_next() {
    let mut rig = plain(16, 4);
    rig.faults.not_finite.bridge_ms = 200.0;
    let (mut path, mut at, counters) = (rig.path(400), Continuity::default(), Counters::default());
    let mut first = clean(200, 3);
    for f in &mut first[180..] {
        f.values[0] = f64::NAN;
    }
    feed(&mut path, &mut at, &first, &[50], false, &counters);
    let mut later = clean(400, 3);
    later.iter_mut().for_each(|f| f.stamp += 100.0);
    let settle = path.settle_samples();
    let base = at.frame + 16_000 - 200;
    let seen = feed(&mut path, &mut at, &later, &[], true, &counters);
    assert_eq!(counters.frames_bridged.load(Relaxed), 0);
    for w in seen {
        let first = w.newest_frame.saturating_sub(base + 15);
        assert!(first >= settle || !w.validity.is_valid(), "trusted {first} frames after, settling {settle}");
    }
}

/// Losses too small to be told from jitter one by one: windows that hold several span more time than they should, and
/// are marked. Fed by the hop, the decoder's window holds them just the same, and as many are marked.
#[test]
fn small_losses_are_marked_for_a_decoder_fed_by_the_hop() {
    let design = |window: usize| {
        SignalPath::design(&Layout {
            inputs: 3,
            taken: &[(2, 1.0), (0, 1.0)],
            wide: Signal::unlabelled(Hz::new(RATE).unwrap(), 2),
            conditioning: &[],
            picked: &[0, 1],
            decoder_labels: &vec![String::new(); 2],
            to_decoder_unit: 1.0,
            preprocessing: &[],
            window_samples: window,
            decision_samples: 100,
            hop_samples: 20,
            // Two frames are 12.5 ms.
            teaching: None,
            gap_ms: 15.0,
            dejitter: false,
            faults: FaultSpec { flat_ms: None, ..FaultSpec::default() },
            max_chunk: 400,
        })
        .unwrap()
    };
    let marked = |window: usize| {
        let mut frames = clean(400, 3);
        [190, 225, 250].into_iter().for_each(|at| hole(&mut frames, at, 2, 0));
        let counters = Counters::default();
        let mut at = Continuity::default();
        let seen = feed(&mut design(window), &mut at, &frames, &[], false, &counters);
        seen.iter().filter(|s| s.validity.has(Validity::GAP)).count() as u64 + counters.gaps.load(Relaxed)
    };
    assert!(marked(100) > 0, "by the window");
    assert_eq!(marked(20), marked(100), "by the hop");
}
