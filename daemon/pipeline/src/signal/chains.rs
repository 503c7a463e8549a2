use super::Layout;
use bci_dsp::run::{AsrReport, Learned, Select, all_below};
use bci_dsp::{Chain, Output, SETTLED, Signal, StepSpec};
use bci_types::Hz;

/// The rig's own steps, the choice of the decoder's channels, and the decoder's own steps.
#[derive(Debug)]
pub(super) struct Chains {
    conditioning: Chain,
    pick: Select,
    picked: Box<[usize]>,
    preprocessing: Chain,
    narrow: Box<[f64]>,
    origins: Box<[u32]>,
    /// Only the decoder's own steps do anything.
    direct: bool,
}

/// What a block became.
#[derive(Debug)]
pub(super) struct Filtered<'a> {
    /// `[frames x channels]`.
    pub(super) samples: &'a [f64],
    /// For each frame the index within the block of the newest frame that went into it.
    pub(super) origins: &'a [u32],
    /// How many of the frames, from the first on, are finite, in single precision too, in which they are decoded.
    pub(super) good: usize,
    /// The first frame of the block before which every step had learned enough, or the end of the block; `None` while one has
    /// not.
    pub(super) learned_from: Option<usize>,
}

impl Chains {
    pub(super) fn design(l: &Layout<'_>, room: usize) -> Result<Self, String> {
        let chain = |steps: &[StepSpec], signal: &Signal, room: usize| {
            Chain::design(steps, signal, room)
                .map_err(|all| all.iter().map(|(_, e)| e.to_string()).collect::<Vec<_>>().join("; "))
        };
        let conditioning = chain(l.conditioning, &l.wide, room)?;
        let room = conditioning.most_frames();
        let picks: Vec<_> = l.picked.iter().map(|&at| (at, l.to_decoder_unit)).collect();
        let pick = Select::design(conditioning.output().channels(), &picks).map_err(|e| e.to_string())?;
        let narrow = Signal::new(conditioning.output().rate, l.decoder_labels);
        let mut preprocessing = chain(l.preprocessing, &narrow, room)?;
        preprocessing.follow(&conditioning);
        let direct = l.conditioning.is_empty() && pick.is_identity();
        Ok(Self {
            direct,
            narrow: vec![0.0; picks.len() * room].into_boxed_slice(),
            origins: vec![0; preprocessing.most_frames()].into_boxed_slice(),
            conditioning,
            pick,
            picked: l.picked.into(),
            preprocessing,
        })
    }

    /// Runs everything over `frames`, which are used up.
    pub(super) fn process<'a>(&'a mut self, frames: &'a mut [f64], learn: bool) -> Filtered<'a> {
        if self.direct {
            let Output { samples, origins, learned_from, .. } = self.preprocessing.process(frames, learn);
            let good = good_frames(samples, origins.len());
            return Filtered { samples, origins, good, learned_from };
        }
        let first = self.conditioning.process(frames, learn);
        let n = first.origins.len();
        let narrow = &mut self.narrow[..n * self.pick.outputs()];
        self.pick.process(first.samples, narrow);
        let before = |from: usize| first.origins.iter().take_while(|o| (**o as usize) < from).count();
        let trusted_from = if learn { 0 } else { n };
        let ahead_from = first.learned_from.map_or(usize::MAX, before);
        let second = self.preprocessing.process_behind(narrow, trusted_from, ahead_from);
        let origins = &mut self.origins[..second.origins.len()];
        for (own, of_narrow) in origins.iter_mut().zip(second.origins) {
            *own = first.origins[*of_narrow as usize];
        }
        // Right after the frame of the stream that the last one learned from came of.
        let in_block = |at: usize| at.checked_sub(1).map_or(0, |last| first.origins[last] as usize + 1);
        let learned_from = first.learned_from.zip(second.learned_from.map(in_block)).map(|(a, b)| a.max(b));
        let good = good_frames(second.samples, origins.len());
        Filtered { samples: second.samples, origins, good, learned_from }
    }

    /// Goes on as if `frames` frames of the stream had come and gone unseen; how many would have come out.
    pub(super) fn skip(&mut self, frames: u64) -> u64 {
        self.preprocessing.skip(self.conditioning.skip(frames))
    }

    /// As designed: what was learned is forgotten, too.
    pub(super) fn reset(&mut self) {
        self.conditioning.reset();
        self.preprocessing.reset();
    }

    /// Begins anew, as if the next frame had always been there; what was learned is kept.
    pub(super) fn restart(&mut self) {
        self.conditioning.restart();
        self.preprocessing.restart();
    }

    /// Which of the wide channels reach the decoder.
    pub(super) fn used(&self) -> Vec<bool> {
        let narrow = self.preprocessing.reaches(None);
        let mut wide = vec![false; self.conditioning.output().channels()];
        for (at, used) in self.picked.iter().zip(narrow) {
            wide[*at] |= used;
        }
        self.conditioning.reaches(Some(&wide))
    }

