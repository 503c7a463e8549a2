//! Samples as they lie on the wire.

/// How a sample lies there.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Values a sample.
    pub channels: usize,
    /// Bytes a value.
    pub value_bytes: usize,
}

/// The stamp follows from the last one's.
const DEDUCED: u8 = 1;
/// It is there.
const TRANSMITTED: u8 = 2;

/// Cuts bytes into samples; what is no sample yet is kept.
#[derive(Debug)]
pub struct Frames {
    layout: Layout,
    rest: Vec<u8>,
    is_lost: bool,
}

impl Frames {
    /// Of a stream with this layout.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self { layout, rest: Vec::new(), is_lost: false }
    }

    /// Bytes came: the samples that are whole with them, tag, stamp and values each. None comes after a tag that is none.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        if self.is_lost {
            return Vec::new();
        }
        self.rest.extend_from_slice(bytes);
        let values = self.layout.channels * self.layout.value_bytes;
        let (mut at, mut frames) = (0, Vec::new());
        while let Some(tag) = self.rest.get(at) {
            let length = match *tag {
                DEDUCED => 1 + values,
                TRANSMITTED => 9 + values,
                _ => {
                    self.is_lost = true;
                    break;
                }
            };
            let Some(frame) = self.rest.get(at..at + length) else { break };
            frames.push(frame.to_vec());
            at += length;
        }
        self.rest.drain(..at);
        frames
    }

    /// Whether a tag was none: where the next sample begins is not known.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }
}

/// Moves a sample's stamp, where it has one.
pub fn restamp(frame: &mut [u8], by_s: f64) {
    if let [TRANSMITTED, rest @ ..] = frame
        && let Some(stamp) = rest.first_chunk_mut()
    {
        *stamp = (f64::from_le_bytes(*stamp) + by_s).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_however_the_bytes_are_cut() {
        let layout = Layout { channels: 2, value_bytes: 4 };
        let stamped = [&[2][..], &1.5_f64.to_le_bytes(), &[7; 8]].concat();
        let deduced = [&[1][..], &[9; 8]].concat();
        let all = [stamped.clone(), deduced.clone(), stamped.clone()].concat();
        for cut in 1..all.len() {
            let mut frames = Frames::new(layout);
            let mut found = Vec::new();
            for part in all.chunks(cut) {
                found.extend(frames.take(part));
            }
            assert_eq!(found, [stamped.clone(), deduced.clone(), stamped.clone()], "cut by {cut}");
        }
        let mut moved = stamped.clone();
        restamp(&mut moved, 0.5);
        assert_eq!(moved[1..9], 2.0_f64.to_le_bytes());
    }

    #[test]
    fn samples_before_a_tag_that_is_none_are_found_and_none_after_it() {
        let layout = Layout { channels: 1, value_bytes: 1 };
        let mut frames = Frames::new(layout);
        assert_eq!(frames.take(&[1, 7, 3, 1, 8]), [[1, 7]]);
        assert!(frames.is_lost());
        assert_eq!(frames.take(&[1, 9]), [[0; 2]; 0]);
    }
}
