//! GDF and BrainVision: what is cut, or lies, is read as far as it goes or refused in words.
#![allow(clippy::unwrap_used, reason = "a test")]

use bci_driver_playback::{ReadError, Recording, open};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Two signals of GDF 2.20: 16-bit at two samples a record, single precision at one; three records of half a second, and an
/// event table.
fn gdf() -> Vec<u8> {
    let mut fixed = vec![0u8; 256];
    fixed[..8].copy_from_slice(b"GDF 2.20");
    fixed[184..186].copy_from_slice(&3u16.to_le_bytes());
    fixed[236..244].copy_from_slice(&3i64.to_le_bytes());
    fixed[244..252].copy_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0]);
    fixed[252..254].copy_from_slice(&2u16.to_le_bytes());
    let mut signals = Vec::new();
    let text = |text: &str, width: usize| format!("{text:<width$}").into_bytes();
    signals.extend([text("C3", 16), text("ECG 1", 16)].concat());
    signals.extend(vec![0; 160]);
    signals.extend([text("uV", 6), text("", 6)].concat());
    // Microvolts and millivolts as codes.
    signals.extend([4275u16.to_le_bytes(), 4274u16.to_le_bytes()].concat());
    for ends in [[-100.0f64, -1.0], [100.0, 1.0], [-1000.0, -1.0], [1000.0, 1.0]] {
        signals.extend(ends.iter().flat_map(|x| x.to_le_bytes()));
    }
    signals.extend(vec![0; 2 * 80]);
    signals.extend([2u32, 1].iter().flat_map(|n| n.to_le_bytes()));
    signals.extend([3u32, 16].iter().flat_map(|n| n.to_le_bytes()));
    signals.extend(vec![0; 2 * 32]);
    assert_eq!(signals.len(), 512);
    let mut file = [fixed, signals].concat();
    for record in 0..3i16 {
        file.extend((record * 20).to_le_bytes());
        file.extend((record * 20 + 10).to_le_bytes());
        file.extend((f32::from(record) * 0.25).to_le_bytes());
    }
    // Two events at 4 Hz: the second and the fifth sample; codes 769 and 770, a quarter and half a second long.
    file.extend([3, 2, 0, 0]);
    file.extend(4f32.to_le_bytes());
    file.extend([2u32, 5].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([769u16, 770].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([0u16, 0].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([1u32, 2].iter().flat_map(|n| n.to_le_bytes()));
    file
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

fn use_all(recording: &Recording) {
    for group in recording.groups() {
        let mut frames = vec![0.0; group.channels().len() * 16];
        let mut at = 0;
        while group.read_frames(at, &mut frames) > 0 {
            at += 16;
        }
    }
}

#[test]
fn a_gdf_file_has_its_rates_units_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let r = open(put(folder.path(), "a.gdf", &gdf())).unwrap();
    assert_eq!((r.format(), r.groups().len(), r.warnings().len()), ("GDF 2", 2, 0));
    let (fast, slow) = (&r.groups()[0], &r.groups()[1]);
    assert_eq!((fast.rate().get(), fast.frames(), slow.rate().get(), slow.frames()), (4.0, 6, 2.0, 3));
    assert_eq!(
        (fast.channels()[0].unit.to_string(), slow.channels()[0].unit.to_string()),
        ("uV".into(), "mV".into())
    );
    assert_eq!(slow.channels()[0].kind.to_string(), "ECG");
    let mut values = [0.0; 6];
    assert_eq!(fast.read_frames(0, &mut values), 6);
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(slow.read_frames(1, &mut values[..1]), 1);
    assert_eq!(values[0], 0.25);
    let events: Vec<_> = r.annotations().iter().map(|a| (a.onset_s, a.duration_s, a.text.as_str())).collect();
    assert_eq!(events, [(0.25, Some(0.25), "769"), (1.0, Some(0.5), "770")]);
}

#[test]
fn a_cut_gdf_file_is_read_up_to_the_cut_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = gdf();
    for length in 0..whole.len() {
        let Ok(r) = open(put(folder.path(), "a.gdf", &whole[..length])) else {
            assert!(length < 768 + 8, "{length}");
            continue;
        };
        use_all(&r);
        let records = ((length - 768) / 8).min(3) as u64;
        assert_eq!(r.groups()[1].frames(), records, "{length}");
        assert_eq!(
            r.warnings().is_empty(),
            records == 3 && (length <= 768 + 24 + 7 || length == whole.len()),
            "{length}: {:?}",
            r.warnings()
        );
    }
}

const HEADER: &str = "Brain Vision Data Exchange Header File Version 1.0\n; a comment\n[Common Infos]\nDataFile=a.eeg\nMarkerFile=a.vmrk\n\
    DataFormat=BINARY\nDataOrientation=VECTORIZED\nNumberOfChannels=2\nSamplingInterval=2000\n[Binary Infos]\nBinaryFormat=INT_16\n\
    [Channel Infos]\nCh1=C\\13,,0.5,\u{b5}V\nCh2=skin,,,\u{b5}S\n[Comment]\nCh3=no channel\n";

#[test]
fn a_vectorized_brainvision_file_in_an_old_code_page_is_read() {
    let folder = tempfile::tempdir().unwrap();
    // In the code page of Western Europe the micro sign is one byte.
    let header: Vec<u8> = HEADER.chars().map(|c| c as u8).collect();
    let file = put(folder.path(), "a.vhdr", &header);
    let told = |e: ReadError| format!("{e}");
    assert!(open(&file).map_err(told).is_err_and(|t| t.contains("a.eeg")), "no data");
    let samples: Vec<u8> = [1i16, -2, 3, 10, 20, 30].iter().flat_map(|x| x.to_le_bytes()).collect();
    put(folder.path(), "a.eeg", &samples);
    let r = open(&file).unwrap();
    assert!(r.warnings()[0].contains("a.vmrk"), "{:?}", r.warnings());
    put(folder.path(), "a.vmrk", b"Brain Vision Data Exchange Marker File\n[Marker Infos]\nMk1=New Segment,,1,1,0,20131113161403794232\nMk2=Stimulus,S  1,2,1,0\nMk3=Bad,x,none,1,0\n");
    let r = open(&file).unwrap();
    assert_eq!(r.start(), Some("2013-11-13T16:14:03.794232"));
    let group = &r.groups()[0];
    assert_eq!(
        (group.rate().get(), group.frames(), group.channels()[0].label.as_deref()),
        (500.0, 3, Some("C,3"))
    );
    assert_eq!(group.channels()[1].kind.to_string(), "misc");
    let mut frames = [0.0; 6];
    assert_eq!(group.read_frames(0, &mut frames), 3);
    assert_eq!(frames, [0.5, 10.0, -1.0, 20.0, 1.5, 30.0]);
    let texts: Vec<_> = r.annotations().iter().map(|a| (a.onset_s, a.text.as_str())).collect();
    assert_eq!(texts, [(0.0, "New Segment/"), (0.002, "Stimulus/S  1")]);
    assert!(r.warnings()[0].contains("1 markers make no sense"), "{:?}", r.warnings());
}

#[test]
fn what_a_brainvision_header_lacks_is_told() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.eeg", &[0; 8]);
    for (from, to, word) in [
        ("BINARY", "ASCII", "DataFormat"),
        ("VECTORIZED", "SIDEWAYS", "DataOrientation"),
        ("NumberOfChannels=2", "NumberOfChannels=999999", "described under [Channel Infos]"),
        ("SamplingInterval=2000", "SamplingInterval=0", "SamplingInterval"),
        ("INT_16", "INT_7", "BinaryFormat"),
        ("DataFile=a.eeg\n", "", "says nothing of DataFile"),
    ] {
        let file = put(folder.path(), "a.vhdr", HEADER.replace(from, to).as_bytes());
        let error = open(file).unwrap_err();
        let told = format!("{error}: {}", std::error::Error::source(&error).unwrap());
        assert!(told.contains(word), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever bytes are changed: no panic, and what is read can be used.
    #[test]
    fn damaged_files_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>(), of in 0usize..3) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = match of {
            0 => gdf(),
            1 => HEADER.as_bytes().to_vec(),
            _ => std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../xdf/tests/data/minimal.xdf")).unwrap(),
        };
        put(folder.path(), "a.eeg", &[7; 50]);
        for (at, to) in changes {
            let at = 8 + at.index(bytes.len() - 8);
            bytes[at] = to;
        }
        bytes.truncate(8 + cut.index(bytes.len() - 8));
        if let Ok(recording) = open(put(folder.path(), "a.vhdr", &bytes)) {
            use_all(&recording);
        }
    }
}
