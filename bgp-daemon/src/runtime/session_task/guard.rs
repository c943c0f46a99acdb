//! A panic in a session's task ends that session only: the task starts over with a new one.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tracing::error;

use super::commands::CommandQueue;
use super::task::Task;
use super::{Egress, Ingest, Setup};

/// Pause after a panic, so that a peer that knows how to cause one cannot keep us busy with it.
const PENANCE: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(5) };

/// Runs the task of one peer to its end.
pub(super) async fn run<I: Ingest, E: Egress>(setup: Setup<I, E>, commands: CommandQueue) {
    let mut task = Task::new(setup, commands);
    while let Err(panic) = catch(task.run()).await {
        error!(peer = task.name(), panic = text(&*panic), "session task panicked, the session starts over");
        tokio::time::sleep(PENANCE).await;
        task.start_over();
    }
}

/// The output of `future`, or what it panicked with. A future that panicked is not polled again; what it
/// borrowed may be half changed and is for the caller to mend.
async fn catch<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown")
}
