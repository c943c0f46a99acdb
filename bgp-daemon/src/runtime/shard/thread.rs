//! The loop of a shard: take in, decide, tell.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bgp_core::rib::{Change, ChangeContext, ChangeSink, Hold, NextHopState, Shard};
use bgp_core::types::{Family, NlriKey, PeerId};
use fib_sync::{FibHandle, NextHopRef};
use reflector::{DeltaBatch, Export, ShardId};
use tokio::sync::{mpsc, oneshot};

use super::fib::FibChanges;
use super::inbox::{Inbox, Ranked as _};
use super::outbox::Outbox;
use super::park::run_until;
use super::rounds::{Place, Rounds};
use crate::runtime::peering::{each, peer_info};
use crate::runtime::session_task::SessionEvent;

use super::{IngestBatch, ReadView, SHARD_QUEUE, ShardMessage, ShardSender};

/// What a shard starts with.
pub struct Setup {
    /// Its number.
    pub id: ShardId,
    /// Its tables, empty.
    pub shard: Shard,
    /// What it decides together with the others.
    pub rounds: Arc<Rounds>,
    /// Where kernel routes and next hops are looked after.
    pub fib: FibHandle,
    /// Whether best paths go to the kernel.
    pub program: bool,
}

/// Starts the thread.
///
/// # Errors
/// When the system has no thread left.
pub fn spawn(setup: Setup) -> io::Result<(ShardSender, JoinHandle<()>)> {
    let (sender, queue) = mpsc::channel(SHARD_QUEUE);
    let name = format!("rib-{}", setup.id.0);
    let mut worker = Worker::new(setup, queue);
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        // A table that was left half changed must not announce anything.
        let run = std::panic::AssertUnwindSafe(|| worker.run());
        if std::panic::catch_unwind(run).is_err() {
            tracing::error!("a routing table shard failed; the process ends, kernel routes stay");
            std::process::abort();
        }
    })?;
    Ok((sender, thread))
}

struct Worker {
    shard: Shard,
    sink: Sink,
    place: Place,
    /// What is flushed next has something small in it.
    hurry: bool,
    /// It has something in it that is of no round.
    urgent: bool,
    /// Until when it makes no way for others again.
    busy_until: Instant,
    route_task: FibHandle,
    queue: mpsc::Receiver<ShardMessage>,
    inbox: Inbox,
    outbox: Outbox,
    batches: Vec<DeltaBatch>,
    /// Peers to be forgotten once none of their paths is left.
    leaving: Vec<PeerId>,
    /// Who waits until everything received so far has been decided and passed on.
    waiting: Vec<oneshot::Sender<()>>,
}

/// Tells both halves of what a flush decides.
struct Sink {
    export: Export,
    fib: FibChanges,
}

impl ChangeSink for Sink {
    fn change<K: NlriKey>(&mut self, change: &Change<'_, K>, ctx: &mut ChangeContext<'_>) -> Hold {
        self.fib.change(change, ctx);
        self.export.change(change, ctx)
    }
}

