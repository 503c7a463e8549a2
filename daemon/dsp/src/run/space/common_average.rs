use super::members::Members;
use crate::design::DesignError;
use crate::element::{Element, InPlace};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use std::any::Any;

/// The common average reference: the mean over some channels, subtracted from every channel of the frame.
///
/// Has no memory. A NaN or infinity in a channel of the mean spoils that frame in all channels; one outside of it
/// stays where it is.
#[derive(Clone, Debug)]
pub struct CommonAverage {
    members: Members,
}

impl CommonAverage {
    /// The mean is over `members`, or over all channels when `None`. Indices count from 0. Allocates.
    ///
    /// # Errors
    /// The first of: no channels or no members, an index that is no channel, an index named twice.
    pub fn design(channels: usize, members: Option<&[usize]>) -> Result<Self, DesignError> {
        Ok(Self { members: Members::design(channels, members)? })
    }

    /// Does nothing: there is no state.
    pub fn reset(&mut self) {}

    /// Re-references `[frames x channels]` in place, in whatever unit.
    pub fn process(&mut self, frames: &mut [f64]) {
        debug_assert_eq!(frames.len() % self.channels(), 0, "whole frames");
        let members = &self.members;
        vectorised(
            #[inline(always)]
            || {
                for frame in frames.chunks_exact_mut(members.channels()) {
                    let mean = members.mean(frame);
                    for x in frame {
                        *x -= mean;
                    }
                }
            },
        );
    }

    /// Takes over the members of `ready`.
    ///
    /// # Errors
    /// [`RetuneError::Channels`] when it was made for another number of channels.
    pub fn retune(&mut self, ready: &CommonAverage) -> Result<(), RetuneError> {
        self.takes(ready)?;
        self.members.copy_from(&ready.members);
        Ok(())
    }

    fn takes(&self, ready: &CommonAverage) -> Result<(), RetuneError> {
        same_channels(self.channels(), ready.channels())
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.members.channels()
    }
}

impl Element for CommonAverage {
    fn reset(&mut self) {}

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        self.members.reach(outputs)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.takes(same::<Self>(ready)?)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        CommonAverage::retune(self, same::<Self>(ready)?)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl InPlace for CommonAverage {
    fn process(&mut self, frames: &mut [f64], _learn: bool) {
        CommonAverage::process(self, frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn designed(channels: usize, members: Option<&[usize]>) -> CommonAverage {
        CommonAverage::design(channels, members).expect("a valid reference")
    }

    #[test]
    fn the_mean_of_the_members_leaves_every_channel() {
        let frame: Vec<f64> = (0..11).map(|i| f64::from(i * i)).collect();
        let mut all = frame.clone();
        designed(11, None).process(&mut all);
        assert!(all.iter().sum::<f64>().abs() < 1e-12, "{all:?}");
        assert!((all[3] - (9.0 - 35.0)).abs() < 1e-12, "385 / 11 = 35");

        let mut some = frame.clone();
        designed(11, Some(&[4, 2])).process(&mut some);
        let expected: Vec<f64> = frame.iter().map(|x| x - 10.0).collect();
        assert_eq!(some, expected, "(4 + 16) / 2");
    }

    #[test]
    fn a_channel_outside_the_mean_spoils_only_itself() {
        let mut frames = [1.0, f64::NAN, 3.0, 5.0, 7.0, 9.0];
        designed(3, Some(&[0, 2])).process(&mut frames);
        assert!(frames[1].is_nan());
        assert_eq!((frames[0], frames[2], frames[3..].to_vec()), (-1.0, 1.0, vec![-2.0, 0.0, 2.0]));
    }

    #[test]
    fn retuning_changes_the_members_only_for_the_same_channels() {
        let mut reference = designed(3, Some(&[0]));
        assert_eq!(reference.retune(&designed(3, None)), Ok(()));
        let mut frame = [1.0, 2.0, 6.0];
        reference.process(&mut frame);
        assert_eq!(frame, [-2.0, -1.0, 3.0]);
        assert_eq!(reference.retune(&designed(4, None)), Err(RetuneError::Channels { have: 3, got: 4 }));
    }

    #[test]
    fn impossible_members_are_refused() {
        for (channels, members, why) in [
            (0, None, DesignError::NoChannels),
            (3, Some(&[][..]), DesignError::NoChannels),
            (3, Some(&[1, 3]), DesignError::NoSuchChannel { channel: 3, channels: 3 }),
            (3, Some(&[1, 1]), DesignError::RepeatedChannel { channel: 1 }),
        ] {
            assert_eq!(CommonAverage::design(channels, members).err(), Some(why));
        }
    }
}
