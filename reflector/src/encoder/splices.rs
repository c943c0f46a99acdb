//! Splices of one group: who waits for one, which are under way, and how fast they are fed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::types::PeerId;

use super::{
    Ask, BatchKind, DeltaBatch, Encoder, Grant, GroupId, Output, Place, Previous, ShardId, ShardRequest,
    SpliceMark,
};
use crate::delta::SpliceId;
use crate::log::{FrameLog, Progress};
use crate::resync::{Request, Resync, shard_bit};

/// Requests not yet answered.
///
/// A lone request waits a moment only; while others follow it waits for the end of the storm, so that all
/// of them share one splice.
#[derive(Debug, Default)]
pub(super) struct Collector {
    waiting: Vec<Request>,
    first: Option<Instant>,
    due: Option<Instant>,
    next: u32,
}

/// A splice under way.
#[derive(Debug)]
pub(super) struct Splice {
    id: SpliceId,
    whole: bool,
    members: Arc<[PeerId]>,
    /// Shards whose last chunk is yet to come.
    open: u64,
    /// Shards that wait to be asked for their next chunk.
    pub(super) paused: u64,
}

impl Collector {
    /// Splices ever begun.
    pub(super) fn begun(&self) -> u64 {
        u64::from(self.next)
    }

    pub(super) fn add(&mut self, request: Request, now: Instant) {
        self.remove(request.peer);
        let delay = if self.waiting.is_empty() { LONE_DELAY } else { STORM_DELAY };
        self.waiting.push(request);
        let first = *self.first.get_or_insert(now);
        self.due = Some((now + delay).min(first + MAX_DELAY));
    }

