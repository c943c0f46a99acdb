//! `GET /livez` and `/readyz`: for whoever restarts the daemon, and for whoever waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::api::{ApiError, DaemonState, ErrorCode, Status};
use super::backend::Backend;

/// Whether the loops turn: the supervisor and every shard have done something within this time.
///
/// # Errors
/// [`ErrorCode::Unavailable`] when they have not.
pub(super) async fn live<B: Backend>(backend: &B, within: Duration) -> Result<(), ApiError> {
    let late = |_| {
        let message = format!("supervisor and tables did not turn within {} ms", within.as_millis());
        ApiError::new(ErrorCode::Unavailable, message)
    };
    tokio::time::timeout(within, backend.turn()).await.map_err(late)?
}

/// Whether the daemon has come into service since it started. It stays so: what happens to other hosts
/// afterwards says nothing about this one.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    was: AtomicBool,
}

impl Readiness {
    /// # Errors
    /// [`ErrorCode::Unavailable`] with what is waited for.
    pub(super) async fn check<B: Backend>(&self, backend: &B) -> Result<(), ApiError> {
        let status = backend.status().await?;
        match missing(&status, self.was.load(Ordering::Relaxed)) {
            None => {
                self.was.store(true, Ordering::Relaxed);
                Ok(())
            }
            Some(why) => Err(ApiError::new(ErrorCode::Unavailable, format!("not ready: {why}"))),
        }
    }
}

fn missing(status: &Status, was_ready: bool) -> Option<String> {
    match status.state {
        DaemonState::Starting => return Some("starting".to_owned()),
        DaemonState::Converging => return Some("peers' first tables are waited for".to_owned()),
        DaemonState::Draining => return Some("on its way out".to_owned()),
        DaemonState::Ready => {}
    }
    let fib = &status.fib;
    if was_ready || !fib.enabled {
        return None;
    }
    if fib.deferring {
        return Some("the kernel's routes are not final yet".to_owned());
    }
    // Next hops that cannot be reached are other hosts' affair.
    let unwritten = fib.pending.saturating_sub(fib.unresolved);
    (unwritten > 0).then(|| format!("{unwritten} routes have yet to be written to the kernel"))
}

/// For a round through the supervisor and every shard. The longest work between two looks at a queue takes
/// milliseconds; beyond this, something hangs.
pub(super) const ROUND: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::fake;

    #[test]
    fn ready_when_the_kernel_has_caught_up_once_and_then_for_good() {
        let mut status = fake::status();
        assert_eq!(missing(&status, false), None);
        status.fib.pending = 3;
        assert_eq!(missing(&status, false).as_deref(), Some("3 routes have yet to be written to the kernel"));
        assert_eq!(missing(&status, true), None);
        // Another host died: its next hop does not resolve.
        status.fib.unresolved = 3;
        assert_eq!(missing(&status, false), None);
        status.fib.deferring = true;
        assert!(missing(&status, false).is_some());
        status.fib.enabled = false;
        assert_eq!(missing(&status, false), None);
    }

    #[test]
    fn never_ready_before_tables_are_known_nor_on_the_way_out() {
        for state in [DaemonState::Starting, DaemonState::Converging, DaemonState::Draining] {
            let status = Status { state, ..fake::status() };
            assert!(missing(&status, true).is_some(), "{state:?}");
        }
    }
}
