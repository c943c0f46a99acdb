//! The tables the model runs over: one that is nasty about slots, and the real one.

use bgp_core::policy::PolicyId;
use bgp_core::rib::{DecisionConfig, NextHopState, PeerInfo, Shard, ShardConfig};
use bgp_core::types::{
    Asn, AttrSet, ClusterId, Family, NlriBlock, NlriKey, PeerId, PerFamily, RouterId, V4Key,
};

use crate::export::{Export, Routes};

/// What the model needs of a table.
pub(crate) trait Rib: Routes {
    fn new(peers: &[(PeerId, PeerInfo)]) -> Self;
    fn announce(&mut self, key: V4Key, attrs: &AttrSet, peer: PeerId);
    fn withdraw(&mut self, key: V4Key, peer: PeerId);
    fn lose(&mut self, peer: PeerId);
    fn flush(&mut self, export: &mut Export);
    /// The chosen route, as of the last flush.
    fn best(&self, key: V4Key) -> Option<(AttrSet, PeerId)>;
    /// Slots and attribute sets in use.
    fn used(&self) -> (usize, usize);
}

impl Rib for Shard {
    fn new(peers: &[(PeerId, PeerInfo)]) -> Self {
        let mut shard = Shard::new(ShardConfig {
            asn: Asn(64512),
            router_id: RouterId(99),
            cluster_id: ClusterId(99),
            decision: DecisionConfig::default(),
            seed: 1,
        });
        for (id, info) in peers {
            shard.peer_up(*id, PeerInfo { import: PolicyId::ACCEPT, ..info.clone() });
        }
        shard
    }

    fn announce(&mut self, key: V4Key, attrs: &AttrSet, peer: PeerId) {
        Shard::announce(self, peer, &NlriBlock::from_keys([key]), attrs);
    }

    fn withdraw(&mut self, key: V4Key, peer: PeerId) {
        Shard::withdraw(self, peer, &NlriBlock::from_keys([key]));
    }

    fn lose(&mut self, peer: PeerId) {
        self.peer_down(peer, &[]);
    }

    fn flush(&mut self, export: &mut Export) {
        while self.step(3) {}
        let wanted = self.take_wanted_next_hops().add;
        let states: Vec<_> =
            wanted.into_iter().map(|addr| (addr, NextHopState::Reachable { metric: 1 })).collect();
        self.set_next_hops(&states);
        Shard::flush(self, export);
    }

    fn best(&self, key: V4Key) -> Option<(AttrSet, PeerId)> {
        let mut best = None;
        self.lookup(key.to_net(), &mut |route| {
            best = route.multipath.first().and_then(|b| Some((route.attrs().get(b.attrs)?.clone(), b.peer)));
        });
        best
    }

    fn used(&self) -> (usize, usize) {
        let PerFamily { ipv4, .. } = self.destinations();
        assert_eq!(self.destinations().get(Family::IPV6_UNICAST), Some(&0));
        (ipv4, self.attrs().len())
    }
}
