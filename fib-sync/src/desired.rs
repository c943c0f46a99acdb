//! What a routing protocol asks for, before next hops are resolved.

use ipnet::IpNet;

use crate::nexthop::NextHopRef;

/// What a routing protocol wants for a prefix.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DesiredRoute {
    /// Forward to these; the reachable ones are united.
    Via {
        /// Next hops as the protocol has them.
        next_hops: Vec<NextHopRef>,
        /// Mark gateways as being on the link although no connected route says so.
        onlink: bool,
    },
    /// Drop.
    Blackhole,
}

/// Changes to the desired routes; `None` withdraws.
pub type UpdateBatch = Vec<(IpNet, Option<DesiredRoute>)>;
