//! Batches on their way to the encoders.

use std::collections::{HashMap, VecDeque};

use reflector::{DeltaBatch, GroupId};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// The queues to all encoders.
///
/// What does not fit waits here. That is bounded: a group is closed for flushes while anything waits, and
/// every splice has at most one chunk under way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    groups: HashMap<GroupId, Lane>,
}

#[derive(Debug)]
struct Lane {
    queue: mpsc::Sender<DeltaBatch>,
    waiting: VecDeque<DeltaBatch>,
}

impl Outbox {
    /// Opens a queue.
    pub(super) fn add(&mut self, id: GroupId, queue: mpsc::Sender<DeltaBatch>) {
        self.groups.insert(id, Lane { queue, waiting: VecDeque::new() });
    }

    /// Forgets a queue and what waits for it.
    pub(super) fn remove(&mut self, id: GroupId) {
        self.groups.remove(&id);
    }

    /// Every group, and whether its encoder has room for a flush and a chunk.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (GroupId, bool)> + '_ {
        self.groups.iter().map(|(id, lane)| (*id, lane.waiting.is_empty() && lane.queue.capacity() >= 2))
    }

    /// Every group, and whether nothing waits for its encoder.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (GroupId, bool)> + '_ {
        self.groups.iter().map(|(id, lane)| (*id, lane.waiting.is_empty()))
    }

    /// Sends, after everything that waits.
    pub(super) fn push(&mut self, batch: DeltaBatch) {
        let id = batch.group;
        let Some(lane) = self.groups.get_mut(&id) else { return };
        lane.waiting.push_back(batch);
        self.drain(id);
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn drain(&mut self, id: GroupId) {
        let Some(lane) = self.groups.get_mut(&id) else { return };
        while let Some(batch) = lane.waiting.pop_front() {
            match lane.queue.try_send(batch) {
                Ok(()) => {}
                Err(TrySendError::Full(batch)) => {
                    lane.waiting.push_front(batch);
                    return;
                }
                // The encoder is gone; the group is about to be removed.
                Err(TrySendError::Closed(_)) => lane.waiting.clear(),
            }
        }
    }
}
