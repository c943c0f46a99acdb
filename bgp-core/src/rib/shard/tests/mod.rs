//! Tests of the whole: rules one by one, and random histories against a naive model.

mod decision;
mod import;
mod lifetime;
mod model;
mod next_hops;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::*;
use crate::rib::{Best, Change, ChangeContext, ChangeSink, DestId, Hold, Reason};
use crate::types::{AttrBuilder, NextHop, NlriKey, Origin, PathId};

const V4: Family = Family::IPV4_UNICAST;
const OWN_AS: Asn = Asn(65000);
const P: &str = "10.0.0.0/24";

fn config() -> ShardConfig {
    ShardConfig {
        asn: OWN_AS,
        router_id: RouterId(0x0a00_0001),
        cluster_id: ClusterId(0x0a00_0001),
        decision: DecisionConfig { always_compare_med: false, multipath: 1 },
        seed: 1,
    }
}

fn external(n: u8, asn: u32) -> PeerInfo {
    PeerInfo {
        kind: PeerKind::External,
        client: false,
        asn: Asn(asn),
        local_asn: OWN_AS,
        router_id: RouterId(0x0b00_0000 + u32::from(n)),
        addr: Ipv4Addr::new(192, 0, 2, n).into(),
        scope: 0,
        import: PolicyId::ACCEPT,
        allow_own_asn: 0,
        enforce_first_as: false,
    }
}

fn internal(n: u8) -> PeerInfo {
    PeerInfo { kind: PeerKind::Internal, asn: OWN_AS, ..external(n, OWN_AS.0) }
}

/// A shard with external peers 1 (AS 65001), 2 (65001), 3 (65002) and internal peers 4 and 5.
fn shard() -> Shard {
    shard_with(config())
}

fn shard_with(config: ShardConfig) -> Shard {
    let mut shard = Shard::new(config);
    for (n, asn) in [(1, 65001), (2, 65001), (3, 65002)] {
        shard.peer_up(PeerId(n.into()), external(n, asn));
    }
    for n in [4, 5] {
        shard.peer_up(PeerId(n.into()), internal(n));
    }
    shard
}

/// Plain attributes: one AS, next hop 198.51.100.1.
fn attrs() -> AttrBuilder {
    let mut builder = AttrBuilder::new();
    builder.origin(Origin::Igp).as_sequence(&[Asn(65001)]).next_hop(next_hop(1));
    builder
}

fn next_hop(n: u8) -> NextHop {
    NextHop::V4(Ipv4Addr::new(198, 51, 100, n))
}

fn block(prefix: &str) -> NlriBlock {
    let net: IpNet = prefix.parse().unwrap();
    match net {
        IpNet::V4(_) => NlriBlock::from_keys(V4Key::from_net(net)),
        IpNet::V6(_) => NlriBlock::from_keys(V6Key::from_net(net)),
    }
}

fn block_with_id(prefix: &str, id: u32) -> NlriBlock {
    let mut octets = id.to_be_bytes().to_vec();
    let plain = block(prefix);
    octets.extend_from_slice(plain.octets());
    NlriBlock::parse(plain.family(), true, octets.into()).unwrap()
}

fn announce(shard: &mut Shard, peer: u16, prefix: &str, attrs: &mut AttrBuilder) {
    shard.announce(PeerId(peer), &block(prefix), &attrs.build());
}

/// Says that every next hop asked about is reachable at this cost.
fn resolve(shard: &mut Shard, metric: u32) {
    let wanted = shard.take_wanted_next_hops().add;
    let states: Vec<_> = wanted.into_iter().map(|addr| (addr, NextHopState::Reachable { metric })).collect();
    shard.set_next_hops(&states);
}

/// Remembers what it was told, and checks that slots keep their prefix.
#[derive(Debug, Default)]
struct Told {
    changes: Vec<(IpNet, Vec<Best>)>,
    /// Chosen paths by prefix, as told last, with their attributes.
    table: HashMap<IpNet, Vec<(Best, AttrSet)>>,
    slots: HashMap<(Family, DestId), IpNet>,
    hold: bool,
    held: Vec<(Family, DestId)>,
}

impl ChangeSink for Told {
    fn change<K: NlriKey>(&mut self, change: &Change<'_, K>, ctx: &mut ChangeContext<'_>) -> Hold {
        let net = change.key.to_net();
        let slot = (K::FAMILY, change.dest);
        assert_eq!(*self.slots.entry(slot).or_insert(net), net, "slot reused while remembered");
        assert_eq!(change.best, change.multipath.first().copied());
        let now: Vec<(Best, AttrSet)> =
            change.multipath.iter().map(|best| (*best, ctx.attrs.get(best.attrs).unwrap().clone())).collect();
        self.changes.push((net, change.multipath.to_vec()));
        if !now.is_empty() {
            self.table.insert(net, now);
            return Hold::No;
        }
        self.table.remove(&net);
        if self.hold {
            self.held.push(slot);
            Hold::Yes
        } else {
            self.slots.remove(&slot);
            Hold::No
        }
    }
}

impl Told {
    fn release(&mut self, shard: &mut Shard) {
        for (family, dest) in std::mem::take(&mut self.held) {
            // A destination that has come back is not forgotten.
            if self.slots.get(&(family, dest)).is_some_and(|net| !self.table.contains_key(net)) {
                self.slots.remove(&(family, dest));
                shard.free_dests(family, &[dest]);
            }
        }
    }

    fn best(&self, prefix: &str) -> Option<PeerId> {
        self.table.get(&prefix.parse().unwrap())?.first().map(|(best, _)| best.peer)
    }
}

/// Works off everything pending and returns what the sink was told.
fn settle(shard: &mut Shard) -> Told {
    let mut told = Told::default();
    while shard.step(3) {}
    shard.flush(&mut told);
    told
}

fn reasons(shard: &Shard, prefix: &str) -> Vec<(u16, Reason)> {
    shard.explain(prefix.parse().unwrap()).iter().map(|view| (view.peer.0, view.reason)).collect()
}

/// Nothing is left in any table.
fn assert_empty(shard: &mut Shard) {
    shard.take_wanted_next_hops();
    assert_eq!((shard.v4.len(), shard.v6.len()), (0, 0), "destinations");
    assert_eq!((shard.v4.spans.live(), shard.v6.spans.live()), (0, 0), "spans");
    assert!(shard.core.attrs.is_empty(), "attribute sets: {}", shard.core.attrs.len());
    assert_eq!(shard.core.attrs.next_hops().len(), 0, "next hops");
}
