//! Frames with stamps on an even grid.
//!
//! Frames are written in their order, none left out and none filled in, a period of the nominal rate apart. Where frames are
//! missing a new run begins. Within a run a straight line through the stamps says when each frame was taken; a line that strays
//! from the grid by more than half a sample, or stamps that stray from the line, are told, and nothing is resampled.

mod stamps;

use self::stamps::{BEFORE_S, begin, slope, steps};
use bci_driver_playback::SignalGroup;
use serde_json::{Value, json};

/// A step between stamps that is longer than this, in seconds and in periods, whichever is longer, begins a run. Forwards it is
/// what readers take for a gap, backwards a clock that was set.
const GAP: (f64, f64) = (0.5, 16.0);
/// From which relative difference on a rate is another one.
const ANOTHER: f64 = 0.01;

/// Where frames are in time.
#[derive(Debug)]
pub(super) struct Grid {
    /// The nominal rate, Hz.
    pub(super) rate: f64,
    pub(super) runs: Vec<Run>,
    /// Frames a second of the recorder's clock.
    pub(super) measured_hz: Option<f64>,
    /// How far a stamp is from the line through its run, s.
    pub(super) jitter_s: f64,
    /// How far the line of a run is from an even grid of the nominal rate that has its middle, in samples.
    pub(super) stray_samples: f64,
}

/// Frames without a hole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) first: u64,
    frames: u64,
    /// When its first frame was taken, in the recording's time.
    begin_s: f64,
    period_s: f64,
    /// How long frames are missing before it; `None` where that is not known, or it is the first.
    pub(super) missing_s: Option<f64>,
}

/// Where something lies on the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    /// Seconds of the file's time, of which 0 is its first frame.
    pub(super) onset_s: f64,
    /// The nearest frame; `None` before the first and after the last.
    pub(super) frame: Option<u64>,
    /// It lay where frames are missing.
    pub(super) in_gap: bool,
}

impl Grid {
    /// `breaks`: frames that are known to begin a run besides.
    pub(super) fn of(signals: &SignalGroup, rate: f64, breaks: &[u64]) -> Self {
        let stamps: Vec<f64> = (0..signals.frames()).map(|n| signals.frame_time_s(n)).collect();
        let known = signals.segments().iter().map(|segment| segment.first_frame);
        Self::through(&stamps, rate, known.chain(breaks.iter().copied()))
    }

    fn through(stamps: &[f64], rate: f64, known: impl Iterator<Item = u64>) -> Self {
        let mut starts: Vec<usize> = known.filter_map(|n| usize::try_from(n).ok()).collect();
        let longest = GAP.0.max(GAP.1 / rate);
        let jumps = stamps.windows(2).zip(1..).filter(|(two, _)| (two[1] - two[0]).abs() > longest);
        starts.extend(jumps.map(|(_, n)| n));
        let starts = bounded(starts, stamps.len());
        let small: Vec<usize> = pieces(&starts, stamps.len())
            .flat_map(|(from, to)| steps(&stamps[from..to], rate).into_iter().map(move |n| from + n))
            .collect();
        // Many are no losses: the rate is another one. Nor does what is later than is looked back show any.
        if !small.is_empty() && small.len() <= stamps.len() / 50 {
            let grid = Self::on(stamps, rate, &bounded([starts.clone(), small].concat(), stamps.len()));
            if grid.jitter_s <= BEFORE_S {
                return grid;
            }
        }
        Self::on(stamps, rate, &starts)
    }

    fn on(stamps: &[f64], rate: f64, starts: &[usize]) -> Self {
        let mut grid = Self { rate, runs: Vec::new(), measured_hz: None, jitter_s: 0.0, stray_samples: 0.0 };
        // A device has one rate, whatever is missing: that of lines of one slope through all runs.
        let slope = slope(pieces(starts, stamps.len()).map(|(from, to)| &stamps[from..to]));
        grid.measured_hz = slope.filter(|s| *s > 0.0).map(|s| 1.0 / s);
        let period_s = slope.filter(|s| *s > 0.0).unwrap_or(1.0 / rate);
        for (from, to) in pieces(starts, stamps.len()) {
            let of = &stamps[from..to];
            let begin_s = begin(of, period_s);
            let off = of.iter().zip(0u32..).map(|(t, n)| (t - begin_s - f64::from(n) * period_s).abs());
            grid.jitter_s = off.fold(grid.jitter_s, f64::max);
            let length = of.len() as f64 - 1.0;
            grid.stray_samples = grid.stray_samples.max((period_s * rate - 1.0).abs() * length / 2.0);
            let missing_s = grid.runs.last().map(|run| begin_s - run.end_s());
            let missing_s = missing_s.filter(|s| *s > 0.5 / rate);
            grid.runs.push(Run { first: from as u64, frames: of.len() as u64, begin_s, period_s, missing_s });
        }
        grid
    }

