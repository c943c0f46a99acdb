//! A member on its way from one group to another.

use crate::group::GroupId;

/// What a peer was told in the group it leaves, from [`super::Member::depart`].
///
/// The peer has to stay known to the encoder of that group, and the group to the shards, until the new
/// member is synced, and then leave it: withdrawn routes must be remembered that long.
#[derive(Clone, Debug)]
pub struct Moved {
    pub(crate) group: GroupId,
    /// Flushes consumed, by shard.
    pub(crate) watermark: Box<[u64]>,
    /// It had everything up to there.
    pub(crate) synced: bool,
}
