//! The local socket: for clients on this machine, permitted to the user whom the daemon runs as.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket that clients can connect to; its file goes when this does.
#[derive(Debug)]
pub(crate) struct LocalSocket {
    pub(crate) listener: UnixListener,
    pub(crate) file: SocketFile,
}

/// The file of a socket, removed when dropped.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl LocalSocket {
    /// Binds one at `path`. A file that a daemon left behind when it was killed gives way.
    ///
    /// # Errors
    /// In words: why it cannot be there.
    pub(crate) fn bind(path: &Path) -> Result<Self, String> {
        let refused = |e: io::Error| format!("cannot be listened on: {e}");
        let listener = match bind_for_owner(path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                if !std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
                    return Err("is there already and is no socket".to_owned());
                }
                match UnixStream::connect(path) {
                    Ok(_) => return Err("is served by another process".to_owned()),
                    Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(e) => return Err(format!("is a socket that cannot be asked who serves it: {e}")),
                }
                std::fs::remove_file(path).and_then(|()| bind_for_owner(path)).map_err(refused)?
            }
            bound => bound.map_err(refused)?,
        };
        let path = std::path::absolute(path).map_err(refused)?;
        Ok(Self { listener, file: SocketFile(path) })
    }
}

impl SocketFile {
    /// How a client names it.
    pub(crate) fn url(&self) -> String {
        format!("unix:{}", self.0.display())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The file is made with the permissions that the process gives; changed afterwards they would come too late.
fn bind_for_owner(path: &Path) -> io::Result<UnixListener> {
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_socket_is_its_owners_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let socket = LocalSocket::bind(&path).expect("bound");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(socket.file.url(), format!("unix:{}", path.display()));
        assert!(LocalSocket::bind(&path).expect_err("taken").contains("another process"));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_daemon_left_gives_way_and_nothing_else_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).expect("bound"));
        assert!(path.exists());
        drop(LocalSocket::bind(&path).expect("the dead one gives way"));
        std::fs::write(&path, "mine").expect("write");
        assert!(LocalSocket::bind(&path).expect_err("a file").contains("no socket"));
        assert_eq!(std::fs::read(&path).expect("read"), b"mine");
        let long = folder.path().join("x".repeat(120));
        assert!(LocalSocket::bind(&long).expect_err("too long").contains("cannot be listened on"));
        assert!(LocalSocket::bind(&folder.path().join("no/s")).is_err());
    }
}
