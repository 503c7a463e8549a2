//! Faults at the start, faults that meet, and steps that learn while there are some.

use super::rig::{Fault, Rig, Seen, WINDOW};
use super::{AT, all, hold};
use bci_pipeline::{FaultSpec, Handling};
use bci_types::Validity;

fn clean(rig: &Rig) -> Vec<Seen> {
    rig.run(&Fault::None, 0..0)
}

/// 200 ms are 32 frames.
fn bridging() -> Rig {
    Rig::new(all(Handling::Hold, 200.0), false)
}

const NAN: Fault = Fault::Number(f64::NAN);

/// Time in which nothing could be learned is no time of learning: windows are not trusted until as much as it takes was
/// learned from what could be.
#[test]
fn learning_is_counted_in_frames_that_could_be_learned_from() {
    let learners = [
        ("z_score = { time_constant_s = 4 }", 640),
        ("align = { metric = \"euclid\", window_ms = 1000, hop_ms = 250 }", 160),
    ];
    for (step, takes) in learners {
        let steps =
            format!("[[steps]]\nband_pass = {{ low_hz = 8, high_hz = 30, order = 2 }}\n[[steps]]\n{step}");
        let rig = Rig::new(hold(), false).conditioning(&steps);
        let settle = rig.settle();
        let first_trusted = |fault: &Fault, frames: std::ops::Range<usize>| {
            let seen = rig.run(fault, frames);
            seen.into_iter().find(|w| w.validity.is_valid()).map(|w| w.oldest_frame).unwrap()
        };
        let fresh = settle + rig.warm_up();
        assert!(rig.warm_up() >= takes);
        let usual = first_trusted(&Fault::None, 0..0);
        assert!((fresh..fresh + 10).contains(&usual), "{step}: {usual} for {fresh}");
        // Ten seconds that tell nothing, from the start, or when half was learned.
        for from in [0, settle as usize + takes as usize / 2] {
            for fault in [NAN, Fault::Number(3000.0), Fault::Lost] {
                // Nothing is known to be missing before the first frame.
                let frames = from.max(1)..from.max(1) + 1600;
                let first = first_trusted(&fault, frames.clone());
                // An alignment begins its window anew, at the next hop.
                let again =
                    if step.starts_with('z') { from.saturating_sub(settle as usize) as u64 } else { 0 };
                let least = frames.end as u64 + fresh - again;
                assert!(
                    (least..least + 60).contains(&first),
                    "{step}, {fault:?} at {from}: {first} for {least}"
                );
            }
        }
    }
}

/// A channel that nothing depends on costs nothing, whatever it holds, when frames are missing beside it.
#[test]
fn a_bridge_is_not_spoilt_by_a_channel_that_is_not_used() {
    let lost = (Fault::Lost, AT..AT + 10);
    let good = bridging().run_all(std::slice::from_ref(&lost));
    let rig = bridging().spoiling("Oz");
    for number in [f64::NAN, f64::INFINITY, 1e300, 3000.0] {
        let seen = rig.run_all(&[lost.clone(), (Fault::Number(number), 0..16_000)]);
        assert_eq!(seen.len(), good.len());
        for (s, g) in seen.iter().zip(&good) {
            assert_eq!((s.validity, s.bits()), (g.validity, g.bits()), "{number} at {}", s.newest_frame);
        }
    }
}

/// Numbers that a step makes infinite silence the chain for as long as they last; what learned from them begins again.
#[test]
fn what_overflows_within_the_chain_is_marked_and_forgotten() {
    let scale = |by: &str| {
        format!(
            "[[steps]]\nspatial_filter = {{ rows = [[{by}, 0, 0], [0, {by}, 0], [0, 0, {by}]], names = [\"C3\", \"Cz\", \"C4\"] }}\n"
        )
    };
    let steps = format!(
        "[[steps]]\nselect = {{ channels = [\"C3\", \"Cz\", \"C4\"] }}\n{}{}[[steps]]\nz_score = {{ time_constant_s = 2 }}",
        scale("1e297"),
        scale("1e-297")
    );
    let rig = Rig::new(FaultSpec { rail_uv: None, ..hold() }, false).conditioning(&steps);
    let settle = rig.settle();
    let clean = clean(&rig);
    let seen = rig.run(&Fault::Number(9e11), AT..AT + 3);
    assert_eq!(seen.len(), clean.len());
    let mut marked = 0;
    for (s, c) in seen.iter().zip(&clean) {
        let at = s.newest_frame as usize;
        assert!(s.window.iter().all(|x| x.is_finite()), "at {at}");
        if at < AT {
            assert_eq!((s.validity, s.bits()), (c.validity, c.bits()));
        } else if s.oldest_frame < (AT + 3) as u64 + settle + rig.warm_up() {
            assert!(!s.validity.is_valid(), "at {at}, from {}, settling {settle}", s.oldest_frame);
            // What came in the same chunk after it is silenced with it.
            let after = s.oldest_frame.saturating_sub((AT + 3) as u64);
            if !(settle..settle + 37).contains(&after) {
                assert_eq!(s.validity.has(Validity::NOT_FINITE), after < settle, "at {at}");
            }
            marked += 1;
        } else if s.oldest_frame > (AT + 40) as u64 + settle + rig.warm_up() {
            assert!(s.validity.is_valid(), "at {at}: {:?}", s.validity.causes().collect::<Vec<_>>());
        }
    }
    assert!(marked > 20, "{marked}");
    // And long after, what was learned anew tells much the same.
    let (s, c) = (&seen[seen.len() - 1], &clean[clean.len() - 1]);
    assert!(s.largest_difference(c) < 0.2, "{}", s.largest_difference(c));
}

