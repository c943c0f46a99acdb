//! Facts about links, addresses and routes, as dumps and events tell them.

use std::net::IpAddr;

use crate::route::{NextHop, NextHopSet, RouteKey, RouteKind};

/// One thing the kernel told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fact {
    /// A link exists in this state.
    Link(Link),
    /// A link is gone.
    LinkGone(u32),
    /// An address exists.
    Addr(SeenAddr),
    /// An address is gone.
    AddrGone(SeenAddr),
    /// A route exists. With `replace` it took the place of whatever had its key.
    Route {
        /// The route.
        route: SeenRoute,
        /// Others with the same key are gone.
        replace: bool,
    },
    /// A route is gone.
    RouteGone(SeenRoute),
    /// A next-hop object changed; routes using it may have gone without a word.
    NextHopObject,
    /// Events were lost.
    Overrun,
}

/// A network interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Kernel index.
    pub ifindex: u32,
    /// Name.
    pub name: Box<str>,
    /// Set up by the administrator.
    pub up: bool,
    /// The other end is there.
    pub carrier: bool,
}

impl Link {
    /// Packets sent here have a chance.
    pub fn usable(&self) -> bool {
        self.up && self.carrier
    }
}

/// An address on an interface.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SeenAddr {
    /// The interface.
    pub ifindex: u32,
    /// The host's own address.
    pub addr: IpAddr,
    /// Length of the prefix it comes with.
    pub len: u8,
}

/// What a kernel route does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SeenKind {
    /// Forwards.
    Unicast,
    /// Delivers to this host.
    Local,
    /// Drops silently.
    Blackhole,
    /// Anything else: broadcast, multicast, unreachable, prohibit, throw ...
    Other(u8),
}

/// One next hop of a kernel route.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SeenHop {
    /// Where to.
    pub hop: NextHop,
    /// The kernel does not use it.
    pub dead: bool,
}

/// A kernel route, anybody's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenRoute {
    /// Table, prefix, metric.
    pub key: RouteKey,
    /// Who made it (`RTPROT_*`).
    pub protocol: u8,
    /// `RT_SCOPE_*`; always 0 for IPv6.
    pub scope: u8,
    /// What it does.
    pub kind: SeenKind,
    /// Next hops; empty unless unicast or local.
    pub hops: Vec<SeenHop>,
    /// It refers to a next-hop object.
    pub object: bool,
}

impl SeenRoute {
    /// The value to compare with what is desired; `None` for one this crate would never write.
    pub fn as_kind(&self) -> Option<RouteKind> {
        match self.kind {
            SeenKind::Blackhole => Some(RouteKind::Blackhole),
            SeenKind::Unicast if !self.object => {
                NextHopSet::new(self.hops.iter().map(|h| h.hop).collect()).map(RouteKind::Unicast)
            }
            _ => None,
        }
    }

    /// The only next hop, when it has exactly one.
    pub fn lone_hop(&self) -> Option<&SeenHop> {
        match self.hops.as_slice() {
            [hop] => Some(hop),
            _ => None,
        }
    }
}
