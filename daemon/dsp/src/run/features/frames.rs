use crate::design::DesignError;
use bci_types::Hz;

/// The longest window and hop.
const MOST_MS: f64 = 600_000.0;

/// By how much of a sample a duration may miss a whole number of them: durations are written in decimals, and rates
/// such as 999.41 Hz have no finite ones.
const OFF_BY: f64 = 1e-3;

/// The duration `ms` in frames: at least one, and a whole number of them.
///
/// # Errors
/// [`DesignError::Setting`] of `key`, with the nearest durations that would fit.
pub(crate) fn whole(key: &'static str, ms: f64, rate: Hz) -> Result<usize, DesignError> {
    let frames = ms * rate.get() / 1e3;
    if !(frames > 0.0 && ms <= MOST_MS) {
        let least = period_ms(1.0, rate);
        return Err(DesignError::setting(key, ms, format!("must be {least} to {MOST_MS} ms at {rate}")));
    }
    let nearest = frames.round();
    if nearest >= 1.0 && (frames - nearest).abs() <= OFF_BY {
        return Ok(nearest as usize);
    }
    let (below, above) = (frames.floor().max(1.0), frames.ceil());
    let fits = if below < above {
        format!("{} or {} ms", period_ms(below, rate), period_ms(above, rate))
    } else {
        format!("{} ms", period_ms(above, rate))
    };
    Err(DesignError::setting(key, ms, format!("must be a whole number of samples at {rate}, such as {fits}")))
}

/// `frames` in ms, as a person would write it: precise enough to be taken.
fn period_ms(frames: f64, rate: Hz) -> f64 {
    (frames * 1e3 / rate.get() * 1e4).round() / 1e4
}

/// The rate after every `hop`th frame of `rate`.
pub(crate) fn every(hop: usize, rate: Hz) -> Hz {
    // Positive and finite as it is a positive finite number over a whole one.
    Hz::new(rate.get() / hop as f64).unwrap_or(rate)
}

/// The largest number of frames that fits a whole number of times into both.
pub(crate) fn common_block(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_block(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(rate: f64, ms: f64) -> Result<usize, String> {
        whole("hop_ms", ms, Hz::new(rate).expect("a rate")).map_err(|e| e.to_string())
    }

    #[test]
    fn durations_are_whole_numbers_of_samples() {
        assert_eq!(at(160.0, 62.5), Ok(10));
        assert_eq!(at(999.41, 25.0148), Ok(25));
        assert_eq!(at(1000.0, 1.0), Ok(1));
        assert_eq!(at(30_000.0, 0.0333), Ok(1), "a decimal of 1/30");
    }

    #[test]
    fn what_would_fit_is_told_and_fits() {
        assert_eq!(
            at(160.0, 33.0),
            Err("hop_ms = 33 must be a whole number of samples at 160 Hz, such as 31.25 or 37.5 ms".into())
        );
        assert_eq!(
            at(250.0, 1.0),
            Err("hop_ms = 1 must be a whole number of samples at 250 Hz, such as 4 ms".into())
        );
        assert!(at(999.41, 25.0).is_err() && at(999.41, 25.0148).is_ok());
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e18] {
            assert!(at(250.0, bad).is_err_and(|e| e.contains("must be 4 to 600000 ms")), "{bad}");
        }
    }

    #[test]
    fn common_blocks_are_greatest_common_divisors() {
        assert_eq!([(40, 10), (250, 25), (7, 3), (12, 18)].map(|(a, b)| common_block(a, b)), [10, 25, 1, 6]);
    }
}
