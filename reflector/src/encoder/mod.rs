//! The encoder's half of fan-out: batches of all shards in, one log of messages out.
//!
//! Owned by one task for each group. The order of calls is: [`Encoder::push`] for each batch received,
//! [`Encoder::join`], [`Encoder::request`] and [`Encoder::leave`] as sessions come and go, then
//! [`Encoder::process`], then everything [`Encoder::poll_output`] has, then wake the members' tasks if
//! [`Encoder::end`] moved. [`Encoder::process`] is also due at [`Encoder::poll_timeout`], and when a
//! member's write asked for it. While [`Encoder::wants_batches`] says no, leave batches in their queue.

mod rounds;
mod splices;
mod tombs;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::types::PeerId;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::delta::{BatchKind, DeltaBatch};
use crate::group::{GroupId, GroupKey, ShardId};
use crate::log::{FrameLog, LogLimits, Progress, SpliceMark};
use crate::pack::{Packer, Place};
use crate::resync::{Ask, Grant, Member, Moved, Previous, Request, ShardRequest};
use crate::sabotage::{Rule, removed};
use rounds::{Rounds, is_flush};
use splices::{Collector, Splice};
use tombs::Tombs;

/// Something to be carried elsewhere.
#[derive(Debug)]
pub enum Output {
    /// To a shard.
    Shard(ShardRequest),
    /// To a member: [`Member::granted`].
    Grant {
        /// Which.
        peer: PeerId,
        /// Leave to read.
        grant: Grant,
    },
    /// A member was away for so long that nobody knows any more what was withdrawn meanwhile: its session
    /// has to be reset with Cease.
    Refused {
        /// Which.
        peer: PeerId,
    },
}

/// One group's encoder.
#[derive(Debug)]
pub struct Encoder {
    group: GroupId,
    /// Batches not yet packed, by shard.
    queues: Vec<VecDeque<DeltaBatch>>,
    rounds: Rounds,
    /// Flushes packed, by shard.
    done: Vec<u64>,
    packer: Packer,
    log: FrameLog,
    members: HashMap<PeerId, Arc<Progress>, FixedState>,
    /// Where members that are not yet in step come from.
    moved: HashMap<PeerId, Moved, FixedState>,
    /// Members that are on their way to another group.
    departing: HashSet<PeerId, FixedState>,
    /// Members there ever were.
    lives: u32,
    collector: Collector,
    splices: Vec<Splice>,
    tombs: Tombs,
    outputs: VecDeque<Output>,
    paced: bool,
    end_of_rib: EndOfRib,
    /// Calls since something last happened; spaces out the next ones.
    quiet: u32,
    timeout: Option<Instant>,
}

/// Whether End-of-RIB is sent when a member has everything.
#[derive(Clone, Copy, Debug, Default)]
struct EndOfRib {
    /// It is withheld.
    held: bool,
    /// Somebody has everything and was not told so.
    owed: bool,
}

/// Figures of one group.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EncoderFigures {
    /// Members, attached or not.
    pub members: usize,
    /// Members that read the log.
    pub attached: usize,
    /// Splices under way.
    pub splices: usize,
    /// Octets of messages held.
    pub log_bytes: usize,
    /// Octets of messages ever encoded.
    pub encoded_bytes: u64,
    /// Messages ever encoded.
    pub messages: u64,
    /// NLRI ever encoded.
    pub routes: u64,
    /// Splices ever begun.
    pub resyncs: u64,
    /// Waiting for the median member.
    pub paced: bool,
}

impl Encoder {
    /// An encoder for a group fed by `shards` shards, at most 64.
    pub fn new(group: GroupId, key: &GroupKey, shards: u8, limits: LogLimits) -> Self {
        let shards = usize::from(shards.min(64));
        Self {
            group,
            queues: (0..shards).map(|_| VecDeque::new()).collect(),
            rounds: Rounds::new(shards),
            done: vec![0; shards],
            packer: Packer::new(key, limits.segment_bytes),
            log: FrameLog::new(limits),
            members: HashMap::default(),
            moved: HashMap::default(),
            departing: HashSet::default(),
            lives: 0,
            collector: Collector::default(),
            splices: Vec::new(),
            tombs: Tombs::new(shards),
            outputs: VecDeque::new(),
            paced: false,
            end_of_rib: EndOfRib::default(),
            quiet: 0,
            timeout: None,
        }
    }

