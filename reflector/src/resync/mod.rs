//! Join, slow peer, route refresh, policy change, restart: one mechanism, the splice.
//!
//! A member that needs state asks the encoder; the encoder collects such requests for a moment, lets the
//! members read from the end of the log on, and asks every shard for its state. Shards answer in chunks on
//! the same queue as their flushes, so that for each prefix the log tells events in their true order, and
//! the chunks are read like any other part of the log, by the members of that splice only.

mod member;
mod moved;
mod pieces;

pub(crate) use member::shard_bit;
pub use member::{Grant, Member, Request, WriteState, Written};
pub use moved::Moved;

use std::sync::Arc;

use bgp_core::types::PeerId;

use crate::delta::SpliceId;
use crate::group::{GroupId, ShardId};

/// What an encoder asks of the shards, to be carried to [`crate::export::Export::request`].
#[derive(Clone, Debug)]
pub struct ShardRequest {
    /// The shard.
    pub shard: ShardId,
    /// The group.
    pub group: GroupId,
    /// What is asked.
    pub ask: Ask,
}

/// See [`ShardRequest`].
#[derive(Clone, Debug)]
pub enum Ask {
    /// Send the first chunk of state.
    Resync(Resync),
    /// Send the next chunk.
    Continue(SpliceId),
    /// Nobody waits for it any more.
    Cancel(SpliceId),
    /// Every member has consumed the flushes up to this number: what was withdrawn by them may be forgotten.
    Forget {
        /// Number of the last flush everybody has consumed.
        flush: u64,
    },
}

impl Ask {
    /// The splice it is about.
    pub(crate) fn splice(&self) -> Option<SpliceId> {
        match self {
            Self::Resync(ask) => Some(ask.splice),
            Self::Continue(splice) | Self::Cancel(splice) => Some(*splice),
            Self::Forget { .. } => None,
        }
    }
}

/// What state a splice needs.
#[derive(Clone, Debug)]
pub struct Resync {
    /// Its number.
    pub splice: SpliceId,
    /// Everything announced, not only what changed.
    pub whole: bool,
    /// Changes and withdrawals after this flush are needed.
    pub from: u64,
    /// Who reads it, in ascending order.
    pub members: Arc<[PeerId]>,
    /// Where they come from, if they were members of another group before.
    pub previous: Option<Previous>,
}

/// What members of a splice were told by the group they have left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Previous {
    /// That group.
    pub group: GroupId,
    /// The last of its flushes that all of them have consumed.
    pub flush: u64,
    /// What it had told up to there they hold, all of it.
    pub complete: bool,
}
