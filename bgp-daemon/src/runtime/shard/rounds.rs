//! Which reads the shards decide together.
//!
//! The prefixes of an UPDATE may have several owners, each of which is handed a part. What they make of it
//! goes out as one UPDATE again if the encoder of a group has their flushes at the same time. So reads that
//! are divided are numbered by rounds: a flush ends where a round ends, an encoder can see who has something
//! of a round to come, and a shard that is ahead leaves the processor to those behind it.
//!
//! Nothing has to be exact here: a part that misses its round is sent on its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The round of what is read now, and how far every shard has come.
#[derive(Debug)]
pub struct Rounds {
    now: AtomicU64,
    /// Reads there ever were.
    reads: AtomicU64,
    shards: Box<[Progress]>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Parts handed to the shard that it has not passed on.
    owed: AtomicU64,
    /// The round it collects changes of.
    at: AtomicU64,
    /// Another has come further.
    news: Notify,
}

impl Rounds {
    /// Of this many shards.
    pub fn new(shards: usize) -> Self {
        Self {
            now: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            shards: (0..shards).map(|_| Progress::default()).collect(),
        }
    }

    /// Numbers a read. `owners` are promised a part, which they must be sent.
    pub fn read(&self, owners: impl Iterator<Item = usize>) -> u64 {
        // Before the first of them has its own, or its flush would not know of the others.
        for progress in owners.filter_map(|owner| self.shards.get(owner)) {
            progress.owed.fetch_add(1, Ordering::AcqRel);
        }
        let round = self.now.load(Ordering::Acquire);
        let reads = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        if reads.is_multiple_of(READS * self.shards.len() as u64) {
            self.close(round);
        }
        round
    }

    /// What is read from now on belongs to a later round.
    fn close(&self, round: u64) {
        self.now.fetch_max(round + 1, Ordering::AcqRel);
    }

    /// For every shard the first round of which it has something to pass on, if there is any.
    pub fn underway(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.shards.iter().map(|progress| {
            let owes = progress.owed.load(Ordering::Acquire) > 0;
            owes.then(|| progress.at.load(Ordering::Acquire))
        })
    }
}

/// A shard's place in the rounds.
#[derive(Debug)]
pub(super) struct Place {
    rounds: Arc<Rounds>,
    shard: usize,
    /// The round of which parts may be taken in.
    at: u64,
    /// Those taken in since the last flush.
    parts: u64,
    /// Until when others are waited for.
    deadline: Option<Instant>,
    /// Where each of the others was when it was waited for in vain.
    given_up: Box<[Option<u64>]>,
}

impl Place {
    pub(super) fn new(rounds: Arc<Rounds>, shard: usize) -> Self {
        let given_up = rounds.shards.iter().map(|_| None).collect();
        Self { rounds, shard, at: 0, parts: 0, deadline: None, given_up }
    }

    /// Whether a part of the round `next` has to wait: for the flush of what was taken in before, or for
    /// shards that are behind.
    pub(super) fn must_wait(&mut self, next: Option<u64>, now: impl FnOnce() -> Instant) -> bool {
        let Some(next) = next.filter(|next| *next > self.at) else {
            self.deadline = None;
            return false;
        };
        if self.parts > 0 {
            return true;
        }
        self.say(next);
        if self.are_behind(next) {
            let now = now();
            if now < *self.deadline.get_or_insert(now + PATIENCE) {
                return true;
            }
            self.given_up = self.rounds.underway().collect();
        }
        self.deadline = None;
        self.at = next;
        false
    }

    fn are_behind(&self, next: u64) -> bool {
        let behind =
            |(at, given_up): (Option<u64>, &Option<u64>)| at != *given_up && at.is_some_and(|at| at < next);
        self.rounds.underway().zip(&self.given_up).any(behind)
    }

    /// How many changes make a flush, if outside of a round `limit` do: rather the whole round.
    pub(super) fn limit(&self, limit: usize) -> usize {
        if self.parts > 0 { limit.max(ROUND) } else { limit }
    }

    /// Until when somebody is waited for, if anybody is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns when another shard has come further since this was last asked.
    pub(super) async fn progress(&self) {
        match self.rounds.shards.get(self.shard) {
            Some(progress) => progress.news.notified().await,
            None => std::future::pending().await,
        }
    }

    /// A part is taken in.
    pub(super) fn take(&mut self, round: u64) {
        self.at = self.at.max(round);
        self.parts += 1;
    }

    /// The round of a flush, which ends it. What is flushed without a part of one was held up, and belongs to
    /// the last.
    pub(super) fn close(&self) -> u64 {
        if self.parts > 0 {
            self.rounds.close(self.at);
        }
        self.at
    }

    /// The flush is under way to the encoders; `next` is the round of what comes then.
    pub(super) fn passed_on(&mut self, next: Option<u64>) {
        if self.parts == 0 {
            return;
        }
        let ended = next.is_none_or(|next| next > self.at);
        self.say(self.at + u64::from(ended));
        if let Some(progress) = self.rounds.shards.get(self.shard) {
            progress.owed.fetch_sub(std::mem::take(&mut self.parts), Ordering::AcqRel);
        }
        self.tell_others();
    }

    /// Tells the others that nothing is to come of the rounds before.
    fn say(&self, round: u64) {
        let Some(progress) = self.rounds.shards.get(self.shard) else { return };
        if progress.at.fetch_max(round, Ordering::AcqRel) < round {
            self.tell_others();
        }
    }

