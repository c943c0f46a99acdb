//! What the table needs to know of each peer.

use std::net::IpAddr;

use crate::policy::{PeerType, PolicyId};
use crate::types::{Asn, RouterId};

/// Where a peer stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PeerKind {
    /// This speaker itself, as the origin of its own routes.
    Local,
    /// Another AS.
    External,
    /// Our AS.
    Internal,
}

impl PeerKind {
    /// As policies see it; `None` for this speaker itself.
    pub fn peer_type(self) -> Option<PeerType> {
        match self {
            Self::Local => None,
            Self::External => Some(PeerType::External),
            Self::Internal => Some(PeerType::Internal),
        }
    }
}

/// A peer with an established session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeerInfo {
    /// External, internal, or this speaker.
    pub kind: PeerKind,
    /// It is a client of our reflection (RFC 4456).
    pub client: bool,
    /// Its AS number, from its OPEN.
    pub asn: Asn,
    /// Our AS number as this peer sees it.
    pub local_asn: Asn,
    /// Its BGP identifier, from its OPEN.
    pub router_id: RouterId,
    /// Its address, the last tie break.
    pub addr: IpAddr,
    /// Index of the link it is on, where its address is link-local or it is known otherwise; 0 for none.
    pub scope: u32,
    /// The policy for what it sends.
    pub import: PolicyId,
    /// How often our AS number may be in AS_PATH.
    pub allow_own_asn: u8,
    /// Whether AS_PATH must begin with its AS number (external peers; off for route servers).
    pub enforce_first_as: bool,
}

impl PeerInfo {
    /// This speaker as the origin of its own routes.
    pub fn local(asn: Asn, router_id: RouterId) -> Self {
        Self {
            kind: PeerKind::Local,
            client: false,
            asn,
            local_asn: asn,
            router_id,
            addr: std::net::Ipv4Addr::from(router_id).into(),
            scope: 0,
            import: PolicyId::ACCEPT,
            allow_own_asn: 0,
            enforce_first_as: false,
        }
    }
}