    /// Whether the nominal rate is not that of the frames, as far as stamps that are not even can tell.
    pub(super) fn is_another_rate(&self) -> bool {
        let apart = self.measured_hz.map_or(0.0, |hz| (hz / self.rate - 1.0).abs());
        apart > ANOTHER && self.stray_samples > self.jitter_s * self.rate
    }

    /// Where a time of the recording is, in seconds from the first frame of any of its streams.
    pub(super) fn place(&self, time_s: f64) -> Placed {
        let at = self.runs.iter().rposition(|run| run.begin_s - 0.5 * run.period_s <= time_s).unwrap_or(0);
        let Some(run) = self.runs.get(at) else {
            return Placed { onset_s: time_s, frame: None, in_gap: false };
        };
        let position = (time_s - run.begin_s) / run.period_s;
        let last = run.frames.saturating_sub(1);
        let nearest = position.round().clamp(0.0, last as f64);
        let frame = run.first + nearest as u64;
        // At most a period from a frame it lies at that frame.
        if (position - nearest).abs() <= 1.0 {
            let onset_s = (run.first as f64 + position) / self.rate;
            return Placed { onset_s, frame: Some(frame), in_gap: false };
        }
        match self.runs.get(at + 1) {
            Some(next) if position > 0.0 => {
                let before = time_s - run.begin_s - last as f64 * run.period_s;
                let frame = if next.begin_s - time_s < before { next.first } else { frame };
                Placed { onset_s: frame as f64 / self.rate, frame: Some(frame), in_gap: true }
            }
            _ => Placed { onset_s: (run.first as f64 + position) / self.rate, frame: None, in_gap: false },
        }
    }

    /// What is to be told of it.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let missing: Vec<f64> = self.runs.iter().filter_map(|run| run.missing_s).collect();
        if self.runs.len() > 1 {
            notes.push(format!(
                "{}, {:.3} s of missing frames in all, as far as stamps tell: a new segment begins after each, and the file's time leaves them out",
                counted(self.runs.len() - 1, "hole"),
                missing.iter().fold(0.0, |sum, s| sum + s)
            ));
        }
        if let Some(hz) = self.measured_hz
            && self.stray_samples > 0.5
        {
            notes.push(format!(
                "frames came at {hz:.4} Hz by the recorder's clock and are written at {} Hz: up to {:.1} samples from where an even grid has them",
                self.rate, self.stray_samples
            ));
        }
        if self.jitter_s > 0.5 / self.rate {
            notes.push(format!(
                "stamps are up to {:.1} ms from even ones (bursts, jitter, or losses too short to tell from them): frames are written in order",
                1e3 * self.jitter_s
            ));
        }
        notes
    }

    /// The same for programs.
    pub(super) fn as_json(&self) -> Value {
        let holes = self
            .runs
            .iter()
            .skip(1)
            .map(|run| json!({ "Sample": run.first, "MissingSeconds": run.missing_s }));
        json!({
            "Method": "frames in recorded order at the nominal rate, neither resampled nor filled in",
            "MeasuredSamplingFrequency": self.measured_hz,
            "LargestStampDeviationSeconds": self.jitter_s,
            "LargestGridDeviationSamples": self.stray_samples,
            "Holes": holes.collect::<Vec<_>>(),
        })
    }
}

impl Run {
    /// A period after its last frame.
    fn end_s(&self) -> f64 {
        self.begin_s + self.frames as f64 * self.period_s
    }
}

/// `1 hole`, `2 holes`.
pub(super) fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Starts in order, each once, with 0.
fn bounded(mut starts: Vec<usize>, len: usize) -> Vec<usize> {
    starts.push(0);
    starts.retain(|n| *n < len);
    starts.sort_unstable();
    starts.dedup();
    starts
}

