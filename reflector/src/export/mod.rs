//! The shard's half of fan-out: what every group was told, and what it must be told next.
//!
//! An [`Export`] lives beside a [`bgp_core::rib::Shard`] on the same thread and is its
//! [`ChangeSink`]. The order of calls is:
//!
//! 1. [`Export::request`] for what encoders ask, at any time;
//! 2. [`Export::set_open`] for each group, by whether its encoder's queue has room for two batches;
//! 3. `Shard::flush(&mut export)`;
//! 4. [`Export::finish`], before the table changes again: for each open group at most one batch of changes
//!    and one chunk of a splice, to be sent in this order on the same queue.
//!
//! Steps 2 to 4 are one unit, repeated when something came in or a group that
//! [is behind](Export::is_behind) has room again. A group whose queue is full keeps a set of destinations
//! instead of changes, and its state of the moment is looked at once there is room: a slow group
//! compresses, and nobody waits for it.

mod dirty;
mod group_out;
mod pending;
mod resync;
mod table;
mod told;

use std::collections::VecDeque;
use std::sync::Arc;

use bgp_core::policy::Policy;
use bgp_core::rib::{Best, Change, ChangeContext, ChangeSink, DestId, Hold, TableId};
use bgp_core::types::{Family, NlriKey, V4Key, V6Key};

use crate::delta::{BatchKind, DeltaBatch};
use crate::group::{GroupId, GroupKey, ShardId};
use crate::resync::{Ask, Resync, ShardRequest};
use group_out::GroupOut;
use pending::Pending;
use resync::SpliceState;
pub use told::Told;

/// What export reads of the tables beside the changes it is told.
pub trait Routes {
    /// To look up, retain and release attribute sets, and the peers.
    fn context(&mut self) -> ChangeContext<'_>;

    /// One past the highest slot in use.
    fn bound(&self, table: TableId, family: Family) -> u32;

    /// The prefix in a slot and its best path; `None` for a slot not in use.
    fn lookup<K: NlriKey>(&self, table: TableId, dest: DestId) -> Option<(K, Option<Best>)>;

    /// Gives back slots that were held; without effect on destinations that have paths.
    fn free_dests(&mut self, table: TableId, family: Family, dests: &[DestId]);
}

/// All groups of one shard.
#[derive(Debug)]
pub struct Export {
    shard: ShardId,
    groups: Vec<GroupOut>,
    /// Requests not yet answered.
    asked: VecDeque<ShardRequest>,
    scratch: Pending,
}

/// Figures of one group in one shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GroupFigures {
    /// The group.
    pub group: GroupId,
    /// Prefixes it was told.
    pub live: u32,
    /// Withdrawn prefixes still remembered.
    pub tombstones: u32,
    /// Destinations waiting for room in the queue.
    pub dirty: usize,
    /// Number of the last flush.
    pub flush: u64,
    /// Heap octets of its Adj-RIB-Out.
    pub bytes: usize,
}

impl Export {
    /// Nobody to tell yet.
    pub fn new(shard: ShardId) -> Self {
        Self { shard, groups: Vec::new(), asked: VecDeque::new(), scratch: Pending::default() }
    }

    /// Adds a group; it costs nothing until its first splice is asked for.
    pub fn add_group(&mut self, id: GroupId, key: GroupKey, policy: Arc<Policy>) {
        self.groups.push(GroupOut::new(id, self.shard, key, policy));
    }

    /// As if every group had handed out this many flushes already.
    #[cfg(test)]
    pub(crate) fn count_from(&mut self, flush: u64) {
        self.groups.iter_mut().for_each(|group| group.flush = flush);
    }

    /// Forgets a group, whose encoder must be gone: batches for it are not made any more.
    ///
    /// Costs a walk over the group's entries.
    pub fn remove_group(&mut self, id: GroupId, routes: &mut impl Routes) {
        let Some(at) = self.groups.iter().position(|group| group.id == id) else { return };
        let mut group = self.groups.swap_remove(at);
        let emptied = group.dissolve(&mut routes.context());
        self.asked.retain(|request| request.group != id);
        self.give_back_of(&group.key, &emptied, routes);
    }

