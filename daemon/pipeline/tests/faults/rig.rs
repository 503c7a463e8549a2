//! A real recording through a signal path, with a fault put into it.

use bci_config::{Mistakes, read};
use bci_driver_playback::open;
use bci_models::Bundle;
use bci_models::steps::{Step, read_steps};
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
const BAND_PASS: &str = "[[preprocessing]]\nband_pass = { low_hz = 8, high_hz = 30, order = 4 }";
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
    /// Every channel has.
    Lines,
}

impl Fault {
    pub(crate) fn takes_away(&self) -> bool {
        matches!(self, Fault::Lost | Fault::Dropped)
    }
}

/// A window as the decoder gets it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The frame of the stream that the oldest of the window comes of, which may have been computed over frames before. By its
    /// stamp, so not where the source's clock was set.
    pub(crate) oldest_frame: u64,
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
        Self {
            spec: pipeline(faults, average),
            bundle: bundle(BAND_PASS, WINDOW, HOP),
            stream,
            frames,
            spoilt,
        }
    }

    /// The fault is in this channel.
    pub(crate) fn spoiling(mut self, label: &str) -> Self {
        self.spoilt = self.stream.channel_index(label).unwrap();
        self
    }

    /// The decoder's own steps are these, as TOML, and it takes windows of so many frames of what they yield, at `rate_hz`,
    /// every `hop`.
    pub(crate) fn preprocessing(mut self, steps: &str, window: usize, hop: usize) -> Self {
        self.bundle = bundle(steps, window, hop);
        self
    }

    /// The rig's own steps are these, as TOML.
    pub(crate) fn conditioning(mut self, steps: &str) -> Self {
        self.spec.conditioning = read_all(steps);
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

    /// How much longer than it takes to settle nothing is trusted at the start, in frames.
    pub(crate) fn warm_up(&self) -> u64 {
        (self.path().cost().warm_up_s * RATE).round() as u64
    }

    /// Every window, with `fault` at `at`; in chunks of uneven length.
    pub(crate) fn run(&self, fault: &Fault, at: Range<usize>) -> Vec<Seen> {
        self.run_all(&[(fault.clone(), at)])
    }

    /// The same with several faults.
    pub(crate) fn run_all(&self, faults: &[(Fault, Range<usize>)]) -> Vec<Seen> {
        let mut path = self.path();
        let reach = path.reach_samples();
        let queue = WindowQueue::new(path.window_len(), 16);
        let counters = Counters::default();
        let around = Surroundings { clock: &Still, queues: &[&queue], counters: &counters };
        let mut continuity = Continuity::default();
        let mut seen = Vec::new();
        let (mut next, mut dropped, mut length) = (0, 0, 1);
        while next < self.frames.len() {
            for (fault, at) in faults {
                if !(fault.takes_away() && at.start == next) {
                    continue;
                }
                if matches!(fault, Fault::Dropped) {
                    dropped = at.len() as u64;
                }
                next = at.end;
            }
            length = length % 37 + 1;
            let mut end = (next + length).min(self.frames.len());
            for (fault, at) in faults {
                // What begins here begins a chunk.
                if next < at.start && (fault.takes_away() || matches!(fault, Fault::ClockStep(_))) {
                    end = end.min(at.start);
                }
            }
            let samples: Vec<f64> = (next..end).flat_map(|n| self.frame(n, faults)).collect();
            let sampled = |n: usize| 1000.0 + n as f64 / RATE;
            let acquired = HostNs::from_lsl_seconds(sampled(end - 1));
            let stamps: Vec<f64> = (next..end).map(|n| sampled(n) + set_by(n, faults)).collect();
            let dropped_before = std::mem::take(&mut dropped);
            let header = Header {
                frames: end - next,
                acquired,
                dropped_before,
                discontinuity: false,
                ..Header::default()
            };
            path.process(header, &samples, &stamps, &mut continuity, &around);
            while let Some(slot) = queue.receive() {
                seen.push(Seen {
                    oldest_frame: reach
                        + ((slot.oldest_sample.as_lsl_seconds() - 1000.0) * RATE).round() as u64,
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

    /// Frame `n` with whatever is wrong with it.
    fn frame(&self, n: usize, faults: &[(Fault, Range<usize>)]) -> Vec<f64> {
        let mut frame = self.frames[n].clone();
        let c = self.spoilt;
        for (fault, at) in faults.iter().filter(|(_, at)| at.contains(&n)) {
            match fault {
                Fault::Number(x) => frame[c] = *x,
                Fault::Line => {
                    let (a, b) = (self.frames[at.start - 1][c], self.frames[at.end][c]);
                    frame[c] = a + (b - a) * ((n + 1 - at.start) as f64 / (at.len() + 1) as f64);
                }
                Fault::Lines => {
                    let (a, b) = (&self.frames[at.start - 1], &self.frames[at.end]);
                    let share = (n + 1 - at.start) as f64 / (at.len() + 1) as f64;
                    frame = a.iter().zip(b).map(|(a, b)| a + (b - a) * share).collect();
                }
                Fault::Frozen => frame[c] = self.frames[at.start][c],
                Fault::None | Fault::Lost | Fault::Dropped | Fault::ClockStep(_) => {}
            }
        }
        frame
    }
}

/// By how much the source's clock is off at frame `n`, seconds.
fn set_by(n: usize, faults: &[(Fault, Range<usize>)]) -> f64 {
    let steps = faults.iter().map(|(fault, at)| match fault {
        Fault::ClockStep(seconds) if n >= at.start => *seconds,
        _ => 0.0,
    });
    steps.sum()
}

fn pipeline(faults: FaultSpec, average: bool) -> PipelineSpec {
    let mut steps = "[[steps]]\nnotch = { freq_hz = 60, q = 10 }\n".to_owned();
    if average {
        steps += "[[steps]]\ncommon_average = {}\n";
    }
    let conditioning = read_all(&steps);
    PipelineSpec {
        name: "p".into(),
        labels: None,
        unit: None,
        teaching: None,
        anew: false,
        gap_ms: 0.0,
        dejitter: false,
        rate: None,
        faults,
        channels: None,
        conditioning,
        window_ms: None,
        hop_ms: None,
        intent: PolicySpec { smoothing_ms: 0.0, threshold: 0.6, max_age_ms: 500.0, ..PolicySpec::NOTHING }
            .into(),
        anticipate: false,
        deadline_ms: None,
    }
}

fn read_all(steps: &str) -> Vec<Step> {
    let mistakes = Mistakes::new();
    let read = read("rig.toml", steps, &mistakes, |t| read_steps(t, "steps"));
    read.filter(|_| mistakes.is_empty()).unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()))
}

fn bundle(steps: &str, window: usize, hop: usize) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    // A model of an empty graph: it is read, and never run.
    std::fs::write(folder.path().join("model.onnx"), [0x3a, 0]).unwrap();
    let text = format!(
        "schema = 2\nname = \"d\"\nversion = \"1\"\ndescription = \"d\"\nlicence = \"MIT\"\n\
         [model]\nfile = \"model.onnx\"\n\
         sha256 = \"7648eb81c4e9fef7b51879c6fcd6fb4b8863eea0cb2a978c508711dc52c80041\"\n\
         [input]\ntensor = \"x\"\nunit = \"uV\"\nrate_hz = {RATE}\nwindow_samples = {window}\nhop_samples = {hop}\n\
         channels = {DECODED:?}\n\
         {steps}\n\
         [output]\ntensor = \"y\"\nkind = \"class_posteriors\"\nclasses = [\"a\", \"b\"]\n\
         [provenance]\ntrained_by = \"x\"\nsubjects = \"x\"\nsplit = \"x\"\ncode_version = \"x\"\n\
         [golden]\nsegment = \"s.npy\"\nsegment_sha256 = \"0\"\nexpected = \"e.npy\"\nexpected_sha256 = \"0\"\norigin = \"x\"\n"
    );
    std::fs::write(folder.path().join("decoder.toml"), text).unwrap();
    let mistakes = Mistakes::new();
    Bundle::read(folder.path(), &mistakes).unwrap_or_else(|| panic!("{:?}", mistakes.into_sorted()))
}