fn pieces(starts: &[usize], len: usize) -> impl Iterator<Item = (usize, usize)> {
    let ends = starts.iter().skip(1).copied().chain([len]);
    starts.iter().copied().zip(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frame `n` of 250 Hz, in bursts of 8 that come with the last of them.
    fn bursts(n: usize) -> f64 {
        (n / 8 * 8 + 7) as f64 / 250.0
    }

    #[test]
    fn bursts_are_one_run_and_a_loss_that_outlasts_them_is_seen_to_the_frame() {
        let whole: Vec<f64> = (0..5000).map(bursts).collect();
        let grid = Grid::through(&whole, 250.0, [0].into_iter());
        assert_eq!(grid.runs.len(), 1);
        assert!(grid.stray_samples < 0.5 && grid.jitter_s < 0.03, "{grid:?}");
        // Late, and then caught up: nothing is lost.
        let held = |n: usize| bursts(n) + 0.3 * (1.0 - n.saturating_sub(2000) as f64 / 1000.0).max(0.0);
        let stalled: Vec<f64> = (0..5000).map(|n| if n < 2000 { bursts(n) } else { held(n) }).collect();
        assert_eq!(Grid::through(&stalled, 250.0, [0].into_iter()).runs.len(), 1);
        // 16 frames are lost, which is too few for a gap in the stamps.
        let lossy: Vec<f64> = (0..5000).map(|n| bursts(if n < 2000 { n } else { n + 16 })).collect();
        let grid = Grid::through(&lossy, 250.0, [0].into_iter());
        assert_eq!(grid.runs.iter().map(|r| r.first).collect::<Vec<_>>(), [0, 2000]);
        assert!((grid.runs[1].missing_s.expect("known") - 0.064).abs() < 1e-3, "{grid:?}");
        assert!(!grid.is_another_rate() && grid.notes()[0].contains("1 hole, 0.064 s"), "{:?}", grid.notes());
    }

    #[test]
    fn a_rate_that_is_a_little_off_is_told_and_one_that_is_another_is_known() {
        let at = |hz: f64| -> Vec<f64> { (0..30_000).map(|n| f64::from(n) / hz).collect() };
        let grid = Grid::through(&at(249.9), 250.0, [0].into_iter());
        assert!(grid.notes()[0].contains("249.9000 Hz") && !grid.is_another_rate(), "{:?}", grid.notes());
        for wrong in [125.0, 240.0, 1000.0] {
            assert!(Grid::through(&at(wrong), 250.0, [0].into_iter()).is_another_rate(), "{wrong}");
        }
        assert_eq!(Grid::through(&at(250.0), 250.0, [0].into_iter()).notes(), [""; 0]);
    }

    #[test]
    fn times_are_placed_at_the_nearest_frame_and_those_beside_the_recording_at_none() {
        // Ten seconds, ten missing, ten seconds.
        let stamps: Vec<f64> =
            (0..2000).map(|n| f64::from(if n < 1000 { n } else { n + 1000 }) / 100.0).collect();
        let grid = Grid::through(&stamps, 100.0, [0].into_iter());
        let placed = |t: f64| {
            let Placed { onset_s, frame, in_gap } = grid.place(t);
            ((onset_s * 1e6).round() / 1e6, frame, in_gap)
        };
        assert_eq!(placed(0.0), (0.0, Some(0), false));
        assert_eq!(placed(3.004), (3.004, Some(300), false));
        assert_eq!(placed(9.995), (9.995, Some(999), false));
        assert_eq!(placed(12.0), (9.99, Some(999), true));
        assert_eq!(placed(18.0), (10.0, Some(1000), true));
        assert_eq!(placed(20.0), (10.0, Some(1000), false));
        assert_eq!(placed(-2.0), (-2.0, None, false));
        assert_eq!(placed(31.0), (21.0, None, false));
    }

    #[test]
    fn nothing_and_a_single_frame_are_no_trouble() {
        assert_eq!(Grid::through(&[], 100.0, [0].into_iter()).runs.len(), 0);
        let one = Grid::through(&[0.0], 100.0, [0].into_iter());
        assert_eq!((one.runs.len(), one.measured_hz, one.place(0.0).frame), (1, None, Some(0)));
    }
}
