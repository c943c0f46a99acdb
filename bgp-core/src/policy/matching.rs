//! What a rule can ask about a route.

use ipnet::IpNet;

use super::{PrefixMatch, Subject};
use crate::types::attr::AnyCommunity;
use crate::types::{Asn, AttrSet, Origin};

/// One condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Match {
    /// Any of these holds for the prefix.
    Prefix(Vec<PrefixMatch>),
    /// Originated here or learned.
    Source(RouteSource),
    /// The kind of peer it was learned from (import) or is told to (export).
    PeerType(PeerType),
    /// Any of these is present.
    Communities(Vec<AnyCommunity>),
    /// AS_PATH begins with these numbers, as they would be read aloud.
    AsPathPrefix(Vec<Asn>),
    /// AS_PATH contains any of these anywhere.
    AsPathContains(Vec<Asn>),
    /// The next hop is inside any of these; never so of a route that has none.
    NextHop(Vec<IpNet>),
    /// ORIGIN is this.
    Origin(Origin),
}

/// Where a route comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RouteSource {
    /// Originated by this speaker.
    Local,
    /// Learned from a peer.
    Peers,
}

/// Internal or external peering.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PeerType {
    /// Same AS on both sides.
    Internal,
    /// Another AS.
    External,
}

impl Match {
    pub(super) fn looks_at_prefix(&self) -> bool {
        matches!(self, Self::Prefix(_))
    }

    pub(super) fn looks_at_peer(&self) -> bool {
        matches!(self, Self::Source(_) | Self::PeerType(_))
    }

    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        let attrs = subject.attrs;
        match self {
            Self::Prefix(any) => any.iter().any(|m| m.holds(subject.prefix)),
            Self::Source(source) => subject.source == *source,
            Self::PeerType(kind) => subject.peer_type == Some(*kind),
            Self::Communities(any) => any.iter().any(|community| has(attrs, *community)),
            Self::AsPathPrefix(prefix) => {
                let mut asns = attrs.as_path().segments().flat_map(|segment| segment.asns());
                prefix.iter().all(|asn| asns.next() == Some(*asn))
            }
            Self::AsPathContains(any) => {
                attrs.as_path().segments().flat_map(|segment| segment.asns()).any(|asn| any.contains(&asn))
            }
            Self::NextHop(any) => attrs.next_hop().is_some_and(|next_hop| {
                let addr = next_hop.addr();
                any.iter().any(|net| net.contains(&addr))
            }),
            Self::Origin(origin) => attrs.origin() == *origin,
        }
    }
}

fn has(attrs: &AttrSet, community: AnyCommunity) -> bool {
    match community {
        AnyCommunity::Standard(community) => attrs.communities().contains(community),
        AnyCommunity::Large(community) => attrs.large_communities().any(|present| present == community),
    }
}
