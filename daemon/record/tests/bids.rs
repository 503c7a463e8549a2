//! Recordings as BIDS: what is written is what was recorded, by our own reader and by MNE; refusals.
#![allow(clippy::unwrap_used, reason = "a test")]

use bci_driver_playback::{Recording, open};
use bci_record::bids::{About, BidsError, Export, Given, Written};
use bci_xdf::{Batch, Encoder, Format};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn edf() -> Recording {
    open(root().join("models/data/eegmmidb/S001R10.edf")).unwrap()
}

fn named(name: &str) -> Given {
    Given::by_name(Path::new(name))
}

const NAME: &str = "sub-S001_ses-1_task-imagery_run-10_eeg.xdf";

fn exported(recording: &Recording, name: &str, about: About, to: &Path) -> Written {
    let export = Export::plan(recording, None, named(name), about).unwrap();
    export.check(to).unwrap();
    export.write(recording, to).unwrap()
}

fn refusals(recording: &Recording, name: &str, about: About) -> Vec<String> {
    let wrong = Export::plan(recording, None, named(name), about).unwrap_err();
    wrong.iter().map(ToString::to_string).collect()
}

/// `[frames x channels]` of group 1.
fn samples(recording: &Recording) -> Vec<f64> {
    let group = &recording.groups()[0];
    let mut all = vec![0.0; group.frames() as usize * group.channels().len()];
    assert_eq!(group.read_frames(0, &mut all) as u64, group.frames());
    all
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// An XDF file of one stream of two channels, microvolts times 1e-6, and one of markers.
fn xdf(stamps: &[f64], rate: f64, unit: &str, kind: &str, markers: &[(f64, &str)]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.begin("2026-11-26T13:08:19.123+0000");
    let channel = |label: &str| {
        format!("<channel><label>{label}</label><unit>{unit}</unit><type>{kind}</type></channel>")
    };
    let header = |name: &str, kind: &str, channels: usize, rate: f64, format: &str, desc: &str| {
        format!(
            "<?xml version=\"1.0\"?><info><name>{name}</name><type>{kind}</type><channel_count>{channels}</channel_count>\
             <nominal_srate>{rate}</nominal_srate><channel_format>{format}</channel_format><desc>{desc}</desc></info>"
        )
    };
    let desc = format!("<channels>{}{}</channels>", channel("C3"), channel("C3"));
    encoder.stream_header(1, &header("rig", "EEG", 2, rate, "double64", &desc));
    encoder.stream_header(2, &header("cues", "Markers", 1, 0.0, "string", ""));
    encoder.stream_header(3, &header("bcid-intents-p", "Intents", 1, 0.0, "string", ""));
    let values: Vec<f64> = (0..stamps.len()).flat_map(|n| [n as f64 * 1e-6, -(n as f64) * 1e-6]).collect();
    encoder.samples(1, Format::Double64, 2, stamps, Batch::Numbers(&values));
    for (at, text) in markers {
        encoder.samples(2, Format::Text, 1, &[*at], Batch::Texts(&[*text]));
    }
    encoder.samples(3, Format::Text, 1, &[stamps[0]], Batch::Texts(&["{}"]));
    encoder.bytes().to_vec()
}

#[test]
fn a_real_recording_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let source = edf();
    let about = About { line_hz: Some(60.0), reference: Some("earlobes".into()), ..About::default() };
    let written = exported(&source, NAME, about, folder.path());
    assert_eq!(
        written.header,
        folder.path().join("sub-S001/ses-1/eeg/sub-S001_ses-1_task-imagery_run-10_eeg.vhdr")
    );
    assert_eq!((written.frames, written.channels, written.events), (20_000, 64, 30));
    assert_eq!(written.notes, [""; 0]);

    let back = open(&written.header).unwrap();
    assert_eq!(back.warnings(), [""; 0]);
    assert_eq!(back.start().unwrap(), "2009-08-12T16:15:00.000000");
    let (group, wanted) = (&back.groups()[0], &source.groups()[0]);
    assert_eq!((group.rate(), group.frames()), (wanted.rate(), wanted.frames()));
    assert_eq!(group.channels(), wanted.channels());
    let in_32_bits: Vec<f64> = samples(&source).iter().map(|x| f64::from(*x as f32)).collect();
    assert!(samples(&back) == in_32_bits);
    // Behind the first segment.
    let markers = &back.annotations()[1..];
    assert_eq!(markers.len(), source.annotations().len());
    for (marker, wanted) in markers.iter().zip(source.annotations()) {
        assert_eq!(marker.text, format!("Comment/{}", wanted.text));
        let near = |a: f64, b: f64| (a - b).abs() <= 0.5 / 160.0 + 1e-9;
        assert!(near(marker.onset_s, wanted.onset_s), "{marker:?} for {wanted:?}");
        assert!(near(marker.duration_s.unwrap(), wanted.duration_s.unwrap()), "{marker:?} for {wanted:?}");
    }
    // And once more from what was written.
    let twice = exported(&back, "sub-S001_task-again", About::default(), folder.path());
    let again = open(twice.header).unwrap();
    assert!(samples(&again) == in_32_bits);
    assert_eq!(again.annotations(), back.annotations());
}

