//! The update groups of this speaker: made with their first member, removed with their last.
//!
//! When another group fits a peer, as after a change of its export policy, it moves without losing its
//! session: it is told to [`Groups::depart`], joins the other group with what it was told so far, and leaves
//! the first one only when it [is in step](Groups::arrived) with the other. A family moves once at a time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bgp_core::policy::{Policy, PolicyId};
use bgp_core::types::{Family, PeerId};
use reflector::{GroupId, GroupKey, Moved, PeerRole};
use tokio::sync::oneshot;

use super::encoder::{self, EncoderMessage, EncoderSender, GroupReport, Subscription};
use super::shard::{ShardMessage, Shards, tell_all};

/// Every group with its encoder and members.
#[derive(Debug)]
pub struct Groups {
    shards: Shards,
    by_key: HashMap<GroupKey, Group>,
    next: u16,
    /// Roles that End-of-RIB is withheld from.
    held: BTreeSet<PeerRole>,
}

#[derive(Debug)]
struct Group {
    id: GroupId,
    encoder: EncoderSender,
    members: Vec<PeerId>,
    /// Those on their way to another group, until they are in step with it.
    departing: Vec<PeerId>,
}

impl Group {
    async fn give_up(&mut self, peer: PeerId) {
        let before = self.members.len() + self.departing.len();
        self.members.retain(|member| *member != peer);
        self.departing.retain(|member| *member != peer);
        if self.members.len() + self.departing.len() != before {
            let _ = self.encoder.send(EncoderMessage::Leave(peer)).await;
        }
    }
}

/// One group for the operator.
#[derive(Debug)]
pub struct GroupView {
    /// Its number.
    pub id: GroupId,
    /// What makes it one.
    pub key: GroupKey,
    /// Its encoder's figures.
    pub report: GroupReport,
}

impl Groups {
    /// No group yet. With `hold_end_of_rib`, groups withhold End-of-RIB until their role is released,
    /// except those that only routes of this speaker itself can go to.
    pub fn new(shards: Shards, hold_end_of_rib: bool) -> Self {
        let roles = [PeerRole::External, PeerRole::Client, PeerRole::NonClient];
        let held = roles.into_iter().filter(|_| hold_end_of_rib).collect();
        Self { shards, by_key: HashMap::new(), next: 0, held }
    }

