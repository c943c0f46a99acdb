//! Many BGP peers in one thread: connects them, announces for them, and checks what they are told.
//!
//! One epoll instance, octets encoded beforehand, a parser that looks at nothing it need not: the player
//! must cost less than any speaker it measures. It never dials a speaker faster than that accepts, because
//! some listen with a backlog of five.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::attrs::{AttrBook, NONE};
use super::churn::Churn;
use super::conn::Conn;
use super::ledger::Ledger;
use super::parse::{self, Fault, Update};
use super::wire::{self, kind};

/// Connections begun and not yet answered with an OPEN; the smallest listen backlog met is 5.
const OPENING: usize = 4;
/// Pause before a refused or dropped connection is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// Octets read at once.
const READ: usize = 256 * 1024;

/// A peer to play.
#[derive(Clone, Copy, Debug)]
pub struct PeerSpec {
    /// Its address and router id.
    pub addr: Ipv4Addr,
    /// Its AS number.
    pub asn: u32,
}

impl PeerSpec {
    /// The next hop of what it announces: an address behind it, because its own is local to the machine
    /// and no speaker may forward to itself.
    pub fn next_hop(self) -> Ipv4Addr {
        let [_, b, c, d] = self.addr.octets();
        Ipv4Addr::new(11, b, c, d)
    }
}

/// How a peer reads what it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// As fast as it comes.
    Eager,
    /// That many octets every so often.
    Slow(usize, Duration),
    /// Never.
    Stuck,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Out of time.
    #[error("not done after {:.0} s\n{}", .limit.as_secs_f64(), .differences.join("\n"))]
    TooSlow {
        /// The time it had.
        limit: Duration,
        /// What was missing.
        differences: Vec<String>,
    },
    /// The speaker fell silent without having told everybody everything.
    #[error("not exact: nothing came for {:.0} s\n{}", .quiet.as_secs_f64(), .differences.join("\n"))]
    Inexact {
        /// How long nothing came.
        quiet: Duration,
        /// What was missing or wrong.
        differences: Vec<String>,
    },
    /// A session ended that had to stay.
    #[error("the session of {peer} ended: {why}")]
    Lost {
        /// The player's side of it.
        peer: Ipv4Addr,
        /// What ended it.
        why: String,
    },
    /// The speaker sent what no speaker may send.
    #[error("{peer} was sent nonsense: {fault}")]
    Malformed {
        /// The player's side of the session.
        peer: Ipv4Addr,
        /// What was wrong.
        fault: Fault,
    },
    /// The target cannot do what the scenario asks.
    #[error("{0}")]
    NotApplicable(String),
    /// A process or file of the benchmark itself failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What went wrong.
        source: io::Error,
    },
}

/// How long a run may take, and how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In all.
    pub limit: Duration,
    /// Without an UPDATE.
    pub quiet: Duration,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Down,
    /// TCP under way, or OPEN sent and none received.
    Opening,
    OpenConfirm,
    Established,
}

#[derive(Debug)]
struct Peer {
    spec: PeerSpec,
    state: State,
    conn: Option<Conn>,
    dialed: bool,
    /// The beginning of a message not yet whole.
    partial: Vec<u8>,
    reading: Reading,
    next_read: Instant,
    next_keepalive: Instant,
    /// What it announces whenever its session comes up.
    on_up: Option<Arc<[u8]>>,
}

/// The peers of one run and all they know.
#[derive(Debug)]
pub struct Player {
    epoll: Epoll,
    target: SocketAddrV4,
    peers: Vec<Peer>,
    /// What everybody holds and must hold.
    pub ledger: Ledger,
    /// The attribute sets met.
    pub book: AttrBook,
    /// The churn under way.
    pub churn: Option<Churn>,
    waiting: VecDeque<(Instant, usize)>,
    opening: usize,
    established: usize,
    buffer: Vec<u8>,
    last_update: Instant,
    next_tick: Instant,
    /// Peers that read by the clock.
    slow: Vec<usize>,
    lossy: bool,
    drop_in: Option<u32>,
    keepalive: Arc<[u8]>,
    lost: u64,
}

