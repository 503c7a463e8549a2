use super::BidsError;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// The files of a recording that is being written: new ones, and gone again unless they are kept.
pub(super) struct Made {
    folder: PathBuf,
    stem: String,
    files: Vec<PathBuf>,
}

impl Made {
    pub(super) fn within(folder: PathBuf, stem: String) -> Self {
        Self { folder, stem, files: Vec::new() }
    }

    /// Makes the file of this suffix, which must not be there.
    pub(super) fn file<T>(
        &mut self,
        suffix: &str,
        fill: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> Result<T, BidsError> {
        let path = self.folder.join(format!("{}_{suffix}", self.stem));
        let mut file = File::create_new(&path).map_err(BidsError::write(&path))?;
        self.files.push(path.clone());
        fill(&mut file).map_err(BidsError::write(&path))
    }

    pub(super) fn text(&mut self, suffix: &str, text: &str) -> Result<PathBuf, BidsError> {
        self.file(suffix, |file| file.write_all(text.as_bytes()))?;
        Ok(self.files.last().cloned().unwrap_or_default())
    }

    pub(super) fn keep(mut self) {
        self.files.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for file in &self.files {
            // What cannot be removed is told of by the next export, which it stands in the way of.
            let _ = std::fs::remove_file(file);
        }
    }
}
