//! From the routing table to the octets every peer is sent, without I/O.
//!
//! Peers that receive equal octets form an update group. The *shard half*, [`export`], keeps what each group
//! was told, once for all its members, and makes batches of changes. The *encoder half*, [`encoder`], turns
//! batches into messages, once for all members, in a shared bounded log which every [`resync::Member`] reads
//! at its own pace. Whatever needs state rather than changes is a [`resync`].
//!
//! ```text
//! Shard::flush -> Export ==DeltaBatch==> Encoder -> log ~~read~~> Member -> socket
//!                   ^                      |  ^                     |
//!                   +-----ShardRequest-----+  +-------Request-------+
//! ```

pub mod adj_out;
pub mod delta;
pub mod encoder;
pub mod export;
pub mod group;
pub mod log;
#[cfg(test)]
mod model;
mod pack;
pub mod resync;
pub mod rules;
mod sabotage;
pub mod transform;

pub use delta::{Audience, BatchKind, DeltaBatch, SpliceId};
pub use encoder::{Encoder, Output};
pub use export::{Export, Routes};
pub use group::{GroupId, GroupKey, NextHopRule, ShardId, Speaker, WireMode};
pub use log::LogLimits;
pub use resync::{Grant, Member, Moved, Request, ShardRequest, WriteState, Written};
pub use rules::PeerRole;
