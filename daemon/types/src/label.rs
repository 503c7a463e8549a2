//! Which channel a label means, however the recording spells it.
//!
//! Labels match as written. Else they are *folded*: case, surrounding space, the dots with which EDF pads (`Fc5.`), a
//! modality in front (`EEG C3`) and a reference behind (`C3-Ref`, `C3-A2`) do not count. Else the two names that four
//! temporal electrodes have count as one: T3 = T7, T4 = T8, T5 = P7, T6 = P8 (the names of the 10-20 and of the 10-10
//! system; American Clinical Neurophysiology Society, Guideline 2, 2016). A1 and A2, the ear lobes, stay apart from M1 and
//! M2, the mastoids: they are other places. What could mean two channels means none.

/// Why a label means no channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoChannel {
    /// Nothing matches.
    Unknown,
    /// These channels match equally well.
    Ambiguous(Vec<usize>),
}

const MODALITIES: [&str; 4] = ["eeg", "seeg", "ecog", "ieeg"];

/// Names of references that name no electrode: the recorder's own, linked ears, averages, the ground.
const REFERENCES: [&str; 8] = ["ref", "le", "avg", "av", "ar", "car", "vref", "gnd"];

/// References that are electrodes too, known as such only behind the name of a scalp electrode.
const EARS: [&str; 10] = ["a1", "a2", "m1", "m2", "a1a2", "a1+a2", "a12", "m1m2", "m1+m2", "m12"];

/// The rows of the 10-05 system (Oostenveld & Praamstra, Clinical Neurophysiology 112:713-719, 2001).
const ROWS: [&str; 27] = [
    "n", "fp", "afp", "af", "aff", "f", "fft", "ffc", "ft", "fc", "ftt", "fcc", "t", "c", "ttp", "ccp", "tp",
    "cp", "tpp", "cpp", "p", "ppo", "po", "poo", "o", "oi", "i",
];

/// The names that the 10-10 system gives to four electrodes of the 10-20 system.
const RENAMED: [(&str, &str); 4] = [("t3", "t7"), ("t4", "t8"), ("t5", "p7"), ("t6", "p8")];

/// The electrode's name alone, in the case in which it is written: `EEG Fc5.-Ref` is `Fc5`.
#[must_use]
pub fn tidy(label: &str) -> &str {
    let name = without_modality(trimmed(label));
    let Some((electrode, reference)) = name.rsplit_once('-') else { return name };
    let (electrode, reference) = (trimmed(electrode), trimmed(reference).to_lowercase());
    let known = REFERENCES.contains(&reference.as_str())
        || (EARS.contains(&reference.as_str()) && is_scalp(&electrode.to_lowercase()));
    // `A1-Ref` is A1; `Ref` alone, or nothing before it, names nothing else.
    if known && !electrode.is_empty() { electrode } else { name }
}

/// The label folded: labels that fold alike name the same electrode.
#[must_use]
pub fn folded(label: &str) -> String {
    tidy(label).to_lowercase()
}

/// The label folded, and under its name in the 10-10 system (`T3` is `t7`).
#[must_use]
pub fn canonical(label: &str) -> String {
    let name = folded(label);
    RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| (*new).to_owned())
}

/// The index of the one of `labels` that `wanted` means; see the module for how they match. `None` where there is no
/// label, or none that fits, or more than one that fits equally well.
pub fn index_of<'a, L>(labels: L, wanted: &str) -> Option<usize>
where
    L: IntoIterator<Item = Option<&'a str>>,
{
    find(labels, wanted).ok()
}

/// As [`index_of`], telling what is wrong.
///
/// # Errors
/// [`NoChannel`].
pub fn find<'a, L>(labels: L, wanted: &str) -> Result<usize, NoChannel>
where
    L: IntoIterator<Item = Option<&'a str>>,
{
    let labels: Vec<&str> = labels.into_iter().map(Option::unwrap_or_default).collect();
    let matching = |fits: &dyn Fn(usize) -> bool| (0..labels.len()).filter(|&i| fits(i)).collect::<Vec<_>>();
    let name = folded(wanted);
    let mut hits = if name.is_empty() { Vec::new() } else { matching(&|i| labels[i] == wanted) };
    // Most labels are found as written, without folding every other one.
    if hits.is_empty() && !name.is_empty() {
        let names: Vec<String> = labels.iter().map(|l| folded(l)).collect();
        hits = matching(&|i| names[i] == name);
        if hits.is_empty() && !has_shaft_t(&names) {
            let name = canonical(&name);
            hits = matching(&|i| canonical(&names[i]) == name);
        }
    }
    match hits.as_slice() {
        [] => Err(NoChannel::Unknown),
        [one] => Ok(*one),
        _ => Err(NoChannel::Ambiguous(hits)),
    }
}

fn trimmed(label: &str) -> &str {
    label.trim().trim_end_matches('.').trim_end()
}

