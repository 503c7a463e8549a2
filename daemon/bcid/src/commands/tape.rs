//! Recordings as a session: one after the other, as the daemon would hear them.

use bci_calibration::Said;
use bci_driver_playback::{Due, Options, Player, Recording, SignalGroup};
use bci_models::bundle::sha256_hex;
use bci_models::learned::Recorded;
use bci_pipeline::acquire;
use bci_types::{Rate, SampleFormat, StreamSpec, Unit};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Between two recordings, in seconds of the stream's time; that they do not follow each other is said besides.
const PAUSE_S: f64 = 1.0;

/// A recording to be played through a pipeline.
pub(crate) struct Tape {
    pub(crate) file: PathBuf,
    pub(crate) recorded: Recorded,
    /// What it would be as a stream.
    pub(crate) stream: StreamSpec,
    recording: Recording,
    group: usize,
}

/// What is heard of a session. Times in seconds since it began.
pub(crate) enum Heard<'a> {
    /// Recording number so many, from 0, begins.
    Begin(usize),
    /// `[frames x channels]`, and a stamp a frame.
    Frames { samples: &'a [f64], stamps: &'a [f64] },
    /// A marker.
    Marker { text: &'a str, time_s: f64 },
}

impl Tape {
    /// Opens a recording, of which group `group` of channels, from 1, is meant; by default the first that says it is EEG, else
    /// the first. In words what is wrong.
    pub(crate) fn open(file: &Path, group: Option<usize>) -> Result<Self, String> {
        let shown = file.display();
        let recording = bci_driver_playback::open(file).map_err(|e| crate::exit::chain(&e))?;
        warn(file, &recording);
        let groups = recording.groups();
        let eeg = groups.iter().position(|g| g.stream().is_some_and(|s| s.kind.eq_ignore_ascii_case("EEG")));
        let group = group.unwrap_or(eeg.unwrap_or(0) + 1);
        let signals = group.checked_sub(1).and_then(|at| groups.get(at)).ok_or_else(|| {
            format!("--group {group}: {shown} has {} groups of channels, counted from 1", groups.len())
        })?;
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let stream = StreamSpec {
            name: name.clone(),
            kind: "EEG".into(),
            source_id: name.clone(),
            hostname: String::new(),
            instance: String::new(),
            format: SampleFormat::Double64,
            rate: Rate::Regular(signals.rate()),
            channels: signals.channels().to_vec(),
        };
        let bytes = std::fs::read(file).map_err(|e| format!("{shown}: {e}"))?;
        let recorded = Recorded { file: name, sha256: sha256_hex(&bytes) };
        Ok(Self { file: file.to_owned(), recorded, stream, recording, group: group - 1 })
    }

    /// Adds what it does not say of itself.
    ///
    /// # Errors
    /// In words, where that does not fit.
    pub(crate) fn told(mut self, said: &Said) -> Result<Self, String> {
        let channels = &mut self.stream.channels;
        if !said.labels.is_empty() {
            if said.labels.len() != channels.len() {
                return Err(format!(
                    "{}: has {} channels, the task names {}",
                    self.file.display(),
                    channels.len(),
                    said.labels.len()
                ));
            }
            for (channel, label) in channels.iter_mut().zip(&said.labels) {
                channel.label = Some(label.clone());
            }
        }
        if let Some(unit) = &said.unit {
            for channel in channels.iter_mut().filter(|channel| channel.unit == Unit::Unstated) {
                channel.unit = Unit::parse(unit);
            }
        }
        Ok(self)
    }

    /// Where the channels called so are, and what makes microvolts of their numbers.
    ///
    /// # Errors
    /// In words, which are not there or state no voltage.
    pub(crate) fn microvolts(&self, labels: &[String]) -> Result<Vec<(usize, f64)>, String> {
        let file = self.file.display();
        let find = |label: &String| {
            let at =
                self.stream.channel_index(label).ok_or_else(|| format!("{file} has no channel {label}"))?;
            let factor = self.stream.channels[at].unit.to_microvolts();
            factor
                .map(|factor| (at, factor))
                .ok_or_else(|| format!("{file}: channel {label} states no voltage"))
        };
        labels.iter().map(find).collect()
    }

    /// Its first frames, up to so many: `[frames x channels]`.
    pub(crate) fn head(&self, frames: usize) -> Vec<f64> {
        let signals = &self.recording.groups()[self.group];
        let channels = signals.channels().len();
        let mut samples = vec![0.0; frames * channels];
        let n = signals.read_frames(0, &mut samples);
        samples.truncate(n * channels);
        samples
    }

