//! What a shard tells an encoder: changes by attribute set and audience, NLRI already in wire form.

use std::ops::Range;

use bgp_core::types::PeerId;

use crate::group::{GroupId, ShardId};
use crate::transform::Allowed;

/// Which members of a group must hear something.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Audience {
    /// Everyone.
    All,
    /// Everyone but the peer the route was learned from.
    AllExcept(PeerId),
    /// One peer, which was told the route before it became the source itself.
    Only(PeerId),
}

impl Audience {
    /// Whether `peer` is part of it.
    #[inline]
    pub fn includes(self, peer: PeerId) -> bool {
        match self {
            Self::All => true,
            Self::AllExcept(source) => source != peer,
            Self::Only(one) => one == peer,
        }
    }

    /// A different number for every audience.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::All => 0,
            Self::AllExcept(PeerId(peer)) => u32::from(peer) << 1 | 1,
            Self::Only(PeerId(peer)) => (u32::from(peer) + 1) << 1,
        }
    }

    /// Everyone but `source`; originated routes have no source among the members.
    pub fn except(source: PeerId) -> Self {
        if source == PeerId::LOCAL { Self::All } else { Self::AllExcept(source) }
    }
}

/// Number of a resynchronisation within one group: the generation of its members.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpliceId(pub u32);

/// Why a batch exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BatchKind {
    /// Changes for every member; holds each prefix at most once for each audience.
    Flush {
        /// Number of the flush, ascending within a group and shard, from 1; see [`crate::adj_out::after`].
        flush: u64,
    },
    /// A chunk of state for the members of one splice.
    Splice {
        /// Which.
        splice: SpliceId,
        /// Whether the shard has nothing more for it.
        last: bool,
    },
    /// The shard no longer knows what was withdrawn since the watermark it was asked about.
    Refused {
        /// Which splice cannot be had.
        splice: SpliceId,
    },
}

/// NLRI that share attributes and audience.
#[derive(Clone, Debug)]
pub struct Run {
    /// The attributes to send, still to be written; `None` withdraws.
    pub attrs: Option<Allowed>,
    /// Of the set in the table, the same in all shards with one seed. Where a policy edits, equal attributes may
    /// come with different hashes, and are then not joined.
    pub hash: u32,
    /// Who hears it.
    pub audience: Audience,
    /// Where in [`DeltaBatch::nlri`] the NLRI are.
    pub nlri: Range<u32>,
}

impl Run {
    /// Whether the other is sent with the same attributes to the same members.
    pub(crate) fn tells_like(&self, other: &Self) -> bool {
        self.hash == other.hash && self.audience == other.audience && self.attrs == other.attrs
    }
}

/// One message from a shard to the encoder of a group; the order of batches of a shard matters.
#[derive(Clone, Debug)]
pub struct DeltaBatch {
    /// For which group.
    pub group: GroupId,
    /// From which shard.
    pub shard: ShardId,
    /// A flush or a part of a splice.
    pub kind: BatchKind,
    /// Withdrawals first, then announcements, each attribute set and audience once.
    pub runs: Vec<Run>,
    /// NLRI in wire form, as the runs point to them.
    pub nlri: Vec<u8>,
    /// How many NLRI there are.
    pub routes: u32,
    /// For a flush: the round of what was read, in which other shards have parts of the same reads. Ascending
    /// within a shard.
    pub round: u64,
    /// For a flush: it has something in it that is not to wait for other shards.
    pub hurry: bool,
    /// Whether the group has withdrawn routes in this shard that it still has to remember.
    pub tombstones: bool,
}

impl DeltaBatch {
    /// The NLRI of a run.
    pub fn octets(&self, run: &Run) -> &[u8] {
        self.nlri.get(run.nlri.start as usize..run.nlri.end as usize).unwrap_or(&[])
    }
}
