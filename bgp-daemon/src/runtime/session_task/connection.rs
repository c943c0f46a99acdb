//! One TCP connection of a session task, without waiting: what would block is remembered as such.

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use bgp_core::session::ConnId;
use bgp_core::wire::count_messages;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::{Egress, Offer};

/// A connection with what is still to be written to it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    stream: TcpStream,
    /// The rest of a message that was written in part; goes before everything.
    rest: Vec<u8>,
    /// Messages of the session, in order.
    control: Vec<u8>,
    /// The socket has octets, or its end, for us.
    pub(super) readable: bool,
    /// The socket takes no octets for now.
    pub(super) blocked: bool,
    /// Writing has failed; reading will say why, perhaps after a NOTIFICATION.
    broken: bool,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Read {
    Octets(usize),
    WouldBlock,
    End,
}

impl Connection {
    pub(super) fn new(id: ConnId, stream: TcpStream) -> Self {
        Self {
            id,
            stream,
            rest: Vec::new(),
            control: Vec::new(),
            // Octets may have come with the connection.
            readable: true,
            blocked: false,
            broken: false,
        }
    }

    /// Queues a message of the session.
    pub(super) fn queue(&mut self, octets: &[u8]) {
        self.control.extend_from_slice(octets);
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Read {
        loop {
            match self.stream.try_read(buffer) {
                Ok(0) => return Read::End,
                Ok(len) => return Read::Octets(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Read::WouldBlock;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Read::End,
            }
        }
    }

    /// Whether octets wait in the socket, asked of the kernel itself.
    pub(super) fn has_unread(&self) -> bool {
        let mut octet = [MaybeUninit::uninit()];
        SockRef::from(&self.stream).peek(&mut octet).is_ok_and(|len| len > 0)
    }

    /// Writes what the session has queued. Returns whether the socket took anything.
    pub(super) fn flush(&mut self) -> bool {
        let mut took = false;
        while self.takes_octets() && self.has_queued() {
            let slices = [IoSlice::new(&self.rest), IoSlice::new(&self.control)];
            match self.stream.try_write_vectored(&slices) {
                Ok(len) => {
                    took = true;
                    let of_rest = len.min(self.rest.len());
                    consume(&mut self.rest, of_rest);
                    consume(&mut self.control, len - of_rest);
                }
                Err(error) => self.failed(&error),
            }
        }
        took
    }

    /// Writes routes after everything else. Returns whether the socket took anything, and what `egress`
    /// said; `None` when it was not asked, for the socket is full or broken. Messages are added to `sent`
    /// as soon as the first octet of each was taken: the rest of it goes before everything else.
    pub(super) fn write_routes(
        &mut self,
        egress: &mut impl Egress,
        budget: usize,
        sent: &mut u64,
    ) -> (bool, Option<Offer>) {
        if !self.takes_octets() || self.has_queued() {
            return (false, None);
        }
        let mut took = false;
        let stream = &self.stream;
        let offer = egress.write_with(budget, &mut self.rest, &mut |slices| {
            let taken = stream.try_write_vectored(slices)?;
            took |= taken > 0;
            *sent += begun(slices, taken);
            Ok(taken)
        });
        match offer {
            // Only a write that would block tells the reactor to watch the socket.
            Ok(Offer::Blocked) => {
                took |= self.flush();
                self.blocked = true;
                (took, None)
            }
            Ok(offer) => (took, Some(offer)),
            Err(error) => {
                self.failed(&error);
                (took, None)
            }
        }
    }

    fn takes_octets(&self) -> bool {
        !(self.broken || self.blocked)
    }

    fn has_queued(&self) -> bool {
        !(self.rest.is_empty() && self.control.is_empty())
    }

    fn failed(&mut self, error: &io::Error) {
        match error.kind() {
            ErrorKind::WouldBlock => self.blocked = true,
            ErrorKind::Interrupted => {}
            _ => {
                self.broken = true;
                self.readable = true;
            }
        }
    }

    /// Waits until something new is known of the socket.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut news = Poll::Pending;
        if !self.readable && self.stream.poll_read_ready(cx).is_ready() {
            self.readable = true;
            news = Poll::Ready(());
        }
        if self.blocked && !self.broken && self.stream.poll_write_ready(cx).is_ready() {
            self.blocked = false;
            news = Poll::Ready(());
        }
        news
    }

    /// The stream and what was still to be written to it.
    pub(super) fn into_last(mut self) -> (TcpStream, Vec<u8>) {
        self.rest.append(&mut self.control);
        (self.stream, self.rest)
    }
}

/// How many of the messages in `slices`, each of them whole messages, begin in the first `taken` octets.
///
/// They are shared with other members of the group, so that nobody has counted them for this one. The kernel
/// has just read what is read here.
fn begun(slices: &[IoSlice<'_>], taken: usize) -> u64 {
    let mut left = taken;
    let mut count = 0;
    for slice in slices {
        let part = slice.get(..left.min(slice.len())).unwrap_or(&[]);
        if part.is_empty() {
            break;
        }
        count += count_messages(part);
        left -= part.len();
    }
    count
}

/// Removes octets from the front, and the memory with the last of them.
fn consume(octets: &mut Vec<u8>, len: usize) {
    if len >= octets.len() {
        *octets = Vec::new();
    } else {
        octets.drain(..len);
    }
}
