//! Operations on their way: the dirty queues, batches, answers and retries.

use std::sync::Arc;
use std::time::Instant;

use ipnet::IpNet;

use super::trouble::Class;
use super::{DOUBT, Flight, IN_FLIGHT, QUEUED, Reconciler, TOUCHED};
use crate::kernel::{BATCH_OPS, BATCHES_IN_FLIGHT, OpBatch};
use crate::plan::{FibOp, Verb};
use crate::route::FibRoute;

impl Reconciler {
    /// When [`Self::retry`] has something to do.
    pub fn next_retry(&self) -> Option<Instant> {
        self.troubles.next_retry()
    }

    /// Queues routes whose next attempt is due.
    pub fn retry(&mut self, now: Instant) {
        while let Some(prefix) = self.troubles.pop_due(now) {
            let entry = self.entries.get(prefix).copied().unwrap_or_default();
            if self.verb(prefix, entry).0 == Verb::Keep {
                self.settle(prefix);
            } else {
                self.enqueue(prefix);
            }
        }
    }

    /// The next operations to send; `None` when there are none or enough are unanswered.
    pub fn next_batch(&mut self) -> Option<OpBatch> {
        if !self.synced || self.flights.len() >= BATCHES_IN_FLIGHT {
            return None;
        }
        let mut ops = Vec::new();
        let mut flight = Vec::new();
        while ops.len() < BATCH_OPS {
            let Some((prefix, may_delete)) = self.pop_dirty() else { break };
            self.launch(prefix, may_delete, &mut ops, &mut flight);
        }
        if ops.is_empty() {
            return None;
        }
        self.next_batch += 1;
        self.flights.insert(self.next_batch, flight);
        Some(OpBatch { id: self.next_batch, ops })
    }

    /// Takes in what became of a batch.
    pub fn results(&mut self, batch: u64, results: &[Result<(), i32>], now: Instant) {
        let Some(flight) = self.flights.remove(&batch) else { return };
        for (i, sent) in flight.into_iter().enumerate() {
            // A missing answer is an unknown outcome, which only a look at the kernel can settle.
            let outcome = results.get(i).copied().unwrap_or(Err(libc::EINTR));
            self.landed(&sent, outcome, now);
        }
    }

    pub(super) fn enqueue(&mut self, prefix: IpNet) {
        let Some(entry) = self.entries.get(prefix).copied() else { return };
        if entry.flags & (QUEUED | IN_FLIGHT) != 0 {
            return;
        }
        let queue = match self.verb(prefix, entry).0 {
            Verb::Keep => return,
            Verb::Create | Verb::Replace => &mut self.upserts,
            Verb::Delete => &mut self.deletes,
        };
        queue.push_back((self.flush, prefix));
        self.entries.entry(prefix).flags |= QUEUED;
    }

    /// Additions first; a removal waits for the additions of its own flush and of earlier ones.
    fn pop_dirty(&mut self) -> Option<(IpNet, bool)> {
        let add = self.upserts.front().map(|(flush, _)| *flush);
        let del = self.deletes.front().map(|(flush, _)| *flush);
        let (queue, may_delete) = match (add, del) {
            (Some(add), Some(del)) if add > del => (&mut self.deletes, true),
            (Some(_), _) => (&mut self.upserts, false),
            (None, _) => (&mut self.deletes, true),
        };
        let popped = queue.pop_front().map(|(_, prefix)| (prefix, may_delete));
        if queue.is_empty() {
            // A full table queues a million entries once; their room is given back.
            queue.shrink_to(QUEUE_KEPT);
        }
        popped
    }

    fn launch(&mut self, prefix: IpNet, may_delete: bool, ops: &mut Vec<FibOp>, flight: &mut Vec<Flight>) {
        let Some(entry) = self.entries.get_mut(prefix) else { return };
        entry.flags &= !QUEUED;
        let entry = *entry;
        let (verb, kind) = self.verb(prefix, entry);
        let key = self.key(prefix);
        let route = self.kinds.get(kind).map(|kind| FibRoute { key, kind: Arc::clone(kind) });
        let op = match (verb, route) {
            (Verb::Create, Some(route)) => FibOp::Create(route),
            (Verb::Replace, Some(route)) => FibOp::Replace(route),
            // It was to be added and is now to go: back in line, behind the additions.
            (Verb::Delete, _) if !may_delete => return self.enqueue(prefix),
            (Verb::Delete, _) => FibOp::Delete(key),
            _ => return self.settle(prefix),
        };
        self.entries.entry(prefix).flags |= IN_FLIGHT;
        ops.push(op);
        flight.push(Flight { prefix, verb, kind });
    }

    fn landed(&mut self, sent: &Flight, outcome: Result<(), i32>, now: Instant) {
        let dumping = self.dumping;
        let Some(entry) = self.entries.get_mut(sent.prefix) else { return };
        self.dump_wanted |= entry.has(DOUBT);
        entry.flags &= !(IN_FLIGHT | DOUBT);
        if dumping {
            entry.flags |= TOUCHED;
        }
        let before = entry.actual;
        let failure = match (sent.verb, outcome) {
            (_, Ok(())) => {
                entry.actual = if sent.verb == Verb::Delete { 0 } else { sent.kind };
                None
            }
            // Gone already, or never ours.
            (Verb::Delete, Err(libc::ESRCH | libc::ENOENT))
            | (Verb::Replace, Err(libc::ENOENT | libc::ESRCH)) => {
                entry.actual = 0;
                None
            }
            (_, Err(errno)) => Some(Class::of_errno(errno)),
        };
        let after = entry.actual;
        self.count_installed(before, after);
        match failure {
            None => {
                self.counters.ops_ok += 1;
                self.troubles.clear(sent.prefix);
                self.unseen.remove(&sent.prefix);
            }
            Some(class) => {
                self.counters.ops_failed += 1;
                let class = match class {
                    Class::Exists if self.unseen.contains(&sent.prefix) => Class::Refused(libc::EEXIST),
                    class => class,
                };
                let attempts = self.troubles.note(sent.prefix, class, now);
                self.dump_wanted |= match class {
                    Class::Exists => true,
                    // Looking helps if the view was behind; it does not if the kernel simply disagrees.
                    Class::Unreachable => attempts < 3,
                    Class::Busy => outcome == Err(libc::EINTR),
                    Class::Contested | Class::Refused(_) => false,
                };
            }
        }
        self.settle(sent.prefix);
    }
}

/// Room for a flush is kept, more is given back.
const QUEUE_KEPT: usize = 4096;
