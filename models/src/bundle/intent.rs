use super::output::Output;
use bci_config::Table;

/// From which smoothed probability on a class is an intent, as whoever made the decoder found it: for whoever runs it and does not
/// say otherwise. One was chosen with the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// The smoothed probability that a class must reach, above what guessing yields, up to 1.
    pub threshold: f64,
    /// Time constant of the exponential smoothing, ms; 0 for none.
    pub smoothing_ms: f64,
}

impl OperatingPoint {
    /// In place of one that is wrong, which has been noted: whoever holds a draft against a configuration is not told that there is
    /// none.
    const WRONG: Self = Self { threshold: 1.0, smoothing_ms: 0.0 };
}

/// Of a decoder that yields `output`, as far as that could be read.
pub(super) fn read_intent(mut t: Table<'_>, output: Option<&Output>) -> Option<OperatingPoint> {
    let threshold = t.required::<f64>("threshold");
    let smoothing = t.required_within("smoothing_ms", 0.0..=60_000.0, "ms");
    let (mistakes, at) = (t.mistakes(), t.place().clone());
    t.finish();
    let classes = output.map(|output| output.classes().map(|classes| classes.labels.len()));
    if classes == Some(None) {
        mistakes.add(at.mistake("must be left out: only classes become intents"));
        return None;
    }
    let chance = 1.0 / classes.flatten().unwrap_or(usize::MAX) as f64;
    let threshold = threshold.filter(|threshold| {
        // Written so that NaN fails, and compared as it will be, in single precision.
        let permitted = threshold.value as f32 > chance as f32 && threshold.value <= 1.0;
        if !permitted {
            let what = match classes.flatten() {
                Some(n) => {
                    format!("must be above {chance:.3}, what guessing between {n} classes yields, up to 1")
                }
                None => "must be above 0, up to 1".to_owned(),
            };
            mistakes.add(threshold.mistake(what));
        }
        permitted
    });
    Some(match (threshold, smoothing) {
        (Some(threshold), Some(smoothing)) => {
            OperatingPoint { threshold: threshold.value, smoothing_ms: smoothing.value }
        }
        _ => OperatingPoint::WRONG,
    })
}