    fn tell_others(&self) {
        for (shard, progress) in self.rounds.shards.iter().enumerate() {
            if shard != self.shard {
                progress.news.notify_one();
            }
        }
    }
}

/// Reads of a round for each shard.
const READS: u64 = 2;
/// More changes than these reads nearly ever bring.
const ROUND: usize = 8192;
/// How long a shard waits for those behind it: while others have its processor.
const PATIENCE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        rounds: Arc<Rounds>,
        places: Vec<Place>,
        now: Instant,
    }

    impl Bench {
        fn new(shards: usize) -> Self {
            let rounds = Arc::new(Rounds::new(shards));
            let places = (0..shards).map(|shard| Place::new(Arc::clone(&rounds), shard)).collect();
            Self { rounds, places, now: Instant::now() }
        }

        fn read(&self, owners: &[usize]) -> u64 {
            self.rounds.read(owners.iter().copied())
        }

        fn waits(&mut self, shard: usize, next: u64) -> bool {
            self.places[shard].must_wait(Some(next), || self.now)
        }

        /// Takes in a part and flushes.
        fn serve(&mut self, shard: usize, round: u64) -> u64 {
            self.places[shard].take(round);
            let round = self.places[shard].close();
            self.places[shard].passed_on(None);
            round
        }

        fn underway(&self) -> Vec<Option<u64>> {
            self.rounds.underway().collect()
        }
    }

    #[test]
    fn a_shard_is_underway_from_the_promise_until_it_has_passed_everything_on() {
        let mut bench = Bench::new(2);
        assert_eq!((bench.read(&[1]), bench.read(&[1])), (0, 0));
        assert_eq!(bench.underway(), [None, Some(0)]);
        assert_eq!(bench.serve(1, 0), 0);
        assert_eq!(bench.underway(), [None, Some(1)]);
        assert_eq!(bench.serve(1, 0), 0);
        assert_eq!(bench.underway(), [None, None]);
    }

    #[test]
    fn a_round_ends_with_a_flush_or_after_some_reads() {
        let mut bench = Bench::new(2);
        let reads: Vec<u64> = (0..=2 * READS).map(|_| bench.read(&[0, 1])).collect();
        let (last, round) = reads.split_last().unwrap();
        assert!(round.iter().all(|round| *round == 0));
        assert_eq!(*last, 1);
        bench.serve(0, 0);
        bench.serve(0, 1);
        assert_eq!(bench.read(&[0]), 2);
        bench.serve(1, 0);
        assert_eq!(bench.read(&[0]), 2, "a round that is over does not come back");
    }

    #[test]
    fn what_is_held_up_belongs_to_the_round_before() {
        let mut bench = Bench::new(2);
        assert_eq!(bench.places[0].close(), 0);
        bench.read(&[0, 1]);
        bench.serve(0, 0);
        assert_eq!(bench.places[0].close(), 0);
        assert_eq!(bench.read(&[0, 1]), 1);
        assert_eq!(bench.places[0].close(), 0);
        assert_eq!(bench.read(&[0, 1]), 1, "nothing of it was in the flush");
    }

    #[test]
    fn a_part_of_the_next_round_waits_for_the_flush() {
        let mut bench = Bench::new(2);
        bench.read(&[0, 1]);
        bench.serve(1, 0);
        bench.places[0].take(0);
        assert!(!bench.waits(0, 0));
        assert!(bench.waits(0, 1));
        assert_eq!(bench.places[0].deadline(), None, "for nobody else");
        bench.places[0].passed_on(Some(1));
        assert!(!bench.waits(0, 1));
    }

    #[test]
    fn who_is_ahead_waits_for_those_behind_but_not_for_long() {
        let mut bench = Bench::new(3);
        bench.read(&[0, 1]);
        bench.serve(0, 0);
        bench.read(&[0, 1]);
        assert!(bench.waits(0, 1));
        bench.serve(1, 0);
        assert!(!bench.waits(0, 1), "the other has come as far");
        bench.serve(0, 1);
        bench.read(&[0, 1]);
        assert!(bench.waits(0, 2));
        assert_eq!(bench.places[0].deadline(), Some(bench.now + PATIENCE));
        bench.now += PATIENCE;
        assert!(!bench.waits(0, 2));
        bench.serve(0, 2);
        bench.read(&[0, 1]);
        assert!(!bench.waits(0, 3), "it has not been heard of since");
        bench.serve(1, 1);
        bench.serve(0, 3);
        bench.read(&[0, 1]);
        assert!(bench.waits(0, 4));
    }

    /// Two that slept through many rounds have parts of the same one: neither is behind.
    #[test]
    fn who_had_nothing_to_do_is_not_waited_for() {
        let mut bench = Bench::new(4);
        for round in 0..9 {
            assert_eq!(bench.read(&[2, 3]), round);
            bench.serve(2, round);
            bench.serve(3, round);
        }
        let round = bench.read(&[0, 1]);
        assert_eq!(round, 9);
        let first = bench.waits(0, round);
        assert!(!bench.waits(1, round));
        assert!(!bench.waits(0, round));
        assert!(first, "it cannot know before the other has looked");
    }

    #[tokio::test]
    async fn progress_of_another_is_not_missed() {
        let mut bench = Bench::new(2);
        bench.read(&[0, 1]);
        bench.serve(1, 0);
        let progress = bench.places[0].progress();
        assert!(tokio::time::timeout(Duration::from_secs(5), progress).await.is_ok());
    }
}
