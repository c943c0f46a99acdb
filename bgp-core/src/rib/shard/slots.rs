//! What a sink may ask of single slots between flushes: it catches up from state, not from events.

use std::any::Any;

use super::flush::best;
use super::{Core, Shard, in_family};
use crate::rib::path::DestFlags;
use crate::rib::select::Selector;
use crate::rib::table::Table;
use crate::rib::{Best, ChangeContext, DestId};
use crate::types::{Family, NlriKey};

impl Shard {
    /// What a sink may use outside of a flush.
    pub fn context(&mut self) -> ChangeContext<'_> {
        ChangeContext { attrs: &mut self.core.attrs, peers: &self.core.peers }
    }

    /// One past the highest slot in use.
    pub fn extent(&self, family: Family) -> u32 {
        in_family!(self, family, table, _core => table.dests.extent(), else 0)
    }

    /// The prefix in a slot and its best path; `None` for a slot not in use.
    ///
    /// Of a destination that waits for a flush it is the path which that will choose.
    pub fn slot<K: NlriKey>(&self, dest: DestId) -> Option<(K, Option<Best>)> {
        in_family!(self, K::FAMILY, table, core => {
            let (key, best) = slot(table, core, dest)?;
            // One table a family and one key a table: this is always the same type.
            Some((*(&key as &dyn Any).downcast_ref::<K>()?, best))
        }, else None)
    }
}

fn slot<K: NlriKey>(table: &Table<K>, core: &Core, id: DestId) -> Option<(K, Option<Best>)> {
    let dest = table.dest(id)?;
    let paths = table.spans.of(dest);
    let chosen = if dest.flags.has(DestFlags::DIRTY) {
        let mut selector = Selector::default();
        let first = selector.select(&core.judge(K::FAMILY), paths, |_, _| ()).first().copied();
        first.and_then(|at| paths.get(at as usize))
    } else {
        paths.first().filter(|_| dest.chosen > 0)
    };
    Some((dest.key(), chosen.map(|path| best(&path, core.peers.ages(K::FAMILY)))))
}
