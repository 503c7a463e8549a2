//! What stamps say: the rate, and where some are missing.

use std::collections::VecDeque;

/// Fewer missing frames are seen where all stamps of this time after, in seconds, are late beside all of this time before: what was
/// held up, and not lost, catches up.
pub(super) const BEFORE_S: f64 = 1.0;
const AFTER_S: f64 = 30.0;
/// What is left of the time after, at the end, must be at least this, s.
const LEFT_S: f64 = 5.0;
/// By how many periods they are late.
const STEP: f64 = 0.75;

/// Before which frames some are missing, few enough that a single stamp does not show it.
pub(super) fn steps(stamps: &[f64], rate: f64) -> Vec<usize> {
    let frames = |s: f64| (s * rate).ceil().max(2.0) as usize;
    let (before, after, left) = (frames(BEFORE_S), frames(AFTER_S), frames(LEFT_S));
    if stamps.len() < before + left {
        return Vec::new();
    }
    let late: Vec<f64> = stamps.iter().enumerate().map(|(n, t)| t - n as f64 / rate).collect();
    let latest = extremes(late.iter(), before, |a, b| a >= b);
    // From the end, so that the last windows are shorter.
    let earliest = extremes(late.iter().rev(), after, |a, b| a <= b);
    let step = |n: &usize| earliest[late.len() - 1 - n] - latest[n - 1] > STEP / rate;
    (before..=late.len() - left).filter(step).collect()
}

/// The extreme of so many values up to each, or of those that there are.
fn extremes<'a>(
    values: impl Iterator<Item = &'a f64>,
    window: usize,
    beats: fn(f64, f64) -> bool,
) -> Vec<f64> {
    let mut best: VecDeque<(usize, f64)> = VecDeque::new();
    let extreme = |(n, value): (usize, &f64)| {
        while best.back().is_some_and(|last| beats(*value, last.1)) {
            best.pop_back();
        }
        best.push_back((n, *value));
        if best.front().is_some_and(|first| first.0 + window <= n) {
            best.pop_front();
        }
        best.front().map_or(*value, |first| first.1)
    };
    values.enumerate().map(extreme).collect()
}

/// Seconds a frame, of the lines of least squares and of one slope through runs; `None` where no run has two frames.
pub(super) fn slope<'a>(runs: impl Iterator<Item = &'a [f64]>) -> Option<f64> {
    let (mut ii, mut it) = (0.0, 0.0);
    for run in runs.filter(|run| run.len() > 1) {
        let (mean, middle) = means(run);
        for (n, t) in run.iter().enumerate() {
            let n = n as f64 - middle;
            ii += n * n;
            it += n * (t - mean);
        }
    }
    (ii > 0.0).then(|| it / ii)
}

/// Where the line of this slope through stamps begins.
pub(super) fn begin(stamps: &[f64], period_s: f64) -> f64 {
    let (mean, middle) = means(stamps);
    mean - period_s * middle
}

/// Mean of the stamps, and of the frames' numbers.
fn means(stamps: &[f64]) -> (f64, f64) {
    let count = stamps.len() as f64;
    (stamps.iter().sum::<f64>() / count, (count - 1.0) / 2.0)
}
