//! Many BGP peers in one thread: connects them, announces for them, and checks what they are told.
//!
//! One epoll instance, octets encoded beforehand, a parser that looks at nothing it need not, and that only
//! when nothing comes: the player must cost less than any speaker it measures. It never dials a speaker faster
//! than that accepts, because some listen with a backlog of five.
//!
//! Here is what a scenario asks of the peers; `turn` is the event loop, `backlog` what was read, `hear` what
//! messages mean.

mod backlog;
mod failure;
mod hear;
mod peer;
mod turn;

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags};

use backlog::Backlog;
pub use failure::{Failure, Patience};
use peer::{Peer, State};
pub use peer::{PeerSpec, Reading};

use super::attrs::AttrBook;
use super::churn::Churn;
use super::ledger::Ledger;
use super::wire;

/// Pause before a refused or dropped connection is tried again.
const RETRY: Duration = Duration::from_millis(100);

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
    backlog: Backlog,
    /// When octets came last.
    last_read: Instant,
    /// When the last UPDATE came that was looked at.
    heard: Instant,
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
    /// A player of `peers` towards the speaker at `target`; none is connected yet. It reads `backlog` octets at
    /// most before it looks at them.
    ///
    /// # Errors
    /// [`Failure::Io`] without an epoll instance.
    pub fn new(
        target: SocketAddrV4,
        peers: &[PeerSpec],
        mut ledger: Ledger,
        book: AttrBook,
        backlog: usize,
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
            session: 0,
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
            backlog: Backlog::new(backlog),
            last_read: now,
            heard: now,
            last_update: now,
            next_tick: now,
            slow: Vec::new(),
            lossy: false,
            drop_in: None,
            keepalive: wire::keepalive().into(),
            lost: 0,
        })
    }

    /// From now on one UPDATE that matters is thrown away unread, as if the speaker had not sent it.
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

    /// Whether everybody holds exactly what they must, and nothing that was read says otherwise.
    pub fn is_exact(&self) -> bool {
        self.ledger.is_exact() && self.backlog.is_empty()
    }

    /// When the last UPDATE came of those that were looked at.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Established sessions.
    pub fn established(&self) -> usize {
        self.established
    }

    /// Whether a peer's session is established.
    pub fn is_up(&self, number: usize) -> bool {
        self.peers.get(number).is_some_and(|peer| peer.state == State::Established)
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
            if self.backlog.is_empty() && now - self.last_update > patience.quiet {
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
}
