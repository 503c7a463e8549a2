//! Which part of the head a decoder goes by: whether it is the motor cortex, or eyes and muscles.

use bci_types::StreamSpec;

/// Parts of the head, and how the labels of the 10-10 system begin there.
const REGIONS: [(&str, &[&str]); 4] = [
    ("frontal", &["Fp", "AF", "F"]),
    ("central", &["FC", "C", "CP"]),
    ("temporal", &["FT", "T", "TP"]),
    ("posterior", &["P", "PO", "O", "I"]),
];

/// Channels of which nothing is left that tells of the cue.
pub(super) struct Without {
    /// In words: `without frontal`, `central alone`.
    pub(super) what: String,
    /// Their places in the stream.
    pub(super) channels: Vec<usize>,
}

/// For each part of the head of which the decoder is fed channels, where it is fed others too: without it, and it alone. Channels
/// whose labels say no place are always there. `fed` are the labels of the decoder's own; what it is not fed tells it nothing.
pub(super) fn regions(stream: &StreamSpec, fed: &[String]) -> Vec<Without> {
    let own: Vec<usize> = fed.iter().filter_map(|label| stream.channel_index(label)).collect();
    let of = |place: usize| region(stream.channels[place].label.as_deref().unwrap_or_default());
    let places = |is: &dyn Fn(&str) -> bool| -> Vec<usize> {
        own.iter().copied().filter(|place| of(*place).is_some_and(is)).collect()
    };
    let mut all = Vec::new();
    for (name, _) in REGIONS {
        let (inside, outside) = (places(&|r| r == name), places(&|r| r != name));
        if !inside.is_empty() && !outside.is_empty() {
            all.push(Without { what: format!("without {name}"), channels: inside });
            all.push(Without { what: format!("{name} alone"), channels: outside });
        }
    }
    all
}

/// Where the 10-10 system has a label: letters, then a number or `z`. EDF pads labels with dots.
fn region(label: &str) -> Option<&'static str> {
    let label = label.trim().trim_end_matches('.').to_lowercase();
    let letters = label.trim_end_matches(|c: char| c.is_ascii_digit());
    // `Cz`, `FPz`; but not the `z` of a word.
    let letters = if letters.len() == label.len() { letters.strip_suffix('z')? } else { letters };
    let is = |begins: &&str| begins.to_lowercase() == letters;
    REGIONS.iter().find(|(_, all)| all.iter().any(is)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bci_types::Hz;

    #[test]
    fn only_what_the_decoder_is_fed_counts_and_a_single_region_is_not_told() {
        let stream =
            StreamSpec::eeg("s", Hz::new(160.0).expect("positive"), ["Fp1.", "C3..", "Cz..", "O1..", "N12"]);
        let told = |fed: &[&str]| -> Vec<(String, Vec<usize>)> {
            let fed: Vec<String> = fed.iter().map(|label| (*label).to_owned()).collect();
            regions(&stream, &fed).into_iter().map(|r| (r.what, r.channels)).collect()
        };
        assert_eq!(told(&["C3", "Cz"]), []);
        assert_eq!(told(&["C3", "Cz", "N12"]), []);
        let of = |what: &str, channels: &[usize]| (what.to_owned(), channels.to_vec());
        assert_eq!(
            told(&["O1", "C3"]),
            [
                of("without central", &[1]),
                of("central alone", &[3]),
                of("without posterior", &[3]),
                of("posterior alone", &[1])
            ]
        );
    }

    #[test]
    fn labels_say_where_they_are() {
        let all = [
            ("Fp1", Some("frontal")),
            ("AF7", Some("frontal")),
            ("Fz..", Some("frontal")),
            ("FCz", Some("central")),
            ("Cz", Some("central")),
            ("CP4", Some("central")),
            ("C3..", Some("central")),
            ("T10", Some("temporal")),
            ("FT8", Some("temporal")),
            ("TP7", Some("temporal")),
            ("Pz", Some("posterior")),
            ("PO4", Some("posterior")),
            ("Iz", Some("posterior")),
            ("N12", None),
            ("z", None),
            ("", None),
            ("quartz", None),
            ("A1", None),
        ];
        for (label, expected) in all {
            assert_eq!(region(label), expected, "{label}");
        }
    }
}
