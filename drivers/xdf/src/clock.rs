//! Stamps on the recorder's clock.
//!
//! A recorder measures now and then how far the clock of each stream is from its own. A straight line through these
//! measurements, on which a few that went wrong have little weight, says how far it was at any time. Where the clock was set
//! meanwhile, or its machine started anew, there is a line for each stretch.
//!
//! What counts as a reset, and what is laid through the measurements, is as in pyxdf, which most recordings are read with.

use crate::read::Stream;
use std::ops::Range;

/// Measurements further than this from the line count by their distance, and no more by its square, s.
const HUBER_S: f64 = 1e-4;

/// How far from the others, in seconds and in median deviations, the time between two measurements is at a reset.
const RESET_TIME: (f64, f64) = (5.0, 5.0);
/// The same of the difference of their offsets.
const RESET_OFFSET: (f64, f64) = (1.0, 10.0);

/// How far the stream's clock was from the recorder's over some of its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// The samples.
    pub samples: Range<usize>,
    /// What is to be added to a stamp of 0, s.
    pub offset_s: f64,
    /// How much more is to be added a second of stamps.
    pub drift: f64,
    /// The largest distance of a measurement from the line, s; 0 with fewer than three. A bound on what the correction errs by
    /// where measurements are right.
    pub residual_s: f64,
}

impl Stretch {
    /// A stamp on the recorder's clock.
    #[must_use]
    pub fn corrected(&self, stamp: f64) -> f64 {
        stamp + (self.offset_s + self.drift * stamp)
    }
}

/// The stretches of a stream between which its clock was not set, in order; none where its clock was never looked at.
#[must_use]
pub fn stretches(stream: &Stream) -> Vec<Stretch> {
    let (offsets, stamps) = (&stream.clock_offsets, &stream.stamps);
    let runs = runs(offsets);
    let mut begin = 0;
    let mut found = Vec::with_capacity(runs.len());
    for (i, run) in runs.iter().enumerate() {
        let end = match runs.get(i + 1) {
            // The first stamp that is nearer to the next run than to this one.
            Some(next) => {
                let (last, first) = (offsets[run.end - 1].0, offsets[next.start].0);
                let rest = stamps[begin..].iter();
                let own = rest.take_while(|t| (*t - last).abs() < (*t - first).abs()).count();
                begin + own
            }
            None => stamps.len(),
        };
        if end > begin || runs.len() == 1 {
            let (offset_s, drift, residual_s) = line(&offsets[run.clone()]);
            found.push(Stretch { samples: begin..end, offset_s, drift, residual_s });
        }
        begin = end;
    }
    found
}

/// The stamps of a stream on the recorder's clock; as they are where its clock was never looked at.
#[must_use]
pub fn corrected(stream: &Stream) -> Vec<f64> {
    let mut stamps = stream.stamps.clone();
    for stretch in stretches(stream) {
        stamps[stretch.samples.clone()].iter_mut().for_each(|stamp| *stamp = stretch.corrected(*stamp));
    }
    stamps
}

/// Measurements between which the clock was not set.
fn runs(offsets: &[(f64, f64)]) -> Vec<Range<usize>> {
    if offsets.is_empty() {
        return Vec::new();
    }
    let between = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        offsets.windows(2).map(|two| of(&two[1]) - of(&two[0])).collect()
    };
    let (times, values) = (between(|o| o.0), between(|o| o.1));
    let (time_out, value_out) = (outliers(&times, RESET_TIME), outliers(&values, RESET_OFFSET));
    let mut runs = Vec::new();
    let mut begin = 0;
    for i in 0..times.len() {
        if times[i] < 0.0 || time_out[i] && value_out[i] {
            runs.push(begin..i + 1);
            begin = i + 1;
        }
    }
    runs.push(begin..offsets.len());
    runs
}

/// Which are far from the others.
fn outliers(differences: &[f64], (seconds, deviations): (f64, f64)) -> Vec<bool> {
    let middle = median(differences.to_vec());
    let apart: Vec<f64> = differences.iter().map(|x| (x - middle).abs()).collect();
    let deviation = median(apart.clone());
    apart.iter().map(|apart| *apart > seconds && *apart > deviations * deviation).collect()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        n if n % 2 == 1 => numbers[n / 2],
        n => 0.5 * (numbers[n / 2 - 1] + numbers[n / 2]),
    }
}

