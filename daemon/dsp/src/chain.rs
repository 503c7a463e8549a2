use crate::design::{DesignError, Sos};
use crate::element::{Element, Emit, InPlace, Reframe};
use crate::run::{AsrReport, Learned, RetuneError, SosFilter, all_finite};
use crate::signal::Signal;
use crate::step::{Stage, StepSpec};

/// Filters count as settled when this part of what the largest input can cause is left: of an electrode offset of 10 mV,
/// 1 uV.
pub const SETTLED: f64 = 1e-4;

/// A list of steps, validated against a signal and run in order.
///
/// Causal; owned by one thread. Its output is that of its steps one after the other. After `design` or `reset` each step
/// begins as if its first frame had always been there, so that electrode offsets do not ring.
#[derive(Debug)]
pub struct Chain {
    input: Signal,
    output: Signal,
    max_frames: usize,
    links: Box<[Link]>,
    /// `0, 1, 2, ...`: where output frames come from when no step changes the rate.
    identity: Box<[u32]>,
    /// All cascades at one rate in a row, for what is computed from the chain as a whole.
    cascades: Vec<Sos>,
}

/// A step at work.
#[derive(Debug)]
struct Link {
    input: Signal,
    channels: usize,
    rate_hz: f64,
    /// No frame has come since the last reset.
    fresh: bool,
    /// Frames that have to pass, once the steps ahead have learned, until it learns; and those that have.
    wait: usize,
    waited: usize,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// Neighbouring cascades run as one: one pass over the block instead of one each.
    Cascade(SosFilter),
    InPlace(Box<dyn InPlace>),
    Reframe {
        element: Box<dyn Reframe>,
        channels: usize,
        samples: Box<[f64]>,
        origins: Box<[u32]>,
    },
}

/// What a block became.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// `[frames x channels]` of the chain's output, frame-major.
    pub samples: &'a [f64],
    /// For each frame the index within the block of the newest input frame that went into it; never falls.
    pub origins: &'a [u32],
    /// Whether every output is finite. Once false, the elements hold NaN or infinity and later blocks are false too,
    /// until [`Chain::reset`]. An overflow in a block's very last frame may show only in the next block.
    pub finite: bool,
    /// The first frame of the block before which every step had learned enough, or the end of the block; `None` while one has
    /// not.
    pub learned_from: Option<usize>,
}

impl Chain {
    /// A chain that has seen nothing, for blocks of up to `max_frames` frames of `input`. No steps at all make a chain
    /// that changes nothing. Allocates.
    ///
    /// # Errors
    /// Everything wrong with every step at once, each with the step's index, up to the first wrong one on whose settings
    /// the channels or the rate of what follows depend; no channels count against step 0.
    pub fn design(
        steps: &[StepSpec],
        input: &Signal,
        max_frames: usize,
    ) -> Result<Self, Vec<(usize, DesignError)>> {
        if input.channels() == 0 {
            return Err(vec![(0, DesignError::NoChannels)]);
        }
        let max_frames = max_frames.max(1);
        let mut signal = input.clone();
        let mut room = max_frames;
        let mut links: Vec<Link> = Vec::new();
        let mut pending: Option<Sos> = None;
        let mut cascades: Vec<Sos> = Vec::new();
        let mut mistakes = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            let designed = match step.design(&signal, room) {
                Ok(designed) => designed,
                Err(found) => {
                    mistakes.extend(found.into_iter().map(|e| (i, e)));
                    if step.keeps_signal() {
                        continue;
                    }
                    break;
                }
            };
            let (channels, rate_hz) = (signal.channels(), signal.rate.get());
            let input = signal.clone();
            let link = |work| Link { input, channels, rate_hz, fresh: true, wait: 0, waited: 0, work };
            if !matches!(designed.stage, Stage::Cascade(_)) {
                flush(&mut pending, &mut links, &signal).map_err(|e| vec![(i, e)])?;
            }
            match designed.stage {
                Stage::Cascade(sos) => {
                    match cascades.last_mut().filter(|last| last.rate() == sos.rate()) {
                        Some(last) => *last = last.then(&sos),
                        None => cascades.push(sos.clone()),
                    }
                    pending = Some(match pending.take() {
                        Some(before) => before.then(&sos),
                        None => sos,
                    });
                }
                Stage::InPlace(element) => links.push(link(Work::InPlace(element))),
                Stage::Reframe(element) => {
                    room = element.most_frames(room);
                    let channels = designed.output.channels();
                    let samples = vec![0.0; room * channels].into_boxed_slice();
                    let origins = vec![0; room].into_boxed_slice();
                    links.push(link(Work::Reframe { element, channels, samples, origins }));
                }
            }
            signal = designed.output;
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        flush(&mut pending, &mut links, &signal).map_err(|e| vec![(steps.len().saturating_sub(1), e)])?;
        let mut designed = Self {
            input: input.clone(),
            output: signal,
            max_frames,
            links: links.into_boxed_slice(),
            identity: (0..max_frames as u32).collect(),
            cascades,
        };
        designed.wait(None);
        Ok(designed)
    }