    /// Says whether the encoder's queue has room for two batches, a flush and a chunk.
    pub fn set_open(&mut self, id: GroupId, open: bool) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.id == id) {
            group.open = open;
        }
    }

    /// Whether the group has something to say as soon as there is room.
    pub fn is_behind(&self, id: GroupId) -> bool {
        self.groups.iter().any(|group| group.id == id && group.dirty.len() > 0)
            || self.asked.iter().any(|request| request.group == id)
    }

    /// Takes what an encoder asks; answered by [`Export::finish`].
    pub fn request(&mut self, request: ShardRequest) {
        let moot = |asked: &ShardRequest| match request.ask {
            Ask::Cancel(splice) => asked.ask.splice() == Some(splice),
            // Each is about everything that those before are about, and each costs time at every finish.
            Ask::Forget { .. } => matches!(asked.ask, Ask::Forget { .. }),
            Ask::Resync(_) | Ask::Continue(_) => false,
        };
        self.asked.retain(|asked| asked.group != request.group || !moot(asked));
        self.asked.push_back(request);
    }

    /// Ends a flush: appends to `out` at most two batches for each open group.
    ///
    /// To be called after every `Shard::flush`, before the table changes.
    pub fn finish(&mut self, routes: &mut impl Routes, out: &mut Vec<DeltaBatch>) {
        let mut emptied = Vec::new();
        for at in 0..self.groups.len() {
            let Some(group) = self.groups.get_mut(at) else { continue };
            group.answered = false;
            if group.open && group.dirty.len() > 0 {
                let limit = MAX_CATCH_UP.saturating_sub(group.pending.len());
                match group.key.family {
                    Family::IPV6_UNICAST => group.catch_up::<V6Key>(routes, limit, &mut emptied),
                    _ => group.catch_up::<V4Key>(routes, limit, &mut emptied),
                }
            }
            out.extend(group.take_flush());
            group.bound_tombstones(&mut emptied);
            self.give_back(at, &mut emptied, routes);
        }
        for _ in 0..self.asked.len() {
            let Some(request) = self.asked.pop_front() else { break };
            out.extend(self.answer(request, routes));
        }
    }

    /// Answers one request, or keeps it until the group has room.
    fn answer(&mut self, request: ShardRequest, routes: &mut impl Routes) -> Option<DeltaBatch> {
        let at = self.groups.iter().position(|group| group.id == request.group)?;
        let group = self.groups.get_mut(at)?;
        let sends = matches!(request.ask, Ask::Resync(_) | Ask::Continue(_));
        if sends && (!group.open || group.answered) {
            self.asked.push_back(request);
            return None;
        }
        match request.ask {
            Ask::Resync(ask) => {
                group.answered = true;
                if self.has_forgotten(at, &ask) {
                    let kind = BatchKind::Refused { splice: ask.splice };
                    return Some(self.scratch.take(request.group, self.shard, kind));
                }
                self.chunk(at, SpliceState::new(ask), routes)
            }
            Ask::Continue(splice) => {
                group.answered = true;
                let state = group.splices.iter().position(|state| state.ask.splice == splice)?;
                let state = group.splices.swap_remove(state);
                self.chunk(at, state, routes)
            }
            Ask::Cancel(splice) => {
                group.splices.retain(|state| state.ask.splice != splice);
                None
            }
            Ask::Forget { flush } => {
                let mut emptied = Vec::new();
                if !group.forget(flush, MAX_FORGET, &mut emptied) {
                    self.asked.push_back(request);
                }
                self.give_back(at, &mut emptied, routes);
                None
            }
        }
    }

    /// Whether withdrawals its members need are no longer known.
    fn has_forgotten(&self, group: usize, ask: &Resync) -> bool {
        let by = |id: GroupId, flush: u64| self.groups.iter().any(|g| g.id == id && flush < g.floor);
        let here = self.groups.get(group).is_none_or(|group| ask.from < group.floor);
        here || ask.previous.is_some_and(|previous| by(previous.group, previous.flush))
    }

    fn chunk(&mut self, at: usize, mut state: SpliceState, routes: &mut impl Routes) -> Option<DeltaBatch> {
        let previous = state.ask.previous.map(|previous| previous.group);
        let previous = self.groups.iter().position(|group| Some(group.id) == previous);
        let (group, previous) = match previous {
            Some(previous) => {
                let [group, previous] = self.groups.get_disjoint_mut([at, previous]).ok()?;
                (group, Some(previous))
            }
            None => (self.groups.get_mut(at)?, None),
        };
        let scratch = &mut self.scratch;
        let batch = match group.key.family {
            Family::IPV6_UNICAST => resync::chunk::<V6Key>(group, &mut state, previous, routes, scratch),
            _ => resync::chunk::<V4Key>(group, &mut state, previous, routes, scratch),
        };
        if !matches!(batch.kind, BatchKind::Splice { last: true, .. }) {
            group.splices.push(state);
        }
        Some(batch)
    }

    /// Figures of every group.
    pub fn figures(&self) -> impl Iterator<Item = GroupFigures> + '_ {
        self.groups.iter().map(|group| GroupFigures {
            group: group.id,
            live: group.adj.live(),
            tombstones: group.adj.tombstones(),
            dirty: group.dirty.len(),
            flush: group.flush,
            bytes: group.adj.bytes() + group.dirty.bytes(),
        })
    }

    /// Gives back the slots no group remembers any more.
    fn give_back(&self, group: usize, emptied: &mut Vec<DestId>, routes: &mut impl Routes) {
        if let Some(group) = self.groups.get(group) {
            self.give_back_of(&group.key, emptied, routes);
        }
        emptied.clear();
    }

    fn give_back_of(&self, key: &GroupKey, emptied: &[DestId], routes: &mut impl Routes) {
        let unheld = |dest: &DestId| !self.holds(key.table, key.family, *dest);
        let gone: Vec<DestId> = emptied.iter().copied().filter(unheld).collect();
        routes.free_dests(key.table, key.family, &gone);
    }

    fn holds(&self, table: TableId, family: Family, dest: DestId) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|g| g.key.table == table && g.key.family == family && g.holds(dest))
    }
}

