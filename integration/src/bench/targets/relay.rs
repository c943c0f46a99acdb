//! The floor: a program that passes the UPDATEs of every peer on to all others without looking inside.
//!
//! It answers the OPEN, reads the length and type of each message, drops what is not an UPDATE with
//! something in it, and shares the octets among the receivers. No speaker can do less.

use std::io;
use std::net::TcpListener;
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
            if serve(&epoll, &mut links, number, &mut buffer, event.events()).is_err()
                && let Some(link) = links.get_mut(number)
            {
                *link = None;
            }
        }
    }
}

fn serve(
    epoll: &Epoll,
    links: &mut [Option<Link>],
    number: usize,
    buffer: &mut [u8],
    events: EpollFlags,
) -> io::Result<()> {
    let Some(Some(link)) = links.get_mut(number) else { return Ok(()) };
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
    let mut onward = Vec::new();
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
    let left = rest.len();
    let done = link.partial.len() - left;
    link.partial.drain(..done);
    if onward.is_empty() {
        return Ok(());
    }
    let onward: Arc<[u8]> = onward.into();
    for (_, other) in links.iter_mut().enumerate().filter(|&(at, _)| at != number) {
        let Some(receiver) = other.as_mut().filter(|link| link.open) else { continue };
        receiver.conn.queue(onward.clone());
        if receiver.conn.flush(epoll).is_err() {
            // A receiver that is gone is forgotten; the others go on.
            *other = None;
        }
    }
    Ok(())
}
