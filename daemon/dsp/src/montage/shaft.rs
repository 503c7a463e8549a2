use bci_types::label;

/// A contact of a depth electrode, a strip or a grid, as its label says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The electrode's name, as written but for space and the kind of prime: `L'` of `L'1`, `LAMY` of `LAMY 2`.
    pub shaft: String,
    /// Which of its contacts, from the tip as a rule.
    pub number: u32,
}

/// What is recorded beside the brain and numbered like it.
const OTHERS: [&str; 14] =
    ["ekg", "ecg", "eog", "emg", "dc", "ref", "gnd", "trig", "sti", "misc", "aux", "status", "resp", "spo"];

/// Reads a label of letters, primes among them, then optionally space or an underscore, then a number: `L'1`, `LAMY 2`,
/// `BTM_6`, `EEG C12-Ref`. `None` for what does not look so, and for channels that record something else (`EKG1`, `DC02`).
///
/// Names of scalp electrodes look the same (`C3`, `C4`): what is not on a shaft is dropped before.
#[must_use]
pub fn contact(electrode: &str) -> Option<Contact> {
    let name = label::tidy(electrode);
    let before = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[before.len()..].parse().ok()?;
    let is_prime = |c: char| matches!(c, '\'' | '\u{2019}' | '\u{2032}' | '`');
    let shaft: String = before
        .trim_end_matches(|c: char| c.is_whitespace() || c == '_')
        .chars()
        .map(|c| if is_prime(c) { '\'' } else { c })
        .collect();
    let looks_so =
        shaft.starts_with(char::is_alphabetic) && shaft.chars().all(|c| c.is_alphabetic() || c == '\'');
    let is_other = OTHERS.contains(&shaft.to_lowercase().as_str());
    (looks_so && !is_other).then_some(Contact { shaft, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_real_recordings_are_read() {
        for (text, shaft, number) in [
            ("L'1", "L'", 1),
            ("L\u{2019}11", "L'", 11),
            ("LAMY 2", "LAMY", 2),
            ("BTM6", "BTM", 6),
            ("C64", "C", 64),
            ("LA01", "LA", 1),
            ("BTP_3", "BTP", 3),
            ("SEEG X'16-Ref", "X'", 16),
        ] {
            assert_eq!(contact(text), Some(Contact { shaft: shaft.into(), number }), "{text}");
        }
    }

    #[test]
    fn what_is_no_contact_is_told_apart() {
        for text in ["EKG1", "DC08", "EKGL", "", "12", "L'", "L'1-L'2", "A 1 2", "L 99999999999", "'1"] {
            assert_eq!(contact(text), None, "{text}");
        }
    }
}
