//! `GET /v1/fib`: the kernel's side.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Kernel programming in numbers.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FibStatus {
    /// Whether the kernel is written at all.
    pub enabled: bool,
    /// Routes that should be in the kernel.
    pub desired: u64,
    /// Of these, the ones that are.
    pub programmed: u64,
    /// Waiting to be written, or for a next hop to resolve.
    pub pending: u64,
    /// Of these, the ones that wait for a next hop.
    pub unresolved: u64,
    /// Routes that differ from what is desired, no change being in flight.
    pub drift: u64,
    /// Refused by the kernel for good.
    pub failed: u64,
    /// Held by another daemon's route of the same key.
    pub conflicts: u64,
    /// Routes put right after something else changed them.
    pub repairs: u64,
    /// The same by how it was noticed.
    pub repairs_by: RepairCauses,
    /// Whole re-reads of the kernel's table.
    pub resyncs: u64,
    /// The same by cause.
    pub resyncs_by: ResyncCauses,
    /// Writes withheld until tables are complete after a restart.
    pub deferring: bool,
}

/// Repairs by how the damage was noticed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RepairCauses {
    /// The kernel told.
    pub event: u64,
    /// A comparison with the kernel's table found it.
    pub audit: u64,
}

/// Comparisons with the kernel's table by cause.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ResyncCauses {
    /// The kernel had more to tell than its socket holds.
    pub overrun: u64,
    /// Links, addresses or next hops changed.
    pub event: u64,
    /// The clock.
    pub audit: u64,
}

/// `GET /v1/fib`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FibReport {
    /// Numbers.
    pub fib: FibStatus,
    /// Routes whose kernel state differs from what is desired, at most [`FibReport::MAX`].
    pub differences: Vec<FibDifference>,
}

impl FibReport {
    /// Most differences in one reply; the numbers always count all.
    pub const MAX: usize = 1000;
}

/// One route that is not as it should be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FibDifference {
    /// Destination.
    #[cfg_attr(test, schemars(with = "String"))]
    pub prefix: IpNet,
    /// Table.
    pub table: u32,
    /// What is the matter.
    pub state: FibState,
    /// In words.
    pub detail: String,
}

/// Why a route differs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FibState {
    /// Not written yet.
    Pending,
    /// The next hop does not resolve.
    Unresolved,
    /// Refused by the kernel.
    Failed,
    /// Another daemon's route is in the way.
    Conflict,
}

impl FibState {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unresolved => "unresolved",
            Self::Failed => "failed",
            Self::Conflict => "conflict",
        }
    }
}
