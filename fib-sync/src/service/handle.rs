//! The end that the rest of the program holds: commands in, answers out.

use tokio::sync::{mpsc, oneshot};

use crate::config::OriginRules;
use crate::desired::UpdateBatch;
use crate::error::FibError;
use crate::nexthop::NextHopRef;
use crate::status::{FibSnapshot, SnapshotQuery};

/// Sends commands to the task; clones share one bounded queue.
#[derive(Clone, Debug)]
pub struct FibHandle {
    pub(crate) commands: mpsc::Sender<Command>,
}

impl FibHandle {
    /// Changes desired routes. Waits while the task is behind.
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub async fn update(&self, batch: UpdateBatch) -> Result<(), FibError> {
        self.send(Command::Update(batch)).await
    }

    /// [`Self::update`] for threads outside the runtime; blocks while the task is behind.
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub fn update_blocking(&self, batch: UpdateBatch) -> Result<(), FibError> {
        self.commands.blocking_send(Command::Update(batch)).map_err(|_| FibError::Stopped)
    }

    /// Starts and stops telling about next hops. Additions are counted: one added twice must be
    /// removed twice.
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub async fn track_next_hops(
        &self,
        add: Vec<NextHopRef>,
        remove: Vec<NextHopRef>,
    ) -> Result<(), FibError> {
        self.send(Command::Track { add, remove }).await
    }

    /// [`Self::track_next_hops`] for threads outside the runtime.
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub fn track_next_hops_blocking(
        &self,
        add: Vec<NextHopRef>,
        remove: Vec<NextHopRef>,
    ) -> Result<(), FibError> {
        self.commands.blocking_send(Command::Track { add, remove }).map_err(|_| FibError::Stopped)
    }

    /// Everything desired has been said once: adopted routes nobody desired may go now.
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub async fn converged(&self) -> Result<(), FibError> {
        self.send(Command::Converged).await
    }

    /// Replaces the rules for originated prefixes.
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub async fn reconfigure(&self, rules: OriginRules) -> Result<(), FibError> {
        self.send(Command::Reconfigure(rules)).await
    }

    /// Compares with the kernel now rather than at the next audit, and answers when that is done.
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub async fn audit(&self) -> Result<(), FibError> {
        let (done, wait) = oneshot::channel();
        self.send(Command::Audit(done)).await?;
        wait.await.map_err(|_| FibError::Stopped)
    }

    /// Answers after everything sent before has been taken in (not: installed).
    ///
    /// # Errors
    /// [`FibError::Stopped`].
    pub async fn snapshot(&self, query: SnapshotQuery) -> Result<FibSnapshot, FibError> {
        let (answer, wait) = oneshot::channel();
        self.send(Command::Snapshot { query, answer }).await?;
        wait.await.map_err(|_| FibError::Stopped)
    }

    /// Ends the task. `keep` leaves own routes in the kernel, otherwise all are removed first.
    ///
    /// # Errors
    /// [`FibError::Stopped`] if it had ended before.
    pub async fn shutdown(&self, keep: bool) -> Result<(), FibError> {
        let (done, wait) = oneshot::channel();
        self.send(Command::Shutdown { keep, done }).await?;
        wait.await.map_err(|_| FibError::Stopped)
    }

    async fn send(&self, command: Command) -> Result<(), FibError> {
        self.commands.send(command).await.map_err(|_| FibError::Stopped)
    }
}

#[derive(Debug)]
pub(crate) enum Command {
    Update(UpdateBatch),
    Track { add: Vec<NextHopRef>, remove: Vec<NextHopRef> },
    Converged,
    Reconfigure(OriginRules),
    Audit(oneshot::Sender<()>),
    Snapshot { query: SnapshotQuery, answer: oneshot::Sender<FibSnapshot> },
    Shutdown { keep: bool, done: oneshot::Sender<()> },
}

/// A batch is up to a few thousand routes; eight of them keep the task busy while another flush is made.
pub(crate) const COMMAND_QUEUE: usize = 8;
