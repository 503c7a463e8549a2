use crate::bytes::Bytes;

/// What every file starts with.
pub(crate) const MAGIC: [u8; 4] = *b"XDF:";

/// What a boundary chunk holds, to be found after damage.
pub(crate) const BOUNDARY: [u8; 16] =
    [0x43, 0xA5, 0x46, 0xDC, 0xCB, 0xF5, 0x41, 0x0F, 0xB3, 0x0E, 0xD5, 0x46, 0x73, 0x83, 0xCB, 0xE4];

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Of the file, XML.
    FileHeader,
    /// Of a stream, XML.
    StreamHeader,
    /// Samples of a stream.
    Samples,
    /// How far a stream's clock was from the recorder's.
    ClockOffset,
    /// A mark to find one's way by.
    Boundary,
    /// What a stream came to, XML.
    StreamFooter,
    /// None that XDF 1.0 knows.
    Other(u16),
}

impl Tag {
    fn of(number: u16) -> Self {
        match number {
            1 => Self::FileHeader,
            2 => Self::StreamHeader,
            3 => Self::Samples,
            4 => Self::ClockOffset,
            5 => Self::Boundary,
            6 => Self::StreamFooter,
            other => Self::Other(other),
        }
    }
}

/// One chunk of a file.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Where it starts in the file.
    pub at: u64,
    /// What it holds.
    pub tag: Tag,
    /// That.
    pub body: &'a [u8],
}

/// Why there is no chunk where one should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It does not begin with a length.
    #[error("no chunk starts at byte {at}")]
    NoLength {
        /// Where.
        at: u64,
    },
    /// The file ends within it.
    #[error("the chunk at byte {at} takes {needed} bytes, {left} are left")]
    Cut {
        /// Where it starts.
        at: u64,
        /// As it says.
        needed: u64,
        /// Of the file.
        left: u64,
    },
}

/// The chunks of a file, in order. After a [`Broken`] one it goes on behind the next boundary; none is left where there is no
/// other.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Chunks<'a> {
    /// Of a whole file, its first four bytes included.
    #[must_use]
    pub fn of(file: &'a [u8]) -> Self {
        Self { file, at: MAGIC.len() }
    }

    /// Where the next begins, if one does.
    pub(crate) fn at(&self) -> u64 {
        self.at as u64
    }

    /// Goes on behind the next boundary after byte `from`.
    pub(crate) fn resume_after(&mut self, from: u64) {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.file.len());
        let found = self.file[from..].windows(BOUNDARY.len()).position(|bytes| bytes == BOUNDARY);
        self.at = found.map_or(self.file.len(), |found| from + found + BOUNDARY.len());
    }

    fn chunk(&mut self, rest: &'a [u8]) -> Result<Chunk<'a>, Broken> {
        let at = self.at as u64;
        let mut bytes = Bytes(rest);
        let left = rest.len() as u64;
        let Some(length) = bytes.length() else {
            // The first bytes of a length are a length cut off.
            let cut = matches!((rest.first(), rest.len()), (Some(1), ..2) | (Some(4), ..5) | (Some(8), ..9));
            return Err(if cut { Broken::Cut { at, needed: 9, left } } else { Broken::NoLength { at } });
        };
        let head = left - bytes.0.len() as u64;
        let needed = head.saturating_add(length);
        let Some(mut content) = usize::try_from(length).ok().and_then(|n| bytes.take(n)).map(Bytes) else {
            return Err(Broken::Cut { at, needed, left });
        };
        let tag = content.array().map(u16::from_le_bytes).ok_or(Broken::NoLength { at })?;
        self.at += needed as usize;
        Ok(Chunk { at, tag: Tag::of(tag), body: content.0 })
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.file.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at as u64;
        let chunk = self.chunk(rest);
        if chunk.is_err() {
            self.resume_after(at + 1);
        }
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(tag: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1, (body.len() + 2) as u8];
        bytes.extend(tag.to_le_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn after_damage_it_goes_on_behind_the_next_boundary() {
        let mut file = MAGIC.to_vec();
        file.extend(chunk(1, b"a"));
        let damage = file.len() as u64;
        file.extend([77; 5]);
        file.extend(chunk(5, &BOUNDARY));
        let beyond = file.len() as u64;
        file.extend(chunk(3, b"b"));
        let end = file.len() as u64;
        file.extend([4, 200, 0, 0, 0, 3, 0]);
        let found: Vec<_> = Chunks::of(&file).map(|c| c.map(|c| (c.at, c.tag, c.body.to_vec()))).collect();
        assert_eq!(
            found,
            [
                Ok((4, Tag::FileHeader, b"a".to_vec())),
                Err(Broken::NoLength { at: damage }),
                Ok((beyond, Tag::Samples, b"b".to_vec())),
                Err(Broken::Cut { at: end, needed: 205, left: 7 }),
            ]
        );
    }
}