/// Offset at 0, slope and largest residual of the line that minimises Huber's loss (Huber, Robust estimation of a location
/// parameter, Ann. Math. Statist. 35(1), 1964), by iteratively reweighted least squares.
fn line(measured: &[(f64, f64)]) -> (f64, f64, f64) {
    const ROUNDS: usize = 500;
    let Some(&(t0, first)) = measured.first() else { return (0.0, 0.0, 0.0) };
    // About the first: numbers of seconds since a machine was started are large beside what is fitted.
    let points: Vec<(f64, f64)> = measured.iter().map(|(t, v)| (t - t0, v - first)).collect();
    let (mut at_t0, mut slope) = (0.0, 0.0);
    let mut weights = vec![1.0; points.len()];
    for _ in 0..ROUNDS {
        let fitted = weighted_line(&points, &weights);
        let moved = (fitted.0 - at_t0).abs() + (fitted.1 - slope).abs() * span(&points);
        (at_t0, slope) = fitted;
        if moved < 1e-12 {
            break;
        }
        for (weight, (t, v)) in weights.iter_mut().zip(&points) {
            *weight = (HUBER_S / (v - at_t0 - slope * t).abs()).min(1.0);
        }
    }
    let apart = points.iter().map(|(t, v)| (v - at_t0 - slope * t).abs());
    let residual = if points.len() < 3 { 0.0 } else { apart.fold(0.0, f64::max) };
    (first + at_t0 - slope * t0, slope, residual)
}

fn span(points: &[(f64, f64)]) -> f64 {
    points.iter().fold(0.0f64, |most, (t, _)| most.max(t.abs()))
}

/// Level where all times are one.
fn weighted_line(points: &[(f64, f64)], weights: &[f64]) -> (f64, f64) {
    let total: f64 = weights.iter().sum();
    let mean =
        |of: fn(&(f64, f64)) -> f64| points.iter().zip(weights).map(|(p, w)| w * of(p)).sum::<f64>() / total;
    let (t_mean, v_mean) = (mean(|p| p.0), mean(|p| p.1));
    let (mut tt, mut tv) = (0.0, 0.0);
    for ((t, v), w) in points.iter().zip(weights) {
        tt += w * (t - t_mean) * (t - t_mean);
        tv += w * (t - t_mean) * (v - v_mean);
    }
    let slope = if tt > 0.0 { tv / tt } else { 0.0 };
    (v_mean - slope * t_mean, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_measurement_hardly_moves_the_line() {
        let mut measured: Vec<(f64, f64)> =
            (0..20).map(|i| (1e6 + 5.0 * f64::from(i), 3.0 + 1e-5 * 5.0 * f64::from(i))).collect();
        let right = line(&measured);
        assert!((right.1 - 1e-5).abs() < 1e-9 && right.2 < 1e-9);
        measured[7].1 += 0.5;
        let (offset, drift, residual) = line(&measured);
        let at = |t: f64| offset + drift * t;
        assert!((at(1e6 + 50.0) - 3.0005).abs() < 2e-5 && residual > 0.4, "{}", at(1e6 + 50.0));
    }

    #[test]
    fn a_clock_that_was_set_begins_a_run() {
        let run = |from: f64, offset: f64| (0..10).map(move |i| (from + 5.0 * f64::from(i), offset));
        let set_back: Vec<_> = run(1000.0, 1.0).chain(run(3.0, 1042.0)).collect();
        assert_eq!(runs(&set_back), [0..10, 10..20]);
        let set_forward: Vec<_> = run(1000.0, 1.0).chain(run(90_000.0, -88_000.0)).collect();
        assert_eq!(runs(&set_forward), [0..10, 10..20]);
        // A pause alone is none.
        let paused: Vec<_> = run(1000.0, 1.0).chain(run(2000.0, 1.0)).collect();
        assert_eq!(runs(&paused), [0..20; 1]);
    }
}
