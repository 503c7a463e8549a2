use bci_config::{Mistake, Mistakes, read};
use std::path::Path;

/// A cued task: which markers mean which class, and where in a trial the decoder is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// Marker text and the class it cues.
    pub cues: Vec<(String, String)>,
    /// A window counts when its oldest sample is at least this long after the cue, s.
    pub from_s: f64,
    /// A window counts when its newest sample is at most this long after the cue, s.
    pub to_s: f64,
}

impl Task {
    /// Reads a task file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(file: &Path) -> Result<Self, Vec<Mistake>> {
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|e| vec![Mistake::elsewhere(format!("{shown}: cannot be read: {e}"))])?;
        let mistakes = Mistakes::new();
        let task = read(&shown, &text, &mistakes, |t| {
            let name = t.required::<String>("name");
            let mut cues = Vec::new();
            for mut cue in t.tables("cue") {
                let marker = cue.required::<String>("marker");
                let class = cue.required::<String>("class");
                cue.finish();
                cues.extend(marker.zip(class).map(|(m, c)| (m.value, c.value)));
            }
            if cues.is_empty() {
                t.mistakes().add(Mistake::elsewhere(format!("{shown}: at least one [[cue]] is needed")));
            }
            let window = t.required_table("window").and_then(|mut w| {
                let from = w.optional_within("from_s", -60.0..=600.0, "s");
                let to = w.optional_within("to_s", -60.0..=600.0, "s");
                let (from_at, mistakes) = (w.place().clone(), w.mistakes());
                w.finish();
                match (from, to) {
                    (Some(from), Some(to)) if from.value < to.value => Some((from.value, to.value)),
                    (Some(from), Some(to)) => {
                        mistakes.add(to.mistake(format!("must be above from_s, which is {}", from.value)));
                        None
                    }
                    _ => {
                        mistakes.add(from_at.mistake("needs from_s and to_s, seconds after the cue"));
                        None
                    }
                }
            });
            let (from_s, to_s) = window?;
            Some(Task { name: name?.value, cues, from_s, to_s })
        })
        .flatten();
        match task {
            Some(task) if mistakes.is_empty() => Ok(task),
            _ => Err(mistakes.into_sorted()),
        }
    }

    /// The class that a marker cues.
    #[must_use]
    pub fn class_of(&self, marker: &str) -> Option<&str> {
        self.cues.iter().find(|(m, _)| m == marker).map(|(_, class)| class.as_str())
    }
}
