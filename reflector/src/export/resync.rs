//! A shard's side of a splice: its state for a group, chunk by chunk.

use bgp_core::rib::DestId;
use bgp_core::types::NlriKey;

use super::Routes;
use super::group_out::GroupOut;
use super::pending::{Candidate, Outbound, Pending};
use crate::adj_out::OutState;
use crate::delta::{Audience, BatchKind, DeltaBatch};
use crate::resync::Resync;
use crate::sabotage::{Rule, removed};

/// How far a splice has come.
#[derive(Debug)]
pub(super) struct SpliceState {
    pub(super) ask: Resync,
    next: u32,
}

impl SpliceState {
    pub(super) fn new(ask: Resync) -> Self {
        Self { ask, next: 0 }
    }
}

/// The next chunk of a splice.
///
/// The first splice of a group also decides, destination by destination, what the group is told at all:
/// until a slot was passed here, changes to it are nobody's business.
pub(super) fn chunk<K: NlriKey>(
    group: &mut GroupOut,
    state: &mut SpliceState,
    mut previous: Option<&mut GroupOut>,
    routes: &mut impl Routes,
    scratch: &mut Pending,
) -> DeltaBatch {
    let splice = state.ask.splice;
    let before = previous.as_ref().map_or(0, |previous| previous.adj.bound());
    let end = routes.bound(group.key.table, K::FAMILY).max(group.adj.bound()).max(before);
    let stop = end.min(state.next.saturating_add(MAX_SCAN));
    while state.next < stop && scratch.len() < MAX_ROUTES && scratch.bytes() < MAX_BYTES {
        let dest = DestId(state.next);
        state.next += 1;
        if dest.0 >= group.populated {
            if let Some((key, Some(best))) = routes.lookup::<K>(group.key.table, dest) {
                let route = Candidate { key, attrs: best.attrs, source: best.peer };
                group.populate(dest, route, &mut routes.context(), scratch);
            }
            group.populated = state.next;
        }
        match &mut previous {
            Some(previous) => {
                tell_difference::<K>((group, &mut **previous), &state.ask, dest, routes, scratch);
            }
            None => tell::<K>(group, &state.ask, dest, routes, scratch),
        }
    }
    let last = state.next >= end;
    if last {
        // Slots that come later are told as changes.
        group.populated = u32::MAX;
    }
    if let Some(previous) = previous {
        previous.pending.clear();
    }
    let mut batch = scratch.take(group.id, group.shard, BatchKind::Splice { splice, last });
    batch.tombstones = group.adj.tombstones() > 0;
    batch
}

fn tell<K: NlriKey>(
    group: &GroupOut,
    ask: &Resync,
    dest: DestId,
    routes: &mut impl Routes,
    scratch: &mut Pending,
) {
    let entry = group.adj.entry(dest);
    let live = entry.state == OutState::Live;
    let changed = entry.state != OutState::Empty && entry.flush > ask.from;
    let needed = changed || (ask.whole && live);
    if !needed {
        return;
    }
    let Some((key, _)) = routes.lookup::<K>(group.key.table, dest) else { return };
    if !live {
        scratch.withdraw(Audience::All, key);
        return;
    }
    let route = Candidate { key, attrs: entry.attrs, source: entry.source };
    if let Some(slot) = scratch.slot(group.outbound(), route, &routes.context()) {
        scratch.announce(slot, key);
    }
    // It may hold the route of another source from before it became the source itself.
    if changed && ask.members.binary_search(&entry.source).is_ok() {
        scratch.withdraw(Audience::Only(entry.source), key);
    }
}

/// As [`tell`], for members that hold what another group told them.
fn tell_difference<K: NlriKey>(
    (group, previous): (&GroupOut, &mut GroupOut),
    ask: &Resync,
    dest: DestId,
    routes: &mut impl Routes,
    scratch: &mut Pending,
) {
    let (entry, was) = (group.adj.entry(dest), previous.adj.entry(dest));
    let live = entry.state == OutState::Live;
    let changed = entry.state != OutState::Empty && entry.flush > ask.from;
    let may_hold = (was.state != OutState::Empty && !removed(Rule::Left)) || changed;
    if !live && !may_hold {
        return;
    }
    let Some((key, _)) = routes.lookup::<K>(group.key.table, dest) else { return };
    if !live {
        scratch.withdraw(Audience::All, key);
        return;
    }
    let route = Candidate { key, attrs: entry.attrs, source: entry.source };
    let context = routes.context();
    let slot = scratch.slot(group.outbound(), route, &context);
    let held = was.state == OutState::Live
        && (was.attrs, was.source) == (entry.attrs, entry.source)
        && ask.previous.is_some_and(|previous| previous.complete && was.flush <= previous.flush);
    if held {
        let outbound = Outbound { key: &previous.key, policy: &previous.policy };
        let before = previous.pending.slot(outbound, route, &context);
        let before = before.and_then(|slot| previous.pending.attrs(slot));
        if before.is_some() && before == slot.and_then(|slot| scratch.attrs(slot)) && !changed {
            return;
        }
    }
    if let Some(slot) = slot {
        scratch.announce(slot, key);
    }
    if may_hold && ask.members.binary_search(&entry.source).is_ok() {
        scratch.withdraw(Audience::Only(entry.source), key);
    }
}

/// Routes in a chunk.
const MAX_ROUTES: usize = 4096;

/// Octets in a chunk, so that however long the attributes, chunks of all shards are a small part of a log.
const MAX_BYTES: usize = 256 << 10;

/// Destinations looked at for a chunk, so that a flush need not wait for a scan of the whole table.
const MAX_SCAN: u32 = 64 << 10;
