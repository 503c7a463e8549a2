mod shipped;

use bci_config::{Mistake, Mistakes, Table, read};
use bci_types::is_same_marker;
use std::path::Path;

/// A cued task: which markers mean which class, and where in a trial the decoder is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// Marker text and the class it cues.
    pub cues: Vec<(String, String)>,
    /// Markers from which on the person rests, for as long as a trial takes.
    pub rests: Vec<String>,
    /// A window counts when its oldest sample is at least this long after the cue, s.
    pub from_s: f64,
    /// A window counts when its newest sample is at most this long after the cue, s.
    pub to_s: f64,
    /// What its recordings do not say of themselves.
    pub stream: Said,
    /// The channels that a decoder for it is learned on; empty: all that are EEG.
    pub channels: Vec<String>,
    /// Its file, as it was read.
    source: String,
}

/// What recordings of a task do not say of themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Labels in the order of the channels, in place of those that are there; empty where those are right.
    pub labels: Vec<String>,
    /// The unit of channels that state none.
    pub unit: Option<String>,
    /// How much longer than the rate explains the time between two frames may be before it counts as a gap, ms.
    pub gap_ms: Option<f64>,
}

impl Task {
    /// The task that is meant by `meant`: a file, or the name of one that comes along.
    ///
    /// # Errors
    /// Every mistake in it; which come along.
    pub fn find(meant: &Path) -> Result<Self, Vec<Mistake>> {
        let name = meant.to_string_lossy();
        if meant.exists() {
            return Self::read(meant);
        }
        match shipped::TASKS.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Self::parse(&format!("{name}.toml"), text),
            None => {
                let known: Vec<&str> = shipped::TASKS.iter().map(|(name, _)| *name).collect();
                let problem = format!("there is no file {name}, and no such task: {}", known.join(", "));
                Err(vec![Mistake::elsewhere(problem)])
            }
        }
    }

    /// Reads a task file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(file: &Path) -> Result<Self, Vec<Mistake>> {
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|e| vec![Mistake::elsewhere(format!("{shown}: cannot be read: {e}"))])?;
        Self::parse(&shown, &text)
    }

    /// Reads a task that is in memory; `shown` is what mistakes call its file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(shown: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let mistakes = Mistakes::new();
        let task = read(shown, text, &mistakes, |t| walk(t, shown)).flatten();
        match task {
            Some(task) if mistakes.is_empty() => Ok(Task { source: text.to_owned(), ..task }),
            _ => Err(mistakes.into_sorted()),
        }
    }

    /// Its file, as it was read: to be kept beside what was made for it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The class that a marker cues.
    #[must_use]
    pub fn class_of(&self, marker: &str) -> Option<&str> {
        self.cues.iter().find(|(m, _)| is_same_marker(m, marker)).map(|(_, class)| class.as_str())
    }

    /// Whether the person rests from a marker on.
    #[must_use]
    pub fn is_rest(&self, marker: &str) -> bool {
        self.rests.iter().any(|m| is_same_marker(m, marker))
    }

    /// Which of `classes` are cued by markers from which on the person rests: in them nothing is meant to happen.
    #[must_use]
    pub fn resting(&self, classes: &[String]) -> Vec<usize> {
        let is = |class: &str| self.cues.iter().any(|(marker, own)| own == class && self.is_rest(marker));
        (0..classes.len()).filter(|i| is(&classes[*i])).collect()
    }

    /// The classes that are cued, in the order in which the task names them.
    #[must_use]
    pub fn classes(&self) -> Vec<String> {
        let mut classes: Vec<String> = Vec::new();
        for (_, class) in &self.cues {
            if !classes.contains(class) {
                classes.push(class.clone());
            }
        }
        classes
    }
}

fn walk(t: &mut Table<'_>, shown: &str) -> Option<Task> {
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
    let rests = t.tables("rest").into_iter().filter_map(|mut rest| {
        let marker = rest.required::<String>("marker");
        rest.finish();
        marker.map(|m| m.value)
    });
    let rests: Vec<String> = rests.collect();
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
    let mut stream = Said { labels: Vec::new(), unit: None, gap_ms: None };
    if let Some(mut s) = t.optional_table("stream") {
        stream.labels = s.optional::<Vec<String>>("labels").map(|l| l.value).unwrap_or_default();
        stream.unit = s.optional::<String>("unit").map(|unit| unit.value);
        stream.gap_ms = s.optional_within("gap_ms", 0.0..=10_000.0, "ms").map(|gap| gap.value);
        s.finish();
    }
    let mut channels = Vec::new();
    if let Some(mut d) = t.optional_table("decoder") {
        channels = d.optional::<Vec<String>>("channels").map(|c| c.value).unwrap_or_default();
        d.finish();
    }
    let (from_s, to_s) = window?;
    Some(Task { name: name?.value, cues, rests, from_s, to_s, stream, channels, source: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_that_come_along_are_sound() {
        for (name, _) in shipped::TASKS {
            let task = Task::find(Path::new(name)).expect("sound");
            assert_eq!(task.name, *name);
            assert!(task.classes().len() >= 2);
        }
        let told = Task::find(Path::new("nothing")).expect_err("none")[0].to_string();
        assert!(told.contains("openbci16-left-right"), "{told}");
    }

    #[test]
    fn a_class_that_a_rest_marker_cues_is_one_of_rest() {
        let task = Task::find(Path::new("openbci16-left-right-idle")).expect("sound");
        let classes = ["idle", "else", "right"].map(str::to_owned);
        assert_eq!(task.resting(&classes), [0]);
        let without = Task::find(Path::new("openbci16-left-right")).expect("sound");
        assert_eq!(without.resting(&classes), [0; 0]);
    }

    #[test]
    fn a_marker_is_a_number_however_it_is_written() {
        let task = Task::find(Path::new("openbci16-left-right")).expect("sound");
        assert_eq!(task.class_of("2.000000000000000"), Some("left"));
        assert_eq!(task.class_of("3"), Some("right"));
        assert!(task.class_of("22").is_none() && task.is_rest("1.0") && !task.is_rest("x"));
    }
}
