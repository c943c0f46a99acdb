//! `GET /v1/status` and `/v1/config`.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::FibStatus;

/// Where the daemon is in its life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DaemonState {
    /// Configuration read, sockets being opened.
    Starting,
    /// Waiting for peers' first tables.
    Converging,
    /// In service.
    Ready,
    /// On its way out; peers have been asked to use other routes.
    Draining,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// Node name.
    pub name: String,
    /// `agent` or `reflector`.
    pub mode: String,
    /// Release of the running daemon.
    pub version: String,
    /// Phase of life.
    pub state: DaemonState,
    /// BGP identifier.
    pub router_id: Ipv4Addr,
    /// Autonomous system.
    pub asn: u32,
    /// Process id.
    pub pid: u32,
    /// When the process started, ms.
    pub started_at: u64,
    /// Seconds since then.
    pub uptime: u64,
    /// Milliseconds from the start until nothing was withheld for a restart any more; absent before.
    pub converged_after: Option<u64>,
    /// The configuration in force.
    pub config: ConfigStatus,
    /// Peers by condition.
    pub peers: PeerCounts,
    /// Tables, one entry a family.
    pub tables: Vec<TableCounts>,
    /// The kernel's side.
    pub fib: FibStatus,
    /// Bytes held, by component.
    pub memory: Vec<MemoryUse>,
    /// The same as the allocator counts it; absent where it does not.
    pub allocator: Option<AllocatorUse>,
    /// Resources that were skipped and other things an operator should look at.
    pub problems: Vec<String>,
}

/// Which configuration runs, and how the last attempt to change it went.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigStatus {
    /// File it was read from.
    pub path: String,
    /// Counts configurations put in force; 1 at start.
    pub revision: u64,
    /// When this one was put in force, ms.
    pub loaded_at: u64,
    /// Why the last reload was refused, if it was; the configuration before it stays.
    pub last_error: Option<String>,
    /// When that was, ms.
    pub last_error_at: Option<u64>,
}

/// Peers by condition.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PeerCounts {
    /// All of them.
    pub configured: usize,
    /// With an established session.
    pub established: usize,
    /// Kept down by an operator.
    pub shutdown: usize,
}

/// Size of one table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TableCounts {
    /// Such as `ipv4-unicast`.
    pub family: String,
    /// Destinations with at least one path.
    pub destinations: u64,
    /// Paths over all destinations.
    pub paths: u64,
    /// Destinations originated here.
    pub originated: u64,
}

/// Memory of one component.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MemoryUse {
    /// Such as `destinations`, `attributes`, `adj-rib-out`, `frame-log`; `accounted` is the sum of these,
    /// `resident` the whole process as the kernel counts it, and `other` what no component accounts for:
    /// sessions, configuration, code, free memory that the allocator keeps.
    pub component: String,
    /// Bytes.
    pub bytes: u64,
    /// Things held, where they can be counted; of `paths` the lists, as most only paths are in their
    /// destinations.
    pub items: Option<u64>,
    /// Bytes for each destination, as far as this component goes; absent without destinations.
    pub per_destination: Option<f64>,
    /// Bytes for each path, wherever it lies, as far as this component goes; absent without paths.
    pub per_path: Option<f64>,
}

/// Memory as the allocator counts it, bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AllocatorUse {
    /// In use by the program, each piece rounded up to a size the allocator hands out.
    pub allocated: u64,
    /// Pages with something in use in them.
    pub active: u64,
    /// What the allocator needs for itself.
    pub metadata: u64,
    /// Pages that are in memory: `active`, `metadata`, and free pages about to go back to the system.
    pub resident: u64,
    /// Addresses kept of pages that went back: not in memory.
    pub retained: u64,
}

/// `GET /v1/config`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigReport {
    /// Where it is from and since when.
    #[serde(flatten)]
    pub status: ConfigStatus,
    /// The effective configuration, every default applied, secrets as `***`.
    pub config: serde_json::Value,
}