    /// As if every shard had sent this many flushes already.
    #[cfg(test)]
    pub(crate) fn count_from(&mut self, flush: u64) {
        self.done.fill(flush);
    }

    /// Takes a batch of one of the shards, in their order.
    pub fn push(&mut self, batch: DeltaBatch) {
        let shard = usize::from(batch.shard.0);
        if let Some(queue) = self.queues.get_mut(shard) {
            queue.push_back(batch);
            self.rounds.heard(shard);
        }
    }

    /// Says for every shard the first [round](DeltaBatch::round) of which it has a flush to come, as far as
    /// is known. To be called after everything was pushed that had arrived when it was found out; until the
    /// next time it stands.
    pub fn set_underway(&mut self, underway: impl IntoIterator<Item = Option<u64>>) {
        self.rounds.set(underway);
    }

    /// A new member, detached until it is granted its first splice: the whole state and End-of-RIB.
    pub fn join(&mut self, peer: PeerId, now: Instant) -> Member {
        self.moved.remove(&peer);
        let progress = self.log.progress(&self.done);
        self.enter(peer, progress, now)
    }

    /// A member that was told something by another group, as after a change of policy: it is granted the
    /// difference, withdrawals included. If it comes back to the group it departed from, it goes on where
    /// it was.
    pub fn join_from(&mut self, peer: PeerId, moved: Moved, now: Instant) -> Member {
        let progress = if moved.group == self.group {
            let progress = self.log.progress(&moved.watermark);
            if moved.synced {
                progress.set_synced();
            }
            progress
        } else {
            self.moved.insert(peer, moved);
            self.log.progress(&self.done)
        };
        self.enter(peer, progress, now)
    }

    fn enter(&mut self, peer: PeerId, progress: Arc<Progress>, now: Instant) -> Member {
        self.departing.remove(&peer);
        self.members.insert(peer, Arc::clone(&progress));
        self.lives = self.lives.wrapping_add(1);
        let member = Member::new(peer, (self.group, self.lives), progress);
        self.request(member.request(), now);
        member
    }

    /// Takes what [`Member::lagging`] or [`Member::refresh`] returned.
    pub fn request(&mut self, request: Request, now: Instant) {
        if !self.members.contains_key(&request.peer) || self.departing.contains(&request.peer) {
            return;
        }
        if request.afresh
            && !removed(Rule::Afresh)
            && let Some(moved) = self.moved.get_mut(&request.peer)
        {
            moved.synced = false;
        }
        self.collector.add(request, now);
    }

    /// A member is about to [depart](Member::depart): it is granted nothing any more, so that nobody waits
    /// for it to read, but what it was told is remembered until it leaves.
    pub fn depart(&mut self, peer: PeerId) {
        if self.members.contains_key(&peer) {
            self.departing.insert(peer);
            self.collector.remove(peer);
        }
    }

    /// Withholds End-of-RIB while `hold` is set, and sends what is owed afterwards: a speaker that
    /// restarted must not call its table complete before it is (RFC 4724 §4.1).
    pub fn hold_end_of_rib(&mut self, hold: bool) {
        self.end_of_rib.held = hold;
    }

    /// Forgets a member.
    pub fn leave(&mut self, peer: PeerId) {
        self.members.remove(&peer);
        self.moved.remove(&peer);
        self.departing.remove(&peer);
        self.collector.remove(peer);
    }

    /// Whether no member is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether batches should be taken from the queue: the median member keeps up.
    pub fn wants_batches(&self) -> bool {
        !self.paced
    }

    /// Octets of log ever written; when it moves, members have something to read.
    pub fn end(&self) -> u64 {
        self.log.end()
    }

