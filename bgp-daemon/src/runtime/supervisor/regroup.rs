//! Which groups an established session is a member of, and how it moves to others.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp_core::types::{Family, PeerId};
use reflector::{GroupKey, Moved};
use tokio::sync::oneshot;

use super::{Event, Supervisor};
use crate::config::HostAddress;
use crate::runtime::addresses::own_next_hops;
use crate::runtime::encoder::Subscription;
use crate::runtime::peering::{group_keys, local_address};

impl Supervisor {
    /// Makes the peer a member of one group a family.
    pub(super) async fn join_groups(&mut self, peer: PeerId) -> Vec<Subscription> {
        let mut subscriptions = Vec::new();
        let addresses = self.addresses.at(Instant::now());
        for key in self.fitting_groups(peer, &addresses) {
            let policy = self.policies.get(key.export);
            subscriptions.extend(self.groups.join(peer, key, policy, None).await);
        }
        subscriptions
    }

    /// Moves an established session to the groups that fit its present settings, if those are others.
    pub(super) async fn regroup(&mut self, peer: PeerId) {
        let addresses = self.addresses.at(Instant::now());
        self.regroup_with(peer, &addresses).await;
    }

    /// Has every session looked at again soon: addresses come in numbers, with containers for example.
    pub(super) fn on_addresses_changed(&mut self) {
        self.addresses.forget();
        if std::mem::replace(&mut self.regrouping, true) {
            return;
        }
        let events = self.event_sender.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REGROUP_DELAY).await;
            // Only fails when the process ends.
            let _ = events.send(Event::Regroup).await;
        });
    }

    /// Moves every session whose own next hop is another now.
    pub(super) async fn regroup_all(&mut self) {
        self.regrouping = false;
        self.addresses.forget();
        let addresses = self.addresses.at(Instant::now());
        let peers: Vec<PeerId> = self.peers.iter().map(|(_, peering)| peering.id).collect();
        for peer in peers {
            self.regroup_with(peer, &addresses).await;
        }
    }

    async fn regroup_with(&mut self, peer: PeerId, addresses: &[HostAddress]) {
        for key in self.fitting_groups(peer, addresses) {
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
        let addresses = self.addresses.at(Instant::now());
        let key = self.fitting_groups(peer, &addresses).into_iter().find(|key| key.family == family);
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

    /// A problem for as long as a peer of this `name` lacks an own address, and none without a name.
    fn note_next_hop(&mut self, peer: PeerId, family: Family, name: Option<&str>, local: IpAddr) {
        let place = (peer, family.afi);
        let Some(name) = name else {
            self.without_next_hop.remove(&place);
            return;
        };
        let version = if family.afi == 1 { "IPv4" } else { "IPv6" };
        let text = format!(
            "peer {name}: no own {version} address on the interface of {local}; routes that need one as next hop are not sent",
        );
        if self.without_next_hop.insert(place, text.clone()).is_none() {
            tracing::warn!("{text}");
        }
    }

    /// The peer has no session that could lack anything.
    pub(super) fn forget_next_hop(&mut self, peer: PeerId) {
        self.without_next_hop.retain(|(of, _), _| *of != peer);
    }

    fn fitting_groups(&mut self, peer: PeerId, addresses: &[HostAddress]) -> Vec<GroupKey> {
        let Some(peering) = self.peers.by_id(peer) else { return Vec::new() };
        let Some(negotiated) = peering.up.as_ref().map(|up| up.negotiated.clone()) else { return Vec::new() };
        let settings = peering.settings.borrow().clone();
        let local = local_address(&negotiated);
        let keys = group_keys(&self.config, &settings, &negotiated, own_next_hops(local, addresses));
        for key in &keys {
            let name = key.local_next_hop.is_none().then_some(&*settings.neighbor.name);
            self.note_next_hop(peer, key.family, name, local);
        }
        keys
    }
}

/// A host that starts a hundred containers a second reads its addresses ten times in it.
const REGROUP_DELAY: Duration = Duration::from_millis(100);
