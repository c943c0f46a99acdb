//! Deciding dirty destinations and telling what changed.

use super::{Core, Shard, in_family};
use crate::rib::age::{Age, Life};
use crate::rib::path::{Dest, DestFlags, Path};
use crate::rib::paths::Paths;
use crate::rib::select::Judge;
use crate::rib::spans::Spans;
use crate::rib::table::{Chosen, Table};
use crate::rib::{Best, Change, ChangeContext, ChangeSink, DestId, Hold};
use crate::types::{Family, NlriKey};

impl Shard {
    /// Decides each dirty destination once and tells `sink` those whose outcome differs from last time;
    /// returns how many did.
    pub fn flush(&mut self, sink: &mut impl ChangeSink) -> usize {
        let changes =
            flush_table(&mut self.v4, &mut self.core, sink) + flush_table(&mut self.v6, &mut self.core, sink);
        self.core.empty_grave();
        changes
    }

    /// Destinations that wait for a flush.
    pub fn dirty(&self) -> usize {
        self.v4.dirty.ids.len() + self.v6.dirty.ids.len()
    }

    /// Tells `sink` the present choice of destinations from `from` on as if it were new, at most `limit`
    /// slots at a time; returns where to go on. For a sink that joins late.
    ///
    /// Destinations waiting for a flush are told by that one, whether they changed or not.
    pub fn replay(
        &mut self,
        family: Family,
        from: DestId,
        limit: usize,
        sink: &mut impl ChangeSink,
    ) -> Option<DestId> {
        in_family!(self, family, table, core => replay(table, core, from, limit, sink), else None)
    }
}

fn flush_table<K: NlriKey>(table: &mut Table<K>, core: &mut Core, sink: &mut impl ChangeSink) -> usize {
    let mut ids = std::mem::take(&mut table.dirty.ids);
    let mut before = std::mem::take(&mut table.dirty.before);
    let held = std::mem::take(&mut table.dirty.held);
    let mut rest = before.as_slice();
    let mut told = Vec::new();
    let mut changes = 0;
    for slot in &ids {
        let Some(dest) = table.dests.get_mut(*slot) else { continue };
        let Some((old, tail)) = rest.split_at_checked(usize::from(dest.chosen)) else { break };
        rest = tail;
        let forced = dest.flags.has(DestFlags::FORCED);
        dest.flags.set(DestFlags::DIRTY, false);
        dest.flags.set(DestFlags::FORCED, false);
        choose(core, dest, &mut table.spans);
        let now = chosen(dest, &table.spans);
        if forced || !now.are(old) {
            bests(now, core.peers.ages(K::FAMILY), &mut told);
            let first = told.first().map(Chosen::from);
            core.peers.move_best(K::FAMILY, old.first().map(|c| c.peer), first.map(|c| c.peer));
            let change = Change {
                table: table.id,
                dest: DestId(*slot),
                key: dest.key(),
                best: told.first().copied(),
                multipath: &told,
                best_changed: forced || old.first().copied() != first,
            };
            let hold = sink.change(&change, &mut core.context());
            dest.flags.set(DestFlags::HELD, told.is_empty() && hold == Hold::Yes);
            changes += 1;
        }
        if dest.paths.count() == 0 {
            table.free_if_unused(DestId(*slot));
        }
    }
    for chosen in before.iter().take(held) {
        core.attrs.release(chosen.attrs);
    }
    ids.clear();
    before.clear();
    ids.shrink_to(KEEP_DIRTY);
    before.shrink_to(KEEP_DIRTY);
    table.dirty.ids = ids;
    table.dirty.before = before;
    changes
}

fn replay<K: NlriKey>(
    table: &mut Table<K>,
    core: &mut Core,
    from: DestId,
    limit: usize,
    sink: &mut impl ChangeSink,
) -> Option<DestId> {
    let mut told = Vec::new();
    let mut slot = table.dests.skip_empty(from.0);
    let end = table.dests.extent();
    for _ in 0..limit {
        if slot >= end {
            return None;
        }
        if let Some(dest) = table.dests.get_mut(slot) {
            if dest.flags.has(DestFlags::DIRTY) {
                dest.flags.set(DestFlags::FORCED, true);
            } else if dest.chosen > 0 && !dest.is_free() {
                bests(chosen(dest, &table.spans), core.peers.ages(K::FAMILY), &mut told);
                let change = Change {
                    table: table.id,
                    dest: DestId(slot),
                    key: dest.key(),
                    best: told.first().copied(),
                    multipath: &told,
                    best_changed: true,
                };
                sink.change(&change, &mut core.context());
            }
        }
        slot = table.dests.skip_empty(slot + 1);
    }
    (slot < end).then_some(DestId(slot))
}

impl Core {
    fn context(&mut self) -> ChangeContext<'_> {
        ChangeContext { attrs: &mut self.attrs, peers: &self.peers }
    }
}

/// Runs the decision process and puts the chosen paths in front of the span, best first.
fn choose<K: NlriKey>(core: &mut Core, dest: &mut Dest<K>, spans: &mut Spans) {
    // Apart from the selector the judge only looks, so that neither has to be moved out of the way.
    let Core { attrs, peers, config, selector, .. } = core;
    let judge = Judge::new(attrs, peers, &config.decision, K::FAMILY);
    let chosen = selector.select(&judge, spans.of(dest), |_, _| ());
    if !matches!(chosen, [] | [0]) {
        spans.bring_to_front(dest, chosen);
    }
    // At most `multipath`, which is a u8.
    dest.chosen = chosen.len() as u8;
}

#[inline]
fn chosen<'a, K: NlriKey>(dest: &'a Dest<K>, spans: &'a Spans) -> Paths<'a> {
    spans.of(dest).front(usize::from(dest.chosen))
}

#[inline]
fn bests(paths: Paths<'_>, ages: &[Age], out: &mut Vec<Best>) {
    out.clear();
    // Nothing is chosen of what was withdrawn.
    if paths.len() > 0 {
        paths.append_to(out, |path| best(path, ages));
    }
}

#[inline]
pub(super) fn best(path: &Path, ages: &[Age]) -> Best {
    let age = ages.get(usize::from(path.peer.0)).copied().unwrap_or_default();
    Best {
        attrs: path.attrs,
        peer: path.peer,
        path_id: path.path_id,
        stale: age.life(path.epoch) == Life::Stale,
    }
}

/// Room for this many dirty destinations is kept from one flush to the next.
const KEEP_DIRTY: usize = 1 << 14;
