//! A real recording through a signal path, with a fault put into it.

use bci_config::{Mistakes, read};
use bci_driver_playback::open;
use bci_models::Bundle;
use bci_models::steps::read_steps;
use bci_pipeline::{
    Continuity, Counters, FaultSpec, PipelineSpec, PolicySpec, SignalPath, Surroundings, WindowQueue, bind,
};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Rate, SampleFormat, StreamSpec, Validity};
use std::ops::Range;
use std::path::Path;

pub(crate) const WINDOW: usize = 160;
const HOP: usize = 10;
const RATE: f64 = 160.0;
const DECODED: [&str; 3] = ["C3", "Cz", "C4"];

/// What may be left of a fault once it is no longer marked: a ten-thousandth of the largest difference that it made at
/// the input, here below 2000 uV (a held value against the recording, or an average moved by it), times what a filter
/// can make of the worst input of that size.
pub(crate) const SETTLE_TOLERANCE_UV: f64 = 0.3;

struct Still;

impl Clock for Still {
    fn now(&self) -> HostNs {
        HostNs(0)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    None,
    /// The source does not send the frames.
    Lost,
    /// The ring to the signal thread drops them.
    Dropped,
    /// One channel has this number.
    Number(f64),
    /// The source's clock is set by so many seconds; the samples go on.
    ClockStep(f64),
    /// One channel does not change.
    Frozen,
    /// One channel has the straight line between its neighbours.
    Line,
}

impl Fault {
    pub(crate) fn takes_away(&self) -> bool {
        matches!(self, Fault::Lost | Fault::Dropped)
    }
}

/// A window as the decoder gets it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) newest_frame: u64,
    pub(crate) validity: Validity,
    pub(crate) window: Vec<f32>,
}

impl Seen {
    pub(crate) fn bits(&self) -> Vec<u32> {
        self.window.iter().map(|x| x.to_bits()).collect()
    }

    pub(crate) fn largest_difference(&self, other: &Seen) -> f64 {
        let pairs = self.window.iter().zip(&other.window);
        pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
    }
}

/// Run 10 of subject 1 of the EEG Motor Movement/Imagery data set (see `models/data/eegmmidb`), the first 100 s, and
/// what it goes through.
pub(crate) struct Rig {
    spec: PipelineSpec,
    bundle: Bundle,
    stream: StreamSpec,
    frames: Vec<Vec<f64>>,
    spoilt: usize,
}