    pub(super) fn remove(&mut self, peer: PeerId) {
        self.waiting.retain(|request| request.peer != peer);
        if self.waiting.is_empty() {
            (self.first, self.due) = (None, None);
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    fn take(&mut self) -> Vec<Request> {
        (self.first, self.due) = (None, None);
        std::mem::take(&mut self.waiting)
    }

    fn next_id(&mut self) -> SpliceId {
        self.next = self.next.wrapping_add(1);
        SpliceId(self.next)
    }
}

impl Encoder {
    pub(super) fn start_splices(&mut self, now: Instant) {
        if self.collector.due().is_none_or(|due| now < due) {
            return;
        }
        if self.splices.len() >= MAX_SPLICES {
            // Those that wait share one when there is room.
            self.collector.due = Some(now + STORM_DELAY);
            return;
        }
        let mut requests = self.collector.take();
        requests.retain(|request| self.members.contains_key(&request.peer));
        self.moved.retain(|peer, _| self.members.get(peer).is_some_and(|progress| !progress.is_synced()));
        // Those that come from different groups differ in what they have to be told.
        requests.sort_unstable_by_key(|request| (self.origin(request.peer), request.peer));
        let mut rest = requests.as_slice();
        while let Some(first) = rest.first() {
            let origin = self.origin(first.peer);
            let (same, others) =
                rest.split_at(rest.partition_point(|request| self.origin(request.peer) <= origin));
            self.start_splice(same);
            rest = others;
        }
    }

    fn origin(&self, peer: PeerId) -> Option<GroupId> {
        self.moved.get(&peer).map(|moved| moved.group)
    }

    fn start_splice(&mut self, requests: &[Request]) {
        let splice = self.collector.next_id();
        let members: Arc<[PeerId]> = requests.iter().map(|request| request.peer).collect();
        let whole = requests.iter().any(|request| request.whole);
        let open = (0..self.done.len()).fold(0, |bits, shard| bits | shard_bit(shard as u8));
        let mut from = self.done.clone();
        for request in requests {
            let Some(progress) = self.members.get(&request.peer) else { continue };
            for (least, flush) in from.iter_mut().zip(progress.watermark()) {
                *least = (*least).min(flush);
            }
            let segment = self.log.attach(progress);
            let grant = Grant { segment, splice, shards: open, asked: request.asked };
            self.outputs.push_back(Output::Grant { peer: request.peer, grant });
        }
        for (shard, from) in from.into_iter().enumerate() {
            let previous = self.previous(&members, shard);
            let ask = Resync { splice, whole, from, members: Arc::clone(&members), previous };
            self.ask(ShardId(shard as u8), Ask::Resync(ask));
        }
        self.splices.push(Splice { id: splice, whole, members, open, paused: 0 });
    }

    /// What all of `members`, who come from the same group, were told there by one shard.
    fn previous(&self, members: &[PeerId], shard: usize) -> Option<Previous> {
        let moved = || members.iter().filter_map(|peer| self.moved.get(peer));
        let group = moved().next()?.group;
        let flush = moved().map(|moved| moved.watermark.get(shard).copied().unwrap_or(0)).min()?;
        Some(Previous { group, flush, complete: moved().all(|moved| moved.synced) })
    }

    pub(super) fn pack_splice(&mut self, batch: &DeltaBatch) {
        self.tombs.note(batch);
        let (id, last) = match batch.kind {
            BatchKind::Splice { splice, last } => (splice, last),
            BatchKind::Refused { splice } => return self.refuse(splice),
            BatchKind::Flush { .. } => return,
        };
        let Some(at) = self.splices.iter().position(|splice| splice.id == id) else { return };
        let Some(splice) = self.splices.get_mut(at) else { return };
        let bit = shard_bit(batch.shard.0);
        if last {
            splice.open &= !bit;
        } else {
            splice.paused |= bit;
        }
        let mark = Some(SpliceMark { splice: id, shard: batch.shard, last });
        let complete = splice.whole && splice.open == 0;
        self.end_of_rib.owed |= complete && self.end_of_rib.held;
        let end_of_rib = complete && !self.end_of_rib.held;
        let place = Place { before: &self.done, after: &self.done, mark, end_of_rib };
        self.packer.pack(std::slice::from_ref(batch), place, &mut self.log);
        if splice.open == 0 {
            self.splices.swap_remove(at);
        }
    }

    /// Asks for next chunks as far as the median reader of a splice has come.
    pub(super) fn feed_splices(&mut self) {
        let mut at = 0;
        while let Some(splice) = self.splices.get_mut(at) {
            let readers = splice.members.iter().filter_map(|peer| self.members.get(peer));
            let (id, paused, open) = (splice.id, splice.paused, splice.open);
            match median_behind(&self.log, readers) {
                None => {
                    // All of them are gone or have given up; those will ask again.
                    self.splices.swap_remove(at);
                    self.ask_each(open, &Ask::Cancel(id));
                    continue;
                }
                Some(behind) if behind < SPLICE_CREDIT => {
                    splice.paused = 0;
                    self.ask_each(paused, &Ask::Continue(id));
                }
                Some(_) => {}
            }
            at += 1;
        }
    }

    fn refuse(&mut self, id: SpliceId) {
        let Some(at) = self.splices.iter().position(|splice| splice.id == id) else { return };
        let splice = self.splices.swap_remove(at);
        self.ask_each(splice.open, &Ask::Cancel(id));
        for peer in splice.members.iter().copied() {
            if let Some(progress) = self.members.get(&peer) {
                progress.detach();
                self.outputs.push_back(Output::Refused { peer });
            }
        }
    }

    fn ask_each(&mut self, shards: u64, ask: &Ask) {
        for shard in 0..self.done.len() as u8 {
            if shards & shard_bit(shard) != 0 {
                self.ask(ShardId(shard), ask.clone());
            }
        }
    }

    fn ask(&mut self, shard: ShardId, ask: Ask) {
        self.outputs.push_back(Output::Shard(ShardRequest { shard, group: self.group, ask }));
    }
}

/// How many octets the median of the attached among `members` has yet to read.
pub(super) fn median_behind<'a>(
    log: &FrameLog,
    members: impl Iterator<Item = &'a Arc<Progress>>,
) -> Option<u64> {
    let mut behind: Vec<u64> = members.filter_map(|progress| log.behind(progress)).collect();
    let middle = behind.len() / 2;
    (!behind.is_empty()).then(|| *behind.select_nth_unstable(middle).1)
}

/// Before a request that comes alone is answered.
const LONE_DELAY: Duration = Duration::from_millis(10);
/// After the last request of several.
const STORM_DELAY: Duration = Duration::from_millis(100);
/// However long the storm.
const MAX_DELAY: Duration = Duration::from_secs(2);
/// Splices at a time: more would encode the same state again instead of sharing it.
const MAX_SPLICES: usize = 4;
/// Octets the median reader of a splice may be behind before the next chunk is asked for.
const SPLICE_CREDIT: u64 = 1 << 20;
