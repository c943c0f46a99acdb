//! A session under test, with the peer played by hand on a clock of its own.

mod collisions;
mod errors;
mod fsm;
#[cfg(feature = "serde")]
mod recording;
mod restart;
mod simulation;

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::config::Families;
use super::*;
use crate::types::{Asn, Family, HoldTime, PerFamily, RouterId};
use crate::wire::notification::cease;
use crate::wire::open::RestartFamily;
use crate::wire::{
    Capability, MAX_EXTENDED_LEN, MessageKind, Notification, Open, RawMessage, RefreshKind, RouteRefresh,
    next_message,
};

pub(super) const V4: Family = Family::IPV4_UNICAST;
pub(super) const V6: Family = Family::IPV6_UNICAST;
pub(super) const V4_ONLY: Families = PerFamily { ipv4: true, ipv6: false };
pub(super) const BOTH: Families = PerFamily { ipv4: true, ipv6: true };
pub(super) const NO_FAMILY: Families = PerFamily { ipv4: false, ipv6: false };

#[expect(clippy::disallowed_methods, reason = "an instant can only be made from the clock; any will do")]
pub(in crate::session) fn some_instant() -> Instant {
    Instant::now()
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// AS 65001, identifier 10.0.0.1, both families, external peers.
pub(super) fn config() -> PeerConfig {
    PeerConfig {
        local_asn: Asn(65001),
        local_id: RouterId(0x0a00_0001),
        peer_asn: PeerAsn::External,
        passive: false,
        families: BOTH,
        timers: Timers::default(),
        graceful_restart: GracefulRestart::Full { restart_time: 120 },
        restart: RestartFlags::default(),
        extended_messages: true,
    }
}

/// AS 65002, identifier 10.0.0.2, everything negotiable.
pub(super) fn peer_open() -> Open {
    Open {
        my_as: 65002,
        hold_time: 90,
        router_id: RouterId(0x0a00_0002),
        capabilities: vec![
            Capability::Multiprotocol(V4),
            Capability::Multiprotocol(V6),
            Capability::RouteRefresh,
            Capability::EnhancedRouteRefresh,
            Capability::FourOctetAs(Asn(65002)),
        ],
    }
}

/// As [`peer_open`], with graceful restart for both families.
pub(super) fn restart_open(forwarding: bool, notification: bool) -> Open {
    let family = |family| RestartFamily { family, forwarding };
    let mut open = peer_open();
    open.capabilities.push(Capability::GracefulRestart {
        restart_state: false,
        notification,
        time: 60,
        families: vec![family(V4), family(V6)],
    });
    open
}

pub(super) fn octets(encode: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(&mut out);
    out.to_vec()
}

pub(super) fn keepalive() -> Vec<u8> {
    octets(crate::wire::frame::encode_keepalive)
}

/// A message of any kind and content.
pub(super) fn raw(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend(((19 + body.len()) as u16).to_be_bytes());
    out.push(kind);
    out.extend(body);
    out
}

/// The IPv4 End-of-RIB marker.
pub(super) fn end_of_rib_v4() -> Vec<u8> {
    raw(2, &[0, 0, 0, 0])
}

/// The IPv6 End-of-RIB marker.
pub(super) fn end_of_rib_v6() -> Vec<u8> {
    raw(2, &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1])
}

/// An announcement of 10.0.0.0/8 from AS 65002.
pub(super) fn announcement() -> Vec<u8> {
    let mut body = vec![0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1];
    body.extend(65002u32.to_be_bytes());
    body.extend([0x40, 3, 4, 192, 0, 2, 2, 8, 10]);
    raw(2, &body)
}

pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) now: Instant,
    pub(super) outputs: Vec<Output>,
    next: u32,
}

impl Bench {
    pub(super) fn stopped(config: PeerConfig) -> Self {
        Self { session: Session::new(config, 1), now: some_instant(), outputs: Vec::new(), next: 0 }
    }

    pub(super) fn started(config: PeerConfig) -> Self {
        let mut bench = Self::stopped(config);
        bench.input(Input::Start);
        bench
    }

