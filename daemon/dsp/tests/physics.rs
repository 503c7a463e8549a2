//! Filters do what their names say, told by physics and not by another program.

mod support;

use bci_dsp::design::{Band, Sos, butterworth, notch};
use bci_dsp::run::SosFilter;
use std::f64::consts::PI;
use support::{hz, synthetic_noise};

const HALF_POWER_DB: f64 = -3.010_299_956_639_812;

fn designed(band: Band, order: u32, rate: f64) -> Sos {
    butterworth(band, order, hz(rate)).expect("a valid filter")
}

fn assert_near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance, "{what}: {got}, expected {want}");
}

#[test]
fn the_gain_at_every_edge_is_half_power() {
    for order in 1..=16 {
        for (band, edges) in [
            (Band::LowPass { cutoff_hz: 30.0 }, vec![30.0]),
            (Band::HighPass { cutoff_hz: 8.0 }, vec![8.0]),
            (Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, vec![8.0, 30.0]),
            (Band::BandStop { low_hz: 45.0, high_hz: 55.0 }, vec![45.0, 55.0]),
        ] {
            let sos = designed(band, order, 250.0);
            for edge in edges {
                assert_near(sos.gain_db(edge), HALF_POWER_DB, 1e-7, &format!("{band:?}, order {order}"));
            }
        }
    }
}

#[test]
fn an_octave_beyond_the_edge_each_order_takes_six_decibels() {
    // Far below the sampling rate the digital filter is the analogue one: 1 / sqrt(1 + 2^2N).
    for order in 1..=8 {
        let want = -10.0 * (1.0 + 4f64.powi(order as i32)).log10();
        let low = designed(Band::LowPass { cutoff_hz: 10.0 }, order, 100_000.0);
        let high = designed(Band::HighPass { cutoff_hz: 10.0 }, order, 100_000.0);
        assert_near(low.gain_db(20.0), want, 1e-4, &format!("low-pass, order {order}"));
        assert_near(high.gain_db(5.0), want, 1e-4, &format!("high-pass, order {order}"));
        assert_near(low.gain_db(40.0) - low.gain_db(20.0), -6.0206 * f64::from(order), 1.0, "per octave");
    }
    // Near it, the bilinear transform squeezes the axis: the same with tangents.
    let (low, rate) = (designed(Band::LowPass { cutoff_hz: 30.0 }, 4, 160.0), 160.0);
    let ratio = (PI * 60.0 / rate).tan() / (PI * 30.0 / rate).tan();
    assert_near(low.gain_db(60.0), -10.0 * (1.0 + ratio.powi(8)).log10(), 1e-9, "warped octave");
}

#[test]
fn pass_bands_pass_and_stop_bands_stop() {
    let pass = designed(Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, 4, 160.0);
    let centre = {
        let warped = ((PI * 8.0 / 160.0).tan() * (PI * 30.0 / 160.0).tan()).sqrt();
        warped.atan() * 160.0 / PI
    };
    assert_near(pass.gain_db(centre), 0.0, 1e-9, "centre of the band-pass");
    assert!(pass.gain_db(1.0) < -80.0 && pass.gain_db(79.0) < -80.0);
    assert!(pass.response(0.0).abs() < 1e-12 && pass.response(80.0).abs() < 1e-12);

    let stop = designed(Band::BandStop { low_hz: 45.0, high_hz: 55.0 }, 4, 250.0);
    assert_near(stop.gain_db(0.0), 0.0, 1e-9, "direct current through the band-stop");
    assert_near(stop.gain_db(125.0), 0.0, 1e-9, "Nyquist through the band-stop");
    assert!(stop.gain_db(50.0) < -100.0);
}

#[test]
fn a_notch_is_deep_and_as_wide_as_its_q() {
    for (freq, q, rate) in [(50.0, 30.0, 1000.0), (60.0, 30.0, 160.0), (60.0, 5.0, 2000.0)] {
        let sos = notch(freq, q, hz(rate)).expect("a valid notch");
        assert!(sos.gain_db(freq) < -200.0, "{} dB at {freq} Hz", sos.gain_db(freq));
        assert_near(sos.gain_db(0.0), 0.0, 1e-9, "direct current");
        let below = half_power_between(&sos, 0.0, freq);
        let above = half_power_between(&sos, rate / 2.0, freq);
        // Exact in the design: the width is in radians, not warped.
        assert_near(above - below, freq / q, 1e-6 * freq, &format!("{freq} Hz, Q {q} at {rate} Hz"));
    }
}

/// The frequency of half power between one that passes and one that is stopped.
fn half_power_between(sos: &Sos, mut passes: f64, mut stops: f64) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(passes, stops);
        *(if sos.gain_db(middle) > HALF_POWER_DB { &mut passes } else { &mut stops }) = middle;
    }
    passes
}

