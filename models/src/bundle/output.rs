use super::input::{Feed, Input};
use super::{at_least_one, no_repeats};
use bci_config::{Located, Mistakes, Place, Table};

/// What a decoder yields.
#[derive(Clone, Debug)]
pub struct Output {
    /// Name of the output tensor.
    pub tensor: Located<String>,
    /// What its numbers are.
    pub kind: OutputKind,
    /// Frames, after the preprocessing, that its states must have seen since their last reset before it means anything.
    pub settle_samples: usize,
}

/// What the numbers of an output are.
#[derive(Clone, Debug)]
pub enum OutputKind {
    /// One number a class, `[1, classes]`.
    Classes(Classes),
    /// One number an axis, `[1, axes]`.
    Velocity {
        /// The axes' names, 1 to 3.
        axes: Located<Vec<String>>,
        /// The unit of each number.
        unit: String,
    },
    /// Numbers that mean nothing by themselves, `[1, size]`.
    Embedding {
        /// How many.
        size: Located<usize>,
    },
    /// One number a token and step, `[1, steps, tokens]`.
    TokenLogits {
        /// The tokens, the blank included.
        tokens: Located<Vec<String>>,
        /// Steps a run.
        steps: usize,
    },
}

/// How class outputs become posteriors.
#[derive(Clone, Debug)]
pub struct Classes {
    /// Class labels, in the order of the tensor.
    pub labels: Located<Vec<String>>,
    /// The numbers are logits, of which the softmax is taken; else they are probabilities.
    pub logits: bool,
    /// What logits (of probabilities, their logarithms) are divided by first.
    pub temperature: f64,
    /// The least that the largest posterior of a window must be for it to count as evidence.
    pub reject_below: f64,
    /// As how many windows of trials the belief counts, at first, that no class is more frequent than another; `None` where
    /// posteriors are left as they are. See [`crate::Prior`].
    pub prior_windows: Option<u32>,
}

impl Output {
    /// Posteriors of these classes, for a decoder that is no bundle.
    #[must_use]
    pub fn posteriors(labels: &[&str]) -> Self {
        let at = Place::option("", "classes", "");
        let labels = Located { value: labels.iter().map(|&l| l.to_owned()).collect(), at: at.clone() };
        let classes =
            Classes { labels, logits: false, temperature: 1.0, reject_below: 0.0, prior_windows: None };
        let tensor = Located { value: "posterior".to_owned(), at };
        Self { tensor, kind: OutputKind::Classes(classes), settle_samples: 0 }
    }

    /// The shape of the tensor.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        match &self.kind {
            OutputKind::Classes(classes) => vec![1, classes.labels.len()],
            OutputKind::Velocity { axes, .. } => vec![1, axes.len()],
            OutputKind::Embedding { size } => vec![1, size.value],
            OutputKind::TokenLogits { tokens, steps } => vec![1, *steps, tokens.len()],
        }
    }

    /// Numbers a run.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.shape().iter().product()
    }

    /// The classes, where it has some.
    #[must_use]
    pub fn classes(&self) -> Option<&Classes> {
        match &self.kind {
            OutputKind::Classes(classes) => Some(classes),
            _ => None,
        }
    }

    /// The names of its numbers: classes, axes or tokens; none for an embedding.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        match &self.kind {
            OutputKind::Classes(Classes { labels, .. }) => labels,
            OutputKind::Velocity { axes, .. } => axes,
            OutputKind::Embedding { .. } => &[],
            OutputKind::TokenLogits { tokens, .. } => tokens,
        }
    }

    /// What the key of the last axis is, with its place: for mistakes.
    pub(crate) fn last_axis(&self) -> (&'static str, &Place) {
        match &self.kind {
            OutputKind::Classes(classes) => ("output.classes", &classes.labels.at),
            OutputKind::Velocity { axes, .. } => ("output.axes", &axes.at),
            OutputKind::Embedding { size } => ("output.size", &size.at),
            OutputKind::TokenLogits { tokens, .. } => ("output.tokens", &tokens.at),
        }
    }
}

