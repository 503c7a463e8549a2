//! Stamps on straight lines.
//!
//! Samples of a regular device were taken evenly, whatever their stamps say that were made where they arrived. A straight line
//! through the stamps of each stretch without a break says when. It knows the whole recording, so that it serves to look at
//! one, and never to play one as it was: stamps of before would know what comes.

use std::ops::Range;

/// The shortest break, in seconds and in samples, whichever is longer; as in pyxdf.
const BREAK: (f64, f64) = (1.0, 500.0);

/// The stretches of a stream of `rate` samples a second between breaks, forwards or backwards, in its stamps.
#[must_use]
pub fn stretches(stamps: &[f64], rate: f64) -> Vec<Range<usize>> {
    let shortest = BREAK.0.max(BREAK.1 / rate);
    let mut found = Vec::new();
    let mut begin = 0;
    for (i, two) in stamps.windows(2).enumerate() {
        if (two[1] - two[0]).abs() > shortest {
            found.push(begin..i + 1);
            begin = i + 1;
        }
    }
    if begin < stamps.len() {
        found.push(begin..stamps.len());
    }
    found
}

/// The stamps laid on a line of least squares, each stretch on its own. Those of a stream without a regular rate (0), or from
/// which samples may be missing unseen, are not to be given here.
#[must_use]
pub fn lines(stamps: &[f64], rate: f64) -> Vec<f64> {
    let mut laid = stamps.to_vec();
    for stretch in stretches(stamps, rate) {
        let of = &stamps[stretch.clone()];
        let n = of.len() as f64;
        // About their middles: stamps are large numbers beside a period.
        let (middle, first) = ((n - 1.0) / 2.0, of[0]);
        let mean = of.iter().map(|t| t - first).sum::<f64>() / n;
        let (mut ii, mut it) = (0.0, 0.0);
        for (i, t) in of.iter().enumerate() {
            let i = i as f64 - middle;
            ii += i * i;
            it += i * (t - first - mean);
        }
        let period = if ii > 0.0 { it / ii } else { 0.0 };
        for (i, laid) in laid[stretch].iter_mut().enumerate() {
            *laid = first + (mean + period * (i as f64 - middle));
        }
    }
    laid
}

/// How many samples came a second, of the stretches together; `None` where that is unknown.
#[must_use]
pub fn effective_rate(stamps: &[f64], rate: f64) -> Option<f64> {
    let (mut periods, mut seconds) = (0, 0.0);
    for stretch in stretches(stamps, rate) {
        periods += stretch.len() - 1;
        seconds += stamps[stretch.end - 1] - stamps[stretch.start];
    }
    (periods > 0 && seconds > 0.0).then(|| periods as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_goes_and_a_break_stays() {
        let jitter = |i: usize| if i.is_multiple_of(2) { 1e-3 } else { -1e-3 };
        let stamps: Vec<f64> = (0..2000)
            .map(|i| 5e5 + i as f64 / 500.0 + if i < 1000 { 0.0 } else { 7.0 } + jitter(i))
            .collect();
        assert_eq!(stretches(&stamps, 500.0), [0..1000, 1000..2000]);
        let laid = lines(&stamps, 500.0);
        for (i, t) in laid.iter().enumerate() {
            let real = 5e5 + i as f64 / 500.0 + if i < 1000 { 0.0 } else { 7.0 };
            assert!((t - real).abs() < 1e-5, "{i}: {t} {real}");
        }
        assert!((effective_rate(&laid, 500.0).expect("known") - 500.0).abs() < 0.01);
        assert_eq!(effective_rate(&stamps[..1], 500.0), None);
        assert_eq!(lines(&[], 500.0), []);
    }
}
