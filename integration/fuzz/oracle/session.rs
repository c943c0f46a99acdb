//! What must hold of a session whatever its peer and its operator do, checked by running one.
//!
//! An input is a small program: an octet that says how far a valid conversation goes first, then steps. A step
//! is an octet that says what happens, and what it needs. Afterwards all trouble ends, and the session must be
//! able to establish with a well-behaved peer: nothing that happened may have left it stuck.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bgp_core::session::{
    ConnId, Direction, GracefulRestart, Input, Output, PeerAsn, PeerConfig, ResetReason, RestartFlags,
    Session, State, StopReason, Timers,
};
use bgp_core::types::{Asn, Family, PerFamily, RouterId};

/// What a run came across.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// Sessions established before the trouble ended.
    pub established: u32,
    /// UPDATEs that gave routes.
    pub updates: u32,
}

/// Runs the program.
///
/// # Panics
/// If something does not hold.
pub fn check(program: &[u8]) -> Found {
    let Some((&stage, mut rest)) = program.split_first() else { return Found::default() };
    let mut run = Run::new(stage);
    run.input(Input::Start);
    if stage & 3 > 0 {
        run.connect(if stage & 4 == 0 { Direction::Incoming } else { Direction::Outgoing });
    }
    if stage & 3 > 1 {
        run.deliver(0, &open(stage & 8 != 0));
    }
    if stage & 3 > 2 {
        run.deliver(0, &KEEPALIVE);
    }
    while let Some((&what, tail)) = rest.split_first() {
        rest = run.step(what, tail);
    }
    let found = run.found;
    run.recovers();
    found
}

/// The OPEN of the peer.
pub fn open(graceful_restart: bool) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 2, 0, 70, 0, 65, 4, 0, 0, 0xfd, 0xea];
    if graceful_restart {
        capabilities.extend([64, 10, 0x40, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80]);
    }
    let len = capabilities.len() as u8;
    let body = [&[4, 0xfd, 0xea, 0, 90, 10, 0, 0, 2, len + 2, 2, len], capabilities.as_slice()].concat();
    message(1, &body)
}

/// A message with the right header.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = (19 + body.len() as u16).to_be_bytes();
    [&[0xff; 16], len.as_slice(), &[kind], body].concat()
}

pub const KEEPALIVE: [u8; 19] =
    [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 19, 4];

struct Run {
    session: Session,
    now: Instant,
    /// Connections that stand, oldest first.
    open: Vec<ConnId>,
    closed: HashSet<ConnId>,
    next: u32,
    dialling: bool,
    up: Option<ConnId>,
    found: Found,
}

impl Run {
    fn new(stage: u8) -> Self {
        let config = PeerConfig {
            local_asn: Asn(65001),
            local_id: RouterId(if stage & 16 == 0 { 1 } else { u32::MAX }),
            peer_asn: PeerAsn::External,
            passive: stage & 32 != 0,
            families: PerFamily { ipv4: true, ipv6: true },
            timers: Timers::default(),
            graceful_restart: GracefulRestart::Full { restart_time: 60 },
            restart: RestartFlags::default(),
            extended_messages: stage & 64 != 0,
        };
        Self {
            session: Session::new(config, stage.into()),
            now: Instant::now(),
            open: Vec::new(),
            closed: HashSet::new(),
            next: 0,
            dialling: false,
            up: None,
            found: Found::default(),
        }
    }

