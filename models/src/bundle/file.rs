use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The largest `decoder.toml` (16 MiB).
pub const MOST_TOML_BYTES: u64 = 1 << 24;

/// The bytes of a regular file of `most_bytes` at most. Whoever makes a bundle may put anything in a file's place: a pipe
/// would be waited for without end, a device be read without end.
///
/// # Errors
/// In words, to stand after the file's name: it cannot be read, is no regular file, or is too large.
pub fn read_file(file: &Path, most_bytes: u64) -> Result<Vec<u8>, String> {
    let cannot = |e: std::io::Error| format!("cannot be read: {e}");
    // Without waiting for a pipe's writer; on a regular file it changes nothing.
    let open = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file).map_err(cannot)?;
    // Of what was opened, not of what stands there by now.
    let about = open.metadata().map_err(cannot)?;
    if !about.is_file() {
        return Err("is no file".to_owned());
    }
    if about.len() > most_bytes {
        return Err(format!("has {} bytes; {most_bytes} are permitted", about.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    // It may grow meanwhile; what the system makes up on reading has no length beforehand.
    open.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
    let read = bytes.len() as u64;
    if read > most_bytes { Err(format!("has more than {most_bytes} bytes")) } else { Ok(bytes) }
}

/// As [`read_file`], a text.
///
/// # Errors
/// As [`read_file`], or it is no UTF-8.
pub fn read_text(file: &Path, most_bytes: u64) -> Result<String, String> {
    String::from_utf8(read_file(file, most_bytes)?).map_err(|_| "is not UTF-8".to_owned())
}

/// Which bundles lie in `folder`, in words to stand after what is wrong with it; nothing where none does.
pub(super) fn bundles_beneath(folder: &Path) -> String {
    const TOLD: usize = 8;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter(|entry| entry.join("decoder.toml").is_file()).collect();
    found.sort();
    let told: Vec<String> = found.iter().take(TOLD).map(|bundle| bundle.display().to_string()).collect();
    match found.len() {
        0 => String::new(),
        n if n > TOLD => format!("; a bundle is one of {n} folders in it: {}, ...", told.join(", ")),
        _ => format!("; a bundle is a folder in it: {}", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_within_its_bound_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("f");
        std::fs::write(&file, b"abc").expect("written");
        assert_eq!(read_file(&file, 3).as_deref(), Ok(&b"abc"[..]));
        assert_eq!(read_file(&file, 2), Err("has 3 bytes; 2 are permitted".to_owned()));
        assert_eq!(read_file(folder.path(), 3), Err("is no file".to_owned()));
        assert_eq!(read_file(Path::new("/dev/zero"), 3), Err("is no file".to_owned()));
        assert!(read_file(&folder.path().join("g"), 3).expect_err("none").starts_with("cannot be read: "));
        // Its length is said to be 0.
        assert_eq!(read_file(Path::new("/proc/self/status"), 3), Err("has more than 3 bytes".to_owned()));
        std::fs::write(&file, b"\xff").expect("written");
        assert_eq!(read_text(&file, 3), Err("is not UTF-8".to_owned()));
    }

    #[test]
    fn a_folder_of_bundles_says_which() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(bundles_beneath(folder.path()), "");
        assert_eq!(bundles_beneath(&folder.path().join("none")), "");
        for name in ["b", "a"] {
            std::fs::create_dir(folder.path().join(name)).expect("made");
            std::fs::write(folder.path().join(name).join("decoder.toml"), "").expect("written");
        }
        let at = folder.path().display();
        assert_eq!(bundles_beneath(folder.path()), format!("; a bundle is a folder in it: {at}/a, {at}/b"));
    }
}
