//! One round of events: connections dialed, octets read and written, what the clock asks for.

use std::io;
use std::time::{Duration, Instant};

use nix::sys::epoll::{EpollEvent, EpollFlags, EpollTimeout};

use super::peer::{Reading, State, phase};
use super::{Failure, Player, READ, RETRY};
use crate::bench::conn::Conn;
use crate::bench::{parse, wire};

/// Connections begun and not yet answered with an OPEN; the smallest listen backlog met is 5.
const OPENING: usize = 4;

impl Player {
    /// One round: what the kernel has for us, then what is due.
    pub(super) fn turn(&mut self, timeout: Duration) -> Result<(), Failure> {
        let mut now = Instant::now();
        self.dial_waiting(now)?;
        let mut timeout = timeout;
        if let Some(wait) = self.churn.as_ref().and_then(|churn| churn.wait(now)) {
            timeout = timeout.min(wait);
        }
        if let Some((at, _)) = self.waiting.front().filter(|_| self.opening < OPENING) {
            timeout = timeout.min(at.saturating_duration_since(now));
        }
        for peer in self.slow.iter().filter_map(|&number| self.peers.get(number)) {
            timeout = timeout.min(peer.next_read.saturating_duration_since(now));
        }
        // A millisecond at least when something is due soon: less would spin beside the speaker.
        let timeout =
            EpollTimeout::try_from(timeout + Duration::from_micros(999)).unwrap_or(EpollTimeout::ZERO);
        let mut events = [EpollEvent::empty(); 256];
        let ready = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => {
                return Err(Failure::Io { what: "waiting for events".to_owned(), source: error.into() });
            }
        };
        now = Instant::now();
        for event in events.iter().take(ready) {
            let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
            if event.events().contains(EpollFlags::EPOLLOUT) {
                self.writable(number, now)?;
            }
            if event.events().intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
                self.readable(number, READ)?;
            }
        }
        self.send_churn()?;
        self.read_slowly(now)?;
        if now >= self.next_tick {
            self.next_tick = now + Duration::from_millis(250);
            self.keep_alive(now)?;
        }
        Ok(())
    }

    fn dial_waiting(&mut self, now: Instant) -> Result<(), Failure> {
        while self.opening < OPENING {
            let Some(&(at, number)) = self.waiting.front() else { break };
            if at > now {
                break;
            }
            self.waiting.pop_front();
            let Some(peer) = self.peers.get_mut(number).filter(|peer| peer.conn.is_none()) else { continue };
            let small = (peer.reading != Reading::Eager).then_some(4096);
            let token = u64::try_from(number).unwrap_or(u64::MAX);
            match Conn::dial(&self.epoll, token, peer.spec.addr, self.target, small) {
                Ok(conn) => {
                    peer.conn = Some(conn);
                    peer.dialed = false;
                    peer.state = State::Opening;
                    self.opening += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.waiting.push_back((now + RETRY, number));
                }
                Err(source) => {
                    return Err(Failure::Io { what: format!("connecting from {}", peer.spec.addr), source });
                }
            }
        }
        Ok(())
    }

    fn writable(&mut self, number: usize, now: Instant) -> Result<(), Failure> {
        let Some(peer) = self.peers.get_mut(number) else { return Ok(()) };
        let Some(conn) = &mut peer.conn else { return Ok(()) };
        if !peer.dialed {
            if let Err(error) = conn.connected() {
                return self.lose(number, &error.to_string());
            }
            peer.dialed = true;
            // Spread, as the keepalives of real peers are; they also wake a speaker that forgot an event.
            let period = Duration::from_secs(wire::KEEPALIVE_EVERY);
            peer.next_keepalive = now + period.mul_f64(phase(number));
            conn.queue(wire::open(peer.spec.asn, peer.spec.addr).into());
        }
        if let Err(error) = conn.flush(&self.epoll) {
            return self.lose(number, &error.to_string());
        }
        self.last_update = now;
        Ok(())
    }

    fn readable(&mut self, number: usize, most: usize) -> Result<(), Failure> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = self.read_into(number, &mut buffer, most);
        self.buffer = buffer;
        match outcome? {
            None => Ok(()),
            Some(why) => self.lose(number, &why),
        }
    }

    /// Reads once and handles what is whole. `Ok(Some(_))` says why the session is over.
    fn read_into(
        &mut self,
        number: usize,
        buffer: &mut [u8],
        most: usize,
    ) -> Result<Option<String>, Failure> {
        let Some(peer) = self.peers.get_mut(number) else { return Ok(None) };
        let Some(conn) = &peer.conn else { return Ok(None) };
        let had = peer.partial.len();
        let Some((head, space)) = buffer.split_at_mut_checked(had) else { return Ok(None) };
        let end = most.min(space.len());
        let count = match conn.read(space.get_mut(..end).unwrap_or(&mut [])) {
            Ok(None) => return Ok(None),
            Ok(Some(0)) => return Ok(Some("closed by the speaker".to_owned())),
            Ok(Some(count)) => count,
            Err(error) => return Ok(Some(error.to_string())),
        };
        head.copy_from_slice(&peer.partial);
        peer.partial.clear();
        let spec = peer.spec;
        let now = Instant::now();
        let mut rest = buffer.get(..had + count).unwrap_or(&[]);
        loop {
            match parse::message(rest) {
                Ok(Some((kind, body, after))) => {
                    rest = after;
                    let verdict = self.message(number, kind, body, now);
                    if let Some(why) =
                        verdict.map_err(|fault| Failure::Malformed { peer: spec.addr, fault })?
                    {
                        return Ok(Some(why));
                    }
                }
                Ok(None) => break,
                Err(fault) => return Err(Failure::Malformed { peer: spec.addr, fault }),
            }
        }
        if let Some(peer) = self.peers.get_mut(number) {
            peer.partial.extend_from_slice(rest);
        }
        Ok(None)
    }

    fn send_churn(&mut self) -> Result<(), Failure> {
        loop {
            let Some(churn) = &mut self.churn else { return Ok(()) };
            let Some(change) = churn.due(Instant::now()) else { return Ok(()) };
            let (sender, octets) = (change.sender, change.octets.clone());
            self.send(sender, octets)?;
        }
    }

    fn read_slowly(&mut self, now: Instant) -> Result<(), Failure> {
        for number in self.slow.clone() {
            let Some(peer) = self.peers.get_mut(number) else { continue };
            if let Reading::Slow(octets, every) = peer.reading
                && peer.next_read <= now
            {
                peer.next_read = now + every;
                self.readable(number, octets)?;
            }
        }
        Ok(())
    }

    fn keep_alive(&mut self, now: Instant) -> Result<(), Failure> {
        for number in 0..self.peers.len() {
            let Some(peer) = self.peers.get_mut(number) else { continue };
            if peer.state != State::Established || peer.next_keepalive > now {
                continue;
            }
            peer.next_keepalive = now + Duration::from_secs(wire::KEEPALIVE_EVERY);
            let Some(conn) = &mut peer.conn else { continue };
            conn.queue(self.keepalive.clone());
            if let Err(error) = conn.flush(&self.epoll) {
                self.lose(number, &error.to_string())?;
            }
        }
        Ok(())
    }
}
