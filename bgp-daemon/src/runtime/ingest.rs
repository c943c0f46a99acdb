//! A session's way to the shards.

use std::sync::Arc;

use bgp_core::types::PeerId;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::mail::Mail;
use super::peering::PeerSettings;
use super::session_task::{Gone, Ingest, SessionEvent};
use super::shard::{IngestBatch, SESSION_CREDIT, ShardMessage, ShardSender};
use super::supervisor::SessionNews;

/// Sends what one peer's session reads.
#[derive(Debug)]
pub struct ShardIngest {
    peer: PeerId,
    shard: ShardSender,
    credit: Arc<Semaphore>,
    room: Option<Room>,
    settings: watch::Receiver<PeerSettings>,
    mail: Mail,
}

/// Leave to send one batch.
#[derive(Debug)]
struct Room {
    slot: OwnedPermit<ShardMessage>,
    credit: OwnedSemaphorePermit,
}

impl ShardIngest {
    /// For the session of `peer`.
    pub fn new(
        peer: PeerId,
        shard: ShardSender,
        settings: watch::Receiver<PeerSettings>,
        mail: Mail,
    ) -> Self {
        let credit = Arc::new(Semaphore::new(SESSION_CREDIT));
        Self { peer, shard, credit, room: None, settings, mail }
    }
}

impl Ingest for ShardIngest {
    async fn reserve(&mut self) -> Result<(), Gone> {
        if self.room.is_none() {
            let credit = Arc::clone(&self.credit).acquire_owned().await.map_err(|_| Gone)?;
            let slot = self.shard.clone().reserve_owned().await.map_err(|_| Gone)?;
            self.room = Some(Room { slot, credit });
        }
        Ok(())
    }

    fn send(&mut self, events: Vec<SessionEvent>) {
        let Some(Room { slot, credit }) = self.room.take() else { return };
        for event in &events {
            if let SessionEvent::EndOfRib(family) = event {
                self.mail.post(self.peer, SessionNews::EndOfRib(*family));
            }
        }
        let settings = self.settings.clone();
        slot.send(ShardMessage::Ingest(IngestBatch { peer: self.peer, events, settings, credit }));
    }

    fn release(&mut self) {
        self.room = None;
    }
}
