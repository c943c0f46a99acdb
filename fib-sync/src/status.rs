//! What the outside may ask about the routes, and what it is told.

use std::sync::Arc;

use ipnet::IpNet;

use crate::origin::Origin;
use crate::route::RouteKind;

/// How the kernel stands to one desired route.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RouteStatus {
    /// The kernel has it as desired.
    Installed,
    /// A change is queued, in flight, or waiting for its next attempt.
    Pending,
    /// Somebody else's route has the same table, prefix and metric; it is left alone.
    Conflict,
    /// None of its next hops can be reached.
    Unresolved,
    /// The kernel refuses it; tried again rarely.
    Failed(FailReason),
}

/// Why a route is not in the kernel although it was tried.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FailReason {
    /// The kernel's error number, positive (`errno(3)`).
    Errno(i32),
    /// An IPv6 prefix has an IPv4 next hop, which Linux cannot express.
    Family,
}

impl std::fmt::Display for FailReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Errno(code) => write!(f, "{}", std::io::Error::from_raw_os_error(*code)),
            Self::Family => f.write_str("an IPv6 prefix cannot have an IPv4 next hop"),
        }
    }
}

/// One route in a snapshot.
#[derive(Clone, Debug)]
pub struct RouteReport {
    /// Destination.
    pub prefix: IpNet,
    /// What should be there; `None` when nothing should, or no next hop resolves.
    pub desired: Option<Arc<RouteKind>>,
    /// What is there with our protocol number; `None` when nothing is.
    pub actual: Option<Arc<RouteKind>>,
    /// How they compare. An own route nobody desires is `Pending` its removal.
    pub status: RouteStatus,
}

/// Which routes a snapshot lists.
#[derive(Clone, Debug, Default)]
pub enum SnapshotQuery {
    /// Counters only.
    #[default]
    Counters,
    /// One prefix exactly.
    Exact(IpNet),
    /// A prefix and everything inside it.
    Within(IpNet),
    /// Everything that is not `Installed`.
    Differing,
    /// Everything. A million routes make a large answer.
    All,
}

/// Counts since start, and gauges.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Routes desired now.
    pub desired: u64,
    /// Own routes in the kernel now, as far as known.
    pub installed: u64,
    /// Routes about to be written, or tried again later. Removals and refusals are not among them.
    pub unwritten: u64,
    /// Own routes found when the task started.
    pub adopted: u64,
    /// Routes that differ now without a change in flight.
    pub drift: u64,
    /// Routes put right because somebody removed or changed them, learned from an event.
    pub repairs_event: u64,
    /// The same, learned from a comparison with the kernel.
    pub repairs_audit: u64,
    /// Routes with a foreign route at the same key, now.
    pub conflicts: u64,
    /// Desired routes without a reachable next hop, now.
    pub unresolved: u64,
    /// Routes the kernel refuses, now.
    pub failed: u64,
    /// Operations acknowledged.
    pub ops_ok: u64,
    /// Operations refused.
    pub ops_failed: u64,
    /// Full comparisons after an overrun of the event socket.
    pub resyncs_overrun: u64,
    /// Full comparisons after link, address or next-hop events.
    pub resyncs_event: u64,
    /// Full comparisons on the clock.
    pub resyncs_audit: u64,
}

/// The answer to a [`SnapshotQuery`].
#[derive(Clone, Debug, Default)]
pub struct FibSnapshot {
    /// The first comparison with the kernel has been made.
    pub synced: bool,
    /// [`crate::FibHandle::converged`] was called.
    pub converged: bool,
    /// Whether routes are written at all.
    pub program: bool,
    /// Counts.
    pub counters: Counters,
    /// What this host originates now.
    pub origins: Vec<Origin>,
    /// The routes asked for, in order of prefix.
    pub routes: Vec<RouteReport>,
}
