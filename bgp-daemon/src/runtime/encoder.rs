//! The task of one update group: batches of the shards in, one log of messages out.
//!
//! The log is read by the sessions' tasks without asking anybody; this task is only told of joins,
//! refreshes and members that fell behind, and wakes members when there is more to read.

use std::collections::HashMap;
use std::time::Instant;

use bgp_core::types::{Family, PeerId};
use reflector::encoder::{EncoderFigures, Output};
use reflector::{DeltaBatch, Encoder, Grant, GroupId, GroupKey, LogLimits, Member, Moved, Request, ShardId};
use tokio::sync::{mpsc, oneshot, watch};

use super::deadline::deadline;
use super::shard::{ENCODER_QUEUE, ShardMessage, Shards, tell_all};

/// What an encoder is told by sessions and the supervisor.
#[derive(Debug)]
pub enum EncoderMessage {
    /// A session is established.
    Join {
        /// Of this peer.
        peer: PeerId,
        /// What another group told it in this session.
        from: Option<Moved>,
        /// Its end.
        reply: oneshot::Sender<Subscription>,
    },
    /// A member needs state.
    Request(Request),
    /// A member goes to another group: it is told so, and what it was told is remembered until it leaves.
    Depart(PeerId),
    /// A session is lost, or is in step with another group.
    Leave(PeerId),
    /// A member has read on while the encoder waited for that.
    ReadOn,
    /// Withhold End-of-RIB, or send it to everyone now (selection deferral, RFC 4724 §4.1).
    HoldEndOfRib(bool),
    /// Figures for the operator.
    Figures(oneshot::Sender<GroupReport>),
}

/// A member's end of its group.
#[derive(Debug)]
pub struct Subscription {
    /// The family of the group.
    pub family: Family,
    /// The supervisor waits for the member to be in step, to take it out of the group it came from.
    pub moving: bool,
    /// Reads the log.
    pub member: Member,
    /// Grants to read on, refusals, and the order to go.
    pub news: mpsc::UnboundedReceiver<News>,
    /// Changes when there is more to read.
    pub end: watch::Receiver<u64>,
    /// To the encoder.
    pub encoder: mpsc::Sender<EncoderMessage>,
}

/// What an encoder tells one member. At most one is under way for each request of the member, and an order
/// to go.
#[derive(Debug)]
pub enum News {
    /// For [`Member::granted`].
    Grant(Grant),
    /// Nobody knows any more what was withdrawn while the member was away: the session must be reset.
    Refused,
    /// Another group fits the peer now: [`Member::depart`].
    Depart,
}

/// Figures of one group and how far behind each member is, in octets; `None` for detached ones.
#[derive(Clone, Debug)]
pub struct GroupReport {
    /// Of the group as a whole.
    pub figures: EncoderFigures,
    /// Of each member.
    pub members: Vec<(PeerId, Option<u64>)>,
}

/// Sends to one encoder.
pub type EncoderSender = mpsc::Sender<EncoderMessage>;

/// Joins, leaves and requests under way; senders wait, members have nothing else to do then.
const MESSAGE_QUEUE: usize = 64;

/// Starts the task of a group and returns its two queues: for messages, and for batches of the shards.
/// The task ends when the last sender of messages is gone.
pub fn spawn(id: GroupId, key: &GroupKey, shards: Shards) -> (EncoderSender, mpsc::Sender<DeltaBatch>) {
    let (messages, message_queue) = mpsc::channel(MESSAGE_QUEUE);
    let (batches, batch_queue) = mpsc::channel(ENCODER_QUEUE * shards.len());
    let task = Task {
        id,
        family: key.family,
        encoder: Encoder::new(id, key, shards.len() as u8, LogLimits::default()),
        members: HashMap::new(),
        end: watch::Sender::new(0),
        shards,
        owes_room: false,
        messages: messages.downgrade(),
        message_queue,
        batch_queue,
    };
    tokio::spawn(task.run());
    (messages, batches)
}

struct Task {
    id: GroupId,
    family: Family,
    encoder: Encoder,
    members: HashMap<PeerId, mpsc::UnboundedSender<News>>,
    end: watch::Sender<u64>,
    shards: Shards,
    /// The queue of batches was full, and shards have yet to hear that it is not any more.
    owes_room: bool,
    messages: mpsc::WeakSender<EncoderMessage>,
    message_queue: mpsc::Receiver<EncoderMessage>,
    batch_queue: mpsc::Receiver<DeltaBatch>,
}

