//! Whether a path may be considered at all: once for each attribute set and peer (RFC 4271 §9.1.2,
//! RFC 4456 §8).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{PeerInfo, PeerKind, ShardConfig, is_local};
use crate::rib::facts::Facts;
use crate::rib::path::Refusal;
use crate::types::{AttrBuilder, AttrCode, AttrSet, NextHop};

/// What is wrong with the attributes as `peer` sent them, if anything.
pub(super) fn refusal(config: &ShardConfig, peer: &PeerInfo, facts: &Facts<'_>) -> Refusal {
    if is_local(peer.kind) {
        return Refusal::None;
    }
    let path = facts.as_path;
    if peer.kind == PeerKind::External && peer.enforce_first_as && path.first() != Some(peer.asn) {
        return Refusal::FirstAs;
    }
    let mut own = path.count(config.asn);
    if peer.local_asn != config.asn {
        own = own.max(path.count(peer.local_asn));
    }
    if own > usize::from(peer.allow_own_asn) {
        return Refusal::AsLoop;
    }
    if facts.originator == Some(config.router_id) {
        return Refusal::OriginatorLoop;
    }
    if facts.clusters().any(|id| id == config.cluster_id) {
        return Refusal::ClusterLoop;
    }
    let usable = match facts.next_hop {
        None => false,
        Some(NextHop::V4(addr)) => usable_v4(addr),
        Some(NextHop::V6(addr)) if addr.is_unicast_link_local() => peer.scope != 0,
        Some(NextHop::V6(addr) | NextHop::V6WithLinkLocal { global: addr, .. }) => usable_v6(addr),
    };
    if usable { Refusal::None } else { Refusal::NextHopInvalid }
}

/// The set without what has no meaning from an external peer (RFC 4271 §5.1.5, RFC 7606 §7.9, §7.10);
/// `None` where there is nothing to remove, as should be: decoders drop it.
pub(super) fn cleaned(peer: &PeerInfo, set: &AttrSet, facts: &Facts<'_>) -> Option<AttrSet> {
    let internal_only =
        |code| matches!(code, AttrCode::LOCAL_PREF | AttrCode::ORIGINATOR_ID | AttrCode::CLUSTER_LIST);
    if peer.kind != PeerKind::External || !facts.has_internal_only() {
        return None;
    }
    Some(AttrBuilder::edit(set).retain(|code, _| !internal_only(code)).build())
}

fn usable_v4(addr: Ipv4Addr) -> bool {
    let [first, ..] = addr.octets();
    !(first == 0 || first == 127 || first >= 224)
}

fn usable_v6(addr: Ipv6Addr) -> bool {
    !(addr.is_unspecified() || addr.is_loopback() || addr.is_multicast() || addr.is_unicast_link_local())
}
