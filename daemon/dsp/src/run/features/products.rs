//! The sums of products that a covariance is made of, tile by tile.

use crate::run::LANES;

/// Rows of the matrix computed side by side, so that each loaded sample serves several products.
const ROWS: usize = 4;

/// Adds `y y'` of every frame of the slab to the upper triangle, tile by tile.
#[inline(always)]
pub(super) fn add_products(slab: &[f64], products: &mut [f64], padded: usize) {
    for i in (0..padded).step_by(ROWS) {
        for j in (i / LANES * LANES..padded).step_by(LANES) {
            let tile = tile(slab, padded, i, j);
            for (r, tile) in tile.iter().enumerate() {
                let at = (i + r) * padded + j;
                products[at..at + LANES].iter_mut().zip(tile).for_each(|(sum, x)| *sum += x);
            }
        }
    }
}

/// `ROWS` by `LANES` numbers of the slab's products, from row `i` and column `j`.
#[inline(always)]
fn tile(slab: &[f64], padded: usize, i: usize, j: usize) -> [[f64; LANES]; ROWS] {
    let mut tile = [[0.0; LANES]; ROWS];
    for frame in slab.chunks_exact(padded) {
        let (Some(rows), Some(columns)) =
            (frame[i..].first_chunk::<ROWS>(), frame[j..].first_chunk::<LANES>())
        else {
            continue;
        };
        for r in 0..ROWS {
            for lane in 0..LANES {
                tile[r][lane] += rows[r] * columns[lane];
            }
        }
    }
    tile
}

/// `products` and those of the frames still in the slab, upper triangle, into `out`.
#[inline(always)]
pub(super) fn pending(slab: &[f64], products: &[f64], padded: usize, channels: usize, out: &mut [f64]) {
    for i in (0..padded).step_by(ROWS) {
        for j in (i / LANES * LANES..padded).step_by(LANES) {
            let tile = tile(slab, padded, i, j);
            for (r, tile) in tile.iter().enumerate().take(channels.saturating_sub(i)) {
                let (from, to) = ((i + r) * padded + j, (i + r) * channels + j);
                let width = channels.saturating_sub(j).min(LANES);
                let sums = products[from..from + width].iter().zip(tile);
                out[to..to + width].iter_mut().zip(sums).for_each(|(out, (sum, x))| *out = sum + x);
            }
        }
    }
}

/// The lower triangle from the upper.
pub(super) fn mirror(out: &mut [f64], channels: usize) {
    for i in 1..channels {
        for j in 0..i {
            out[i * channels + j] = out[j * channels + i];
        }
    }
}

pub(super) fn shrink(out: &mut [f64], channels: usize, share: f64) {
    if share == 0.0 {
        return;
    }
    let target = share * out.iter().step_by(channels + 1).sum::<f64>() / channels as f64;
    out.iter_mut().for_each(|c| *c *= 1.0 - share);
    out.iter_mut().step_by(channels + 1).for_each(|c| *c += target);
}
