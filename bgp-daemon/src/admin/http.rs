//! The TCP address of the read-only HTTP server.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Why the address cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve HTTP on {address}: {source}")]
pub struct HttpError {
    address: SocketAddr,
    source: io::Error,
}

impl HttpError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has this port: stop it, or set another one with `http` in [api]"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need CAP_NET_BIND_SERVICE; or set a higher port with `http` in [api]"
            }
            io::ErrorKind::AddrNotAvailable => "this host does not have the address; see `http` in [api]",
            _ => "see `http` in [api]",
        }
    }
}

/// Opens it. Must run inside a runtime.
///
/// # Errors
/// [`HttpError`] when the system refuses.
pub async fn open(address: SocketAddr) -> Result<TcpListener, HttpError> {
    TcpListener::bind(address).await.map_err(|source| HttpError { address, source })
}
