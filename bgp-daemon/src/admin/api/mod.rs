//! What the admin API says: the JSON types of every reply.
//!
//! Names are a promise to users' scripts: fields are added, never renamed, and [`SCHEMA`] is raised
//! when a meaning changes. Times are milliseconds since 1970 (UTC), durations whole seconds.

mod actions;
mod error;
mod fib;
mod groups;
mod peers;
mod routes;
mod status;

use serde::{Deserialize, Serialize};

pub use actions::{Direction, Disable, Done, Prefixes, Refresh};
pub use error::{ApiError, ErrorCode, Failure};
pub use fib::{FibDifference, FibReport, FibState, FibStatus, RepairCauses, ResyncCauses};
pub use groups::{Group, Groups};
pub use peers::{
    MessageCounts, Messages, Peer, PeerError, PeerFamily, PeerKind, PeerRestart, PeerSession, Peers,
    RestartState, SessionState,
};
pub use routes::{Attributes, ExplainedPath, ExplainedPeer, Explanation, Route, RouteFlags, Routes};
pub use status::{
    AllocatorUse, ConfigReport, ConfigStatus, DaemonState, MemoryUse, PeerCounts, Status, TableCounts,
};

/// Version of these types, in every reply as `schema`.
pub const SCHEMA: u32 = 1;

/// A reply: its fields beside `schema`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reply<T> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was asked for.
    #[serde(flatten)]
    pub body: T,
}

impl<T> Reply<T> {
    /// Wraps a body in the current schema.
    pub fn new(body: T) -> Self {
        Self { schema: SCHEMA, body }
    }
}
