//! The Unix socket of the admin server: opening it where an earlier daemon may have left one.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// An open admin socket; its file is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
}

/// Why the socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error("cannot open the admin socket {path}: another daemon is serving it")]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// A file that is not ours to remove.
    #[error("cannot open the admin socket {path}: a file that is not a socket is in the way")]
    NotASocket {
        /// Where.
        path: PathBuf,
    },
    /// The directory is missing, closed, or the disk is full.
    #[error("cannot open the admin socket {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl SocketError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { path } => format!(
                "stop that daemon, or choose another path with `socket` in [api]; `peregrine status --socket {}` tells who it is",
                path.display()
            ),
            Self::NotASocket { .. } => {
                "remove the file, or choose another path with `socket` in [api]".to_owned()
            }
            Self::Io { path, source } => {
                let parent = path.parent().unwrap_or(Path::new("/")).display();
                match source.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                        format!(
                            "create the directory {parent}, or choose another path with `socket` in [api]"
                        )
                    }
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        format!(
                            "the daemon's user must be able to write to {parent}; or set `socket` in [api]"
                        )
                    }
                    _ => "choose another path with `socket` in [api]".to_owned(),
                }
            }
        }
    }
}

impl Socket {
    /// Opens the socket with mode 0660, in place of one that a dead daemon left behind.
    ///
    /// The last directory of the path is made when it is missing. Must run inside a runtime.
    ///
    /// # Errors
    /// [`SocketError`] when somebody serves it, or it cannot be made.
    pub fn open(path: &Path) -> Result<(UnixListener, Self), SocketError> {
        let io_error = |source| SocketError::Io { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(SocketError::NotASocket { path: path.to_owned() });
            }
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Answered, or closed to us: either way somebody may be using it.
                Ok(_) => return Err(SocketError::InUse { path: path.to_owned() }),
                Err(error) => return Err(io_error(error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directory(path).map_err(io_error)?;
            }
            Err(error) => return Err(io_error(error)),
        }
        // Bound beside and moved into place: it is never seen with a wider mode, nor missing.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&fresh).map_err(io_error)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(MODE)).map_err(io_error)?;
        std::fs::rename(&fresh, path).map_err(io_error)?;
        Ok((listener, Self { path: path.to_owned() }))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Best effort: a file that stays is recognised as dead at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn make_directory(socket: &Path) -> io::Result<()> {
    let Some(parent) = socket.parent() else { return Ok(()) };
    match std::fs::create_dir(parent) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Owner and group: whoever may talk to it may change routing.
const MODE: u32 = 0o660;
