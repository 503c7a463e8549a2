use bci_driver_playback::{Due, Options, Player, Recording};
use bci_models::bundle::sha256_hex;
use bci_models::learned::Recorded;
use bci_pipeline::{Continuity, Counters, SignalPath, Surroundings, WindowQueue, acquire};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Rate, SampleFormat, StreamSpec};
use std::path::{Path, PathBuf};

/// Between two recordings, in seconds of the stream's time; that they do not follow each other is said besides.
const PAUSE_S: f64 = 1.0;

/// A recording to learn from.
pub(super) struct Tape {
    pub(super) file: PathBuf,
    pub(super) recorded: Recorded,
    /// What it would be as a stream.
    pub(super) stream: StreamSpec,
    recording: Recording,
    group: usize,
}

/// How a replay went.
pub(super) struct Played {
    /// Recordings of which at least a part was played.
    pub(super) tapes: usize,
    /// Seconds of signal.
    pub(super) seconds: f64,
}

/// A clock that stands: nothing waits here, and nothing that is learned depends on the time.
struct Still;

impl Clock for Still {
    fn now(&self) -> HostNs {
        HostNs::default()
    }
}

impl Tape {
    /// Opens a recording, of which group `group` of channels, from 1, is meant. In words what is wrong.
    pub(super) fn open(file: &Path, group: usize) -> Result<Self, String> {
        let shown = file.display();
        let recording = bci_driver_playback::open(file).map_err(|e| crate::exit::chain(&e))?;
        warn(file, &recording);
        let groups = recording.groups().len();
        let signals = group.checked_sub(1).and_then(|at| recording.groups().get(at)).ok_or_else(|| {
            format!("--group {group}: {shown} has {groups} groups of channels, counted from 1")
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

    fn player(&self) -> Result<Player, String> {
        let wrong = |e: &dyn std::error::Error| format!("{}: {}", self.file.display(), crate::exit::chain(e));
        let span = self.recording.span(self.group, None, None).map_err(|e| wrong(&e))?;
        let chunk_frames = acquire::chunk_frames(self.stream.rate);
        let options = Options { chunk_frames, markers: false, ..Options::default() };
        Player::new(&self.recording, self.group, span, options).map_err(|e| wrong(&e))
    }
}

#[allow(clippy::print_stderr, reason = "what a person at the terminal wants to know")]
fn warn(file: &Path, recording: &Recording) {
    for warning in recording.warnings() {
        eprintln!("bcid learn: {}: {warning}", file.display());
    }
}

/// Plays the recordings through `path`, one after the other, as fast as it takes them, until `is_enough`.
pub(super) fn play(
    path: &mut SignalPath,
    tapes: &[Tape],
    mut is_enough: impl FnMut(&mut SignalPath) -> bool,
) -> Result<Played, String> {
    // Windows are of no interest: the newest takes the place of the last.
    let (queue, counters) = (WindowQueue::new(path.window_len(), 1), Counters::default());
    let around = Surroundings { clock: &Still, queues: &[&queue], counters: &counters };
    let mut at = Continuity::default();
    let mut room = vec![0.0; path.max_chunk() * path.inputs()];
    let mut stamps: Vec<f64> = Vec::with_capacity(path.max_chunk());
    let (mut begin, mut seconds) = (0.0, 0.0);
    for (i, tape) in tapes.iter().enumerate() {
        let mut player = tape.player()?;
        let signals = &tape.recording.groups()[tape.group];
        let mut discontinuity = i > 0;
        while let Some(due) = player.take_due(f64::INFINITY) {
            let Due::Frames { first_frame, frames, lap, .. } = due else { continue };
            let samples = &mut room[..frames * path.inputs()];
            signals.read_frames(first_frame, samples);
            stamps.clear();
            stamps.extend((0..frames as u64).map(|k| begin + player.frame_stamp_s(lap, first_frame + k)));
            let newest = stamps.last().copied().unwrap_or(begin);
            let acquired = HostNs::from_lsl_seconds(newest);
            let header = Header { frames, acquired, dropped_before: 0, discontinuity };
            path.process(header, samples, &stamps, &mut at, &around);
            discontinuity = false;
            seconds += frames as f64 / path.rate().get();
            if is_enough(path) {
                return Ok(Played { tapes: i + 1, seconds });
            }
        }
        begin = stamps.last().copied().unwrap_or(begin) + PAUSE_S;
    }
    Ok(Played { tapes: tapes.len(), seconds })
}
