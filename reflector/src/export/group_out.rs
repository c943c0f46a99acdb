//! One group in one shard: what it was told, what it has yet to be told, and what it must not forget.

use std::collections::VecDeque;
use std::sync::Arc;

use bgp_core::policy::Policy;
use bgp_core::rib::{Best, ChangeContext, DestId};
use bgp_core::types::{NlriKey, PeerId};

use super::Routes;
use super::dirty::DirtySet;
use super::pending::{Candidate, Outbound, Pending};
use super::resync::SpliceState;
use crate::adj_out::{AdjRibOut, MAX_AGE, OutEntry, OutState, after};
use crate::delta::{Audience, BatchKind, DeltaBatch};
use crate::group::{GroupId, GroupKey, ShardId};

#[derive(Debug)]
pub(super) struct GroupOut {
    pub(super) id: GroupId,
    pub(super) shard: ShardId,
    pub(super) key: GroupKey,
    pub(super) policy: Arc<Policy>,
    pub(super) adj: AdjRibOut,
    pub(super) pending: Pending,
    pub(super) dirty: DirtySet,
    /// The queue to the encoder has room, so that changes are worked on as they come.
    pub(super) open: bool,
    /// A chunk of a splice was made since the last flush.
    pub(super) answered: bool,
    /// Number of the last flush handed out.
    pub(super) flush: u64,
    /// Destinations below were looked at; the first splice raises it to the end and to `u32::MAX` then.
    pub(super) populated: u32,
    /// Tombstones in the order they were made.
    tombs: VecDeque<(u64, Vec<DestId>)>,
    tombs_len: usize,
    /// Withdrawals up to this flush may be forgotten although somebody needs them.
    pub(super) floor: u64,
    pub(super) splices: Vec<SpliceState>,
}

impl GroupOut {
    pub(super) fn new(id: GroupId, shard: ShardId, key: GroupKey, policy: Arc<Policy>) -> Self {
        Self {
            id,
            shard,
            key,
            policy,
            adj: AdjRibOut::default(),
            pending: Pending::default(),
            dirty: DirtySet::default(),
            open: true,
            answered: false,
            flush: 0,
            populated: 0,
            tombs: VecDeque::new(),
            tombs_len: 0,
            floor: 0,
            splices: Vec::new(),
        }
    }