    /// What comes out.
    pub(super) fn output(&self) -> &Signal {
        self.preprocessing.output()
    }

    /// How long everything takes to settle, in frames of the stream.
    pub(super) fn settle_samples(&self) -> u64 {
        Chain::settle_samples_of(&[&self.conditioning, &self.preprocessing], SETTLED) as u64
    }

    /// How long adaptive steps need to learn at the start, in frames of the stream.
    pub(super) fn warm_up_samples(&self) -> u64 {
        self.in_frames(self.conditioning.warm_up_samples(), self.preprocessing.warm_up_samples())
    }

    /// How long what comes after the first of them remembers what came before it had learned, in frames of the stream.
    pub(super) fn settle_after_learning(&self) -> u64 {
        let all = |chain: &Chain| chain.settle_samples(SETTLED);
        let after = Chain::settle_samples_after_learning;
        match (self.conditioning.warm_up_samples(), self.preprocessing.warm_up_samples()) {
            (0, 0) => 0,
            (_, 0) => self.in_frames(after(&self.conditioning), all(&self.preprocessing)),
            _ => self.in_frames(0, after(&self.preprocessing)),
        }
    }

    /// `first` frames of the stream and `second` of what the rig's own steps yield, in frames of the stream.
    fn in_frames(&self, first: usize, second: usize) -> u64 {
        let ratio = self.rate().get() / self.conditioning.output().rate.get();
        first as u64 + (second as f64 * ratio - 1e-6).ceil().max(0.0) as u64
    }

    /// How many frames of the stream before its newest a frame that comes out was computed over.
    pub(super) fn reach_samples(&self) -> usize {
        let seconds = self.conditioning.window_s() + self.preprocessing.window_s();
        (seconds * self.rate().get()).round() as usize
    }

    /// What was removed as artefacts, where a step does that.
    pub(super) fn removed(&self) -> Option<AsrReport> {
        self.preprocessing.removed().or_else(|| self.conditioning.removed())
    }

    /// What the `n`th adaptive step of the rig's own, or of the decoder's, has learned; see [`Chain::learned`].
    pub(super) fn learned(&mut self, of_decoder: bool, n: usize) -> Option<(Learned<'_>, &Signal)> {
        if of_decoder { self.preprocessing.learned(n) } else { self.conditioning.learned(n) }
    }

    /// The delay of what is let through, in its middle, in seconds.
    pub(super) fn delay_s(&self) -> f64 {
        self.pass_band().map_or(0.0, |(low, high)| {
            let middle = (low * high).sqrt();
            self.conditioning.delay_s(middle) + self.preprocessing.delay_s(middle)
        })
    }

    /// What is let through with no more than half the power lost against the most: the lowest and the highest frequency,
    /// Hz. `None` when nothing passes.
    pub(super) fn pass_band(&self) -> Option<(f64, f64)> {
        pass_band(&[&self.conditioning, &self.preprocessing], self.rate())
    }

    fn rate(&self) -> Hz {
        self.conditioning.input().rate
    }
}

fn good_frames(samples: &[f64], frames: usize) -> usize {
    let good = |samples: &[f64]| all_below(samples, f64::from(f32::MAX));
    if frames == 0 || good(samples) {
        return frames;
    }
    samples.chunks_exact(samples.len() / frames).take_while(|frame| good(frame)).count()
}

fn pass_band(chains: &[&Chain], rate: Hz) -> Option<(f64, f64)> {
    const STEPS: i32 = 600;
    // What tells of a window as a whole comes out by the hop, which is no sampling of what went in: what is done with it then
    // is no filtering of the signal.
    let features = chains.iter().position(|c| c.window_s() > 0.0);
    let chains = &chains[..features.map_or(chains.len(), |at| at + 1)];
    let signal = chains.iter().map(|c| if c.window_s() > 0.0 { c.input() } else { c.output() });
    let slowest = signal.map(|signal| signal.rate.nyquist()).fold(rate.nyquist(), f64::min);
    // From a thousandth of a hertz, or of the rate where that is lower, evenly on a logarithmic scale.
    let (from, to) = ((1e-3f64).min(slowest * 1e-3), slowest * 0.999);
    let at = |i: i32| from * (to / from).powf(f64::from(i) / f64::from(STEPS));
    let gains: Vec<f64> = (0..=STEPS).map(|i| chains.iter().map(|c| c.gain_db(at(i))).sum()).collect();
    let most = gains.iter().copied().filter(|g| g.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let passes = |i: &i32| gains[*i as usize] >= most - 3.02;
    let low = (0..=STEPS).find(passes)?;
    let high = (0..=STEPS).rev().find(passes)?;
    Some((at(low), at(high)))
}
