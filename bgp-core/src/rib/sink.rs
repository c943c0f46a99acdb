//! What a shard tells whoever exports and installs its routes.

use super::{AttrId, AttrTable, PeerTable};
use crate::types::{NlriKey, PathId, PeerId};

/// Which set of tables a destination is in; one for now, one for each tenant later.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TableId(pub u16);

impl TableId {
    /// The table of the speaker itself.
    pub const MAIN: Self = Self(0);
}

/// A destination's slot in its table, stable for as long as the destination exists.
///
/// Slots are dense, so that a sink may index its own arrays by it, and are reused only after the sink
/// has given them back.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DestId(pub u32);

/// A chosen path.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Best {
    /// Attributes after import policy. Valid during the call; retain to keep.
    pub attrs: AttrId,
    /// Who sent it; [`PeerId::LOCAL`] for own routes.
    pub peer: PeerId,
    /// Its path identifier as received.
    pub path_id: PathId,
    /// Kept from a session that was lost (RFC 4724).
    pub stale: bool,
}

/// What the decision process found for one destination, different from what it found last.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a, K> {
    /// The table.
    pub table: TableId,
    /// The slot.
    pub dest: DestId,
    /// The prefix.
    pub key: K,
    /// The best path, if any is eligible.
    pub best: Option<Best>,
    /// The best path and those as good for forwarding, the best one first; empty without one.
    pub multipath: &'a [Best],
    /// Whether `best` differs from last time; otherwise only `multipath` does.
    pub best_changed: bool,
}

/// Whether a sink remembers an empty destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// It does: the slot stays until `Shard::free_dests` is called.
    Yes,
    /// It does not: the slot is reused once the destination has no paths.
    No,
}

/// What a sink may use while it is told a change.
#[derive(Debug)]
pub struct ChangeContext<'a> {
    /// To look up, retain, release and intern attribute sets.
    pub attrs: &'a mut AttrTable,
    /// The peers.
    pub peers: &'a PeerTable,
}

/// Whoever exports and installs routes.
pub trait ChangeSink {
    /// Called at most once for a destination in one flush, if its best path or multipath set changed.
    ///
    /// The answer only counts when the destination has no best path.
    fn change<K: NlriKey>(&mut self, change: &Change<'_, K>, ctx: &mut ChangeContext<'_>) -> Hold;
}
