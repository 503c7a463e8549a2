//! The fault table: each cause of distrust, put into a real recording, marks exactly the windows that it touches; then
//! the output is that of the clean recording again within the stated settling time; and nothing else differs.

#![allow(clippy::unwrap_used, reason = "tests")]

mod rig;
mod together;

use bci_pipeline::{FaultPolicy, FaultSpec, Handling};
use bci_types::Validity;
use rig::{Fault, Rig, SETTLE_TOLERANCE_UV, Seen};
use std::collections::HashMap;
use std::ops::Range;

/// The fault begins here, 40 s into the recording: everything has long settled.
const AT: usize = 6400;

fn hold() -> FaultSpec {
    FaultSpec { rail_uv: Some(3000.0), flat_ms: Some(500.0), ..FaultSpec::default() }
}

fn all(handling: Handling, bridge_ms: f64) -> FaultSpec {
    let policy = FaultPolicy { handling, bridge_ms };
    FaultSpec {
        gap: policy,
        not_finite: policy,
        railed: policy,
        flat: handling,
        clock_step: handling,
        ..hold()
    }
}

/// One row of the table.
struct Row {
    what: &'static str,
    fault: Fault,
    /// The frames at fault, by their place in the clean recording.
    frames: Range<usize>,
    cause: Validity,
    /// From which frame on the cause can be known: it needs time to be told from a healthy signal.
    known_from: usize,
}

fn rows() -> Vec<Row> {
    let row = |what, fault, length: usize, cause| Row {
        what,
        fault,
        frames: AT..AT + length,
        cause,
        known_from: AT,
    };
    vec![
        row("one frame lost", Fault::Lost, 1, Validity::GAP),
        row("25 frames lost", Fault::Lost, 25, Validity::GAP),
        row("5 s lost", Fault::Lost, 800, Validity::GAP),
        row("25 frames dropped by a full ring", Fault::Dropped, 25, Validity::GAP),
        row("one NaN", Fault::Number(f64::NAN), 1, Validity::NOT_FINITE),
        row("30 NaN", Fault::Number(f64::NAN), 30, Validity::NOT_FINITE),
        row("30 infinities", Fault::Number(f64::NEG_INFINITY), 30, Validity::NOT_FINITE),
        row("30 numbers beyond any voltage", Fault::Number(1e300), 30, Validity::NOT_FINITE),
        row("40 samples at the rail", Fault::Number(3000.0), 40, Validity::RAILED),
        row("40 samples at the lower rail", Fault::Number(-3000.0), 40, Validity::RAILED),
        Row { known_from: AT + 80, ..row("2 s without a change", Fault::Frozen, 320, Validity::FLAT) },
    ]
}

/// What lies in `frames` of the clean recording, as windows that end at a position see it.
fn touches(row: &Row, window: &Seen, settle: u64) -> bool {
    let first = window.oldest_frame;
    let known = window.newest_frame >= row.known_from as u64;
    let begun = window.newest_frame >= row.frames.start as u64;
    known && begun && first < row.frames.end as u64 + settle
}

/// The chains that the table is gone through with: with and without a step across channels, and with such as change the
/// rate, by a fraction, by any number, and to features; the windows of some do not end with whole frames of the stream.
fn chains(spec: FaultSpec) -> Vec<(&'static str, Rig)> {
    let resampled = |rate: &str| {
        format!(
            "[[preprocessing]]\nhigh_pass = {{ cutoff_hz = 4, order = 2 }}\n[[preprocessing]]\nresample = {{ {rate} }}\n\
             [[preprocessing]]\nband_pass = {{ low_hz = 8, high_hz = 30, order = 4 }}"
        )
    };
    let features = "[[preprocessing]]\nband_power = { bands_hz = [[8, 12], [18, 26]], window_ms = 250, \
                    hop_ms = 62.5, root = true }";
    vec![
        ("band-pass", Rig::new(spec, false)),
        ("average", Rig::new(spec, true)),
        ("5/8 of the rate", Rig::new(spec, true).preprocessing(&resampled("rate_hz = 100"), 100, 7)),
        (
            "any rate",
            Rig::new(spec, false).preprocessing(&resampled("rate_hz = 100, input_hz = 157.3"), 100, 7),
        ),
        ("features", Rig::new(spec, true).preprocessing(features, 8, 3)),
    ]
}

#[test]
fn exactly_the_windows_that_a_fault_touches_are_marked_and_nothing_else_differs() {
    for (handling, name) in [(Handling::Hold, "hold"), (Handling::Reset, "reset")] {
        for (chain, rig) in chains(all(handling, 0.0)) {
            let clean: HashMap<u64, Seen> =
                rig.run(&Fault::None, 0..0).into_iter().map(|s| (s.newest_frame, s)).collect();
            for row in rows() {
                let what = format!("{}, {name}, {chain}", row.what);
                check(&rig, &row, handling, &clean, &what);
            }
        }
    }
}