impl Player {
    /// A player of `peers` towards the speaker at `target`; none is connected yet.
    ///
    /// # Errors
    /// [`Failure::Io`] without an epoll instance.
    pub fn new(
        target: SocketAddrV4,
        peers: &[PeerSpec],
        mut ledger: Ledger,
        book: AttrBook,
    ) -> Result<Self, Failure> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|source| Failure::Io {
            what: "making an epoll instance".to_owned(),
            source: source.into(),
        })?;
        let now = Instant::now();
        for peer in peers {
            ledger.add_receiver(peer.asn, peer.addr);
        }
        let peers = peers.iter().map(|&spec| Peer {
            spec,
            state: State::Down,
            conn: None,
            dialed: false,
            partial: Vec::new(),
            reading: Reading::Eager,
            next_read: now,
            next_keepalive: now,
            on_up: None,
        });
        Ok(Self {
            epoll,
            target,
            peers: peers.collect(),
            ledger,
            book,
            churn: None,
            waiting: VecDeque::new(),
            opening: 0,
            established: 0,
            buffer: vec![0; READ + wire::MAX_MESSAGE],
            last_update: now,
            next_tick: now,
            slow: Vec::new(),
            lossy: false,
            drop_in: None,
            keepalive: wire::keepalive().into(),
            lost: 0,
        })
    }

    /// From now on one UPDATE with prefixes is thrown away unread, as if the speaker had not sent it.
    pub fn drop_one_update(&mut self) {
        self.drop_in = Some(2);
    }

    /// Whether a lost session is dialed again (and otherwise ends the run).
    pub fn tolerate_losses(&mut self, lossy: bool) {
        self.lossy = lossy;
    }

    /// Sessions lost so far.
    pub fn losses(&self) -> u64 {
        self.lost
    }

    /// Sets how a peer reads; a small receive buffer needs setting before it connects.
    pub fn set_reading(&mut self, number: usize, reading: Reading) {
        self.slow.retain(|&slow| slow != number);
        if matches!(reading, Reading::Slow(..)) {
            self.slow.push(number);
        }
        if let Some(peer) = self.peers.get_mut(number) {
            peer.reading = reading;
            if let Some(conn) = &mut peer.conn {
                conn.set_reads(reading == Reading::Eager);
                // An error here shows at the next read or write.
                let _ = conn.flush(&self.epoll);
            }
        }
    }

    /// What a peer announces whenever its session comes up, before the End-of-RIB.
    pub fn announce_on_up(&mut self, number: usize, octets: Arc<[u8]>) {
        if let Some(peer) = self.peers.get_mut(number) {
            peer.on_up = Some(octets);
        }
    }

    /// Begins to connect peers.
    pub fn connect(&mut self, numbers: impl IntoIterator<Item = usize>) {
        let now = Instant::now();
        self.waiting.extend(numbers.into_iter().map(|number| (now, number)));
    }

    /// Established sessions.
    pub fn established(&self) -> usize {
        self.established
    }

    /// Sends octets as one peer.
    ///
    /// # Errors
    /// [`Failure::Lost`] when the connection is gone.
    pub fn send(&mut self, number: usize, octets: Arc<[u8]>) -> Result<(), Failure> {
        self.last_update = Instant::now();
        let Some(peer) = self.peers.get_mut(number) else { return Ok(()) };
        let Some(conn) = &mut peer.conn else { return Ok(()) };
        conn.queue(octets);
        if let Err(error) = conn.flush(&self.epoll) {
            return self.lose(number, &error.to_string());
        }
        Ok(())
    }

    /// Ends sessions: with a NOTIFICATION where the connection takes it, then by closing.
    pub fn hang_up(&mut self, numbers: impl IntoIterator<Item = usize>) {
        self.last_update = Instant::now();
        for number in numbers {
            let Some(peer) = self.peers.get_mut(number) else { continue };
            if let Some(conn) = &mut peer.conn {
                conn.queue(wire::cease().into());
                // The connection closes either way.
                let _ = conn.flush(&self.epoll);
            }
            self.close(number);
        }
    }

    /// Plays until `done`, an error, or the end of patience.
    ///
    /// # Errors
    /// Whatever ended the run early.
    pub fn run_until(
        &mut self,
        patience: Patience,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<Duration, Failure> {
        let started = Instant::now();
        self.last_update = started;
        loop {
            if done(self) {
                return Ok(started.elapsed());
            }
            self.turn(Duration::from_millis(100))?;
            let now = Instant::now();
            if now - started > patience.limit {
                let differences = self.ledger.differences(&self.book);
                return Err(Failure::TooSlow { limit: patience.limit, differences });
            }
            if now - self.last_update > patience.quiet {
                let differences = self.ledger.differences(&self.book);
                return Err(Failure::Inexact { quiet: patience.quiet, differences });
            }
        }
    }

    /// Plays for a fixed time.
    ///
    /// # Errors
    /// Whatever ended the run early.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(left.min(Duration::from_millis(100)))?;
        }
        Ok(())
    }

    /// One round: what the kernel has for us, then what is due.
    fn turn(&mut self, timeout: Duration) -> Result<(), Failure> {
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

    #[inline]
    fn message(
        &mut self,
        number: usize,
        kind: u8,
        body: &[u8],
        now: Instant,
    ) -> Result<Option<String>, Fault> {
        if kind == kind::UPDATE {
            self.last_update = now;
            self.update(number, body, now)?;
            return Ok(None);
        }
        let Some(peer) = self.peers.get_mut(number) else { return Ok(None) };
        let Some(conn) = &mut peer.conn else { return Ok(None) };
        match (kind, peer.state) {
            (kind::OPEN, State::Opening) => {
                peer.state = State::OpenConfirm;
                self.opening -= 1;
                conn.queue(self.keepalive.clone());
            }
            (kind::KEEPALIVE, State::OpenConfirm) => {
                peer.state = State::Established;
                self.established += 1;
                self.last_update = now;
                conn.set_reads(peer.reading == Reading::Eager);
                if let Some(octets) = &peer.on_up {
                    conn.queue(octets.clone());
                }
                conn.queue(wire::end_of_rib().into());
            }
            (kind::NOTIFICATION, _) => return Ok(Some(format!("NOTIFICATION {body:?}"))),
            _ => return Ok(None),
        }
        Ok(conn.flush(&self.epoll).err().map(|error| error.to_string()))
    }

    #[inline]
    fn update(&mut self, number: usize, body: &[u8], now: Instant) -> Result<(), Fault> {
        let update = Update::split(body)?;
        if let Some(left) = self.drop_in.filter(|_| !update.nlri.is_empty() || !update.withdrawn.is_empty()) {
            self.drop_in = left.checked_sub(1);
            if left == 0 {
                return Ok(());
            }
        }
        if !update.withdrawn.is_empty() {
            self.ledger.note(number, (update.withdrawn, NONE), &self.book, |_, _| ())?;
        }
        if update.nlri.is_empty() {
            return Ok(());
        }
        let set = self.book.number(update.attributes)?;
        match &mut self.churn {
            Some(churn) if number < churn.observers => {
                self.ledger.note(number, (update.nlri, set), &self.book, |_, set| churn.saw(set, now))
            }
            _ => self.ledger.note(number, (update.nlri, set), &self.book, |_, _| ()),
        }
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

    /// A session ended without our doing: an attempt is repeated, an established one only if losses are tolerated.
    fn lose(&mut self, number: usize, why: &str) -> Result<(), Failure> {
        let Some(peer) = self.peers.get(number) else { return Ok(()) };
        let addr = peer.spec.addr;
        let was_up = peer.state == State::Established;
        self.close(number);
        if was_up {
            self.lost += 1;
            if !self.lossy {
                return Err(Failure::Lost { peer: addr, why: why.to_owned() });
            }
        }
        self.waiting.push_back((Instant::now() + RETRY, number));
        Ok(())
    }

    fn close(&mut self, number: usize) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        match peer.state {
            State::Established => self.established -= 1,
            State::Opening => self.opening -= 1,
            State::OpenConfirm | State::Down => {}
        }
        peer.state = State::Down;
        peer.partial.clear();
        // Dropping the socket takes it out of the epoll set.
        peer.conn = None;
        self.ledger.forget(number);
    }
}

/// A place in the period of keepalives, evenly spread over any run of numbers (the golden ratio's multiples).
fn phase(number: usize) -> f64 {
    f64::from(u32::try_from(number + 1).unwrap_or(0)) * 0.618_033_988_75 % 1.0
}
