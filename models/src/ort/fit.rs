use crate::bundle::{Bundle, Feed, Layout, OutputKind};
use ::ort::session::Session;
use ::ort::value::{Outlet, TensorElementType};
use bci_config::{Located, Mistake, Place};

/// The shape of the input tensor.
pub(super) fn input_shape(bundle: &Bundle) -> Vec<usize> {
    let (channels, samples) = (bundle.windowed.channels(), bundle.input.fed_samples());
    match bundle.input.layout {
        Layout::ChannelsSamples => vec![1, channels, samples],
        Layout::SamplesChannels => vec![1, samples, channels],
    }
}

/// An axis: how long it is to be, and what says so, where.
type Axis<'a> = (usize, &'a str, &'a Place);

/// The model's own inputs and outputs against what the bundle says of them.
pub(super) fn against_bundle(session: &Session, bundle: &Bundle) -> Vec<Mistake> {
    let (input, output) = (&bundle.input, &bundle.output);
    let mut found = strangers(session, bundle);
    let channels = match bundle.preprocessing.as_slice() {
        [] => "input.channels",
        _ => "input.channels, after the preprocessing,",
    };
    let channels = (bundle.windowed.channels(), channels, &input.channels.at);
    let samples = match input.feed {
        Feed::Window => (input.window_samples.value, "input.window_samples", &input.window_samples.at),
        Feed::Hop => (input.hop_samples.value, "input.hop_samples", &input.hop_samples.at),
    };
    let batch = (1, "batch", &input.tensor.at);
    let axes = match input.layout {
        Layout::ChannelsSamples => [batch, channels, samples],
        Layout::SamplesChannels => [batch, samples, channels],
    };
    found.extend(tensor(session.inputs(), &input.tensor, &axes));

    let (what, place) = output.last_axis();
    let last = (output.shape().last().copied().unwrap_or_default(), what, place);
    let mut axes = vec![(1, "batch", &output.tensor.at)];
    if let OutputKind::TokenLogits { steps, .. } = &output.kind {
        axes.push((*steps, "output.steps", &output.tensor.at));
    }
    axes.push(last);
    found.extend(tensor(session.outputs(), &output.tensor, &axes));

    for state in &bundle.states {
        let axes: Vec<Axis<'_>> = state.shape.iter().map(|n| (*n, "state.shape", &state.shape.at)).collect();
        found.extend(tensor(session.inputs(), &state.input, &axes));
        found.extend(tensor(session.outputs(), &state.output, &axes));
    }
    found
}

/// Inputs that nobody feeds, and tensors that are to be two things at once.
fn strangers(session: &Session, bundle: &Bundle) -> Vec<Mistake> {
    let fed =
        |name: &str| name == bundle.input.tensor.value || bundle.states.iter().any(|s| s.input.value == name);
    let unfed: Vec<&str> = session.inputs().iter().map(Outlet::name).filter(|name| !fed(name)).collect();
    let mut found = Vec::new();
    // With the input's own name wrong, its real one is told there.
    let known = session.inputs().iter().any(|i| i.name() == bundle.input.tensor.value);
    if !unfed.is_empty() && known {
        found.push(bundle.model_place().mistake(format!(
            "the model also takes {}: every input must be input.tensor or the input of a [[state]]",
            unfed.join(", ")
        )));
    }
    for state in &bundle.states {
        if state.input.value == bundle.input.tensor.value {
            found.push(state.input.mistake("is input.tensor already"));
        }
        if state.output.value == bundle.output.tensor.value {
            found.push(state.output.mistake("is output.tensor already"));
        }
    }
    found
}

fn tensor(outlets: &[Outlet], name: &Located<String>, axes: &[Axis<'_>]) -> Vec<Mistake> {
    let Some(outlet) = outlets.iter().find(|o| o.name() == name.value) else {
        let names: Vec<_> = outlets.iter().map(Outlet::name).collect();
        return vec![name.mistake(format!("the model has no such tensor; it has {}", names.join(", ")))];
    };
    let name_in_model = &name.value;
    if outlet.dtype().tensor_type() != Some(TensorElementType::Float32) {
        let kind =
            outlet.dtype().tensor_type().map_or("no tensor".to_owned(), |t| format!("{t:?}").to_lowercase());
        return vec![name.mistake(format!("the model's `{name_in_model}` is {kind}; float32 is permitted"))];
    }
    let shape: Vec<i64> =
        outlet.dtype().tensor_shape().map(|s| s.iter().copied().collect()).unwrap_or_default();
    if shape.len() != axes.len() {
        return vec![name.mistake(format!(
            "the model's tensor has the shape {shape:?}; {} axes are permitted",
            axes.len()
        ))];
    }
    let mut found = Vec::new();
    for (&actual, (wanted, what, place)) in shape.iter().zip(axes) {
        // -1 is an axis that the model leaves open.
        if actual != -1 && usize::try_from(actual) != Ok(*wanted) {
            found.push(place.mistake(format!(
                "{what} gives {wanted}, but the model's `{name_in_model}` has the shape {shape:?}, {actual} there"
            )));
        }
    }
    found
}
