//! Next hops as NEXT_HOP and MP_REACH_NLRI carry them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a route says its packets should go.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NextHop {
    /// Four octets: NEXT_HOP, or MP_REACH_NLRI for AFI 1.
    V4(Ipv4Addr),
    /// Sixteen octets (RFC 2545); also for IPv4 routes with RFC 8950.
    V6(Ipv6Addr),
    /// Thirty-two octets: global and link-local address (RFC 2545 §3).
    V6WithLinkLocal {
        /// The global address.
        global: Ipv6Addr,
        /// The link-local address, valid on the link to the peer only.
        link_local: Ipv6Addr,
    },
}

impl NextHop {
    /// The address the decision process resolves: the global one where there are two.
    pub fn addr(self) -> IpAddr {
        match self {
            Self::V4(addr) => IpAddr::V4(addr),
            Self::V6(addr) | Self::V6WithLinkLocal { global: addr, .. } => IpAddr::V6(addr),
        }
    }

    /// Reads 4, 16 or 32 octets; `None` for any other length.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        if let Ok(v4) = <[u8; 4]>::try_from(octets) {
            return Some(Self::V4(v4.into()));
        }
        if let Ok(v6) = <[u8; 16]>::try_from(octets) {
            return Some(Self::V6(v6.into()));
        }
        let (global, link_local) = octets.split_first_chunk::<16>()?;
        let link_local = <[u8; 16]>::try_from(link_local).ok()?;
        Some(Self::V6WithLinkLocal { global: (*global).into(), link_local: link_local.into() })
    }

    /// The octets as in the attribute; the second value is how many count.
    pub fn octets(self) -> ([u8; 32], usize) {
        let mut out = [0; 32];
        let mut put = |at: usize, octets: &[u8]| {
            out.iter_mut().skip(at).zip(octets).for_each(|(to, from)| *to = *from);
            at + octets.len()
        };
        let len = match self {
            Self::V4(addr) => put(0, &addr.octets()),
            Self::V6(addr) => put(0, &addr.octets()),
            Self::V6WithLinkLocal { global, link_local } => {
                put(0, &global.octets());
                put(16, &link_local.octets())
            }
        };
        (out, len)
    }
}

impl From<IpAddr> for NextHop {
    fn from(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(addr) => Self::V4(addr),
            IpAddr::V6(addr) => Self::V6(addr),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.addr().fmt(f)
    }
}
