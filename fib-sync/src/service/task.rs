//! The loop between the engine, the kernel and the rest of the program.
//!
//! Neither a slow reader of events nor a slow kernel stops it: events merge in the engine until there is
//! room, and batches go out only as far as the kernel answers.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout_at};
use tracing::{error, info, warn};

use super::handle::Command;
use crate::engine::{Cause, Engine};
use crate::event::FibEvent;
use crate::kernel::{Kernel, KernelInput};

pub(super) struct Task<K> {
    engine: Engine,
    kernel: K,
    orders: mpsc::Receiver<Command>,
    events: mpsc::Sender<FibEvent>,
    audits: Vec<(u64, oneshot::Sender<()>)>,
}

enum Wake {
    Kernel(KernelInput),
    Order(Option<Command>),
    Told,
    Time,
}

enum Next {
    GoOn,
    Stop { keep: bool, done: Option<oneshot::Sender<()>> },
}

impl<K: Kernel> Task<K> {
    pub(super) fn new(
        engine: Engine,
        kernel: K,
        orders: mpsc::Receiver<Command>,
        events: mpsc::Sender<FibEvent>,
    ) -> Self {
        Self { engine, kernel, orders, events, audits: Vec::new() }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.drive();
            let next = match self.wake().await {
                Wake::Kernel(input) => self.take_in(input),
                Wake::Order(Some(command)) => self.obey(command),
                // Nobody can ask for anything any more: leave the kernel as it is.
                Wake::Order(None) => Next::Stop { keep: true, done: None },
                Wake::Told => Next::GoOn,
                Wake::Time => {
                    self.engine.timeout(Instant::now());
                    Next::GoOn
                }
            };
            if let Next::Stop { keep, done } = next {
                if !keep {
                    self.remove_everything().await;
                }
                if let Some(done) = done {
                    // The asker may have gone.
                    let _ = done.send(());
                }
                return;
            }
        }
    }

    /// Starts whatever the engine wants started.
    fn drive(&mut self) {
        if let Some(tables) = self.engine.poll_dump(Instant::now()) {
            self.kernel.dump(tables);
        }
        while let Some(batch) = self.engine.poll_batch() {
            self.kernel.submit(batch);
        }
        if self.events.is_closed() {
            while self.engine.poll_event().is_some() {}
        }
        let dumps = self.engine.dumps();
        for (_, done) in self.audits.extract_if(.., |(wanted, _)| *wanted <= dumps) {
            // The asker may have gone.
            let _ = done.send(());
        }
    }

    /// Every arm may be dropped without loss: receiving and reserving are cancel safe.
    async fn wake(&mut self) -> Wake {
        let deadline = self.engine.next_timeout().map(tokio::time::Instant::from_std);
        let has_events = self.engine.has_events();
        tokio::select! {
            biased;
            input = self.kernel.next() => Wake::Kernel(input),
            permit = self.events.reserve(), if has_events => {
                if let (Ok(permit), Some(event)) = (permit, self.engine.poll_event()) {
                    permit.send(event);
                }
                Wake::Told
            }
            command = self.orders.recv() => Wake::Order(command),
            () = at(deadline) => Wake::Time,
        }
    }

    fn take_in(&mut self, input: KernelInput) -> Next {
        match self.engine.input(input, Instant::now()) {
            Ok(()) => Next::GoOn,
            Err(error) => {
                error!(%error, "watching the kernel's routes failed; they stay as they are");
                Next::Stop { keep: true, done: None }
            }
        }
    }

    fn obey(&mut self, command: Command) -> Next {
        match command {
            Command::Update(batch) => self.engine.update(batch),
            Command::Track { add, remove } => self.engine.track(&add, &remove),
            Command::Converged => self.engine.converged(),
            Command::Reconfigure(rules) => self.engine.reconfigure(rules),
            Command::Audit(done) => {
                // One that runs already may have read what has changed since.
                let wanted = self.engine.dumps() + 1 + u64::from(self.engine.dumping());
                self.audits.push((wanted, done));
                self.engine.request_dump(Cause::Audit);
            }
            Command::Snapshot { query, answer } => {
                // The asker may have gone.
                let _ = answer.send(self.engine.snapshot(&query));
            }
            Command::Shutdown { keep, done } => return Next::Stop { keep, done: Some(done) },
        }
        Next::GoOn
    }

    async fn remove_everything(&mut self) {
        info!("removing own routes from the kernel");
        self.engine.retire();
        let patience = tokio::time::Instant::now() + PATIENCE;
        while !self.engine.idle() {
            self.drive();
            let Ok(input) = timeout_at(patience, self.kernel.next()).await else {
                warn!("own routes may be left in the kernel: it did not answer in time");
                return;
            };
            if let Next::Stop { .. } = self.take_in(input) {
                return;
            }
        }
    }
}

async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// A million routes go in a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);
