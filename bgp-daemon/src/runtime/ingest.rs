//! A session's way to the shards.

use bgp_core::types::PeerId;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::watch;

use super::mail::Mail;
use super::peering::PeerSettings;
use super::session_task::{Gone, Ingest, SessionEvent};
use super::shard::{IngestBatch, ShardMessage, ShardSender};
use super::supervisor::SessionNews;

/// Sends what one peer's session reads.
#[derive(Debug)]
pub struct ShardIngest {
    peer: PeerId,
    shard: ShardSender,
    permit: Option<OwnedPermit<ShardMessage>>,
    settings: watch::Receiver<PeerSettings>,
    mail: Mail,
}

impl ShardIngest {
    /// For the session of `peer`.
    pub fn new(
        peer: PeerId,
        shard: ShardSender,
        settings: watch::Receiver<PeerSettings>,
        mail: Mail,
    ) -> Self {
        Self { peer, shard, permit: None, settings, mail }
    }
}

impl Ingest for ShardIngest {
    async fn reserve(&mut self) -> Result<(), Gone> {
        if self.permit.is_none() {
            let permit = self.shard.clone().reserve_owned().await.map_err(|_| Gone)?;
            self.permit = Some(permit);
        }
        Ok(())
    }

    fn send(&mut self, events: Vec<SessionEvent>) {
        let Some(permit) = self.permit.take() else { return };
        for event in &events {
            if let SessionEvent::EndOfRib(family) = event {
                self.mail.post(self.peer, SessionNews::EndOfRib(*family));
            }
        }
        let settings = self.settings.clone();
        permit.send(ShardMessage::Ingest(IngestBatch { peer: self.peer, events, settings }));
    }

    fn release(&mut self) {
        self.permit = None;
    }
}