    /// Established on an incoming connection with `open` as the peer's.
    pub(super) fn established(config: PeerConfig, open: &Open) -> (Self, ConnId) {
        let mut bench = Self::started(config);
        let conn = bench.connect(Direction::Incoming);
        bench.open(conn, open);
        bench.bytes(conn, &keepalive());
        assert_eq!(bench.session.state(), State::Established, "{:?}", bench.outputs);
        bench.outputs.clear();
        (bench, conn)
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.session.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            self.outputs.push(output);
        }
    }

    pub(super) fn connect(&mut self, direction: Direction) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next);
        let local = "192.0.2.1:179".parse().unwrap();
        let remote = "192.0.2.2:50000".parse().unwrap();
        self.input(Input::Connected { conn, direction, local, remote });
        conn
    }

    pub(super) fn bytes(&mut self, conn: ConnId, octets: &[u8]) {
        self.input(Input::bytes(conn, octets));
    }

    pub(super) fn open(&mut self, conn: ConnId, open: &Open) {
        self.bytes(conn, &octets(|out| open.encode(out)));
    }

    /// Lets time pass, stopping at every deadline.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Lets time pass with the peer keeping the connection alive.
    pub(super) fn advance_alive(&mut self, conn: ConnId, by: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(secs(20));
            self.advance(step);
            self.bytes(conn, &keepalive());
            left -= step;
        }
    }

    /// What was sent on a connection, message by message.
    pub(super) fn sent(&self, conn: ConnId) -> Vec<RawMessage> {
        let mut stream = BytesMut::new();
        for output in &self.outputs {
            if let Output::Send(id, octets) = output
                && *id == conn
            {
                stream.extend_from_slice(octets);
            }
        }
        let mut messages = Vec::new();
        while let Some(message) = next_message(&mut stream, MAX_EXTENDED_LEN).unwrap() {
            messages.push(message);
        }
        assert!(stream.is_empty());
        messages
    }

    pub(super) fn sent_kinds(&self, conn: ConnId) -> Vec<MessageKind> {
        self.sent(conn).into_iter().map(|message| message.kind).collect()
    }

    pub(super) fn sent_open(&self, conn: ConnId) -> Open {
        let mut messages = self.sent(conn).into_iter();
        let open = messages.find(|message| message.kind == MessageKind::Open).expect("an OPEN");
        Open::decode(&open.body).unwrap()
    }

    /// The NOTIFICATION sent on a connection, if any; nothing may follow it.
    pub(super) fn notified(&self, conn: ConnId) -> Option<Notification> {
        let sent = self.sent(conn);
        let at = sent.iter().position(|message| message.kind == MessageKind::Notification)?;
        assert_eq!(at + 1, sent.len(), "something follows a NOTIFICATION");
        Some(Notification::decode(&sent[at].body).unwrap())
    }

    /// Code and subcode of [`Bench::notified`].
    pub(super) fn notified_code(&self, conn: ConnId) -> Option<(u8, u8)> {
        self.notified(conn).map(|notification| (notification.code, notification.subcode))
    }

    pub(super) fn closed(&self, conn: ConnId) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Close(id) if *id == conn))
    }

    pub(super) fn count(&self, wanted: impl Fn(&Output) -> bool) -> usize {
        self.outputs.iter().filter(|output| wanted(output)).count()
    }

    pub(super) fn dials(&self) -> usize {
        self.count(|output| matches!(output, Output::Connect))
    }

    pub(super) fn up(&self) -> Option<&Negotiated> {
        self.outputs.iter().rev().find_map(|output| match output {
            Output::Up(negotiated) => Some(&**negotiated),
            _ => None,
        })
    }

    pub(super) fn down(&self) -> Option<&Down> {
        self.outputs.iter().rev().find_map(|output| match output {
            Output::Down(down) => Some(down),
            _ => None,
        })
    }

    pub(super) fn flushed(&self) -> Vec<Family> {
        let flushed = self.outputs.iter().filter_map(|output| match output {
            Output::FlushStale(family) => Some(*family),
            _ => None,
        });
        flushed.collect()
    }
}
