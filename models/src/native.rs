//! Where the native inference library is found.

use std::path::{Path, PathBuf};

/// The environment variable that names a system copy.
pub const OVERRIDE: &str = "BCID_ONNXRUNTIME";

/// The pinned release's file name, as set-up leaves it in `.native/lib`.
pub const FILE: &str = "libonnxruntime.so.1.32.0";

/// The library to open, or every place where it was looked for.
///
/// # Errors
/// The places tried, in order.
pub fn locate() -> Result<PathBuf, Vec<PathBuf>> {
    if let Some(path) = std::env::var_os(OVERRIDE) {
        let path = PathBuf::from(path);
        return if path.is_file() { Ok(path) } else { Err(vec![path]) };
    }
    let mut tried = Vec::new();
    let beside_exe = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    let starts = beside_exe.iter().filter_map(|p| p.parent()).chain(here.iter().map(PathBuf::as_path));
    for folder in starts.flat_map(Path::ancestors) {
        let candidate = folder.join(".native/lib").join(FILE);
        if candidate.is_file() {
            return Ok(candidate);
        }
        if !tried.contains(&candidate) {
            tried.push(candidate);
        }
    }
    for folder in ["/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"] {
        let candidate = Path::new(folder).join("libonnxruntime.so");
        if candidate.is_file() {
            return Ok(candidate);
        }
        tried.push(candidate);
    }
    Err(tried)
}

/// The version a library says of itself: the `VERS_x.y.z` node of its symbol table; `None` when there is none.
#[must_use]
pub fn version_of(library: &Path) -> Option<String> {
    let bytes = std::fs::read(library).ok()?;
    let mark = b"VERS_1.";
    let at = bytes.windows(mark.len()).position(|w| w == mark)? + b"VERS_".len();
    let text: String = bytes[at..]
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .take(24)
        .map(|b| char::from(*b))
        .collect();
    Some(text)
}
