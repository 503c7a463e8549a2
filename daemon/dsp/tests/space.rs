//! Steps across channels equal MNE-Python and numpy on real recordings (`vectors/space/make.py`).

mod support;
#[path = "support/space.rs"]
mod vectors;

use bci_dsp::montage::{position, spline_weights};
use bci_dsp::{Chain, Signal, SpaceSpec, StepSpec};
use serde_json::Value;
use support::{band_pass, hz, json, number, numbers, run};
use vectors::{Recording, chain, eeg64, recording, step, texts};

/// Largest difference over the largest output.
fn off(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
    assert!(largest > 1.0, "uV of a real recording, not {largest}");
    got.iter().zip(want).map(|(g, w)| (g - w).abs() / largest).fold(0.0, f64::max)
}

/// Every n-th frame of `[frames x channels]`, of some columns.
fn thinned(frames: &[f64], channels: usize, columns: &[usize], every: usize) -> Vec<f64> {
    frames.chunks_exact(channels).step_by(every).flat_map(|f| columns.iter().map(|&c| f[c])).collect()
}

fn rows(value: &Value) -> Vec<f64> {
    value.as_array().expect("frames").iter().flat_map(numbers).collect()
}

#[test]
fn every_step_equals_mne_and_numpy_on_64_channels_of_eeg_to_1e_9() {
    let eeg = eeg64();
    let file = json(include_str!("vectors/space/outputs.json"));
    let steps = file.as_array().expect("steps");
    assert_eq!(steps.len(), 15);
    for row in steps {
        let spec = step(&row["step"]);
        let mut chain = chain(std::slice::from_ref(&spec), &eeg.signal);
        assert_eq!(chain.output().labels, texts(&row["labels"]), "{spec}");
        let columns: Vec<usize> = numbers(&row["columns"]).iter().map(|c| *c as usize).collect();
        let (channels, every) = (chain.output().channels(), number(&row["every"]) as usize);
        let got = thinned(&run(&mut chain, &eeg.frames), channels, &columns, every);
        let off = off(&got, &rows(&row["frames"]));
        assert!(off < 1e-9, "{spec}: {off}");
    }
}

#[test]
fn spline_weights_equal_mne_to_1e_9() {
    let file = json(include_str!("vectors/space/spline.json"));
    let positions =
        |key: &str| texts(&file[key]).iter().map(|l| position(l).expect("a place")).collect::<Vec<_>>();
    let (from, to) = (positions("from"), positions("to"));
    assert_eq!((from.len(), to.len()), (61, 3));
    let got = spline_weights(&from, &to).expect("a solution");
    let want = file["weights"].as_array().expect("weights");
    for (got, want) in got.row_iter().zip(want) {
        for (g, w) in got.iter().zip(numbers(want)) {
            assert!((g - w).abs() < 1e-9, "{g} {w}");
        }
    }
}

fn high_gamma(name: &str, recorded: &str, wanted: &str) {
    let (Recording { signal, frames }, file) = (recording(&json(recorded)), json(wanted));
    let grids = file["grids"].as_object().expect("grids");
    let grids = grids.iter().map(|(name, row)| (name.clone(), number(row) as usize)).collect();
    let shafts = StepSpec::Space(SpaceSpec::BipolarShafts { keep_others: false, grids });
    let every = number(&file["every"]) as usize;
    for (steps, key) in
        [(&[shafts.clone()][..], "bipolar"), (&[shafts.clone(), band_pass(70.0, 170.0, 4)], "band")]
    {
        let mut chain = Chain::design(steps, &signal, 1 << 12).expect("a valid chain");
        let labels = texts(&file["labels"]);
        assert_eq!(chain.output().labels, labels, "{name}");
        let columns: Vec<usize> = (0..labels.len()).collect();
        let got = thinned(&run(&mut chain, &frames), labels.len(), &columns, every);
        let off = off(&got, &rows(&file[key]));
        assert!(off < 1e-9, "{name}, {key}: {off}");
    }
}

#[test]
fn high_gamma_of_depth_electrodes_equals_mne_and_scipy() {
    let (recorded, wanted) =
        (include_str!("vectors/space/seeg.json"), include_str!("vectors/space/seeg_high_gamma.json"));
    high_gamma("sEEG", recorded, wanted);
}

#[test]
fn high_gamma_of_grid_and_strips_equals_mne_and_scipy() {
    let (recorded, wanted) =
        (include_str!("vectors/space/ecog.json"), include_str!("vectors/space/ecog_high_gamma.json"));
    high_gamma("ECoG", recorded, wanted);
}

#[test]
fn whole_headers_of_real_recordings_pair_contact_by_contact() {
    for (text, contacts, others) in [
        (include_str!("vectors/space/seeg_high_gamma.json"), 88, ["DC01", "EKG2"]),
        (include_str!("vectors/space/ecog_high_gamma.json"), 76, ["EKGL", "EKGR"]),
    ] {
        let file = json(text);
        let (header, pairs) = (texts(&file["header"]), texts(&file["header_pairs"]));
        let shafts = |keep_others| SpaceSpec::BipolarShafts { keep_others, grids: Vec::new() };
        let signal = Signal::new(hz(1000.0), &header);
        let got = chain(&[shafts(false)], &signal);
        assert_eq!(got.output().labels, pairs);
        let kept = chain(&[shafts(true)], &signal).output().labels.clone();
        assert_eq!(kept[..pairs.len()], pairs);
        assert_eq!(kept.len(), pairs.len() + header.len() - contacts);
        assert!(others.iter().all(|o| kept[pairs.len()..].contains(&(*o).to_owned())), "{kept:?}");
    }
}

#[test]
fn rows_of_a_grid_do_not_pair_with_each_other() {
    let file = json(include_str!("vectors/space/ecog_high_gamma.json"));
    let signal = Signal::new(hz(1000.0), &texts(&file["header"]));
    let grids = vec![("C".to_owned(), 8)];
    let got = chain(&[SpaceSpec::BipolarShafts { keep_others: false, grids }], &signal);
    let labels = &got.output().labels;
    assert_eq!(labels.len(), 8 * 7 + 5 + 5);
    for crossing in ["C8-C9", "C16-C17", "C56-C57"] {
        assert!(!labels.contains(&crossing.to_owned()), "{crossing}");
    }
    assert!(labels.contains(&"C9-C10".to_owned()) && labels.contains(&"BTP5-BTP6".to_owned()));
}
