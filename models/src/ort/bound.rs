use super::watch::Watch;
use crate::bundle::{Bundle, Reset};
use crate::decoder::DecodeError;
use ::ort::memory::Allocator;
use ::ort::session::{IoBinding, Session};
use ::ort::value::Tensor;
use std::time::Duration;

/// The tensors of a session, bound once. States stand in two places each, which take turns: what one run yields, the
/// next takes from where it is. A run that fails leaves the place that it took from as it was.
pub(super) struct Bound {
    input: Tensor<f32>,
    output: Tensor<f32>,
    states: Vec<Carried>,
    /// One, or two that take turns where there are states: number `i` takes states from their place `i`.
    bindings: Vec<IoBinding>,
    /// The binding of the next run.
    turn: usize,
    /// What is written into a bound input is not seen by the next run: it is on another device, and copied when bound.
    rebind: bool,
    input_name: String,
    output_name: String,
    watch: Watch,
}

struct Carried {
    input: String,
    output: String,
    initial: f32,
    reset: Reset,
    places: [Tensor<f32>; 2],
}

impl Bound {
    pub(super) fn new(session: &Session, bundle: &Bundle, rebind: bool, watch: Watch) -> ::ort::Result<Self> {
        let new = |shape: &[usize]| Tensor::<f32>::new(&Allocator::default(), shape.to_vec());
        let states = bundle.states.iter().map(|state| {
            Ok(Carried {
                input: state.input.value.clone(),
                output: state.output.value.clone(),
                initial: state.initial,
                reset: state.reset,
                places: [new(&state.shape)?, new(&state.shape)?],
            })
        });
        let mut bound = Self {
            input: new(&super::fit::input_shape(bundle))?,
            output: new(&bundle.output.shape())?,
            states: states.collect::<::ort::Result<_>>()?,
            bindings: Vec::new(),
            turn: 0,
            rebind,
            input_name: bundle.input.tensor.value.clone(),
            output_name: bundle.output.tensor.value.clone(),
            watch,
        };
        for turn in 0..if bound.states.is_empty() { 1 } else { 2 } {
            let mut binding = session.create_binding()?;
            binding.bind_output(bound.output_name.clone(), &mut bound.output)?;
            for state in &mut bound.states {
                binding.bind_output(state.output.clone(), &mut state.places[1 - turn])?;
            }
            bound.bindings.push(binding);
            bound.bind_inputs(turn)?;
        }
        bound.reset(Reset::Attachment);
        Ok(bound)
    }

    fn bind_inputs(&mut self, turn: usize) -> ::ort::Result<()> {
        let binding = &mut self.bindings[turn];
        binding.bind_input(self.input_name.as_str(), &self.input)?;
        for state in &self.states {
            binding.bind_input(state.input.as_str(), &state.places[turn])?;
        }
        Ok(())
    }

    /// Numbers of the input.
    pub(super) fn inputs(&self) -> usize {
        self.input.shape().num_elements()
    }

    /// The input: what is written here is what the next run takes.
    pub(super) fn input(&mut self) -> &mut [f32] {
        self.input.extract_tensor_mut().1
    }

    /// What the last run yielded.
    pub(super) fn output(&self) -> &[f32] {
        self.output.extract_tensor().1
    }

    /// Runs once, for no longer than `limit`; what is remembered stays as it is until [`Bound::keep`].
    ///
    /// # Errors
    /// In words.
    pub(super) fn run(&mut self, session: &mut Session, limit: Duration) -> Result<(), String> {
        if self.rebind {
            self.bind_inputs(self.turn).map_err(|e| e.to_string())?;
        }
        let binding = &self.bindings[self.turn];
        self.watch.run(limit, |options| session.run_binding_with_options(binding, options).map(|_| ()))
    }

    /// Whether what the last run yielded holds only numbers.
    pub(super) fn check_finite(&self) -> Result<(), DecodeError> {
        let states = self.states.iter().map(|state| (&state.output, &state.places[1 - self.turn]));
        for (name, tensor) in std::iter::once((&self.output_name, &self.output)).chain(states) {
            if !tensor.extract_tensor().1.iter().all(|x| x.is_finite()) {
                return Err(DecodeError::NotFinite { tensor: name.clone() });
            }
        }
        Ok(())
    }

    /// What the last run yielded to be remembered is what the next one takes.
    pub(super) fn keep(&mut self) {
        self.turn = (self.turn + 1) % self.bindings.len();
    }

    pub(super) fn has_states(&self) -> bool {
        !self.states.is_empty()
    }

    pub(super) fn reset(&mut self, how: Reset) {
        let turn = self.turn;
        for state in &mut self.states {
            if how == Reset::Attachment || state.reset == Reset::Invalid {
                state.places[turn].extract_tensor_mut().1.fill(state.initial);
            }
        }
    }
}
