//! Running z-scores equal numpy's, and stay exact on offsets and over long times.

use super::support::{eeg, hz, json, number, run, synthetic_noise};
use super::*;

fn two_columns() -> Vec<f64> {
    eeg().frames.chunks_exact(8).flat_map(|frame| [frame[0], frame[3]]).collect()
}

fn scored(memory: ZScoreMemory, x: &[f64], channels: usize) -> Vec<f64> {
    run(&mut chain_of(&z_score_step(memory), &Signal::unlabelled(hz(160.0), channels)), x)
}

#[test]
fn z_scores_equal_numpy() {
    let file = json(include_str!("../vectors/features/z_score.json"));
    let exponential = ZScoreMemory::Exponential { time_constant_s: number(&file["time_constant_s"]) };
    let rolling = ZScoreMemory::Rolling { window_s: number(&file["window_s"]) };
    let x: Vec<f64> = two_columns();
    assert_equal(&scored(exponential, &x, 2), &rows(&file["exponential"]).concat(), 1e-9, "exponential");
    assert_equal(&scored(rolling, &x, 2), &rows(&file["rolling"]).concat(), 1e-9, "rolling");
}

#[test]
fn a_large_offset_changes_nothing_but_rounding() {
    let x = two_columns();
    let moved: Vec<f64> = x.iter().map(|x| x + 1e5).collect();
    for memory in
        [ZScoreMemory::Exponential { time_constant_s: 0.5 }, ZScoreMemory::Rolling { window_s: 0.5 }]
    {
        // A double at 1e5 resolves 1.5e-11 of signals of 10 and more.
        assert_equal(&scored(memory, &moved, 2), &scored(memory, &x, 2), 1e-9, &format!("{memory:?}"));
    }
}

#[test]
fn a_rolling_score_is_as_exact_after_a_million_frames_and_an_artefact() {
    // Synthetic: noise, with one artefact a million times as large.
    let (window, total) = (1600, 1_000_000);
    let mut x = synthetic_noise(5, total);
    x[total - 10_000] = 1e6;
    let mut got = x.clone();
    let mut chain =
        chain_of(&z_score_step(ZScoreMemory::Rolling { window_s: 10.0 }), &Signal::unlabelled(hz(160.0), 1));
    for block in got.chunks_mut(1000) {
        let block_out = chain.process(block, true).samples.to_vec();
        block.copy_from_slice(&block_out);
    }
    for n in (total - 4000..total).step_by(37) {
        let w = &x[n + 1 - window..=n];
        let mean = w.iter().sum::<f64>() / window as f64;
        let deviation = (w.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / window as f64).sqrt();
        let want = (x[n] - mean) / deviation;
        assert!((got[n] - want).abs() < 1e-10, "frame {n}: {} for {want}", got[n]);
    }
}

#[test]
fn frames_not_to_be_learned_are_scored_and_teach_nothing() {
    let x = two_columns();
    for memory in
        [ZScoreMemory::Exponential { time_constant_s: 0.5 }, ZScoreMemory::Rolling { window_s: 0.5 }]
    {
        let mut taught = chain_of(&z_score_step(memory), &Signal::unlabelled(hz(160.0), 2));
        let mut disturbed = chain_of(&z_score_step(memory), &Signal::unlabelled(hz(160.0), 2));
        let (head, tail) = x.split_at(600);
        run(&mut taught, head);
        run(&mut disturbed, head);
        // An artefact in between, scored but not learned; NaN too.
        let mut artefact = vec![1e4; 100];
        let out = disturbed.process(&mut artefact, false).samples.to_vec();
        assert!(out.iter().all(|&z| z > 50.0), "{memory:?}: scored as far off");
        let mut bad = vec![f64::NAN; 20];
        assert!(!disturbed.process(&mut bad, false).finite);
        assert_eq!(bits(&run(&mut taught, tail)), bits(&run(&mut disturbed, tail)), "{memory:?}");
    }
}

#[test]
fn nothing_is_said_before_enough_is_known_or_about_a_constant() {
    let exponential = ZScoreMemory::Exponential { time_constant_s: 0.5 };
    let rolling = ZScoreMemory::Rolling { window_s: 0.5 };
    for (memory, first) in [(exponential, 80), (rolling, 79)] {
        let out = scored(memory, &two_columns(), 2);
        let silent = out.chunks_exact(2).take_while(|z| z[0] == 0.0 && z[1] == 0.0).count();
        assert_eq!(silent, first, "{memory:?}");
        for offset in [0.0, 1e5, -0.1] {
            let out = scored(memory, &[offset; 2 * 500], 2);
            assert!(out.iter().all(|&z| z == 0.0), "{memory:?}, constant {offset}");
        }
        let chain = chain_of(&z_score_step(memory), &Signal::unlabelled(hz(160.0), 2));
        assert!((first..=first + 1).contains(&chain.warm_up_samples()), "output has begun");
        assert_eq!(chain.settle_samples(1e-4), 0, "what cannot be trusted is not learned from");
    }
    let mut chain = chain_of(&z_score_step(exponential), &Signal::unlabelled(hz(160.0), 2));
    let mut before = two_columns();
    assert!(chain.process(&mut before, true).finite);
    chain.restart();
    let mut after = two_columns();
    assert!(chain.process(&mut after, true).samples[0] != 0.0, "what was learned outlives a restart");
}

#[test]
fn a_nan_that_was_learned_leaves_a_rolling_score_and_a_reset_cures_any() {
    let x = two_columns();
    let mut rolling =
        chain_of(&z_score_step(ZScoreMemory::Rolling { window_s: 0.5 }), &Signal::unlabelled(hz(160.0), 2));
    let mut bad = x.clone();
    bad[100] = f64::NAN;
    bad[103] = f64::INFINITY;
    let out = rolling.process(&mut bad, true).samples.to_vec();
    let after = (50 + 2 * 80) * 2;
    assert!(out[after..].iter().all(|z| z.is_finite()), "gone after two windows");
    assert_equal(
        &out[after..],
        &scored(ZScoreMemory::Rolling { window_s: 0.5 }, &x, 2)[after..],
        1e-9,
        "as if never",
    );
    for memory in
        [ZScoreMemory::Exponential { time_constant_s: 0.5 }, ZScoreMemory::Rolling { window_s: 0.5 }]
    {
        let mut chain = chain_of(&z_score_step(memory), &Signal::unlabelled(hz(160.0), 2));
        let mut first = vec![f64::NAN; 10];
        chain.process(&mut first, true);
        assert!(!chain.is_finite_state());
        chain.reset();
        assert_eq!(bits(&run(&mut chain, &x)), bits(&scored(memory, &x, 2)), "{memory:?}");
    }
}
