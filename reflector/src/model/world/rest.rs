//! How a history ends: everything at rest, and what every peer should hold then.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bgp_core::types::{AttrSet, NlriKey, V4Key};

use super::World;
use crate::model::cast::{GROUPS, PEERS, PREFIXES, prefix};
use crate::model::rib::Rib;
use crate::transform::{Allowed, Source, Transform, subject};
use crate::*;

impl<R: Rib> World<R> {
    /// Lets everything come to rest, and says whether it did.
    pub(crate) fn settle(&mut self) -> bool {
        self.settling = true;
        for _ in 0..400 {
            self.now += Duration::from_millis(150);
            for shard in 0..self.tables.len() {
                self.flush(shard);
            }
            for queue in 0..self.batches.len() {
                let group = queue % GROUPS;
                if self.encoders[group].wants_batches() {
                    while let Some(batch) = self.batches[queue].pop_front() {
                        self.encoders[group].push(batch);
                        self.process(group);
                        for peer in PEERS {
                            self.read(peer, usize::MAX);
                        }
                    }
                }
            }
            (0..GROUPS).for_each(|group| self.process(group));
            self.carry(100);
            for peer in PEERS {
                self.arrive(peer);
            }
            PEERS.for_each(|peer| self.finish_move(peer));
            let drained = PEERS.filter(|peer| self.read(*peer, usize::MAX) == WriteState::Drained).count();
            let synced = PEERS.into_iter().all(|peer| self.is_synced(peer));
            let asked = (0..GROUPS as u16)
                .any(|group| self.exports.iter().any(|export| export.is_behind(GroupId(group))));
            let idle = self.batches.iter().all(VecDeque::is_empty) && self.requests.is_empty() && !asked;
            let behind = self.exports.iter().flat_map(Export::figures);
            if drained == 9
                && synced
                && idle
                && behind.map(|f| f.dirty + f.tombstones as usize).sum::<usize>() == 0
            {
                return true;
            }
        }
        false
    }

    /// What a peer should hold, derived the slow way: route by route, peer by peer.
    pub(crate) fn expected(&self, peer: u16) -> BTreeMap<V4Key, AttrSet> {
        let (key, policy) = &self.keys[self.at[&peer]];
        let mut transform = Transform::default();
        let mut expected = BTreeMap::new();
        for n in 0..PREFIXES {
            let prefix = prefix(n);
            let Some((attrs, source)) = self.tables[n as usize % self.tables.len()].best(prefix) else {
                continue;
            };
            if source.0 == peer {
                continue;
            }
            let info = &self.infos.iter().find(|(id, _)| *id == source).unwrap().1;
            let source = Source::from(info);
            let route = subject(key, prefix.to_net(), &attrs, source);
            let sent = Allowed::of(key, policy, &route, source);
            let sent = sent.and_then(|allowed| transform.write(key, &allowed));
            if let Some(sent) = sent.filter(|sent| sent.octets().len() < 4000) {
                expected.insert(prefix, sent);
            }
        }
        expected
    }
}
