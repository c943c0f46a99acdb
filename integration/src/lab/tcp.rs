//! TCP from inside a host, spoken by the test itself: for peers that send nonsense.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use socket2::{SockAddr, Socket};

use super::error::Result;
use super::host::Host;
use super::wire::SocketKind;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 16;

impl Host {
    /// Connects from this host to `to`, such as `192.0.2.1:179`; reads and writes time out as
    /// the connection does.
    ///
    /// # Errors
    /// When nobody accepts in time.
    pub fn tcp_connect(&self, to: SocketAddr, timeout: Duration) -> Result<TcpStream> {
        let socket = self.tcp(to)?;
        let connected = socket.connect_timeout(&SockAddr::from(to), timeout);
        connected.map_err(|error| self.refused(format!("connecting to {to}"), error))?;
        let stream = TcpStream::from(OwnedFd::from(socket));
        stream
            .set_read_timeout(Some(timeout))
            .and_then(|()| stream.set_write_timeout(Some(timeout)))
            .map_err(|error| self.refused(format!("connection to {to}"), error))?;
        Ok(stream)
    }

    /// Listens in this host.
    ///
    /// # Errors
    /// When the address is taken or not the host's.
    pub fn tcp_listen(&self, on: SocketAddr) -> Result<TcpListener> {
        let socket = self.tcp(on)?;
        socket
            .set_reuse_address(true)
            .and_then(|()| socket.bind(&SockAddr::from(on)))
            .and_then(|()| socket.listen(BACKLOG))
            .map_err(|error| self.refused(format!("listening on {on}"), error))?;
        Ok(TcpListener::from(OwnedFd::from(socket)))
    }

    fn tcp(&self, address: SocketAddr) -> Result<Socket> {
        let kind = if address.is_ipv4() { SocketKind::Tcp4 } else { SocketKind::Tcp6 };
        self.socket(kind).map(Socket::from)
    }
}
