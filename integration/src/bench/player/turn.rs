//! One round of events: connections dialed, octets read and written, what the clock asks for.

use std::io;
use std::time::{Duration, Instant};

use nix::sys::epoll::{EpollEvent, EpollFlags, EpollTimeout};

use super::backlog::READ;
use super::peer::{Reading, State, phase};
use super::{Failure, Player, RETRY};
use crate::bench::conn::Conn;
use crate::bench::wire;

/// Connections begun and not yet answered with an OPEN; the smallest listen backlog met is 5.
const OPENING: usize = 4;
/// Nothing comes any more.
const QUIET: Duration = Duration::from_millis(2);
/// Octets in one round with which there are certainly more.
const MUCH: usize = 1024 * 1024;
/// How long octets gather otherwise.
const PAUSE: Duration = Duration::from_micros(200);

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
        let mut timeout = timeout + Duration::from_micros(999);
        if !self.backlog.is_empty() {
            timeout = Duration::ZERO;
        }
        let timeout = EpollTimeout::try_from(timeout).unwrap_or(EpollTimeout::ZERO);
        let mut events = [EpollEvent::empty(); 256];
        let ready = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => {
                return Err(Failure::Io { what: "waiting for events".to_owned(), source: error.into() });
            }
        };
        now = Instant::now();
        let (mut came, mut wrote) = (0, false);
        for event in events.iter().take(ready) {
            let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
            if event.events().contains(EpollFlags::EPOLLOUT) {
                self.writable(number, now)?;
                wrote = true;
            }
            if event.events().intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
                came += self.readable(number, READ)?;
            }
        }
        self.hear_if_quiet(came, wrote)?;
        self.send_churn()?;
        self.read_slowly(now)?;
        if now >= self.next_tick {
            self.next_tick = now + Duration::from_millis(250);
            self.keep_alive(now)?;
        }
        Ok(())
    }

    /// Looks at what was read when nothing more comes or there is no more room; otherwise lets more come
    /// together than a few octets, as it costs as much to fetch those.
    fn hear_if_quiet(&mut self, came: usize, wrote: bool) -> Result<(), Failure> {
        let now = Instant::now();
        if came > 0 {
            self.last_read = now;
        }
        if self.backlog.is_full() || now - self.last_read > QUIET {
            return self.hear(READ);
        }
        if !self.backlog.is_empty() && came < MUCH && !wrote {
            std::thread::sleep(PAUSE);
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

    /// Reads once, at most that many octets; returns how many came.
    fn readable(&mut self, number: usize, most: usize) -> Result<usize, Failure> {
        let Some(peer) = self.peers.get(number) else { return Ok(0) };
        let Some(conn) = &peer.conn else { return Ok(0) };
        let count = self.backlog.read(most, (number, peer.session), |octets| conn.read(octets));
        // A change on its way is waited for, and so is a session that begins; that has nothing earlier.
        if count == Some(0) || self.churn.is_some() {
            self.hear(usize::MAX)?;
        } else if count.is_some() && peer.state != State::Established {
            self.hear_latest()?;
        }
        Ok(count.unwrap_or(0))
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
