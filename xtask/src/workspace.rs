use crate::fail::{Exit, Fail, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout and the folders that set-up fills.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Cargo says where this crate lies, so that a moved checkout works after its next build.
    pub(crate) fn locate() -> Result<Self> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        match here.parent() {
            Some(root) if root.join("Cargo.toml").is_file() => Ok(Self { root: root.to_owned() }),
            _ => Err(Fail::new(Exit::Internal, format!("{}: not in a checkout", here.display()))),
        }
    }

    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Everything that set-up fetches; git ignores it, and deleting it is safe.
    pub(crate) fn native(&self) -> PathBuf {
        self.root.join(".native")
    }

    /// Shared libraries.
    pub(crate) fn lib(&self) -> PathBuf {
        self.native().join("lib")
    }

    /// The Python environment of the tests.
    pub(crate) fn venv(&self) -> PathBuf {
        self.native().join("venv")
    }

    pub(crate) fn venv_python(&self) -> PathBuf {
        self.venv().join("bin/python")
    }

    /// An LSL configuration that finds streams of this machine only, without multicast.
    pub(crate) fn lsl_api_cfg(&self) -> PathBuf {
        self.native().join("lsl_api.cfg")
    }

    /// The same program as the one that runs this, started in the root.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        cargo.current_dir(&self.root);
        cargo
    }
}