/// Before the first good frame there is nothing to bridge from.
#[test]
fn nothing_is_bridged_at_the_start() {
    let rig = bridging();
    let settle = rig.settle();
    for seen in [rig.run(&NAN, 0..5), rig.run_all(&[(NAN, 0..1), (Fault::Lost, 1..6)])] {
        for window in seen.iter().filter(|w| w.oldest_frame < settle) {
            let causes: Vec<_> = window.validity.causes().collect();
            assert!(causes.contains(&"not_finite") && !causes.contains(&"bridged"), "{causes:?}");
        }
        assert!(seen.iter().any(|w| w.validity.is_valid()));
    }
}

/// A clock that is set is told, whatever else is wrong with the frame.
#[test]
fn a_set_clock_on_a_bridged_frame_is_told() {
    let rig = bridging();
    let plain = rig.run(&NAN, AT..AT + 4);
    let seen = rig.run_all(&[(NAN, AT..AT + 4), (Fault::ClockStep(5.0), AT..AT)]);
    assert_eq!(seen.len(), plain.len());
    for (s, p) in seen.iter().zip(&plain) {
        assert_eq!(s.bits(), p.bits());
        let first = s.newest_frame + 1 - WINDOW as u64;
        let across = first < AT as u64 && s.newest_frame >= AT as u64;
        assert_eq!(s.validity.has(Validity::CLOCK_STEP), across, "at {}", s.newest_frame);
        assert_eq!(s.validity.has(Validity::BRIDGED), p.validity.has(Validity::BRIDGED));
    }
}

/// Where the ring drops frames while the clock is set, no frame gets a time between the two clocks.
#[test]
fn no_frame_gets_a_time_between_two_clocks() {
    let rig = bridging();
    let seen = rig.run_all(&[(Fault::Dropped, AT..AT + 8), (Fault::ClockStep(500.0), AT + 8..AT + 8)]);
    let set = (500.0 * 160.0) as u64;
    for window in &seen {
        let (oldest, newest) = (window.oldest_frame, window.newest_frame);
        let told = if oldest > set { oldest - set } else { oldest };
        assert_eq!(oldest > set, told >= (AT + 8) as u64, "the window up to {newest} begins at {oldest}");
    }
}

/// Faults that follow each other without a good frame between them count as one: together they are bridged, from the last
/// good value to the next, as long as together they are short enough.
#[test]
fn faults_that_meet_are_one() {
    let rig = bridging();
    let together = |spoilt: usize, lost: usize| {
        rig.run_all(&[(NAN, AT..AT + spoilt), (Fault::Lost, AT + spoilt..AT + spoilt + lost)])
    };
    for (spoilt, lost) in [(1, 1), (10, 10), (3, 29), (31, 1)] {
        // Every other channel is whole up to the hole.
        let expected = rig.run_all(&[
            (Fault::Lines, AT + spoilt..AT + spoilt + lost),
            (Fault::Line, AT..AT + spoilt + lost),
        ]);
        let seen = together(spoilt, lost);
        assert_eq!(seen.len(), expected.len());
        for (s, e) in seen.iter().zip(&expected) {
            assert_eq!(s.newest_frame, e.newest_frame);
            assert!(s.largest_difference(e) < 1e-4, "{spoilt} + {lost}, at {}", s.newest_frame);
            assert_eq!(s.validity.with(Validity::BRIDGED), e.validity.with(Validity::BRIDGED));
        }
    }
    for (spoilt, lost) in [(1, 32), (20, 20), (32, 1)] {
        let seen = together(spoilt, lost);
        let causes = |cause| seen.iter().filter(|w| w.validity.has(cause)).count();
        assert!(causes(Validity::GAP) > 10 && causes(Validity::NOT_FINITE) > 10, "{spoilt} + {lost}");
        assert_eq!(causes(Validity::BRIDGED), 0, "{spoilt} + {lost}");
        // None ends where nothing came.
        let missing = AT + spoilt..AT + spoilt + lost;
        assert!(seen.iter().all(|w| !missing.contains(&(w.newest_frame as usize))), "{spoilt} + {lost}");
        assert!(seen.last().unwrap().validity.is_valid());
    }
}

