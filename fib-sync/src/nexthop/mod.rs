//! Whether and how a next hop can be reached, by the kernel's own routes.
//!
//! Routes with our protocol number take no part: a route must not resolve through itself, nor through
//! another one that would vanish with it.

pub mod resolver;
pub mod tracker;

use std::net::IpAddr;

use crate::route::NextHop;

/// A next hop as a routing protocol names it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NextHopRef {
    /// The address.
    pub addr: IpAddr,
    /// The link it is on. Required for link-local addresses; for others it says that the address is a
    /// direct neighbour on that link, whatever the routes say.
    pub ifindex: Option<u32>,
}

impl From<IpAddr> for NextHopRef {
    fn from(addr: IpAddr) -> Self {
        Self { addr, ifindex: None }
    }
}

/// What a protocol needs to know of a next hop to choose between routes.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Reachability {
    /// Packets can be sent to it. False for own addresses, which are nobody's next hop.
    pub reachable: bool,
    /// It is an address of this host.
    pub own: bool,
    /// It is a neighbour on a link, not behind a gateway.
    pub direct: bool,
    /// Kernel metric of the route that leads to it; 0 for a neighbour on a link.
    pub metric: u32,
    /// The link towards it, when there is exactly one.
    pub ifindex: Option<u32>,
}

/// How the kernel would reach a next hop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// No usable route, or one that drops.
    Unreachable,
    /// An address of this host.
    Own,
    /// Through these.
    Via {
        /// Next hops for a route that uses it, sorted.
        hops: Vec<NextHop>,
        /// Kernel metric of the route that leads to it; 0 when it is direct.
        metric: u32,
        /// It is a neighbour on a link.
        direct: bool,
    },
}

impl Resolution {
    /// The short form told to routing protocols.
    pub fn reachability(&self) -> Reachability {
        match self {
            Self::Unreachable => Reachability::default(),
            Self::Own => Reachability { own: true, ..Reachability::default() },
            Self::Via { hops, metric, direct } => {
                let ifindex = match hops.as_slice() {
                    [first, rest @ ..] if rest.iter().all(|h| h.ifindex == first.ifindex) => {
                        Some(first.ifindex)
                    }
                    _ => None,
                };
                Reachability { reachable: true, own: false, direct: *direct, metric: *metric, ifindex }
            }
        }
    }
}
