//! What sessions, the kernel and the operator tell the supervisor.

use bgp_core::rib::NextHopState;
use bgp_core::session::{Families, Negotiated};
use bgp_core::types::{Division, PeerId};
use fib_sync::{FibEvent, Reachability};
use ipnet::IpNet;
use tokio::sync::oneshot;

use super::peers::Up;
use super::{Event, SessionNews, Supervisor};
use crate::runtime::encoder::Subscription;
use crate::runtime::local::{self, LocalChange};
use crate::runtime::shard::{ShardMessage, tell_all};

impl Supervisor {
    pub(super) async fn on_event(&mut self, event: Event) {
        match event {
            Event::Session(peer, SessionNews::Up { generation, negotiated, reply }) => {
                self.on_up(peer, generation, negotiated, reply).await;
            }
            Event::Session(peer, SessionNews::EndOfRib(family)) => {
                self.deferral.end_of_rib(peer, family);
                let up = self.peers.by_id(peer).and_then(|peering| peering.up.as_mut());
                if let Some(done) = up.and_then(|up| up.done.get_mut(family)) {
                    *done = true;
                }
            }
            Event::Session(peer, SessionNews::Departed { generation, family, moved, reply }) => {
                if self.is_present(peer, generation) {
                    self.on_departed(peer, family, moved, reply).await;
                }
            }
            Event::Session(peer, SessionNews::Arrived { generation, family }) => {
                if self.is_present(peer, generation) {
                    self.on_arrived(peer, family).await;
                }
            }
            Event::Session(peer, SessionNews::Down { generation }) => self.on_down(peer, generation).await,
            Event::Regroup => self.regroup_all().await,
            Event::Settled(who) => self.on_settled(who).await,
            Event::Request(request) => self.on_request(request).await,
        }
    }

    /// News of sessions may overtake each other: the generation says which session is meant.
    async fn on_up(
        &mut self,
        peer: PeerId,
        generation: u64,
        negotiated: Box<Negotiated>,
        reply: oneshot::Sender<Vec<Subscription>>,
    ) {
        let Some(peering) = self.peers.by_id(peer) else { return };
        if generation <= peering.generation {
            return;
        }
        peering.generation = generation;
        let was_up = peering.up.is_some();
        peering.up = Some(Up { negotiated: negotiated.clone(), done: Families::default() });
        // The shards may have read the settings before they last changed.
        self.tell_settings(peer).await;
        if was_up {
            self.forget_next_hop(peer);
            self.groups.leave(peer).await;
        }
        self.deferral.up(peer, &negotiated);
        // The session that is gone meanwhile has no use for it, and says so next.
        let _ = reply.send(self.join_groups(peer).await);
    }

    /// Whether the supervisor knows this session, and no later one.
    fn is_present(&mut self, peer: PeerId, generation: u64) -> bool {
        self.peers.by_id(peer).is_some_and(|peering| peering.up.is_some() && peering.generation == generation)
    }

    async fn on_down(&mut self, peer: PeerId, generation: u64) {
        let Some(peering) = self.peers.by_id(peer) else { return };
        if generation < peering.generation {
            return;
        }
        peering.generation = generation;
        peering.up = None;
        self.forget_next_hop(peer);
        self.deferral.down(peer);
        self.groups.leave(peer).await;
    }

    pub(super) async fn on_fib(&mut self, event: FibEvent) {
        match event {
            FibEvent::Adopted { routes } => self.adopted = routes,
            FibEvent::AddressesChanged => self.on_addresses_changed(),
            FibEvent::NextHopChanged(states) => {
                let states: Vec<_> =
                    states.into_iter().map(|(next_hop, is)| (next_hop.addr, state(is))).collect();
                tell_all(&self.shards, || ShardMessage::NextHops(states.clone())).await;
            }
            FibEvent::OriginsChanged { added, removed } => {
                let change = self.local.kernel_changed(&added, &removed);
                self.originate(change).await;
            }
            // Asked for when somebody wants to know.
            FibEvent::RouteStatus(_) => {}
        }
    }

    /// Announces and withdraws routes of this speaker.
    pub(super) async fn originate(&mut self, change: LocalChange) {
        if change == LocalChange::default() {
            return;
        }
        for prefix in &change.added {
            tracing::debug!(%prefix, "originated");
        }
        for prefix in &change.removed {
            tracing::debug!(%prefix, "no longer originated");
        }
        let attrs = local::local_attributes();
        let division = Division::new(self.shards.len());
        let owned = |prefixes: &[IpNet], owner| {
            let mine = prefixes.iter().copied().filter(|prefix| division.part_of_net(*prefix) == owner);
            local::blocks(&mine.collect::<Vec<_>>())
        };
        for (owner, shard) in self.shards.iter().enumerate() {
            let (removed, added) = (owned(&change.removed, owner), owned(&change.added, owner));
            if !removed.is_empty() || !added.is_empty() {
                // Only fails when the process ends.
                let _ = shard.send(ShardMessage::Originate { attrs: attrs.clone(), removed, added }).await;
            }
        }
    }
}

fn state(is: Reachability) -> NextHopState {
    match is {
        Reachability { own: true, .. } => NextHopState::Own,
        Reachability { reachable: true, metric, .. } => NextHopState::Reachable { metric },
        _ => NextHopState::Unreachable,
    }
}
