use std::fs::{File, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

/// A file to which whole pieces are appended: one is in it altogether, or not at all.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// Up to where it holds whole pieces.
    whole: u64,
    /// A piece was begun and could not be taken back yet.
    torn: bool,
}

impl Journal {
    /// A new file. It is locked for as long as it is written, where the file system knows locks.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create_new(path)?;
        // Somebody may be looking just now whether it is locked.
        for _ in 0..20 {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
                _ => break,
            }
        }
        Ok(Self { file, whole: 0, torn: false })
    }

    /// Appends a piece. After an error the file is as it was, as far as the system lets it be.
    pub(crate) fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.torn {
            self.mend()?;
        }
        match self.file.write_all(piece) {
            Ok(()) => {
                self.whole += piece.len() as u64;
                Ok(())
            }
            Err(e) => {
                self.torn = true;
                // Now if it can be, else before the next piece.
                let _ = self.mend();
                Err(e)
            }
        }
    }

    /// Bytes of whole pieces.
    pub(crate) fn len(&self) -> u64 {
        self.whole
    }

    /// Hands everything to the disk itself.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn mend(&mut self) -> io::Result<()> {
        self.file.set_len(self.whole)?;
        self.file.seek(SeekFrom::Start(self.whole))?;
        self.torn = false;
        Ok(())
    }
}

/// Whether somebody writes this file, as far as the file system tells.
pub(crate) fn is_being_written(path: &Path) -> bool {
    // Shared, which is possible for who may only read.
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
