//! One slice of the prefixes with everything needed to decide about them.
//!
//! Owned by one thread. What comes in only changes paths and marks destinations; [`Shard::flush`] decides
//! each marked destination once. What concerns many destinations at once (a lost session, a policy, a next
//! hop) takes effect on every decision from then on, and [`Shard::step`] walks the tables in pieces to have
//! the affected destinations decided again.

mod ahead;
mod background;
mod check;
mod flush;
mod grave;
mod import;
mod memo;
mod read;
mod scatter;
mod slots;
#[cfg(test)]
mod tests;
use std::net::IpAddr;
use std::sync::Arc;

use super::attr_index::AttrHash;
use super::next_hop::{Affected, WantedNextHops};
use super::select::{Judge, Selector};
use super::table::Table;
use super::{AttrTable, DecisionConfig, NextHopState, PeerInfo, PeerKind, PeerTable, TableId};
use crate::policy::{Policy, PolicyId};
use crate::types::{Asn, AttrSet, ClusterId, Family, NlriBlock, PeerId, PerFamily, RouterId, V4Key, V6Key};

pub use ahead::Ingest;
use grave::Grave;
pub use read::{Memory, PathRef, PathView, RouteRef};

/// Who this speaker is, and how it chooses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShardConfig {
    /// Our AS number.
    pub asn: Asn,
    /// Our BGP identifier.
    pub router_id: RouterId,
    /// Our cluster (RFC 4456 §7).
    pub cluster_id: ClusterId,
    /// Choices of the decision process.
    pub decision: DecisionConfig,
    /// Makes hashes unforeseeable for peers; any number where that does not matter. Shards of one speaker have the
    /// same, or what they tell with the same attributes is not joined.
    pub seed: u64,
}

/// The RIB of a slice of the prefixes; see the module.
#[derive(Debug)]
pub struct Shard {
    core: Core,
    v4: Table<V4Key>,
    v6: Table<V6Key>,
}

/// What the tables of all families share.
#[derive(Debug)]
struct Core {
    config: ShardConfig,
    attrs: AttrTable,
    peers: PeerTable,
    policies: Vec<Arc<Policy>>,
    /// Policies to be let go of as soon as no peer has them.
    unnamed: Vec<PolicyId>,
    selector: Selector,
    ahead: ahead::Ahead,
    /// Counts given up by paths since the last flush. They are released after it, so that what was chosen
    /// before can still be compared with, and no id changes its meaning meanwhile.
    grave: Vec<Grave>,
    /// Every destination is to be decided again as the walk comes by.
    redecide: PerFamily<bool>,
    /// Some next hop is marked as changed.
    next_hops_changed: bool,
    refused: u64,
}

/// Picks the table of a family and runs the same code on either.
macro_rules! in_family {
    ($shard:expr, $family:expr, $table:ident, $core:ident => $body:expr, else $none:expr) => {{
        let Shard { core: $core, v4, v6 } = $shard;
        match $family {
            Family::IPV4_UNICAST => {
                let $table = v4;
                $body
            }
            Family::IPV6_UNICAST => {
                let $table = v6;
                $body
            }
            _ => $none,
        }
    }};
}
use in_family;

impl Shard {
    /// An empty shard; this speaker itself is known as [`PeerId::LOCAL`].
    pub fn new(config: ShardConfig) -> Self {
        let mut peers = PeerTable::default();
        peers.set(PeerId::LOCAL, PeerInfo::local(config.asn, config.router_id));
        let seed = config.seed;
        let core = Core {
            attrs: AttrTable::new(seed),
            config,
            peers,
            policies: vec![Arc::new(Policy::accept()), Arc::new(Policy::reject())],
            unnamed: Vec::new(),
            selector: Selector::default(),
            ahead: ahead::Ahead::default(),
            grave: Vec::new(),
            redecide: PerFamily::default(),
            next_hops_changed: false,
            refused: 0,
        };
        Self {
            core,
            v4: Table::new(TableId::MAIN, seed.wrapping_add(1)),
            v6: Table::new(TableId::MAIN, seed.wrapping_add(2)),
        }
    }

