//! What a kernel route is to this crate: a key, and where its packets go.
//!
//! Values here are normalised so that `==` means "the kernel would forward alike": next hops are sorted
//! and unique, a lone next hop has weight 1. Which daemon a route belongs to is not part of the value.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

/// The main routing table.
pub const TABLE_MAIN: u32 = 254;
/// The table that holds the host's own addresses.
pub const TABLE_LOCAL: u32 = 255;

/// What the kernel tells routes apart by, besides the protocol that owns them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RouteKey {
    /// Routing table; see [`TABLE_MAIN`].
    pub table: u32,
    /// Destination, host bits clear.
    pub prefix: IpNet,
    /// Kernel priority: the lowest wins. Never 0 for IPv6, where the kernel reads 0 as 1024.
    pub metric: u32,
}

impl RouteKey {
    /// Clears host bits and writes an IPv6 metric of 0 as the 1024 the kernel makes of it.
    pub fn new(table: u32, prefix: IpNet, metric: u32) -> Self {
        let metric = match prefix {
            IpNet::V6(_) if metric == 0 => IPV6_DEFAULT_METRIC,
            _ => metric,
        };
        Self { table, prefix: prefix.trunc(), metric }
    }
}

/// One way out of this host.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NextHop {
    /// Who forwards; `None` when the destination is on the link itself.
    pub gateway: Option<IpAddr>,
    /// Kernel index of the link.
    pub ifindex: u32,
    /// Believe that the gateway is on the link although no connected route says so.
    pub onlink: bool,
    /// Share of the flows among the next hops of a route, 1 to 256.
    pub weight: u16,
}

impl NextHop {
    /// A gateway on a link, weight 1.
    pub fn via(gateway: IpAddr, ifindex: u32) -> Self {
        Self { gateway: Some(gateway), ifindex, onlink: false, weight: 1 }
    }

    /// The link itself, weight 1.
    pub fn dev(ifindex: u32) -> Self {
        Self { gateway: None, ifindex, onlink: false, weight: 1 }
    }
}

/// The next hops of one route: at least one, sorted, without repeats.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NextHopSet(Box<[NextHop]>);

impl NextHopSet {
    /// Normalises `hops`; `None` when there is none.
    pub fn new(mut hops: Vec<NextHop>) -> Option<Self> {
        hops.sort_unstable();
        hops.dedup_by_key(|hop| (hop.gateway, hop.ifindex));
        match hops.as_mut_slice() {
            [] => return None,
            // The kernel does not keep the weight of a lone next hop.
            [only] => only.weight = 1,
            _ => {}
        }
        Some(Self(hops.into_boxed_slice()))
    }

    /// The next hops in order.
    pub fn as_slice(&self) -> &[NextHop] {
        &self.0
    }

    /// Whether any next hop leaves through `ifindex`.
    pub fn uses_link(&self, ifindex: u32) -> bool {
        self.0.iter().any(|hop| hop.ifindex == ifindex)
    }
}

impl From<NextHop> for NextHopSet {
    fn from(hop: NextHop) -> Self {
        Self(Box::new([NextHop { weight: 1, ..hop }]))
    }
}

/// What becomes of a packet for the route.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RouteKind {
    /// Forwarded by one of the next hops.
    Unicast(NextHopSet),
    /// Dropped without an error to the sender.
    Blackhole,
}

/// One route, owned or to be owned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FibRoute {
    /// Where it is.
    pub key: RouteKey,
    /// What it does; shared, because a million routes have a few dozen kinds.
    pub kind: Arc<RouteKind>,
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Unicast(set) = self else { return f.write_str("blackhole") };
        for (i, hop) in set.as_slice().iter().enumerate() {
            let sep = if i == 0 { "" } else { ", " };
            match hop.gateway {
                Some(gateway) => write!(f, "{sep}via {gateway} dev {}", hop.ifindex)?,
                None => write!(f, "{sep}dev {}", hop.ifindex)?,
            }
            if hop.onlink {
                f.write_str(" onlink")?;
            }
        }
        Ok(())
    }
}

/// The prefix that holds `addr` alone.
pub(crate) fn host_prefix(addr: IpAddr) -> IpNet {
    IpNet::from(addr)
}

/// Whether `addr` is meaningful on one link only.
pub(crate) fn is_link_local(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}

const IPV6_DEFAULT_METRIC: u32 = 1024;
