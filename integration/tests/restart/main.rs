//! Restarts of every daemon of a network, watched in the kernels: what should stay never changes, and
//! what is gone goes when it should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod agent;
mod deferral;
mod helpers;
mod loss;
#[path = "../mesh/mod.rs"]
mod mesh;
mod reflector;

use std::time::{Duration, Instant};

use integration::lab::{BGP, RouteChange, RouteWatch, millis};
use mesh::{addresses, config, established, forgets, knows, prefixes, segment, start};

/// What a watch heard of learned routes, as lines such as `+ 10.60.1.3/32`, sorted.
fn learned(watch: &RouteWatch) -> Vec<String> {
    assert!(!watch.overrun(), "the recording of route changes has a gap");
    let mut lines: Vec<String> = watch
        .changes()
        .iter()
        .filter(|change| change.route.protocol == BGP)
        .map(|change| format!("{} {}", if change.added { "+" } else { "-" }, change.route.prefix))
        .collect();
    lines.sort();
    lines
}

fn heard(watch: &RouteWatch, prefix: &str) -> Vec<RouteChange> {
    let mut changes = watch.changes_to(prefix).unwrap();
    changes.retain(|change| change.route.protocol == BGP);
    changes
}

/// What must not happen later must have had the time to happen.
fn quiet() {
    std::thread::sleep(millis(700));
}

fn since(began: Instant, change: &RouteChange) -> Duration {
    change.at.saturating_duration_since(began)
}
