//! Where a recording goes: LabRecorder's file-name template.

use crate::journal::is_being_written;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why a name or a template will not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamingError {
    /// A placeholder that is none.
    #[error(
        "{0} is no placeholder: there are %p (participant), %s (session), %b (task), %a (acquisition), %m (modality), %r or %n (run)"
    )]
    Placeholder(String),
    /// It leads out of the folder, or names no file of the kind.
    #[error("the template {0:?} must be the relative path of an .xdf file, without \"..\"")]
    Path(String),
    /// The template needs what is not given.
    #[error("the template needs {0}, which is not given")]
    Missing(&'static str),
    /// A value that cannot be part of a file's name.
    #[error("{what} = {value:?}: must be 1 to 64 letters, digits, - or _")]
    Value {
        /// Which.
        what: &'static str,
        /// As given.
        value: String,
    },
    /// A value that cannot be the label behind an entity such as `sub-` of BIDS, of which a name could not be read back.
    #[error(
        "{what} = {value:?}: must be letters of the English alphabet and digits only behind \"{entity}\", as BIDS has it"
    )]
    Label {
        /// Which.
        what: &'static str,
        /// As given.
        value: String,
        /// What stands before it in the template.
        entity: String,
    },
    /// No number of a run.
    #[error("run = {0}: must be 1 to 9999")]
    Run(u32),
    /// Every number is taken.
    #[error("runs 1 to {0} exist already")]
    Runs(u32),
}

/// What the placeholders of a template stand for. What is empty is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// `%p`.
    pub participant: String,
    /// `%s`.
    pub session: String,
    /// `%b`, LabRecorder's "block".
    pub task: String,
    /// `%a`.
    pub acquisition: String,
    /// `%m`.
    pub modality: String,
    /// `%r` and `%n`; where it is not given, the first that is free.
    pub run: Option<u32>,
}

impl NamingError {
    /// What is asked for, where the name and the value are told besides.
    #[must_use]
    pub fn must(&self) -> String {
        let told = self.to_string();
        match (self, told.split_once(": ")) {
            (Self::Value { .. } | Self::Label { .. }, Some((_, must))) => must.to_owned(),
            _ => told,
        }
    }
}

impl Naming {
    /// Whether `value` will do for the field that is called `what`.
    ///
    /// # Errors
    /// [`NamingError::Value`].
    pub fn check(what: &'static str, value: &str) -> Result<(), NamingError> {
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if value.is_empty() || value.chars().count() > 64 || !value.chars().all(plain) {
            return Err(NamingError::Value { what, value: value.to_owned() });
        }
        Ok(())
    }

    /// With something that will do for all that is not given.
    #[must_use]
    pub fn with_gaps_filled(&self) -> Self {
        let filled = |field: &String| if field.is_empty() { "x".to_owned() } else { field.clone() };
        Self {
            participant: filled(&self.participant),
            session: filled(&self.session),
            task: filled(&self.task),
            acquisition: filled(&self.acquisition),
            modality: filled(&self.modality),
            run: self.run,
        }
    }
}

/// What BIDS has before labels.
const ENTITIES: [&str; 4] = ["sub-", "ses-", "task-", "acq-"];

/// The most runs of one name.
const MOST_RUNS: u32 = 9999;

/// A template that is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// LabRecorder's for BIDS.
    pub const BIDS: &str = "sub-%p/ses-%s/%m/sub-%p_ses-%s_task-%b_run-%r_%m.xdf";
    /// The same with an acquisition.
    pub const BIDS_ACQUISITION: &str = "sub-%p/ses-%s/%m/sub-%p_ses-%s_task-%b_acq-%a_run-%r_%m.xdf";

    /// A template as LabRecorder has it: a path beneath the study's folder, with `%p`, `%s`, `%b`, `%a`, `%m`, `%r` and `%n`.
    ///
    /// # Errors
    /// [`NamingError::Placeholder`], [`NamingError::Path`].
    pub fn parse(text: &str) -> Result<Self, NamingError> {
        // Of Windows rigs, whose templates are carried over.
        let text = text.replace('\\', "/");
        for (at, _) in text.match_indices('%') {
            let key = text[at + 1..].chars().next();
            if !key.is_some_and(|key| "psbamrn".contains(key)) {
                return Err(NamingError::Placeholder(format!(
                    "%{}",
                    key.map(String::from).unwrap_or_default()
                )));
            }
        }
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
        if !text.ends_with(".xdf") || !text.split('/').all(plain) || text.ends_with("/.xdf") || text == ".xdf"
        {
            return Err(NamingError::Path(text));
        }
        Ok(Self(text))
    }

    /// Where the recording of this name goes, below `folder`: a file that is not there yet. Without a given run it is the first
    /// that is free; `None` where the template has no run, or another one is meant, and the file is there.
    ///
    /// # Errors
    /// [`NamingError`].
    pub fn free(&self, folder: &Path, naming: &Naming) -> Result<Result<PathBuf, PathBuf>, NamingError> {
        let numbered = ["%r", "%n"].iter().any(|run| self.0.contains(run));
        match naming.run {
            None if numbered => {
                for run in 1..=MOST_RUNS {
                    let path = folder.join(self.fill(naming, run)?);
                    if !path.exists() && !path.with_extension(crate::SIDE).exists() {
                        return Ok(Ok(path));
                    }
                }
                Err(NamingError::Runs(MOST_RUNS))
            }
            run => {
                let path = folder.join(self.fill(naming, run.unwrap_or(1))?);
                Ok(if path.exists() { Err(path) } else { Ok(path) })
            }
        }
    }

    /// Checks that what the template needs is given and will do.
    ///
    /// # Errors
    /// [`NamingError`].
    pub fn check(&self, naming: &Naming) -> Result<(), NamingError> {
        self.fill(naming, naming.run.unwrap_or(1)).map(drop)
    }

    fn fill(&self, naming: &Naming, run: u32) -> Result<PathBuf, NamingError> {
        if !(1..=MOST_RUNS).contains(&run) {
            return Err(NamingError::Run(run));
        }
        let mut out = String::new();
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find('%') {
            out += &rest[..at];
            let (what, value) = match rest[at + 1..].chars().next() {
                Some('p') => ("participant", &naming.participant),
                Some('s') => ("session", &naming.session),
                Some('b') => ("task", &naming.task),
                Some('a') => ("acquisition", &naming.acquisition),
                Some('m') => ("modality", &naming.modality),
                _ => {
                    let _ = write!(out, "{run:03}");
                    rest = &rest[at + 2..];
                    continue;
                }
            };
            if value.is_empty() {
                return Err(NamingError::Missing(what));
            }
            Naming::check(what, value)?;
            let from = out.rfind(['/', '_']).map_or(0, |at| at + 1);
            if ENTITIES.contains(&&out[from..]) && !value.chars().all(|c| c.is_ascii_alphanumeric()) {
                let (value, entity) = (value.clone(), out[from..].to_owned());
                return Err(NamingError::Label { what, value, entity });
            }
            out += value;
            rest = &rest[at + 2..];
        }
        out += rest;
        Ok(out.into())
    }
}

