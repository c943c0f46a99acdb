//! Which groups an established session is a member of, and how it moves to others.

use bgp_core::types::{Family, PeerId};
use reflector::{GroupKey, Moved};
use tokio::sync::oneshot;

use super::Supervisor;
use crate::runtime::addresses::{host_addresses, own_next_hops};
use crate::runtime::encoder::Subscription;
use crate::runtime::peering::{group_keys, local_address};

impl Supervisor {
    /// Makes the peer a member of one group a family.
    pub(super) async fn join_groups(&mut self, peer: PeerId) -> Vec<Subscription> {
        let mut subscriptions = Vec::new();
        for key in self.fitting_groups(peer) {
            let policy = self.policies.get(key.export);
            subscriptions.extend(self.groups.join(peer, key, policy, None).await);
        }
        subscriptions
    }

    /// Moves an established session to the groups that fit its present settings, if those are others.
    pub(super) async fn regroup(&mut self, peer: PeerId) {
        for key in self.fitting_groups(peer) {
            let fits = self.groups.of(peer).any(|(_, present)| *present == key);
            if !fits {
                self.groups.depart(peer, key.family).await;
            }
        }
    }

    /// Finds the group that fits now, which may be another than when the peer was told to depart.
    pub(super) async fn on_departed(
        &mut self,
        peer: PeerId,
        family: Family,
        moved: Moved,
        reply: oneshot::Sender<Subscription>,
    ) {
        let key = self.fitting_groups(peer).into_iter().find(|key| key.family == family);
        // Without an answer the session begins anew.
        let Some(key) = key else { return };
        let policy = self.policies.get(key.export);
        if let Some(subscription) = self.groups.join(peer, key, policy, Some(moved)).await {
            // The session that is gone meanwhile says so next.
            let _ = reply.send(subscription);
        }
    }

    /// The move is over; settings may have changed while it was under way.
    pub(super) async fn on_arrived(&mut self, peer: PeerId, family: Family) {
        self.groups.arrived(peer, family).await;
        self.regroup(peer).await;
    }

    fn fitting_groups(&mut self, peer: PeerId) -> Vec<GroupKey> {
        let Some(peering) = self.peers.by_id(peer) else { return Vec::new() };
        let Some(negotiated) = peering.up.as_ref().map(|up| up.negotiated.clone()) else { return Vec::new() };
        let settings = peering.settings.borrow().clone();
        let local = local_address(&negotiated);
        let keys = group_keys(&self.config, &settings, &negotiated, own_next_hops(local, &host_addresses()));
        for key in keys.iter().filter(|key| key.local_next_hop.is_none()) {
            self.problem(format!(
                "peer {}: no own {} address on the interface of {local}; routes that need one as next hop are not sent",
                settings.neighbor.name,
                if key.family.afi == 1 { "IPv4" } else { "IPv6" },
            ));
        }
        keys
    }
}
