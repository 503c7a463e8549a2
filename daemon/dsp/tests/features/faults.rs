//! Dead electrodes are told frame by frame.

use super::support::{hz, synthetic_noise};
use bci_dsp::run::{ChannelFaults, FaultSpec, Faults};

fn designed(channels: usize, spec: FaultSpec) -> ChannelFaults {
    ChannelFaults::design(channels, hz(250.0), spec).expect("valid")
}

/// The same by its definition, one channel at a time.
fn slowly(x: &[f64], channels: usize, eps: f64, rail: f64, watched: &[bool]) -> Vec<(u32, bool)> {
    let mut state = vec![(f64::NAN, 0u32); channels];
    x.chunks_exact(channels)
        .map(|frame| {
            let (mut longest, mut railed) = (0, false);
            for ((x, (held, run)), &watched) in frame.iter().zip(&mut state).zip(watched) {
                if (x - *held).abs() <= eps {
                    *run += 1;
                } else {
                    *held = *x;
                    *run = 0;
                }
                longest = longest.max(if watched { *run } else { 0 });
                railed |= watched && x.abs() >= rail;
            }
            (longest, railed)
        })
        .collect()
}

#[test]
fn faults_equal_their_definition_for_any_number_of_channels() {
    for channels in [1, 3, 8, 13, 64] {
        // Synthetic noise in coarse steps, so that runs are frequent.
        let x: Vec<f64> =
            synthetic_noise(channels as u64, 400 * channels).iter().map(|x| (x * 2.0).round()).collect();
        let watched: Vec<bool> = (0..channels).map(|c| c % 3 != 1).collect();
        let mut faults =
            designed(channels, FaultSpec { flat_ms: Some(12.0), flat_eps_uv: 0.5, rail_uv: Some(2.0) });
        faults.watch(&watched);
        let want = slowly(&x, channels, 0.5, 2.0, &watched);
        let (mut flat_seen, mut moving_seen) = (false, false);
        for (frame, (run, railed)) in x.chunks_exact(channels).zip(want) {
            let got = faults.check(frame);
            assert_eq!(got, Faults { flat: run >= 3, railed, flat_since: run });
            flat_seen |= got.flat;
            moving_seen |= !got.flat;
        }
        assert!(flat_seen && moving_seen, "{channels} channels: both happen");
    }
}

#[test]
fn a_channel_is_flat_from_the_frame_that_completes_the_time_until_it_moves() {
    let mut faults = designed(2, FaultSpec { flat_ms: Some(40.0), ..FaultSpec::default() });
    let x = |n: u32| if (5..20).contains(&n) { 5.0 } else { f64::from(n) };
    let flat: Vec<u32> = (0..30).filter(|&n| faults.check(&[f64::from(n), x(n)]).flat).collect();
    assert_eq!(flat, [15, 16, 17, 18, 19], "10 frames of no change after frame 5");
    assert_eq!(faults.flat_since(1), Some(0));
    assert_eq!(faults.flat_since(2), None);
}

#[test]
fn what_is_not_looked_for_is_not_found_and_nan_is_neither() {
    let mut none = designed(1, FaultSpec::default());
    for x in [0.0, 0.0, f64::INFINITY, 1e300] {
        let got = none.check(&[x]);
        assert!(!got.flat && !got.railed);
    }
    let mut faults = designed(1, FaultSpec { flat_ms: Some(8.0), flat_eps_uv: 0.0, rail_uv: Some(100.0) });
    for _ in 0..5 {
        faults.check(&[1.0]);
    }
    assert_eq!(faults.check(&[f64::NAN]), Faults::default());
    assert_eq!(faults.check(&[1.0]), Faults::default(), "a run begins anew");
    assert_eq!(faults.check(&[1.0]).flat_since, 1);
    assert!(faults.check(&[-100.0]).railed);
    faults.reset();
    assert_eq!(faults.check(&[-1.0]), Faults::default());
}

#[test]
fn retuning_keeps_runs_and_mistakes_come_at_once() {
    let mut faults = designed(1, FaultSpec { flat_ms: Some(400.0), ..FaultSpec::default() });
    (0..50).for_each(|_| assert!(!faults.check(&[2.0]).flat));
    let ready = designed(1, FaultSpec { flat_ms: Some(100.0), ..FaultSpec::default() });
    assert_eq!(faults.retune(&ready), Ok(()));
    assert!(faults.check(&[2.0]).flat);
    assert!(faults.retune(&designed(2, FaultSpec::default())).is_err());
    let bad = FaultSpec { flat_ms: Some(1.0), flat_eps_uv: f64::NAN, rail_uv: Some(0.0) };
    let told = ChannelFaults::design(0, hz(250.0), bad).expect_err("all wrong");
    assert_eq!(told.len(), 4);
    assert!(told[1].to_string().starts_with("flat_ms = 1 must be 4 to "), "{}", told[1]);
}