/// One output of a resampler may overflow while its neighbour from the very same input frame does not.
#[test]
fn an_overflow_between_two_outputs_of_one_frame_harms_nothing() {
    for k in 18..40 {
        let f = format!("1e{k}");
        let steps = format!(
            "[[preprocessing]]\nspatial_filter = {{ rows = [[{f}, 0, 0], [0, {f}, 0], [0, 0, {f}]], names = [\"C3\", \"Cz\", \"C4\"] }}\n\
             [[preprocessing]]\nresample = {{ rate_hz = 640 }}"
        );
        let rig = Rig::new(FaultSpec { rail_uv: None, ..hold() }, false).preprocessing(&steps, 640, 40);
        let seen = rig.run(&Fault::Number(9e11), AT..AT + 3);
        assert!(seen.iter().all(|w| w.window.iter().all(|x| x.is_finite())), "{k}");
    }
}

/// A step that learns after another does not learn what a memory between them holds of the time before the other had learned.
#[test]
fn a_step_does_not_learn_what_a_memory_holds_of_what_was_not_learned_yet() {
    let align = "[[steps]]\nselect = { channels = [\"C3\", \"Cz\", \"C4\"] }\n\
                 [[steps]]\nband_pass = { low_hz = 8, high_hz = 30, order = 4 }\n\
                 [[steps]]\nalign = { metric = \"euclid\", window_ms = 2000, hop_ms = 1000, mode = \"first_windows\", windows = 1 }";
    let feature = "[[preprocessing]]\nmean_square = { window_ms = 1000, hop_ms = 62.5, root = true }\n";
    let z_score = "[[preprocessing]]\nz_score = { time_constant_s = 10 }";
    let rig = Rig::new(hold(), false).conditioning(align).preprocessing(&format!("{feature}{z_score}"), 8, 3);
    let valid: Vec<f64> = clean(&rig)
        .into_iter()
        .filter(|w| w.validity.is_valid())
        .take(40)
        .flat_map(|w| w.window.into_iter().map(f64::from))
        .collect();
    let mean = valid.iter().sum::<f64>() / valid.len() as f64;
    let deviation = (valid.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / valid.len() as f64).sqrt();
    assert!(deviation > 0.3, "scores of windows that are trusted deviate by {deviation}, not by about 1");
}

/// A fault that follows a hole which is not bridged is not bridged across that hole.
#[test]
fn nothing_is_bridged_across_a_hole_that_is_not() {
    let mut spec = all(Handling::Hold, 200.0);
    spec.gap.bridge_ms = 0.0;
    let rig = Rig::new(spec, false);
    let settle = rig.settle();
    let (hole, spoilt) = (AT..AT + 25, AT + 25..AT + 25 + 30);
    for fault in [Fault::Lost, Fault::Dropped] {
        let seen = rig.run_all(&[(fault.clone(), hole.clone()), (NAN, spoilt.clone())]);
        let wrong: Vec<_> = seen
            .iter()
            .filter(|w| w.newest_frame >= spoilt.start as u64 && w.oldest_frame < spoilt.end as u64 + settle)
            .filter(|w| !w.validity.has(Validity::NOT_FINITE))
            .map(|w| (w.oldest_frame, w.newest_frame, w.validity.causes().collect::<Vec<_>>()))
            .collect();
        assert!(wrong.is_empty(), "{fault:?}, settling {settle}: {wrong:?}");
    }
}

/// What overflows within the chain shows at its end, whatever it is counted into there.
#[test]
fn what_overflows_ahead_of_a_count_is_marked_and_forgotten() {
    let scale = |by: &str| {
        format!(
            "[[preprocessing]]\nspatial_filter = {{ rows = [[{by}, 0, 0], [0, {by}, 0], [0, 0, {by}]], names = [\"C3\", \"Cz\", \"C4\"] }}\n"
        )
    };
    let steps = format!(
        "{}[[preprocessing]]\nband_pass = {{ low_hz = 8, high_hz = 30, order = 2 }}\n{}\
         [[preprocessing]]\nspike_features = {{ bin_ms = 25, threshold_uv = -10, outputs = [\"crossings\"] }}",
        scale("1e297"),
        scale("1e-297")
    );
    let rig = Rig::new(FaultSpec { rail_uv: None, ..hold() }, false).preprocessing(&steps, 40, 4);
    let clean = clean(&rig);
    let seen = rig.run(&Fault::Number(9e11), AT..AT + 3);
    // Of C3, the first channel.
    let crossings =
        |of: &[Seen]| of[of.len() - 10..].iter().flat_map(|w| w.window[..40].to_vec()).sum::<f32>();
    assert!(crossings(&clean) > 10.0, "{}", crossings(&clean));
    let valid = seen[seen.len() - 1].validity.is_valid();
    let told = (crossings(&seen), crossings(&clean));
    assert!(
        !valid || told.0 == told.1,
        "a minute later, in windows that are trusted: {} crossings for {}",
        told.0,
        told.1
    );
}
