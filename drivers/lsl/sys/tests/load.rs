//! Loading the real library, once a process.
#![allow(unsafe_code, clippy::expect_used, reason = "a test of the border to a C library")]

use std::path::{Path, PathBuf};

fn liblsl() -> PathBuf {
    if let Some(named) = std::env::var_os("BCID_LIBLSL") {
        return named.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the workspace");
    let fetched = root.join(".native/lib/liblsl.so.2");
    assert!(
        fetched.exists(),
        "{} is missing: run `cargo xtask setup`, or set BCID_LIBLSL",
        fetched.display()
    );
    fetched
}

#[test]
fn one_recent_library_is_loaded_and_stays() {
    let path = liblsl();
    let old = lsl_sys::load(&path, 9901).expect_err("none is that new");
    assert!(matches!(old, lsl_sys::LoadError::TooOld { wanted: 9901, .. }), "{old:?}");
    assert!(old.to_string().contains("older than 99.1"), "{old}");
    assert_eq!(lsl_sys::loaded_from(), None);

    lsl_sys::load(&path, 117).expect("it loads");
    assert_eq!(lsl_sys::loaded_from(), Some(path.as_path()));
    // SAFETY: the library is loaded; the functions take nothing.
    let (version, now) = unsafe { (lsl_sys::lsl_library_version(), lsl_sys::lsl_local_clock()) };
    assert!(version >= 117 && now > 0.0, "{version}, {now}");

    let again = lsl_sys::load(&path, 117).expect_err("a process has one");
    assert!(matches!(again, lsl_sys::LoadError::AlreadyLoaded { .. }), "{again:?}");
}
