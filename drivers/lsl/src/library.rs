//! Finding liblsl and proving that it is loaded.

use crate::clock::host_now;
use lsl_sys::LoadError;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The environment variable that names the liblsl to use, and no other.
pub const LIBRARY_VARIABLE: &str = "BCID_LIBLSL";

/// The oldest liblsl that will do, major x 100 + minor.
pub const OLDEST_VERSION: i32 = 117;

/// An `lsl_api.cfg` that keeps LSL within this machine: nothing is announced to or looked for on the network, and
/// looking up takes tens of milliseconds. The look-up ports are more than liblsl's 32, because an outlet beyond them
/// cannot be found this way.
pub const LOOPBACK_CONFIG: &str = "\
[ports]
PortRange = 128
IPv6 = disable
[multicast]
ResolveScope = machine
[lab]
KnownPeers = {127.0.0.1}
[tuning]
MulticastMinRTT = 0.02
UnicastMinRTT = 0.2
[log]
level = -2
";

const FETCHED: &str = ".native/lib/liblsl.so.2";
const SYSTEM: [&str; 2] = ["liblsl.so.2", "liblsl.so"];

/// Why liblsl is not ready.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No place has one that can be used.
    #[error(
        "liblsl was not found. Run `cargo xtask setup`, or set {LIBRARY_VARIABLE} to a liblsl.so.2 of version 1.17 \
         or newer. Tried: {}",
        tried.join("; ")
    )]
    NotFound {
        /// Each place and why it would not do.
        tried: Vec<String>,
    },
    /// The one that the environment names cannot be used.
    #[error("{LIBRARY_VARIABLE} = {}: correct it, or unset it and run `cargo xtask setup`", path.display())]
    Named {
        /// Its value.
        path: PathBuf,
        /// Why it would not do.
        #[source]
        source: LoadError,
    },
    /// Configuration came after liblsl had read its own.
    #[error("liblsl has already been used in this process; its configuration is read only once")]
    ConfiguredTooLate,
    /// This liblsl reads its configuration from files only.
    #[error(
        "this liblsl takes its configuration from files only (1.17.6 or newer is needed); set LSLAPICFG to one"
    )]
    NotConfigurable,
}

/// The proof that liblsl is loaded and new enough; whatever calls into it asks for one. Copy it freely, to any thread.
#[derive(Clone, Copy, Debug)]
pub struct Liblsl {
    _loaded: (),
}

static USED: AtomicBool = AtomicBool::new(false);

impl Liblsl {
    /// Loads liblsl, once a process: from `BCID_LIBLSL` when that is set; else from `.native/lib/liblsl.so.2` in a
    /// folder above the executable or above the current one; else the system's.
    ///
    /// # Errors
    /// [`LibraryError::Named`], [`LibraryError::NotFound`].
    pub fn load() -> Result<Self, LibraryError> {
        static LOADING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if lsl_sys::loaded_from().is_none() {
            match std::env::var_os(LIBRARY_VARIABLE).filter(|v| !v.is_empty()) {
                Some(path) => load_named(Path::new(&path))?,
                None => load_first(&places())?,
            }
        }
        Ok(Self { _loaded: () })
    }

