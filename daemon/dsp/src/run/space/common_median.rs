use super::members::Members;
use crate::design::DesignError;
use crate::element::{Element, InPlace};
use crate::run::{RetuneError, same, same_channels};
use std::any::Any;

/// The common median reference: the median over some channels, subtracted from every channel of the frame; for arrays in
/// which a few bad channels would pull the mean.
///
/// Equal to `x - numpy.median(x[members])`: of an even number the mean of the two in the middle, NaN if any is. Has no
/// memory. A NaN or infinity outside of the members stays where it is.
#[derive(Clone, Debug)]
pub struct CommonMedian {
    members: Members,
    /// Room for the members of one frame, as integers in the same order.
    keys: Box<[u64]>,
}

impl CommonMedian {
    /// The median is over `members`, or over all channels when `None`. Indices count from 0. Allocates.
    ///
    /// # Errors
    /// The first of: no channels or no members, an index that is no channel, an index named twice.
    pub fn design(channels: usize, members: Option<&[usize]>) -> Result<Self, DesignError> {
        Ok(Self { members: Members::design(channels, members)?, keys: vec![0; channels].into_boxed_slice() })
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.members.channels()
    }

    fn median(&mut self, frame: &[f64]) -> f64 {
        let keys = &mut self.keys[..self.members.count()];
        // Zero times anything finite is zero, and NaN stays NaN.
        let mut spoiled = false;
        if keys.len() == frame.len() {
            for (place, x) in keys.iter_mut().zip(frame) {
                *place = key(*x);
                spoiled |= x.is_nan();
            }
        } else {
            for (place, i) in keys.iter_mut().zip(self.members.indices()) {
                *place = key(frame[i]);
                spoiled |= frame[i].is_nan();
            }
        }
        if spoiled {
            return f64::NAN;
        }
        let half = keys.len() / 2;
        let even = keys.len().is_multiple_of(2);
        let (below, &mut upper, _) = keys.select_nth_unstable(half);
        match below.iter().max() {
            Some(&lower) if even => (value(lower) + value(upper)) / 2.0,
            _ => value(upper),
        }
    }
}

impl Element for CommonMedian {
    fn reset(&mut self) {}

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        self.members.reach(outputs)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        same_channels(self.channels(), same::<Self>(ready)?.channels())
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        self.members.copy_from(&same::<Self>(ready)?.members);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl InPlace for CommonMedian {
    fn process(&mut self, frames: &mut [f64], _learn: bool) {
        debug_assert_eq!(frames.len() % self.channels(), 0, "whole frames");
        for frame in frames.chunks_exact_mut(self.members.channels()) {
            let median = self.median(frame);
            for x in frame {
                *x -= median;
            }
        }
    }
}

/// An integer that is smaller for a smaller number: negative ones with every bit turned, the others above them.
#[inline(always)]
fn key(x: f64) -> u64 {
    let bits = x.to_bits();
    bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
}

/// The number that a key was made of.
#[inline(always)]
fn value(key: u64) -> f64 {
    f64::from_bits(key ^ ((!key as i64 >> 63) as u64 | 1 << 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_and_give_the_number_back() {
        let rising = [f64::NEG_INFINITY, -1e300, -1.5, -5e-324, -0.0, 0.0, 5e-324, 1.0, 1e300, f64::INFINITY];
        assert!(rising.map(key).is_sorted());
        assert_eq!(rising.map(|x| value(key(x)).to_bits()), rising.map(f64::to_bits));
    }

    #[test]
    fn the_median_of_the_members_leaves_every_channel() {
        let median = |members: Option<&[usize]>, mut frame: Vec<f64>| {
            CommonMedian::design(frame.len(), members).expect("valid").process(&mut frame, true);
            frame
        };
        assert_eq!(median(None, vec![9.0]), [0.0]);
        assert_eq!(median(None, vec![1.0, 4.0]), [-1.5, 1.5]);
        assert_eq!(median(None, vec![100.0, 1.0, -3.0]), [99.0, 0.0, -4.0]);
        assert_eq!(median(Some(&[3, 1]), vec![100.0, 1.0, -3.0, 2.0]), [98.5, -0.5, -4.5, 0.5]);
        assert!(median(None, vec![1.0, f64::NAN, 2.0]).iter().all(|x| x.is_nan()));
        let outside = median(Some(&[0, 2]), vec![1.0, f64::NAN, 2.0]);
        assert!(outside[1].is_nan() && outside[0] == -0.5 && outside[2] == 0.5);
    }
}