    /// Lets steps learn only once what `ahead` of this chain remembers of the time when steps there had not learned is gone;
    /// see [`Chain::process_behind`]. May take time.
    pub fn follow(&mut self, ahead: &Chain) {
        self.wait(ahead.remembered_s());
    }

    /// Makes each step that learns wait, once those ahead have learned, for as long as what is between remembers; `since_s`
    /// is what is remembered ahead of the chain, where something there learns.
    fn wait(&mut self, mut since_s: Option<f64>) {
        for link in &mut self.links {
            let learns = link.element().warm_up_samples() > 0;
            if learns {
                link.wait = since_s.map_or(0, |s| (s * link.rate_hz - 1e-6).ceil().max(0.0) as usize);
                since_s = Some(0.0);
            } else if let Some(s) = &mut since_s {
                *s += link.element().settle_samples(SETTLED) as f64 / link.rate_hz;
            }
        }
    }

    /// For how long what comes after the last step that has to learn remembers what came before it had; `None` where none
    /// has to.
    fn remembered_s(&self) -> Option<f64> {
        let last = self.links.iter().rposition(|link| link.element().warm_up_samples() > 0)?;
        let after = &self.links[last + 1..];
        Some(after.iter().map(|link| link.element().settle_samples(SETTLED) as f64 / link.rate_hz).sum())
    }

    /// As designed: no frame has ever come.
    pub fn reset(&mut self) {
        for link in &mut self.links {
            link.fresh = true;
            link.waited = 0;
            link.element_mut().reset();
        }
    }

    /// Forgets the signal, but keeps what adaptive steps have learned from it, and the beat in which outputs come.
    pub fn restart(&mut self) {
        for link in &mut self.links {
            link.fresh = true;
            link.element_mut().restart();
        }
    }

    /// Goes on as if `frames` frames had come and gone unseen; see [`Element::skip`]. Tells how many outputs went with them.
    pub fn skip(&mut self, frames: u64) -> u64 {
        self.links.iter_mut().fold(frames, |frames, link| link.element_mut().skip(frames))
    }

    /// Runs every step over `[frames x channels]`, up to `max_frames` frames; `frames` is used as working space. With
    /// `learn` false, what adapts to the signal learns nothing from these frames.
    ///
    /// # Panics
    /// When there are more frames than the chain was designed for.
    pub fn process<'a>(&'a mut self, frames: &'a mut [f64], learn: bool) -> Output<'a> {
        self.process_learning_from(frames, if learn { 0 } else { usize::MAX })
    }

    /// As [`Chain::process`]; what adapts learns from frame `trusted_from` on. A step learns nothing before those ahead of it
    /// have learned enough and what is between remembers nothing else, whatever way the signal is cut.
    ///
    /// # Panics
    /// As [`Chain::process`].
    pub fn process_learning_from<'a>(&'a mut self, frames: &'a mut [f64], trusted_from: usize) -> Output<'a> {
        self.process_behind(frames, trusted_from, 0)
    }

