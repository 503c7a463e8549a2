use crate::commands::tape::{Heard, Tape, play as play_tapes};
use bci_pipeline::{Continuity, Counters, SignalPath, Surroundings, WindowQueue};
use bci_rt::clock::Clock;
use bci_rt::edge::Header;
use bci_types::HostNs;
use std::ops::ControlFlow;

/// How a replay went.
pub(super) struct Played {
    /// Recordings of which at least a part was played.
    pub(super) tapes: usize,
    /// Seconds of signal.
    pub(super) seconds: f64,
}

/// A clock that stands: nothing waits here, and nothing that is learned depends on the time.
struct Still;

impl Clock for Still {
    fn now(&self) -> HostNs {
        HostNs::default()
    }
}

/// Plays the recordings through `path`, one after the other, as fast as it takes them, until `is_enough`.
pub(super) fn play(
    path: &mut SignalPath,
    tapes: &[Tape],
    mut is_enough: impl FnMut(&mut SignalPath) -> bool,
) -> Result<Played, String> {
    // Windows are of no interest: the newest takes the place of the last.
    let (queue, counters) = (WindowQueue::new(path.window_len(), 1), Counters::default());
    let around = Surroundings { clock: &Still, queues: &[&queue], counters: &counters };
    let mut at = Continuity::default();
    let mut played = Played { tapes: 0, seconds: 0.0 };
    let mut discontinuity = false;
    play_tapes(tapes, false, |heard| {
        match heard {
            Heard::Begin(i) => {
                played.tapes = i + 1;
                discontinuity = i > 0;
            }
            Heard::Frames { samples, stamps } => {
                let newest = stamps.last().copied().unwrap_or_default();
                let acquired = HostNs::from_lsl_seconds(newest);
                let discontinuity = std::mem::take(&mut discontinuity);
                let header = Header { frames: stamps.len(), acquired, discontinuity, ..Header::default() };
                path.process(header, samples, stamps, &mut at, &around);
                played.seconds += stamps.len() as f64 / path.rate().get();
                if is_enough(path) {
                    return ControlFlow::Break(());
                }
            }
            Heard::Marker { .. } => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(played)
}
