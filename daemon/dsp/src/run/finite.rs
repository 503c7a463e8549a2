use super::LANES;
use super::simd::vectorised;

/// Whether no sample is NaN or infinite: one pass, without a branch per sample.
#[must_use]
pub fn all_finite(samples: &[f64]) -> bool {
    // Zero times anything finite is zero; times NaN or infinity it is NaN, which a sum keeps.
    let (tiles, rest) = samples.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for tile in tiles {
        for (sum, x) in sums.iter_mut().zip(tile) {
            *sum += x * 0.0;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x * 0.0).sum::<f64>() == 0.0
}

/// Whether the magnitude of every sample is below `limit`; NaN is not. One pass, without a branch per sample.
#[must_use]
pub fn all_below(samples: &[f64], limit: f64) -> bool {
    let (tiles, rest) = samples.as_chunks::<LANES>();
    let mut beyond = [0u64; LANES];
    vectorised(
        #[inline(always)]
        || {
            for tile in tiles {
                for (beyond, x) in beyond.iter_mut().zip(tile) {
                    // Written so that NaN fails.
                    *beyond |= 1 - u64::from(x.abs() < limit);
                }
            }
        },
    );
    beyond.iter().all(|b| *b == 0) && rest.iter().all(|x| x.abs() < limit)
}

#[cfg(test)]
mod tests {
    use super::{all_below, all_finite};

    #[test]
    fn one_bad_sample_anywhere_is_found() {
        for len in 0..40 {
            let mut block = vec![-1e308; len];
            assert!(
                all_finite(&block) && all_below(&block, 1.1e308) && (len == 0 || !all_below(&block, 1e308))
            );
            for i in 0..len {
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let good = std::mem::replace(&mut block[i], bad);
                    assert!(!all_finite(&block), "{bad} at {i} of {len}");
                    assert!(!all_below(&block, f64::MAX), "{bad} at {i} of {len}");
                    block[i] = good;
                }
            }
        }
    }
}