impl Worker {
    fn new(setup: Setup, queue: mpsc::Receiver<ShardMessage>) -> Self {
        Self {
            sink: Sink { export: Export::new(setup.id), fib: FibChanges::new(setup.program) },
            shard: setup.shard,
            place: Place::new(setup.rounds, usize::from(setup.id.0)),
            hurry: false,
            urgent: false,
            busy_until: Instant::now(),
            route_task: setup.fib,
            queue,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            batches: Vec::new(),
            leaving: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn run(&mut self) {
        let mut more = false;
        loop {
            if !more && !self.wait() {
                return;
            }
            if !self.take_in() {
                return;
            }
            more = self.shard.step(BACKGROUND);
            self.flush();
            if self.hurry && (more || self.inbox.next_is_large()) {
                self.make_way(Instant::now());
            }
            if !more && !self.waiting.is_empty() && self.knows_next_hops() && self.has_passed_on() {
                for reply in self.waiting.drain(..) {
                    // Whoever does not wait any more needs no answer.
                    let _ = reply.send(());
                }
            }
            more |= self.outbox.rooms().any(|(id, open)| open && self.sink.export.is_behind(id));
        }
    }

    /// Returns when there is something to do. False once nobody can send any more.
    fn wait(&mut self) -> bool {
        if self.inbox.is_empty() {
            let message = self.queue.blocking_recv();
            return message.map(|message| self.inbox.put(message)).is_some();
        }
        let Some(deadline) = self.place.deadline().filter(|_| !self.inbox.has_small()) else { return true };
        let woken = async {
            tokio::select! {
                biased;
                message = self.queue.recv(), if self.inbox.has_room() => Some(message),
                () = self.place.progress() => None,
            }
        };
        match run_until(deadline, woken).flatten() {
            Some(Some(message)) => {
                self.inbox.put(message);
                true
            }
            // When nobody can send any more, what has come is still done.
            Some(None) | None => true,
        }
    }

    /// Leaves the processor to those who pass a small change on, until something comes that is not as large
    /// as what waits already.
    ///
    /// What waits has as much time afterwards as it was made to wait.
    fn make_way(&mut self, now: Instant) {
        if now < self.busy_until || self.inbox.has_small() {
            return;
        }
        let deadline = now + MAKE_WAY;
        while self.inbox.has_room() {
            // None: the time is over. Nothing in it: nobody can send any more, which is found out soon.
            let Some(Some(message)) = run_until(deadline, self.queue.recv()) else { break };
            let large = message.is_large();
            self.inbox.put(message);
            if !large {
                break;
            }
        }
        let end = Instant::now();
        self.busy_until = end + end.saturating_duration_since(now);
    }

    /// Whether what comes next must wait for this shard's flush or for other shards.
    fn must_wait(&mut self) -> bool {
        self.place.must_wait(self.inbox.next_round(), Instant::now)
    }

    /// Handles messages until there is a flush to make. False ends the thread.
    ///
    /// Low latency when idle: nothing waits after one batch. Large flushes when busy, but for a small batch:
    /// that has passed others so that it is decided now.
    fn take_in(&mut self) -> bool {
        self.hurry = false;
        self.urgent = false;
        while self.shard.dirty() < self.place.limit(FLUSH) {
            let open = self.inbox.fill(&mut self.queue);
            let blocked = self.must_wait();
            let message = match self.inbox.next_small(blocked) {
                Some(message) => {
                    self.hurry = true;
                    message
                }
                None if self.hurry || blocked => break,
                None => match self.inbox.next_other() {
                    Some(message) => message,
                    None => return open,
                },
            };
            if !self.handle(message) {
                return false;
            }
        }
        true
    }

    /// False ends the thread.
    fn handle(&mut self, message: ShardMessage) -> bool {
        self.urgent |= message.is_whole_change();
        match message {
            ShardMessage::Ingest(batch) => self.ingest(batch),
            ShardMessage::Originate { attrs, removed, added } => {
                for block in &removed {
                    self.shard.withdraw(PeerId::LOCAL, block);
                }
                for block in &added {
                    self.shard.announce(PeerId::LOCAL, block, &attrs);
                }
            }
            ShardMessage::PeerChanged(peer, info) => self.shard.peer_changed(peer, *info),
            ShardMessage::Policy(id, policy) => self.shard.set_policy(id, policy),
            ShardMessage::ForgetPolicy(id) => self.shard.forget_policy(id),
            ShardMessage::Decision(decision) => self.shard.set_decision(decision),
            ShardMessage::NextHops(states) => self.shard.set_next_hops(&states),
            ShardMessage::AddGroup { id, key, policy, queue } => {
                self.outbox.add(id, queue);
                self.sink.export.add_group(id, *key, policy);
            }
            ShardMessage::RemoveGroup(id) => {
                self.outbox.remove(id);
                self.sink.export.remove_group(id, &mut self.shard);
            }
            ShardMessage::Request(request) => self.sink.export.request(request),
            ShardMessage::Settle(reply) => self.waiting.push(reply),
            ShardMessage::Forget(peer) => self.leaving.push(peer),
            ShardMessage::Room(id) => self.outbox.drain(id),
            ShardMessage::Read(read) => read(&mut ReadView { shard: &self.shard, export: &self.sink.export }),
            ShardMessage::Stop => return false,
        }
        true
    }

    fn ingest(&mut self, batch: IngestBatch) {
        let peer = batch.peer;
        batch.round.into_iter().for_each(|round| self.place.take(round));
        for event in batch.events {
            match event {
                SessionEvent::Routes(mut said) => self.shard.ingest(peer, &mut said),
                SessionEvent::Up(negotiated) => {
                    let info = peer_info(&batch.settings.borrow(), &negotiated);
                    self.shard.peer_up(peer, info);
                }
                SessionEvent::MarkStale(family) => self.shard.mark_stale(peer, family),
                SessionEvent::FlushStale(family) => self.shard.end_of_rib(peer, family),
                SessionEvent::Down(down) => {
                    let retain: Vec<Family> = each(&down.retain).collect();
                    self.shard.peer_down(peer, &retain);
                }
                // What it ends is flushed by an event of its own.
                SessionEvent::EndOfRib(_) => {}
            }
        }
    }

    /// Whether no path waits for word of its next hop.
    fn knows_next_hops(&self) -> bool {
        let waits = |state, paths| paths > 0 && state == NextHopState::Unknown;
        !self.shard.next_hops().any(|(_, state, paths)| waits(state, paths))
    }

    /// Whether every group has been told what was decided.
    fn has_passed_on(&self) -> bool {
        self.outbox.lanes().all(|(id, sent)| sent && !self.sink.export.is_behind(id))
    }

    fn flush(&mut self) {
        for (id, open) in self.outbox.rooms() {
            self.sink.export.set_open(id, open);
        }
        self.shard.flush(&mut self.sink);
        self.sink.export.finish(&mut self.shard, &mut self.batches);
        let round = self.place.close();
        for mut batch in self.batches.drain(..) {
            (batch.round, batch.hurry) = (round, self.hurry || self.urgent);
            self.outbox.push(batch);
        }
        // What follows may be of the same round. When nobody can send any more, the next call finds out.
        let _ = self.inbox.fill(&mut self.queue);
        self.place.passed_on(self.inbox.coming_round());
        self.leaving.retain(|peer| !self.shard.forget_peer(*peer));
        let routes = self.sink.fib.take();
        let wanted = self.shard.take_wanted_next_hops();
        // The route task only ends when the process does; then nobody needs to be told.
        if !wanted.add.is_empty() || !wanted.remove.is_empty() {
            let add = wanted.add.into_iter().map(NextHopRef::from).collect();
            let remove = wanted.remove.into_iter().map(NextHopRef::from).collect();
            let _ = self.route_task.track_next_hops_blocking(add, remove);
        }
        if !routes.is_empty() {
            let _ = self.route_task.update_blocking(routes);
        }
    }
}

/// Destinations changed before a flush is made although more input waits. A small change waits for such a
/// flush; larger ones save nothing.
const FLUSH: usize = 512;
/// How long a change takes to some hundred clients on two cores.
const MAKE_WAY: Duration = Duration::from_millis(2);
/// Destinations looked at in one go by work that is spread out: sweeps, new policies, next hops.
const BACKGROUND: usize = 4096;

#[cfg(test)]
mod tests;
