//! The definitions, carried out on a whole recording at once; and the path, fed with the same in chunks.

use super::super::{Continuity, Layout, SignalPath, Surroundings};
use crate::faults::FaultSpec;
use crate::slots::WindowQueue;
use crate::status::Counters;
use bci_dsp::design::{Band, Family};
use bci_dsp::{Chain, IirSpec, Over, Signal, SpaceSpec, StepSpec};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::{HostNs, Hz, Validity};

pub(super) const RATE: f64 = 160.0;

struct Still;

impl Clock for Still {
    fn now(&self) -> HostNs {
        HostNs(7)
    }
}

/// What the recording is decoded with.
#[derive(Clone, Debug)]
pub(super) struct Rig {
    pub(super) inputs: usize,
    pub(super) conditioned: Option<Vec<usize>>,
    pub(super) conditioning: Vec<StepSpec>,
    pub(super) picked: Vec<usize>,
    pub(super) factor: f64,
    pub(super) preprocessing: Vec<StepSpec>,
    pub(super) window: usize,
    pub(super) hop: usize,
    pub(super) faults: FaultSpec,
}

impl Rig {
    pub(super) fn path(&self, max_chunk: usize) -> SignalPath {
        let wide = self.conditioned.as_ref().unwrap_or(&self.picked);
        let taken: Vec<(usize, f64)> = wide.iter().map(|&c| (c, self.factor)).collect();
        let place = |p: &usize| wide.iter().position(|w| w == p).unwrap();
        SignalPath::design(&Layout {
            inputs: self.inputs,
            taken: &taken,
            wide: Signal::unlabelled(Hz::new(RATE).unwrap(), wide.len()),
            conditioning: if self.conditioned.is_some() { &self.conditioning } else { &[] },
            picked: &self.picked.iter().map(place).collect::<Vec<_>>(),
            decoder_labels: &vec![String::new(); self.picked.len()],
            to_decoder_unit: 1.0,
            preprocessing: &self.preprocessing,
            window_samples: self.window,
            decision_samples: self.window,
            hop_samples: self.hop,
            teaching: None,
            gap_ms: 0.0,
            dejitter: false,
            faults: self.faults,
            max_chunk,
        })
        .unwrap()
    }
}

/// One frame as it reaches the path, and what became of those before it.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) values: Vec<f64>,
    pub(super) stamp: f64,
    /// Frames that the source lost right before: only the stamps tell.
    pub(super) lost: u64,
    /// Frames that the ring dropped right before: the next header tells, and so do the stamps.
    pub(super) dropped: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) seq: u64,
    pub(super) bits: Vec<u32>,
    pub(super) validity: Validity,
    pub(super) oldest: HostNs,
    pub(super) newest: HostNs,
    pub(super) newest_frame: u64,
}

/// Feeds `frames` in chunks cut at `cuts` (and wherever the ring dropped something, where a chunk must begin).
pub(super) fn run(rig: &Rig, frames: &[Frame], cuts: &[usize], counters: &Counters) -> Vec<Seen> {
    let mut path = rig.path(frames.len().max(1));
    let mut at = Continuity::default();
    feed(&mut path, &mut at, frames, cuts, false, counters)
}

pub(super) fn feed(
    path: &mut SignalPath,
    at: &mut Continuity,
    frames: &[Frame],
    cuts: &[usize],
    anew: bool,
    counters: &Counters,
) -> Vec<Seen> {
    let queue = WindowQueue::new(path.window_len(), frames.len() + 1);
    let around = Surroundings { clock: &Still, queues: &[&queue], counters };
    let mut starts: Vec<usize> = (0..frames.len()).filter(|i| frames[*i].dropped > 0).collect();
    starts.extend(cuts.iter().map(|c| c % frames.len().max(1)));
    starts.extend([0, frames.len()]);
    starts.sort_unstable();
    starts.dedup();
    let mut seen = Vec::new();
    for span in starts.windows(2) {
        let chunk = &frames[span[0]..span[1]];
        let samples: Vec<f64> = chunk.iter().flat_map(|f| f.values.clone()).collect();
        let stamps: Vec<f64> = chunk.iter().map(|f| f.stamp).collect();
        let header = Header {
            frames: chunk.len(),
            acquired: HostNs::from_lsl_seconds(chunk[chunk.len() - 1].stamp),
            dropped_before: chunk[0].dropped,
            discontinuity: anew && span[0] == 0,
            ..Header::default()
        };
        let told = path.process(header, &samples, &stamps, at, &around);
        let before = seen.len();
        while let Some(slot) = queue.receive() {
            seen.push(Seen {
                seq: slot.seq,
                bits: slot.window.iter().map(|x| x.to_bits()).collect(),
                validity: slot.validity,
                oldest: slot.oldest_sample,
                newest: slot.newest_sample,
                newest_frame: slot.newest_frame,
            });
            queue.recycle(slot);
        }
        assert_eq!(told, seen.len() - before, "as many windows as it says");
    }
    seen
}

/// A frame as the filters get it.
struct Fed {
    values: Vec<f64>,
    stamp: f64,
    position: u64,
    causes: Validity,
    /// Frames that are missing right before it.
    missing: u64,
}

