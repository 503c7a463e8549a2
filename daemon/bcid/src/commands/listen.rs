//! Recordings through a signal path as the daemon would have it, and every window that a decoder would be fed: what is learned from.

use super::fit::progress;
use super::tape::{Heard, Tape, play_displaced};
use crate::exit::{Exit, Failure};
use bci_calibration::{Cue, Task};
use bci_pipeline::{Continuity, Counters, SignalPath, Slot, Surroundings, Teaching, WindowQueue};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::HostNs;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Time does not pass: nothing is decided by how long it takes.
struct Still;

impl Clock for Still {
    fn now(&self) -> HostNs {
        HostNs::default()
    }
}

/// Adaptive steps learn while a trial of the task runs, whichever class it is of.
pub(crate) fn teaching(task: &Task) -> Teaching {
    let markers = task.cues.iter().map(|(marker, _)| marker.clone()).collect();
    Teaching::new(markers, task.from_s, task.to_s)
}

/// How to listen to recordings.
pub(crate) struct Listening<'a> {
    pub(crate) task: &'a Task,
    /// The decoder's classes, in its order.
    pub(crate) classes: &'a [String],
    /// What the path was made with, where what adapts learns in trials alone.
    pub(crate) teaching: Option<Arc<Teaching>>,
    /// Channels that are as they were at another time.
    pub(crate) displaced: &'a [usize],
}

impl Listening<'_> {
    /// Plays all `tapes` as one session; `take` gets each window and the number of its recording. Returns every marker of the task:
    /// cues, and rest.
    pub(crate) fn windows(
        &self,
        tapes: &[Tape],
        path: &mut SignalPath,
        mut take: impl FnMut(usize, &Slot),
    ) -> Result<Vec<Cue>, Failure> {
        let (queue, counters) = (WindowQueue::new(path.window_len(), path.max_chunk()), Counters::default());
        let around = Surroundings { clock: &Still, queues: &[&queue], counters: &counters };
        let mut at = Continuity::default();
        let mut cues: Vec<Cue> = Vec::new();
        // When each recording ends.
        let mut ends = vec![0.0f64; tapes.len()];
        let (mut recording, mut discontinuity) = (0, false);
        let heard = |heard: Heard<'_>| {
            match heard {
                Heard::Begin(i) => {
                    progress("listening", i, tapes.len());
                    (recording, discontinuity) = (i, i > 0);
                }
                Heard::Marker { text, time_s } => {
                    if let Some(teaching) = &self.teaching {
                        teaching.marker(text, time_s);
                    }
                    let class = self.task.class_of(text);
                    let class = class.and_then(|class| self.classes.iter().position(|c| c == class));
                    let rest = self.task.is_rest(text);
                    if class.is_some() || rest {
                        cues.push(Cue { time_s, class, rest, recording, end_s: time_s });
                    }
                }
                Heard::Frames { samples, stamps } => {
                    ends[recording] = stamps.iter().copied().fold(ends[recording], f64::max);
                    let acquired = HostNs::from_lsl_seconds(stamps.last().copied().unwrap_or_default());
                    let discontinuity = std::mem::take(&mut discontinuity);
                    let header =
                        Header { frames: stamps.len(), acquired, discontinuity, ..Header::default() };
                    path.process(header, samples, stamps, &mut at, &around);
                    while let Some(slot) = queue.receive() {
                        take(recording, &slot);
                        queue.recycle(slot);
                    }
                }
            }
            ControlFlow::Continue(())
        };
        play_displaced(tapes, true, self.displaced, heard)
            .map_err(|problem| Failure::new(Exit::Config, problem))?;
        progress("listening", tapes.len(), tapes.len());
        cues.iter_mut().for_each(|cue| cue.end_s = ends[cue.recording]);
        Ok(cues)
    }
}
