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

/// For each part of the head that the stream has channels of, and others too: without it, and it alone. Channels whose labels
/// say no place are always there.
pub(super) fn regions(stream: &StreamSpec) -> Vec<Without> {
    let of: Vec<Option<&str>> =
        stream.channels.iter().map(|channel| region(channel.label.as_deref().unwrap_or_default())).collect();
    let places = |is: &dyn Fn(&str) -> bool| -> Vec<usize> {
        of.iter().enumerate().filter(|(_, region)| region.is_some_and(is)).map(|(place, _)| place).collect()
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
