//! The decision process and policies in words.

use bgp_core::policy::{Decider, Verdict};
use bgp_core::rib::{PathView, Reason};
use bgp_core::types::PeerId;
use reflector::transform::HeldBack;

/// What import made of a path.
pub(super) fn import(path: &PathView) -> String {
    match (&path.accepted, &path.import) {
        _ if path.peer == PeerId::LOCAL => "originated here".to_owned(),
        (None, _) if path.reason != Reason::Policy => text(path.reason).to_owned(),
        (None, Some((Verdict::Reject, rule))) => decided("rejected", rule.as_ref()),
        (Some(_), Some((Verdict::Accept(_), rule))) => decided("accepted", rule.as_ref()),
        (None, _) => "rejected, before its policy changed".to_owned(),
        (Some(_), _) => "accepted, before its policy changed".to_owned(),
    }
}

/// Why the members of a group are told of a route, or why not, and whether they are already.
pub(super) fn export(verdict: &Result<Option<Decider>, HeldBack>, told: bool) -> String {
    let why = match verdict {
        Ok(rule) => decided("accepted", rule.as_ref()),
        Err(HeldBack::Policy(rule)) => decided("rejected", rule.as_ref()),
        Err(HeldBack::NotReflected) => {
            "learned from an internal peer, and neither of the two is a client (RFC 4456)".to_owned()
        }
        Err(HeldBack::Community) => "a well-known community forbids it".to_owned(),
        Err(HeldBack::OwnAs) => "the peer's AS is in AS_PATH".to_owned(),
        Err(HeldBack::NextHop) => "there is no next hop it could use".to_owned(),
    };
    match (verdict, told) {
        (Ok(_), false) => format!("{why}, but not sent yet"),
        (Err(_), true) => format!("{why}, but not withdrawn yet"),
        _ => why,
    }
}

/// By which rule, counted from 1 as people do.
fn decided(verdict: &str, rule: Option<&Decider>) -> String {
    match rule {
        None => format!("{verdict}: no rule of its policies accepts it"),
        Some(rule) if matches!(&*rule.list, "accept" | "reject") => {
            format!("{verdict} by policy {}", rule.list)
        }
        Some(Decider { list, rule }) => format!("{verdict} by policy {list}, rule {}", rule + 1),
    }
}

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