    pub(super) fn outbound(&self) -> Outbound<'_> {
        Outbound { key: &self.key, policy: &self.policy }
    }

    /// Whether the slot of a destination without paths has to stay.
    pub(super) fn holds(&self, dest: DestId) -> bool {
        self.adj.entry(dest).state != OutState::Empty || self.dirty.contains(dest)
    }

    /// Compares what the table has with what the group was told, and notes the difference.
    pub(super) fn evaluate<K: NlriKey>(
        &mut self,
        dest: DestId,
        key: K,
        best: Option<Best>,
        ctx: &mut ChangeContext<'_>,
    ) {
        let old = self.adj.entry(dest);
        let live = old.state == OutState::Live;
        if live && best.is_some_and(|best| best.attrs == old.attrs && best.peer == old.source) {
            return;
        }
        let flush = after(self.flush);
        let slot = best.and_then(|best| Some((best, self.slot(key, best, ctx)?)));
        if let Some((best, slot)) = slot {
            ctx.attrs.retain(best.attrs);
            let entry = OutEntry { attrs: best.attrs, flush, source: best.peer, state: OutState::Live };
            self.adj.put(dest, entry);
            self.pending.announce(slot, key);
            if live && old.source != best.peer && best.peer != PeerId::LOCAL {
                self.pending.withdraw(Audience::Only(best.peer), key);
            }
        } else if live {
            self.adj.put(dest, OutEntry { flush, source: old.source, ..TOMBSTONE });
            // To everyone: who never had the prefix ignores it, and one shared message is cheaper.
            self.pending.withdraw(Audience::All, key);
            self.bury(flush, dest);
        }
        if live {
            ctx.attrs.release(old.attrs);
        }
    }

    /// Takes a destination over without telling anybody: no member is in step yet.
    pub(super) fn populate<K: NlriKey>(
        &mut self,
        dest: DestId,
        route: Candidate<K>,
        ctx: &mut ChangeContext<'_>,
        scratch: &mut Pending,
    ) {
        if scratch.slot(self.outbound(), route, ctx).is_some() {
            ctx.attrs.retain(route.attrs);
            let (attrs, source) = (route.attrs, route.source);
            self.adj.put(dest, OutEntry { attrs, flush: self.flush, source, state: OutState::Live });
        }
    }

    fn slot<K: NlriKey>(&mut self, key: K, best: Best, ctx: &ChangeContext<'_>) -> Option<u32> {
        let out = Outbound { key: &self.key, policy: &self.policy };
        self.pending.slot(out, Candidate { key, attrs: best.attrs, source: best.peer }, ctx)
    }

    /// Looks at up to `limit` destinations that changed while the queue was full.
    pub(super) fn catch_up<K: NlriKey>(
        &mut self,
        routes: &mut impl Routes,
        limit: usize,
        emptied: &mut Vec<DestId>,
    ) {
        for _ in 0..limit {
            let Some(dest) = self.dirty.pop() else { return };
            let Some((key, best)) = routes.lookup::<K>(self.key.table, dest) else { continue };
            self.evaluate(dest, key, best, &mut routes.context());
            if best.is_none() && !self.holds(dest) {
                emptied.push(dest);
            }
        }
    }

    /// What has been noted, as the next flush.
    pub(super) fn take_flush(&mut self) -> Option<DeltaBatch> {
        if self.pending.len() == 0 {
            self.pending.forget_verdicts();
            return None;
        }
        self.flush = after(self.flush);
        self.adj.renew(self.flush);
        let kind = BatchKind::Flush { flush: self.flush };
        let mut batch = self.pending.take(self.id, self.shard, kind);
        batch.tombstones = self.tombs_len > 0;
        Some(batch)
    }

    fn bury(&mut self, flush: u64, dest: DestId) {
        match self.tombs.back_mut() {
            Some((last, dests)) if *last == flush => dests.push(dest),
            _ => self.tombs.push_back((flush, vec![dest])),
        }
        self.tombs_len += 1;
    }

    /// Forgets what was withdrawn up to `flush`, oldest first, ending with the flush that makes it `limit`
    /// or more; destinations that became empty go to `emptied`. Returns whether that was all.
    pub(super) fn forget(&mut self, flush: u64, limit: usize, emptied: &mut Vec<DestId>) -> bool {
        let stop = self.tombs_len.saturating_sub(limit);
        while self.tombs_len > stop && self.tombs.front().is_some_and(|(of, _)| *of <= flush) {
            let Some((of, dests)) = self.tombs.pop_front() else { break };
            self.tombs_len -= dests.len();
            for dest in dests {
                let entry = self.adj.entry(dest);
                // It may have come back, and even gone again, since.
                if entry.state == OutState::Tombstone && entry.flush == of {
                    self.adj.put(dest, OutEntry::EMPTY);
                    emptied.push(dest);
                }
            }
        }
        if self.adj.live() == 0 && self.adj.tombstones() == 0 {
            self.adj.shrink();
        }
        self.tombs.front().is_none_or(|(of, _)| *of > flush)
    }

    /// Keeps the number of tombstones bounded, and their age, at the price of whoever is furthest behind.
    pub(super) fn bound_tombstones(&mut self, emptied: &mut Vec<DestId>) {
        while let Some((oldest, _)) = self.tombs.front() {
            // What is not handed out yet cannot be forgotten yet.
            let age = self.flush.checked_sub(*oldest);
            if age.is_none_or(|age| self.tombs_len <= MAX_TOMBSTONES && age <= MAX_AGE) {
                return;
            }
            self.floor = *oldest;
            self.forget(self.floor, usize::MAX, emptied);
        }
    }

    /// Lets go of everything, returning the destinations that had an entry.
    pub(super) fn dissolve(&mut self, ctx: &mut ChangeContext<'_>) -> Vec<DestId> {
        let mut emptied = Vec::new();
        for dest in (0..self.adj.bound()).map(DestId) {
            let entry = self.adj.entry(dest);
            if entry.state == OutState::Live {
                ctx.attrs.release(entry.attrs);
            }
            if entry.state != OutState::Empty {
                self.dirty.remove(dest);
                emptied.push(dest);
            }
        }
        while let Some(dest) = self.dirty.pop() {
            emptied.push(dest);
        }
        self.adj = AdjRibOut::default();
        emptied
    }
}

const TOMBSTONE: OutEntry = OutEntry { state: OutState::Tombstone, ..OutEntry::EMPTY };

/// About 8 MiB with the slots they keep in the table. Members that are in step never need one; beyond the
/// bound one that fell behind long ago has to be told everything again.
const MAX_TOMBSTONES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{NextHopRule, Speaker, WireMode};
    use crate::rules::PeerRole;
    use bgp_core::policy::PolicyId;
    use bgp_core::rib::TableId;
    use bgp_core::types::{Asn, ClusterId, Family, RouterId};

    fn group() -> GroupOut {
        let key = GroupKey {
            table: TableId::MAIN,
            family: Family::IPV4_UNICAST,
            role: PeerRole::External,
            export: PolicyId::ACCEPT,
            next_hop: NextHopRule::Auto,
            local_next_hop: None,
            speaker: Speaker { asn: Asn(65000), router_id: RouterId(1), cluster_id: ClusterId(1) },
            loop_asn: None,
            wire: WireMode::default(),
        };
        GroupOut::new(GroupId(0), ShardId(0), key, Arc::new(Policy::accept()))
    }

    #[test]
    fn tombstones_are_forgotten_in_pieces_and_none_twice() {
        let mut group = group();
        for flush in 1..=10 {
            for dest in (flush * 100..flush * 100 + 100).map(DestId) {
                group.adj.put(dest, OutEntry { flush: flush.into(), ..TOMBSTONE });
                group.bury(flush.into(), dest);
            }
        }
        let mut emptied = Vec::new();
        // Two flushes make up the 150, and flush 9 is the last that may be forgotten.
        let mut left = Vec::new();
        while !group.forget(9, 150, &mut emptied) {
            left.push(group.tombs_len);
        }
        assert_eq!(left, [800, 600, 400, 200]);
        assert_eq!((group.tombs_len, group.adj.tombstones()), (100, 100));
        emptied.sort_unstable_by_key(|dest| dest.0);
        assert_eq!(emptied, (100..1000).map(DestId).collect::<Vec<_>>());
    }
}