#[test]
fn what_lies_beside_it_says_what_bids_asks() {
    let folder = tempfile::tempdir().unwrap();
    let source = edf();
    let about = About { line_hz: Some(60.0), reference: Some("earlobes".into()), ..About::default() };
    exported(&source, NAME, about, folder.path());
    let beside = |suffix: &str| {
        folder.path().join(format!("sub-S001/ses-1/eeg/sub-S001_ses-1_task-imagery_run-10_{suffix}"))
    };
    let eeg = json(beside("eeg.json"));
    assert_eq!(
        [
            &eeg["TaskName"],
            &eeg["EEGReference"],
            &eeg["EEGGround"],
            &eeg["SoftwareFilters"],
            &eeg["RecordingType"]
        ],
        ["imagery", "earlobes", "n/a", "n/a", "continuous"]
    );
    assert_eq!(
        [&eeg["SamplingFrequency"], &eeg["PowerLineFrequency"], &eeg["RecordingDuration"]],
        [160.0, 60.0, 125.0]
    );
    assert_eq!((&eeg["EEGChannelCount"], &eeg["MISCChannelCount"]), (&64.into(), &0.into()));
    let channels = fs::read_to_string(beside("channels.tsv")).unwrap();
    let mut lines = channels.lines();
    assert_eq!(lines.next(), Some("name\ttype\tunits\tsampling_frequency"));
    assert_eq!(lines.next(), Some("Fc5\tEEG\t\u{b5}V\t160"));
    assert_eq!(lines.count(), 63);
    let events = fs::read_to_string(beside("events.tsv")).unwrap();
    let lines: Vec<&str> = events.lines().collect();
    assert_eq!(lines[..3], ["onset\tduration\ttrial_type\tsample", "0\t4.2\tT0\t0", "4.2\t4.1\tT1\t672"]);
    assert_eq!(lines.len(), 31);
    assert_eq!(json(folder.path().join("dataset_description.json"))["BIDSVersion"], "1.10.0");
    assert!(folder.path().join("README").exists());
    let participants = || fs::read_to_string(folder.path().join("participants.tsv")).unwrap();
    assert_eq!(participants(), "participant_id\nsub-S001\n");

    // Another run changes nothing of the data set but adds nobody twice; another person goes beneath, whatever columns there are.
    fs::write(folder.path().join("dataset_description.json"), "{}").unwrap();
    fs::write(folder.path().join("participants.tsv"), "participant_id\tage\nsub-S001\t31").unwrap();
    exported(&source, "sub-S001_ses-1_task-imagery_run-11_eeg", About::default(), folder.path());
    assert_eq!(participants(), "participant_id\tage\nsub-S001\t31");
    exported(&source, "sub-2_task-imagery_eeg", About::default(), folder.path());
    assert_eq!(participants(), "participant_id\tage\nsub-S001\t31\nsub-2\tn/a\n");
    assert_eq!(fs::read_to_string(folder.path().join("dataset_description.json")).unwrap(), "{}");
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let source = edf();
    let beneath = folder.path().join("sub-1/eeg");
    fs::create_dir_all(&beneath).unwrap();
    let there = beneath.join("sub-1_task-rest_eeg.edf");
    fs::write(&there, "another's").unwrap();
    let export = Export::plan(&source, None, named("sub-1_task-rest_eeg"), About::default()).unwrap();
    for refused in [
        export.check(folder.path()).unwrap_err().remove(0),
        export.write(&source, folder.path()).unwrap_err(),
    ] {
        assert!(matches!(&refused, BidsError::There(file) if *file == there), "{refused}");
        assert!(refused.to_string().ends_with("is there already, and is not overwritten"), "{refused}");
    }
    assert_eq!(fs::read_dir(&beneath).unwrap().count(), 1);
    // A data set that cannot take a participant: the recording's own files are gone again.
    fs::write(folder.path().join("participants.tsv"), "name\nme\n").unwrap();
    let export = Export::plan(&source, None, named("sub-1_task-move_eeg"), About::default()).unwrap();
    assert!(export.check(folder.path()).unwrap_err()[0].to_string().contains("participants.tsv begins with"));
    assert!(matches!(export.write(&source, folder.path()), Err(BidsError::Dataset { .. })));
    assert_eq!(fs::read_dir(&beneath).unwrap().count(), 1);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.xdf");
    let stamps: Vec<f64> = (0..3000).map(|n| 1e5 + f64::from(n) / 125.0).collect();
    fs::write(&file, xdf(&stamps, 250.0, "", "EEG", &[])).unwrap();
    let source = open(&file).unwrap();
    let about = About { line_hz: Some(f64::NAN), ..About::default() };
    assert_eq!(
        refusals(&source, "sub-a.b_rec-1.xdf", about),
        [
            "the power line's frequency = NaN: must be above 0",
            "no task is given, and the file's name has no task-LABEL",
            "participant = \"a.b\": must be letters and digits of ASCII alone, as BIDS has it",
            "2 EEG channels state no voltage (C3, C3-2): their unit must be given",
            "frames came at 125.00 Hz, and the recording says 250 Hz: that is wrong, or many are lost; the rate must be given",
        ]
    );
    let about = About { unit: Some("degC".into()), rate_hz: Some(125.0), ..About::default() };
    assert!(refusals(&source, NAME, about)[0].contains("degC"));
    // What was lacking is given.
    let about = About { unit: Some("V".into()), rate_hz: Some(125.0), ..About::default() };
    let export = Export::plan(&source, None, named(NAME), about).unwrap();
    assert_eq!(export.notes().len(), 2, "{:?}", export.notes());

    // From inside the skull, or of nothing that is known.
    let said = |kind: &str| {
        fs::write(&file, xdf(&stamps, 125.0, "V", kind, &[])).unwrap();
        refusals(&open(&file).unwrap(), NAME, About::default())
    };
    assert!(said("SEEG")[0].starts_with("channel C3 is from inside the skull"), "{:?}", said("SEEG"));
    assert_eq!(
        said("AUX"),
        ["none of its 2 channels says that it is EEG; those that say nothing can be taken for it"]
    );
}

