use crate::in_proportion;
use bci_calibration::Task;
use bci_config::{Mistake, Mistakes, Table, read};
use bci_dsp::Signal;
use bci_models::steps::{Files, check_steps, read_steps_with};
use bci_types::Hz;
use std::path::Path;

/// A configuration: whatever is asked of it, every mistake is at a line of it; and steps of the signal engine, which are
/// designed for eight channels at 1 kHz where they are sound.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mistakes = Mistakes::new();
    read("rig.toml", text, &mistakes, |t| {
        ask_all(t);
        // Of the files that steps name none is found.
        let steps = read_steps_with(t, "steps", Files::inside(Path::new("/no/such/folder")));
        if let Ok(rate) = Hz::new(1000.0) {
            let labels = ["Fp1", "C3", "Cz", "C4", "P3", "P4", "A1", "A2"].map(str::to_owned);
            match check_steps(&steps, &Signal::new(rate, &labels)) {
                Ok(signal) => assert_eq!(signal.labels.len(), signal.channels()),
                Err(found) => t.mistakes().extend(found),
            }
        }
    });
    told(mistakes, text);
}

/// The most keys that are asked for in a table: what it takes to tell of one that is unknown grows with them.
const MOST_ASKED: usize = 16;

/// Asks for what is there as everything it could be, for every other key not at all, and for two that are not there.
fn ask_all(table: &mut Table<'_>) {
    let keys: Vec<String> = table.keys().map(|(key, _)| key).collect();
    for key in keys.iter().step_by(2).take(MOST_ASKED) {
        let (whole, real) = (table.optional::<i64>(key), table.optional::<f64>(key));
        if let (Some(whole), Some(real)) = (&whole, &real) {
            assert_eq!(whole.value as f64, real.value, "{key}");
            assert_eq!(whole.at, real.at);
        }
        let _ = (table.required::<String>(key), table.optional::<bool>(key), table.optional::<usize>(key));
        let _ = table.optional::<Vec<Vec<f64>>>(key);
        if let Some(within) = table.optional_within(key, -1.0..=1.0, "s") {
            assert!(within.value.abs() <= 1.0, "{key}");
        }
        for mut inner in table.optional_table(key).into_iter().chain(table.tables(key)) {
            ask_all(&mut inner);
            inner.finish();
        }
    }
    let _ = table.required::<f64>("window_ms");
    let _ = table.required_table("filter").map(Table::finish);
}

/// A task: where it is sound, every cue means its class, and the windows have a length.
pub fn task(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Task::parse("task.toml", text) {
        Ok(task) => {
            assert_eq!(task.source(), text);
            assert!(!task.cues.is_empty() && task.from_s < task.to_s);
            let classes = task.classes();
            for (marker, _) in &task.cues {
                let class = task.class_of(marker);
                assert!(class.is_some_and(|class| classes.iter().any(|c| c == class)), "{marker:?}");
            }
            assert!(task.rests.iter().all(|rest| task.is_rest(rest)));
        }
        Err(found) => check(&found, text),
    }
}

/// Holds mistakes against the text that they are about.
pub(crate) fn told(mistakes: Mistakes, text: &str) {
    check(&mistakes.into_sorted(), text);
}

fn check(found: &[Mistake], text: &str) {
    let lines = text.matches('\n').count() + 1;
    for place in found.iter().filter_map(|mistake| mistake.place.as_ref()) {
        assert!((1..=lines).contains(&place.line) && place.column >= 1, "{place:?} of {lines} lines");
        assert!(place.shown.len() <= 80 && !place.shown.contains('\n'), "{place:?}");
    }
    let words: Vec<String> = found.iter().map(ToString::to_string).collect();
    in_proportion(words.iter().map(String::as_str), text.len());
}