    /// A session is established. Paths kept from the one before stay until [`Shard::end_of_rib`].
    pub fn peer_up(&mut self, peer: PeerId, info: PeerInfo) {
        self.peer_changed(peer, info);
    }

    /// What is known of a peer has changed. Paths go through import again if that may matter.
    pub fn peer_changed(&mut self, peer: PeerId, info: PeerInfo) {
        let Some(old) = self.core.peers.get(peer).cloned() else {
            return self.core.peers.set(peer, info);
        };
        let relevant = |info: &PeerInfo| PeerInfo { client: false, ..info.clone() };
        let changed = relevant(&old) != relevant(&info);
        self.core.peers.set(peer, info);
        self.core.free_unnamed();
        if !changed {
            return;
        }
        for family in Family::SUPPORTED {
            if self.core.peers.routes(peer, family).received == 0 {
                continue;
            }
            if let Some(age) = self.core.peers.age_mut(peer, family) {
                age.reimport = true;
            }
            // Identity takes part in the decision itself.
            let identity = |i: &PeerInfo| (i.kind, i.router_id, i.addr);
            if self.core.peers.get(peer).is_some_and(|info| identity(info) != identity(&old))
                && let Some(redecide) = self.core.redecide.get_mut(family)
            {
                *redecide = true;
            }
            self.start_lap(family);
        }
    }

    /// A session is lost. Paths of the families in `retain` become stale (RFC 4724 §4.2); all others are
    /// out of the running at once and swept by [`Shard::step`].
    pub fn peer_down(&mut self, peer: PeerId, retain: &[Family]) {
        for family in Family::SUPPORTED {
            self.begin_epoch(peer, family, retain.contains(&family));
        }
    }

    /// Paths of the peer become stale, whether its session is up or not: those announced again until
    /// [`Shard::end_of_rib`] are fresh. For routes of this speaker, and RFC 7313.
    pub fn mark_stale(&mut self, peer: PeerId, family: Family) {
        self.begin_epoch(peer, family, true);
    }

    fn begin_epoch(&mut self, peer: PeerId, family: Family, keep: bool) {
        let aged = self.core.peers.begin_epoch(peer, family, keep);
        if aged.dead {
            self.start_lap(family);
        }
        if aged.wrap_near {
            while self.step(usize::MAX) {}
        }
    }

    /// The peer has announced everything (End-of-RIB), or the time for that is over: what is still stale
    /// is out of the running at once and swept by [`Shard::step`].
    pub fn end_of_rib(&mut self, peer: PeerId, family: Family) {
        if self.core.peers.end_stale(peer, family) {
            self.start_lap(family);
        }
    }

    /// Forgets a peer that is down for good. `false` while paths of it are left; [`Shard::step`] and
    /// [`Shard::flush`] first.
    pub fn forget_peer(&mut self, peer: PeerId) -> bool {
        let forgotten = self.core.peers.forget(peer);
        if forgotten {
            self.core.free_unnamed();
        }
        forgotten
    }

    /// Stores the NLRI of one UPDATE with their attributes, in place of what the peer said before.
    ///
    /// Nothing happens for a peer that was never up. A path that import does not let in replaces the one
    /// before all the same: the destination is then as if it had been withdrawn.
    pub fn announce(&mut self, peer: PeerId, block: &NlriBlock, attrs: &AttrSet) {
        let hash = self.core.attrs.hash(attrs);
        self.announce_now(peer, block, attrs.clone(), hash);
        self.settle_if_full();
    }

    /// Removes what the peer said of these NLRI.
    pub fn withdraw(&mut self, peer: PeerId, block: &NlriBlock) {
        self.withdraw_now(peer, block);
        self.settle_if_full();
    }

    fn announce_now(&mut self, peer: PeerId, block: &NlriBlock, attrs: AttrSet, hash: AttrHash) {
        in_family!(self, block.family(), table, core => {
            import::announce(table, core, peer, block, (attrs, hash));
        }, else {});
    }

    fn withdraw_now(&mut self, peer: PeerId, block: &NlriBlock) {
        in_family!(self, block.family(), table, core => import::withdraw(table, core, peer, block), else {});
    }

