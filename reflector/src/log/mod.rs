//! The shared log of encoded messages of one group: one writer, any number of readers, no locks.
//!
//! The writer fills segments; every member reads at its own pace and skips what is not for it. Two things
//! bound the memory: segments all attached members have left are dropped at once, and beyond
//! [`LogLimits::max_bytes`] the oldest are dropped whoever still wants them. A member that finds its
//! segment gone is *lagging* and has to resynchronise; until it notices it costs nothing.

mod segment;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

pub(crate) use segment::{Content, Segment, Span, SpliceMark, message_len};

/// How much a log may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogLimits {
    /// Octets of messages above which the oldest are dropped.
    pub max_bytes: usize,
    /// Octets the median member may be behind before the encoder stops taking batches.
    pub pace_bytes: usize,
    /// Octets after which a new segment begins: what is returned to the system at a time.
    pub segment_bytes: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { max_bytes: 32 << 20, pace_bytes: 4 << 20, segment_bytes: 256 << 10 }
    }
}

/// Where a member stands, published by the member for the writer.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Segment it reads in; [`DETACHED`] if none.
    segment: AtomicU64,
    /// Octets of the log behind it.
    position: AtomicU64,
    /// Flushes it has consumed whole, by shard.
    watermark: Box<[AtomicU64]>,
    /// Everything was consumed once.
    synced: AtomicBool,
    hunger: Arc<Hunger>,
}

/// Whose reading on the writer waits for.
#[derive(Debug, Default)]
struct Hunger {
    /// Every member's.
    all: AtomicBool,
    /// That of members in a splice: hundreds of others read at each change.
    spliced: AtomicBool,
}

impl Progress {
    pub(crate) fn moved(&self, segment: u64, position: u64) {
        self.position.store(position, Ordering::Release);
        self.segment.store(segment, Ordering::Release);
    }

    pub(crate) fn detach(&self) {
        self.segment.store(DETACHED, Ordering::Release);
    }

    pub(crate) fn consumed(&self, watermark: &[u64]) {
        for (slot, flush) in self.watermark.iter().zip(watermark) {
            slot.store(*flush, Ordering::Release);
        }
    }

    pub(crate) fn set_synced(&self) {
        self.synced.store(true, Ordering::Release);
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire)
    }

    /// Whether the writer wants to hear that the member has read on, which is in a splice or is not.
    pub(crate) fn is_awaited(&self, spliced: bool) -> bool {
        let Hunger { all, spliced: some } = &*self.hunger;
        all.load(Ordering::Acquire) || spliced && some.load(Ordering::Acquire)
    }

    pub(crate) fn watermark(&self) -> impl Iterator<Item = u64> + '_ {
        self.watermark.iter().map(|flush| flush.load(Ordering::Acquire))
    }
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct FrameLog {
    limits: LogLimits,
    /// Oldest first; the last one is the unfilled end.
    segments: VecDeque<Arc<Segment>>,
    tail: Arc<Segment>,
    bytes: usize,
    hunger: Arc<Hunger>,
}

impl FrameLog {
    pub(crate) fn new(limits: LogLimits) -> Self {
        let tail = Arc::new(Segment::empty(0, 0));
        Self { limits, segments: VecDeque::new(), tail, bytes: 0, hunger: Arc::default() }
    }

    pub(crate) fn limits(&self) -> LogLimits {
        self.limits
    }

    /// Octets of messages held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Octets ever appended.
    pub(crate) fn end(&self) -> u64 {
        self.tail.start
    }

    pub(crate) fn append(&mut self, content: Content) {
        let len = content.bytes.len();
        let next = Arc::new(Segment::empty(self.tail.seq + 1, self.tail.start + len as u64));
        let filled = std::mem::replace(&mut self.tail, next);
        // The order matters to readers on other threads; neither can fail, there is one writer.
        let _ = filled.next.set(Arc::downgrade(&self.tail));
        let _ = filled.content.set(content);
        self.segments.push_back(filled);
        self.bytes += len;
        while self.bytes > self.limits.max_bytes {
            self.drop_oldest();
        }
    }

    /// Progress for a new member, detached, having read everything up to `watermark`.
    pub(crate) fn progress(&self, watermark: &[u64]) -> Arc<Progress> {
        Arc::new(Progress {
            segment: AtomicU64::new(DETACHED),
            position: AtomicU64::new(self.end()),
            watermark: watermark.iter().map(|flush| AtomicU64::new(*flush)).collect(),
            synced: AtomicBool::new(false),
            hunger: Arc::clone(&self.hunger),
        })
    }

    /// Lets the member read from the end of the log on.
    pub(crate) fn attach(&self, progress: &Progress) -> Weak<Segment> {
        progress.moved(self.tail.seq, self.end());
        Arc::downgrade(&self.tail)
    }

    /// How many octets the member has yet to read; `None` if it is detached or lagging.
    pub(crate) fn behind(&self, progress: &Progress) -> Option<u64> {
        let segment = progress.segment.load(Ordering::Acquire);
        let oldest = self.segments.front().map_or(self.tail.seq, |segment| segment.seq);
        let attached = segment != DETACHED && segment >= oldest;
        attached.then(|| self.end().saturating_sub(progress.position.load(Ordering::Acquire)))
    }

    /// Drops what every attached member has left behind.
    pub(crate) fn reclaim<'a>(&mut self, members: impl Iterator<Item = &'a Progress>) {
        let oldest = self.segments.front().map_or(self.tail.seq, |segment| segment.seq);
        let reading = members
            .map(|progress| progress.segment.load(Ordering::Acquire))
            .filter(|segment| *segment >= oldest)
            .min()
            .unwrap_or(DETACHED);
        while self.segments.front().is_some_and(|segment| segment.seq < reading) {
            self.drop_oldest();
        }
    }

    /// Asks all members, or those in splices, to report when they have read on.
    pub(crate) fn set_hungry(&self, all: bool, spliced: bool) {
        self.hunger.all.store(all, Ordering::Release);
        self.hunger.spliced.store(spliced, Ordering::Release);
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.segments.pop_front() else {
            self.bytes = 0;
            return;
        };
        self.bytes -= oldest.content.get().map_or(0, |content| content.bytes.len());
    }
}

const DETACHED: u64 = u64::MAX;

#[cfg(test)]
mod tests;
