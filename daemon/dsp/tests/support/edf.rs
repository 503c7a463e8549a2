//! Reads the EDF+ recordings that are in the tree: 16-bit integers, all channels at one rate, no discontinuity.

use std::path::Path;

/// Frames `from..to` of the channels `labels` (as in the file, dots of padding aside) of `run` ("S001R06"), in uV,
/// `[frames x channels]`. Source and licence: `models/data/eegmmidb/README.md`.
pub(crate) fn eegmmidb(run: &str, labels: &[&str], from: usize, to: usize) -> Vec<f64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/data/eegmmidb");
    let raw = std::fs::read(folder.join(format!("{run}.edf"))).expect("a recording in the tree");
    let text = |at: usize, width: usize| std::str::from_utf8(&raw[at..at + width]).expect("ASCII").trim();
    let number = |at: usize, width: usize| text(at, width).parse::<f64>().expect("a number");
    let signals = number(252, 4) as usize;
    let field = |offset: usize, width: usize, i: usize| 256 + offset * signals + i * width;
    let samples: Vec<usize> = (0..signals).map(|i| number(field(216, 8, i), 8) as usize).collect();
    let record: usize = samples.iter().sum();
    let data = &raw[number(184, 8) as usize..];
    let picks: Vec<(usize, usize)> = labels
        .iter()
        .map(|&label| {
            let i = (0..signals)
                .find(|&i| text(field(0, 16, i), 16).trim_end_matches('.') == label)
                .unwrap_or_else(|| panic!("no channel {label}"));
            // One digit is one microvolt, without an offset.
            assert_eq!(
                number(field(104, 8, i), 8),
                number(field(120, 8, i), 8),
                "physical and digital minimum"
            );
            assert_eq!(
                number(field(112, 8, i), 8),
                number(field(128, 8, i), 8),
                "physical and digital maximum"
            );
            (samples[..i].iter().sum(), samples[i])
        })
        .collect();
    let per_record = picks[0].1;
    (from..to)
        .flat_map(|frame| {
            picks
                .iter()
                .map(move |&(start, _)| 2 * (frame / per_record * record + start + frame % per_record))
        })
        .map(|at| f64::from(i16::from_le_bytes([data[at], data[at + 1]])))
        .collect()
}
