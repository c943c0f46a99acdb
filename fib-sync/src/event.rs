//! What the rest of the program is told.

use ipnet::IpNet;

use crate::nexthop::{NextHopRef, Reachability};
use crate::origin::Origin;
use crate::status::RouteStatus;

/// What the task tells. Receivers may be slow: what piles up is merged, never queued.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FibEvent {
    /// The first comparison with the kernel is done; `routes` own routes were found and adopted.
    /// What is originated from the start was told before.
    Adopted {
        /// How many.
        routes: usize,
    },
    /// Tracked next hops whose reachability is new or changed. Each tracked one is told at least once.
    NextHopChanged(Vec<(NextHopRef, Reachability)>),
    /// Addresses of this host came or went since the start, on whatever interface.
    AddressesChanged,
    /// The set of originated prefixes changed.
    OriginsChanged {
        /// New, or with a new reason.
        added: Vec<Origin>,
        /// Gone.
        removed: Vec<IpNet>,
    },
    /// Routes whose standing in the kernel changed; only the last one per prefix.
    /// `Installed` is told only after something else was told.
    RouteStatus(Vec<(IpNet, RouteStatus)>),
}