impl Rig {
    /// 8 to 30 Hz after a notch; with `average` after a common average reference too.
    pub(crate) fn new(faults: FaultSpec, average: bool) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/data/eegmmidb/S001R10.edf");
        let recording = open(file).unwrap();
        let group = &recording.groups()[0];
        let stream = StreamSpec {
            name: "eeg".into(),
            kind: "EEG".into(),
            source_id: String::new(),
            hostname: String::new(),
            instance: String::new(),
            format: SampleFormat::Double64,
            rate: Rate::Regular(group.rate()),
            channels: group.channels().to_vec(),
        };
        let channels = stream.channels.len();
        let mut samples = vec![0.0; 16_000 * channels];
        assert_eq!(group.read_frames(0, &mut samples), 16_000);
        let frames = samples.chunks(channels).map(<[f64]>::to_vec).collect();
        let spoilt = stream.channel_index("C3").unwrap();
        Self { spec: pipeline(faults, average), bundle: bundle(), stream, frames, spoilt }
    }

    /// The fault is in this channel.
    pub(crate) fn spoiling(mut self, label: &str) -> Self {
        self.spoilt = self.stream.channel_index(label).unwrap();
        self
    }

    /// An offset on every channel.
    pub(crate) fn offset_by(mut self, uv: f64) -> Self {
        self.frames.iter_mut().flatten().for_each(|x| *x += uv);
        self
    }

    fn path(&self) -> SignalPath {
        bind(&self.spec, &self.bundle, &self.stream, 64).unwrap()
    }

    pub(crate) fn settle(&self) -> u64 {
        self.path().settle_samples()
    }

    /// Every window, with `fault` at `at`; in chunks of uneven length.
    pub(crate) fn run(&self, fault: &Fault, at: Range<usize>) -> Vec<Seen> {
        let mut path = self.path();
        let queue = WindowQueue::new(path.window_len(), 16);
        let counters = Counters::default();
        let around = Surroundings { clock: &Still, queue: &queue, counters: &counters };
        let mut continuity = Continuity::default();
        let mut seen = Vec::new();
        let (mut next, mut dropped, mut length) = (0, 0, 1);
        while next < self.frames.len() {
            if next == at.start && fault.takes_away() {
                if matches!(fault, Fault::Dropped) {
                    dropped = at.len() as u64;
                }
                next = at.end;
            }
            length = length % 37 + 1;
            let mut end = (next + length).min(self.frames.len());
            if next < at.start && (fault.takes_away() || matches!(fault, Fault::ClockStep(_))) {
                end = end.min(at.start);
            }
            let mut samples = Vec::new();
            for n in next..end {
                let mut frame = self.frames[n].clone();
                match fault {
                    Fault::Number(x) if at.contains(&n) => frame[self.spoilt] = *x,
                    Fault::Line if at.contains(&n) => {
                        let (a, b) =
                            (self.frames[at.start - 1][self.spoilt], self.frames[at.end][self.spoilt]);
                        let share = (n + 1 - at.start) as f64 / (at.len() + 1) as f64;
                        frame[self.spoilt] = a + (b - a) * share;
                    }
                    Fault::Frozen if at.contains(&n) => {
                        frame[self.spoilt] = self.frames[at.start][self.spoilt]
                    }
                    _ => {}
                }
                samples.extend(frame);
            }
            let mut stamps: Vec<f64> = (next..end).map(|n| 1000.0 + n as f64 / RATE).collect();
            let acquired = HostNs::from_lsl_seconds(stamps[stamps.len() - 1]);
            if let Fault::ClockStep(seconds) = fault {
                let set = stamps.iter_mut().zip(next..).filter(|(_, n)| *n >= at.start);
                set.for_each(|(stamp, _)| *stamp += seconds);
            }
            let dropped_before = std::mem::take(&mut dropped);
            let header = Header { frames: end - next, acquired, dropped_before, discontinuity: false };
            path.process(header, &samples, &stamps, &mut continuity, &around);
            while let Some(slot) = queue.receive() {
                seen.push(Seen {
                    newest_frame: slot.newest_frame,
                    validity: slot.validity,
                    window: slot.window.to_vec(),
                });
                queue.recycle(slot);
            }
            next = end;
        }
        seen
    }
}

fn pipeline(faults: FaultSpec, average: bool) -> PipelineSpec {
    let mut steps = "[[steps]]\nnotch = { freq_hz = 60, q = 10 }\n".to_owned();
    if average {
        steps += "[[steps]]\ncommon_average = {}\n";
    }
    let mistakes = Mistakes::new();
    let conditioning = read("rig.toml", &steps, &mistakes, |t| read_steps(t, "steps")).unwrap();
    assert!(mistakes.is_empty());
    PipelineSpec {
        name: "p".into(),
        labels: None,
        unit: None,
        gap_ms: 0.0,
        dejitter: false,
        rate: None,
        faults,
        channels: None,
        conditioning,
        window_ms: None,
        hop_ms: None,
        policy: PolicySpec { smoothing_ms: 0.0, threshold: 0.6, max_age_ms: 500.0 },
        threshold_at: None,
    }
}

fn bundle() -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.onnx"), "").unwrap();
    let text = format!(
        "schema = 1\nname = \"d\"\nversion = \"1\"\ndescription = \"d\"\nlicence = \"MIT\"\n\
         [model]\nfile = \"model.onnx\"\n\
         sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n\
         [input]\ntensor = \"x\"\nunit = \"uV\"\nrate_hz = {RATE}\nwindow_samples = {WINDOW}\nhop_samples = {HOP}\n\
         channels = {DECODED:?}\n\
         [[preprocessing]]\nband_pass = {{ low_hz = 8, high_hz = 30, order = 4 }}\n\
         [output]\ntensor = \"y\"\nkind = \"class_posteriors\"\nclasses = [\"a\", \"b\"]\n\
         [provenance]\ntrained_by = \"x\"\nsubjects = \"x\"\nsplit = \"x\"\n"
    );
    std::fs::write(folder.path().join("decoder.toml"), text).unwrap();
    let mistakes = Mistakes::new();
    Bundle::read(folder.path(), &mistakes).unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()))
}