fn check(rig: &Rig, row: &Row, handling: Handling, clean: &HashMap<u64, Seen>, what: &str) {
    let settle = rig.settle();
    let seen = rig.run(&row.fault, row.frames.clone());
    let (mut marked, mut after) = (0, 0);
    for window in &seen {
        let at = window.newest_frame;
        let same = clean.get(&at).unwrap_or_else(|| panic!("{what}: a window ends at {at}"));
        let expected = if touches(row, window, settle) { row.cause } else { Validity::VALID };
        let mut got = window.validity;
        // The start of the recording is another matter.
        let starting = window.oldest_frame < settle;
        if handling == Handling::Reset && got.has(Validity::SETTLING) && !starting {
            // Filters that have begun anew settle until the mark of the fault itself ends.
            assert!(expected == row.cause, "{what}: settling at {at}");
            got = Validity::VALID.with(row.cause);
        }
        if !starting {
            assert_eq!(got, expected, "{what}: the window up to {at}");
        }
        if at < row.frames.start as u64 {
            assert_eq!(window.bits(), same.bits(), "{what}: before the fault nothing differs");
        } else if expected.is_valid() && at >= row.frames.end as u64 {
            let off = window.largest_difference(same);
            assert!(off <= SETTLE_TOLERANCE_UV, "{what}: {off} uV off at {at}");
            after += 1;
        }
        marked += usize::from(!expected.is_valid());
    }
    assert!(marked > 10 && after > 250, "{what}: {marked} marked, {after} after");
    // Those that end within what is missing are left out, and no others.
    let missing = |w: &&u64| row.fault.takes_away() && row.frames.contains(&(**w as usize));
    assert_eq!(seen.len(), clean.len() - clean.keys().filter(missing).count(), "{what}");
}

#[test]
fn what_is_short_enough_is_bridged_and_marks_no_window() {
    // 200 ms are 32 frames.
    let rig = Rig::new(all(Handling::Reset, 200.0), true);
    let clean: HashMap<u64, Seen> =
        rig.run(&Fault::None, 0..0).into_iter().map(|s| (s.newest_frame, s)).collect();
    for row in rows() {
        let seen = rig.run(&row.fault, row.frames.clone());
        // What the ring dropped is not: who is too slow does not do more.
        let bridgeable = row.cause != Validity::FLAT && !matches!(row.fault, Fault::Dropped);
        let bridged = bridgeable && row.frames.len() <= 32;
        let marked = seen.iter().filter(|w| w.validity.has(row.cause)).count();
        assert_eq!(marked == 0, bridged, "{}: {marked} windows", row.what);
        for window in seen.iter().filter(|_| bridged) {
            let first = window.newest_frame + 1 - rig::WINDOW as u64;
            let holds = first < row.frames.end as u64 && window.newest_frame >= row.frames.start as u64;
            assert_eq!(
                window.validity.has(Validity::BRIDGED),
                holds,
                "{}: {}",
                row.what,
                window.newest_frame
            );
            if first >= row.frames.end as u64 + rig.settle() {
                let off = window.largest_difference(&clean[&window.newest_frame]);
                assert!(off <= SETTLE_TOLERANCE_UV, "{}: {off} uV", row.what);
            }
        }
        if bridged {
            assert_eq!(seen.len(), clean.len(), "{}: no window is missing", row.what);
        }
    }
}

/// What is bridged is what it would be had the source sent the line between the good neighbours.
#[test]
fn a_bridge_is_the_line_between_its_neighbours() {
    let rig = Rig::new(all(Handling::Hold, 100.0), true);
    for length in [1, 2, 7, 16] {
        let line = rig.run(&Fault::Line, AT..AT + length);
        for fault in [Fault::Number(f64::NAN), Fault::Number(-3000.0)] {
            let seen = rig.run(&fault, AT..AT + length);
            assert!(seen.len() == line.len() && seen.iter().zip(&line).all(|(s, l)| s.bits() == l.bits()));
        }
    }
}

/// The clock of the source being set is no gap, ahead or back: the samples are what they were, and the windows across
/// which the stamps jump are marked, no others.
#[test]
fn a_clock_that_is_set_marks_the_windows_across_which_it_jumps() {
    let rig = Rig::new(hold(), true);
    let clean = rig.run(&Fault::None, 0..0);
    for seconds in [5.0, -5.0, 0.4, -0.4, 86_400.0] {
        let seen = rig.run(&Fault::ClockStep(seconds), AT..AT);
        assert_eq!(seen.len(), clean.len(), "{seconds} s");
        for (s, c) in seen.iter().zip(&clean) {
            assert_eq!((s.newest_frame, s.bits()), (c.newest_frame, c.bits()), "{seconds} s");
            let first = s.newest_frame + 1 - rig::WINDOW as u64;
            let across = first < AT as u64 && s.newest_frame >= AT as u64;
            let expected = if across { c.validity.with(Validity::CLOCK_STEP) } else { c.validity };
            assert_eq!(s.validity, expected, "{seconds} s: the window up to {}", s.newest_frame);
        }
    }
}

/// A fault in a channel that the decoder does not depend on is no reason for distrust, and does no harm.
#[test]
fn a_fault_that_reaches_no_output_marks_nothing() {
    let rig = Rig::new(hold(), false).spoiling("Oz");
    let clean = rig.run(&Fault::None, 0..0);
    for fault in [Fault::Number(f64::NAN), Fault::Number(3000.0), Fault::Frozen] {
        let seen = rig.run(&fault, AT..AT + 320);
        assert_eq!(seen.len(), clean.len());
        for (s, c) in seen.iter().zip(&clean) {
            assert_eq!((s.validity, s.bits()), (c.validity, c.bits()), "{fault:?}");
        }
    }
}

/// Electrode offsets do not ring: with 50 mV on every channel the very first trusted window is what it is without.
#[test]
fn offsets_do_not_ring_at_the_start() {
    let rig = Rig::new(hold(), false);
    let plain = rig.run(&Fault::None, 0..0);
    let offset =
        Rig::new(FaultSpec { rail_uv: None, ..hold() }, false).offset_by(50_000.0).run(&Fault::None, 0..0);
    for (a, b) in plain.iter().zip(&offset) {
        let off = a.largest_difference(b);
        assert!(off < 1e-3, "{off} uV at {}", a.newest_frame);
    }
}
