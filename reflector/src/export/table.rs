//! The routing table as the source of state.

use bgp_core::rib::{Best, ChangeContext, DestId, Shard, TableId};
use bgp_core::types::{Family, NlriKey};

use super::Routes;

/// A shard holds the main table and no other yet.
impl Routes for Shard {
    fn context(&mut self) -> ChangeContext<'_> {
        Shard::context(self)
    }

    fn bound(&self, _table: TableId, family: Family) -> u32 {
        self.extent(family)
    }

    fn lookup<K: NlriKey>(&self, _table: TableId, dest: DestId) -> Option<(K, Option<Best>)> {
        self.slot(dest)
    }

    fn free_dests(&mut self, _table: TableId, family: Family, dests: &[DestId]) {
        Shard::free_dests(self, family, dests);
    }
}