/// Moves what is in the way of `path` aside, as LabRecorder does: to the first `_oldN` that is free, the folder beside it too.
/// What is still being written is left where it is.
pub(crate) fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    if is_being_written(path) {
        return Err(std::io::Error::new(ErrorKind::ResourceBusy, "another recording is being written there"));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut n = 1;
    let old = loop {
        let old = path.with_file_name(format!("{stem}_old{n}.xdf"));
        if !old.exists() && !old.with_extension(crate::SIDE).exists() {
            break old;
        }
        n += 1;
    };
    let side = path.with_extension(crate::SIDE);
    if side.exists() {
        std::fs::rename(&side, old.with_extension(crate::SIDE))?;
    }
    std::fs::rename(path, &old)?;
    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming() -> Naming {
        Naming {
            participant: "P1".into(),
            session: "S001".into(),
            task: "imagery".into(),
            modality: "eeg".into(),
            ..Naming::default()
        }
    }

    #[test]
    fn labrecorders_template_becomes_its_path_and_runs_count_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let template = Template::parse(Template::BIDS).expect("sound");
        let first = template.free(folder.path(), &naming()).expect("named").expect("free");
        assert_eq!(
            first.strip_prefix(folder.path()).expect("below"),
            Path::new("sub-P1/ses-S001/eeg/sub-P1_ses-S001_task-imagery_run-001_eeg.xdf")
        );
        std::fs::create_dir_all(first.parent().expect("a folder")).expect("made");
        std::fs::write(&first, "1").expect("written");
        let second = template.free(folder.path(), &naming()).expect("named").expect("free");
        assert!(second.ends_with("sub-P1_ses-S001_task-imagery_run-002_eeg.xdf"), "{}", second.display());
        // A number that is asked for is that number; what is there is moved aside.
        let asked = Naming { run: Some(1), ..naming() };
        assert_eq!(template.free(folder.path(), &asked).expect("named"), Err(first.clone()));
        std::fs::create_dir(first.with_extension(crate::SIDE)).expect("made");
        let writer = std::fs::File::open(&first).expect("opened");
        writer.lock().expect("locked");
        let busy = set_aside(&first).expect_err("somebody writes it");
        assert!(busy.to_string().contains("is being written") && first.exists(), "{busy}");
        drop(writer);
        let old = set_aside(&first).expect("moved");
        assert!(old.ends_with("sub-P1_ses-S001_task-imagery_run-001_eeg_old1.xdf") && old.exists());
        assert!(old.with_extension(crate::SIDE).exists() && !first.exists());
    }

    #[test]
    fn what_leads_elsewhere_or_says_nothing_is_refused() {
        for path in
            ["/tmp/%p.xdf", "../%p.xdf", "a/../b.xdf", "a//b.xdf", "%p.txt", ".xdf", "a/.xdf", "", "\\a.xdf"]
        {
            assert!(matches!(Template::parse(path), Err(NamingError::Path(_))), "{path}");
        }
        for path in ["%q.xdf", "100%.xdf", "%%p.xdf"] {
            assert!(matches!(Template::parse(path), Err(NamingError::Placeholder(_))), "{path}");
        }
        let template = Template::parse("%p\\%b_%n.xdf").expect("sound");
        for bad in ["../x", "a/b", "a b", "x.y", "\u{0}", &"x".repeat(65)] {
            let naming = Naming { participant: bad.into(), ..naming() };
            assert!(matches!(template.check(&naming), Err(NamingError::Value { .. })), "{bad:?}");
        }
        let nobody = Naming { participant: String::new(), ..naming() };
        assert_eq!(template.check(&nobody), Err(NamingError::Missing("participant")));
        let spoken =
            ["M\u{fc}ller", "P-1", "P_1"].map(|name| Naming { participant: name.into(), ..naming() });
        let bids = Template::parse(Template::BIDS).expect("sound");
        for naming in spoken {
            assert_eq!(template.check(&naming), Ok(()));
            let refused = bids.check(&naming).expect_err("no label of BIDS").to_string();
            assert!(refused.contains("behind \"sub-\""), "{refused}");
        }
    }
}
