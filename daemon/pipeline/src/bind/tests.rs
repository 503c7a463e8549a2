#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::policy::PolicySpec;
use crate::signal::{Continuity, Surroundings};
use crate::slots::WindowQueue;
use crate::spec::IntentSpec;
use crate::status::Counters;
use bci_config::{Mistakes, Place, read};
use bci_models::bundle::{OperatingPoint, OutputKind};
use bci_models::steps::read_steps;
use bci_rt::clock::HostClock;
use bci_rt::edge::Header;
use bci_types::{ChannelSpec, HostNs};

/// A decoder of C3 and C4 at 160 Hz: 4 samples a window, a hop of 2, in `unit`.
fn bundle(unit: &str) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    // A model of an empty graph: it is read, and never run.
    std::fs::write(folder.path().join("model.onnx"), [0x3a, 0]).unwrap();
    let text = format!(
        r#"
schema = 2
name = "d"
version = "1"
description = "d"
licence = "MIT"
[model]
file = "model.onnx"
sha256 = "7648eb81c4e9fef7b51879c6fcd6fb4b8863eea0cb2a978c508711dc52c80041"
[input]
tensor = "x"
unit = "{unit}"
rate_hz = 160
window_samples = 4
hop_samples = 2
channels = ["C3", "C4"]
[output]
tensor = "y"
kind = "class_posteriors"
classes = ["a", "b"]
[provenance]
trained_by = "x"
subjects = "x"
split = "x"
code_version = "x"
[golden]
segment = "segment.npy"
segment_sha256 = "0"
expected = "expected.npy"
expected_sha256 = "0"
origin = "none"
"#
    );
    std::fs::write(folder.path().join("decoder.toml"), text).unwrap();
    let mistakes = Mistakes::new();
    Bundle::read(folder.path(), &mistakes).unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()))
}

/// A pipeline as configured by these lines under `[signal]` and `[stream]`.
fn pipeline(text: &str) -> PipelineSpec {
    let mistakes = Mistakes::new();
    let spec = read("rig.toml", text, &mistakes, |t| PipelineSpec {
        name: "p".into(),
        labels: t.optional("labels"),
        unit: t.optional::<String>("unit").map(|u| u.map(|text| Unit::parse(&text))),
        teaching: None,
        anew: false,
        gap_ms: 20.0,
        dejitter: false,
        rate: None,
        faults: crate::faults::FaultSpec::default(),
        channels: t.optional("channels"),
        conditioning: read_steps(t, "steps"),
        window_ms: t.optional("window_ms"),
        hop_ms: t.optional("hop_ms"),
        anticipate: false,
        deadline_ms: None,
        intent: PolicySpec {
            smoothing_ms: 0.0,
            threshold: 0.6,
            max_age_ms: f64::INFINITY,
            ..PolicySpec::NOTHING
        }
        .into(),
    });
    assert!(mistakes.is_empty());
    spec.unwrap()
}

/// What is configured goes first; the smoothing that comes with a threshold goes with it.
#[test]
fn a_policy_is_as_configured_else_as_the_decoder_states_it() {
    let plain = bundle("uV");
    let mut stating = bundle("uV");
    stating.intent = Some(OperatingPoint { threshold: 0.8, smoothing_ms: 750.0 });
    let at = |key: &str, shown: &str| Place { line: 9, ..Place::option("rig.toml", key, shown) };
    let policy = |bundle: &Bundle, threshold: Option<f64>, smoothing_ms: Option<f64>| {
        let at = match threshold {
            Some(p) => at("pipeline[0].intent.threshold", &p.to_string()),
            None => at("pipeline[0].intent", ""),
        };
        let intent =
            IntentSpec { threshold, smoothing_ms, max_age_ms: 500.0, at: Some(at), ..IntentSpec::default() };
        let spec = PipelineSpec { intent, ..pipeline("") };
        let told = |found: Vec<Mistake>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
        check(&spec, bundle).map(|b| (b.policy.threshold, b.policy.smoothing_ms)).map_err(told)
    };
    assert_eq!(policy(&stating, None, None), Ok((0.8, 750.0)));
    assert_eq!(policy(&stating, None, Some(100.0)), Ok((0.8, 100.0)));
    assert_eq!(policy(&stating, Some(0.6), None), Ok((0.6, 0.0)));
    assert_eq!(policy(&plain, Some(0.6), Some(100.0)), Ok((0.6, 100.0)));
    let missing = "rig.toml:9: `pipeline[0].intent.threshold` is missing, and the decoder d states none";
    assert_eq!(policy(&plain, None, Some(100.0)), Err(vec![missing.to_owned()]));
    let guessing = "pipeline[0].intent.threshold = 0.5 at rig.toml:9: must be above 0.500: between 2 classes, one always reaches that";
    assert_eq!(policy(&stating, Some(0.5), None), Err(vec![guessing.to_owned()]));
    let mut velocity = bundle("uV");
    let axes = Located { value: vec!["x".to_owned()], at: at("output.axes", "") };
    velocity.output.kind = OutputKind::Velocity { axes, unit: "1/s".to_owned() };
    assert!(policy(&velocity, None, None).is_ok(), "no class, no threshold");
}