    fn player(&self, markers: bool) -> Result<Player, String> {
        let wrong = |e: &dyn std::error::Error| format!("{}: {}", self.file.display(), crate::exit::chain(e));
        let span = self.recording.span(self.group, None, None).map_err(|e| wrong(&e))?;
        let chunk_frames = acquire::chunk_frames(self.stream.rate);
        let options = Options { chunk_frames, markers, ..Options::default() };
        Player::new(&self.recording, self.group, span, options).map_err(|e| wrong(&e))
    }
}

/// Opens recordings that are to be one session: all of one layout.
///
/// # Errors
/// What is wrong with each.
pub(crate) fn open_all(
    files: &[PathBuf],
    open: impl Fn(&Path) -> Result<Tape, String>,
) -> Result<Vec<Tape>, Vec<String>> {
    let mut tapes: Vec<Tape> = Vec::new();
    let mut wrong = Vec::new();
    for file in files {
        match open(file) {
            Ok(tape) => tapes.push(tape),
            Err(problem) => wrong.push(problem),
        }
    }
    if let Some((first, rest)) = tapes.split_first() {
        let other = rest.iter().filter(|tape| !tape.stream.same_layout(&first.stream));
        wrong.extend(other.map(|tape| {
            format!(
                "{}: must have the rate, channels and units of {}: they are taken for one session",
                tape.file.display(),
                first.file.display()
            )
        }));
    }
    if wrong.is_empty() { Ok(tapes) } else { Err(wrong) }
}

#[allow(clippy::print_stderr, reason = "what a person at the terminal wants to know")]
fn warn(file: &Path, recording: &Recording) {
    for warning in recording.warnings() {
        eprintln!("{}: {warning}", file.display());
    }
}

/// Plays the recordings one after the other, as fast as what hears them takes it, until that breaks off.
///
/// # Errors
/// In words, where one cannot be played.
pub(crate) fn play(
    tapes: &[Tape],
    markers: bool,
    heard: impl FnMut(Heard<'_>) -> ControlFlow<()>,
) -> Result<(), String> {
    play_displaced(tapes, markers, &[], heard)
}

/// As [`play`], with these channels as they were half a recording away: what they are like stays, what they tell of the cue is
/// gone.
///
/// # Errors
/// As [`play`].
pub(crate) fn play_displaced(
    tapes: &[Tape],
    markers: bool,
    displaced: &[usize],
    mut heard: impl FnMut(Heard<'_>) -> ControlFlow<()>,
) -> Result<(), String> {
    let (mut samples, mut stamps): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut elsewhere = Vec::new();
    let mut begin = 0.0;
    for (i, tape) in tapes.iter().enumerate() {
        let mut player = tape.player(markers)?;
        let signals = &tape.recording.groups()[tape.group];
        let channels = signals.channels().len();
        if heard(Heard::Begin(i)).is_break() {
            return Ok(());
        }
        let mut end = begin;
        while let Some(due) = player.take_due(f64::INFINITY) {
            let now = match due {
                Due::Frames { first_frame, frames, lap, time_s } => {
                    samples.resize(frames * channels, 0.0);
                    signals.read_frames(first_frame, &mut samples);
                    if !displaced.is_empty() {
                        half_way_round(signals, first_frame, frames, &mut elsewhere);
                        for (frame, other) in
                            samples.chunks_exact_mut(channels).zip(elsewhere.chunks_exact(channels))
                        {
                            displaced.iter().for_each(|&channel| frame[channel] = other[channel]);
                        }
                    }
                    stamps.clear();
                    let frames = first_frame..first_frame + frames as u64;
                    stamps.extend(frames.map(|frame| begin + player.frame_stamp_s(lap, frame)));
                    end = begin + time_s;
                    Heard::Frames { samples: &samples, stamps: &stamps }
                }
                Due::Marker { annotation, time_s, .. } => {
                    let text = &tape.recording.annotations()[annotation].text;
                    Heard::Marker { text, time_s: begin + time_s }
                }
            };
            if heard(now).is_break() {
                return Ok(());
            }
        }
        begin = end + PAUSE_S;
    }
    Ok(())
}

/// `frames` frames from half of the recording after `first` on; after its end its beginning.
fn half_way_round(signals: &SignalGroup, first: u64, frames: usize, out: &mut Vec<f64>) {
    let channels = signals.channels().len();
    let all = signals.frames();
    out.resize(frames * channels, 0.0);
    let begin = (first + all / 2) % all;
    let here = usize::try_from(all - begin).unwrap_or(usize::MAX).min(frames);
    let (one, two) = out.split_at_mut(here * channels);
    signals.read_frames(begin, one);
    signals.read_frames(0, two);
}
