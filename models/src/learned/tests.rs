//! What is written is read back to the bit, and what is wrong with a file is told all at once.

use super::*;
use bci_config::{Mistake, Mistakes};

fn hz(rate: f64) -> Hz {
    Hz::new(rate).expect("a rate")
}

/// One entry of each kind, with numbers that are awkward to write.
pub(crate) fn entries() -> Vec<Entry> {
    let labels = |all: &[&str]| all.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let recorded = |file: &str| Recorded { file: file.into(), sha256: "0123456789abcdef".repeat(4) };
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let state = AsrState::from_parts(
        2,
        hz(160.0),
        &[0.1 + 0.2, 1e-17, 1e-17, 1.0 / 3.0],
        &[half, -half, half, half],
        &[(5e-324, f64::MAX), (-1e300, 0.0)],
    );
    let align = What::Align {
        metric: Metric::Riemann,
        shrinkage: Shrinkage::Oas,
        windows: 118,
        groups: 1,
        reference: vec![1e7 / 3.0, -0.0, 1e-9, 0.0, 1e-7, 0.0, 1e-9, 0.0, 123_456_789.123_456_79],
    };
    vec![
        Entry {
            name: "signal.steps[1].asr".into(),
            channels: labels(&["C3", "a \"b\" \\ \u{1}\u{e9}"]),
            rate: hz(160.0),
            learned_s: 60.0,
            recordings: vec![recorded("a.edf")],
            window_ms: 500.0,
            what: What::Asr(state.expect("valid")),
        },
        Entry {
            name: "preprocessing[0].align".into(),
            channels: labels(&["C3", "Cz", ""]),
            rate: hz(1e3 / 3.0),
            learned_s: 1.0 / 7.0,
            recordings: vec![recorded("a.edf"), recorded("b c.bdf")],
            window_ms: 1e3 / 3.0,
            what: align,
        },
    ]
}

/// Reads a text as a file; the mistakes without the folder.
fn read_text(text: &str) -> (Option<Vec<Entry>>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("l.toml"), text).expect("written");
    let mistakes = Mistakes::new();
    let entries = read(&folder.path().join("l.toml"), &mistakes);
    let folder = format!("{}/", folder.path().display());
    let told = mistakes.into_sorted().iter().map(|m: &Mistake| m.to_string().replace(&folder, "")).collect();
    (entries, told)
}

#[test]
fn every_bit_comes_back() {
    let written = entries();
    let (read, told) = read_text(&to_toml(&written));
    assert_eq!(told, [""; 0]);
    let read = read.expect("read");
    assert_eq!(read, written);
    let numbers = |entries: &[Entry]| -> Vec<u64> {
        let of = |entry: &Entry| match &entry.what {
            What::Align { reference, .. } => reference.clone(),
            What::Asr(s) => [s.mixing(), s.components()].concat(),
        };
        entries.iter().flat_map(of).map(f64::to_bits).collect()
    };
    assert_eq!(numbers(&read), numbers(&written), "the sign of zero too");
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let good = to_toml(&entries());
    let one = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        read_text(&good.replacen(from, to, 1)).1
    };
    for (from, to, expected) in [
        ("schema = 1", "schema = 2", "schema = 2 at l.toml:2: this daemon reads schema 1"),
        (
            "kind = \"asr\"",
            "kind = \"z_score\"",
            "step[0].kind = \"z_score\" at l.toml:6: must be \"align\" or \"asr\"",
        ),
        ("\"preprocessing[0].align\"", "\"signal.steps[1].asr\"", "is the name of another step in the file"),
        ("rate_hz = 160.0", "rate_hz = -1", "step[0].rate_hz = -1 at l.toml:8: "),
        (
            "learned_s = 60.0",
            "learned_s = nan",
            "step[0].learned_s = nan at l.toml:9: must be finite and above 0",
        ),
        (
            "window_ms = 500.0",
            "window_ms = 0",
            "step[0].window_ms = 0 at l.toml:12: must be finite and above 0",
        ),
        ("sha256 = [\"01", "sha256 = [\"x1", "must be 1 SHA-256 in hex, one for each of `recordings`"),
        (
            "shape = [2, 2]",
            "shape = [2, 3]",
            "step[0].shape = [2, 3] at l.toml:13: must be [2, 2]: there are 2 channels",
        ),
        (
            "[1e-17, 0.3333333333333333],",
            "",
            "step[0].mixing = […] at l.toml:14: must be 2 rows of 2 finite numbers",
        ),
        (
            "[1e-17, 0.3333333333333333],",
            "[1e-17, inf],",
            "step[0].mixing = […] at l.toml:14: must be 2 rows of 2 finite numbers",
        ),
        (
            "[1e-17, 0.3333333333333333],",
            "[1e-17, -1],",
            "step[0].mixing = […] at l.toml:14: must be a symmetric positive semidefinite matrix",
        ),
        (
            "[1e-17, 0.3333333333333333],",
            "[1, 0.3333333333333333],",
            "step[0].mixing = […] at l.toml:14: must be a symmetric positive semidefinite matrix",
        ),
        (
            "-0.7071067811865476]",
            "-0.7]",
            "step[0].components = […] at l.toml:18: must be 2 rows of 2 numbers, each row of length 1",
        ),
        ("[-1e300, 0.0]", "[-1e300, -1]", "step[0].amplitudes = […] at l.toml:22: must be 2 pairs"),
        (
            "\"riemann\"",
            "\"log\"",
            "step[1].metric = \"log\" at l.toml:37: must be \"euclid\" or \"riemann\"",
        ),
        (
            "\"oas\"",
            "\"some\"",
            "step[1].shrinkage = \"some\" at l.toml:38: must be \"none\", \"ledoit_wolf\", \"oas\" or a number from 0 to 1",
        ),
        (
            "[0.0, 1e-7, 0.0]",
            "[0.0, -1e-7, 0.0]",
            "step[1].reference = […] at l.toml:40: must be symmetric and positive definite",
        ),
        (
            "[0.0, 1e-7, 0.0]",
            "[5.0, 1e-7, 0.0]",
            "step[1].reference = […] at l.toml:40: must be symmetric and positive definite",
        ),
        (
            "[0.0, 1e-7, 0.0]",
            "[0.0, 0.0, 0.0]",
            "step[1].reference = […] at l.toml:40: must be symmetric and positive definite",
        ),
        (
            "channels = [\"C3\", \"Cz\", \"\"]",
            "channels = []",
            "step[1].channels = [] at l.toml:30: must not be empty",
        ),
    ] {
        let told = one(from, to);
        assert_eq!(told.len(), 1, "{to}: {told:#?}");
        assert!(told[0].contains(expected), "{expected}: {told:?}");
    }
    let (_, told) = read_text("schema = 1\nextra = 2\n[[step]]\nkind = \"align\"\nreferences = 3\n");
    assert_eq!(told.len(), 14, "everything that is missing or unknown: {told:#?}");
    let (read, told) = read_text("schema = ");
    assert!(read.is_none() && told[0].starts_with("l.toml:1: not TOML: "), "{told:?}");
}
