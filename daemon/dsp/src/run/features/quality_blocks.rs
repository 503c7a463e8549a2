use crate::run::LANES;

/// The least number of samples at an extreme for it to count as a rail where none is given.
pub(super) const REPEATED: f64 = 5.0;

/// One row of `LANES` channels.
pub(super) type Row = [f64; LANES];

/// What is kept of a block of frames of `LANES` channels: enough to put together any window of whole blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The first sample, taken away from all.
    pub(super) pivot: Row,
    /// Sums of the powers 1 to 4 of what remains.
    pub(super) powers: [Row; 4],
    pub(super) min: Row,
    pub(super) max: Row,
    /// Samples at these extremes.
    pub(super) at_min: Row,
    pub(super) at_max: Row,
    /// The largest step between two frames of the block,
    pub(super) step: Row,
    /// and the step to its first frame.
    pub(super) edge: Row,
    /// Frames for which the run that the block began in went on,
    pub(super) prefix: Row,
    /// the longest run that began in it,
    pub(super) longest: Row,
    /// and the run it ended in, if that began in it.
    pub(super) suffix: Row,
    /// 1 while every frame has been in the run before the block.
    unbroken: Row,
    /// Samples at or beyond the rails.
    pub(super) railed: Row,
}

/// What goes on from block to block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carry {
    /// The sample before.
    before: Row,
    /// The sample at which the run began.
    held: Row,
}

/// Nothing came before: no run goes on from it.
pub(super) const NO_CARRY: Carry = Carry { before: [f64::NAN; LANES], held: [f64::NAN; LANES] };

/// No frames.
pub(super) const EMPTY: Block = Block {
    pivot: [0.0; LANES],
    powers: [[0.0; LANES]; 4],
    min: [f64::INFINITY; LANES],
    max: [f64::NEG_INFINITY; LANES],
    at_min: [0.0; LANES],
    at_max: [0.0; LANES],
    step: [0.0; LANES],
    edge: [0.0; LANES],
    prefix: [0.0; LANES],
    longest: [0.0; LANES],
    suffix: [0.0; LANES],
    unbroken: [1.0; LANES],
    railed: [0.0; LANES],
};

impl Block {
    /// Adds a frame; the first of a block if `first`. Returns it less the pivot.
    #[inline(always)]
    pub(super) fn add(&mut self, carry: &mut Carry, x: Row, first: bool, eps: f64, rail: f64) -> Row {
        if first {
            *self = EMPTY;
            for (lane, x) in x.into_iter().enumerate() {
                self.pivot[lane] = if x.is_finite() { x } else { 0.0 };
                self.edge[lane] = (x - carry.before[lane]).abs();
            }
        } else {
            for (lane, x) in x.into_iter().enumerate() {
                let step = (x - carry.before[lane]).abs();
                self.step[lane] = if step > self.step[lane] { step } else { self.step[lane] };
            }
        }
        carry.before = x;
        self.run(carry, x, eps);
        self.extremes(x, rail);
        self.moments(x)
    }

    #[inline(always)]
    fn run(&mut self, carry: &mut Carry, x: Row, eps: f64) {
        for (lane, x) in x.into_iter().enumerate() {
            let steady = (x - carry.held[lane]).abs() <= eps;
            carry.held[lane] = if steady { carry.held[lane] } else { x };
            self.unbroken[lane] = if steady { self.unbroken[lane] } else { 0.0 };
            self.prefix[lane] += self.unbroken[lane];
            let longer = self.suffix[lane] + (1.0 - self.unbroken[lane]);
            self.suffix[lane] = if steady { longer } else { 0.0 };
            self.longest[lane] =
                if self.suffix[lane] > self.longest[lane] { self.suffix[lane] } else { self.longest[lane] };
        }
    }

    #[inline(always)]
    fn extremes(&mut self, x: Row, rail: f64) {
        for (lane, x) in x.into_iter().enumerate() {
            let same = self.at_max[lane] + if x == self.max[lane] { 1.0 } else { 0.0 };
            self.at_max[lane] = if x > self.max[lane] { 1.0 } else { same };
            self.max[lane] = if x > self.max[lane] { x } else { self.max[lane] };
        }
        for (lane, x) in x.into_iter().enumerate() {
            let same = self.at_min[lane] + if x == self.min[lane] { 1.0 } else { 0.0 };
            self.at_min[lane] = if x < self.min[lane] { 1.0 } else { same };
            self.min[lane] = if x < self.min[lane] { x } else { self.min[lane] };
        }
        for (lane, x) in x.into_iter().enumerate() {
            self.railed[lane] += if x.abs() >= rail { 1.0 } else { 0.0 };
        }
    }

