//! Withdrawn routes that shards remember until every member has been told.

use crate::delta::DeltaBatch;
use crate::group::ShardId;
use crate::log::Progress;

/// What each shard remembers for the sake of our members.
#[derive(Debug)]
pub(super) struct Tombs {
    shards: Vec<InShard>,
}

#[derive(Clone, Copy, Debug, Default)]
struct InShard {
    present: bool,
    /// The flush up to which it was told to forget.
    forgotten: u64,
}

impl Tombs {
    pub(super) fn new(shards: usize) -> Self {
        Self { shards: vec![InShard::default(); shards] }
    }

    /// A shard says with every batch whether it has any.
    pub(super) fn note(&mut self, batch: &DeltaBatch) {
        if let Some(tombs) = self.shards.get_mut(usize::from(batch.shard.0)) {
            tombs.present |= batch.tombstones;
        }
    }

    /// Whether a shard has some that members have yet to pass.
    pub(super) fn are_owed(&self) -> bool {
        self.shards.iter().any(|tombs| tombs.present)
    }

    /// The flushes that all `members` have passed and shards do not know of yet, where that matters. `done` are
    /// those that were packed.
    pub(super) fn passed_by_all<'a>(
        &mut self,
        members: impl Iterator<Item = &'a Progress>,
        done: &[u64],
    ) -> Vec<(ShardId, u64)> {
        if !self.are_owed() {
            return Vec::new();
        }
        let mut passed = done.to_vec();
        for progress in members {
            for (least, flush) in passed.iter_mut().zip(progress.watermark()) {
                *least = (*least).min(flush);
            }
        }
        let mut told = Vec::new();
        for (shard, ((tombs, passed), done)) in self.shards.iter_mut().zip(passed).zip(done).enumerate() {
            if tombs.present && passed > tombs.forgotten {
                tombs.forgotten = passed;
                // Later flushes will say again that there are some.
                tombs.present = passed < *done;
                told.push((ShardId(shard as u8), passed));
            }
        }
        told
    }
}
