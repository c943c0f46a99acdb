//! One connection as the session sees it, and the pair of them.

use std::time::Instant;

use bytes::BytesMut;

use super::collision::{Identity, Other, Stage};
use super::config::{Families, none};
use super::io::{ConnId, Direction};
use super::negotiated::{Negotiated, PeerType, Transport};
use super::timers::Slot;
use crate::wire::MAX_LEN;
use crate::wire::update::{PeerKind, UpdateContext};

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) transport: Transport,
    pub(super) phase: Phase,
    /// The incomplete message at the end of what was read; owns no memory when there is none.
    pub(super) partial: BytesMut,
}

/// How far the connection has come, with what is known by then.
#[derive(Debug)]
pub(super) enum Phase {
    /// Our OPEN is sent.
    OpenSent,
    /// The peer's OPEN was accepted.
    OpenConfirm {
        negotiated: Box<Negotiated>,
        /// A preferred connection may still come: our KEEPALIVE is withheld until that is known.
        withheld: Option<Withheld>,
    },
    /// Routes flow.
    Established { negotiated: Box<Negotiated>, context: UpdateContext, since: Instant },
}

/// State of a connection that waits for a preferred one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Withheld {
    /// The peer's KEEPALIVE is here already.
    pub(super) confirmed: bool,
}

impl Conn {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport, phase: Phase::OpenSent, partial: BytesMut::new() }
    }

    pub(super) fn id(&self) -> ConnId {
        self.transport.conn
    }

    pub(super) fn stage(&self) -> Stage {
        match self.phase {
            Phase::OpenSent => Stage::OpenSent,
            Phase::OpenConfirm { .. } => Stage::OpenConfirm,
            Phase::Established { .. } => Stage::Established,
        }
    }

    pub(super) fn negotiated(&self) -> Option<&Negotiated> {
        match &self.phase {
            Phase::OpenSent => None,
            Phase::OpenConfirm { negotiated, .. } | Phase::Established { negotiated, .. } => Some(negotiated),
        }
    }

    /// Longest message acceptable now.
    pub(super) fn max_len(&self) -> usize {
        self.negotiated().map_or(MAX_LEN, |negotiated| negotiated.max_receive)
    }

    /// This connection as a rival of another.
    pub(super) fn as_other(&self) -> Other {
        let established = self.stage() == Stage::Established;
        let listed = self.negotiated().is_some_and(|n| !none(&n.restart_families()));
        Other { direction: self.transport.direction, stage: self.stage(), restartable: established && listed }
    }
}

impl Negotiated {
    pub(super) fn update_context(&self) -> UpdateContext {
        UpdateContext {
            four_octet_as: self.four_octet_asn,
            peer: match self.peer_type {
                PeerType::Internal => PeerKind::Internal,
                PeerType::External => PeerKind::External,
            },
            families: self.families,
            add_path: Families::default(),
            extended_next_hop: false,
        }
    }

    pub(super) fn local_identity(&self) -> Identity {
        Identity { id: self.local_id, asn: self.local_asn }
    }

    pub(super) fn peer_identity(&self) -> Identity {
        Identity { id: self.peer_id, asn: self.peer_asn }
    }
}

/// At most two connections.
#[derive(Debug, Default)]
pub(super) struct Conns {
    a: Option<Conn>,
    b: Option<Conn>,
}

impl Conns {
    pub(super) fn cell(&mut self, slot: Slot) -> &mut Option<Conn> {
        match slot {
            Slot::A => &mut self.a,
            Slot::B => &mut self.b,
        }
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Conn> {
        match slot {
            Slot::A => self.a.as_ref(),
            Slot::B => self.b.as_ref(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Conn> {
        self.a.iter().chain(&self.b)
    }

    pub(super) fn find(&self, id: ConnId) -> Option<Slot> {
        self.slot_where(|conn| conn.id() == id)
    }

    pub(super) fn slot_where(&self, wanted: impl Fn(&Conn) -> bool) -> Option<Slot> {
        Slot::BOTH.into_iter().find(|slot| self.get(*slot).is_some_and(&wanted))
    }

    pub(super) fn free(&self) -> Option<Slot> {
        Slot::BOTH.into_iter().find(|slot| self.get(*slot).is_none())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.a.is_none() && self.b.is_none()
    }

    /// Stage of the most advanced one.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.iter().map(Conn::stage).max()
    }

    pub(super) fn has(&self, direction: Direction) -> bool {
        self.iter().any(|conn| conn.transport.direction == direction)
    }

    /// The connection that is established.
    pub(super) fn established(&self) -> Option<&Negotiated> {
        self.iter().find(|conn| conn.stage() == Stage::Established).and_then(Conn::negotiated)
    }

    pub(super) fn for_admission(&self) -> [Option<(Direction, Stage)>; 2] {
        Slot::BOTH.map(|slot| self.get(slot).map(|conn| (conn.transport.direction, conn.stage())))
    }
}
