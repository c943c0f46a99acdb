//! A table, its peers and an update group: what the benchmarks of this crate play with.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::net::{IpAddr, Ipv4Addr};

use bgp_core::policy::PolicyId;
use bgp_core::rib::{DecisionConfig, NextHopState, PeerInfo, PeerKind, Shard, ShardConfig, TableId};
use bgp_core::types::{
    Asn, AttrBuilder, AttrSet, ClusterId, Family, NextHop, NlriBlock, Origin, PeerId, RouterId, V4Key,
};
use reflector::{GroupKey, NextHopRule, PeerRole, Speaker, WireMode};

/// Destinations that may be dirty before a flush, as the daemon has it.
pub(crate) const FLUSH: usize = 4096;

/// What an external peer announces in UPDATEs of 6 or 7 prefixes, each with attributes of its own.
pub(crate) fn full_table(source: PeerId, sets: u32) -> Vec<(PeerId, NlriBlock, AttrSet)> {
    let update = |n: u32| {
        let first = n * 7;
        let count = if n.is_multiple_of(3) { 6 } else { 7 };
        let keys = (first..first + count).filter_map(|k| V4Key::new(0x0100_0000 + (k << 8), 24));
        (source, NlriBlock::from_keys(keys), external_attrs(source.0, n))
    };
    (0..sets).map(update).collect()
}

/// `count` prefixes of this peer alone.
pub(crate) fn prefixes(peer: u16, count: u32) -> NlriBlock {
    let first = u32::from(peer) * 64;
    NlriBlock::from_keys((first..first + count).filter_map(|n| V4Key::new(0x0a00_0000 + (n << 6), 26)))
}

/// The `n`th set of an internal peer.
pub(crate) fn attrs(peer: u16, n: u32) -> AttrSet {
    builder(peer, n).local_pref(100).build()
}

/// The `n`th set of an external peer; those of different peers differ in nothing but the next hop.
pub(crate) fn external_attrs(peer: u16, n: u32) -> AttrSet {
    builder(peer, n).build()
}

fn builder(peer: u16, n: u32) -> AttrBuilder {
    let path = [3000 + n % 50, 10_000 + n % 3000, 100_000 + n].map(Asn);
    let mut builder = AttrBuilder::new();
    builder.origin(Origin::Igp).as_sequence(&path).next_hop(addr(peer).into());
    builder
}

/// Address and next hop of a peer.
pub(crate) fn addr(peer: u16) -> IpAddr {
    Ipv4Addr::from_bits(0xc000_0000 + u32::from(peer)).into()
}

/// What makes a group of peers of this role.
pub(crate) fn key(role: PeerRole) -> GroupKey {
    GroupKey {
        table: TableId::MAIN,
        family: Family::IPV4_UNICAST,
        role,
        export: PolicyId::ACCEPT,
        next_hop: NextHopRule::Auto,
        local_next_hop: Some(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        speaker: Speaker { asn: Asn(65000), router_id: RouterId(1), cluster_id: ClusterId(1) },
        loop_asn: None,
        wire: WireMode::default(),
    }
}

/// A table with peers `1..=peers` of this role, each with one route already.
pub(crate) fn shard(role: PeerRole, peers: u16) -> Shard {
    let mut shard = Shard::new(ShardConfig {
        asn: Asn(65000),
        router_id: RouterId(1),
        cluster_id: ClusterId(1),
        decision: DecisionConfig::default(),
        seed: 7,
    });
    for peer in 1..=peers {
        let kind = if role.is_internal() { PeerKind::Internal } else { PeerKind::External };
        let router_id = RouterId(1000 + u32::from(peer));
        let local = PeerInfo::local(Asn(65000), router_id);
        let info = PeerInfo { kind, client: role == PeerRole::Client, addr: addr(peer), ..local };
        shard.peer_up(PeerId(peer), info);
        // Next hops are known before the load, as the interfaces are.
        shard.announce(PeerId(peer), &prefixes(peer, 1), &attrs(peer, 0));
        let wanted = shard.take_wanted_next_hops().add;
        let states: Vec<_> =
            wanted.into_iter().map(|addr| (addr, NextHopState::Reachable { metric: 0 })).collect();
        shard.set_next_hops(&states);
    }
    shard
}
