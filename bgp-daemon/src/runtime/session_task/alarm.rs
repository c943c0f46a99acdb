//! When the session wants to be called.

use std::future::pending;
use std::pin::Pin;
use std::time::Instant;

use tokio::time::Sleep;

/// A timer that is touched only when it would ring too late: hold timers move on with every read.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Sets or stops it.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        let Some(at) = at.map(tokio::time::Instant::from_std) else {
            self.sleep = None;
            return;
        };
        match &mut self.sleep {
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
            Some(sleep) if sleep.deadline() > at || sleep.is_elapsed() => sleep.as_mut().reset(at),
            Some(_) => {}
        }
    }

    /// May ring too early.
    pub(super) async fn ring(&mut self) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().await,
            None => pending().await,
        }
    }
}
