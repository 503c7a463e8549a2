//! Recordings as data sets of the Brain Imaging Data Structure.
//!
//! Sources: BIDS 1.10 (<https://bids-specification.readthedocs.io/en/v1.10.0>), with EEG as in Pernet et al., EEG-BIDS, Sci. Data
//! 6:103 (2019); Brain Products, BrainVision Core Data Format 1.0.
//!
//! [`Export::plan`] tells everything that is wrong with a recording for the purpose, [`Export::write`] writes it. A caller may
//! rely on nothing that is there being overwritten, on a recording that could not be written whole leaving no file of its own,
//! and on no number being made up: frames are neither resampled nor filled in, and what is not known is "n/a".
//!
//! A file of samples is evenly spaced, stamps are not: the `grid` says how the one becomes the other.

mod brainvision;
mod channels;
mod dataset;
mod entities;
mod events;
mod grid;
mod made;
mod sidecar;

pub use self::channels::Untyped;
pub use self::entities::Given;

use self::channels::Channel;
use self::entities::Entities;
use self::events::Event;
use self::grid::Grid;
use self::made::Made;
use bci_driver_playback::{Recording, SignalGroup};
use std::path::{Path, PathBuf};

/// The version of BIDS that is written.
const VERSION: &str = "1.10.0";

/// Why a recording cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum BidsError {
    /// What it is called by is not known.
    #[error("no {what} is given, and the file's name has no {key}-LABEL")]
    Missing {
        /// Which.
        what: &'static str,
        /// BIDS's word for it.
        key: &'static str,
    },
    /// A name that BIDS does not permit.
    #[error("{what} = {value:?}: must be {permitted}")]
    Label {
        /// Which.
        what: &'static str,
        /// As given.
        value: String,
        /// What may stand there.
        permitted: &'static str,
    },
    /// A number that makes no sense.
    #[error("{what} = {value}: must be above 0")]
    Number {
        /// Which.
        what: &'static str,
        /// As given.
        value: f64,
    },
    /// The recording has fewer groups.
    #[error("there is no group {group}: the recording has {groups} groups of channels, counted from 1")]
    NoGroup {
        /// As asked, from 1.
        group: usize,
        /// How many there are.
        groups: usize,
    },
    /// Volts or microvolts is not known.
    #[error("{count} EEG channels state no voltage ({channels}): their unit must be given")]
    Unit {
        /// How many.
        count: usize,
        /// The first of them.
        channels: String,
    },
    /// A unit that is given for others is none of voltage.
    #[error("unit = {0:?}: must be uV, mV, V or nV")]
    NoVoltage(String),
    /// Nothing in it is EEG.
    #[error("none of its {0} channels says that it is EEG; those that say nothing can be taken for it")]
    NoEeg(usize),
    /// From inside the skull.
    #[error(
        "channel {0} is from inside the skull: BIDS wants such recordings with electrode positions, which are not known here"
    )]
    Intracranial(String),
    /// The stream's stated rate is not that at which frames came.
    #[error(
        "frames came at {measured_hz:.2} Hz, and the recording says {stated_hz} Hz: that is wrong, or many are lost; the rate must be given"
    )]
    Rate {
        /// As stated.
        stated_hz: f64,
        /// By the stamps.
        measured_hz: f64,
    },
    /// Something is in the way.
    #[error("{0} is there already, and is not overwritten")]
    There(PathBuf),
    /// A file of the data set is not as it must be.
    #[error("{} {problem}", path.display())]
    Dataset {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be {doing}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Read or written.
        doing: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl BidsError {
    fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Self::There(path),
            _ => Self::File { path, doing: "written", source },
        }
    }
}

/// What a recording does not say of itself. What is absent is "n/a", or left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The power line's frequency, Hz.
    pub line_hz: Option<f64>,
    /// Where the reference was.
    pub reference: Option<String>,
    /// Where the ground was.
    pub ground: Option<String>,
    /// How electrodes were placed (`10-10`).
    pub placement: Option<String>,
    /// Who made the amplifier.
    pub manufacturer: Option<String>,
    /// The amplifier's model.
    pub model: Option<String>,
    /// What the task is, in words.
    pub task_description: Option<String>,
    /// The unit of channels that state none.
    pub unit: Option<String>,
    /// What channels are that do not say what they record.
    pub untyped: Untyped,
    /// The real rate of a source that states a wrong one, Hz.
    pub rate_hz: Option<f64>,
    /// The name of a data set that is not there yet; by default that of its folder.
    pub dataset_name: Option<String>,
    /// Its authors.
    pub authors: Vec<String>,
    /// Its licence.
    pub licence: Option<String>,
}

/// A recording that can be exported.
#[derive(Debug)]
pub struct Export {
    entities: Entities,
    about: About,
    group: usize,
    channels: Vec<Channel>,
    grid: Grid,
    events: Vec<Event>,
    notes: Vec<String>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The header, by which readers open it.
    pub header: PathBuf,
    /// Frames.
    pub frames: u64,
    /// Channels.
    pub channels: usize,
    /// Rows of `_events.tsv`.
    pub events: usize,
    /// What was found odd while writing, in words.
    pub notes: Vec<String>,
}

