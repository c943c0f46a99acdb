//! Kernel routes as a test sees and writes them.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// Routing protocol number of routes made by hand with `ip route` defaults, and by CNI plugins.
pub const BOOT: u8 = 3;
/// Routing protocol number of static routes.
pub const STATIC: u8 = 4;
/// Routing protocol number of BIRD.
pub const BIRD: u8 = 12;
/// Routing protocol number of FRR's zebra for BGP, and Peregrine's default.
pub const BGP: u8 = 186;
/// The main routing table.
pub const MAIN: u32 = 254;

/// What the kernel does with packets for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// Forwards or delivers on a link.
    Unicast,
    /// Drops silently.
    Blackhole,
    /// Answers with ICMP unreachable.
    Unreachable,
    /// Answers with ICMP prohibited.
    Prohibit,
    /// Any other kernel type number.
    Other(u8),
}

/// One way to go.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// Gateway, absent for destinations on the link.
    pub via: Option<IpAddr>,
    /// Link, by name.
    pub dev: Option<String>,
    /// Relative weight, from 1.
    pub weight: u16,
    /// The gateway is reached although no route covers it.
    pub onlink: bool,
    /// The kernel does not use it: its link is down.
    pub dead: bool,
}

/// One entry of a kernel routing table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelRoute {
    /// Table number; [`MAIN`] unless policy routing is used.
    pub table: u32,
    /// Destination.
    pub prefix: IpNet,
    /// Who made it, for instance [`BGP`].
    pub protocol: u8,
    /// Lower wins; IPv6 routes made without one have 1024.
    pub metric: u32,
    /// Scope: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// What happens to packets.
    pub kind: RouteKind,
    /// Next hops; empty unless unicast.
    pub hops: Vec<Hop>,
}

/// Matches routes with a next hop through `gateway`, for [`super::Host::wait_route`].
pub fn via(gateway: &str) -> impl Fn(&KernelRoute) -> bool + Clone + use<> {
    let gateway = gateway.parse().ok();
    move |route| gateway.is_some_and(|gateway| route.goes_via(gateway))
}

/// Matches every route.
#[must_use]
pub fn any(_: &KernelRoute) -> bool {
    true
}

impl KernelRoute {
    /// A unicast route in the main table with protocol [`BOOT`], as `ip route add` makes one.
    #[must_use]
    pub fn to(prefix: IpNet) -> Self {
        Self {
            table: MAIN,
            prefix: prefix.trunc(),
            protocol: BOOT,
            metric: 0,
            scope: 0,
            kind: RouteKind::Unicast,
            hops: Vec::new(),
        }
    }

    /// Adds a next hop through a gateway.
    #[must_use]
    pub fn via(mut self, gateway: IpAddr) -> Self {
        self.hops.push(Hop { via: Some(gateway), weight: 1, ..Hop::default() });
        self
    }

    /// Adds a next hop through a gateway on a link, reachable or not.
    #[must_use]
    pub fn via_onlink(mut self, gateway: IpAddr, dev: &str) -> Self {
        let hop = Hop { via: Some(gateway), dev: Some(dev.to_owned()), weight: 1, onlink: true, dead: false };
        self.hops.push(hop);
        self
    }

    /// Adds a next hop on the link itself.
    #[must_use]
    pub fn dev(mut self, dev: &str) -> Self {
        self.hops.push(Hop { dev: Some(dev.to_owned()), weight: 1, ..Hop::default() });
        self
    }

    /// Sets the routing protocol number.
    #[must_use]
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = protocol;
        self
    }

    /// Sets the metric.
    #[must_use]
    pub fn metric(mut self, metric: u32) -> Self {
        self.metric = metric;
        self
    }

    /// Sets the scope: 0 global, 253 link, 254 host.
    #[must_use]
    pub fn scope(mut self, scope: u8) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the table.
    #[must_use]
    pub fn table(mut self, table: u32) -> Self {
        self.table = table;
        self
    }

    /// Makes it drop packets, or answer them with an error.
    #[must_use]
    pub fn kind(mut self, kind: RouteKind) -> Self {
        self.kind = kind;
        self
    }

    /// Whether some next hop goes through `gateway`.
    #[must_use]
    pub fn goes_via(&self, gateway: IpAddr) -> bool {
        self.hops.iter().any(|hop| hop.via == Some(gateway))
    }

    /// Whether some next hop uses the link.
    #[must_use]
    pub fn goes_through(&self, dev: &str) -> bool {
        self.hops.iter().any(|hop| hop.dev.as_deref() == Some(dev))
    }
}

impl From<u8> for RouteKind {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Unicast,
            6 => Self::Blackhole,
            7 => Self::Unreachable,
            8 => Self::Prohibit,
            other => Self::Other(other),
        }
    }
}

impl From<RouteKind> for u8 {
    fn from(kind: RouteKind) -> Self {
        match kind {
            RouteKind::Unicast => 1,
            RouteKind::Blackhole => 6,
            RouteKind::Unreachable => 7,
            RouteKind::Prohibit => 8,
            RouteKind::Other(other) => other,
        }
    }
}

impl fmt::Display for KernelRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RouteKind::Unicast => {}
            RouteKind::Other(number) => write!(f, "type {number} ")?,
            kind => write!(f, "{} ", format!("{kind:?}").to_lowercase())?,
        }
        write!(f, "{}", self.prefix)?;
        for hop in &self.hops {
            let separator = if self.hops.len() > 1 { " nexthop" } else { "" };
            write!(f, "{separator}{hop}")?;
        }
        if self.table != MAIN {
            write!(f, " table {}", self.table)?;
        }
        write!(f, " proto {}", self.protocol)?;
        match self.scope {
            0 => {}
            253 => write!(f, " scope link")?,
            254 => write!(f, " scope host")?,
            other => write!(f, " scope {other}")?,
        }
        if self.metric > 0 {
            write!(f, " metric {}", self.metric)?;
        }
        Ok(())
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        if self.weight > 1 {
            write!(f, " weight {}", self.weight)?;
        }
        if self.onlink {
            write!(f, " onlink")?;
        }
        if self.dead {
            write!(f, " dead")?;
        }
        Ok(())
    }
}
