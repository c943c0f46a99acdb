//! Waiting for the other shards' part of what was read together.
//!
//! The prefixes of an UPDATE may lie in several shards. Packed at once, what they make of it is one UPDATE
//! again for every member; packed as the flushes come, it is as many as there are shards. So the flush of a
//! round waits for those of the shards that have a part in it, but not for long, and not if something small
//! is behind it that is not to wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::delta::{BatchKind, DeltaBatch};

/// What is known of the shards.
#[derive(Debug)]
pub(super) struct Rounds {
    shards: Vec<Underway>,
    /// A flush that waits.
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    since: Instant,
    /// When it was last looked whether it still has to.
    looked: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Underway {
    /// The first round of which the shard has something to come.
    from: Option<u64>,
    /// It was waited for in vain, and has not been heard of since.
    late: bool,
}

impl Rounds {
    pub(super) fn new(shards: usize) -> Self {
        Self { shards: vec![Underway::default(); shards], held: None }
    }

    pub(super) fn set(&mut self, underway: impl IntoIterator<Item = Option<u64>>) {
        for (shard, from) in self.shards.iter_mut().zip(underway) {
            shard.from = from;
        }
    }

    /// A shard was heard of.
    pub(super) fn heard(&mut self, shard: usize) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.late = false;
        }
    }

    /// When to look again whether a flush still has to wait: a shard that turns out to have nothing for this
    /// group says nothing.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.map(|held| (held.looked + LOOK).min(held.since + PATIENCE))
    }

    /// The first flushes in the queues that are to be packed together; none if there are none, or if more
    /// are to come and there is `time` to wait.
    pub(super) fn next(
        &mut self,
        queues: &mut [VecDeque<DeltaBatch>],
        time: bool,
        now: Instant,
    ) -> Vec<DeltaBatch> {
        let fronts = queues.iter().filter_map(VecDeque::front).filter(|batch| is_flush(batch));
        let Some(first) = fronts.map(|batch| batch.round).min() else { return Vec::new() };
        if !time {
            self.held = None;
        } else if self.must_wait(first, queues, now) {
            return Vec::new();
        }
        let of_first = |batch: &DeltaBatch| is_flush(batch) && batch.round == first;
        let queues = queues.iter_mut().filter(|queue| queue.front().is_some_and(of_first));
        queues.filter_map(VecDeque::pop_front).collect()
    }

    fn must_wait(&mut self, round: u64, queues: &[VecDeque<DeltaBatch>], now: Instant) -> bool {
        let lacks = |(queue, shard): (&VecDeque<DeltaBatch>, &Underway)| {
            queue.is_empty() && !shard.late && shard.from.is_some_and(|from| from <= round)
        };
        // A splice may end with End-of-RIB, which must not overtake anything.
        let urgent = |batch: &DeltaBatch| batch.hurry || !is_flush(batch);
        if !queues.iter().zip(&self.shards).any(lacks) || queues.iter().flatten().any(urgent) {
            self.held = None;
            return false;
        }
        let since = self.held.map_or(now, |held| held.since);
        if now < since + PATIENCE {
            self.held = Some(Held { since, looked: now });
            return true;
        }
        self.held = None;
        for (queue, shard) in queues.iter().zip(&mut self.shards) {
            shard.late |= lacks((queue, shard));
        }
        false
    }
}

pub(super) fn is_flush(batch: &DeltaBatch) -> bool {
    matches!(batch.kind, BatchKind::Flush { .. })
}

