use crate::design::Ratio;

/// Output frames in the making and how far each has come, without a sample: each is a row of taps over `memory` input
/// frames, begins with the oldest of them and is ready with the newest.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    up: usize,
    down: usize,
    memory: usize,
    /// A ring; outputs begin and end in the same order.
    making: Box<[Making]>,
    /// The oldest in the making.
    first: usize,
    count: usize,
    /// Where the next output begins, counted from the next input frame, in parts of `up`.
    phase: usize,
    /// What the last run added.
    parts: Box<[Part]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Making {
    row: usize,
    /// Input frames that have been added.
    taken: usize,
}

/// What a run of input frames adds to one output frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    /// Which of the outputs in the making.
    pub(super) place: usize,
    /// The first tap of `[rows x memory]`.
    pub(super) tap: usize,
    /// The first input frame, and how many.
    pub(super) first: usize,
    pub(super) frames: usize,
    /// Whether the output is then ready.
    pub(super) ends: bool,
}

impl Schedule {
    /// For runs of up to `run` frames. Allocates.
    pub(super) fn new(ratio: Ratio, memory: usize, run: usize) -> Self {
        let (up, down) = (ratio.up() as usize, ratio.down() as usize);
        // Those that have begun, and those that begin in a run before the ended ones have left.
        let most = ((memory + run) * up).div_ceil(down) + 1;
        let mut own = Self {
            up,
            down,
            memory,
            making: vec![Making::default(); most].into_boxed_slice(),
            first: 0,
            count: 0,
            phase: 0,
            parts: vec![Part::default(); most].into_boxed_slice(),
        };
        own.reset(run);
        own
    }

    /// As if input had always come, and the first output were due with the next frame.
    pub(super) fn reset(&mut self, run: usize) {
        (self.first, self.count, self.phase) = (0, 0, 0);
        let mut before = self.memory - 1;
        while before > 0 {
            let frames = before.min(run);
            self.advance(frames);
            before -= frames;
        }
    }

    /// Outputs that may be in the making within a run.
    pub(super) fn places(&self) -> usize {
        self.making.len()
    }

    /// The outputs in the making: the place of each, and its taps for the input that has come, of `[rows x memory]`.
    pub(super) fn begun(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        (0..self.count).map(|i| {
            let place = self.place(i);
            let Making { row, taken } = self.making[place];
            (place, row * self.memory..row * self.memory + taken)
        })
    }

    /// Lets what is in the making end with the taps of another block of `up` rows, which follow the first.
    pub(super) fn keep_former(&mut self) {
        for i in 0..self.count {
            let making = &mut self.making[self.place(i)];
            making.row = making.row % self.up + self.up;
        }
    }

    /// What the next `frames` input frames (at most a run) add to which output, in the order in which outputs end.
    #[inline(always)]
    pub(super) fn advance(&mut self, frames: usize) -> &[Part] {
        let due = frames * self.up;
        let begun = self.count;
        let mut parts = 0;
        while parts < begun || self.phase < due {
            let place = self.place(parts);
            let begins = parts >= begun;
            let first = if begins { self.phase / self.up } else { 0 };
            if begins {
                self.making[place] = Making { row: self.phase % self.up, taken: 0 };
                self.phase += self.down;
                self.count += 1;
            }
            let making = &mut self.making[place];
            let tap = making.row * self.memory + making.taken;
            let frames = (frames - first).min(self.memory - making.taken);
            making.taken += frames;
            self.parts[parts] = Part { place, tap, first, frames, ends: making.taken == self.memory };
            parts += 1;
        }
        self.phase -= due;
        while self.count > 0 && self.making[self.first].taken == self.memory {
            self.first = self.place(1);
            self.count -= 1;
        }
        &self.parts[..parts]
    }

    /// Of the output that is `i` after the oldest.
    #[inline(always)]
    fn place(&self, i: usize) -> usize {
        let place = self.first + i;
        if place < self.making.len() { place } else { place - self.making.len() }
    }
}
