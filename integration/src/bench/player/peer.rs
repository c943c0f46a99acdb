//! One peer: who it is, how it reads, how far its session is.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bench::conn::Conn;

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

/// How far a session is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Down,
    /// TCP under way, or OPEN sent and none received.
    Opening,
    OpenConfirm,
    Established,
}

/// A peer and its connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) spec: PeerSpec,
    pub(super) state: State,
    pub(super) conn: Option<Conn>,
    pub(super) dialed: bool,
    /// Sessions that have ended.
    pub(super) session: u32,
    /// The beginning of a message not yet whole.
    pub(super) partial: Vec<u8>,
    pub(super) reading: Reading,
    pub(super) next_read: Instant,
    pub(super) next_keepalive: Instant,
    /// What it announces whenever its session comes up.
    pub(super) on_up: Option<Arc<[u8]>>,
}

/// A place in the period of keepalives, evenly spread over any run of numbers (the golden ratio's multiples).
pub(super) fn phase(number: usize) -> f64 {
    f64::from(u32::try_from(number + 1).unwrap_or(0)) * 0.618_033_988_75 % 1.0
}
