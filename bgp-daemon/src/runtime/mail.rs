//! Session news for the supervisor, from places that cannot wait.

use bgp_core::types::PeerId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::supervisor::{Event, SessionNews};

/// Posts news of sessions.
///
/// While the supervisor is busy a letter waits in a task of its own; that happens at most a few times for
/// each establishment of a session, which the session's own timers space out. Letters may overtake each
/// other then, so that what depends on order carries a generation.
#[derive(Clone, Debug)]
pub struct Mail {
    supervisor: mpsc::Sender<Event>,
}

impl Mail {
    /// To this supervisor.
    pub fn new(supervisor: mpsc::Sender<Event>) -> Self {
        Self { supervisor }
    }

    /// Posts news of the session of `peer`.
    pub fn post(&self, peer: PeerId, news: SessionNews) {
        if let Err(TrySendError::Full(event)) = self.supervisor.try_send(Event::Session(peer, news)) {
            let supervisor = self.supervisor.clone();
            tokio::spawn(async move {
                // Only fails when the process ends.
                let _ = supervisor.send(event).await;
            });
        }
    }
}
