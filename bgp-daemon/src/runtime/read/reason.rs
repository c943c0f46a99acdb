//! The decision process in words.

use bgp_core::rib::Reason;

/// Why a path is or is not chosen.
pub(super) fn text(reason: Reason) -> &'static str {
    match reason {
        Reason::Best => "best path",
        Reason::Multipath => "as good as the best path, used beside it",
        Reason::Policy => "rejected by import policy",
        Reason::AsLoop => "own AS number in AS_PATH",
        Reason::OriginatorLoop => "own router id as ORIGINATOR_ID",
        Reason::ClusterLoop => "own cluster id in CLUSTER_LIST",
        Reason::FirstAs => "AS_PATH does not begin with the peer's AS",
        Reason::NextHopInvalid => "no usable next hop",
        Reason::NextHopOwn => "next hop is an address of this host",
        Reason::NextHopUnknown => "next hop not resolved yet",
        Reason::NextHopUnreachable => "next hop unreachable",
        Reason::SessionDown => "session is gone",
        Reason::LocalPref => "lower LOCAL_PREF",
        Reason::LocalOrigin => "not originated here",
        Reason::AsPathLength => "longer AS_PATH",
        Reason::Origin => "worse ORIGIN",
        Reason::Med => "higher MED",
        Reason::Internal => "internal, and an external path is there",
        Reason::NextHopCost => "next hop costs more",
        Reason::RouterId => "higher router id",
        Reason::ClusterListLength => "longer CLUSTER_LIST",
        Reason::PeerAddress => "higher peer address",
        Reason::PathId => "higher path identifier",
    }
}

/// Whether the path took part in the decision.
pub(super) fn took_part(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::Policy
            | Reason::AsLoop
            | Reason::OriginatorLoop
            | Reason::ClusterLoop
            | Reason::FirstAs
            | Reason::NextHopInvalid
            | Reason::NextHopOwn
            | Reason::NextHopUnknown
            | Reason::NextHopUnreachable
            | Reason::SessionDown
    )
}
