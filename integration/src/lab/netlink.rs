//! Blocking rtnetlink over a socket that was opened inside a namespace.
//!
//! The kernel acts in the namespace the socket belongs to, whoever holds it: the test itself
//! changes and reads its hosts without entering them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};

/// The kernel never sends more in one datagram to a reader that offers this much.
const RECEIVE: usize = 64 * 1024;

/// Multicast groups that tell of every change that can make or unmake a route: links,
/// addresses and routes of both families, next-hop objects.
pub(crate) const ALL_CHANGES: u32 =
    1 | 1 << (5 - 1) | 1 << (7 - 1) | 1 << (9 - 1) | 1 << (11 - 1) | 1 << (32 - 1);
/// Routes of both families only.
pub(crate) const ROUTE_CHANGES: u32 = 1 << (7 - 1) | 1 << (11 - 1);

/// Requests and their answers.
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, sequence: 0 }
    }

    /// Asks for a change and waits for its acknowledgement.
    pub(crate) fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.exchange(message, flags | NLM_F_ACK).map(drop)
    }

    /// Reads one entry.
    pub(crate) fn get(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.exchange(message, NLM_F_ACK)
    }

    /// Reads a whole kernel table.
    pub(crate) fn dump(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.exchange(message, NLM_F_DUMP)
    }

    fn exchange(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        packet.finalize();
        let mut buffer = vec![0; packet.buffer_len()];
        packet.serialize(&mut buffer);
        send(self.socket.as_raw_fd(), &buffer, MsgFlags::empty())?;

        let mut answers = Vec::new();
        let mut buffer = vec![0; RECEIVE];
        loop {
            for answer in receive(self.socket.as_fd(), &mut buffer)? {
                let answer = answer?;
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(message) => answers.push(message),
                    _ => {}
                }
            }
        }
    }
}

/// A subscription to changes.
pub(crate) struct Monitor {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// What a [`Monitor`] heard.
pub(crate) enum Heard {
    Changes(Vec<RouteNetlinkMessage>),
    /// Nothing until the deadline.
    Silence,
    /// More changes than its buffer held; some are lost.
    Overrun,
}

impl Heard {
    /// Whether names of links may have changed.
    pub(crate) fn touches_links(&self) -> bool {
        match self {
            Self::Silence => false,
            Self::Overrun => true,
            Self::Changes(messages) => messages.iter().any(|message| {
                matches!(message, RouteNetlinkMessage::NewLink(_) | RouteNetlinkMessage::DelLink(_))
            }),
        }
    }
}

impl Monitor {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, buffer: vec![0; RECEIVE] }
    }

    /// Waits for the next changes.
    pub(crate) fn next(&mut self, deadline: Instant) -> io::Result<Heard> {
        if !readable(self.socket.as_fd(), deadline)? {
            return Ok(Heard::Silence);
        }
        match receive(self.socket.as_fd(), &mut self.buffer) {
            Ok(messages) => {
                // The crate does not know all, such as next-hop objects: that something changed is
                // news enough.
                let inner = messages.into_iter().filter_map(|message| match message.ok()?.payload {
                    NetlinkPayload::InnerMessage(inner) => Some(inner),
                    _ => None,
                });
                Ok(Heard::Changes(inner.collect()))
            }
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => Ok(Heard::Overrun),
            Err(error) => Err(error),
        }
    }

    /// Throws away what has been heard so far and says whether links were among it.
    pub(crate) fn drain(&mut self) -> io::Result<bool> {
        let mut links = false;
        loop {
            match self.next(Instant::now())? {
                Heard::Silence => return Ok(links),
                heard => links |= heard.touches_links(),
            }
        }
    }
}

/// Waits until `fd` can be read; `false` at the deadline.
pub(crate) fn readable(fd: BorrowedFd<'_>, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up: a wait of zero would spin through the last millisecond.
        let millis = left.saturating_add(Duration::from_micros(999)).as_millis();
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout) {
            Ok(0) if Instant::now() >= deadline => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<Vec<io::Result<NetlinkMessage<RouteNetlinkMessage>>>> {
    let length = loop {
        match recv(socket.as_raw_fd(), buffer, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let mut rest = buffer.get(..length).unwrap_or_default();
    let mut messages = Vec::new();
    // Every message starts with its length and at a multiple of four octets.
    while let Some(length) = rest.first_chunk().map(|length| u32::from_ne_bytes(*length) as usize) {
        messages.push(NetlinkMessage::deserialize(rest).map_err(io::Error::other));
        rest = rest.get(length.next_multiple_of(4).max(4)..).unwrap_or_default();
    }
    Ok(messages)
}