impl Export {
    /// A recording that is called so: group `group` of the recording's channels, from 1; by default the first that says it is EEG, else the first.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn plan(
        recording: &Recording,
        group: Option<usize>,
        called: Given,
        about: About,
    ) -> Result<Self, Vec<BidsError>> {
        let mut wrong = about.wrong();
        let entities = called.checked().map_err(|problems| wrong.extend(problems));
        let groups = recording.groups();
        let eeg = groups.iter().position(|g| g.stream().is_some_and(|s| s.kind.eq_ignore_ascii_case("EEG")));
        let group = group.unwrap_or(eeg.unwrap_or(0) + 1);
        let signals = group.checked_sub(1).and_then(|at| groups.get(at));
        let Some(signals) = signals else {
            wrong.push(BidsError::NoGroup { group, groups: groups.len() });
            return Err(wrong);
        };
        let mut notes = Vec::new();
        if groups.len() > 1 {
            notes.push(format!(
                "group {group} of {} ({}) is exported, the others are not",
                groups.len(),
                named(signals)
            ));
        }
        let channels = channels::of(signals, &about, &mut notes).unwrap_or_else(|problems| {
            wrong.extend(problems);
            Vec::new()
        });
        let stated_hz = signals.rate().get();
        let rate = about.rate_hz.filter(|hz| *hz > 0.0).unwrap_or(stated_hz);
        let grid = Grid::of(signals, rate, &events::breaks(recording, signals));
        if let Some(measured_hz) = grid.measured_hz
            && about.rate_hz.is_none()
            && grid.is_another_rate()
        {
            wrong.push(BidsError::Rate { stated_hz, measured_hz });
        }
        let entities = match entities {
            Ok(entities) if wrong.is_empty() => entities,
            _ => return Err(wrong),
        };
        notes.extend(grid.notes());
        let events = events::of(recording, &grid, &mut notes);
        Ok(Self { entities, about, group: group - 1, channels, grid, events, notes })
    }

    /// What whoever uses the data ought to know, in words.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What it will be called: `sub-1_task-rest_eeg`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}_eeg", self.entities.stem())
    }

    /// Whether the data set can take it.
    ///
    /// # Errors
    /// Everything that stands in the way.
    pub fn check(&self, dataset: &Path) -> Result<(), Vec<BidsError>> {
        let mut wrong: Vec<_> =
            dataset::in_the_way(dataset, &self.entities).map(BidsError::There).into_iter().collect();
        wrong.extend(dataset::participants(dataset, &self.entities).err());
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Writes the recording that was planned, and of the data set what is not there yet.
    ///
    /// # Errors
    /// [`BidsError::There`] where a recording of this name is, [`BidsError::File`], [`BidsError::Dataset`].
    pub fn write(&self, recording: &Recording, dataset: &Path) -> Result<Written, BidsError> {
        let groups = recording.groups();
        let no_group = || BidsError::NoGroup { group: self.group + 1, groups: groups.len() };
        let signals = groups.get(self.group).ok_or_else(no_group)?;
        if let Some(there) = dataset::in_the_way(dataset, &self.entities) {
            return Err(BidsError::There(there));
        }
        let folder = dataset.join(self.entities.folder());
        std::fs::create_dir_all(&folder).map_err(BidsError::write(&folder))?;
        let mut made = Made::within(folder, self.entities.stem());
        let brainvision =
            brainvision::Files { name: self.name(), rate: self.grid.rate, channels: &self.channels };
        let odd = made.file("eeg.eeg", |file| brainvision.samples(signals, file))?;
        made.text("eeg.vmrk", &brainvision.markers(&self.events, recording.start()))?;
        made.text("channels.tsv", &channels::table(&self.channels, self.grid.rate))?;
        made.text("events.tsv", &events::table(&self.events))?;
        made.text("events.json", &events::described(&self.events))?;
        made.text("eeg.json", &sidecar::eeg(self, recording))?;
        dataset::complete(dataset, &self.entities, &self.about)?;
        // Last: without it nobody takes what is there for a recording.
        let header = made.text("eeg.vhdr", &brainvision.header())?;
        made.keep();
        let notes = if odd > 0 {
            vec![format!("{odd} values are NaN, infinite or too large for 32 bits; they are written as such")]
        } else {
            Vec::new()
        };
        let (frames, channels) = (signals.frames(), self.channels.len());
        Ok(Written { header, frames, channels, events: self.events.len(), notes })
    }
}

impl About {
    fn wrong(&self) -> Vec<BidsError> {
        let numbers = [("the power line's frequency", self.line_hz), ("the rate", self.rate_hz)];
        let bad = |value: &f64| !(value.is_finite() && *value > 0.0);
        let bad = numbers.into_iter().filter_map(|(what, value)| Some((what, value.filter(bad)?)));
        bad.map(|(what, value)| BidsError::Number { what, value }).collect()
    }
}

fn named(signals: &SignalGroup) -> String {
    let rate = format!("{} channels at {}", signals.channels().len(), signals.rate());
    signals.stream().map_or(rate.clone(), |stream| format!("{}, {rate}", stream.name))
}
