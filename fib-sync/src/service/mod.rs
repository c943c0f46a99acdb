//! The asynchronous task that owns the kernel's routes.

mod handle;
mod task;

use std::time::Instant;

use tokio::sync::mpsc;

use crate::config::FibConfig;
use crate::engine::Engine;
use crate::error::FibError;
use crate::event::FibEvent;
use crate::kernel::{Kernel, Netlink};
pub use handle::FibHandle;

/// Starts route synchronisation.
#[derive(Debug)]
pub struct FibSync;

impl FibSync {
    /// Opens the kernel of this network namespace and starts the task on the current tokio runtime.
    ///
    /// The receiver yields what the daemon must know, and ends when the task does. Not reading it loses
    /// nothing and stops nothing.
    ///
    /// # Errors
    /// [`FibError::Protocol`], [`FibError::NotPermitted`], [`FibError::Socket`].
    pub fn spawn(config: FibConfig) -> Result<(FibHandle, mpsc::Receiver<FibEvent>), FibError> {
        config.check()?;
        let kernel = Netlink::open(&config)?;
        Ok(Self::spawn_on(kernel, config))
    }

    /// [`Self::spawn`] on any kernel.
    pub fn spawn_on(kernel: impl Kernel, config: FibConfig) -> (FibHandle, mpsc::Receiver<FibEvent>) {
        let (commands, orders) = mpsc::channel(handle::COMMAND_QUEUE);
        let (events, told) = mpsc::channel(EVENT_QUEUE);
        let engine = Engine::new(config, Instant::now());
        tokio::spawn(task::Task::new(engine, kernel, orders, events).run());
        (FibHandle { commands }, told)
    }
}

/// Events merge while nobody reads, so a short queue is enough.
const EVENT_QUEUE: usize = 4;
