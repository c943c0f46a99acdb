//! The floor: a program that passes the UPDATEs of every peer on to all others without looking inside.
//!
//! It answers the OPEN, reads the length and type of each message, drops what is not an UPDATE with
//! something in it, and shares the octets among the receivers. No speaker can do less.

use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{ADDRESS, ASN, ENDPOINT};
use crate::bench::conn::Conn;
use crate::bench::parse;
use crate::bench::wire::{self, kind};

/// The argument that makes the benchmark program a relay.
pub const ARGUMENT: &str = "--relay";

pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(ARGUMENT);
    command
}

/// Octets read at once.
const READ: usize = 256 * 1024;
const LISTENER: u64 = u64::MAX;
/// An End-of-RIB has nothing but its two lengths; passing those on would cost more than the routes.
const EMPTY_UPDATE: usize = 4;

struct Link {
    conn: Conn,
    open: bool,
    partial: Vec<u8>,
}

/// Listens and relays until killed.
///
/// # Errors
/// When the listener or epoll fails; failed connections are dropped.
pub fn run() -> io::Result<()> {
    let listener = TcpListener::bind(ENDPOINT)?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut links: Vec<Option<Link>> = Vec::new();
    let mut buffer = vec![0; READ];
    let mut events = [EpollEvent::empty(); 256];
    loop {
        let ready = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            ready => ready?,
        };
        let mut round = Round::default();
        for event in events.iter().take(ready) {
            if event.data() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    let token = u64::try_from(links.len()).unwrap_or(LISTENER);
                    let conn = Conn::accepted(&epoll, token, stream)?;
                    links.push(Some(Link { conn, open: false, partial: Vec::new() }));
                }
                continue;
            }
            let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
            let Some(place) = links.get_mut(number) else { continue };
            let Some(link) = place else { continue };
            let start = round.octets.len();
            if serve(&epoll, link, &mut buffer, event.events(), &mut round.octets).is_err() {
                *place = None;
            }
            if round.octets.len() > start {
                round.senders.push((number, start..round.octets.len()));
            }
        }
        round.pass_on(&epoll, &mut links);
    }
}

/// What came in one round of events, and from whom.
#[derive(Default)]
struct Round {
    octets: Vec<u8>,
    senders: Vec<(usize, Range<usize>)>,
}

impl Round {
    /// One write to each receiver, without what it sent itself.
    fn pass_on(self, epoll: &Epoll, links: &mut [Option<Link>]) {
        if self.octets.is_empty() {
            return;
        }
        let octets: Arc<[u8]> = self.octets.into();
        for (number, place) in links.iter_mut().enumerate() {
            let Some(receiver) = place.as_mut().filter(|link| link.open) else { continue };
            let mut start = 0;
            for (_, own) in self.senders.iter().filter(|(sender, _)| *sender == number) {
                receiver.conn.queue_part(octets.clone(), start..own.start);
                start = own.end;
            }
            receiver.conn.queue_part(octets.clone(), start..octets.len());
            if receiver.conn.flush(epoll).is_err() {
                // A receiver that is gone is forgotten; the others go on.
                *place = None;
            }
        }
    }
}

/// Answers an OPEN; appends the UPDATEs to pass on to `onward`.
fn serve(
    epoll: &Epoll,
    link: &mut Link,
    buffer: &mut [u8],
    events: EpollFlags,
    onward: &mut Vec<u8>,
) -> io::Result<()> {
    if events.contains(EpollFlags::EPOLLOUT) {
        link.conn.flush(epoll)?;
    }
    if !events.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
        return Ok(());
    }
    let Some(count) = link.conn.read(buffer)? else { return Ok(()) };
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    link.partial.extend_from_slice(buffer.get(..count).unwrap_or(&[]));
    let mut rest = link.partial.as_slice();
    while let Some((what, body, after)) = parse::message(rest).map_err(io::Error::other)? {
        let whole = rest.get(..rest.len() - after.len()).unwrap_or(&[]);
        rest = after;
        match what {
            kind::OPEN if !link.open => {
                link.open = true;
                link.conn.queue(wire::open(ASN, ADDRESS).into());
                link.conn.queue(wire::keepalive().into());
                link.conn.flush(epoll)?;
            }
            kind::UPDATE if body.len() > EMPTY_UPDATE => onward.extend_from_slice(whole),
            _ => {}
        }
    }
    let done = link.partial.len() - rest.len();
    link.partial.drain(..done);
    Ok(())
}
