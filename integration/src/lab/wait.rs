//! Waiting for the kernel, and watching it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use netlink_packet_route::RouteNetlinkMessage;

use super::error::{LabError, Result};
use super::host::Host;
use super::link::parse_net;
use super::netlink::{ALL_CHANGES, Heard, Monitor, ROUTE_CHANGES};
use super::report;
use super::route::KernelRoute;
use super::wire::SocketKind;

/// The kernel deletes some routes without a word, so tables are read again this often at least.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Host {
    /// Waits until the routes of the host satisfy `holds` and says how long that took.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the kernel tables and log tails of the lab.
    pub fn wait_until(
        &self,
        what: &str,
        timeout: Duration,
        mut holds: impl FnMut(&[KernelRoute]) -> bool,
    ) -> Result<Duration> {
        let started = Instant::now();
        let deadline = started + timeout;
        // Listen before looking, or a change between the two is missed.
        let mut monitor = Monitor::new(self.socket(SocketKind::Route { groups: ALL_CHANGES })?);
        let mut links = self.links()?;
        loop {
            let now = Instant::now();
            if holds(&self.routes_through(&links)?) {
                return Ok(now.duration_since(started));
            }
            if now >= deadline {
                return Err(self.timeout(what, timeout, String::new()));
            }
            let heard = monitor
                .next(deadline.min(now + LOOK_AGAIN))
                .and_then(|first| Ok(first.touches_links() | monitor.drain()?))
                .map_err(|error| self.refused("watching the kernel", error))?;
            if heard {
                links = self.links()?;
            }
        }
    }

    /// Waits for a route to exactly `prefix` that satisfies `wanted`.
    ///
    /// # Errors
    /// As [`Host::wait_until`], naming the routes to the prefix that were there instead.
    pub fn wait_route(
        &self,
        prefix: &str,
        mut wanted: impl FnMut(&KernelRoute) -> bool,
        timeout: Duration,
    ) -> Result<Duration> {
        let net = parse_net(prefix)?.trunc();
        let what = format!("a route to {net} as described");
        self.wait_until(&what, timeout, |routes| {
            routes.iter().any(|route| route.prefix == net && wanted(route))
        })
        .map_err(|error| self.name_routes(error, prefix))
    }

    /// Waits until there is no route to exactly `prefix`.
    ///
    /// # Errors
    /// As [`Host::wait_until`], naming the routes that stayed.
    pub fn wait_no_route(&self, prefix: &str, timeout: Duration) -> Result<Duration> {
        let net = parse_net(prefix)?.trunc();
        let what = format!("no route to {net}");
        self.wait_until(&what, timeout, |routes| routes.iter().all(|route| route.prefix != net))
            .map_err(|error| self.name_routes(error, prefix))
    }

    /// Polls anything until it gives a value: for what daemons say rather than kernels.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the last error of `attempt`, if it had one.
    pub fn poll<T>(
        &self,
        what: &str,
        timeout: Duration,
        mut attempt: impl FnMut() -> Result<Option<T>>,
    ) -> Result<(T, Duration)> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(2);
        loop {
            let seen = match attempt() {
                Ok(Some(value)) => return Ok((value, started.elapsed())),
                Ok(None) => String::new(),
                Err(error) => error.to_string(),
            };
            if started.elapsed() > timeout {
                return Err(self.timeout(what, timeout, seen));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Starts recording every route that appears or goes.
    ///
    /// # Errors
    /// When the host is gone.
    pub fn watch_routes(&self) -> Result<RouteWatch> {
        let kind = SocketKind::Route { groups: ROUTE_CHANGES };
        let mut monitor = Monitor::new(self.socket(kind)?);
        let shared = Arc::new(Recording::default());
        let (recording, host) = (Arc::clone(&shared), self.clone());
        let thread = thread::Builder::new()
            .name(format!("watch {}", self.name()))
            .spawn(move || record(&mut monitor, &recording, &host))
            .map_err(|error| self.refused("starting a thread", error))?;
        Ok(RouteWatch { recording: shared, thread: Some(thread) })
    }

    pub(crate) fn timeout(&self, what: &str, waited: Duration, seen: String) -> LabError {
        LabError::Timeout {
            host: self.name().to_owned(),
            what: what.to_owned(),
            waited,
            seen,
            report: report::whole(self.shared()),
        }
    }

    fn name_routes(&self, error: LabError, prefix: &str) -> LabError {
        match error {
            LabError::Timeout { host, what, waited, report, .. } => {
                let routes = self.routes_to(prefix).unwrap_or_default();
                let routes: Vec<_> = routes.iter().map(ToString::to_string).collect();
                let seen = if routes.is_empty() { "no such route".to_owned() } else { routes.join("; ") };
                LabError::Timeout { host, what, waited, seen, report }
            }
            other => other,
        }
    }
}

/// A route that appeared or went, as the kernel told it. It does not tell all: see [`Host::routes`]
/// for what is there.
#[derive(Clone, Debug)]
pub struct RouteChange {
    /// When it was heard.
    pub at: Instant,
    /// Appeared or was replaced (`true`), or went.
    pub added: bool,
    /// The route.
    pub route: KernelRoute,
}

impl fmt::Display for RouteChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.added { "+" } else { "-" }, self.route)
    }
}