fn stream(unit: Unit, channels: &[(&str, &str)]) -> StreamSpec {
    StreamSpec {
        name: "amp".into(),
        kind: "EEG".into(),
        source_id: String::new(),
        hostname: String::new(),
        instance: String::new(),
        format: SampleFormat::Float32,
        rate: Rate::Regular(Hz::new(160.0).unwrap()),
        channels: channels
            .iter()
            .map(|(label, kind)| ChannelSpec {
                label: (!label.is_empty()).then(|| (*label).to_owned()),
                unit: unit.clone(),
                kind: ChannelKind::parse(kind),
            })
            .collect(),
    }
}

const CAP: [(&str, &str); 4] = [("C4", "EEG"), ("Fz", "EEG"), ("C3", "EEG"), ("STIM", "TRIGGER")];
const AVERAGE: &str = "[[steps]]\ncommon_average = {}\n";

fn refusals(spec: &PipelineSpec, stream: &StreamSpec) -> Vec<String> {
    match bind(spec, &bundle("uV"), stream, 8) {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(ToString::to_string).collect(),
    }
}

/// The one window that four frames make, each frame the given numbers.
fn window(spec: &PipelineSpec, bundle: &Bundle, stream: &StreamSpec, frame: &[f64]) -> Vec<f32> {
    let mut path = bind(spec, bundle, stream, 8).unwrap_or_else(|found| panic!("{found:?}"));
    let queue = WindowQueue::new(path.window_len(), 2);
    let around = Surroundings { clock: &HostClock, queues: &[&queue], counters: &Counters::default() };
    let samples = frame.repeat(4);
    let stamps: Vec<f64> = (0..4).map(|i| f64::from(i) / 160.0).collect();
    let header = Header { frames: 4, acquired: HostNs(0), ..Header::default() };
    assert_eq!(path.process(header, &samples, &stamps, &mut Continuity::default(), &around), 1);
    queue.receive().unwrap().window.to_vec()
}

#[test]
fn every_unit_gives_the_same_window() {
    for (unit, scale) in
        [(Unit::Volts, 1e-6), (Unit::Millivolts, 1e-3), (Unit::Microvolts, 1.0), (Unit::Nanovolts, 1e3)]
    {
        let frame: Vec<f64> = [40.0, 7.0, -30.0, 1.0].iter().map(|x| x * scale).collect();
        for steps in ["", AVERAGE] {
            let spec = pipeline(steps);
            let got = window(&spec, &bundle("uV"), &stream(unit.clone(), &CAP), &frame);
            let mean = if steps.is_empty() { 0.0 } else { 17.0 / 3.0 };
            for (x, want) in got.iter().zip([-30.0; 4].iter().chain(&[40.0; 4])) {
                assert!((f64::from(*x) - (want - mean)).abs() < 1e-5, "{unit} {steps}: {got:?}");
            }
            let in_volts = window(&spec, &bundle("V"), &stream(unit.clone(), &CAP), &frame);
            for (v, uv) in in_volts.iter().zip(&got) {
                assert!((v * 1e6 - uv).abs() < 1e-4, "a decoder in volts: {in_volts:?} for {got:?}");
            }
        }
    }
}