/// How often it is looked whether a flush still has to wait.
const LOOK: Duration = Duration::from_millis(1);
/// How long a flush waits for its parts at most: about what a shard takes for a large flush.
const PATIENCE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{GroupId, ShardId};
    use crate::model::epoch;

    fn flush(shard: u8, round: u64) -> DeltaBatch {
        DeltaBatch {
            group: GroupId(0),
            shard: ShardId(shard),
            kind: BatchKind::Flush { flush: 1 },
            runs: Vec::new(),
            nlri: Vec::new(),
            routes: 0,
            round,
            hurry: false,
            tombstones: false,
        }
    }

    struct Bench {
        rounds: Rounds,
        queues: Vec<VecDeque<DeltaBatch>>,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { rounds: Rounds::new(2), queues: vec![VecDeque::new(); 2], now: epoch() }
        }

        fn push(&mut self, batch: DeltaBatch) {
            let shard = usize::from(batch.shard.0);
            self.queues[shard].push_back(batch);
            self.rounds.heard(shard);
        }

        /// Shard and round of what is packed together.
        fn next(&mut self) -> Vec<(u8, u64)> {
            let batches = self.rounds.next(&mut self.queues, true, self.now);
            batches.iter().map(|batch| (batch.shard.0, batch.round)).collect()
        }
    }

    #[test]
    fn parts_of_a_round_are_packed_together() {
        let mut bench = Bench::new();
        bench.rounds.set([None, Some(4)]);
        bench.push(flush(0, 4));
        assert_eq!(bench.next(), []);
        assert_eq!(bench.rounds.deadline(), Some(bench.now + LOOK));
        bench.now += LOOK;
        assert_eq!(bench.next(), []);
        assert_eq!(bench.rounds.deadline(), Some(bench.now + LOOK));
        bench.push(flush(1, 4));
        assert_eq!(bench.next(), [(0, 4), (1, 4)]);
        assert_eq!(bench.rounds.deadline(), None);
    }

    #[test]
    fn rounds_are_packed_in_order_and_not_mixed() {
        let mut bench = Bench::new();
        [flush(0, 4), flush(0, 5), flush(1, 5), flush(1, 6)].into_iter().for_each(|batch| bench.push(batch));
        assert_eq!(bench.next(), [(0, 4)]);
        assert_eq!(bench.next(), [(0, 5), (1, 5)]);
        assert_eq!(bench.next(), [(1, 6)]);
        assert_eq!(bench.next(), []);
    }

    #[test]
    fn who_owes_later_rounds_or_nothing_is_not_waited_for() {
        for from in [Some(5), None] {
            let mut bench = Bench::new();
            bench.rounds.set([None, from]);
            bench.push(flush(0, 4));
            assert_eq!(bench.next(), [(0, 4)]);
        }
    }

    #[test]
    fn what_is_in_a_hurry_and_what_is_before_it_do_not_wait() {
        let mut bench = Bench::new();
        bench.rounds.set([None, Some(0)]);
        bench.push(flush(0, 4));
        assert_eq!(bench.next(), []);
        bench.push(DeltaBatch { hurry: true, ..flush(0, 5) });
        assert_eq!(bench.next(), [(0, 4)]);
        assert_eq!(bench.next(), [(0, 5)]);
    }

    #[test]
    fn nothing_waits_while_a_splice_is_in_a_queue_or_there_is_no_time() {
        let mut bench = Bench::new();
        bench.rounds.set([None, Some(0)]);
        let kind = BatchKind::Splice { splice: crate::SpliceId(1), last: true };
        [flush(0, 4), DeltaBatch { kind, ..flush(0, 0) }].into_iter().for_each(|batch| bench.push(batch));
        assert_eq!(bench.next(), [(0, 4)]);
        bench.queues[0].clear();
        bench.push(flush(0, 5));
        assert_eq!(bench.next(), []);
        assert_eq!(bench.rounds.next(&mut bench.queues, false, bench.now).len(), 1);
        assert_eq!(bench.rounds.deadline(), None);
    }

    #[test]
    fn a_shard_that_was_waited_for_in_vain_is_not_waited_for_again() {
        let mut bench = Bench::new();
        bench.rounds.set([None, Some(0)]);
        (4..8).for_each(|round| bench.push(flush(0, round)));
        assert_eq!(bench.next(), []);
        bench.now += PATIENCE;
        assert_eq!([(); 4].map(|()| bench.next().len()), [1; 4]);
        bench.push(flush(0, 8));
        assert_eq!(bench.next().len(), 1);
        bench.push(flush(1, 4));
        assert_eq!(bench.next(), [(1, 4)], "it is heard of again");
        bench.push(flush(0, 9));
        assert_eq!(bench.next(), []);
    }
}