/// Ten seconds, five missing, ten seconds; 100 Hz in bursts of ten.
fn with_a_hole() -> Vec<u8> {
    let burst = |n: usize| (n / 10 * 10 + 9) as f64 / 100.0;
    let stamps: Vec<f64> = (0..2000).map(|n| 7e4 + burst(if n < 1000 { n } else { n + 500 })).collect();
    let cues = [(-1.0, "early"), (5.0, "left,\tor so"), (12.0, "lost"), (15.5, "right"), (40.0, "late")];
    xdf(&stamps, 100.0, "V", "EEG", &cues.map(|(at, text)| (7e4 + at, text)))
}

#[test]
fn a_hole_begins_a_segment_and_markers_stay_with_their_frames() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.xdf");
    fs::write(&file, with_a_hole()).unwrap();
    let source = open(&file).unwrap();
    let export = Export::plan(&source, None, named(NAME), About::default()).unwrap();
    let told = export.notes().join("\n");
    for part in ["1 hole, 5.0", "from even ones", "1 marker where", "2 markers before", "bcid-intents-p"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let out = folder.path().join("set");
    let written = export.write(&source, &out).unwrap();
    let eeg = json(written.header.with_extension("json"));
    assert_eq!((&eeg["RecordingType"], &eeg["RecordingDuration"]), (&"discontinuous".into(), &20.0.into()));
    assert_eq!(eeg["SampleTiming"]["Holes"][0]["Sample"], 1000);
    let events = written.header.with_file_name("sub-S001_ses-1_task-imagery_run-10_events.tsv");
    let events = fs::read_to_string(events).unwrap();
    let rows: Vec<Vec<&str>> = events.lines().map(|line| line.split('\t').collect()).collect();
    let column = |n: usize| rows[1..].iter().map(|row| row[n]).collect::<Vec<_>>();
    assert_eq!(column(2), ["early", "left, or so", "lost", "boundary", "right", "late"]);
    // Stamps of bursts come late: by the line a frame came half a burst before its stamp at most.
    let near = |text: &str, frame: i64| (text.parse::<i64>().unwrap() - frame).abs() <= 5;
    let frames = column(3);
    assert!(near(frames[1], 500) && frames[3] == "1000" && near(frames[4], 1050), "{frames:?}");
    assert_eq!([frames[0], frames[2], frames[5]], ["n/a", "999", "n/a"]);
    assert_eq!((column(4)[0], column(4)[3]), ("cues", "n/a"));
    let back = open(&written.header).unwrap();
    let texts: Vec<&str> = back.annotations().iter().map(|a| a.text.as_str()).collect();
    assert_eq!(
        texts,
        ["New Segment/", "Comment/left, or so", "Comment/lost", "New Segment/", "Comment/right"]
    );
    let wanted: Vec<f64> = samples(&source).iter().map(|x| f64::from((x * 1e6) as f32)).collect();
    assert!(samples(&back) == wanted);
    // What has segments keeps them.
    let twice = exported(&back, "sub-2_task-x", About::default(), &out);
    assert_eq!(open(twice.header).unwrap().annotations(), back.annotations());
}

