use crate::brainvision::{self, BrainVisionError, Failed};
use crate::edf::{self, EdfError};
use crate::gdf::{self, GdfError};
use crate::recording::Recording;
use crate::xdf;
use bci_xdf::XdfError;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes: a recording is held in memory as it is stored. A day of 64 channels at
/// 256 Hz in EDF is 2.8 GB.
pub const MAX_FILE_BYTES: u64 = 4 << 30;

/// Why a file could not be read as a recording.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened or read.
    #[error("cannot read {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder, a device or a pipe.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Longer than [`MAX_FILE_BYTES`].
    #[error("{} has {bytes} bytes; at most {MAX_FILE_BYTES} are held in memory", path.display())]
    FileTooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// No format known here starts so.
    #[error("{} is no recording of a known format (EDF, EDF+, BDF, BDF+, XDF, GDF, BrainVision's .vhdr): it starts with \"{}\"", path.display(), start.escape_ascii())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first bytes, at most 8.
        start: Vec<u8>,
    },
    /// It says it is EDF or BDF and is malformed.
    #[error("cannot read {} as EDF", path.display())]
    ReadEdf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: EdfError,
    },
    /// It says it is GDF and is malformed.
    #[error("cannot read {} as GDF", path.display())]
    ReadGdf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: GdfError,
    },
    /// It says it is a BrainVision header and is malformed, or of a kind that is not read.
    #[error("cannot read {} as BrainVision", path.display())]
    ReadBrainVision {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: BrainVisionError,
    },
    /// It says it is XDF and is none.
    #[error("cannot read {} as XDF", path.display())]
    ReadXdf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: XdfError,
    },
}

/// Reads a recording; the format is told by the file's first bytes, not by its name.
///
/// # Errors
/// [`ReadError`]; a file that is merely incomplete is read as far as it goes and says so in
/// [`Recording::warnings`].
pub fn open(path: impl AsRef<Path>) -> Result<Recording, ReadError> {
    let path = path.as_ref();
    parse(read_whole(path)?, path, read_whole)
}

/// As [`open`], from memory: `bytes` are what `path` holds, and `beside` gives the files that a BrainVision header names, by
/// their paths. Nothing else is opened.
///
/// # Errors
/// As [`open`].
pub fn parse(
    bytes: Vec<u8>,
    path: &Path,
    beside: impl Fn(&Path) -> Result<Vec<u8>, ReadError>,
) -> Result<Recording, ReadError> {
    if bci_xdf::is_xdf(&bytes) {
        return xdf::read(&bytes, &path.display().to_string())
            .map_err(|source| ReadError::ReadXdf { path: path.to_owned(), source });
    }
    if gdf::is_gdf(&bytes) {
        return gdf::read(bytes, &path.display().to_string())
            .map_err(|source| ReadError::ReadGdf { path: path.to_owned(), source });
    }
    if brainvision::is_brainvision(&bytes) {
        return brainvision::read(&bytes, path, beside).map_err(|failed| match failed {
            Failed::Header(source) => ReadError::ReadBrainVision { path: path.to_owned(), source },
            Failed::File(error) => error,
        });
    }
    if !edf::is_edf(&bytes) {
        let start = bytes[..bytes.len().min(8)].to_vec();
        return Err(ReadError::UnknownFormat { path: path.to_owned(), start });
    }
    edf::read(bytes, &path.display().to_string())
        .map_err(|source| ReadError::ReadEdf { path: path.to_owned(), source })
}

fn read_whole(path: &Path) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError::ReadFile { path: path.to_owned(), source };
    // Asked before opening: opening a pipe would wait for its writer.
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(ReadError::NotAFile { path: path.to_owned() });
    }
    if meta.len() > MAX_FILE_BYTES {
        return Err(ReadError::FileTooLong { path: path.to_owned(), bytes: meta.len() });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // Some files (procfs) grow or state no length.
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::FileTooLong { path: path.to_owned(), bytes: bytes.len() as u64 });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_recording_is_refused_by_name() {
        let folder = env!("CARGO_MANIFEST_DIR");
        let manifest = format!("{folder}/Cargo.toml");
        let text = |e: ReadError| e.to_string();
        assert!(matches!(open(folder), Err(ReadError::NotAFile { .. })));
        assert!(matches!(open(format!("{folder}/absent.edf")), Err(ReadError::ReadFile { .. })));
        let refusal = open(&manifest).map_err(text);
        assert!(refusal.is_err_and(|t| t.contains("Cargo.toml") && t.contains("[package")));
    }
}
