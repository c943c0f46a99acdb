//! Socket options that no kept crate offers: TCP MD5 signatures (RFC 2385) and least TTL (RFC 5082).
//!
//! The only place of the daemon with `unsafe`; each call passes a value it owns, with its own size.

use std::io;
use std::mem::size_of;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd as _};

use crate::config::model::Password;

/// `struct tcp_md5sig` of `linux/tcp.h`.
#[repr(C)]
struct TcpMd5Sig {
    /// A `sockaddr_storage` whose head is a `sockaddr_in` or `sockaddr_in6`.
    addr: [u8; 128],
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    interface: i32,
    key: [u8; Password::MAX],
}

/// Signs and checks all segments exchanged with `peer`; `None` removes the key.
///
/// On a listening socket the key counts for connections from `peer`; several peers may have keys.
///
/// # Errors
/// Those of `setsockopt`: `ENOENT` when removing a key that is not there, `ENOPROTOOPT` on a kernel without
/// the option.
pub fn set_md5_key(socket: &impl AsFd, peer: IpAddr, key: Option<&Password>) -> io::Result<()> {
    let mut value = TcpMd5Sig {
        addr: [0; 128],
        flags: 0,
        prefix_len: 0,
        key_len: 0,
        interface: 0,
        key: [0; Password::MAX],
    };
    let (family, at, octets) = match peer {
        IpAddr::V4(addr) => (libc::AF_INET, 4, addr.octets().to_vec()),
        IpAddr::V6(addr) => (libc::AF_INET6, 8, addr.octets().to_vec()),
    };
    let family = (family as u16).to_ne_bytes();
    for (to, from) in value.addr.iter_mut().zip(family) {
        *to = from;
    }
    for (to, from) in value.addr.iter_mut().skip(at).zip(octets) {
        *to = from;
    }
    if let Some(key) = key {
        value.key_len = key.as_bytes().len() as u16;
        for (to, from) in value.key.iter_mut().zip(key.as_bytes()) {
            *to = *from;
        }
    }
    set(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG, &value)
}

/// Drops segments that arrive with a TTL (hop limit) below `least`.
///
/// # Errors
/// Those of `setsockopt`.
pub fn set_least_ttl(socket: &impl AsFd, ipv6: bool, least: u8) -> io::Result<()> {
    let value = i32::from(least);
    if ipv6 {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, &value)
    } else {
        set(socket, libc::IPPROTO_IP, libc::IP_MINTTL, &value)
    }
}

#[expect(unsafe_code, reason = "setsockopt of options that socket2 and nix do not have")]
fn set<T>(socket: &impl AsFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; `value` is a live, initialised
    // value of plain integers and the length passed is its own; the kernel copies it and keeps no pointer.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