/// What MNE makes of a recording, and its samples in volts.
fn mne(header: &Path, folder: &Path) -> (Value, Vec<f64>) {
    let named = std::env::var_os("BCID_TEST_PYTHON").filter(|v| !v.is_empty()).map(PathBuf::from);
    let python = named.unwrap_or_else(|| root().join(".native/venv/bin/python"));
    assert!(
        python.is_file(),
        "{} is missing: run `cargo xtask setup`, or set BCID_TEST_PYTHON to a Python with tests/requirements.txt",
        python.display()
    );
    let bytes = folder.join("samples");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/read_brainvision.py");
    let output = Command::new(python).arg(script).arg(header).arg(&bytes).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let samples = fs::read(bytes).unwrap();
    let samples = samples.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    (serde_json::from_slice(&output.stdout).unwrap(), samples)
}

#[test]
fn mne_reads_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.xdf"), with_a_hole()).unwrap();
    let hole = open(folder.path().join("x.xdf")).unwrap();
    for (source, name, factor) in [(edf(), "sub-1_task-real", 1.0), (hole, "sub-1_task-hole", 1e6)] {
        let written = exported(&source, name, About::default(), folder.path());
        let (told, got) = mne(&written.header, folder.path());
        let wanted = samples(&source);
        assert_eq!(got.len(), wanted.len());
        for (got, wanted) in got.iter().zip(wanted) {
            let wanted = f64::from((wanted * factor) as f32) * 1e-6;
            assert!((got - wanted).abs() <= 1e-12 * wanted.abs(), "{name}: {got} V for {wanted} V");
        }
        let back = open(&written.header).unwrap();
        let labels: Vec<_> = back.groups()[0].channels().iter().map(|c| c.label.clone().unwrap()).collect();
        assert_eq!(told["names"], serde_json::json!(labels));
        assert_eq!(told["rate"], source.groups()[0].rate().get());
        let begun = told["begun"].as_str().unwrap();
        assert!(begun.starts_with(&source.start().unwrap()[..19]), "{begun}");
        let marked: Vec<(f64, f64, &str)> = told["annotations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| (a[0].as_f64().unwrap(), a[1].as_f64().unwrap(), a[2].as_str().unwrap()))
            .collect();
        let own = &back.annotations()[1..];
        assert_eq!(marked.len(), own.len());
        for (mne, own) in marked.iter().zip(own) {
            assert!((mne.0 - own.onset_s).abs() < 1e-9, "{mne:?} {own:?}");
            assert!((mne.1 - own.duration_s.unwrap()).abs() < 1e-9, "{mne:?} {own:?}");
            assert_eq!(mne.2, own.text);
        }
    }
}