#[test]
fn a_unit_that_is_not_stated_is_refused_until_the_configuration_states_it() {
    let bare = stream(Unit::Unstated, &CAP);
    assert_eq!(
        refusals(&pipeline(""), &bare),
        [
            "the stream amp states no voltage unit for C4 (not stated), C3 (not stated): where it states none, give \
          `unit = \"uV\"` (or mV, V, nV) under [pipeline.stream]"
        ]
    );
    let stated = window(&pipeline("unit = \"mV\"\n"), &bundle("uV"), &bare, &[2.0, 0.0, 1.0, 0.0]);
    assert_eq!(stated, [1e3, 1e3, 1e3, 1e3, 2e3, 2e3, 2e3, 2e3]);
    // What the stream does state is not overruled.
    let odd = stream(Unit::Other("counts".into()), &CAP);
    assert!(refusals(&pipeline("unit = \"mV\"\n"), &odd)[0].starts_with(
        "unit = \"mV\" at rig.toml:1: the stream amp states no voltage unit for C4 (counts), C3 (counts)"
    ));
}

/// A trigger line counts tens of thousands; one of it in the average would drown the EEG.
#[test]
fn an_average_is_over_eeg_alone_or_over_what_the_configuration_names() {
    let stream = stream(Unit::Microvolts, &CAP);
    let frame = [40.0, 8.0, -30.0, 60_000.0];
    let all = window(&pipeline(AVERAGE), &bundle("uV"), &stream, &frame);
    assert_eq!([all[0], all[4]], [-36.0, 34.0], "mean of C4, Fz, C3");
    let named = pipeline(&format!("channels = [\"C3\", \"C4\"]\n{AVERAGE}"));
    let two = window(&named, &bundle("uV"), &stream, &frame);
    assert_eq!([two[0], two[4]], [-35.0, 35.0], "mean of C4, C3");
    // Without a statement of kinds, every channel is taken for what the decoder reads.
    let unkind: Vec<_> = CAP.iter().map(|(label, _)| (*label, "")).collect();
    let unkind = super::tests::stream(Unit::Microvolts, &unkind);
    let four = window(&pipeline(AVERAGE), &bundle("uV"), &unkind, &[1.0, 2.0, 3.0, 6.0]);
    assert_eq!([four[0], four[4]], [0.0, -2.0]);
}

/// A change of the rate changes nothing about whose average it is, nor do channels that a later step makes.
#[test]
fn an_average_before_other_steps_is_over_electrodes_alone_too() {
    let cap = [("C4", "EEG"), ("Fz", "EEG"), ("C3", "EEG"), ("HEOG", "EOG"), ("STIM", "TRIGGER")];
    let frame = [40.0, 7.0, -30.0, 5000.0, 9000.0];
    let mean = 17.0 / 3.0;
    let resampled = format!("{AVERAGE}[[steps]]\nresample = {{ rate_hz = 160 }}\n");
    let selected = format!("{AVERAGE}[[steps]]\nselect = {{ channels = [\"C3\", \"C4\"] }}\n");
    for steps in [&resampled, &selected] {
        let stream = stream(Unit::Microvolts, &cap);
        let got = window(&pipeline(steps), &bundle("uV"), &stream, &frame);
        for (x, want) in got.iter().zip([-30.0; 4].iter().chain(&[40.0; 4])) {
            assert!((f64::from(*x) - (want - mean)).abs() < 1e-3, "{steps}: {got:?}");
        }
    }
    // What a step names is taken in, whatever it is.
    let named = "[[steps]]\nreference = { channels = [\"HEOG\"] }\n";
    let got = window(&pipeline(named), &bundle("uV"), &stream(Unit::Microvolts, &cap), &frame);
    assert_eq!(got, [[-5030.0f32; 4], [-4960.0; 4]].concat());
}

#[test]
fn channels_that_do_not_fit_are_refused_together() {
    let stream = stream(Unit::Microvolts, &CAP);
    let spec = pipeline(&format!(
        "channels = [\"C4\", \"Fz\", \"c4\", \"POz\"]\nwindow_ms = 1000\nhop_ms = 10\n{AVERAGE}[[steps]]\nnotch = {{ freq_hz = 80, q = 30 }}\n"
    ));
    let told = refusals(&spec, &stream);
    let expected = [
        "window_ms = 1000 at rig.toml:2: must be 25 ms",
        "hop_ms = 10 at rig.toml:3: must be a whole number of samples",
        "at rig.toml:1: the stream amp lacks POz, which the configuration names; it has C4, Fz, C3, STIM",
        "at rig.toml:1: names more than once: C4",
        "at rig.toml:1: leaves out C3, which the decoder needs",
        "steps[1].notch.freq_hz = 80 at rig.toml:7: must be above 0 and below 80 Hz, half of the rate there, 160 Hz",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, part) in told.iter().zip(expected) {
        assert!(told.contains(part), "{part} in {told}");
    }
    let without_decoder: Vec<_> = check_stream(&spec, &stream).iter().map(ToString::to_string).collect();
    let at_the_streams_rate = told[5].replace("the decoder's", "the stream's");
    assert_eq!(without_decoder, [&told[2], &told[3], &at_the_streams_rate].map(Clone::clone));
}

