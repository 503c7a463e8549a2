use super::members::Members;
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use std::any::Any;

/// The mean over some channels (linked ears, mastoids), subtracted from others, which alone go on.
///
/// Has no memory. A NaN or infinity in a channel of the mean spoils that frame in all channels.
#[derive(Clone, Debug)]
pub struct Reference {
    members: Members,
    outputs: Box<[usize]>,
}

impl Reference {
    /// From frames of `channels` channels: the mean is over `members`, and what goes on are `outputs`. Indices count from 0.
    /// Allocates.
    ///
    /// # Errors
    /// The first of: no channels, no members or no outputs, an index that is no channel, a member named twice.
    pub fn design(channels: usize, members: &[usize], outputs: &[usize]) -> Result<Self, DesignError> {
        let members = Members::design(channels, Some(members))?;
        if outputs.is_empty() {
            return Err(DesignError::NoChannels);
        }
        if let Some(&channel) = outputs.iter().find(|&&i| i >= channels) {
            return Err(DesignError::NoSuchChannel { channel, channels });
        }
        Ok(Self { members, outputs: outputs.into() })
    }
}

impl Element for Reference {
    fn reset(&mut self) {}

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let mut inputs = vec![false; self.members.channels()];
        for (&i, _) in self.outputs.iter().zip(outputs).filter(|(_, marked)| **marked) {
            inputs[i] = true;
        }
        if outputs.contains(&true) {
            self.members.indices().for_each(|i| inputs[i] = true);
        }
        inputs
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        let channels = (self.members.channels(), ready.members.channels());
        for (have, got) in [channels, (self.outputs.len(), ready.outputs.len())] {
            same_channels(have, got)?;
        }
        Ok(())
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        let ready = same::<Self>(ready)?;
        self.members.copy_from(&ready.members);
        self.outputs.copy_from_slice(&ready.outputs);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for Reference {
    fn most_frames(&self, input: usize) -> usize {
        input
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        let channels = self.members.channels();
        debug_assert_eq!(input.len() % channels, 0, "whole frames");
        let output = out.block(0, input.len() / channels);
        let Self { members, outputs } = self;
        vectorised(
            #[inline(always)]
            || {
                for (from, to) in input.chunks_exact(channels).zip(output.chunks_exact_mut(outputs.len())) {
                    let mean = members.mean(from);
                    for (y, &i) in to.iter_mut().zip(&*outputs) {
                        *y = from[i] - mean;
                    }
                }
            },
        );
    }
}