/// A recording of route changes. Dropping it ends it.
pub struct RouteWatch {
    recording: Arc<Recording>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Recording {
    changes: Mutex<Vec<RouteChange>>,
    lost: AtomicBool,
    ended: AtomicBool,
}

impl RouteWatch {
    /// What was heard so far.
    #[must_use]
    pub fn changes(&self) -> Vec<RouteChange> {
        self.recording.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was heard so far about routes to exactly `prefix`.
    ///
    /// # Errors
    /// When the prefix is malformed.
    pub fn changes_to(&self, prefix: &str) -> Result<Vec<RouteChange>> {
        let prefix = parse_net(prefix)?.trunc();
        let mut changes = self.changes();
        changes.retain(|change| change.route.prefix == prefix);
        Ok(changes)
    }

    /// Whether there were more changes than could be recorded.
    #[must_use]
    pub fn overrun(&self) -> bool {
        self.recording.lost.load(Ordering::Relaxed)
    }
}

impl Drop for RouteWatch {
    fn drop(&mut self) {
        self.recording.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It fails only if it panicked; there is nothing left to end then.
            let _ = thread.join();
        }
    }
}

fn record(monitor: &mut Monitor, recording: &Recording, host: &Host) {
    let mut links = HashMap::new();
    while !recording.ended.load(Ordering::Relaxed) {
        match monitor.next(Instant::now() + LOOK_AGAIN) {
            Ok(Heard::Changes(messages)) => {
                let at = Instant::now();
                let mut changes = read_changes(at, &messages, &links);
                // Links come and go with containers; one that went stays nameless.
                if changes.iter().flat_map(|change| &change.route.hops).any(|hop| hop.dev.is_none()) {
                    links.extend(host.links().unwrap_or_default());
                    changes = read_changes(at, &messages, &links);
                }
                recording.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
            }
            Ok(Heard::Silence) => {}
            Ok(Heard::Overrun) => recording.lost.store(true, Ordering::Relaxed),
            Err(_) => return recording.lost.store(true, Ordering::Relaxed),
        }
    }
}

fn read_changes(
    at: Instant,
    messages: &[RouteNetlinkMessage],
    links: &HashMap<u32, String>,
) -> Vec<RouteChange> {
    let read = |message: &RouteNetlinkMessage| {
        let (added, message) = match message {
            RouteNetlinkMessage::NewRoute(message) => (true, message),
            RouteNetlinkMessage::DelRoute(message) => (false, message),
            _ => return None,
        };
        Some(RouteChange { at, added, route: KernelRoute::from_message(message, links)? })
    };
    messages.iter().filter_map(read).collect()
}