    /// Does one step and returns what follows it.
    fn step<'a>(&mut self, what: u8, rest: &'a [u8]) -> &'a [u8] {
        let nth = usize::from(what >> 4 & 1);
        let take = |len: usize| rest.split_at(len.min(rest.len()));
        match what & 15 {
            // Octets as they are, up to 255 of them.
            0..=2 => {
                let (len, rest) =
                    rest.split_first().map_or((0, rest), |(len, rest)| (usize::from(*len), rest));
                let (octets, rest) = rest.split_at(len.min(rest.len()));
                self.deliver(nth, octets);
                return rest;
            }
            // A message of some kind with some content.
            3..=6 => {
                let (head, rest) = take(2);
                let [kind, len] = *head else { return rest };
                let (body, rest) = rest.split_at(usize::from(len).min(rest.len()));
                self.deliver(nth, &message(kind % 7, body));
                return rest;
            }
            7 => self.deliver(nth, &KEEPALIVE),
            8 => self.deliver(nth, &open(what & 32 != 0)),
            9 => self.connect(Direction::Incoming),
            10 if self.dialling => self.connect(Direction::Outgoing),
            10 => self.input(Input::ConnectFailed),
            11 => self.lose(nth),
            12 => {
                let (secs, rest) = take(1);
                self.advance(Duration::from_secs(secs.first().map_or(1, |secs| u64::from(*secs) * 2)));
                return rest;
            }
            13 => self.input(match what >> 5 {
                0 => Input::Reset(ResetReason::Administrative),
                1 => Input::Reset(ResetReason::MaxPrefixes {
                    family: Family::IPV4_UNICAST,
                    limit: 1,
                    restart_after: Some(Duration::from_secs(60)),
                }),
                2 => Input::Stop(StopReason::GracefulRestart),
                3 => Input::Stop(StopReason::Shutdown { message: "é".repeat(200) }),
                4 => Input::RefreshRequest(Family::IPV6_UNICAST),
                5 => Input::RefreshMark { family: Family::IPV4_UNICAST, end: what & 16 != 0 },
                _ => Input::Start,
            }),
            14 => {
                for conn in self.open.clone() {
                    self.input(Input::UnreadBytesWaiting(conn));
                }
            }
            _ => {
                for conn in self.open.clone() {
                    self.input(Input::Sent(conn));
                }
            }
        }
        rest
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.handle_input(input, self.now);
        self.obey();
    }

    fn connect(&mut self, direction: Direction) {
        self.next += 1;
        self.dialling &= direction == Direction::Incoming;
        let conn = ConnId(self.next);
        self.open.push(conn);
        let (local, remote) = (([192, 0, 2, 1], 179).into(), ([192, 0, 2, 2], 50000).into());
        self.input(Input::Connected { conn, direction, local, remote });
    }

    fn deliver(&mut self, nth: usize, octets: &[u8]) {
        if let Some(conn) = self.open.get(nth).or(self.open.first()).copied() {
            self.input(Input::bytes(conn, octets));
        }
    }

    fn lose(&mut self, nth: usize) {
        if nth < self.open.len() {
            let conn = self.open.remove(nth);
            self.closed.insert(conn);
            self.input(Input::Closed(conn));
        }
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        let mut rings = 0;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.obey();
            let next = self.session.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a deadline that has passed stays");
            rings += 1;
            assert!(rings < 2000, "timers ring without end");
        }
        self.now = end;
    }

    fn obey(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(conn, octets) => {
                    assert!(!self.closed.contains(&conn), "sent on a connection that is closed");
                    assert!(octets.len() >= 19 && octets.len() <= 4096);
                }
                Output::Close(conn) => {
                    assert!(self.closed.insert(conn), "closed twice");
                    self.open.retain(|open| *open != conn);
                }
                Output::Connect => self.dialling = true,
                Output::CancelConnect => self.dialling = false,
                Output::Up(negotiated) => {
                    assert!(self.up.replace(negotiated.conn()).is_none(), "established twice");
                    self.found.established += 1;
                }
                Output::Down(down) => assert_eq!(self.up.take(), Some(down.conn)),
                Output::Update(update) => {
                    assert!(self.up.is_some(), "routes outside a session");
                    self.found.updates += u32::from(!update.announced.is_empty());
                }
                Output::EndOfRib(_) | Output::MarkStale(_) | Output::RefreshRequested(_) => {
                    assert!(self.up.is_some(), "a message outside a session");
                }
                Output::FlushStale(_) | Output::Failed { .. } | Output::Transition { .. } => {}
            }
        }
        assert!(self.open.len() <= 2, "more than two connections");
        assert_eq!(self.session.state() == State::Established, self.up.is_some());
    }

    /// Once there is peace, the session can be established.
    fn recovers(mut self) {
        while !self.open.is_empty() {
            self.lose(0);
        }
        self.input(Input::Start);
        // Every pause and every restart is over by then.
        self.advance(Duration::from_secs(600));
        while !self.open.is_empty() {
            self.lose(0);
        }
        self.connect(Direction::Incoming);
        self.deliver(0, &open(true));
        self.advance(Duration::from_secs(2));
        self.deliver(0, &KEEPALIVE);
        assert_eq!(self.session.state(), State::Established, "the session is stuck");
    }
}