    /// Where it was loaded from: a file, or the bare name that the system's loader resolved.
    #[must_use]
    pub fn path(self) -> &'static Path {
        lsl_sys::loaded_from().unwrap_or(Path::new(""))
    }

    /// Its version, major x 100 + minor: 118 is 1.18.
    #[must_use]
    pub fn version(self) -> i32 {
        lsl::library_version()
    }

    /// What it says of its build.
    #[must_use]
    pub fn build_info(self) -> String {
        lsl::library_info()
    }

    /// Seconds on the LSL clock of this host.
    #[must_use]
    pub fn local_clock(self) -> f64 {
        lsl::local_clock()
    }

    /// How far liblsl's clock is from [`host_now`], nanoseconds: the smallest of a few readings, so that being
    /// interrupted between the two does not count. Beyond a millisecond the two are different clocks.
    #[must_use]
    pub fn clock_offset_ns(self) -> i64 {
        (0..8)
            .map(|_| {
                let before = host_now().0;
                let theirs = bci_types::HostNs::from_lsl_seconds(lsl::local_clock()).0;
                let after = host_now().0;
                theirs - (before + (after - before) / 2)
            })
            .min_by_key(|d| d.abs())
            .unwrap_or(0)
    }

    /// Gives liblsl its configuration, the text of an `lsl_api.cfg`, in place of any file. See [`configuration_file`]
    /// for whether that would overrule the operator's own.
    ///
    /// # Errors
    /// [`LibraryError::ConfiguredTooLate`] after the first look-up or stream; [`LibraryError::NotConfigurable`].
    pub fn configure(self, text: &str) -> Result<(), LibraryError> {
        if USED.load(Ordering::Acquire) {
            return Err(LibraryError::ConfiguredTooLate);
        }
        // A text with a NUL is no configuration that liblsl could take.
        let text = CString::new(text).map_err(|_| LibraryError::NotConfigurable)?;
        if lsl_sys::set_config_content(&text) { Ok(()) } else { Err(LibraryError::NotConfigurable) }
    }

    /// Notes that liblsl reads its configuration now.
    pub(crate) fn used(self) {
        USED.store(true, Ordering::Release);
    }
}

/// The configuration file that liblsl will read, by its own rule: `LSLAPICFG`, then `lsl_api.cfg` in the current
/// folder, in `~/lsl_api`, in `/etc/lsl_api`. `None`: it uses its defaults.
#[must_use]
pub fn configuration_file() -> Option<PathBuf> {
    let named = std::env::var_os("LSLAPICFG").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|h| Path::new(&h).join("lsl_api/lsl_api.cfg"));
    [named, Some("lsl_api.cfg".into()), home, Some("/etc/lsl_api/lsl_api.cfg".into())]
        .into_iter()
        .flatten()
        .find(|path| std::fs::File::open(path).is_ok_and(|f| f.metadata().is_ok_and(|m| m.is_file())))
}

fn load_named(path: &Path) -> Result<(), LibraryError> {
    lsl_sys::load(path, OLDEST_VERSION)
        .map_err(|source| LibraryError::Named { path: path.to_owned(), source })
}

fn load_first(places: &[PathBuf]) -> Result<(), LibraryError> {
    let mut tried = Vec::new();
    for place in places {
        // A bare name is for the system's loader; a path must be there.
        if place.is_absolute() && !place.exists() {
            tried.push(format!("{} (absent)", place.display()));
            continue;
        }
        match lsl_sys::load(place, OLDEST_VERSION) {
            Ok(()) => return Ok(()),
            Err(error) => tried.push(chain(&error)),
        }
    }
    Err(LibraryError::NotFound { tried })
}

/// Where to look, in order, without repetition.
fn places() -> Vec<PathBuf> {
    let executable = std::env::current_exe().ok();
    let folder = std::env::current_dir().ok();
    let mut places: Vec<PathBuf> = Vec::new();
    for start in [executable, folder].into_iter().flatten() {
        for above in start.ancestors() {
            let place = above.join(FETCHED);
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places.extend(SYSTEM.map(PathBuf::from));
    places
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_miss_says_every_place_and_how_to_mend_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let absent = folder.path().join("absent.so");
        let rubbish = folder.path().join("rubbish.so");
        std::fs::write(&rubbish, "no library").expect("a file");
        let error = load_first(&[absent.clone(), rubbish.clone()]).expect_err("neither will do");
        let text = error.to_string();
        for part in
            ["cargo xtask setup", LIBRARY_VARIABLE, "absent.so (absent)", "rubbish.so cannot be opened"]
        {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        let named = load_named(&rubbish).expect_err("it will not do");
        assert!(matches!(named, LibraryError::Named { .. }), "{named:?}");
        assert!(chain(&named).contains("rubbish.so"), "{}", chain(&named));
    }

    #[test]
    fn the_workspace_is_searched_before_the_system() {
        let places = places();
        let fetched = places.iter().position(|p| p.ends_with(FETCHED)).expect("one above this folder");
        let system = places.iter().position(|p| p == Path::new(SYSTEM[0])).expect("the system's");
        assert!(fetched < system);
    }
}