    /// Puts a policy in the place of that number; paths of the peers that use it go through import again.
    pub fn set_policy(&mut self, id: PolicyId, policy: Arc<Policy>) {
        self.core.unnamed.retain(|unnamed| *unnamed != id);
        let at = usize::from(id.0);
        if self.core.policies.len() <= at {
            // Numbers in between reject until they are set.
            self.core.policies.resize_with(at + 1, || Arc::new(Policy::reject()));
        }
        let Some(slot) = self.core.policies.get_mut(at) else { return };
        if **slot == *policy {
            return;
        }
        *slot = policy;
        let users: Vec<PeerId> =
            self.core.peers.iter().filter(|(_, info)| info.import == id).map(|(peer, _)| peer).collect();
        for family in Family::SUPPORTED {
            for peer in &users {
                if let Some(age) = self.core.peers.age_mut(*peer, family) {
                    age.reimport = true;
                }
            }
            if !users.is_empty() {
                self.start_lap(family);
            }
        }
    }

    /// Lets go of a policy whose number nobody is given any more. It stays as long as a peer has it: one that
    /// is gone for a while keeps its routes, and what import made of them.
    pub fn forget_policy(&mut self, id: PolicyId) {
        if !self.core.unnamed.contains(&id) {
            self.core.unnamed.push(id);
        }
        self.core.free_unnamed();
    }

    /// Changes how paths are chosen; every destination is decided again.
    pub fn set_decision(&mut self, decision: DecisionConfig) {
        if self.core.config.decision == decision {
            return;
        }
        self.core.config.decision = decision;
        for family in Family::SUPPORTED {
            if let Some(redecide) = self.core.redecide.get_mut(family) {
                *redecide = true;
            }
            self.start_lap(family);
        }
    }

    /// Takes in what is known of next hops. Addresses that no path names are ignored.
    pub fn set_next_hops(&mut self, states: &[(IpAddr, NextHopState)]) {
        for (addr, state) in states {
            match self.core.attrs.next_hops_mut().set_state(*addr, *state) {
                Affected::None => {}
                Affected::Listed(lists) => {
                    lists.ipv4.into_iter().for_each(|dest| self.v4.mark(dest));
                    lists.ipv6.into_iter().for_each(|dest| self.v6.mark(dest));
                }
                Affected::Unlisted => {
                    self.core.next_hops_changed = true;
                    Family::SUPPORTED.iter().for_each(|family| self.start_lap(*family));
                }
            }
        }
    }

    /// Next hops that paths have begun and ceased to rely on since the last call.
    pub fn take_wanted_next_hops(&mut self) -> WantedNextHops {
        self.core.attrs.next_hops_mut().take_wanted()
    }

    /// To look attribute sets up.
    pub fn attrs(&self) -> &AttrTable {
        &self.core.attrs
    }

    /// To intern, retain and release attribute sets outside of a flush.
    pub fn attrs_mut(&mut self) -> &mut AttrTable {
        &mut self.core.attrs
    }

    /// The peers and their counts.
    pub fn peers(&self) -> &PeerTable {
        &self.core.peers
    }

    /// Announced paths that found no room, or were for prefixes nobody can have, since the start.
    pub fn refused(&self) -> u64 {
        self.core.refused
    }

    fn start_lap(&mut self, family: Family) {
        in_family!(self, family, table, _core => table.start_lap(), else {});
    }
}

impl Core {
    /// Lets go of the unnamed policies that no peer has any more.
    fn free_unnamed(&mut self) {
        let Some(nothing) = self.policies.get(usize::from(PolicyId::REJECT.0)).cloned() else { return };
        let (peers, policies) = (&self.peers, &mut self.policies);
        self.unnamed.retain(|id| {
            let used = peers.iter().any(|(_, info)| info.import == *id);
            if !used && let Some(slot) = policies.get_mut(usize::from(id.0)) {
                *slot = Arc::clone(&nothing);
            }
            used
        });
    }

    fn judge(&self, family: Family) -> Judge<'_> {
        Judge::new(&self.attrs, &self.peers, &self.config.decision, family)
    }
}

/// Whether a peer's next hops and attributes are beyond doubt.
fn is_local(kind: PeerKind) -> bool {
    kind == PeerKind::Local
}
