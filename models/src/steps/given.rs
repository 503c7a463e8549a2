//! What a step was given that had been learned before.

use crate::learned::{self, Entry};
use bci_config::{Located, Mistake, Place, Table};
use bci_dsp::Signal;
use bci_types::{Hz, label};
use std::path::{Component, Path, PathBuf};

/// Where the files are that steps name.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    folder: &'a Path,
    inside: bool,
}

impl<'a> Files<'a> {
    /// Named relative to `folder`, wherever they are.
    #[must_use]
    pub fn beside(folder: &'a Path) -> Self {
        Self { folder, inside: false }
    }

    /// Named relative to `folder`, and nowhere but in it: symbolic links do not lead out.
    #[must_use]
    pub fn inside(folder: &'a Path) -> Self {
        Self { folder, inside: true }
    }

    fn resolve(&self, named: &Located<String>) -> Result<PathBuf, Mistake> {
        let file = self.folder.join(&named.value);
        let outside = || named.mistake("must be a file inside the bundle's folder");
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if self.inside && !Path::new(&named.value).components().all(plain) {
            return Err(outside());
        }
        let unreadable = |e: std::io::Error| named.mistake(format!("{} cannot be read: {e}", file.display()));
        let real = file.canonicalize().map_err(unreadable)?;
        if self.inside && !real.starts_with(self.folder.canonicalize().map_err(unreadable)?) {
            return Err(outside());
        }
        if !real.is_file() {
            return Err(named.mistake(format!("{} is no file", file.display())));
        }
        Ok(file)
    }
}

/// On what that was learned which a step was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// Where the configuration names the file.
    at: Place,
    pub(super) channels: Vec<String>,
    rate: Hz,
}

impl Given {
    pub(super) fn new(at: Place, entry: &Entry) -> Self {
        Self { at, channels: entry.channels.clone(), rate: entry.rate }
    }

    /// Every way in which `signal` is not what it was learned on. Where no channel has a label, labels are not compared.
    pub(super) fn differences(&self, signal: &Signal) -> Vec<Mistake> {
        let mut found = Vec::new();
        if signal.rate != self.rate {
            let problem = format!("was learned at {}, the signal there has {}", self.rate, signal.rate);
            found.push(self.at.mistake(problem));
        }
        if signal.channels() != self.channels.len() {
            found.push(self.at.mistake(format!(
                "was learned on {} channels, the signal there has {}",
                self.channels.len(),
                signal.channels()
            )));
        }
        if signal.labels.iter().any(|l| !l.is_empty()) {
            found.extend(self.other_channels(signal).map(|problem| self.at.mistake(problem)));
        }
        found
    }

    fn other_channels(&self, signal: &Signal) -> Option<String> {
        let (mut absent, mut moved) = (Vec::new(), Vec::new());
        for (i, label) in self.channels.iter().enumerate() {
            match signal.index(label) {
                Some(at) if at == i => {}
                Some(at) => moved.push(format!("{label} as channel {}, which is channel {}", i + 1, at + 1)),
                None if label.is_empty() && signal.labels.get(i).is_some_and(String::is_empty) => {}
                None => absent.push(label.as_str()),
            }
        }
        let learned = self.channels.iter().map(|l| Some(l.as_str()));
        let unknown = |l: &&String| label::index_of(learned.clone(), l).is_none();
        let new: Vec<&str> = signal.labels.iter().filter(unknown).map(String::as_str).collect();
        let mut parts = Vec::new();
        if !absent.is_empty() {
            parts.push(format!("it has {}, which the signal there lacks", absent.join(", ")));
        }
        if !new.is_empty() {
            parts.push(format!("it lacks {}", new.join(", ")));
        }
        if !moved.is_empty() {
            parts.push(format!("it has {}", moved.join(", ")));
        }
        let told = format!("was learned on other channels, or in another order: {}", parts.join("; "));
        (!parts.is_empty()).then_some(told)
    }
}

/// What the file at `named` holds for a step of this kind: the one of this name, or the only one. Mistakes are noted.
pub(super) fn entry(
    table: &Table<'_>,
    kind: &str,
    named: &Located<String>,
    name: Option<&Located<String>>,
    files: Files<'_>,
) -> Option<Entry> {
    let mistakes = table.mistakes();
    let file = files.resolve(named).map_err(|mistake| mistakes.add(mistake)).ok()?;
    let own = bci_config::Mistakes::new();
    let entries = learned::read(&file, &own);
    let sound = own.is_empty();
    mistakes.extend(own.into_sorted());
    // What is wrong with the file has been told: what it lacks besides might only be a consequence.
    let entries = entries.filter(|_| sound)?;
    let names = |of: &[&Entry]| of.iter().map(|e| format!("\"{}\"", e.name)).collect::<Vec<_>>().join(", ");
    let fitting: Vec<&Entry> = entries.iter().filter(|e| e.what.kind() == kind).collect();
    let (at, problem) = match (name, fitting.as_slice()) {
        (_, []) => (named, format!("holds nothing that {kind} learned")),
        (None, [one]) => return Some((*one).clone()),
        (None, several) => {
            let problem =
                format!("holds what several steps learned: `entry` must be one of {}", names(several));
            (named, problem)
        }
        (Some(name), several) => match several.iter().find(|e| e.name == name.value) {
            Some(found) => return Some((*found).clone()),
            None => (
                name,
                format!(
                    "must be what {} calls something that {kind} learned: {}",
                    file.display(),
                    names(several)
                ),
            ),
        },
    };
    mistakes.add(at.mistake(problem));
    None
}