    /// As [`Chain::process_learning_from`], behind another chain, whose steps had learned enough before frame `ahead_from`.
    ///
    /// # Panics
    /// As [`Chain::process`].
    pub fn process_behind<'a>(
        &'a mut self,
        frames: &'a mut [f64],
        trusted_from: usize,
        ahead_from: usize,
    ) -> Output<'a> {
        let block = frames.len() / self.input.channels();
        let mut origins: &[u32] = &self.identity[..block];
        let mut current = frames;
        // Of what has become of the block: the first frame that may be learned from, and the first before which every step so
        // far had learned enough; and the latter of the block itself.
        let mut trusted_from = trusted_from;
        let mut ahead_from = ahead_from;
        let mut learned_from = 0;
        for link in &mut self.links {
            if link.fresh && !current.is_empty() {
                link.fresh = false;
                let first = &current[..link.channels];
                // A first frame that is no number says nothing about offsets.
                if all_finite(first) {
                    match &mut link.work {
                        Work::Cascade(filter) => filter.prime(first),
                        Work::InPlace(element) => element.prime(first),
                        Work::Reframe { element, .. } => element.prime(first),
                    }
                }
            }
            let n = origins.len();
            let width = link.channels;
            let learn_from = link.learns_from(n, ahead_from).max(trusted_from);
            match &mut link.work {
                Work::Cascade(filter) => filter.process(current),
                Work::InPlace(element) => {
                    let mut done = 0;
                    let learned = in_parts(n, learn_from, element.as_mut(), |element, part, learn| {
                        element.process(&mut current[done * width..(done + part) * width], learn);
                        done += part;
                    });
                    learned_from = learned_from.max(before(origins, learned));
                    ahead_from = ahead_from.max(learned);
                }
                Work::Reframe { element, channels, samples, origins: own } => {
                    let mut emit = Emit::new(*channels, samples, own);
                    let mut done = 0;
                    let learned = in_parts(n, learn_from, element.as_mut(), |element, part, learn| {
                        emit.part(done);
                        element.process(&current[done * width..(done + part) * width], learn, &mut emit);
                        done += part;
                    });
                    let n = emit.frames();
                    learned_from = learned_from.max(before(origins, learned));
                    let outputs =
                        |before: usize| own[..n].iter().take_while(|o| (**o as usize) < before).count();
                    let learned = ahead_from.max(learned);
                    trusted_from = outputs(trusted_from);
                    // None of the block, where one has not learned: not even the frame after it.
                    ahead_from = if learned == usize::MAX { learned } else { outputs(learned) };
                    for origin in &mut own[..n] {
                        *origin = origins[*origin as usize];
                    }
                    origins = &own[..n];
                    current = &mut samples[..n * *channels];
                }
            }
        }
        let finite = all_finite(current);
        let learned_from = (learned_from <= block).then_some(learned_from);
        Output { samples: current, origins, finite, learned_from }
    }

    /// Whether every step has learned enough for the output to mean anything.
    #[must_use]
    pub fn has_learned(&self) -> bool {
        self.links.iter().all(|link| link.element().frames_to_learn() == 0)
    }

    /// Frames of the input for which what comes after the last step that has to learn remembers what came before it had; 0
    /// where none has to. Takes time.
    #[must_use]
    pub fn settle_samples_after_learning(&self) -> usize {
        let seconds = self.remembered_s().unwrap_or(0.0);
        (seconds * self.input.rate.get() - 1e-6).ceil().max(0.0) as usize
    }

    /// How far before its newest frame the windows begin that an output is computed over, s; see
    /// [`Element::window_samples`].
    #[must_use]
    pub fn window_s(&self) -> f64 {
        let before = |link: &Link| (link.element().window_samples().max(1) - 1) as f64 / link.rate_hz;
        self.links.iter().map(before).sum()
    }

    /// Whether [`Chain::retune`] would take `ready`.
    ///
    /// # Errors
    /// [`RetuneError`] of the first step that differs in kind or shape.
    pub fn fits(&self, ready: &Chain) -> Result<(), RetuneError> {
        if self.input != ready.input || self.output != ready.output || self.links.len() != ready.links.len() {
            return Err(RetuneError::Kind);
        }
        self.links.iter().zip(&ready.links).try_for_each(|(own, new)| own.element().fits(new.element()))
    }

    /// Takes over the settings of `ready`, whose steps must be of the same kinds and shapes, and keeps the state.
    ///
    /// # Errors
    /// As [`Chain::fits`]; nothing is then changed.
    pub fn retune(&mut self, ready: &Chain) -> Result<(), RetuneError> {
        self.fits(ready)?;
        for (own, new) in self.links.iter_mut().zip(&ready.links) {
            own.element_mut().retune(new.element())?;
        }
        for (own, new) in self.cascades.iter_mut().zip(&ready.cascades) {
            own.copy_from(new);
        }
        Ok(())
    }

    /// Whether no element holds NaN or infinity.
    #[must_use]
    pub fn is_finite_state(&self) -> bool {
        self.links.iter().all(|link| link.element().is_finite_state())
    }

    /// Frames of the input until the whole chain has settled, as [`Sos::settle_samples`] defines it for its cascades in
    /// a row, plus the memory of every other step; 0 without memory. Takes time: not for the hot path.
    #[must_use]
    pub fn settle_samples(&self, tolerance: f64) -> usize {
        Self::settle_samples_of(&[self], tolerance)
    }

    /// As [`Chain::settle_samples`], of chains one after the other, in frames of the first's input.
    #[must_use]
    pub fn settle_samples_of(chains: &[&Chain], tolerance: f64) -> usize {
        let Some(first) = chains.first() else { return 0 };
        let mut joined: Vec<Sos> = Vec::new();
        for sos in chains.iter().flat_map(|chain| &chain.cascades) {
            match joined.last_mut().filter(|last| last.rate() == sos.rate()) {
                Some(last) => *last = last.then(sos),
                None => joined.push(sos.clone()),
            }
        }
        let cascades = joined.iter().map(|s| s.settle_samples(tolerance) as f64 / s.rate().get());
        let others = chains.iter().flat_map(|chain| chain.others());
        let others = others.map(|link| link.element().settle_samples(tolerance) as f64 / link.rate_hz);
        let seconds: f64 = cascades.chain(others).sum();
        // A whole number of samples comes out as one, rounding aside.
        (seconds * first.input.rate.get() - 1e-6).ceil().max(0.0) as usize
    }

    /// Frames of the input after `design` or `reset` until adaptive steps have learned enough for the output to mean
    /// anything, besides what it takes to settle; not needed again after a fault.
    #[must_use]
    pub fn warm_up_samples(&self) -> usize {
        let seconds: f64 =
            self.links.iter().map(|l| (l.wait + l.element().warm_up_samples()) as f64 / l.rate_hz).sum();
        (seconds * self.input.rate.get() - 1e-6).ceil().max(0.0) as usize
    }

    /// What the `n`th of the steps that can be given what was learned (`align`, `asr`) has learned so far, and of what
    /// signal; counted from 0 in the order of the steps. Calibrations whose frames are in are finished first. Takes time:
    /// not for the hot path.
    pub fn learned(&mut self, n: usize) -> Option<(Learned<'_>, &Signal)> {
        let mut adaptive = self.links.iter_mut().filter(|link| link.element().learned().is_some());
        let link = adaptive.nth(n)?;
        link.element_mut().finish_learning();
        Some((link.element().learned()?, &link.input))
    }

    /// What was removed as artefacts, where a step does that; of the last such step.
    #[must_use]
    pub fn removed(&self) -> Option<AsrReport> {
        self.links.iter().rev().find_map(|link| link.element().removed())
    }

    /// By how much the chain's output lags at `at_hz`, in seconds; the group delay of filters, half the length of
    /// windows.
    #[must_use]
    pub fn delay_s(&self, at_hz: f64) -> f64 {
        let cascades = self.cascades.iter().map(|s| s.group_delay_samples(at_hz) / s.rate().get());
        let others = self.others().map(|link| link.element().delay_samples(at_hz) / link.rate_hz);
        cascades.chain(others).sum()
    }

    /// The gain of all filters together at `at_hz` in decibels; 0 without filters. References count as 1.
    #[must_use]
    pub fn gain_db(&self, at_hz: f64) -> f64 {
        let cascades = self.cascades.iter().map(|s| s.gain_db(at_hz));
        cascades.chain(self.others().map(|link| link.element().gain_db(at_hz))).sum()
    }

    /// Which input channels can change any output channel marked in `outputs`; all outputs when `None`. Allocates.
    #[must_use]
    pub fn reaches(&self, outputs: Option<&[bool]>) -> Vec<bool> {
        let outputs = outputs.map_or_else(|| vec![true; self.output.channels()], <[bool]>::to_vec);
        self.links.iter().rev().fold(outputs, |marked, link| link.element().reaches(&marked))
    }

    /// What it takes.
    #[must_use]
    pub fn input(&self) -> &Signal {
        &self.input
    }

    /// What it yields.
    #[must_use]
    pub fn output(&self) -> &Signal {
        &self.output
    }

    /// The most frames that one block can yield.
    #[must_use]
    pub fn most_frames(&self) -> usize {
        self.links.iter().fold(self.max_frames, |n, link| match &link.work {
            Work::Reframe { origins, .. } => origins.len(),
            _ => n,
        })
    }

    fn others(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| !matches!(link.work, Work::Cascade(_)))
    }
}

