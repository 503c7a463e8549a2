//! Designs, responses and outputs equal SciPy's (`vectors/make.py`).

mod support;

use bci_dsp::StepSpec;
use bci_dsp::design::Sos;
use bci_dsp::run::SosFilter;
use serde_json::Value;
use support::{Eeg, chain, eeg, hz, json, number, numbers, run, step};

fn designed(row: &Value) -> Sos {
    let StepSpec::Iir(spec) = step(row) else { panic!("{row} is no recursive filter") };
    spec.sos(hz(number(&row["rate_hz"]))).expect("a valid specification")
}

/// Equal to 1e-10 relative; a coefficient that is 0 but for rounding is held against its polynomial's largest.
fn assert_coefficients(got: &[f64], want: &[f64], what: &str) {
    let largest = want.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
    for (g, w) in got.iter().zip(want) {
        let allowed = (1e-10 * w.abs()).max(1e-14 * largest);
        assert!((g - w).abs() <= allowed, "{what}: {got:?}, SciPy {want:?}");
    }
}

/// Every design of a file, section by section.
fn assert_designs(text: &str, least: usize) {
    let file = json(text);
    let rows = file.as_array().expect("designs");
    assert!(rows.len() > least, "{} designs", rows.len());
    for row in rows {
        let what = format!("{} at {} Hz", step(row), row["rate_hz"]);
        let sos = designed(row);
        let sections = row["sos"].as_array().expect("sections");
        assert_eq!(sos.sections().len(), sections.len(), "{what}");
        for (i, (got, want)) in sos.sections().iter().zip(sections).enumerate() {
            let want = numbers(want);
            let what = format!("{what}, section {i}");
            assert_coefficients(&got.b, &want[..3], &what);
            assert_coefficients(&[1.0, got.a[0], got.a[1]], &want[3..], &what);
        }
    }
}

#[test]
fn butterworth_filters_and_notches_equal_scipy_section_by_section_to_1e_10() {
    assert_designs(include_str!("vectors/iir/designs.json"), 200);
    assert_designs(include_str!("vectors/iir/designs_butterworth.json"), 120);
}

#[test]
fn chebyshev_filters_of_both_kinds_equal_scipy_section_by_section_to_1e_10() {
    assert_designs(include_str!("vectors/iir/designs_chebyshev1.json"), 200);
    assert_designs(include_str!("vectors/iir/designs_chebyshev2.json"), 200);
}

#[test]
fn elliptic_filters_equal_scipy_section_by_section_to_1e_10() {
    assert_designs(include_str!("vectors/iir/designs_elliptic.json"), 200);
}

#[test]
fn bessel_filters_equal_scipy_section_by_section_to_1e_10() {
    assert_designs(include_str!("vectors/iir/designs_bessel.json"), 200);
}

#[test]
fn combs_equal_cascaded_notches_and_the_dc_blocker_the_root_that_was_sought() {
    assert_designs(include_str!("vectors/iir/designs_comb.json"), 10);
}

#[test]
fn primed_filters_go_on_as_from_the_steady_state_of_scipy() {
    let file = json(include_str!("vectors/iir/prime.json"));
    let rows = file.as_array().expect("filters");
    assert!(rows.len() > 100, "{} filters", rows.len());
    for row in rows {
        let what = format!("{} at {} Hz", step(row), row["rate_hz"]);
        let want = numbers(&row["after"]);
        let mut filter = SosFilter::design(&designed(row), 3).expect("channels");
        // Synthetic: endless ones, or minus hundreds, or zeros, end.
        filter.prime(&[1.0, -300.0, 0.0]);
        let mut frames = vec![0.0; want.len() * 3];
        filter.process(&mut frames);
        let largest = want.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        for (got, want) in frames.chunks_exact(3).zip(want) {
            let off = (got[0] - want).abs().max((got[1] / -300.0 - want).abs()) / largest;
            assert!(off < 1e-9 && got[2] == 0.0, "{what}: {got:?} for {want}, {off:e}");
        }
    }
}

#[test]
fn responses_and_group_delays_equal_scipy() {
    let file = json(include_str!("vectors/iir/responses.json"));
    for row in file.as_array().expect("responses") {
        let sos = designed(row);
        let (re, im, delay) = (numbers(&row["re"]), numbers(&row["im"]), numbers(&row["delay"]));
        for (i, at_hz) in numbers(&row["at_hz"]).into_iter().enumerate() {
            let what = format!("{} at {at_hz} Hz", step(row));
            let h = sos.response(at_hz);
            let size = re[i].hypot(im[i]).max(1e-6);
            assert!((h.re - re[i]).abs() < 1e-9 * size && (h.im - im[i]).abs() < 1e-9 * size, "{what}");
            let got = sos.group_delay_samples(at_hz);
            assert!((got - delay[i]).abs() < 1e-8 * delay[i].abs().max(1.0), "{what}: {got} {}", delay[i]);
        }
    }
}

#[test]
fn outputs_on_real_eeg_equal_sosfilt_to_1e_9() {
    let eeg = eeg();
    for (name, text) in [
        ("band_pass", include_str!("vectors/iir/output_band_pass.json")),
        ("high_pass", include_str!("vectors/iir/output_high_pass.json")),
        ("low_pass", include_str!("vectors/iir/output_low_pass.json")),
        ("band_stop", include_str!("vectors/iir/output_band_stop.json")),
        ("notch", include_str!("vectors/iir/output_notch.json")),
        ("chain", include_str!("vectors/iir/output_chain.json")),
    ] {
        assert_output(&eeg, &json(text), name);
    }
}

#[test]
fn outputs_of_every_family_on_real_eeg_equal_sosfilt_to_1e_9() {
    let eeg = eeg();
    let file = json(include_str!("vectors/iir/output_families.json"));
    let rows = file.as_array().expect("chains");
    assert_eq!(rows.len(), 20, "four families of four bands, combs, a DC blocker and a chain");
    for row in rows {
        let steps = row["steps"].as_array().expect("steps").iter();
        let what: Vec<_> = steps.map(|s| step(s).to_string()).collect();
        assert_output(&eeg, row, &what.join("; "));
    }
}

/// That the columns and frames of `file` are what its steps make of the EEG.
fn assert_output(eeg: &Eeg, file: &Value, what: &str) {
    let steps: Vec<_> = file["steps"].as_array().expect("steps").iter().map(step).collect();
    let frames = run(&mut chain(&steps, eeg.rate, eeg.channels), &eeg.frames);
    let columns: Vec<usize> = numbers(&file["columns"]).iter().map(|&c| c as usize).collect();
    let every = file["every"].as_u64().unwrap_or(1) as usize;
    let want: Vec<_> = file["frames"].as_array().expect("frames").iter().map(numbers).collect();
    assert_eq!(want.len() * every * eeg.channels, frames.len(), "{what}");
    let largest = want.iter().flatten().fold(0.0, |m: f64, y| m.max(y.abs()));
    assert!(largest > 1.0, "{what}: uV of real EEG");
    for (got, want) in frames.chunks_exact(eeg.channels * every).zip(&want) {
        for (&column, want) in columns.iter().zip(want) {
            let off = (got[column] - want).abs() / largest;
            assert!(off < 1e-9, "{what}, column {column}: {} for {want}", got[column]);
        }
    }
}