pub(super) fn read_output(mut t: Table<'_>, input: Option<&Input>) -> Option<Output> {
    let tensor = t.required::<String>("tensor");
    let kind = t.required::<String>("kind");
    let settle = t.optional::<usize>("settle_samples");
    let kind = kind.and_then(|kind| match kind.value.as_str() {
        "class_posteriors" => read_classes(&mut t, false),
        "class_logits" => read_classes(&mut t, true),
        "velocity" => read_velocity(&mut t),
        "embedding" => at_least_one(&mut t, "size").map(|size| OutputKind::Embedding { size }),
        "token_logits" => read_tokens(&mut t),
        _ => {
            let words =
                "\"class_posteriors\", \"class_logits\", \"velocity\", \"embedding\" or \"token_logits\"";
            t.mistakes().add(kind.mistake(format!("must be {words}")));
            // Its keys cannot be known to be wrong.
            for key in ["classes", "axes", "tokens"] {
                let _ = t.optional::<Vec<String>>(key);
            }
            for key in ["temperature", "reject_below", "prior_windows", "size", "steps"] {
                let _ = t.optional::<f64>(key);
            }
            let _ = t.optional::<String>("unit");
            None
        }
    });
    t.finish();
    let usual = match input {
        Some(input) if input.feed == Feed::Hop => input.window_samples.value,
        _ => 0,
    };
    Some(Output { tensor: tensor?, kind: kind?, settle_samples: settle.map_or(usual, |s| s.value) })
}

fn read_classes(t: &mut Table<'_>, logits: bool) -> Option<OutputKind> {
    let labels = names(t, "classes", 2..=4096, "classes");
    let temperature = t.optional_within("temperature", 0.01..=100.0, "").map_or(1.0, |found| found.value);
    let reject_below = t.optional_within("reject_below", 0.0..=1.0, "").map_or(0.0, |found| found.value);
    let prior = t.optional_within("prior_windows", 1.0..=100_000.0, "");
    let prior_windows = prior.map(|found| found.value.round() as u32);
    Some(OutputKind::Classes(Classes { labels: labels?, logits, temperature, reject_below, prior_windows }))
}

fn read_velocity(t: &mut Table<'_>) -> Option<OutputKind> {
    let axes = names(t, "axes", 1..=3, "axes");
    let unit = t.optional::<String>("unit").map_or_else(|| "1/s".to_owned(), |found| found.value);
    Some(OutputKind::Velocity { axes: axes?, unit })
}

fn read_tokens(t: &mut Table<'_>) -> Option<OutputKind> {
    let tokens = names(t, "tokens", 2..=1_000_000, "tokens");
    let steps = t.optional::<usize>("steps");
    if let Some(steps) = steps.as_ref().filter(|s| s.value == 0) {
        t.mistakes().add(steps.mistake("must be 1 or above"));
    }
    Some(OutputKind::TokenLogits { tokens: tokens?, steps: steps.map_or(1, |s| s.value.max(1)) })
}

/// A list of different names, as many as permitted.
fn names(
    t: &mut Table<'_>,
    key: &str,
    permitted: std::ops::RangeInclusive<usize>,
    what: &str,
) -> Option<Located<Vec<String>>> {
    let found = t.required::<Vec<String>>(key)?;
    let mistakes: &Mistakes = t.mistakes();
    // Tokens may differ in case alone.
    if what == "tokens" {
        let mut sorted: Vec<&String> = found.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
            mistakes.add(found.mistake(format!("named more than once: {}", twice[0])));
        }
    } else {
        no_repeats(&found, mistakes);
    }
    if !found.is_empty() && !permitted.contains(&found.len()) {
        let (least, most) = permitted.into_inner();
        mistakes.add(found.mistake(format!("must name {least} to {most} {what}")));
    }
    Some(found)
}
