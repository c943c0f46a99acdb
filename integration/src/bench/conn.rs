//! A non-blocking TCP connection with a queue of shared octets to write.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use socket2::{Domain, Protocol, Socket, Type};

/// Slices handed to one `writev`.
const SLICES: usize = 64;

/// One connection, registered with an epoll instance under a number.
#[derive(Debug)]
pub(super) struct Conn {
    stream: TcpStream,
    /// Octets and the part of them yet to be written.
    out: VecDeque<(Arc<[u8]>, Range<usize>)>,
    token: u64,
    reads: bool,
    armed: EpollFlags,
}

impl Conn {
    /// Begins to connect from `local` to `remote`; writable once connected.
    ///
    /// # Errors
    /// What the kernel says to the socket, its addresses or epoll.
    pub(super) fn dial(
        epoll: &Epoll,
        token: u64,
        local: Ipv4Addr,
        remote: SocketAddrV4,
        receive_buffer: Option<usize>,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        if let Some(octets) = receive_buffer {
            socket.set_recv_buffer_size(octets)?;
        }
        socket.bind(&SocketAddr::from((local, 0)).into())?;
        match socket.connect(&SocketAddr::from(remote).into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        Self::register(socket.into(), epoll, token, EpollFlags::EPOLLOUT)
    }

    /// Takes over an accepted connection.
    ///
    /// # Errors
    /// What the kernel says to the socket or epoll.
    pub(super) fn accepted(epoll: &Epoll, token: u64, stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::register(stream, epoll, token, EpollFlags::EPOLLIN)
    }

    fn register(stream: TcpStream, epoll: &Epoll, token: u64, armed: EpollFlags) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        epoll.add(&stream, EpollEvent::new(armed, token))?;
        Ok(Self { stream, out: VecDeque::new(), token, reads: true, armed })
    }

    /// Whether readable octets are to be reported.
    pub(super) fn set_reads(&mut self, reads: bool) {
        self.reads = reads;
    }

    /// The error a connection attempt ended with, if any.
    ///
    /// # Errors
    /// That error.
    pub(super) fn connected(&self) -> io::Result<()> {
        self.stream.take_error()?.map_or(Ok(()), Err)
    }

    /// Appends octets to what is to be written.
    pub(super) fn queue(&mut self, octets: Arc<[u8]>) {
        let all = 0..octets.len();
        self.queue_part(octets, all);
    }

    /// Appends a part of octets to what is to be written.
    pub(super) fn queue_part(&mut self, octets: Arc<[u8]>, part: Range<usize>) {
        if !part.is_empty() {
            self.out.push_back((octets, part));
        }
    }

    /// Writes what the kernel takes and asks to be told when it takes more.
    ///
    /// # Errors
    /// What the kernel says to the write or to epoll.
    pub(super) fn flush(&mut self, epoll: &Epoll) -> io::Result<()> {
        while !self.out.is_empty() {
            let mut slices = Vec::with_capacity(SLICES.min(self.out.len()));
            let parts = self.out.iter().take(SLICES);
            slices.extend(parts.map(|(octets, part)| IoSlice::new(octets.get(part.clone()).unwrap_or(&[]))));
            match (&self.stream).write_vectored(&slices) {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.arm(epoll)
    }

    fn advance(&mut self, mut count: usize) {
        while let Some((_, part)) = self.out.front_mut() {
            if count < part.len() {
                part.start += count;
                break;
            }
            count -= part.len();
            self.out.pop_front();
        }
    }

    fn arm(&mut self, epoll: &Epoll) -> io::Result<()> {
        let mut wanted = EpollFlags::empty();
        wanted.set(EpollFlags::EPOLLIN, self.reads);
        wanted.set(EpollFlags::EPOLLOUT, !self.out.is_empty());
        if wanted != self.armed {
            epoll.modify(&self.stream, &mut EpollEvent::new(wanted, self.token))?;
            self.armed = wanted;
        }
        Ok(())
    }

    /// Reads once into `buffer`. `None`: nothing there now; `Some(0)`: the other side is done.
    ///
    /// # Errors
    /// What the kernel says to the read.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.stream).read(buffer) {
            Ok(count) => Ok(Some(count)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
