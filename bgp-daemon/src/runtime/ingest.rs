//! A session's way to the shards.
//!
//! Every shard owns a part of all prefixes: what is read is divided among them, each part in the order of
//! reading, and what is about the session itself goes to all.
//!
//! Room is reserved in the queue of every shard before anything is read, so that a batch is never sent in
//! part. A session may hold room in one queue while it waits for room in another. No circle can come of
//! that: a shard takes from its queue whatever the sessions do, and waits for none of them; and all
//! sessions reserve in the same order.

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_core::rib;
use bgp_core::types::{Division, Family, PeerId, Scatter};
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::mail::Mail;
use super::peering::PeerSettings;
use super::session_task::{Gone, Ingest, SessionEvent};
use super::shard::{IngestBatch, ShardMessage, ShardSender, Shards, session_credit};
use super::supervisor::SessionNews;

/// Sends what one peer's session reads.
#[derive(Debug)]
pub struct ShardIngest {
    peer: PeerId,
    shards: Shards,
    /// To each shard, in the order of the parts they own.
    lanes: Vec<Lane>,
    /// One for each lane, or none.
    rooms: Vec<Room>,
    scatter: Scatter,
    settings: watch::Receiver<PeerSettings>,
    mail: Mail,
}

/// The way to one shard.
#[derive(Debug)]
struct Lane {
    shard: ShardSender,
    credit: Arc<Semaphore>,
}

/// Leave to send one batch to one shard; given back if it is dropped instead.
#[derive(Debug)]
struct Room {
    slot: OwnedPermit<ShardMessage>,
    credit: OwnedSemaphorePermit,
}

/// Gives back what was reserved when waiting for the rest is given up: a session that has nothing to send
/// after all must not keep places that others wait for.
struct Reserving<'a> {
    rooms: &'a mut Vec<Room>,
    all: usize,
}

impl Drop for Reserving<'_> {
    fn drop(&mut self) {
        if self.rooms.len() < self.all {
            self.rooms.clear();
        }
    }
}

impl ShardIngest {
    /// For the session of `peer`.
    pub fn new(peer: PeerId, shards: Shards, settings: watch::Receiver<PeerSettings>, mail: Mail) -> Self {
        let batches = session_credit(shards.len());
        let credit = || Arc::new(Semaphore::new(batches));
        let lane = |shard: &ShardSender| Lane { shard: shard.clone(), credit: credit() };
        let lanes: Vec<Lane> = shards.iter().map(lane).collect();
        let scatter = Scatter::new(Division::new(lanes.len()));
        Self { peer, shards, lanes, rooms: Vec::new(), scatter, settings, mail }
    }

    fn deliver(
        &self,
        Room { slot, credit }: Room,
        events: Vec<SessionEvent>,
        load: Load,
        round: Option<u64>,
    ) {
        let (peer, settings) = (self.peer, self.settings.clone());
        let small = load == Load::FewRoutes;
        slot.send(ShardMessage::Ingest(IngestBatch { peer, events, small, round, settings, credit }));
    }

    /// Hands the parts to their owners.
    fn deliver_parts(&mut self, parts: Vec<Vec<SessionEvent>>, load: Load) {
        let rooms = std::mem::take(&mut self.rooms);
        debug_assert_eq!(rooms.len(), parts.len(), "room is reserved before anything is read");
        let owners = || parts.iter().enumerate().filter(|(_, events)| !events.is_empty());
        let divided = load == Load::ManyRoutes && owners().count() > 1;
        let round = divided.then(|| self.shards.rounds().read(owners().map(|(owner, _)| owner)));
        for (room, events) in rooms.into_iter().zip(parts).filter(|(_, events)| !events.is_empty()) {
            self.deliver(room, events, load, round);
        }
    }
}

/// What a batch brings: all of it, whichever shard gets how much.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Load {
    /// At most [`SMALL`] routes and nothing else: waits for nothing.
    FewRoutes,
    /// Nothing but routes: what is made of their parts goes out together.
    ManyRoutes,
    /// The fate of the session too, which waits for no other shard.
    Fate,
}

impl Load {
    fn of(events: &[SessionEvent]) -> Self {
        let mut routes = 0;
        for event in events {
            let SessionEvent::Routes(said) = event else { return Self::Fate };
            let mut said = said.iter();
            while routes <= SMALL
                && let Some(one) = said.next()
            {
                routes += one.nlri().len();
            }
        }
        if routes <= SMALL { Self::FewRoutes } else { Self::ManyRoutes }
    }
}

impl Ingest for ShardIngest {
    async fn reserve(&mut self) -> Result<(), Gone> {
        let reserving = Reserving { rooms: &mut self.rooms, all: self.lanes.len() };
        for lane in self.lanes.iter().skip(reserving.rooms.len()) {
            let credit = Arc::clone(&lane.credit).acquire_owned().await.map_err(|_| Gone)?;
            let slot = lane.shard.clone().reserve_owned().await.map_err(|_| Gone)?;
            reserving.rooms.push(Room { slot, credit });
        }
        Ok(())
    }

    fn send(&mut self, events: Vec<SessionEvent>) {
        // Passed on once, however often the peer says it.
        let ended: BTreeSet<Family> = events.iter().filter_map(ends).collect();
        let load = Load::of(&events);
        if let [_] = self.lanes.as_slice() {
            let Some(room) = self.rooms.pop() else { return };
            self.deliver(room, events, load, None);
        } else {
            let parts = divide(&mut self.scatter, events);
            self.deliver_parts(parts, load);
        }
        // Whoever hears of the end asks every shard whether it has come so far: it must be in their queues.
        for family in ended {
            self.mail.post(self.peer, SessionNews::EndOfRib(family));
        }
    }

    fn release(&mut self) {
        self.rooms.clear();
    }
}

fn ends(event: &SessionEvent) -> Option<Family> {
    match event {
        SessionEvent::EndOfRib(family) => Some(*family),
        _ => None,
    }
}

/// Routes in a batch that goes first: what a host changes at a time, and a small part of what a session
/// that loads a table sends at a time.
const SMALL: usize = 32;

/// What each shard is told: routes go to their owners, everything else to all.
fn divide(scatter: &mut Scatter, events: Vec<SessionEvent>) -> Vec<Vec<SessionEvent>> {
    let mut parts = vec![Vec::new(); scatter.division().parts()];
    for event in events {
        match event {
            SessionEvent::Routes(said) => {
                // Where prefixes of an UPDATE lie apart each of two shards has a part of nearly all; of
                // sixteen, of few.
                let room = (2 * said.len() / parts.len().max(1)).min(said.len());
                let piles = parts.iter().map(|_| Vec::with_capacity(room));
                let mut piles: Vec<Vec<rib::Ingest>> = piles.collect();
                for one in said {
                    one.scatter(scatter, |owner, part| {
                        if let Some(pile) = piles.get_mut(owner) {
                            pile.push(part);
                        }
                    });
                }
                for (part, pile) in parts.iter_mut().zip(piles).filter(|(_, pile)| !pile.is_empty()) {
                    part.push(SessionEvent::Routes(pile));
                }
            }
            other => parts.iter_mut().for_each(|events| events.push(other.clone())),
        }
    }
    scatter.rest();
    parts
}

#[cfg(test)]
mod tests;
