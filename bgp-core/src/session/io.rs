//! What goes into a session and what comes out of it.
//!
//! Both are plain values. With the feature `serde` an input can be written down and read back, and an
//! output written down, so that a session can be recorded and replayed (see [`super::record`]).

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::types::Family;
use crate::wire::Notification;
use crate::wire::update::Update;

use super::config::{Families, PeerConfig, RestartFlags, Timers};
use super::negotiated::Negotiated;

/// One TCP connection of a session, numbered by the driver; a number is not used twice in a session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ConnId(pub u32);

/// Which side opened a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Direction {
    /// The peer did.
    Incoming,
    /// We did.
    Outgoing,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::Incoming => Self::Outgoing,
            Self::Outgoing => Self::Incoming,
        }
    }
}

/// State of a session as operators know it (RFC 4271 §8.2.2): that of its most advanced connection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// Stopped, or pausing after a failure.
    Idle,
    /// Dialling.
    Connect,
    /// Waiting to dial again, or to be dialled.
    Active,
    /// OPEN sent.
    OpenSent,
    /// OPEN accepted.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}

/// What a session is told.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input<'a> {
    /// Begin, or go on after [`Input::Stop`]; also ends a pause early.
    Start,
    /// End and stay ended until [`Input::Start`]; connections are refused meanwhile.
    Stop(StopReason),
    /// End the session with the Cease that fits, and begin again at once.
    Reset(ResetReason),
    /// A connection stands: one the session asked for, or one the peer opened.
    Connected {
        /// Its number.
        conn: ConnId,
        /// Who opened it.
        direction: Direction,
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// The attempt of the last [`Output::Connect`] failed.
    ConnectFailed,
    /// Octets were read from a connection. Cheap to pass borrowed: they are copied once, into a buffer
    /// of just their size which the updates made from them share.
    Bytes(ConnId, #[cfg_attr(feature = "serde", serde(with = "super::record::hex"))] Cow<'a, [u8]>),
    /// A connection ended without our doing.
    Closed(ConnId),
    /// Octets have arrived that could not be read yet, because whoever takes the routes is busy: the
    /// peer lives, so its hold timer starts anew.
    UnreadBytesWaiting(ConnId),
    /// The transport took octets, so the send hold timer starts anew (RFC 9687).
    Sent(ConnId),
    /// Ask the peer to send a family again (RFC 2918); ignored unless negotiated.
    RefreshRequest(Family),
    /// Tell the peer that a refresh of a family begins or ends (RFC 7313); ignored unless negotiated.
    RefreshMark {
        /// The family.
        family: Family,
        /// Whether this is the end.
        end: bool,
    },
    /// New timers.
    Reconfigure(Timers),
    /// Another peer configuration; the caller resets the session if what the peer was told has changed.
    Replace(Box<PeerConfig>),
    /// The R and F bits of the OPENs from now on.
    Restart(RestartFlags),
}

impl<'a> Input<'a> {
    /// [`Input::Bytes`] from a borrowed buffer.
    pub fn bytes(conn: ConnId, octets: &'a [u8]) -> Self {
        Self::Bytes(conn, Cow::Borrowed(octets))
    }
}

/// Why a session is stopped: what the peer is told.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StopReason {
    /// By the operator, with a text for the peer's operator (RFC 9003); the peer forgets our routes.
    Shutdown {
        /// Empty for none.
        message: String,
    },
    /// The peer was removed from the configuration.
    Deconfigured,
    /// This speaker goes away and comes back: where graceful restart is in force the connection is
    /// closed without a word so that the peer keeps our routes, else this is a shutdown.
    GracefulRestart,
}

/// Why a session is reset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ResetReason {
    /// The operator wished it (Cease 4).
    Administrative,
    /// What the session is made of has changed (Cease 6).
    ConfigurationChange,
    /// We cannot keep up with the peer's needs (Cease 8).
    OutOfResources,
    /// The peer sent too many prefixes (Cease 1); the session pauses before it begins again.
    MaxPrefixes {
        /// Of which family.
        family: Family,
        /// How many were allowed.
        limit: u32,
        /// How long to pause; `None` stops the session until [`Input::Start`].
        restart_after: Option<Duration>,
    },
}

/// What a session wants done, in this order.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Output {
    /// Send these octets: one or more whole messages. They go out before any route that is written to
    /// the connection later, and never inside a message that is half written.
    Send(
        ConnId,
        #[cfg_attr(feature = "serde", serde(serialize_with = "super::record::hex::serialize"))] Bytes,
    ),
    /// Dial the peer; replaces an attempt that is still going on.
    Connect,
    /// Give up dialling.
    CancelConnect,
    /// Close the connection after everything before was sent, leaving the peer time to read it. Nothing
    /// that still arrives on it is wanted.
    Close(ConnId),
    /// The session is established; routes may be sent on [`Negotiated::conn`].
    Up(Box<Negotiated>),
    /// The established session is lost.
    Down(Down),
    /// A connection ended before it was established.
    Failed {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: Reason,
    },
    /// Routes of the peer.
    Update(#[cfg_attr(feature = "serde", serde(serialize_with = "super::record::debug"))] Update),
    /// The peer has sent all it had of a family (RFC 4724 §2).
    EndOfRib(Family),
    /// Mark what the peer has sent of the family as stale: it begins to send it again (RFC 7313).
    MarkStale(Family),
    /// Drop what is still stale of the family.
    FlushStale(Family),
    /// The peer asks for a family again.
    RefreshRequested(Family),
    /// The state as operators see it has changed.
    Transition {
        /// Before.
        from: State,
        /// Now.
        to: State,
    },
}

/// The end of an established session.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Down {
    /// The connection it ran on.
    pub conn: ConnId,
    /// Why.
    pub reason: Reason,
    /// Families whose routes become stale but stay; those of all others go at once. What was stale
    /// already has been flushed by [`Output::FlushStale`] before (RFC 4724 §4.2).
    pub retain: Families,
}

/// Why a connection or session ended.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reason {
    /// We found a fault, or were told to end.
    #[error("sent {notification}{}", because(.why))]
    Sent {
        /// What the peer was told.
        #[cfg_attr(feature = "serde", serde(with = "super::record::notification"))]
        notification: Notification,
        /// The fault in words; may be empty.
        why: Cow<'static, str>,
    },
    /// The peer said why.
    #[error("received {0}")]
    Received(#[cfg_attr(feature = "serde", serde(with = "super::record::notification"))] Notification),
    /// The peer sent a NOTIFICATION that cannot be read.
    #[error("received a malformed notification")]
    Unreadable,
    /// The connection was closed or broke.
    #[error("connection lost")]
    Lost,
    /// The peer took nothing for the send hold time (RFC 9687).
    #[error("send hold timer expired")]
    SendHold,
    /// The peer has opened a newer connection, so it has restarted (RFC 4724 §5).
    #[error("peer restarted on a new connection")]
    PeerRestarted,
    /// We go away for a restart.
    #[error("closed for a graceful restart")]
    Restarting,
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}
