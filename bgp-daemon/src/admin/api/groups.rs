//! `GET /v1/groups`.

use serde::{Deserialize, Serialize};

/// Body of `GET /v1/groups`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Groups {
    /// Every update group.
    pub groups: Vec<Group>,
}

/// One update group: peers that are sent equal bytes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Group {
    /// Number, not stable over restarts.
    pub id: u32,
    /// Family.
    pub family: String,
    /// `external`, `client` or `non-client`.
    pub role: String,
    /// Names of the members.
    pub members: Vec<String>,
    /// Destinations in the group's Adj-RIB-Out.
    pub routes: u64,
    /// Octets in the frame log.
    pub log_bytes: u64,
    /// Bound of these.
    pub log_limit: u64,
    /// Octets the slowest attached member still has to send.
    pub lag_bytes: u64,
    /// Members that fell off the log and resynchronise.
    pub resyncing: u64,
    /// Resynchronisations since the group exists.
    pub resyncs: u64,
}