impl Task {
    async fn run(mut self) {
        loop {
            let timeout = self.encoder.poll_timeout();
            tokio::select! {
                message = self.message_queue.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return,
                },
                batch = self.batch_queue.recv(), if self.encoder.wants_batches() => match batch {
                    Some(batch) => self.take(batch),
                    // Every shard has removed the group: its last message sender is about to go.
                    None => return,
                },
                () = deadline(timeout) => {}
            }
            while let Ok(message) = self.message_queue.try_recv() {
                self.handle(message);
            }
            if self.encoder.wants_batches() {
                self.take_round();
            }
            if std::mem::take(&mut self.owes_room) {
                // A shard never waits for an encoder, so this cannot be a circle.
                tell_all(&self.shards, || ShardMessage::Room(self.id)).await;
            }
            self.encoder.process(Instant::now());
            self.carry().await;
            let end = self.encoder.end();
            self.end.send_if_modified(|known| std::mem::replace(known, end) != end);
        }
    }

    /// Takes what has arrived and notes what is still to come.
    fn take_round(&mut self) {
        // Looked at first: what a shard does not owe any more is in the queue then.
        let underway: Vec<Option<u64>> = self.shards.rounds().underway().collect();
        self.take_all();
        self.encoder.set_underway(underway);
    }

    fn take_all(&mut self) {
        while let Ok(batch) = self.batch_queue.try_recv() {
            self.take(batch);
        }
    }

    /// Takes a batch that has just left the queue.
    ///
    /// Shards stop when there is no room for two more. Each of them may have taken a place just now that
    /// is not seen to be filled yet.
    fn take(&mut self, batch: DeltaBatch) {
        let before = self.batch_queue.len() + 1;
        self.owes_room |= before + 2 + self.shards.len() > self.batch_queue.max_capacity();
        self.encoder.push(batch);
    }

    fn handle(&mut self, message: EncoderMessage) {
        let now = Instant::now();
        match message {
            EncoderMessage::Join { peer, from, reply } => {
                let Some(encoder) = self.messages.upgrade() else { return };
                let (sender, news) = mpsc::unbounded_channel();
                let member = match from {
                    None => self.encoder.join(peer, now),
                    Some(moved) => self.encoder.join_from(peer, moved, now),
                };
                self.members.insert(peer, sender);
                let (family, end) = (self.family, self.end.subscribe());
                let subscription = Subscription { family, moving: false, member, news, end, encoder };
                if reply.send(subscription).is_err() {
                    self.leave(peer);
                }
            }
            EncoderMessage::Request(request) => self.encoder.request(request, now),
            EncoderMessage::Depart(peer) => {
                self.encoder.depart(peer);
                self.tell(peer, News::Depart);
            }
            EncoderMessage::Leave(peer) => self.leave(peer),
            EncoderMessage::ReadOn => {}
            EncoderMessage::HoldEndOfRib(hold) => {
                // What was decided before is in the queue: End-of-RIB must not overtake it.
                self.take_all();
                self.encoder.hold_end_of_rib(hold);
            }
            EncoderMessage::Figures(reply) => {
                let lag = |peer: &PeerId| (*peer, self.encoder.lag(*peer));
                let members = self.members.keys().map(lag).collect();
                let _ = reply.send(GroupReport { figures: self.encoder.figures(), members });
            }
        }
    }

    fn leave(&mut self, peer: PeerId) {
        self.encoder.leave(peer);
        self.members.remove(&peer);
    }

    async fn carry(&mut self) {
        while let Some(output) = self.encoder.poll_output() {
            match output {
                Output::Shard(request) => {
                    let ShardId(at) = request.shard;
                    if let Some(shard) = self.shards.get(usize::from(at)) {
                        let _ = shard.send(ShardMessage::Request(request)).await;
                    }
                }
                Output::Grant { peer, grant } => self.tell(peer, News::Grant(grant)),
                Output::Refused { peer } => self.tell(peer, News::Refused),
            }
        }
    }

    fn tell(&self, peer: PeerId, news: News) {
        if let Some(member) = self.members.get(&peer) {
            // A session that is gone has said so, or is about to.
            let _ = member.send(news);
        }
    }
}

#[cfg(test)]
mod tests;
