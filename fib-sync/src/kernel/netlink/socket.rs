//! Making and reading the sockets.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockFilter, SockRef};

use crate::error::FibError;

/// A routing socket with a port of its own; also returns that port.
pub(super) fn open() -> Result<(Socket, u32), FibError> {
    let mut socket =
        Socket::new(NETLINK_ROUTE).map_err(failed("opening a socket to the kernel's routing tables"))?;
    let own = socket.bind_auto().map_err(failed("binding a netlink socket"))?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(failed("connecting a netlink socket"))?;
    Ok((socket, own.port_number()))
}

/// Asks for a larger receive buffer, beyond the system's limit if we may.
pub(super) fn enlarge(socket: &Socket, octets: usize) -> Result<(), FibError> {
    if setsockopt(socket, sockopt::RcvBufForce, &octets).is_ok() {
        return Ok(());
    }
    socket.set_rx_buf_sz(octets).map_err(failed("enlarging the receive buffer of a netlink socket"))
}

/// Lets the kernel drop notifications of what the socket with port `writer` did: loading a full table
/// would else cost its size again in echoes, and overrun the buffer.
pub(super) fn drop_echoes(socket: &Socket, writer: u32) -> io::Result<()> {
    // Filters load words in network order; the field is in host order.
    let port = u32::from_be_bytes(writer.to_ne_bytes());
    SockRef::from(socket).attach_filter(&[
        SockFilter::new(LOAD_WORD, 0, 0, NLMSG_PID_OFFSET),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, port),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Receives one datagram into `buf`, whose capacity bounds it.
pub(super) fn receive(socket: &Socket, buf: &mut Vec<u8>, flags: i32) -> io::Result<()> {
    buf.clear();
    socket.recv(buf, flags).map(|_| ())
}

/// Turns an error into ours.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> FibError {
    move |source| FibError::Socket { doing, source }
}

const NLMSG_PID_OFFSET: u32 = 12;
// BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K
const LOAD_WORD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
