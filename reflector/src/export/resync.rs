//! A shard's side of a splice: its state for a group, chunk by chunk.

use bgp_core::rib::DestId;
use bgp_core::types::NlriKey;

use super::Routes;
use super::group_out::GroupOut;
use super::pending::{Candidate, Outbound, Pending};
use crate::adj_out::{OutEntry, OutState};
use crate::delta::{Audience, BatchKind, DeltaBatch};
use crate::resync::Resync;

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
    routes: &mut impl Routes,
    scratch: &mut Pending,
) -> DeltaBatch {
    let splice = state.ask.splice;
    let end = routes.bound(group.key.table, K::FAMILY).max(group.adj.bound());
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
        let entry = group.adj.entry(dest);
        if entry.state != OutState::Empty {
            tell::<K>(group, &state.ask, (dest, entry), routes, scratch);
        }
    }
    let last = state.next >= end;
    if last {
        // Slots that come later are told as changes.
        group.populated = u32::MAX;
    }
    let mut batch = scratch.take(group.id, group.shard, BatchKind::Splice { splice, last });
    batch.tombstones = group.adj.tombstones() > 0;
    batch
}

fn tell<K: NlriKey>(
    group: &GroupOut,
    ask: &Resync,
    (dest, entry): (DestId, OutEntry),
    routes: &mut impl Routes,
    scratch: &mut Pending,
) {
    let changed = entry.flush > ask.from;
    let live = entry.state == OutState::Live;
    let needed = changed || (ask.whole && live);
    if !needed {
        return;
    }
    let Some((key, _)) = routes.lookup::<K>(group.key.table, dest) else { return };
    if !live {
        scratch.withdraw(Audience::All, key);
        return;
    }
    let out = Outbound { key: &group.key, policy: &group.policy };
    let candidate = Candidate { key, attrs: entry.attrs, source: entry.source };
    if let Some(slot) = scratch.slot(out, candidate, &routes.context()) {
        scratch.announce(slot, key);
    }
    // It may hold the route of another source from before it became the source itself.
    if changed && ask.members.binary_search(&entry.source).is_ok() {
        scratch.withdraw(Audience::Only(entry.source), key);
    }
}

/// Routes in a chunk.
const MAX_ROUTES: usize = 4096;

/// Octets in a chunk, so that however long the attributes, chunks of all shards are a small part of a log.
const MAX_BYTES: usize = 256 << 10;

/// Destinations looked at for a chunk, so that a flush need not wait for a scan of the whole table.
const MAX_SCAN: u32 = 64 << 10;
