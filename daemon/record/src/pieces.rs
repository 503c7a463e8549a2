use std::collections::VecDeque;

/// How much may wait, bytes.
const KEPT: usize = 64 << 20;

/// Pieces of a file that wait for a disk, in order; each with what it is of. What waits longest is kept longest: what is in the
/// file and what waits is without a hole, and where there is no more room, the hole is one.
#[derive(Debug)]
pub(crate) struct Pieces<T> {
    waiting: VecDeque<(Vec<u8>, T)>,
    bytes: usize,
    /// One was refused: what follows a hole waits until nothing waits before it.
    shut: bool,
    /// A buffer that was used and can be again.
    spare: Vec<u8>,
}

impl<T> Default for Pieces<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, shut: false, spare: Vec::new() }
    }
}

impl<T> Pieces<T> {
    /// Puts one behind the others.
    ///
    /// # Errors
    /// What it is of, where there is no room.
    pub(crate) fn push(&mut self, piece: &[u8], of: T) -> Result<(), T> {
        // Alone it may be as large as it is: it goes at once, or it is all that waits.
        self.shut |= self.bytes + piece.len() > KEPT;
        self.shut &= !self.waiting.is_empty();
        if self.shut {
            return Err(of);
        }
        self.bytes += piece.len();
        let mut own = std::mem::take(&mut self.spare);
        own.clear();
        own.extend_from_slice(piece);
        self.waiting.push_back((own, of));
        Ok(())
    }

    /// The one that has waited longest.
    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.waiting.front().map(|(piece, _)| piece.as_slice())
    }

    /// The one that has waited longest waits no more.
    pub(crate) fn taken(&mut self) -> Option<T> {
        let (piece, of) = self.waiting.pop_front()?;
        self.bytes -= piece.len();
        self.spare = piece;
        Some(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_longest_is_kept_and_goes_first() {
        let mut pieces = Pieces::default();
        let half = vec![7; KEPT / 2];
        assert_eq!(pieces.push(&half, 'a'), Ok(()));
        assert_eq!(pieces.push(&half, 'b'), Ok(()));
        assert_eq!(pieces.push(&[1], 'c'), Err('c'));
        assert_eq!(pieces.taken(), Some('a'));
        // There would be room, and a second hole.
        assert_eq!(pieces.push(&[1, 2], 'd'), Err('d'));
        assert_eq!(pieces.first().map(<[u8]>::len), Some(KEPT / 2));
        assert_eq!((pieces.taken(), pieces.first()), (Some('b'), None));
        assert_eq!(pieces.push(&[1, 2], 'd'), Ok(()));
        assert_eq!((pieces.taken(), pieces.taken(), pieces.bytes), (Some('d'), None, 0));
        // However large, where nothing else waits.
        assert_eq!(pieces.push(&vec![0; KEPT + 1], 'e'), Ok(()));
    }
}