/// What the filters get: what is there, spoilt numbers replaced by the last good value.
fn fed(rig: &Rig, frames: &[Frame]) -> Vec<Fed> {
    let wide: Vec<usize> = rig.conditioned.clone().unwrap_or_else(|| rig.picked.clone());
    let mixes = rig.conditioned.is_some() && rig.conditioning.contains(&average());
    let mut last = vec![0.0; wide.len()];
    let (mut all, mut position): (Vec<Fed>, u64) = (Vec::new(), 0);
    for frame in frames {
        let missing = frame.lost + frame.dropped;
        position += missing;
        let mut causes = Validity::VALID;
        for (last, &c) in last.iter_mut().zip(&wide) {
            let x = frame.values[c] * rig.factor;
            if x.abs() < 1e12 {
                *last = x;
            } else if mixes || rig.picked.contains(&c) {
                causes = Validity::NOT_FINITE;
            }
        }
        all.push(Fed { values: last.clone(), stamp: frame.stamp, position, causes, missing });
        position += 1;
    }
    all
}

/// The same, from the definitions: everything filtered in one block, windows cut out by index, causes looked up.
pub(super) fn model(rig: &Rig, frames: &[Frame]) -> Vec<Seen> {
    let wide: Vec<usize> = rig.conditioned.clone().unwrap_or_else(|| rig.picked.clone());
    let fed = fed(rig, frames);
    let mut block: Vec<f64> = fed.iter().flat_map(|f| f.values.clone()).collect();
    if rig.conditioned.is_some() {
        block = filtered(&rig.conditioning, wide.len(), block);
    }
    let places: Vec<usize> = rig.picked.iter().map(|p| wide.iter().position(|w| w == p).unwrap()).collect();
    block = block.chunks(wide.len()).flat_map(|f| places.iter().map(|&p| f[p]).collect::<Vec<_>>()).collect();
    let channels = rig.picked.len();
    block = filtered(&rig.preprocessing, channels, block);

    let settle = rig.path(1).settle_samples() as usize;
    let mut seen = Vec::new();
    for end in ends(rig, &fed) {
        let first = end - rig.window;
        let mut validity = Validity::VALID;
        if (0..end).any(|i| fed[i].causes.has(Validity::NOT_FINITE) && first < i + 1 + settle) {
            validity = validity.with(Validity::NOT_FINITE);
        }
        if (0..end).any(|i| fed[i].missing > 0 && first < i + settle) {
            validity = validity.with(Validity::GAP);
        }
        if first < settle {
            validity = validity.with(Validity::SETTLING);
        }
        let bits = (0..channels)
            .flat_map(|c| (first..end).map(move |i| (c, i)))
            .map(|(c, i)| (block[i * channels + c] as f32).to_bits())
            .collect();
        seen.push(Seen {
            seq: seen.len() as u64,
            bits,
            validity,
            oldest: HostNs::from_lsl_seconds(fed[first].stamp),
            newest: HostNs::from_lsl_seconds(fed[end - 1].stamp),
            newest_frame: fed[end - 1].position,
        });
    }
    seen
}

/// After how many of the frames windows end: the first when there are enough, then every hop, what is missing counted.
fn ends(rig: &Rig, fed: &[Fed]) -> Vec<usize> {
    let Some(first) = rig.window.checked_sub(1).filter(|first| *first < fed.len()) else { return Vec::new() };
    let since = |at: usize| fed[at].position - fed[first].position;
    (first..fed.len()).filter(|&at| since(at).is_multiple_of(rig.hop as u64)).map(|at| at + 1).collect()
}

fn filtered(steps: &[StepSpec], channels: usize, mut block: Vec<f64>) -> Vec<f64> {
    let signal = Signal::unlabelled(Hz::new(RATE).unwrap(), channels);
    let mut chain = Chain::design(steps, &signal, (block.len() / channels).max(1)).unwrap();
    let out = chain.process(&mut block, true);
    assert!(out.finite);
    out.samples.to_vec()
}

/// A synthetic signal of `n` frames, `inputs` channels, without a fault.
pub(super) fn clean(n: usize, inputs: usize) -> Vec<Frame> {
    (0..n)
        .map(|i| {
            let t = i as f64 / RATE;
            let values = (0..inputs)
                .map(|c| {
                    20.0 * (2.0 * std::f64::consts::PI * (9.0 + c as f64) * t).sin() + 5.0 * (c as f64 + 1.0)
                })
                .collect();
            Frame { values, stamp: 100.0 + t, lost: 0, dropped: 0 }
        })
        .collect()
}

/// Makes a hole of `lost` and `dropped` frames before frame `i`.
pub(super) fn hole(frames: &mut [Frame], i: usize, lost: u64, dropped: u64) {
    frames[i].lost += lost;
    frames[i].dropped += dropped;
    for f in &mut frames[i..] {
        f.stamp += (lost + dropped) as f64 / RATE;
    }
}

pub(super) fn band_pass() -> StepSpec {
    butterworth(Band::BandPass { low_hz: 8.0, high_hz: 30.0 }, 2)
}

pub(super) fn butterworth(band: Band, order: u32) -> StepSpec {
    StepSpec::Iir(IirSpec::Band { family: Family::Butterworth, band, order })
}

pub(super) fn average() -> StepSpec {
    StepSpec::Space(SpaceSpec::CommonAverage { over: Over::default() })
}

pub(super) fn plain(window: usize, hop: usize) -> Rig {
    Rig {
        inputs: 3,
        conditioned: None,
        conditioning: Vec::new(),
        picked: vec![2, 0],
        factor: 1.0,
        preprocessing: vec![band_pass()],
        window,
        hop,
        faults: FaultSpec { flat_ms: None, ..FaultSpec::default() },
    }
}
