use bci_config::{Located, Table};

/// Memory that a decoder carries from one run to the next: what it yields as one tensor it takes as another.
#[derive(Clone, Debug)]
pub struct State {
    /// The tensor that it takes.
    pub input: Located<String>,
    /// The tensor that it yields, which is taken the next time.
    pub output: Located<String>,
    /// The shape of both.
    pub shape: Located<Vec<usize>>,
    /// What is in every element at the start and after a reset.
    pub initial: f32,
    /// When it begins anew.
    pub reset: Reset,
}

/// When a state begins anew, besides at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// At every hole in the stream, and after every window that cannot be trusted.
    #[default]
    Invalid,
    /// Only when a source is attached anew: for what adapts over minutes.
    Attachment,
}

/// The most numbers of one state (256 MiB).
const MOST_NUMBERS: usize = 1 << 26;

pub(super) fn read_states(t: &mut Table<'_>) -> Vec<State> {
    let states: Vec<State> = t.tables("state").into_iter().filter_map(read_state).collect();
    for (i, state) in states.iter().enumerate() {
        for (name, of) in [(&state.input, "input"), (&state.output, "output")] {
            let other = |s: &State| {
                if of == "input" { s.input.value == name.value } else { s.output.value == name.value }
            };
            if states[..i].iter().any(other) {
                t.mistakes().add(name.mistake(format!("is the {of} of another state already")));
            }
        }
    }
    states
}

fn read_state(mut t: Table<'_>) -> Option<State> {
    let input = t.required::<String>("input");
    let output = t.required::<String>("output");
    let shape = t.required::<Vec<usize>>("shape");
    let initial = t.optional::<f64>("initial");
    let reset = t.optional::<String>("reset");
    let mistakes = t.mistakes();
    t.finish();
    if let Some(shape) = &shape {
        let numbers = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).filter(|n| *n <= MOST_NUMBERS);
        if shape.is_empty() || shape.contains(&0) || numbers.is_none() {
            mistakes
                .add(shape.mistake(format!("must be axes of 1 or above, {MOST_NUMBERS} numbers at most")));
        }
    }
    let initial = match initial {
        Some(initial) if (initial.value as f32).is_finite() => initial.value as f32,
        Some(initial) => {
            mistakes.add(initial.mistake("must be a finite number in single precision"));
            0.0
        }
        None => 0.0,
    };
    let reset = match reset.as_ref().map(|r| r.value.as_str()) {
        None | Some("invalid") => Reset::Invalid,
        Some("attachment") => Reset::Attachment,
        Some(_) => {
            mistakes.extend(reset.map(|r| r.mistake("must be \"invalid\" or \"attachment\"")));
            Reset::Invalid
        }
    };
    Some(State { input: input?, output: output?, shape: shape?, initial, reset })
}