    /// When [`Encoder::process`] should be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.timeout, self.collector.due(), self.rounds.deadline()].into_iter().flatten().min()
    }

    /// The next thing to be carried elsewhere.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Figures for `groups` and metrics.
    pub fn figures(&self) -> EncoderFigures {
        EncoderFigures {
            members: self.members.len(),
            attached: self.members.values().filter(|p| self.log.behind(p).is_some()).count(),
            splices: self.splices.len(),
            log_bytes: self.log.bytes(),
            encoded_bytes: self.log.end(),
            messages: self.packer.messages(),
            routes: self.packer.routes(),
            resyncs: self.collector.begun(),
            paced: self.paced,
        }
    }

    /// How many octets of the log a member has yet to take; `None` if it is not attached.
    pub fn lag(&self, peer: PeerId) -> Option<u64> {
        self.log.behind(self.members.get(&peer)?)
    }

    /// Packs what was pushed, drops what was read, starts and feeds splices.
    pub fn process(&mut self, now: Instant) {
        let before = (self.log.end(), self.log.bytes());
        while self.pack_round(now) {}
        self.log.reclaim(self.members.values().map(AsRef::as_ref));
        self.start_splices(now);
        self.feed_splices();
        self.pay_end_of_rib();
        self.pace();
        self.forget_tombs();
        self.quiet = if before == (self.log.end(), self.log.bytes()) { (self.quiet + 1).min(9) } else { 0 };
        let waits = self.log.bytes() > 0 || self.paced || self.hungry_splices() || self.tombs.are_owed();
        self.timeout = waits.then(|| now + TICK * (1 << self.quiet));
    }

    /// Packs the first batch of every shard: flushes of a round together; if there are none, splices, each for
    /// itself, which may end with End-of-RIB.
    fn pack_round(&mut self, now: Instant) -> bool {
        // End-of-RIB is due, and goes behind everything that is here.
        let time = !self.end_of_rib.owed || self.end_of_rib.held;
        let flushes = self.rounds.next(&mut self.queues, time, now);
        if !flushes.is_empty() {
            self.pack_flushes(&flushes);
            return true;
        }
        let mut busy = false;
        for at in 0..self.queues.len() {
            let Some(queue) = self.queues.get_mut(at) else { continue };
            if queue.front().is_some_and(|batch| !is_flush(batch))
                && let Some(batch) = queue.pop_front()
            {
                self.pack_splice(&batch);
                busy = true;
            }
        }
        busy
    }

    /// A shard's flush holds a prefix at most once, and shards share none: so one flush of each may be
    /// packed in any order, but two of a shard may not be mixed.
    fn pack_flushes(&mut self, flushes: &[DeltaBatch]) {
        let before = self.done.clone();
        for batch in flushes {
            let shard = usize::from(batch.shard.0);
            if let (BatchKind::Flush { flush }, Some(done)) = (batch.kind, self.done.get_mut(shard)) {
                *done = flush;
            }
            self.tombs.note(batch);
        }
        // Whoever is not attached will be told by a splice.
        if self.members.values().any(|progress| self.log.behind(progress).is_some()) {
            let place = Place { before: &before, after: &self.done, mark: None, end_of_rib: false };
            self.packer.pack(flushes, place, &mut self.log);
        }
    }

    /// Only once no splice is under way: its members would take it for the end of theirs.
    fn pay_end_of_rib(&mut self) {
        if self.end_of_rib.owed && !self.end_of_rib.held && self.splices.is_empty() {
            self.end_of_rib.owed = false;
            let place = Place { before: &self.done, after: &self.done, mark: None, end_of_rib: true };
            self.packer.pack(&[], place, &mut self.log);
        }
    }

    /// Stops taking batches while the median member is far behind: pacing by the crowd, not the straggler.
    fn pace(&mut self) {
        let limit = self.log.limits().pace_bytes;
        self.paced = self.log.bytes() > limit
            && splices::median_behind(&self.log, self.members.values()).is_some_and(|b| b > limit as u64);
        self.log.set_hungry(self.paced, self.hungry_splices());
    }

    /// Tells shards how far every member has come.
    fn forget_tombs(&mut self) {
        let members = self.members.values().map(AsRef::as_ref);
        for (shard, flush) in self.tombs.passed_by_all(members, &self.done) {
            let request = ShardRequest { shard, group: self.group, ask: Ask::Forget { flush } };
            self.outputs.push_back(Output::Shard(request));
        }
    }

    fn hungry_splices(&self) -> bool {
        self.splices.iter().any(|splice| splice.paused != 0)
    }
}

/// How soon what members have read is looked at again, doubled up to 512 times while nothing happens.
const TICK: Duration = Duration::from_millis(2);
