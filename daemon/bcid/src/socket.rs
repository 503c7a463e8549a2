//! The local socket: for clients on this machine, permitted to the user whom the daemon runs as.

use rustix::fs::{FlockOperation, Mode};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::File;
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
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Held for as long as the file is ours: a daemon that is ending does not remove its successor's.
    _lock: File,
}

impl LocalSocket {
    /// Binds one at `path`. A file that a daemon left behind when it was killed gives way. Who serves holds a lock on
    /// `path` with `.lock` appended, which stays.
    ///
    /// # Errors
    /// In words: why it cannot be there.
    pub(crate) fn bind(path: &Path) -> Result<Self, String> {
        let refused = |e: io::Error| format!("cannot be listened on: {e}");
        // Clients are told this one, wherever they stand: it has to be short enough, too.
        let path = std::path::absolute(path).map_err(refused)?;
        let address = SocketAddrUnix::new(&path).map_err(|e| refused(e.into()))?;
        let lock = lock(&path).map_err(refused)?.ok_or("is served by another daemon")?;
        match std::fs::symlink_metadata(&path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err("is there already and is no socket".to_owned());
            }
            Ok(_) if UnixStream::connect(&path).is_ok() => {
                return Err("is served by another process".to_owned());
            }
            Ok(_) => std::fs::remove_file(&path).map_err(refused)?,
            Err(_) => {}
        }
        let listener = listen(&address).map_err(refused)?;
        Ok(Self { listener, file: SocketFile { path, _lock: lock } })
    }
}

impl SocketFile {
    /// How a client names it.
    pub(crate) fn url(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// `None` where another process holds it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(beside)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn listen(address: &SocketAddrUnix) -> io::Result<UnixListener> {
    let kind = (AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(kind.0, kind.1, kind.2, None)?;
    // Before it is bound: the file is made with these permissions. Given to it later they would come too late.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, address)?;
    rustix::net::listen(&socket, 1024)?;
    Ok(socket.into())
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
        assert!(LocalSocket::bind(&path).expect_err("taken").contains("another daemon"));
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
        let foreign = UnixListener::bind(&path).expect("bound");
        assert!(LocalSocket::bind(&path).expect_err("taken").contains("another process"));
        drop(foreign);
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "mine").expect("write");
        assert!(LocalSocket::bind(&path).expect_err("a file").contains("no socket"));
        assert_eq!(std::fs::read(&path).expect("read"), b"mine");
        let long = folder.path().join("x".repeat(120));
        assert!(LocalSocket::bind(&long).expect_err("too long").contains("cannot be listened on"));
        assert!(LocalSocket::bind(&folder.path().join("no/s")).is_err());
    }
}
