//! TCP sockets as BGP wants them.
//!
//! Listening sockets send with TTL 255, which RFC 5082 demands of the answer to a SYN and which harms nobody;
//! an accepted connection gets what its peer is configured with.

mod sockopt;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::config::model::{Password, Reach};
pub use sockopt::{set_least_ttl, set_md5_key};

/// How connections with one peer are made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Where to dial, with the scope of a link-local address.
    pub remote: SocketAddr,
    /// Address to dial from.
    pub local: Option<IpAddr>,
    /// How far away the peer may be.
    pub reach: Reach,
    /// TCP MD5 key.
    pub key: Option<Password>,
}

/// Connections the kernel completes while we do not accept: as many as peers may come back at once.
const BACKLOG: u32 = 4096;

/// Opens a listening socket. An IPv6 one takes no IPv4 connections: those have a socket of their own.
///
/// # Errors
/// Those of the system, `EADDRINUSE` and `EACCES` being the ones an operator can do something about.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    set_ttl(&socket, addr.is_ipv6(), 255)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG as i32)?;
    TcpListener::from_std(socket.into())
}

/// Dials the peer.
///
/// # Errors
/// Those of the system, whether about the options or about the connection.
pub fn dial(link: &Link) -> io::Result<impl Future<Output = io::Result<TcpStream>> + Send + use<>> {
    let ipv6 = link.remote.is_ipv6();
    let socket = if ipv6 { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_nodelay(true)?;
    if let Some(local) = link.local {
        socket.set_reuseaddr(true)?;
        socket.bind(local_end(local, link.remote))?;
    }
    set_reach(&SockRef::from(&socket), ipv6, link.reach)?;
    if let Some(key) = &link.key {
        set_md5_key(&socket, link.remote.ip(), Some(key))?;
    }
    Ok(socket.connect(link.remote))
}

/// Sets up a connection the peer opened.
///
/// # Errors
/// Those of the system about the options.
pub fn accepted(stream: &TcpStream, ipv6: bool, reach: Reach) -> io::Result<()> {
    stream.set_nodelay(true)?;
    set_reach(&SockRef::from(stream), ipv6, reach)
}

fn local_end(local: IpAddr, remote: SocketAddr) -> SocketAddr {
    match (local, remote) {
        (IpAddr::V6(local), SocketAddr::V6(remote)) if local.is_unicast_link_local() => {
            SocketAddrV6::new(local, 0, 0, remote.scope_id()).into()
        }
        _ => (local, 0).into(),
    }
}

fn set_reach(socket: &Socket, ipv6: bool, reach: Reach) -> io::Result<()> {
    // Beside the hold timer, for peers that negotiate none.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_TIME))?;
    match reach {
        Reach::Connected => set_ttl(socket, ipv6, 1),
        Reach::Multihop(ttl) => set_ttl(socket, ipv6, ttl),
        Reach::TtlSecurity(_) => {
            set_ttl(socket, ipv6, 255)?;
            set_least_ttl(socket, ipv6, least_ttl(reach))
        }
    }
}

/// The least TTL that packets of a peer so far away arrive with (RFC 5082 §3); 0 where any will do.
pub fn least_ttl(reach: Reach) -> u8 {
    match reach {
        // One hop away is TTL 255: routers in between count, the receiver does not.
        Reach::TtlSecurity(hops) => 255 - hops.saturating_sub(1),
        Reach::Connected | Reach::Multihop(_) => 0,
    }
}

fn set_ttl(socket: &Socket, ipv6: bool, ttl: u8) -> io::Result<()> {
    match ipv6 {
        true => socket.set_unicast_hops_v6(ttl.into()),
        false => socket.set_ttl_v4(ttl.into()),
    }
}

const KEEPALIVE_TIME: Duration = Duration::from_secs(120);
