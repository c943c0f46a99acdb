//! The decision process and policies in words.

use bgp_core::policy::{Decider, Verdict};
use bgp_core::rib::{PathView, Reason};
use bgp_core::types::PeerId;
use reflector::transform::HeldBack;

/// What import made of a path, and whether the policy of now would make something else of it.
pub(super) fn import(path: &PathView) -> String {
    if path.peer == PeerId::LOCAL {
        return "originated here".to_owned();
    }
    if path.accepted.is_none() && path.reason != Reason::Policy {
        return text(path.reason).to_owned();
    }
    let Some((verdict, rule)) = &path.import else {
        let then = if path.accepted.is_some() { "accepted" } else { "rejected by import policy" };
        return format!("{then}, before its peer was removed");
    };
    let rule = rule.as_ref();
    match (&path.accepted, verdict) {
        (None, Verdict::Reject) => decided("rejected", rule),
        (Some(_), Verdict::Reject) => format!("{}, but still in use", decided("rejected", rule)),
        (None, Verdict::Accept(_)) => format!("{}, but not in use yet", decided("accepted", rule)),
        (Some(accepted), Verdict::Accept(set)) if accepted == set.as_ref().unwrap_or(&path.received) => {
            decided("accepted", rule)
        }
        (Some(_), Verdict::Accept(_)) => {
            format!("{}, but with the attributes of the policy before", decided("accepted", rule))
        }
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

#[cfg(test)]
mod tests {
    use bgp_core::types::{AttrBuilder, AttrSet, Origin, PathId};

    use super::*;
    use crate::runtime::read::Names;

    fn set(med: Option<u32>) -> AttrSet {
        let mut attrs = AttrBuilder::new();
        attrs.origin(Origin::Igp).as_path(&[]);
        if let Some(med) = med {
            attrs.med(med);
        }
        attrs.build()
    }

    fn view(accepted: Option<AttrSet>, import: Option<Verdict>) -> PathView {
        let rule = || Some(Decider { list: "from-tor".into(), rule: 1 });
        PathView {
            peer: PeerId(1),
            path_id: PathId(0),
            received: set(None),
            reason: if accepted.is_some() { Reason::Best } else { Reason::Policy },
            accepted,
            import: import.map(|verdict| (verdict, rule())),
            stale: false,
        }
    }

    #[test]
    fn import_is_told_as_it_was_and_as_it_would_be() {
        let pass = || Some(Verdict::Accept(None));
        let edit = |med| Some(Verdict::Accept(Some(set(Some(med)))));
        let plain = || Some(set(None));
        let made = |med| Some(set(Some(med)));
        let rule = "by policy from-tor, rule 2";
        for (accepted, now, told) in [
            (plain(), pass(), format!("accepted {rule}")),
            (made(7), edit(7), format!("accepted {rule}")),
            (None, Some(Verdict::Reject), format!("rejected {rule}")),
            (plain(), Some(Verdict::Reject), format!("rejected {rule}, but still in use")),
            (None, pass(), format!("accepted {rule}, but not in use yet")),
            (made(7), edit(8), format!("accepted {rule}, but with the attributes of the policy before")),
            (made(7), pass(), format!("accepted {rule}, but with the attributes of the policy before")),
            (plain(), edit(8), format!("accepted {rule}, but with the attributes of the policy before")),
            (plain(), None, "accepted, before its peer was removed".to_owned()),
            (None, None, "rejected by import policy, before its peer was removed".to_owned()),
        ] {
            assert_eq!(import(&view(accepted, now)), told);
        }
    }

    #[test]
    fn what_never_reached_a_policy_is_told_by_its_fault() {
        let looped = PathView { reason: Reason::AsLoop, ..view(None, Some(Verdict::Accept(None))) };
        assert_eq!(import(&looped), "own AS number in AS_PATH");
        let local = PathView { peer: PeerId::LOCAL, ..view(Some(set(None)), None) };
        assert_eq!(import(&local), "originated here");
    }

    #[test]
    fn a_path_that_outlives_its_peer_does_not_pass_for_an_announced_one() {
        let prefix = "10.0.0.0/8".parse().unwrap();
        let path = view(Some(set(None)), None);
        assert_eq!(Names::default().candidate(prefix, &path).source, "removed peer");
        let local = PathView { peer: PeerId::LOCAL, ..path };
        assert_eq!(Names::default().candidate(prefix, &local).source, "announced");
    }
}
