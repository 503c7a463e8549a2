use crate::child::Child;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tests that measure time take it for writing. With nextest every test is a process of its own and
/// `.config/nextest.toml` does the same.
static MACHINE: RwLock<()> = RwLock::new(());

enum Share {
    Some { _with_others: RwLockReadGuard<'static, ()> },
    All { _alone: RwLockWriteGuard<'static, ()> },
}

/// What one test has to itself: a folder, an LSL session, names. Make it first, so that it is dropped last.
pub struct World {
    folder: tempfile::TempDir,
    name: String,
    _share: Share,
}

impl World {
    /// A world beside those of other tests.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let share = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        Self::make(name, Share::Some { _with_others: share })
    }

    /// A world while no other test runs.
    #[must_use]
    pub fn alone(name: &str) -> Self {
        let share = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        Self::make(name, Share::All { _alone: share })
    }

    fn make(name: &str, share: Share) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{count}-{now:x}", std::process::id());
        let folder = tempfile::tempdir().expect("a folder can be made");
        // Only this machine, only this LSL session. More look-up ports than liblsl's 32: an outlet beyond them, of another
        // test say, could not be found.
        let lsl = format!(
            "[ports]\nPortRange = 128\nIPv6 = disable\n[multicast]\nResolveScope = machine\n\
             [lab]\nKnownPeers = {{127.0.0.1}}\nSessionID = {name}\n[log]\nlevel = -2\n"
        );
        std::fs::write(folder.path().join("lsl_api.cfg"), lsl).expect("the folder can be written to");
        Self { folder, name, _share: share }
    }

    /// A name for `what` that no other test uses.
    #[must_use]
    pub fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.name)
    }

    /// Its LSL session.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.name
    }

    /// A file of this test.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of this test with this text.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.file(name);
        std::fs::write(&file, text).expect("the folder can be written to");
        file
    }

    /// Starts a command of `bcid`, in the workspace's root.
    #[must_use]
    pub fn bcid(&self, command: &str, args: &[&str]) -> Child {
        let mut process = Command::new(crate::bcid());
        process.arg(command).args(args);
        self.spawn(command, process)
    }

    /// Starts a process in this world. Its log is the file `name`.log.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(&self, name: &str, mut command: Command) -> Child {
        command.current_dir(crate::root()).env("LSLAPICFG", self.file("lsl_api.cfg"));
        Child::spawn(name, command, self.folder.path())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_logs(self.folder.path());
        }
    }
}

#[allow(clippy::print_stderr, reason = "the harness shows it with the failure")]
fn show_logs(folder: &Path) {
    const LAST: usize = 40;
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|f| f.path()).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "log")) {
        let text = std::fs::read(file).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LAST);
        eprintln!("--- {}\n{}", file.file_name().unwrap_or_default().display(), lines[from..].join("\n"));
    }
}
