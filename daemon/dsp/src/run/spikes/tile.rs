//! The inner loop: what is counted and summed within a bin, some channels side by side.

use crate::run::LANES;

/// Frames that are worked off for one tile before the next tile's turn: enough that loading and storing its state costs
/// little, few enough for the rows to be read as so many straight runs through memory.
const ROWS: usize = 8;

/// `LANES` channels within a bin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    /// A sample is beyond the threshold when the signal times the threshold's sign is above this; infinite where there
    /// is no threshold yet. Never negative.
    pub(super) level: [f64; LANES],
    /// 1 where the last sample was beyond the threshold, else 0.
    beyond: [f64; LANES],
    /// Samples until another crossing counts; 0 or less: now.
    wait: [f64; LANES],
    /// Crossings in this bin.
    pub(super) count: [f64; LANES],
    /// Sum of squares in this bin.
    pub(super) sum: [f64; LANES],
}

impl Tile {
    /// Without thresholds, at the start of a bin, no sample seen.
    pub(super) const NEW: Self = Self {
        level: [f64::INFINITY; LANES],
        beyond: [0.0; LANES],
        wait: [0.0; LANES],
        count: [0.0; LANES],
        sum: [0.0; LANES],
    };

    /// No sample seen, the same thresholds.
    pub(super) fn restart(&mut self) {
        *self = Self { level: self.level, ..Self::NEW };
    }

    /// The next bin begins.
    pub(super) fn next_bin(&mut self) {
        self.count = [0.0; LANES];
        self.sum = [0.0; LANES];
    }

    /// Whether no NaN or infinity is held; an infinite level is none.
    pub(super) fn is_finite(&self) -> bool {
        crate::run::all_finite(&self.sum)
    }

    #[inline(always)]
    fn take<const REFRACTORY: bool>(&mut self, x: &[f64; LANES], sign: f64, refractory: f64) {
        for (lane, &x) in x.iter().enumerate() {
            let beyond = if x * sign > self.level[lane] { 1.0 } else { 0.0 };
            let mut counts = beyond > self.beyond[lane];
            if REFRACTORY {
                let wait = self.wait[lane] - 1.0;
                counts &= wait <= 0.0;
                self.wait[lane] = if counts { refractory } else { wait };
            }
            self.count[lane] += if counts { 1.0 } else { 0.0 };
            self.beyond[lane] = beyond;
            self.sum[lane] += x * x;
        }
    }
}

/// Takes `[frames x channels]` of one bin into `tiles`; the last tile is padded with idle lanes. `refractory` in
/// samples.
#[inline(always)]
pub(super) fn accumulate<const REFRACTORY: bool>(
    tiles: &mut [Tile],
    channels: usize,
    frames: &[f64],
    sign: f64,
    refractory: f64,
) {
    let whole = channels / LANES;
    for rows in frames.chunks(ROWS * channels) {
        for (i, state) in tiles.iter_mut().enumerate() {
            // A copy, so that the compiler sees that nothing overlaps and keeps it in registers.
            let mut tile = *state;
            if i < whole {
                for row in rows.chunks_exact(channels) {
                    if let Some(x) = row[i * LANES..].first_chunk::<LANES>() {
                        tile.take::<REFRACTORY>(x, sign, refractory);
                    }
                }
            } else {
                for row in rows.chunks_exact(channels) {
                    let rest = &row[whole * LANES..];
                    let mut x = [0.0; LANES];
                    x[..rest.len()].copy_from_slice(rest);
                    tile.take::<REFRACTORY>(&x, sign, refractory);
                }
            }
            *state = tile;
        }
    }
}
