use super::BidsError;
use std::path::{Path, PathBuf};

/// What a recording is called by, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// `sub-`.
    pub participant: Option<String>,
    /// `ses-`.
    pub session: Option<String>,
    /// `task-`.
    pub task: Option<String>,
    /// `acq-`.
    pub acquisition: Option<String>,
    /// `run-`.
    pub run: Option<String>,
}

/// What a recording is called by, as BIDS permits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entities(Given);

impl Given {
    /// What the name of a file says (`sub-1_ses-2_task-rest_run-1_eeg.xdf`); other parts of it say nothing.
    #[must_use]
    pub fn by_name(file: &Path) -> Self {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let mut given = Self::default();
        for (key, label) in stem.split('_').filter_map(|part| part.split_once('-')) {
            let place = match key {
                "sub" => &mut given.participant,
                "ses" => &mut given.session,
                "task" => &mut given.task,
                "acq" => &mut given.acquisition,
                "run" => &mut given.run,
                _ => continue,
            };
            place.get_or_insert_with(|| label.to_owned());
        }
        // One that was moved aside is not the run of its name: which it is has to be said.
        let aside = stem.rsplit('_').next().filter(|last| {
            last.strip_prefix("old").is_some_and(|n| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit()))
        });
        if let (Some(run), Some(aside)) = (&mut given.run, aside) {
            run.push_str(&format!("_{aside}"));
        }
        given
    }

    /// What is given here, else there.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            participant: self.participant.or(other.participant),
            session: self.session.or(other.session),
            task: self.task.or(other.task),
            acquisition: self.acquisition.or(other.acquisition),
            run: self.run.or(other.run),
        }
    }

    /// What is here; else everything that is missing or not permitted.
    pub(super) fn checked(self) -> Result<Entities, Vec<BidsError>> {
        let mut wrong = Vec::new();
        for (what, key, value) in [("participant", "sub", &self.participant), ("task", "task", &self.task)] {
            if value.is_none() {
                wrong.push(BidsError::Missing { what, key });
            }
        }
        let labels = [
            ("participant", &self.participant),
            ("session", &self.session),
            ("task", &self.task),
            ("acquisition", &self.acquisition),
        ];
        for (what, value) in labels {
            if let Some(value) = value
                && (value.is_empty() || !value.chars().all(|c| c.is_ascii_alphanumeric()))
            {
                let permitted = "letters and digits of ASCII alone, as BIDS has it";
                wrong.push(BidsError::Label { what, value: value.clone(), permitted });
            }
        }
        if let Some(run) = &self.run
            && (run.is_empty() || run.len() > 9 || !run.bytes().all(|c| c.is_ascii_digit()))
        {
            wrong.push(BidsError::Label { what: "run", value: run.clone(), permitted: "a whole number" });
        }
        if wrong.is_empty() { Ok(Entities(self)) } else { Err(wrong) }
    }
}

impl Entities {
    /// `sub-1`.
    pub(super) fn participant(&self) -> String {
        format!("sub-{}", self.0.participant.as_deref().unwrap_or_default())
    }

    pub(super) fn task(&self) -> &str {
        self.0.task.as_deref().unwrap_or_default()
    }

    /// Where it lies in a data set.
    pub(super) fn folder(&self) -> PathBuf {
        let session = self.0.session.as_ref().map(|label| format!("ses-{label}"));
        [Some(self.participant()), session, Some("eeg".to_owned())].into_iter().flatten().collect()
    }

    /// What its files begin with: `sub-1_ses-2_task-rest_run-1`.
    pub(super) fn stem(&self) -> String {
        let Given { participant, session, task, acquisition, run } = &self.0;
        let parts =
            [("sub", participant), ("ses", session), ("task", task), ("acq", acquisition), ("run", run)];
        let parts: Vec<String> =
            parts.into_iter().filter_map(|(key, label)| Some(format!("{key}-{}", label.as_ref()?))).collect();
        parts.join("_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_say() {
        let given = Given::by_name(Path::new("x/sub-P1_ses-S001_task-rest_rec-7_run-01_eeg.xdf"));
        let entities = given.checked().expect("sound");
        assert_eq!(entities.stem(), "sub-P1_ses-S001_task-rest_run-01");
        assert_eq!(entities.folder(), Path::new("sub-P1/ses-S001/eeg"));
        let aside = Given::by_name(Path::new("sub-P1_task-rest_run-001_eeg_old2.xdf"));
        assert_eq!(aside.run.as_deref(), Some("001_old2"), "which run it is has to be said");
        assert!(aside.checked().is_err());
        let nothing = Given::by_name(Path::new("S001R10.edf"));
        assert_eq!(nothing, Given::default());
        let wrong: Vec<String> =
            nothing.checked().expect_err("nothing").iter().map(ToString::to_string).collect();
        assert_eq!(
            wrong,
            [
                "no participant is given, and the file's name has no sub-LABEL",
                "no task is given, and the file's name has no task-LABEL"
            ]
        );
    }

    #[test]
    fn what_is_given_goes_before_the_name_and_every_bad_label_is_told() {
        let given = Given { participant: Some("../x".into()), run: Some("one".into()), ..Given::default() };
        let given = given.or(Given::by_name(Path::new("sub-1_ses-a-b_task-rest_run-1_eeg.xdf")));
        assert_eq!(given.checked().expect_err("wrong").len(), 3);
        let whole = Given { task: Some("rest".into()), participant: Some("1".into()), ..Given::default() };
        assert_eq!(whole.checked().expect("sound").stem(), "sub-1_task-rest");
    }
}
