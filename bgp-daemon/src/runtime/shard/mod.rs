//! The thread that owns a slice of all prefixes, and what others tell it.
//!
//! Everything that touches the tables is a [`ShardMessage`] on one bounded queue, so that what happened in
//! order is seen in order: a peer's routes after the peer, a splice after the flushes before it. Only a small
//! batch of routes goes before what other peers have sent, so that a table that loads does not delay it. The
//! thread never waits for an encoder: a group whose queue is full keeps a set of destinations instead.

mod fib;
mod inbox;
mod outbox;
mod park;
mod rounds;
mod thread;

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use bgp_core::policy::{Policy, PolicyId};
use bgp_core::rib::{DecisionConfig, NextHopState, PeerInfo, Shard};
use bgp_core::types::{AttrSet, NlriBlock, PeerId};
use reflector::{DeltaBatch, Export, GroupId, GroupKey, ShardRequest};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::peering::PeerSettings;
use super::session_task::SessionEvent;

pub use rounds::Rounds;
pub use thread::{Setup, spawn};

/// What a session has read in one go.
#[derive(Debug)]
pub struct IngestBatch {
    /// Of which peer.
    pub peer: PeerId,
    /// In order.
    pub events: Vec<SessionEvent>,
    /// A few routes and nothing else, in this part and those of the other shards together.
    pub small: bool,
    /// The round of what was read, if other shards have parts of it.
    pub round: Option<u64>,
    /// The peer's settings, read when its session is found to be up: what changes later is told by
    /// [`ShardMessage::PeerChanged`], so that neither order of the two can lose a change.
    pub settings: watch::Receiver<PeerSettings>,
    /// One of the [`session_credit`] batches the session may have under way; returned with the batch done.
    pub credit: OwnedSemaphorePermit,
}

/// Something to be done by a shard.
pub enum ShardMessage {
    /// Routes and fates of a peer.
    Ingest(IngestBatch),
    /// Routes this speaker originates come and go.
    Originate {
        /// Attributes of what comes.
        attrs: AttrSet,
        /// To withdraw.
        removed: Vec<NlriBlock>,
        /// To announce.
        added: Vec<NlriBlock>,
    },
    /// The settings of a known peer have changed.
    PeerChanged(PeerId, Box<PeerInfo>),
    /// A policy under a number that is new.
    Policy(PolicyId, Arc<Policy>),
    /// A number that stands for no policy of the configuration any more.
    ForgetPolicy(PolicyId),
    /// Other choices in the decision process.
    Decision(DecisionConfig),
    /// The peer was removed from the configuration.
    Forget(PeerId),
    /// Next hops of which something new is known.
    NextHops(Vec<(IpAddr, NextHopState)>),
    /// A new update group and the queue to its encoder.
    AddGroup {
        /// Its number.
        id: GroupId,
        /// What makes it one.
        key: Box<GroupKey>,
        /// Export policy.
        policy: Arc<Policy>,
        /// To its encoder.
        queue: mpsc::Sender<DeltaBatch>,
    },
    /// The encoder of a group is gone.
    RemoveGroup(GroupId),
    /// What an encoder asks.
    Request(ShardRequest),
    /// An encoder has made room in a queue that was full.
    Room(GroupId),
    /// Answer once everything received before was decided, next hops being known, and passed on.
    Settle(oneshot::Sender<()>),
    /// Reads for the operator: short pieces of work, never a walk over everything.
    Read(Box<dyn FnOnce(&mut ReadView<'_>) + Send>),
    /// End the thread.
    Stop,
}

impl ShardMessage {
    /// Whether it changes routes and no other shard has a part of it: what comes of it waits for nobody.
    fn is_whole_change(&self) -> bool {
        match self {
            Self::Ingest(batch) => batch.round.is_none(),
            Self::Originate { .. } | Self::PeerChanged(..) | Self::NextHops(_) | Self::Decision(_) => true,
            _ => false,
        }
    }
}

/// What a read may look at.
pub struct ReadView<'a> {
    /// The tables.
    pub shard: &'a Shard,
    /// What the groups were told.
    pub export: &'a Export,
}

/// Sends to one shard.
pub type ShardSender = mpsc::Sender<ShardMessage>;

/// All shards, in the order of the parts they own.
#[derive(Clone, Debug)]
pub struct Shards {
    senders: Arc<[ShardSender]>,
    rounds: Arc<Rounds>,
}

impl Shards {
    /// These, which share the rounds.
    pub fn new(senders: Vec<ShardSender>, rounds: Arc<Rounds>) -> Self {
        Self { senders: senders.into(), rounds }
    }

    /// Which reads they decide together.
    pub fn rounds(&self) -> &Rounds {
        &self.rounds
    }
}

impl Deref for Shards {
    type Target = [ShardSender];

    fn deref(&self) -> &[ShardSender] {
        &self.senders
    }
}

/// Sends a message to every shard; they end only with the process.
pub async fn tell_all(shards: &[ShardSender], message: impl Fn() -> ShardMessage) {
    for shard in shards {
        let _ = shard.send(message()).await;
    }
}

/// Messages under way to a shard. Enough for a crowd of sessions with a message each, which then are decided
/// together; what a single one may put there is bounded by [`session_credit`].
pub const SHARD_QUEUE: usize = 64;

/// Batches one session may have under way at each of so many shards. A batch is one read, some 1,000 routes of
/// a full table, 80 KiB decoded and half a millisecond of a shard: a peer that loads a table keeps the shard
/// fed, and thirty of them leave room for whoever has a single change to tell, which then goes first. Of what is
/// divided among shards more would only be memory to go through: 30 x 20,000 took 4 % longer with four for two.
pub fn session_credit(shards: usize) -> usize {
    (4 / shards.max(1)).max(2)
}

/// Flushes and chunks of splices under way to an encoder, from each shard.
pub const ENCODER_QUEUE: usize = 8;
