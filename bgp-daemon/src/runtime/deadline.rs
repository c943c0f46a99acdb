//! Waiting for a moment that may never come.

use std::future::pending;
use std::time::Instant;

/// Returns at `at`; never without one.
pub async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
