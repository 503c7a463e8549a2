//! What steps across channels refuse, and in which words.

mod support;
#[path = "support/space.rs"]
mod vectors;

use bci_dsp::montage::LaplacianSize;
use bci_dsp::{Over, Signal, SpaceSpec};
use support::hz;
use vectors::refusal;

fn signal(labels: &[&str]) -> Signal {
    Signal::new(hz(250.0), labels)
}

fn list(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|l| (*l).to_owned()).collect()
}

#[test]
fn every_wrong_label_is_told_with_what_there_is() {
    let of = signal(&["C3..", "Cz", "cz", "C4"]);
    let wrong = list(&["c3", "O1", "CZ", "C3.."]);
    let told = "channels = [\"c3\", \"O1\", \"CZ\", \"C3..\"] must name channels of the signal, each once: O1 is not there, \
                CZ could be Cz or cz, C3.. is named twice; there are C3.., Cz, cz, C4";
    for spec in [
        SpaceSpec::Select { channels: wrong.clone() },
        SpaceSpec::Drop { channels: wrong.clone() },
        SpaceSpec::Reference { channels: wrong.clone(), keep: true },
        SpaceSpec::Interpolate { channels: wrong.clone() },
        SpaceSpec::CommonMedian { over: Over { channels: Some(wrong.clone()), except: None } },
        SpaceSpec::Laplacian { size: LaplacianSize::Small, channels: Some(wrong.clone()) },
    ] {
        assert_eq!(refusal(spec.clone(), &of), [told], "{spec}");
    }
    let none = refusal(SpaceSpec::Select { channels: Vec::new() }, &signal(&["", ""]));
    assert_eq!(none, ["channels = [] must name at least one channel; the channels have no labels"]);
    let many: Vec<String> = (0..70).map(|i| format!("A{i}")).collect();
    let told = refusal(SpaceSpec::Select { channels: list(&["B"]) }, &Signal::new(hz(1.0), &many));
    assert!(told[0].ends_with("A62, A63 and 6 more"), "{}", told[0]);
}

#[test]
fn something_must_be_left() {
    let all = list(&["C3", "C4"]);
    let told = ["channels = [\"C3\", \"C4\"] must leave at least one channel"];
    let of = signal(&["C3", "C4"]);
    assert_eq!(refusal(SpaceSpec::Drop { channels: all.clone() }, &of), told);
    assert_eq!(refusal(SpaceSpec::Reference { channels: all.clone(), keep: false }, &of), told);
    let over = Over { channels: None, except: Some(all.clone()) };
    let told = refusal(SpaceSpec::CommonAverage { over }, &of);
    assert_eq!(told, ["except = [\"C3\", \"C4\"] must leave at least one channel"]);
    let both = Over { channels: Some(all.clone()), except: Some(all) };
    let told = refusal(SpaceSpec::CommonAverage { over: both }, &of);
    assert_eq!(told, ["except = [\"C3\", \"C4\"] must be left out where channels are named"]);
}

#[test]
fn pairs_are_of_two_channels_that_are_there() {
    let of = signal(&["C3", "Cz", "C4"]);
    let bipolar = |pairs: &[&[&str]], chains: &[&[&str]]| {
        let of_lists = |lists: &[&[&str]]| lists.iter().map(|l| list(l)).collect();
        refusal(SpaceSpec::Bipolar { pairs: of_lists(pairs), chains: of_lists(chains) }, &of)
    };
    assert_eq!(
        bipolar(&[&["C3", "O1"]], &[&["O2", "Cz"]]),
        [
            "pairs = [[\"C3\", \"O1\"]] must name channels of the signal: O1 is not there; there are C3, Cz, C4",
            "chain = [[\"O2\", \"Cz\"]] must name channels of the signal: O2 is not there; there are C3, Cz, C4",
        ]
    );
    assert_eq!(bipolar(&[&["C3"]], &[&["C3"]]).len(), 2);
    assert_eq!(
        bipolar(&[&["C3", "c3"]], &[&["C3", "Cz", "C4"], &["C3", "Cz"]]),
        [
            "pairs = C3-c3 must be pairs of two different channels, which C3-c3 is not",
            "chain = C3-Cz must have each pair once: C3-Cz comes twice",
        ]
    );
    assert_eq!(bipolar(&[], &[]), ["pairs = [] must name at least one pair, or chain at least two channels"]);
}