    /// Roles that End-of-RIB is withheld from.
    pub fn held(&self) -> impl Iterator<Item = PeerRole> + '_ {
        self.held.iter().copied()
    }

    /// Makes `peer` a member of the group of `key`; `None` only while the process ends.
    ///
    /// If it comes `from` another group of the family, it is no longer a member of that.
    pub async fn join(
        &mut self,
        peer: PeerId,
        key: GroupKey,
        policy: Arc<Policy>,
        from: Option<Moved>,
    ) -> Option<Subscription> {
        if !self.by_key.contains_key(&key) {
            let group = self.make(&key, policy).await;
            self.by_key.insert(key.clone(), group);
        }
        for group in self.of_family(key.family) {
            group.members.retain(|member| *member != peer);
        }
        let group = self.by_key.get_mut(&key)?;
        // It may have come back to the group it was told to depart from.
        let moving = from.is_some() && !group.departing.contains(&peer);
        group.departing.retain(|member| *member != peer);
        let (reply, subscription) = oneshot::channel();
        group.encoder.send(EncoderMessage::Join { peer, from, reply }).await.ok()?;
        group.members.push(peer);
        let subscription = subscription.await.ok()?;
        Some(Subscription { moving, ..subscription })
    }

    /// Tells `peer` to stop reading from its group of `family` and to ask for another, unless it is on its
    /// way already.
    pub async fn depart(&mut self, peer: PeerId, family: Family) {
        if self.of_family(family).any(|group| group.departing.contains(&peer)) {
            return;
        }
        for group in self.of_family(family).filter(|group| group.members.contains(&peer)) {
            group.departing.push(peer);
            let _ = group.encoder.send(EncoderMessage::Depart(peer)).await;
        }
    }

    /// `peer` is in step with its new group of `family`, and leaves the one it came from.
    pub async fn arrived(&mut self, peer: PeerId, family: Family) {
        for group in self.of_family(family).filter(|group| group.departing.contains(&peer)) {
            group.give_up(peer).await;
        }
        self.remove_empty().await;
    }

    /// Takes `peer` out of every group.
    pub async fn leave(&mut self, peer: PeerId) {
        for group in self.by_key.values_mut() {
            group.give_up(peer).await;
        }
        self.remove_empty().await;
    }

    fn of_family(&mut self, family: Family) -> impl Iterator<Item = &mut Group> {
        self.by_key.iter_mut().filter(move |(key, _)| key.family == family).map(|(_, group)| group)
    }

    async fn remove_empty(&mut self) {
        let empty = |group: &Group| group.members.is_empty() && group.departing.is_empty();
        let empty = self.by_key.iter().filter(|(_, group)| empty(group));
        let empty: Vec<GroupKey> = empty.map(|(key, _)| key.clone()).collect();
        for key in empty {
            if let Some(group) = self.by_key.remove(&key) {
                // With its sender goes the encoder; what it still asks of the shards finds no group.
                tell_all(&self.shards, || ShardMessage::RemoveGroup(group.id)).await;
            }
        }
    }

    /// Sends End-of-RIB to everyone of a role who waits for it, and without delay from now on.
    pub async fn release_end_of_rib(&mut self, role: PeerRole) {
        if !self.held.remove(&role) {
            return;
        }
        for (key, group) in &self.by_key {
            if key.role == role {
                let _ = group.encoder.send(EncoderMessage::HoldEndOfRib(false)).await;
            }
        }
    }

    /// Every group with its figures, by number.
    pub async fn view(&self) -> Vec<GroupView> {
        let mut views = Vec::new();
        for (key, group) in &self.by_key {
            let (reply, report) = oneshot::channel();
            if group.encoder.send(EncoderMessage::Figures(reply)).await.is_err() {
                continue;
            }
            if let Ok(report) = report.await {
                views.push(GroupView { id: group.id, key: key.clone(), report });
            }
        }
        views.sort_by_key(|view| view.id);
        views
    }

    /// Every membership.
    pub fn memberships(&self) -> impl Iterator<Item = (PeerId, GroupId, Family)> + '_ {
        self.by_key
            .iter()
            .flat_map(|(key, group)| group.members.iter().map(|member| (*member, group.id, key.family)))
    }

    /// Export policies in use, also by groups that peers are about to leave.
    pub fn policies(&self) -> impl Iterator<Item = PolicyId> + '_ {
        self.by_key.keys().map(|key| key.export)
    }

    /// The groups `peer` is a member of.
    pub fn of(&self, peer: PeerId) -> impl Iterator<Item = (GroupId, &GroupKey)> {
        self.by_key
            .iter()
            .filter(move |(_, group)| group.members.contains(&peer))
            .map(|(key, group)| (group.id, key))
    }

    async fn make(&mut self, key: &GroupKey, policy: Arc<Policy>) -> Group {
        let id = self.unused();
        let hold = self.held.contains(&key.role) && !policy.passes_only_local();
        let (encoder, queue) = encoder::spawn(id, key, self.shards.clone());
        tell_all(&self.shards, || ShardMessage::AddGroup {
            id,
            key: Box::new(key.clone()),
            policy: Arc::clone(&policy),
            queue: queue.clone(),
        })
        .await;
        if hold {
            let _ = encoder.send(EncoderMessage::HoldEndOfRib(true)).await;
        }
        Group { id, encoder, members: Vec::new(), departing: Vec::new() }
    }

    /// The next number that no group has; there are never as many groups as numbers.
    fn unused(&mut self) -> GroupId {
        loop {
            let id = GroupId(self.next);
            self.next = self.next.wrapping_add(1);
            if self.by_key.values().all(|group| group.id != id) {
                return id;
            }
        }
    }
}