fn without_modality(label: &str) -> &str {
    let Some((first, rest)) = label.split_once(char::is_whitespace) else { return label };
    let (is_modality, rest) = (MODALITIES.iter().any(|m| first.eq_ignore_ascii_case(m)), rest.trim_start());
    // `EEG 1` numbers a channel; without the word it would name nothing.
    if is_modality && rest.starts_with(char::is_alphabetic) { rest } else { label }
}

/// Whether a folded label is a place of the 10-05 system, and none of the ear or mastoid.
fn is_scalp(name: &str) -> bool {
    let row = name.trim_end_matches('h').trim_end_matches(|c: char| c.is_ascii_digit());
    let column = &name[row.len()..];
    match row.strip_suffix('z') {
        Some(row) => column.is_empty() && ROWS.contains(&row),
        None => {
            let number = column.trim_end_matches('h').parse::<u8>();
            ROWS.contains(&row) && number.is_ok_and(|n| (1..=10).contains(&n))
        }
    }
}

/// Whether T1, T2, ... are contacts of a depth electrode named T rather than places on the scalp: T3 is then not T7.
fn has_shaft_t(names: &[String]) -> bool {
    let of_a_shaft = |n: &String| matches!(n.as_str(), "t1" | "t2" | "t11" | "t12");
    let on_the_midline = |n: &String| n.ends_with('z') && is_scalp(n);
    names.iter().any(of_a_shaft) && !names.iter().any(on_the_midline)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(labels: &[&str], wanted: &str) -> Option<usize> {
        index_of(labels.iter().map(|l| Some(*l)), wanted)
    }

    #[test]
    fn spellings_of_real_recordings_fold_to_the_electrode() {
        for (label, name) in [
            ("Fc5.", "fc5"),
            ("EEG FP1-REF", "fp1"),
            ("EEG T3-LE", "t3"),
            ("eeg  Cz - Ref ", "cz"),
            ("C3-A2", "c3"),
            ("Fpz-M1M2", "fpz"),
            ("AFp3h-AVG", "afp3h"),
            ("SEEG L'11-Ref", "l'11"),
            ("ECoG BTM1", "btm1"),
            ("A1-Ref", "a1"),
            ("LAMY 2", "lamy 2"),
            ("EEG 1", "eeg 1"),
            ("EEG", "eeg"),
            ("-Ref", "-ref"),
            ("Ref", "ref"),
        ] {
            assert_eq!(folded(label), name, "{label}");
        }
        assert_eq!(tidy(" EEG Fc5..-Ref"), "Fc5");
    }

    #[test]
    fn a_bipolar_label_is_never_mistaken_for_one_of_its_electrodes() {
        for label in
            ["C3-C4", "Fpz-Cz", "EEG Fpz-Cz", "A1-A2", "A2-A1", "B1-A1", "L'1-L'2", "M1-M2", "T3-T5", "X1-M1"]
        {
            let first = label.trim_start_matches("EEG ").split('-').next().expect("two electrodes");
            assert_eq!(index(&[label], first), None, "{label}");
            assert_eq!(index(&[label], label), Some(0), "{label}");
        }
    }

    #[test]
    fn as_written_wins_and_what_folds_alike_means_nothing() {
        let labels = ["C3..", "Cz", "cz", "EEG C4-Ref", "C4-A1", "P3", "P3"];
        assert_eq!(index(&labels, "cz"), Some(2));
        assert_eq!(index(&labels, "CZ"), None);
        assert_eq!(index(&labels, "C4"), None);
        assert_eq!(index(&labels, "C4-A1"), Some(4));
        assert_eq!(index(&labels, "P3"), None, "there are two as written");
        assert_eq!(find(labels.map(Some), "P3"), Err(NoChannel::Ambiguous(vec![5, 6])));
        assert_eq!(find(labels.map(Some), "O1"), Err(NoChannel::Unknown));
    }

    #[test]
    fn temporal_electrodes_have_two_names() {
        let old = ["EEG F7-REF", "EEG T1-REF", "EEG T3-REF", "EEG T5-REF", "EEG CZ-REF", "EEG T6-REF"];
        for (new, at) in [("T7", 2), ("P7", 3), ("P8", 5), ("t3", 2), ("T8", usize::MAX)] {
            assert_eq!(index(&old, new), (at != usize::MAX).then_some(at), "{new}");
        }
        assert_eq!(index(&["T7..", "P8.."], "T3"), Some(0));
        assert_eq!(index(&["T3", "T7"], "t3"), Some(0), "each by its own name where both are there");
        assert_eq!(index(&["t7", "EEG T7"], "T3"), None, "two fit");
    }

    #[test]
    fn contacts_of_a_depth_electrode_t_keep_their_numbers() {
        assert_eq!(index(&["T1", "T2", "T3", "T4"], "T7"), None);
        assert_eq!(index(&["T1", "T2", "T4", "T7"], "T3"), None);
    }

    #[test]
    fn channels_without_a_label_are_never_meant() {
        assert_eq!(index_of([None, Some("")], ""), None);
        assert_eq!(index_of([None, Some("Cz")], "cz"), Some(1));
    }
}
