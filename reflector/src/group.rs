//! Update groups: peers that receive equal octets.

use bgp_core::policy::{PeerType, PolicyId};
use bgp_core::rib::TableId;
use bgp_core::types::{Asn, ClusterId, Family, NextHop, RouterId};

use crate::rules::PeerRole;

/// Number of an update group within one speaker; the daemon hands it out and may reuse it once the
/// group was removed from every shard.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GroupId(pub u16);

/// Number of a shard, from 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShardId(pub u8);

/// Everything that may alter the octets sent to a peer, and nothing else.
///
/// Sessions with equal keys share a group for that family. Adding a field is enough to split groups.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GroupKey {
    /// The table whose routes are told.
    pub table: TableId,
    /// The family; a session is a member of one group for each family it negotiated.
    pub family: Family,
    /// What the members are to us.
    pub role: PeerRole,
    /// Export policy, by number.
    pub export: PolicyId,
    /// When the next hop becomes our own address.
    pub next_hop: NextHopRule,
    /// Our own address as next hop of this family; `None` where there is none, so that routes that
    /// would need it are not told.
    pub local_next_hop: Option<NextHop>,
    /// Who we are to the members.
    pub speaker: Speaker,
    /// The members' AS where routes that already carry it are held back; `None` sends them.
    pub loop_asn: Option<Asn>,
    /// How messages are written.
    pub wire: WireMode,
}

impl GroupKey {
    /// The members' kind, as export policies see it.
    pub fn peer_type(&self) -> PeerType {
        if self.role.is_internal() { PeerType::Internal } else { PeerType::External }
    }

    /// Whether both groups write the same where they may hear the same.
    pub(crate) fn writes_like(&self, other: &Self) -> bool {
        let Self { table: _, export: _, loop_asn: _, family, role, next_hop, local_next_hop, speaker, wire } =
            self;
        (family, role, next_hop, local_next_hop)
            == (&other.family, &other.role, &other.next_hop, &other.local_next_hop)
            && (speaker, wire) == (&other.speaker, &other.wire)
    }
}

/// Our identity towards a peer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Speaker {
    /// Our AS on the session.
    pub asn: Asn,
    /// Our BGP identifier.
    pub router_id: RouterId,
    /// Our cluster (RFC 4456 §7); the router id unless configured.
    pub cluster_id: ClusterId,
}

/// When the next hop of an advertised route becomes our own address.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum NextHopRule {
    /// To external peers, and where the route has none (RFC 4271 §5.1.3).
    #[default]
    Auto,
    /// Always, except for reflected routes, whose next hop RFC 4456 §10 leaves alone.
    Own,
    /// Only where the route has none.
    Keep,
}

/// What was negotiated that changes the form of messages.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct WireMode {
    /// AS numbers have four octets (RFC 6793).
    pub four_octet_asn: bool,
    /// NLRI carry a path identifier (RFC 7911).
    pub add_path: bool,
    /// Longest message, 4096 or 65535 octets (RFC 8654).
    pub max_message: u16,
    /// IPv4 routes may have an IPv6 next hop (RFC 8950).
    pub extended_next_hop: bool,
}

impl Default for WireMode {
    fn default() -> Self {
        Self { four_octet_asn: true, add_path: false, max_message: 4096, extended_next_hop: false }
    }
}
