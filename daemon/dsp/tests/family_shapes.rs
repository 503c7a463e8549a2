//! Every family of filter has the shape that theory gives it: ripples, monotone bands, delay, decay.

mod support;

use bci_dsp::design::{Band, BesselNorm, Family, Sos, band_filter};
use bci_dsp::run::SosFilter;
use std::f64::consts::PI;
use support::hz;

const FAMILIES: [Family; 7] = [
    Family::Butterworth,
    Family::Chebyshev1 { ripple_db: 0.5 },
    Family::Chebyshev2 { attenuation_db: 40.0 },
    Family::Elliptic { ripple_db: 0.5, attenuation_db: 40.0 },
    Family::Bessel { norm: BesselNorm::Phase },
    Family::Bessel { norm: BesselNorm::Mag },
    Family::Bessel { norm: BesselNorm::Delay },
];

fn designed(family: Family, band: Band, order: u32, rate: f64) -> Sos {
    band_filter(family, band, order, hz(rate)).expect("a valid filter")
}

fn low_pass(family: Family, order: u32, cutoff_hz: f64, rate: f64) -> Sos {
    designed(family, Band::LowPass { cutoff_hz }, order, rate)
}

fn assert_near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance, "{what}: {got}, expected {want}");
}

/// The gains on a fine grid from `from` to `to`, and how many interior extremes they have.
fn scan(sos: &Sos, from: f64, to: f64) -> (Vec<f64>, usize) {
    let count = 20_000;
    let gains: Vec<f64> =
        (0..=count).map(|i| sos.gain_db(from + (to - from) * f64::from(i) / f64::from(count))).collect();
    let turns = gains.windows(3).filter(|w| (w[1] - w[0]) * (w[2] - w[1]) < 0.0).count();
    (gains, turns)
}

/// The first frequency above `from` with a gain of `db` or less, to 1e-3 Hz, from above.
fn first_below(sos: &Sos, db: f64, from: f64) -> f64 {
    (0..).map(|i| from + 1e-3 * f64::from(i)).find(|&at| sos.gain_db(at) <= db).expect("a stop band")
}

fn range(gains: &[f64]) -> (f64, f64) {
    gains.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &g| (low.min(g), high.max(g)))
}

#[test]
fn ripples_are_where_theory_has_them_as_many_and_as_deep() {
    let (rate, edge) = (250.0, 30.0);
    for order in 2..=7 {
        let turns = order as usize - 1;
        // A pass band from 0 Hz has order - 1 turns between its ends, all of one depth.
        for family in
            [Family::Chebyshev1 { ripple_db: 0.5 }, Family::Elliptic { ripple_db: 0.5, attenuation_db: 40.0 }]
        {
            let what = format!("{family}, order {order}");
            let sos = low_pass(family, order, edge, rate);
            let (gains, found) = scan(&sos, edge * 1e-3, edge);
            let (low, high) = range(&gains);
            assert_near(low, -0.5, 1e-6, &what);
            assert_near(high, 0.0, 1e-6, &what);
            assert_eq!(found, turns, "{what}");
            let at_zero = if order.is_multiple_of(2) { -0.5 } else { 0.0 };
            assert_near(sos.gain_db(0.0), at_zero, 1e-9, &what);
        }
        // Beyond its edge a stop band comes back to its attenuation, never above it.
        for (family, from) in [
            (Family::Chebyshev2 { attenuation_db: 40.0 }, edge),
            (Family::Elliptic { ripple_db: 0.5, attenuation_db: 40.0 }, f64::NAN),
        ] {
            let what = format!("{family}, order {order}");
            let sos = low_pass(family, order, edge, rate);
            let from = if from.is_nan() { first_below(&sos, -40.0, edge) } else { from };
            let (gains, found) = scan(&sos, from, rate / 2.0 * (1.0 - 1e-6));
            assert_near(range(&gains).1, -40.0, 1e-2, &what);
            assert!(gains.iter().all(|g| *g <= -40.0 + 1e-6), "{what}: above the attenuation");
            assert_eq!(found, turns, "{what}: zeros and what lies between them");
            let at_nyquist = sos.gain_db(rate / 2.0);
            assert!(if order.is_multiple_of(2) {
                (at_nyquist + 40.0).abs() < 1e-6
            } else {
                at_nyquist < -200.0
            });
        }
    }
}

