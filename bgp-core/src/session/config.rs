//! What a session is told about its peer.

use std::time::Duration;

use crate::types::{Asn, Family, HoldTime, PerFamily, RouterId};

/// A set of supported families.
pub type Families = PerFamily<bool>;

/// One configured peer, as its session needs to know it. Addresses and socket options are the driver's.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PeerConfig {
    /// The AS number shown to the peer (the node's, or `local-asn`).
    pub local_asn: Asn,
    /// Our BGP identifier; never 0.
    pub local_id: RouterId,
    /// What is demanded of the peer's AS number.
    pub peer_asn: PeerAsn,
    /// Accept connections only, never dial.
    pub passive: bool,
    /// Families offered; at least one.
    pub families: Families,
    /// Timers; see [`Timers`] for which may change under a session.
    pub timers: Timers,
    /// Graceful restart as offered to the peer (RFC 4724).
    pub graceful_restart: GracefulRestart,
    /// Where this speaker itself stands in a restart.
    pub restart: RestartFlags,
    /// Offer to receive messages of up to 65535 octets (RFC 8654).
    pub extended_messages: bool,
}

/// What is demanded of the AS number in the peer's OPEN; anything else is answered with 2/2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PeerAsn {
    /// This one.
    Exactly(Asn),
    /// Ours, as shown to the peer.
    Internal,
    /// Any but ours.
    External,
}

impl PeerAsn {
    /// Whether a peer of AS `peer` may talk to us as `local`. AS 0 never may (RFC 7607).
    pub fn accepts(self, peer: Asn, local: Asn) -> bool {
        peer.is_valid()
            && match self {
                Self::Exactly(asn) => peer == asn,
                Self::Internal => peer == local,
                Self::External => peer != local,
            }
    }
}

/// Session timers. Hold and keepalive count from the next session on, the others at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timers {
    /// Hold time offered; the smaller of the two sides' counts.
    pub hold: HoldTime,
    /// Wanted time between KEEPALIVEs; never more than a third of the negotiated hold time is used.
    pub keepalive: Duration,
    /// Between attempts to connect; jittered.
    pub connect_retry: Duration,
    /// First pause after a session failed; doubles with each further failure.
    pub idle_hold: Duration,
    /// Longest such pause, and how long a session must stand for the pause to start small again.
    pub idle_hold_max: Duration,
    /// Longest time from the return of a restarted peer to its End-of-RIB (RFC 4724 §4.2).
    pub stale_path: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            hold: HoldTime::DEFAULT,
            keepalive: Duration::from_secs(30),
            connect_retry: Duration::from_secs(5),
            idle_hold: Duration::from_secs(5),
            idle_hold_max: Duration::from_secs(30),
            stale_path: Duration::from_secs(360),
        }
    }
}

/// Graceful restart towards one peer (RFC 4724, RFC 8538).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum GracefulRestart {
    /// The capability is not sent, nothing is retained.
    Off,
    /// The peer's routes are kept while it restarts; the peer is not asked to keep ours.
    HelperOnly,
    /// Both sides.
    Full {
        /// Restart Time of the capability in seconds, up to 4095.
        restart_time: u16,
    },
}

impl GracefulRestart {
    /// Whether routes of a restarting peer are kept.
    pub fn helps(self) -> bool {
        self != Self::Off
    }

    /// Whether the peer is asked to keep our routes.
    pub fn asks(self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

/// Where this speaker stands in a restart of its own: the R and F bits of its next OPENs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RestartFlags {
    /// We restarted and selection is still deferred (Restart State, RFC 4724 §3).
    pub restarting: bool,
    /// Families whose forwarding state outlived, or would outlive, the loss of the session.
    pub forwarding: Families,
}

/// Families in both sets.
pub(super) fn both(a: &Families, b: &Families) -> Families {
    PerFamily { ipv4: a.ipv4 && b.ipv4, ipv6: a.ipv6 && b.ipv6 }
}

/// Whether the set holds nothing.
pub(super) fn none(set: &Families) -> bool {
    !set.ipv4 && !set.ipv6
}

/// The families in the set.
pub(super) fn each(set: &Families) -> impl Iterator<Item = Family> + use<> {
    let set = *set;
    Family::SUPPORTED.into_iter().filter(move |family| set.get(*family) == Some(&true))
}