#[test]
fn labels_missing_or_met_twice_are_told() {
    let told = refusals(&pipeline(""), &stream(Unit::Microvolts, &[("C4", ""), ("Fz", "")]));
    assert!(
        told.len() == 1
            && told[0].contains("the stream amp lacks C3, which the decoder d needs; it has C4, Fz"),
        "{told:?}"
    );
    let told = refusals(&pipeline(""), &stream(Unit::Microvolts, &[("C3", ""), ("C4", ""), ("C3", "")]));
    assert!(told.len() == 1 && told[0].contains("more than one channel called C3"), "{told:?}");
    let told = refusals(&pipeline(""), &stream(Unit::Microvolts, &[("", ""), ("", "")]));
    assert!(told.len() == 1 && told[0].contains("gives no channel labels"), "{told:?}");
}

#[test]
fn labels_from_the_configuration_win_and_must_be_as_many_as_channels() {
    let spec = pipeline("labels = [\"C3\", \"Pz\", \"C4\"]\n");
    for own in [["", "", ""], ["A1", "A2", "A3"], ["c3", "Pz", "C4."]] {
        let stream = stream(Unit::Microvolts, &own.map(|l| (l, "")));
        assert_eq!(
            window(&spec, &bundle("uV"), &stream, &[1.0, 2.0, 3.0]),
            [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0]
        );
    }
    let told = refusals(&spec, &stream(Unit::Microvolts, &[("C4", ""), ("Pz", ""), ("C3", "")]));
    assert!(told.len() == 1 && told[0].contains("C3 as channel 1, which the stream has as 3"), "{told:?}");
    let told = refusals(&spec, &stream(Unit::Microvolts, &[("C3", ""), ("C4", "")]));
    assert!(told.len() == 1 && told[0].ends_with("names 3 channels, the stream amp has 2"), "{told:?}");
}

#[test]
fn rates_and_formats_that_do_not_fit_are_refused() {
    let mut s = stream(Unit::Microvolts, &CAP);
    for (rate, part) in [
        (Rate::Irregular, Some("has no regular rate")),
        (Rate::Regular(Hz::new(250.0).unwrap()), Some("runs at 250 Hz, the decoder d needs 160 Hz")),
        (Rate::Regular(Hz::new(160.2).unwrap()), Some("runs at 160.2 Hz")),
        (Rate::Regular(Hz::new(159.9).unwrap()), None),
    ] {
        s.rate = rate;
        let told = refusals(&pipeline(""), &s);
        assert_eq!(told.len(), usize::from(part.is_some()), "{told:?}");
        assert!(told.iter().all(|t| t.contains(part.unwrap())), "{told:?}");
    }
    s.format = SampleFormat::Text;
    assert!(refusals(&pipeline(""), &s)[0].contains("carries text"));
}

#[test]
fn a_hop_of_the_configuration_replaces_the_decoders() {
    let b = bundle("uV");
    assert_eq!(check(&pipeline(""), &b).unwrap().hop_samples, 2);
    let spec = pipeline("window_ms = 25\nhop_ms = 62.5\n");
    let binding = check(&spec, &b).unwrap();
    assert_eq!((binding.hop_samples, binding.hop_ms), (10, 62.5));
    for bad in ["0", "-6.25", "nan", "inf", "1e9"] {
        assert_eq!(check(&pipeline(&format!("hop_ms = {bad}\n")), &b).unwrap_err().len(), 1, "{bad}");
        assert_eq!(check(&pipeline(&format!("window_ms = {bad}\n")), &b).unwrap_err().len(), 1, "{bad}");
    }
}
