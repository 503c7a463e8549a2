//! Every family of filter has the gain that theory gives it, at its edges and away from them.

mod support;

use bci_dsp::DesignError;
use bci_dsp::design::{Band, BesselNorm, Complex, Family, Sos, band_filter};
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

/// `1 / sqrt(1 + x)` in decibels.
fn below_one_db(x: f64) -> f64 {
    -10.0 * (1.0 + x).log10()
}

fn power_less_one(db: f64) -> f64 {
    10f64.powf(0.1 * db) - 1.0
}

/// The Chebyshev polynomial of degree `n`.
fn chebyshev(n: u32, x: f64) -> f64 {
    let (mut before, mut now) = (1.0, x);
    for _ in 1..n {
        (before, now) = (now, 2.0 * x * now - before);
    }
    now
}

/// The elliptic rational function of degree 2 or 4 and selectivity `edge`; that of degree 4 is that of degree 2 of
/// itself.
fn elliptic(n: u32, edge: f64, x: f64) -> f64 {
    if n == 4 {
        return elliptic(2, elliptic(2, edge, edge), elliptic(2, edge, x));
    }
    let t = (1.0 - edge.powi(-2)).sqrt();
    ((t + 1.0) * x * x - 1.0) / ((t - 1.0) * x * x + 1.0)
}

/// The reverse Bessel polynomial of degree `n` at `s`, by its recurrence.
fn reverse_bessel(n: u32, s: Complex) -> Complex {
    let (mut before, mut now) = (Complex::real(1.0), Complex::real(1.0) + s);
    for k in 2..=n {
        (before, now) = (now, now * f64::from(2 * k - 1) + s * s * before);
    }
    now
}

/// The gain of the low-pass of edge 1 rad/s at `x` rad/s, from its closed form.
fn theory_db(family: Family, order: u32, x: f64) -> f64 {
    match family {
        Family::Butterworth => below_one_db(x.powi(2 * order as i32)),
        Family::Chebyshev1 { ripple_db } => {
            below_one_db(power_less_one(ripple_db) * chebyshev(order, x).powi(2))
        }
        Family::Chebyshev2 { attenuation_db } => {
            below_one_db(power_less_one(attenuation_db) / chebyshev(order, 1.0 / x).powi(2))
        }
        Family::Elliptic { ripple_db, attenuation_db } => {
            // The selectivity for which the stop band lies at the attenuation.
            let wanted = (power_less_one(attenuation_db) / power_less_one(ripple_db)).sqrt();
            let (mut low, mut high) = (1.0 + 1e-9, 1e6);
            for _ in 0..200 {
                let middle = f64::sqrt(low * high);
                *(if elliptic(order, middle, middle) < wanted { &mut low } else { &mut high }) = middle;
            }
            below_one_db(power_less_one(ripple_db) * elliptic(order, low, x).powi(2))
        }
        Family::Bessel { norm } => {
            let last = reverse_bessel(order, Complex::real(0.0)).re;
            let gain = |w: f64| last / reverse_bessel(order, Complex::new(0.0, w)).abs();
            let scale = match norm {
                BesselNorm::Delay => 1.0,
                BesselNorm::Phase => last.powf(1.0 / f64::from(order)),
                BesselNorm::Mag => {
                    let (mut low, mut high) = (0.1, 10.0);
                    for _ in 0..100 {
                        let middle = f64::midpoint(low, high);
                        *(if gain(middle) > 0.5f64.sqrt() { &mut low } else { &mut high }) = middle;
                    }
                    low
                }
            };
            20.0 * gain(x * scale).log10()
        }
    }
}

#[test]
fn the_gain_is_that_of_the_closed_form_at_the_edge_and_octaves_away() {
    let (rate, edge) = (1000.0, 40.0);
    for family in FAMILIES {
        for order in 1..=8 {
            if matches!(family, Family::Elliptic { .. }) && !matches!(order, 2 | 4) {
                continue;
            }
            let low = low_pass(family, order, edge, rate);
            let high = designed(family, Band::HighPass { cutoff_hz: edge }, order, rate);
            for at in [5.0, 10.0, 20.0, 33.0, 40.0, 47.0, 80.0, 160.0, 320.0] {
                // The bilinear transform bends the axis by tangents.
                let ratio = (PI * at / rate).tan() / (PI * edge / rate).tan();
                let what = format!("{family}, order {order}, {at} Hz");
                let want = theory_db(family, order, ratio);
                assert_near(low.gain_db(at), want, 1e-6 * want.abs().max(1.0), &what);
                let want = theory_db(family, order, 1.0 / ratio);
                assert_near(high.gain_db(at), want, 1e-6 * want.abs().max(1.0), &what);
            }
        }
    }
}