#[test]
fn a_laplacian_needs_two_neighbours_and_tells_where_they_are_missing() {
    let of = signal(&["C3", "C1", "FC3", "EOG", "Cz", "EEG FC3-Ref", "CP1", "FC1"]);
    let small = |channels: &[&str]| {
        refusal(SpaceSpec::Laplacian { size: LaplacianSize::Small, channels: Some(list(channels)) }, &of)
    };
    assert_eq!(
        small(&["Cz", "EOG", "C1", "C3"]),
        [
            "channels = [\"Cz\", \"EOG\", \"C1\", \"C3\"] must be electrodes with at least two neighbours of the 10-10 grid in \
          the signal: Cz has 1, EOG has 0, C3 has one that could be FC3 or EEG FC3-Ref"
        ]
    );
}

#[test]
fn shafts_need_consecutive_contacts_each_once() {
    let shafts = |labels: &[&str], grids: &[(&str, usize)]| {
        let grids = grids.iter().map(|(name, row)| ((*name).to_owned(), *row)).collect();
        refusal(SpaceSpec::BipolarShafts { keep_others: true, grids }, &signal(labels))
    };
    assert_eq!(
        shafts(&["A1", "A3", "B2", "EKG1", "EKG2"], &[]),
        [
            "labels = there are A1, A3, B2, EKG1, EKG2 must have contacts of consecutive numbers on one electrode \
          (letters, then the number)"
        ]
    );
    assert_eq!(shafts(&["A1", "A 1", "A2"], &[]), ["labels = A1, A 1 must not name one contact twice"]);
    assert_eq!(
        shafts(&["A1", "A2"], &[("B", 8), ("A", 1)]),
        [
            "grids = { \"B\" = 8 } must name an electrode, and at least 2 contacts a row; there are A",
            "grids = { \"A\" = 1 } must name an electrode, and at least 2 contacts a row; there are A",
        ]
    );
}

#[test]
fn interpolation_needs_known_places() {
    let of = signal(&["Fp1", "Fp2", "C3", "C4", "EOG"]);
    let bad = |channels: &[&str]| refusal(SpaceSpec::Interpolate { channels: list(channels) }, &of);
    assert_eq!(
        bad(&["EOG", "C3"]),
        ["channels = [\"EOG\", \"C3\"] must be places of the 10-05 system, which EOG is not"]
    );
    assert_eq!(
        bad(&["C3"]),
        ["channels = [\"C3\"] must leave at least 4 channels at places of the 10-05 system, there are 3"]
    );
}

#[test]
fn a_matrix_has_a_finite_weight_for_every_channel_and_a_name_for_every_row() {
    let of = signal(&["C3", "C4"]);
    let rows = vec![vec![1.0, 2.0], vec![1.0], vec![f64::NAN, 0.0]];
    let told = refusal(SpaceSpec::SpatialFilter { rows, names: Some(list(&["a", "a", "b"])) }, &of);
    assert_eq!(
        told,
        [
            "rows = row 2 must have 2 weights a row, one a channel: row 2 has 1",
            "rows = row 3 must be finite numbers, which row 3 is not",
            "names = [\"a\", \"a\", \"b\"] must be 3 different labels, one a row",
        ]
    );
    let told = refusal(SpaceSpec::SpatialFilter { rows: Vec::new(), names: None }, &of);
    assert_eq!(told, ["rows = [] must have at least one row"]);
}