impl Link {
    /// Of `frames` frames, of which those from `ahead_from` on come after the steps ahead have learned, the first that it
    /// may learn from; they are then past.
    fn learns_from(&mut self, frames: usize, ahead_from: usize) -> usize {
        let from = ahead_from.saturating_add(self.wait - self.waited);
        self.waited = (self.waited + frames.saturating_sub(ahead_from)).min(self.wait);
        from
    }

    fn element(&self) -> &dyn Element {
        match &self.work {
            Work::Cascade(filter) => filter,
            Work::InPlace(element) => element.as_ref(),
            Work::Reframe { element, .. } => element.as_ref(),
        }
    }

    fn element_mut(&mut self) -> &mut dyn Element {
        match &mut self.work {
            Work::Cascade(filter) => filter,
            Work::InPlace(element) => element.as_mut(),
            Work::Reframe { element, .. } => element.as_mut(),
        }
    }
}

/// Gives `frames` frames to an element in parts, so that each is learned from as a whole or not at all and none goes on
/// beyond the frame with which enough was learned. The first frame before which it was; `usize::MAX` while it is not.
fn in_parts<E: Element + ?Sized>(
    frames: usize,
    learn_from: usize,
    element: &mut E,
    mut process: impl FnMut(&mut E, usize, bool),
) -> usize {
    let mut learned = (element.frames_to_learn() == 0).then_some(0);
    let mut done = 0;
    while done < frames {
        let learn = done >= learn_from;
        let most = if learn { frames } else { learn_from.min(frames) } - done;
        // What is under way may be done with whatever is not learned from, too.
        let part = match element.frames_to_learn() {
            0 => most,
            wanted => wanted.min(most),
        };
        process(element, part, learn);
        done += part;
        if learned.is_none() && element.frames_to_learn() == 0 {
            learned = Some(done);
        }
    }
    learned.unwrap_or(usize::MAX)
}

/// The frame of the block that frame `at` of what has become of it comes right after; `usize::MAX` beyond its end.
fn before(origins: &[u32], at: usize) -> usize {
    match at {
        0 => 0,
        at => origins.get(at - 1).map_or(usize::MAX, |origin| *origin as usize + 1),
    }
}

/// The cascades collected so far become one filter.
fn flush(pending: &mut Option<Sos>, links: &mut Vec<Link>, signal: &Signal) -> Result<(), DesignError> {
    if let Some(sos) = pending.take() {
        let channels = signal.channels();
        let filter = SosFilter::design(&sos, channels)?;
        let (input, rate_hz) = (signal.clone(), signal.rate.get());
        links.push(Link {
            input,
            channels,
            rate_hz,
            fresh: true,
            wait: 0,
            waited: 0,
            work: Work::Cascade(filter),
        });
    }
    Ok(())
}