#[test]
fn what_an_edge_means_holds_at_every_edge_of_every_band_and_order() {
    for family in FAMILIES {
        let edge_db = |order| match family {
            Family::Butterworth | Family::Bessel { norm: BesselNorm::Mag } => -10.0 * 2f64.log10(),
            Family::Chebyshev1 { ripple_db } | Family::Elliptic { ripple_db, .. } => -ripple_db,
            Family::Chebyshev2 { attenuation_db } => -attenuation_db,
            Family::Bessel { .. } => theory_db(family, order, 1.0),
        };
        for order in 1..=16 {
            for (band, edges) in [
                (Band::LowPass { cutoff_hz: 30.0 }, [30.0, 30.0]),
                (Band::HighPass { cutoff_hz: 8.0 }, [8.0, 8.0]),
                (Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, [8.0, 30.0]),
                (Band::BandStop { low_hz: 45.0, high_hz: 55.0 }, [45.0, 55.0]),
            ] {
                let sos = designed(family, band, order, 250.0);
                for edge in edges {
                    let what = format!("{band}, {family} order {order}");
                    assert_near(sos.gain_db(edge), edge_db(order), 1e-5, &what);
                }
            }
        }
    }
}

#[test]
fn a_bessel_filter_has_the_delay_and_phase_of_its_norm_and_a_flat_delay() {
    let (rate, edge) = (1000.0, 20.0);
    let warped = (PI * edge / rate).tan();
    for order in 2..=10 {
        let delay = low_pass(Family::Bessel { norm: BesselNorm::Delay }, order, edge, rate);
        assert_near(delay.group_delay_samples(0.0), 0.5 / warped, 1e-6, &format!("delay, order {order}"));
        // Far below the sampling rate; from order to order flat further up.
        let at_edge = delay.group_delay_samples(edge * 0.5) / delay.group_delay_samples(0.0);
        assert_near(at_edge, 1.0, if order < 4 { 0.05 } else { 2e-3 }, &format!("flatness, order {order}"));

        let phase = low_pass(Family::Bessel { norm: BesselNorm::Phase }, order, edge, rate);
        // The phase at the edge is that of the closed form, which is midway between its ends to some degrees.
        let last = reverse_bessel(order, Complex::real(0.0)).re;
        let theory = reverse_bessel(order, Complex::new(0.0, last.powf(1.0 / f64::from(order))));
        let against = |angle: f64| (phase.response(edge).arg() - angle + PI).rem_euclid(2.0 * PI) - PI;
        assert_near(against(-theory.arg()), 0.0, 1e-9, &format!("phase, order {order}"));
        let midway = against(-PI / 4.0 * f64::from(order)).to_degrees();
        assert!(midway.abs() < 1.5 * f64::from(order), "order {order}: {midway} degrees from midway");
        // Far beyond, a Butterworth filter with the same edge: compared where both fall by order times 6 dB an octave.
        let butterworth = low_pass(Family::Butterworth, order, edge, rate);
        assert_near(phase.gain_db(480.0) - butterworth.gain_db(480.0), 0.0, 0.05, &format!("order {order}"));
    }
}

#[test]
fn what_double_precision_cannot_hold_is_refused_and_what_is_used_is_not() {
    let steep = Family::Elliptic { ripple_db: 0.5, attenuation_db: 40.0 };
    let slow = |family, order| band_filter(family, Band::HighPass { cutoff_hz: 0.01 }, order, hz(30_000.0));
    assert!(matches!(slow(steep, 16), Err(DesignError::Imprecise { .. } | DesignError::Unstable { .. })));
    assert!(slow(Family::Butterworth, 2).is_ok());
    let narrow = Band::BandPass { low_hz: 0.01, high_hz: 0.0101 };
    assert!(matches!(band_filter(steep, narrow, 8, hz(30_000.0)), Err(DesignError::Imprecise { .. })));
    for family in FAMILIES {
        for order in 1..=8 {
            for band in [
                Band::HighPass { cutoff_hz: 0.5 },
                Band::HighPass { cutoff_hz: 0.1 },
                Band::LowPass { cutoff_hz: 300.0 },
                Band::BandPass { low_hz: 300.0, high_hz: 6000.0 },
            ] {
                let sos = band_filter(family, band, order, hz(30_000.0));
                assert!(sos.is_ok(), "{band}, {family} order {order}: {sos:?}");
            }
        }
    }
}

#[test]
fn settings_outside_their_range_are_refused() {
    let told = |family| {
        let found =
            band_filter(family, Band::LowPass { cutoff_hz: 30.0 }, 4, hz(250.0)).expect_err("refused");
        found.to_string()
    };
    for ripple_db in [0.0, -1.0, 10.5, f64::NAN, f64::INFINITY] {
        let want = format!("ripple_db = {ripple_db} must be 0.001 to 10 dB");
        assert_eq!(told(Family::Chebyshev1 { ripple_db }), want);
        assert_eq!(told(Family::Elliptic { ripple_db, attenuation_db: 40.0 }), want);
    }
    for attenuation_db in [0.0, 2.9, 201.0, f64::NAN] {
        let want = format!("attenuation_db = {attenuation_db} must be 3 to 200 dB");
        assert_eq!(told(Family::Chebyshev2 { attenuation_db }), want);
    }
    assert_eq!(
        told(Family::Elliptic { ripple_db: 3.0, attenuation_db: 12.0 }),
        "attenuation_db = 12 must be 13 to 200 dB, 10 dB or more above the ripple"
    );
}
