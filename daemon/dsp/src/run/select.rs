use super::{RetuneError, same, same_channels};
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use std::any::Any;

/// Picks channels out of a frame, in any order and each with a factor (as from volts to microvolts).
///
/// Has no memory. One input channel may feed several outputs.
#[derive(Clone, Debug)]
pub struct Select {
    inputs: usize,
    picks: Box<[Pick]>,
}

#[derive(Clone, Copy, Debug)]
struct Pick {
    channel: usize,
    scale: f64,
}

impl Select {
    /// From frames of `inputs` channels to one output for each `(input channel, factor)`. Indices count from 0.
    /// Allocates.
    ///
    /// # Errors
    /// The first of: nothing picked, an index that is no input channel, a factor that is not finite.
    pub fn design(inputs: usize, picks: &[(usize, f64)]) -> Result<Self, DesignError> {
        if picks.is_empty() {
            return Err(DesignError::NoChannels);
        }
        for &(channel, scale) in picks {
            if channel >= inputs {
                return Err(DesignError::NoSuchChannel { channel, channels: inputs });
            }
            if !scale.is_finite() {
                return Err(DesignError::Scale { channel, scale });
            }
        }
        let picks = picks.iter().map(|&(channel, scale)| Pick { channel, scale }).collect();
        Ok(Self { inputs, picks })
    }

    /// Does nothing: there is no state.
    pub fn reset(&mut self) {}

    /// From `[frames x inputs]` to `[frames x outputs]`, both frame-major. Returns the frames written: those for
    /// which both have room.
    pub fn process(&mut self, input: &[f64], output: &mut [f64]) -> usize {
        debug_assert_eq!(input.len() % self.inputs, 0, "whole frames");
        if self.is_identity() {
            let frames = (input.len() / self.inputs).min(output.len() / self.inputs);
            output[..frames * self.inputs].copy_from_slice(&input[..frames * self.inputs]);
            return frames;
        }
        let mut frames = 0;
        for (from, to) in input.chunks_exact(self.inputs).zip(output.chunks_exact_mut(self.picks.len())) {
            for (y, pick) in to.iter_mut().zip(&self.picks) {
                *y = from[pick.channel] * pick.scale;
            }
            frames += 1;
        }
        frames
    }

    /// Whether every channel goes on as it is and where it was.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        let as_it_is = |(i, pick): (usize, &Pick)| pick.channel == i && pick.scale == 1.0;
        self.inputs == self.picks.len() && self.picks.iter().enumerate().all(as_it_is)
    }

    /// Takes over the picks of `ready`.
    ///
    /// # Errors
    /// [`RetuneError::Channels`] when the number of inputs or of outputs differs.
    pub fn retune(&mut self, ready: &Select) -> Result<(), RetuneError> {
        self.takes(ready)?;
        self.picks.copy_from_slice(&ready.picks);
        Ok(())
    }

    fn takes(&self, ready: &Select) -> Result<(), RetuneError> {
        for (have, got) in [(self.inputs, ready.inputs), (self.picks.len(), ready.picks.len())] {
            same_channels(have, got)?;
        }
        Ok(())
    }

    /// Channels of an input frame.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Channels of an output frame.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.picks.len()
    }
}

impl Element for Select {
    fn reset(&mut self) {}

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let mut inputs = vec![false; self.inputs];
        for (pick, _) in self.picks.iter().zip(outputs).filter(|(_, marked)| **marked) {
            inputs[pick.channel] = true;
        }
        inputs
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.takes(same::<Self>(ready)?)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        Select::retune(self, same::<Self>(ready)?)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for Select {
    fn most_frames(&self, input: usize) -> usize {
        input
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        let output = out.block(0, input.len() / self.inputs);
        Select::process(self, input, output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_picked_ordered_and_scaled() {
        let mut select = Select::design(3, &[(2, 1e6), (0, 1.0), (2, -1.0)]).expect("valid picks");
        let mut out = [0.0; 9];
        assert_eq!(select.process(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut out), 2);
        assert_eq!(out, [3e6, 1.0, -3.0, 6e6, 4.0, -6.0, 0.0, 0.0, 0.0]);
        assert_eq!(select.process(&[0.0; 6], &mut [0.0; 3]), 1, "no room for the second frame");
    }

    #[test]
    fn retuning_needs_the_same_shape() {
        let mut select = Select::design(3, &[(0, 1.0)]).expect("valid picks");
        let ready = Select::design(3, &[(1, 2.0)]).expect("valid picks");
        let wider = Select::design(3, &[(1, 2.0), (2, 2.0)]).expect("valid picks");
        assert_eq!(select.retune(&ready), Ok(()));
        assert_eq!(select.retune(&wider), Err(RetuneError::Channels { have: 1, got: 2 }));
        let mut out = [0.0];
        select.process(&[1.0, 5.0, 9.0], &mut out);
        assert_eq!(out, [10.0]);
    }

    #[test]
    fn impossible_picks_are_refused() {
        let refused = |inputs, picks: &[(usize, f64)]| Select::design(inputs, picks).err();
        assert_eq!(refused(3, &[]), Some(DesignError::NoChannels));
        assert_eq!(refused(3, &[(3, 1.0)]), Some(DesignError::NoSuchChannel { channel: 3, channels: 3 }));
        assert!(matches!(refused(3, &[(0, f64::NAN)]), Some(DesignError::Scale { channel: 0, .. })));
    }
}
