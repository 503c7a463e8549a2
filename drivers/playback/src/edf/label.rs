use bci_types::{ChannelKind, ChannelSpec, Unit};

/// The words with which EDF+'s standard texts begin a label (`EEG Fpz-Cz`), and two in use for recordings from
/// inside the skull; each with the type under which a stream gives it.
const TYPES: [(&str, &str); 16] = [
    ("EEG", "EEG"),
    ("ECG", "ECG"),
    ("EOG", "EOG"),
    ("ERG", "ERG"),
    ("EMG", "EMG"),
    ("MEG", "MEG"),
    ("MCG", "MCG"),
    ("EP", "EP"),
    ("Temp", "TEMPERATURE"),
    ("Resp", "RESPIRATION"),
    ("SaO2", "SAO2"),
    ("Light", "LIGHT"),
    ("Sound", "SOUND"),
    ("Event", "EVENT"),
    ("ECoG", "ECOG"),
    ("SEEG", "SEEG"),
];

/// The electrodes of the 10-10 system (Nuwer et al., Electroenceph. Clin. Neurophysiol. 106, 1998), with the older
/// names of the 10-20 system and the mastoids: row, odd and even numbers up to, and whether it has a midline `z`.
const ROWS: [(&str, u32, bool); 16] = [
    ("FP", 2, true),
    ("AF", 10, true),
    ("F", 10, true),
    ("FT", 10, false),
    ("FC", 6, true),
    ("T", 10, false),
    ("C", 6, true),
    ("TP", 10, false),
    ("CP", 6, true),
    ("P", 10, true),
    ("PO", 10, true),
    ("O", 2, true),
    ("I", 2, true),
    ("N", 0, true),
    ("A", 2, false),
    ("M", 2, false),
];

/// The channels that belong to signals of these labels and units.
///
/// The kind comes from the word before the electrode. Where a file has no such words, voltages named after 10-10
/// electrodes are EEG if at least half of the file's bare voltages are so named: a grid inside the skull has its
/// C1 to C6 too.
pub(super) fn channels(labels: &[String], units: &[Unit]) -> Vec<ChannelSpec> {
    let parts: Vec<_> = labels.iter().map(|l| split(l)).collect();
    let voltages = || {
        parts.iter().zip(units).filter(|((kind, _), unit)| kind.is_none() && unit.to_microvolts().is_some())
    };
    let on_scalp = voltages().filter(|((_, name), _)| is_electrode(name)).count();
    let scalp = on_scalp * 2 >= voltages().count();
    parts
        .iter()
        .zip(units)
        .zip(labels)
        .map(|(((kind, name), unit), label)| {
            let unique = parts.iter().filter(|(_, other)| other == name).count() == 1;
            let bare_eeg = scalp && unit.to_microvolts().is_some() && is_electrode(name);
            ChannelSpec {
                // Two channels that differ by the word alone would become one.
                label: Some(if unique { *name } else { label }.to_owned()).filter(|l| !l.is_empty()),
                unit: unit.clone(),
                kind: match kind {
                    Some(kind) => ChannelKind::parse(kind),
                    None if bare_eeg => ChannelKind::Eeg,
                    None => ChannelKind::Other(String::new()),
                },
            }
        })
        .collect()
}

/// The type, where the label says it, and the name without it and without dots after it.
fn split(label: &str) -> (Option<&'static str>, &str) {
    let type_of =
        |word: &str| TYPES.iter().find(|(t, _)| t.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind);
    let (word, rest) = label.split_once(' ').unwrap_or((label, ""));
    let kind = type_of(word).or_else(|| (label == "Status").then_some("TRIGGER"));
    let name = if kind.is_some() && !rest.trim().is_empty() { rest.trim() } else { label };
    let undotted = name.trim_end_matches('.');
    (kind, if undotted.is_empty() { name } else { undotted })
}

fn is_electrode(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ROWS.iter().any(|&(row, highest, midline)| match name.strip_prefix(row) {
        Some("Z") => midline,
        Some(number) => {
            !number.starts_with(['0', '+']) && number.parse().is_ok_and(|n: u32| (1..=highest).contains(&n))
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(labels: &[&str]) -> Vec<(String, String)> {
        let owned: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
        channels(&owned, &vec![Unit::Microvolts; labels.len()])
            .into_iter()
            .map(|c| (c.label.unwrap_or_default(), c.kind.to_string()))
            .collect()
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn the_word_before_the_electrode_is_its_kind() {
        assert_eq!(
            read(&["EEG Fpz-Cz", "EOG horizontal", "Temp rectal", "ECG", "Status", "POL DC04"]),
            pairs(&[
                ("Fpz-Cz", "EEG"),
                ("horizontal", "EOG"),
                ("rectal", "TEMPERATURE"),
                ("ECG", "ECG"),
                ("Status", "TRIGGER"),
                ("POL DC04", ""),
            ])
        );
    }

    #[test]
    fn bare_electrodes_are_eeg_where_they_are_the_rule() {
        let dotted = read(&["Fc5.", "C3..", "Fp1.", "Iz..", "X1"]);
        assert_eq!(
            dotted,
            pairs(&[("Fc5", "EEG"), ("C3", "EEG"), ("Fp1", "EEG"), ("Iz", "EEG"), ("X1", "")])
        );
        let grid = read(&["C5", "C6", "C7", "C8", "C9"]);
        assert!(grid.iter().all(|(_, kind)| kind.is_empty()), "{grid:?}");
        let no_voltage = channels(&["C3".to_owned()], &[Unit::Other("degC".to_owned())]);
        assert_eq!(no_voltage[0].kind, ChannelKind::Other(String::new()));
    }

    #[test]
    fn labels_that_cleaning_would_make_equal_stay_as_they_are() {
        assert_eq!(
            read(&["EEG C3", "EMG C3", "..."]),
            pairs(&[("EEG C3", "EEG"), ("EMG C3", "EMG"), ("...", "")])
        );
    }

    #[test]
    fn electrodes_are_those_of_the_system() {
        for name in ["Fp1", "FPZ", "AF7", "Fc5", "T10", "Cz", "Oz", "Nz", "M2"] {
            assert!(is_electrode(name), "{name}");
        }
        for name in ["", "C", "C7", "Tz", "Fp3", "C03", "C+3", "Az", "O10", "ECG"] {
            assert!(!is_electrode(name), "{name}");
        }
    }
}