impl ChangeSink for Export {
    fn change<K: NlriKey>(&mut self, change: &Change<'_, K>, ctx: &mut ChangeContext<'_>) -> Hold {
        let mut hold = Hold::No;
        for group in &mut self.groups {
            let ours = group.key.family == K::FAMILY && group.key.table == change.table;
            if !ours || change.dest.0 >= group.populated {
                continue;
            }
            if !change.best_changed {
                // Only the set of equal paths changed, which is nothing to tell.
            } else if group.open {
                group.dirty.remove(change.dest);
                group.evaluate(change.dest, change.key, change.best, ctx);
            } else {
                group.dirty.insert(change.dest);
            }
            // Nobody asks as long as there is a best path.
            if change.best.is_none() && group.holds(change.dest) {
                hold = Hold::Yes;
            }
        }
        hold
    }
}

/// Withdrawn destinations forgotten at a time, and the rest of a flush: a millisecond or two during which
/// nobody's routes are decided.
const MAX_FORGET: usize = 16 << 10;

/// Destinations looked at for one flush of a group that was behind.
const MAX_CATCH_UP: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_forgotten_is_asked_once_for_each_group() {
        let mut export = Export::new(ShardId(0));
        for (group, flush) in [(1, 5), (2, 3), (1, 6), (1, 9)] {
            let ask = Ask::Forget { flush };
            export.request(ShardRequest { shard: ShardId(0), group: GroupId(group), ask });
        }
        let asked = export.asked.iter().map(|request| match request.ask {
            Ask::Forget { flush } => (request.group.0, flush),
            _ => unreachable!(),
        });
        assert_eq!(asked.collect::<Vec<_>>(), [(2, 3), (1, 9)]);
    }
}
