use super::plan::Plan;
use crate::commands::listen::{Listening, teaching};
use crate::commands::tape::Tape;
use crate::exit::{Exit, Failure};
use bci_calibration::train::Examples;
use bci_calibration::{Cue, Task};
use bci_dsp::run::{Learned, Metric, Shrinkage};
use bci_models::learned::{Entry, Recorded, What};
use bci_pipeline::{PipelineSpec, PolicySpec, SignalPath, acquire, feature_path};
use std::sync::Arc;

/// Clock correction may differ by this between streams, s.
const TOLERANCE_S: f64 = 5e-4;

/// What there is to learn from.
pub(crate) struct Lessons {
    /// Windows of trials, with what the signal path made of them.
    pub(crate) examples: Examples,
    /// In the order of the examples' trials.
    pub(crate) trials: Vec<CuedTrial>,
    /// What the alignment has come to, where there is one.
    pub(crate) aligned: Option<Entry>,
    /// Every window, in trials and between, in order.
    pub(crate) windows: Vec<Window>,
    /// Every marker of the task: cues, and rest.
    pub(crate) cues: Vec<Cue>,
}

/// A trial that was recorded to its end, whether or not a window of it could be trusted.
pub(crate) struct CuedTrial {
    pub(crate) class: usize,
    pub(crate) recording: usize,
    pub(crate) cue_s: f64,
}

/// A window, as a decoder would meet it.
pub(crate) struct Window {
    pub(crate) recording: usize,
    pub(crate) oldest_s: f64,
    pub(crate) newest_s: f64,
    pub(crate) valid: bool,
    /// What adapts to the day may learn from it.
    pub(crate) teaches: bool,
    /// Nothing before it is evidence.
    pub(crate) afresh: bool,
    /// How many windows it is after the one before it.
    pub(crate) hops: u64,
    /// None of one that cannot be trusted.
    pub(crate) features: Vec<f32>,
}

/// Plays the recordings through the decoder's own steps, as the daemon would, and takes the windows that can be trusted.
pub(crate) fn listen(plan: &Plan, task: &Task, tapes: &[Tape]) -> Result<Lessons, Failure> {
    let config = |problem: String| Failure::new(Exit::Config, problem);
    let first = tapes.first().ok_or_else(|| config("no recording".to_owned()))?;
    let steps: Vec<_> = plan.steps()?.into_iter().map(|step| step.spec).collect();
    let mut spec = PipelineSpec::plain("fit", PolicySpec::NOTHING);
    spec.gap_ms = task.stream.gap_ms.unwrap_or(spec.gap_ms);
    let teaching = plan.learns_in_trials.then(|| Arc::new(teaching(task)));
    spec.teaching.clone_from(&teaching);
    let chunk = acquire::chunk_frames(first.stream.rate);
    let mut path = feature_path(&first.stream, &steps, &spec, 1, chunk).map_err(config)?;
    let mut windows: Vec<Window> = Vec::new();
    // The last window's hole and number.
    let mut last = None;
    let listening = Listening { task, classes: &plan.classes, teaching, displaced: &[] };
    let cues = listening.windows(tapes, &mut path, |recording, slot| {
        let valid = slot.validity.is_valid();
        let before = last.replace((slot.epoch, slot.seq));
        windows.push(Window {
            recording,
            oldest_s: slot.oldest_sample.as_lsl_seconds(),
            newest_s: slot.newest_sample.as_lsl_seconds(),
            valid,
            teaches: slot.teaches,
            afresh: before.is_none_or(|(epoch, _)| epoch != slot.epoch),
            hops: before.map_or(1, |(_, seq)| slot.seq.saturating_sub(seq)),
            features: if valid { slot.window.to_vec() } else { Vec::new() },
        });
    })?;
    let (examples, trials) = examples(task, path.window_len(), &windows, &cues);
    let recordings = tapes.iter().map(|tape| tape.recorded.clone()).collect();
    Ok(Lessons { examples, trials, aligned: aligned(plan, &mut path, recordings), windows, cues })
}

/// What the alignment has learned, for the decoder to begin with.
fn aligned(plan: &Plan, path: &mut SignalPath, recordings: Vec<Recorded>) -> Option<Entry> {
    let window_ms = plan.align_ms?;
    let (learned, signal) = path.learned(true, 0)?;
    let Learned::Align { reference: Some(reference), windows, frames } = learned else { return None };
    Some(Entry {
        name: "align".to_owned(),
        channels: signal.labels.clone(),
        rate: signal.rate,
        learned_s: frames as f64 / signal.rate.get(),
        recordings,
        window_ms,
        what: What::Align {
            metric: Metric::Riemann,
            shrinkage: Shrinkage::Oas,
            windows: windows as usize,
            groups: plan.groups(),
            reference: reference.to_vec(),
        },
    })
}

/// Windows that can be trusted and lie wholly within a trial's span, and the trials.
fn examples(task: &Task, width: usize, windows: &[Window], cues: &[Cue]) -> (Examples, Vec<CuedTrial>) {
    let (mut examples, mut trials) = (Examples::new(width), Vec::new());
    for cue in cues.iter().filter(|cue| cue.time_s + task.to_s <= cue.end_s + TOLERANCE_S) {
        let Some(class) = cue.class else { continue };
        let (from, to) = (cue.time_s + task.from_s - TOLERANCE_S, cue.time_s + task.to_s + TOLERANCE_S);
        let first = windows.partition_point(|window| window.newest_s < from);
        let own = windows[first..].iter().take_while(|w| w.newest_s <= to);
        for window in own.filter(|w| w.valid && w.oldest_s >= from) {
            examples.push(trials.len(), class, window.features.iter().map(|x| f64::from(*x)));
        }
        trials.push(CuedTrial { class, recording: cue.recording, cue_s: cue.time_s });
    }
    (examples, trials)
}