#[test]
fn group_delay_is_the_slope_of_the_phase() {
    for (sos, rate) in [
        (designed(Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, 4, 160.0), 160.0),
        (designed(Band::LowPass { cutoff_hz: 40.0 }, 5, 250.0), 250.0),
        (designed(Band::HighPass { cutoff_hz: 2.0 }, 3, 250.0), 250.0),
        (notch(50.0, 10.0, hz(250.0)).expect("a valid notch"), 250.0),
    ] {
        for at in [3.0, 9.0, 17.5, 29.0, 47.0] {
            let step = 1e-4;
            let turn = sos.response(at + step).arg() - sos.response(at - step).arg();
            let turn = (turn + PI).rem_euclid(2.0 * PI) - PI;
            let slope = -turn / (2.0 * PI * 2.0 * step / rate);
            assert_near(sos.group_delay_samples(at), slope, 1e-4 * slope.abs().max(1.0), &format!("{at} Hz"));
        }
    }
}

#[test]
fn group_delay_on_a_zero_is_the_limit_beside_it() {
    let sos = notch(50.0, 10.0, hz(250.0)).expect("a valid notch");
    assert_near(sos.group_delay_samples(50.0), sos.group_delay_samples(50.0 + 1e-6), 1e-6, "notch");
    let sos = designed(Band::HighPass { cutoff_hz: 2.0 }, 3, 250.0);
    assert_near(sos.group_delay_samples(0.0), sos.group_delay_samples(1e-6), 1e-6, "high-pass at 0 Hz");
}

#[test]
fn a_half_hertz_high_pass_at_30_khz_is_stable_and_removes_a_large_offset() {
    // Synthetic: 20 s of noise of 10 uV on an electrode offset of 100 mV.
    let rate = 30_000.0;
    let sos = designed(Band::HighPass { cutoff_hz: 0.5 }, 4, rate);
    assert!(sos.pole_radius() < 1.0 - 1e-6, "{}", sos.pole_radius());
    let mut filter = SosFilter::design(&sos, 1).expect("one channel");
    let noise = synthetic_noise(7, 20 * 30_000);
    let mut signal: Vec<f64> = noise.iter().map(|x| 1e5 + 10.0 * x).collect();
    for block in signal.chunks_mut(30) {
        filter.process(block);
    }
    let last = signal.len() - 10 * 30_000;
    let (tail, put_in) = (&signal[last..], &noise[last..]);
    let rms = |x: &mut dyn Iterator<Item = f64>| (x.map(|v| v * v).sum::<f64>() / tail.len() as f64).sqrt();
    let mean = tail.iter().sum::<f64>() / tail.len() as f64;
    assert!(mean.abs() < 1e-2, "offset left: {mean} uV");
    // Against the noise less its own mean, which the filter removes too.
    let off = rms(&mut tail.iter().zip(put_in).map(|(y, x)| y - 10.0 * x));
    assert!(off < 0.2, "the noise passes unharmed: {off} uV off");
}

#[test]
fn settling_matches_the_exponential_it_can_be_worked_out_for() {
    // First order: h decays as r^n, so the tail after n is r^n of the whole, but for the first sample.
    let sos = designed(Band::LowPass { cutoff_hz: 1.0 }, 1, 1000.0);
    let r = sos.pole_radius();
    for tolerance in [0.1, 1e-3, 1e-6] {
        let want = (f64::ln(tolerance) / r.ln()).ceil();
        assert_near(sos.settle_samples(tolerance) as f64, want, 2.0, &format!("{tolerance}"));
    }
    assert_eq!(sos.settle_samples(f64::NAN), sos.settle_samples(0.0), "NaN is as strict as can be");
    assert_eq!(sos.settle_samples(1.0), 0);
    let narrow = notch(50.0, 1e7, hz(30_000.0)).expect("a valid notch");
    assert!(narrow.settle_samples(0.01) > 1 << 23, "estimated when it cannot be simulated");
}

#[test]
fn after_settling_two_pasts_give_the_same_output() {
    // Synthetic: one filter starts from rest, the other after loud noise.
    let sos = designed(Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, 4, 160.0);
    let tolerance = 1e-4;
    let settled = sos.settle_samples(tolerance);
    let peak_gain: f64 = {
        let mut impulse = vec![0.0; 4000];
        impulse[0] = 1.0;
        SosFilter::design(&sos, 1).expect("one channel").process(&mut impulse);
        impulse.iter().map(|h| h.abs()).sum()
    };
    let mut fresh = SosFilter::design(&sos, 1).expect("one channel");
    let mut used = SosFilter::design(&sos, 1).expect("one channel");
    let mut past: Vec<f64> = synthetic_noise(3, 5000).iter().map(|x| x.signum() * 500.0).collect();
    used.process(&mut past);
    let mut a = synthetic_noise(4, settled + 500);
    let mut b = a.clone();
    fresh.process(&mut a);
    used.process(&mut b);
    let off = |i: usize| (a[i] - b[i]).abs();
    let worst = (settled..a.len()).map(off).fold(0.0, f64::max);
    assert!(worst <= tolerance * 500.0 * peak_gain, "{worst}");
    assert!((0..settled / 4).map(off).fold(0.0, f64::max) > 20.0 * worst, "the past mattered before");
}
