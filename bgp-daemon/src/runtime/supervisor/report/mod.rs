//! What operators are told.

mod fib;
mod groups;
mod memory;
mod peers;
mod routes;
mod status;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(super) use status::first_status;

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    ms(SystemTime::now())
}

fn ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970 of a moment in the past.
fn wall(moment: Instant) -> u64 {
    let ago: Duration = moment.elapsed();
    ms(SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH))
}
