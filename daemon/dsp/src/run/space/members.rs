use crate::design::DesignError;
use crate::run::LANES;

/// Some of the channels of a frame, ready to be summed over.
///
/// The order of a sum decides its rounding: the same members give the same bits however they were named.
#[derive(Clone, Debug)]
pub(super) struct Members {
    count: usize,
    /// One a channel: all ones for a member, else zero, so that a channel outside counts as 0 whatever is in it.
    mask: Box<[u64]>,
}

impl Members {
    /// `members`, or all channels when `None`. Allocates.
    ///
    /// # Errors
    /// The first of: no channels or no members, an index that is no channel, an index named twice.
    pub(super) fn design(channels: usize, members: Option<&[usize]>) -> Result<Self, DesignError> {
        if channels == 0 || members.is_some_and(<[usize]>::is_empty) {
            return Err(DesignError::NoChannels);
        }
        let Some(members) = members else {
            return Ok(Self { count: channels, mask: vec![u64::MAX; channels].into_boxed_slice() });
        };
        let mut mask = vec![0; channels].into_boxed_slice();
        for &channel in members {
            match mask.get_mut(channel) {
                None => return Err(DesignError::NoSuchChannel { channel, channels }),
                Some(bits) if *bits != 0 => return Err(DesignError::RepeatedChannel { channel }),
                Some(bits) => *bits = u64::MAX,
            }
        }
        Ok(Self { count: members.len(), mask })
    }

    pub(super) fn channels(&self) -> usize {
        self.mask.len()
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Their indices, in order.
    pub(super) fn indices(&self) -> impl Iterator<Item = usize> {
        self.mask.iter().enumerate().filter(|(_, bits)| **bits != 0).map(|(i, _)| i)
    }

    /// Which channels a mean or median of the members that is taken from every channel brings to the marked ones.
    pub(super) fn reach(&self, outputs: &[bool]) -> Vec<bool> {
        let mut inputs = outputs.to_vec();
        if outputs.contains(&true) {
            self.indices().for_each(|i| inputs[i] = true);
        }
        inputs
    }

    /// Takes over those of `ready`, which has as many channels.
    pub(super) fn copy_from(&mut self, ready: &Self) {
        self.count = ready.count;
        self.mask.copy_from_slice(&ready.mask);
    }

    /// The mean over the members of one frame, by lanes, in an order fixed by the channels alone.
    #[inline(always)]
    pub(super) fn mean(&self, frame: &[f64]) -> f64 {
        let (tiles, rest) = frame.as_chunks::<LANES>();
        let (masks, rest_mask) = self.mask.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for (tile, mask) in tiles.iter().zip(masks) {
            for lane in 0..LANES {
                lanes[lane] += f64::from_bits(tile[lane].to_bits() & mask[lane]);
            }
        }
        let rest: f64 = rest.iter().zip(rest_mask).map(|(x, mask)| f64::from_bits(x.to_bits() & mask)).sum();
        (lanes.iter().sum::<f64>() + rest) / self.count as f64
    }
}