    #[inline(always)]
    fn moments(&mut self, x: Row) -> Row {
        let mut y = x;
        let mut power = [1.0; LANES];
        for (y, pivot) in y.iter_mut().zip(&self.pivot) {
            *y -= pivot;
        }
        for sum in &mut self.powers {
            for lane in 0..LANES {
                power[lane] *= y[lane];
                sum[lane] += power[lane];
            }
        }
        y
    }
}

/// What a window of blocks amounts to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    pub(super) mean: Row,
    /// Central moments, divided by the number of frames.
    pub(super) second: Row,
    pub(super) fourth: Row,
    pub(super) min: Row,
    pub(super) max: Row,
    pub(super) at_min: Row,
    pub(super) at_max: Row,
    pub(super) step: Row,
    /// The longest run, counted from its second frame.
    pub(super) run: Row,
    pub(super) railed: Row,
}

/// Puts the blocks of a window together, oldest first, each of `frames` frames.
#[inline(always)]
pub(super) fn merge<'a>(blocks: impl Iterator<Item = &'a Block> + Clone, frames: f64) -> Whole {
    let [zero, low, high] = [0.0, f64::NEG_INFINITY, f64::INFINITY].map(|x| [x; LANES]);
    let mut whole = Whole {
        mean: zero,
        second: zero,
        fourth: zero,
        min: high,
        max: low,
        at_min: zero,
        at_max: zero,
        step: zero,
        run: zero,
        railed: zero,
    };
    let n = frames * blocks.clone().count() as f64;
    let mut current = zero;
    let base = blocks.clone().next().map_or(zero, |b| b.pivot);
    for (i, b) in blocks.clone().enumerate() {
        for lane in 0..LANES {
            whole.mean[lane] += (b.pivot[lane] - base[lane]) * frames + b.powers[0][lane];
            whole.railed[lane] += b.railed[lane];
            // The step to the window's first frame is not in it, nor is a run that came from before.
            let (edge, came) = if i == 0 { (0.0, 1.0) } else { (b.edge[lane], 0.0) };
            let step = if edge > b.step[lane] { edge } else { b.step[lane] };
            whole.step[lane] = if step > whole.step[lane] { step } else { whole.step[lane] };
            let through = b.prefix[lane] >= frames;
            current[lane] += (b.prefix[lane] - came).max(0.0);
            whole.run[lane] = whole.run[lane].max(current[lane]).max(b.longest[lane]);
            current[lane] = if through { current[lane] } else { b.suffix[lane] };
        }
        for lane in 0..LANES {
            let (max, at) = (b.max[lane], b.at_max[lane]);
            let same = whole.at_max[lane] + if max == whole.max[lane] { at } else { 0.0 };
            whole.at_max[lane] = if max > whole.max[lane] { at } else { same };
            whole.max[lane] = whole.max[lane].max(max);
            let (min, at) = (b.min[lane], b.at_min[lane]);
            let same = whole.at_min[lane] + if min == whole.min[lane] { at } else { 0.0 };
            whole.at_min[lane] = if min < whole.min[lane] { at } else { same };
            whole.min[lane] = whole.min[lane].min(min);
        }
    }
    for (mean, base) in whole.mean.iter_mut().zip(&base) {
        *mean = base + *mean / n;
    }
    for b in blocks {
        for lane in 0..LANES {
            let [s1, s2, s3, s4] = [0, 1, 2, 3].map(|k| b.powers[k][lane]);
            let d = b.pivot[lane] - whole.mean[lane];
            let d2 = d * d;
            whole.second[lane] += s2 + 2.0 * d * s1 + frames * d2;
            whole.fourth[lane] += s4 + 4.0 * d * s3 + 6.0 * d2 * s2 + 4.0 * d2 * d * s1 + frames * d2 * d2;
        }
    }
    for lane in 0..LANES {
        whole.second[lane] /= n;
        whole.fourth[lane] /= n;
    }
    whole
}
