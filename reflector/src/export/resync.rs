//! A shard's side of a splice: its state for a group, chunk by chunk.

use bgp_core::rib::{ChangeContext, DestId};
use bgp_core::types::NlriKey;

use super::Routes;
use super::group_out::GroupOut;
use super::pending::{Candidate, Outbound, Pending};
use crate::adj_out::{OutEntry, OutState};
use crate::delta::{Audience, BatchKind, DeltaBatch};
use crate::resync::Resync;
use crate::sabotage::{Rule, removed};
use crate::transform::Allowed;

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
        tell::<K>((group, previous.as_deref_mut()), &state.ask, dest, routes, scratch);
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

/// What the members have to be told of one destination; what the group `previous` told them, if they come
/// from one, may be wrong here and may be left out where it is right.
fn tell<K: NlriKey>(
    (group, mut previous): (&GroupOut, Option<&mut GroupOut>),
    ask: &Resync,
    dest: DestId,
    routes: &mut impl Routes,
    scratch: &mut Pending,
) {
    let entry = group.adj.entry(dest);
    let live = entry.state == OutState::Live;
    let changed = entry.state != OutState::Empty && entry.flush > ask.from;
    let was = previous.as_ref().map(|previous| previous.adj.entry(dest));
    let left = was.is_some_and(|was| was.state != OutState::Empty) && !removed(Rule::Left);
    let may_hold = changed || left;
    if !may_hold && !(live && (ask.whole || was.is_some())) {
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
    if let (Some(previous), Some(was)) = (&mut previous, was)
        && !changed
        && ask.previous.is_some_and(|told| told.complete && was.flush <= told.flush)
        && let Some(slot) = slot
        && let Some(told) = scratch.attrs(slot)
        && tells_the_same(previous, (was, route), (group, told), &context)
    {
        return;
    }
    if let Some(slot) = slot {
        scratch.announce(slot, key);
    }
    // It may hold the route of another source from before it became the source itself.
    if may_hold && ask.members.binary_search(&entry.source).is_ok() {
        scratch.withdraw(Audience::Only(entry.source), key);
    }
}

/// Whether what `previous` told of `route` is what `attrs` are for the group, as far as is seen without writing
/// both.
fn tells_the_same<K: NlriKey>(
    previous: &mut GroupOut,
    (told, route): (OutEntry, Candidate<K>),
    (group, attrs): (&GroupOut, &Allowed),
    context: &ChangeContext<'_>,
) -> bool {
    let of_the_same =
        told.state == OutState::Live && (told.attrs, told.source) == (route.attrs, route.source);
    if !of_the_same || !group.key.writes_like(&previous.key) {
        return false;
    }
    let outbound = Outbound { key: &previous.key, policy: &previous.policy };
    let before = previous.pending.slot(outbound, route, context);
    let before = before.and_then(|slot| previous.pending.attrs(slot));
    before == Some(attrs)
}

/// Routes in a chunk.
const MAX_ROUTES: usize = 4096;

/// Octets in a chunk, so that however long the attributes, chunks of all shards are a small part of a log.
const MAX_BYTES: usize = 256 << 10;

/// Destinations looked at for a chunk, so that a flush need not wait for a scan of the whole table.
const MAX_SCAN: u32 = 64 << 10;
