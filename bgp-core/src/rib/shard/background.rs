//! Walking the tables in steps, for what concerns many destinations at once.

use super::import::{Import, Imported};
use super::memo::Memo;
use super::{Core, Shard, check};
use crate::rib::DestId;
use crate::rib::age::Life;
use crate::rib::facts::Facts;
use crate::rib::path::{Path, Refusal};
use crate::rib::table::Table;
use crate::types::{Family, NlriKey};

impl Shard {
    /// Visits at most `budget` destinations for pending work (dead paths, policies, next hops); `true` if
    /// there is more to do. Call [`Shard::flush`] after.
    pub fn step(&mut self, budget: usize) -> bool {
        if !self.v4.lap.active && !self.v6.lap.active {
            return false;
        }
        let left = walk(&mut self.v4, &mut self.core, budget);
        walk(&mut self.v6, &mut self.core, left);
        self.settle_if_full();
        let more = self.v4.lap.active || self.v6.lap.active;
        if !more && std::mem::take(&mut self.core.next_hops_changed) {
            self.core.attrs.next_hops_mut().clear_changed();
        }
        more
    }
}

/// Continues the walk over one table; returns what is left of the budget.
fn walk<K: NlriKey>(table: &mut Table<K>, core: &mut Core, mut budget: usize) -> usize {
    if !table.lap.active {
        return budget;
    }
    // Sweeping alone is over when the last dead path is gone.
    let reimport = core.peers.ages(K::FAMILY).iter().any(|age| age.reimport);
    let redecide = core.family_flag(K::FAMILY);
    let only_sweep = !reimport && !redecide && !core.next_hops_changed;
    let mut memo = Memo::default();
    while budget > 0 {
        budget -= 1;
        if only_sweep && core.peers.dead(K::FAMILY) == 0 {
            table.lap.active = false;
        }
        let Some(slot) = table.lap.next(&table.dests) else { break };
        visit(table, core, &mut memo, DestId(slot));
    }
    memo.release(&mut core.attrs);
    if !table.lap.active {
        core.peers.clear_reimport(K::FAMILY);
        core.peers.swept(K::FAMILY);
        if let Some(redecide) = core.redecide.get_mut(K::FAMILY) {
            *redecide = false;
        }
    }
    budget
}

fn visit<K: NlriKey>(table: &mut Table<K>, core: &mut Core, memo: &mut Memo, id: DestId) {
    let Some(dest) = table.dest(id) else { return };
    let (key, count) = (dest.key(), dest.paths.count());
    let mut again = core.family_flag(K::FAMILY);
    // From the back, because the last path takes the place of a removed one.
    for at in (0..count).rev() {
        let Some(path) = table.dest(id).and_then(|dest| table.spans.of(dest).get(at)) else {
            continue;
        };
        let Some(age) = core.peers.age(path.peer, K::FAMILY) else { continue };
        if age.life(path.epoch) == Life::Dead {
            if let Some(dead) = table.remove_at(id, at) {
                core.peers.count_out(K::FAMILY, &dead);
                core.bury(&dead);
            }
            continue;
        }
        if age.reimport {
            reimport(table, core, memo, (id, at, key), path);
        }
        if core.next_hops_changed && !again {
            // A path that import has just changed is marked already, whatever its next hop was.
            let next_hop = core.attrs.entry(path.attrs).map(|entry| entry.next_hop);
            again = next_hop.is_some_and(|next_hop| core.attrs.next_hops().changed(next_hop));
        }
    }
    if again {
        table.mark(id);
    }
}

/// Runs import again over one path, from its attributes as received.
fn reimport<K: NlriKey>(
    table: &mut Table<K>,
    core: &mut Core,
    memo: &mut Memo,
    (id, at, key): (DestId, usize, K),
    old: Path,
) {
    let imported = core.import_again(memo, &old, key);
    let new = Path { attrs: imported.attrs, refusal: imported.refusal, ..old };
    if new != old && table.replace_at(id, at, &new) {
        core.hold_import(old.attrs_in, imported.attrs, 1);
        core.peers.count_out(K::FAMILY, &old);
        core.peers.count_in(K::FAMILY, &new);
        if let Some(next_hop) = core.unknown_next_hop(new.attrs) {
            core.attrs.next_hops_mut().wait(next_hop, K::FAMILY, id);
        }
        core.bury_reimported(&old, &new);
    }
    if imported.attrs != old.attrs_in {
        core.attrs.release(imported.attrs);
    }
}

impl Core {
    fn import_again<K: NlriKey>(&mut self, memo: &mut Memo, path: &Path, key: K) -> Imported {
        // Of every prefix, unless the policy looks at those.
        let about = (path.peer, path.attrs_in, None);
        if let Some(known) = memo.known(&mut self.attrs, &about) {
            return known;
        }
        let (Some(info), Some(set)) = (self.peers.get(path.peer), self.attrs.get(path.attrs_in).cloned())
        else {
            return Imported::refused(Refusal::Policy);
        };
        let policy = self.policy_of(info);
        let refusal = check::refusal(&self.config, info, &Facts::of(&set));
        let imported = if refusal == Refusal::None {
            let import = Import { policy: &policy, info, set: &set, attrs_in: path.attrs_in };
            if policy.looks_at_prefix() {
                return import.run_once(memo, &mut self.attrs, path.peer, key);
            }
            import.run(&mut self.attrs, key)
        } else {
            Imported::refused(refusal)
        };
        memo.keep(&mut self.attrs, about, imported);
        imported
    }

    /// Gives up what import made of a path before, now that it made something else.
    fn bury_reimported(&mut self, old: &Path, new: &Path) {
        // A path holds one count of its received set whether or not that is also the one in use.
        if old.attrs == old.attrs_in {
            self.bury_use(old.attrs_in, 1);
        } else {
            self.bury_import(old);
        }
        debug_assert_eq!(old.attrs_in, new.attrs_in);
    }
}

/// Families in which a walk is under way.
impl Shard {
    /// Whether [`Shard::step`] has anything to do in `family`.
    pub fn is_walking(&self, family: Family) -> bool {
        match family {
            Family::IPV4_UNICAST => self.v4.lap.active,
            Family::IPV6_UNICAST => self.v6.lap.active,
            _ => false,
        }
    }
}
