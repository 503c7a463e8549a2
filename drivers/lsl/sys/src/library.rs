//! Opening the library and keeping it.

use crate::Table;
use libloading::Library;
use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Why a library cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system's loader refused it.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// What was to be opened.
        path: PathBuf,
        /// The loader's words.
        #[source]
        source: libloading::Error,
    },
    /// It is some other library, or a liblsl too old.
    #[error("{} is no liblsl that can be used: it lacks {}", path.display(), missing.join(", "))]
    Symbols {
        /// What was opened.
        path: PathBuf,
        /// The functions that are not in it.
        missing: Vec<&'static str>,
    },
    /// It is older than asked for.
    #[error("{} is liblsl {}.{}, older than {}.{}", path.display(), found / 100, found % 100, wanted / 100, wanted % 100)]
    TooOld {
        /// What was opened.
        path: PathBuf,
        /// Its version, major x 100 + minor.
        found: i32,
        /// The oldest that would do.
        wanted: i32,
    },
    /// Another one is in use; a process has one liblsl.
    #[error("liblsl is already loaded from {}", path.display())]
    AlreadyLoaded {
        /// Where that one came from.
        path: PathBuf,
    },
}

struct Loaded {
    path: PathBuf,
    table: Table,
    set_config_content: Option<unsafe extern "C" fn(*const c_char)>,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();

/// Opens the library at `path` (a file, or a bare name for the system's loader to find), checks that it has every
/// function and at least the version `oldest` (major x 100 + minor), and uses it from now on.
///
/// # Errors
/// [`LoadError`]; nothing is in use then that was not before, and another library may be tried.
pub fn load(path: &Path, oldest: i32) -> Result<(), LoadError> {
    static LOADING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        return Err(LoadError::AlreadyLoaded { path: loaded.path.clone() });
    }
    // SAFETY: liblsl's initialisers only set up its own statics; an impostor at this path is the operator's choice.
    let library =
        unsafe { Library::new(path) }.map_err(|source| LoadError::Open { path: path.to_owned(), source })?;
    let table =
        Table::read(&library).map_err(|missing| LoadError::Symbols { path: path.to_owned(), missing })?;
    // SAFETY: the function takes nothing and returns a constant.
    let found = unsafe { (table.lsl_library_version)() };
    if found < oldest {
        return Err(LoadError::TooOld { path: path.to_owned(), found, wanted: oldest });
    }
    let set_config_content = symbol(&library, "lsl_set_config_content", &mut Vec::new());
    // liblsl runs threads and keeps statics: it must never be unloaded.
    std::mem::forget(library);
    // The lock is held and the cell was empty, so this cannot be refused.
    let _ = LOADED.set(Loaded { path: path.to_owned(), table, set_config_content });
    Ok(())
}

/// Where the library in use was opened; `None` before [`load`].
#[must_use]
pub fn loaded_from() -> Option<&'static Path> {
    LOADED.get().map(|l| l.path.as_path())
}

/// Gives liblsl its configuration (the text of an `lsl_api.cfg`), which it takes instead of any file. Only heeded
/// before the first function that resolves or opens a stream. Returns false where the library cannot (before 1.17.6).
#[must_use]
pub fn set_config_content(text: &CStr) -> bool {
    match LOADED.get().and_then(|l| l.set_config_content) {
        Some(set) => {
            // SAFETY: a valid C string, which liblsl copies.
            unsafe { set(text.as_ptr()) };
            true
        }
        None => false,
    }
}

/// The functions of the library in use.
///
/// # Panics
/// Before [`load`] has succeeded (the process then ends, for a C function cannot unwind).
pub(crate) fn table() -> &'static Table {
    match LOADED.get() {
        Some(loaded) => &loaded.table,
        None => panic!("a function of liblsl was called before lsl_sys::load"),
    }
}

/// The address of `name`, read as a function of type `F`; notes the name in `missing` when it is not there.
pub(crate) fn symbol<F: Copy>(
    library: &Library,
    name: &'static str,
    missing: &mut Vec<&'static str>,
) -> Option<F> {
    // SAFETY: `F` is the function's type as the C header has it; the library is never unloaded once it is used.
    let found = unsafe { library.get::<F>(name) }.ok().map(|f| *f);
    if found.is_none() {
        missing.push(name);
    }
    found
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_opened_is_named() {
        let path = Path::new("/nonexistent/liblsl.so.2");
        let error = load(path, 117).expect_err("there is no such file");
        assert!(matches!(&error, LoadError::Open { .. }), "{error:?}");
        assert!(error.to_string().contains("/nonexistent/liblsl.so.2"), "{error}");
        assert!(loaded_from().is_none());
    }

    #[test]
    fn another_library_is_refused_with_the_functions_it_lacks() {
        let error = load(Path::new("libc.so.6"), 117).expect_err("the C library is no liblsl");
        let LoadError::Symbols { missing, .. } = &error else { panic!("{error:?}") };
        assert!(missing.contains(&"lsl_create_inlet") && missing.contains(&"lsl_pull_sample_buf"));
        assert!(error.to_string().contains("lsl_create_inlet"), "{error}");
        assert!(loaded_from().is_none());
    }
}
