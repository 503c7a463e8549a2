use crate::design::Complex;
use crate::design::kaiser::{kaiser, sinc};

/// Rows of the table for one period of the lower rate. Between rows a cubic goes through the nearest four, off by less
/// than 1e-8 of the largest tap.
const FINENESS: f64 = 128.0;

/// A windowed sinc between input frames, tabulated over the time from one input frame to the next.
///
/// Smith, J.O., Gossett, P. A flexible sampling-rate conversion method. Proc. IEEE ICASSP, 1984; here with a cubic
/// between the rows. Every row sums to 1, so that a constant comes out as itself, however large.
#[derive(Clone, Debug)]
pub(crate) struct SincTable {
    /// Taps in a row.
    taps: usize,
    /// Steps from one input frame to the next; there is a row for each, one before and two after.
    steps: usize,
    /// By how much its output lags, in input frames.
    delay: f64,
    /// `[rows x taps]`, the tap of the oldest frame first.
    rows: Box<[f64]>,
}

impl SincTable {
    /// For `ratio` output frames an input frame. -6 dB at half of the lower rate; `half_width` in periods of the lower
    /// rate, `beta` of the Kaiser window. Allocates.
    pub(crate) fn design(ratio: f64, half_width: u32, beta: f64) -> Self {
        let cutoff = ratio.min(1.0);
        let delay = f64::from(half_width) / cutoff;
        // One more than its support, so that the rows before 0 and after 1 are whole as well.
        let taps = (2.0 * delay) as usize + 2;
        let steps = (FINENESS * cutoff).ceil().max(4.0) as usize;
        let mut rows = Vec::with_capacity(taps * (steps + 3));
        for row in 0..steps + 3 {
            let phase = (row as f64 - 1.0) / steps as f64;
            let from = rows.len();
            rows.extend((0..taps).rev().map(|age| {
                let at = phase + age as f64 - delay;
                sinc(cutoff * at) * kaiser(beta, at / delay)
            }));
            let scale = 1.0 / rows[from..].iter().sum::<f64>();
            rows[from..].iter_mut().for_each(|tap| *tap *= scale);
        }
        Self { taps, steps, delay, rows: rows.into_boxed_slice() }
    }

    pub(crate) fn taps(&self) -> usize {
        self.taps
    }

    pub(crate) fn delay(&self) -> f64 {
        self.delay
    }

    /// The taps for an output at `phase` (0 to 1, 1 excluded) after the newest input frame, oldest first. `out` has
    /// [`SincTable::taps`] places.
    #[inline(always)]
    pub(crate) fn interpolate(&self, phase: f64, out: &mut [f64]) {
        let at = phase * self.steps as f64;
        // Rounding may reach the row of 1; the one after it is there as well.
        let row = (at as usize).min(self.steps - 1);
        let x = at - row as f64;
        // Lagrange's cubic through -1, 0, 1 and 2.
        let weights = [
            x * (x - 1.0) * (x - 2.0) / -6.0,
            (x + 1.0) * (x - 1.0) * (x - 2.0) / 2.0,
            (x + 1.0) * x * (x - 2.0) / -2.0,
            (x + 1.0) * x * (x - 1.0) / 6.0,
        ];
        let (a, rest) = self.rows[row * self.taps..].split_at(self.taps);
        let (b, rest) = rest.split_at(self.taps);
        let (c, rest) = rest.split_at(self.taps);
        for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(rest) {
            *out = weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d;
        }
    }

    /// The response to `cycles` periods an input frame, delay included.
    pub(crate) fn response(&self, cycles: f64) -> Complex {
        let mut sum = Complex { re: 0.0, im: 0.0 };
        for row in 0..self.steps {
            let taps = &self.rows[(row + 1) * self.taps..(row + 2) * self.taps];
            for (age, tap) in taps.iter().rev().enumerate() {
                let angle = -std::f64::consts::TAU * cycles * (age as f64 + row as f64 / self.steps as f64);
                sum.re += tap * angle.cos();
                sum.im += tap * angle.sin();
            }
        }
        let scale = 1.0 / self.steps as f64;
        Complex { re: sum.re * scale, im: sum.im * scale }
    }
}
