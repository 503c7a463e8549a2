//! The definitions, carried out on a whole recording at once; and the path, fed with the same in chunks.

use super::super::{Continuity, Layout, SignalPath, Surroundings};
use crate::slots::WindowQueue;
use crate::status::Counters;
use bci_dsp::{Chain, StepSpec};
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
}

impl Rig {
    pub(super) fn path(&self, max_chunk: usize) -> SignalPath {
        SignalPath::design(&Layout {
            rate: Hz::new(RATE).unwrap(),
            inputs: self.inputs,
            factors: &vec![self.factor; self.inputs],
            conditioned: self.conditioned.as_deref(),
            conditioning: &self.conditioning,
            picked: &self.picked,
            to_decoder_unit: 1.0,
            preprocessing: &self.preprocessing,
            window_samples: self.window,
            hop_samples: self.hop,
            gap_ms: 0.0,
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
    let around = Surroundings { clock: &Still, queue: &queue, counters };
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
            acquired: HostNs(3),
            dropped_before: chunk[0].dropped,
            discontinuity: anew && span[0] == 0,
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

/// The same, from the definitions: everything filtered in one block, windows cut out by index, causes looked up.
pub(super) fn model(rig: &Rig, frames: &[Frame]) -> Vec<Seen> {
    let rate = Hz::new(RATE).unwrap();
    let wide: Vec<usize> = rig.conditioned.clone().unwrap_or_else(|| rig.picked.clone());
    let mut held = vec![0.0; wide.len()];
    let mut bad = Vec::new();
    let mut block = Vec::new();
    for frame in frames {
        let mut any = false;
        for (held, &c) in held.iter_mut().zip(&wide) {
            let x = frame.values[c] * rig.factor;
            if x.abs() <= 1e12 {
                *held = x;
            } else {
                any = true;
            }
            block.push(*held);
        }
        bad.push(any);
    }
    if rig.conditioned.is_some() {
        assert!(Chain::design(&rig.conditioning, rate, wide.len()).unwrap().process(&mut block));
        let places: Vec<usize> =
            rig.picked.iter().map(|p| wide.iter().position(|w| w == p).unwrap()).collect();
        block =
            block.chunks(wide.len()).flat_map(|f| places.iter().map(|&p| f[p]).collect::<Vec<_>>()).collect();
    }
    let channels = rig.picked.len();
    assert!(Chain::design(&rig.preprocessing, rate, channels).unwrap().process(&mut block));

    let settle = rig.path(1).settle_samples() as usize;
    let positions: Vec<u64> = frames
        .iter()
        .scan(0, |next, f| {
            *next += f.lost + f.dropped + 1;
            Some(*next - 1)
        })
        .collect();
    let mut seen = Vec::new();
    let mut end = rig.window;
    while end <= frames.len() {
        let first = end - rig.window;
        let within =
            |cause: &dyn Fn(usize) -> bool, memory: usize| (0..end).any(|i| cause(i) && first < i + memory);
        let mut validity = Validity::VALID;
        // Something is missing right before frame i: a window is tainted that begins before i, or before it settled.
        if within(&|i| frames[i].lost + frames[i].dropped > 0, settle) {
            validity = validity.with(Validity::GAP);
        }
        if first < settle {
            validity = validity.with(Validity::SETTLING);
        }
        if within(&|i| bad[i], settle + 1) {
            validity = validity.with(Validity::NOT_FINITE);
        }
        let bits = (0..channels)
            .flat_map(|c| (first..end).map(move |i| (c, i)))
            .map(|(c, i)| (block[i * channels + c] as f32).to_bits())
            .collect();
        seen.push(Seen {
            seq: seen.len() as u64,
            bits,
            validity,
            oldest: HostNs::from_lsl_seconds(frames[first].stamp),
            newest: HostNs::from_lsl_seconds(frames[end - 1].stamp),
            newest_frame: positions[end - 1],
        });
        end += rig.hop;
    }
    seen
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
    StepSpec::BandPass { low_hz: 8.0, high_hz: 30.0, order: 2 }
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
    }
}
