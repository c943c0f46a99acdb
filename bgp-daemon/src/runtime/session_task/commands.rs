//! The queue of commands to a task. Commands are boxed in it, because tokio's queues reserve room for 32 at
//! a time and an idle session should not pay for that.

use tokio::sync::mpsc;

use super::{Command, Gone};

/// Commands under way; the listener drops connections rather than wait, others wait.
const COMMANDS: usize = 16;

/// Sends to one task.
#[derive(Clone, Debug)]
pub struct CommandSender(mpsc::Sender<Box<Command>>);

/// The task's end.
#[derive(Debug)]
pub(super) struct CommandQueue(mpsc::Receiver<Box<Command>>);

pub(super) fn queue() -> (CommandSender, CommandQueue) {
    let (sender, receiver) = mpsc::channel(COMMANDS);
    (CommandSender(sender), CommandQueue(receiver))
}

impl CommandSender {
    /// Waits for room and sends.
    ///
    /// # Errors
    /// [`Gone`] if the task has ended.
    pub async fn send(&self, command: Command) -> Result<(), Gone> {
        self.0.send(Box::new(command)).await.map_err(|_| Gone)
    }

    /// Sends if there is room, and gives the command back if not.
    ///
    /// # Errors
    /// The command, if the queue is full or the task has ended.
    pub fn try_send(&self, command: Command) -> Result<(), Command> {
        self.0.try_send(Box::new(command)).map_err(|error| *error.into_inner())
    }
}

impl CommandQueue {
    /// The next command; `None` when all senders are gone. May be dropped and called again.
    pub(super) async fn recv(&mut self) -> Option<Command> {
        self.0.recv().await.map(|command| *command)
    }
}
