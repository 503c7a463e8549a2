//! The inner loops: fixed order of summation, written so that they vectorise.

/// Sums that run side by side in a scalar product.
const LANES: usize = 8;

/// The scalar product, summed in [`LANES`] lanes.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len(), "vectors of one length");
    let (a_tiles, a_rest) = a.as_chunks::<LANES>();
    let (b_tiles, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a_tiles.iter().zip(b_tiles) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = lanes;
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))) + rest
}

/// `y += factor * x`.
#[inline(always)]
pub(super) fn add_multiple(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// `y += factors[0] * x[0] + ... + factors[3] * x[3]`, for four rows of `x` that lie one after the other, `stride`
/// apart: one pass over `y` instead of four.
#[inline(always)]
pub(super) fn add_four(y: &mut [f64], factors: [f64; 4], x: &[f64], stride: usize) {
    let n = y.len();
    let (x0, x) = x.split_at(stride);
    let (x1, x) = x.split_at(stride);
    let (x2, x3) = x.split_at(stride);
    let (x0, x1, x2, x3) = (&x0[..n], &x1[..n], &x2[..n], &x3[..n]);
    let [f0, f1, f2, f3] = factors;
    for ((((y, x0), x1), x2), x3) in y.iter_mut().zip(x0).zip(x1).zip(x2).zip(x3) {
        *y += (f0 * x0 + f1 * x1) + (f2 * x2 + f3 * x3);
    }
}

/// Turns a pair of rows by an angle given by its cosine and sine: `(c a - s b, s a + c b)`.
#[inline(always)]
pub(super) fn rotate(a: &mut [f64], b: &mut [f64], cosine: f64, sine: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        let (x, y) = (*a, *b);
        *a = cosine * x - sine * y;
        *b = sine * x + cosine * y;
    }
}

/// The length of the vector `(a, b)`, without overflow or underflow on the way, and from `sqrt` alone: the same bits
/// everywhere.
#[inline(always)]
pub(super) fn length(a: f64, b: f64) -> f64 {
    let (a, b) = (a.abs(), b.abs());
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    if large == 0.0 {
        return 0.0;
    }
    let ratio = small / large;
    large * (1.0 + ratio * ratio).sqrt()
}