#[test]
fn what_theory_has_monotone_only_falls() {
    let (rate, edge) = (250.0, 30.0);
    for order in 1..=8 {
        for family in FAMILIES {
            let sos = low_pass(family, order, edge, rate);
            let (from, to) = match family {
                Family::Butterworth | Family::Bessel { .. } => (0.0, 110.0),
                Family::Chebyshev1 { .. } => (edge, 110.0),
                Family::Chebyshev2 { .. } => (0.0, edge),
                Family::Elliptic { .. } => (edge, first_below(&sos, -40.0, edge)),
            };
            let (gains, _) = scan(&sos, from, to);
            // Flat to rounding where it is flat.
            assert!(gains.windows(2).all(|w| w[1] <= w[0] + 1e-10), "{family}, order {order}");
        }
    }
}

#[test]
fn steepness_is_bought_with_ripple() {
    let at = |family| low_pass(family, 5, 40.0, 1000.0).gain_db(60.0);
    // Of Bessel's the one whose edge is at -3 dB, as Butterworth's is.
    let [butterworth, chebyshev, _, elliptic, _, bessel, _] = FAMILIES.map(at);
    assert!(elliptic < chebyshev && chebyshev < butterworth && butterworth < bessel);
}

#[test]
fn group_delay_is_the_slope_of_the_phase_in_every_family() {
    let rate = 250.0;
    for family in FAMILIES {
        for band in [
            Band::LowPass { cutoff_hz: 40.0 },
            Band::HighPass { cutoff_hz: 2.0 },
            Band::BandPass { low_hz: 8.0, high_hz: 30.0 },
            Band::BandStop { low_hz: 45.0, high_hz: 55.0 },
        ] {
            for order in [1, 3, 4] {
                let sos = designed(family, band, order, rate);
                for at in [3.0, 9.0, 17.5, 29.0, 47.0] {
                    let step = 1e-4;
                    let turn = sos.response(at + step).arg() - sos.response(at - step).arg();
                    let turn = (turn + PI).rem_euclid(2.0 * PI) - PI;
                    let slope = -turn / (2.0 * PI * 2.0 * step / rate);
                    let what = format!("{band}, {family} order {order} at {at} Hz");
                    assert_near(sos.group_delay_samples(at), slope, 1e-4 * slope.abs().max(1.0), &what);
                }
            }
        }
    }
}

#[test]
fn every_impulse_response_decays() {
    for family in FAMILIES {
        for (band, rate) in [
            (Band::HighPass { cutoff_hz: 0.5 }, 250.0),
            (Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, 160.0),
            (Band::BandStop { low_hz: 49.0, high_hz: 51.0 }, 250.0),
            (Band::BandPass { low_hz: 300.0, high_hz: 6000.0 }, 30_000.0),
        ] {
            for order in [1, 2, 4, 8] {
                let sos = designed(family, band, order, rate);
                let settled = sos.settle_samples(1e-9);
                // Synthetic: an impulse.
                let mut h = vec![0.0; settled + 1000];
                h[0] = 1.0;
                SosFilter::design(&sos, 1).expect("one channel").process(&mut h);
                let total: f64 = h.iter().map(|y| y.abs()).sum();
                let tail: f64 = h[settled..].iter().map(|y| y.abs()).sum();
                assert!(
                    total < 1e3 && tail <= 1e-8 * total,
                    "{band}, {family} order {order}: {tail} of {total}"
                );
            }
        }
    }
}
